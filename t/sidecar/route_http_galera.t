#!/usr/bin/perl

# Routes of a real Galera cluster of three by what sluice-agent says beside each
# node: donor, read-only, killed; an agent that is started anew moves nobody, one
# that is gone does, and so does one whose database is.

use warnings;
use strict;

use JSON::PP;
use MIME::Base64;
use Test::More;
use Time::HiRes qw(time sleep);

use Sluice;
use Sluice::Route;

###############################################################################

my $t = Sluice->new;
my $secret = 'Geh3im-for-nobody';
my $freeze_ms = 3000;
my @ip = map { "127.0.0.$_" } 1 .. 3;
my @db = $t->galera(3, { args => ['--bind-address=' . join ',', @ip] },
    q{create user 'app'@'%' identified by 'app'},
    q{create user 'agent'@'%' identified by 'agent'});
my @at = map { '127.0.0.1:' . $_->port } @db; # as route() and client_at() say
my %node = map { $at[$_] => $_ } 0 .. 2;
my $status_port = $t->port('status');

my @agents = map {
    $t->agent('health', encode_json({ Host => $ip[$_],
        Port => 0 + $status_port, AvailableWhenDonor => JSON::PP::false,
        DB => { Socket => $db[$_]->socket, User => 'agent',
            Password => 'agent' },
        SidecarEndpoint => { Username => 'sluice', Password => $secret,
            ProtectStatus => JSON::PP::true } }), name => "agent-$_");
} 0 .. 2;

my $sluiced = $t->sluiced(encode_json({ StateFile => $t->dir . '/run/state',
    RaftDataDir => $t->dir . '/raft',
    RaftBind => '127.0.0.1:' . $t->port('raft'),
    Stores => { MySQL => { User => 'probe', Password => 'probe',
        ThrottleThreshold => 1, MetricQuery => 'select 0.25',
        Clusters => { main1 => {
            StaticHostsSettings => { Hosts =>
                [map { "$ip[$_]:" . $db[$_]->port } 0 .. 2] },
            Routing => { Eligible => 'http', StatusPort => 0 + $status_port,
                StatusUser => 'sluice', StatusPassword => '${STATUS_PASSWORD}',
                FreezeMillis => $freeze_ms },
        } } } } }), env => { STATUS_PASSWORD => $secret });
$t->nginx(<<'EOC');
%%MODULES%%
worker_processes 1;
error_log %%DIR%%/error.log info;
pid %%DIR%%/nginx.pid;
events { }
sluice { state %%DIR%%/run/state; }
stream {
    upstream main1 { sluice main1; }
    upstream inactive { sluice main1 role=inactive; }
    server { listen 127.0.0.1:8081; proxy_pass main1; sluice_hold main1 20s; }
    server { listen 127.0.0.1:8082; proxy_pass inactive; }
}
EOC

sub healthy {
    my ($count, $what) = @_;

    ok($t->wait_for($what, sub {
        $count == grep { $_->{healthy} } @{ route($t)->{hosts} } }, 30), $what);
    return;
}

# Somebody else is active, and why, and how long that took.
sub moves {
    my ($what, $from, $why) = @_;
    my ($since, $route) = (time);

    $t->wait_for($what, sub {
        $route = route($t);
        $route->{host} ne '' && $route->{host} ne $from });
    note(sprintf '%s: %.0f ms', $what, 1000 * (time - $since));
    like($route->{reason}, $why, "$what: said why");
    isnt($route->{host}, $from, "$what: another is active");
    return $route->{host};
}

# Started, and sluiced has asked it: it is not silent any more.
sub start_agent {
    my ($host) = @_;
    my $at = "$ip[$node{$host}]:$status_port";
    my $auth = 'Basic ' . encode_base64("sluice:$secret", '');

    $agents[$node{$host}]->launch;
    $t->wait_for('the agent answers', sub {
        $t->get($at, '/', headers => [Authorization => $auth])->{status} == 200
    });
    sleep 0.5;
    return;
}

# Who is active is asked as 127.0.0.1, and named by its own address.
sub name_of { return "$ip[$node{$_[0]}]:" . $db[$node{$_[0]}]->port }

healthy(3, 'three nodes are healthy');
my ($first) = grep { $db[$node{$_}]->sql(
    q{show status like 'wsrep_local_index'})->[0]{Value} == 0 } @at;
my $active = active_is($t, $first, 'the lowest index is active')->{host};
is_deeply([sort map { $_->{text} } @{ route($t)->{hosts} }],
    [map { "healthy, index $_" } 0 .. 2], 'they say their indices');
my $writer = route_client($t, 8081);
is(client_at($writer), $active, 'writers go there');
my $report = route_client($t, 8082);
isnt(client_at($report), $active, 'reports go to another');

# A donor, which the agent's file does not want.
$db[$node{$active}]->sql('set global wsrep_desync = 1');
my $next = moves('a donor', $active, qr/^\Q${\name_of($active)}\E: it says unhealthy: Donor/);
is(client_at($writer), '', 'its sessions are cut');
$db[$node{$active}]->sql('set global wsrep_desync = 0');
healthy(3, 'it is back');
is(route($t)->{host}, $next, 'and does not take over');

# Read-only, which the agent says by its status only.
$active = $next;
$db[$node{$active}]->sql('set global read_only = 1');
$next = moves('read-only', $active, qr/: it says unhealthy: /);
$db[$node{$active}]->sql('set global read_only = 0');
healthy(3, 'it is back');

# The agent is started anew.
$active = $next;
$writer = route_client($t, 8081);
is(client_at($writer), $active, 'a writer');
my $epoch = route($t)->{epoch};
my $agent = $agents[$node{$active}];
is($agent->term, 0, 'the agent ends');
start_agent($active);
healthy(3, 'all are still healthy');
is(route($t)->{epoch}, $epoch, 'an agent that is started anew moves nobody');
is(client_at($writer), $active, 'nor cuts anybody');

# The agent is gone.
my $since = time;
$agent->kill;
$next = moves('no agent', $active, qr/: silent for $freeze_ms ms: .*refused/);
cmp_ok(time - $since, '>', $freeze_ms / 1000 - 0.5, 'not before FreezeMillis');
is(client_at($writer), '', 'its sessions are cut');
start_agent($active);
healthy(3, 'it is back');
is(route($t)->{host}, $next, 'and does not take over');

# The database is gone.
$active = $next;
$writer = route_client($t, 8081);
is(client_at($writer), $active, 'a writer');
$since = time;
$db[$node{$active}]->kill;
$next = moves('killed', $active, qr/: (dial tcp .*refused|it answered 503)/);
cmp_ok(time - $since, '<', $freeze_ms / 1000, 'before FreezeMillis');
is(client_at(route_client($t, 8081)), $next, 'writers go there');

# The majority is lost: the last one must not.
my ($last) = grep { $_ ne $active && $_ ne $next } @at;
$db[$node{$next}]->kill;
my $route;
$t->wait_for('nobody is active', sub {
    ($route = route($t))->{host} eq ''
        && grep { $_->{text} =~ /it answered 503: |it says unhealthy/ }
            @{ $route->{hosts} };
}, 30);
is($route->{host}, '', 'without a majority nobody is active');

unlike($sluiced->log, qr/\Q$secret\E/, 'no password in the log');
$_ && $_->disconnect for $report, $writer;
$t->expect_log(qr/sluice: |upstream/);
$t->done;
