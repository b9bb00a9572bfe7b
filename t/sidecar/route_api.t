#!/usr/bin/perl

# What operators say of routes, through nginx: another active host, traffic,
# by hand, hosts down and drained; Switchboard's PATCH; and wrong words.

use warnings;
use strict;

use DBI;
use JSON::PP;
use Test::More;

use Sluice;
use Sluice::Route;

###############################################################################

my $t = Sluice->new;
my @db = map { $t->mariadb } 1 .. 3;
my @at = map { '127.0.0.1:' . $_->port } @db;

$_->sql(q{create user 'app'@'%' identified by 'app'}) for @db;

sub conf {
    my (%more) = @_;

    return encode_json({ StateFile => $t->dir . '/run/state',
        RaftDataDir => $t->dir . '/raft',
        RaftBind => '127.0.0.1:' . $t->port('raft'),
        Stores => { MySQL => { User => 'probe', Password => 'probe',
            ThrottleThreshold => 1, MetricQuery => 'select 0.25',
            Clusters => {
                main1 => { StaticHostsSettings => { Hosts => \@at },
                    Routing => { Eligible => 'replication',
                        Priority => \@at, %more } },
                plain => { StaticHostsSettings => { Hosts => [$at[0]] } },
            } } } });
}

my $sluiced = $t->sluiced(conf());
$t->nginx(<<'EOC');
%%MODULES%%
worker_processes 2;
error_log %%DIR%%/error.log info;
pid %%DIR%%/nginx.pid;
events { }
sluice { state %%DIR%%/run/state; }
http {
    access_log off;
    upstream sluiced { server unix:%%DIR%%/run/control.sock; keepalive 8; }
    server {
        listen 127.0.0.1:8080;
        include %%CONF%%/nginx/route.conf;
        set $routed main1;
        include %%CONF%%/nginx/switchboard.conf;
    }
}
stream {
    upstream main1 { sluice main1; }
    server { listen 127.0.0.1:8081; proxy_pass main1; }
}
EOC

sub says {
    my ($what, $got, $status, $text) = @_;

    is($got->{status}, $status, "$what: $status") or diag($got->{body});
    like($got->{body}, $text, "$what: said");
    return;
}

sub told { return route_client($t, 8081) ? 'in' : DBI->errstr }

my $first = active_is($t, $at[0], 'the first');
my $S = '/route/main1';

# Another active host.
says('switch', post_form($t, "$S/switch", "host=$at[2]&reason=a+test"), 200, qr/"OK"/);
my $route = active_is($t, $at[2], 'switched');
is($route->{epoch}, $first->{epoch} + 1, 'another epoch');
is($route->{reason}, 'an operator switched to it: a test', 'the reason');
says('the same again', post_form($t, "$S/switch", "host=$at[2]"), 409,
    qr/is the active host/);
says('no such host', post_form($t, "$S/switch", 'host=db9:3306'), 409,
    qr/db9:3306 is no host of the cluster: write NAME:PORT/);
says('no host', post_form($t, "$S/switch", ''), 409, qr/ is no host of the cluster/);
$db[1]->sql('set global read_only = 1');
$t->wait_for('it is read-only', sub {
    grep { ($_->{text} // '') eq 'read_only is ON' } @{ route($t)->{hosts} } });
says('one that cannot', post_form($t, "$S/switch", "host=$at[1]"), 409,
    qr/cannot take writers: read_only is ON/);
$db[1]->sql('set global read_only = 0');
says('another field', post_form($t, "$S/switch", "hots=$at[1]"), 400, qr/hots/);
is($t->get(8080, "$S/switch?host=$at[0]")->{status}, 405, 'not by GET');
says('not routed', post_form($t, '/route/plain/switch', "host=$at[0]"), 404,
    qr/plain is no cluster whose sessions are routed/);
says('no such cluster', post_form($t, '/route/nosuch/traffic', 'trafficEnabled=1'), 404,
    qr/nosuch is no cluster/);

# Hosts down and drained.
says('drain', post_form($t, "$S/host", "host=$at[2]&state=drained"), 200, qr/OK/);
$route = active_is($t, $at[0], 'a drained host is left for another');
is($route->{reason}, "$at[2]: an operator drains it", 'said why');
says('down', post_form($t, "$S/host", "host=$at[0]&state=down"), 200, qr/OK/);
active_is($t, $at[1], 'one that is down, too');
says('down', post_form($t, "$S/host", "host=$at[1]&state=down"), 200, qr/OK/);
active_is($t, $at[2], 'a drained one is better than none');
says('down', post_form($t, "$S/host", "host=$at[2]&state=down"), 200, qr/OK/);
active_is($t, '', 'all are down');
is(scalar(grep { $_->{down} } @{ route($t)->{hosts} }), 3, 'which shows');
says('up', post_form($t, "$S/host", "host=$at[1]&state=up"), 200, qr/OK/);
active_is($t, $at[1], 'one is up');
says('up', post_form($t, "$S/host", "host=$_&state=up"), 200, qr/OK/) for @at[0, 2];
says('a state', post_form($t, "$S/host", "host=$at[0]&state=gone"), 400,
    qr/state: expected up, down or drained/);
says('a host', post_form($t, "$S/host", 'host=x&state=down'), 409,
    qr/host: no host of this cluster, expected NAME:PORT/);

# By hand: nobody moves, until told.
says('manual', post_form($t, "$S/mode", 'mode=manual'), 200, qr/OK/);
$t->wait_for('it shows', sub { route($t)->{manual} });
my $epoch = route($t)->{epoch};
$db[1]->kill;
$t->wait_for('it is seen', sub {
    grep { !$_->{healthy} } @{ route($t)->{hosts} } });
is(route($t)->{host}, $at[1], 'manual: a dead one stays');
is(route($t)->{epoch}, $epoch, 'in its epoch');
says('switch', post_form($t, "$S/switch", "host=$at[2]"), 200, qr/OK/);
active_is($t, $at[2], 'an operator moves it');
says('a mode', post_form($t, "$S/mode", 'mode=x'), 400, qr/mode: expected manual or/);
says('automatic', post_form($t, "$S/mode", 'mode=automatic'), 200, qr/OK/);

# Traffic.
says('off', post_form($t, "$S/traffic", 'trafficEnabled=false&message=schema+change'),
    200, qr/OK/);
$t->wait_for('nobody is let in', sub { told() =~ /schema change/ });
is(route($t)->{message}, 'schema change', 'the message');
says('off without a word', post_form($t, "$S/traffic", 'trafficEnabled=0'), 400,
    qr/message must not be empty/);
says('neither on nor off', post_form($t, "$S/traffic", 'trafficEnabled=maybe'), 400,
    qr/Failed to parse trafficEnabled/);
says('on', post_form($t, "$S/traffic", 'trafficEnabled=true'), 200, qr/OK/);
$t->wait_for('on', sub { told() eq 'in' });

# Switchboard's.
sub patch {
    my ($query, $form) = @_;

    return $t->get(8080, "/v0/cluster$query", method => 'PATCH',
        body => $form // '', headers => {
            'Content-Type' => 'application/x-www-form-urlencoded' });
}

my $got = patch('?trafficEnabled=f&message=a%3Cb');
is($got->{status}, 200, 'PATCH, by the query');
my ($port) = $at[2] =~ /(\d+)$/;
like($got->{body}, qr/^\{"activeBackend":\{"host":"127.0.0.1","port":$port,"name":"\Q$at[2]\E"\},"trafficEnabled":false,"message":"a\\u003cb","lastUpdated":"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"\}$/,
    'the cluster as it is now');
is($got->{headers}{'content-type'}, 'application/json; charset=utf-8', 'JSON');
$t->wait_for('off', sub { told() =~ /a<b/ });
for my $word (qw(1 t T TRUE true True)) {
    like(patch('', "trafficEnabled=$word")->{body},
        qr/"trafficEnabled":true,"message":""/, "on: $word");
}
for my $word (qw(0 f F FALSE false False)) {
    like(patch('', "trafficEnabled=$word&message=m")->{body},
        qr/"trafficEnabled":false,"message":"m"/, "off: $word");
}
is(patch('?trafficEnabled=1', 'trafficEnabled=0&message=body')->{status}, 200,
    'the body and the query');
$t->wait_for('the body wins', sub { route($t)->{message} eq 'body' });
$got = patch('?trafficEnabled=0');
is($got->{status}, 400, 'no message');
is($got->{body}, "message must not be empty\n", 'no message: said');
$got = patch('?message=x');
is("$got->{status} $got->{body}", "400 Failed to parse trafficEnabled\n",
    'no switch');
is(patch('?trafficEnabled=1')->{status}, 200, 'on again');

# All of it outlives sluiced.
patch('?trafficEnabled=0&message=kept');
post_form($t, "$S/host", "host=$at[0]&state=drained");
$epoch = route($t)->{epoch};
$sluiced->kill;
unlink $t->dir . '/run/state';
my $again = $t->sluiced(conf(), name => 'again');
$route = active_is($t, $at[2], 'after a restart');
is($route->{message}, 'kept', 'the switch');
is((grep { $_->{drained} } @{ $route->{hosts} })[0]{port}, $db[0]->port,
    'who is drained');
is($route->{epoch}, $epoch, 'the epoch');

# Switchboard's rule: a switch would not stay.
$again->kill;
my $third = $t->sluiced(conf(Choice => 'lowest-index'), name => 'third');
$t->wait_for('ready', sub { $third->log =~ /event=ready/ });
says('lowest-index', post_form($t, "$S/switch", "host=$at[0]"), 409,
    qr/it would not stay: make the mode manual first/);
$third->kill;
says('nobody is there', post_form($t, "$S/switch", "host=$at[0]"), 503,
    qr/sluiced is not there/);

$t->expect_log(qr/sluice: |upstream|stale|no state|forbidden/);
$t->done;
