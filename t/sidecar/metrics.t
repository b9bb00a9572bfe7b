#!/usr/bin/perl

# What a check is made of besides the cluster's own metric: further metrics
# by scope, thresholds of single apps, hosts far behind, HTTP checks of hosts;
# and what explains it.

use warnings;
use strict;

use JSON::PP;
use Test::More;

use Sluice;
use Sluice::Inventory;

###############################################################################

my $t = Sluice->new;
my $primary = $t->mariadb;
my $replica = $t->mariadb;
my ($p, $r) = map { '127.0.0.1:' . $_->port } $primary, $replica;

for my $db ($primary, $replica) {
    $db->sql(q{create user 'other'@'%' identified by 'probe'});
    $db->sql('create database app');
    $db->sql('create table app.m (name varchar(20) primary key, v double)');
    $db->sql(q{insert into app.m values ('lag', 0.25), ('threads', 5)});
    $db->sql(q{grant select on app.* to 'probe'@'%'});
}
$replica->sql('set global read_only = 1');

sub set_value {
    my ($db, $name, $value) = @_;

    $db->sql("replace into app.m values ('$name', $value)");
}

my $health = $t->dir . '/health';
$t->write_file('health', '200 OK');
my ($checked, $paths) = stand_in($t, 'health', sub {
    open my $fh, '<', $health or return '';
    my $status = <$fh>;

    return "HTTP/1.1 $status\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
});
my ($health_port) = $checked =~ /:(\d+)$/;

my %hosts = (StaticHostsSettings => { Hosts => [$p, $r] });
my $threads = "select v from app.m where name = 'threads'";
my $conf = {
    many => { %hosts, Metrics => {
        threads => { Query => $threads, Threshold => 50 },
        lag => { Scope => 'replicas' },
    } },
    primary => { %hosts, Metrics => {
        threads => { Query => $threads, Threshold => 50, Scope => 'primary' },
    } },
    replicas => { %hosts, Metrics => {
        threads => { Query => $threads, Threshold => 50, Scope => 'replicas' },
    } },
    broken => { %hosts, Metrics => {
        nosuch => { Query => 'select v from app.nosuch', Threshold => 1 },
    } },
    apps => { %hosts, Apps => { archive => { ThrottleThreshold => 0.1 } } },
    plain => { %hosts },
    # The same host and query, but for who asks; a cache is each cluster's own.
    mine => { %hosts, CacheMillis => 60000,
        MetricQuery => "select current_user() like 'probe%'" },
    theirs => { %hosts, CacheMillis => 60000, User => 'other',
        MetricQuery => "select current_user() like 'probe%'" },
    far => { %hosts, QuarantineLagSeconds => 100 },
    farther => { %hosts, QuarantineLagSeconds => 100,
        Metrics => { lag => { Scope => 'replicas' } } },
    http => { %hosts, HttpCheckPort => 0 + $health_port,
        HttpCheckPath => 'up' },
    shared => { %hosts, HttpCheckPort => 0 + $health_port,
        HttpCheckPath => 'up' },
};
my %more = (MetricQuery => "select v from app.m where name = 'lag'",
    Apps => { batch => { ThrottleThreshold => 5 },
        archive => { ThrottleThreshold => 5 } });
my $sluiced = start_sluiced($t, $conf, %more);
start_nginx($t);

sub check {
    my ($cluster, $query, $app) = @_;
    my $got = $t->get(8080, '/check/' . ($app // 'app') . "/mysql/$cluster"
        . ($query // ''));

    my $body = $got->{body} =~ /^\{/ ? decode_json($got->{body}) : {};

    return { %$body,
        status => $got->{status},
        metric => $got->{headers}{'sluice-metric'} };
}

sub becomes {
    my ($what, $want, @check) = @_;
    my $got;

    $t->wait_for("$what: $want", sub { ($got = check(@check))->{status} == $want })
        or diag(explain $got);
    is($got->{status}, $want, $what);
    return $got;
}

becomes("$_ is fine", 200, $_) for qw(many primary replicas apps plain far http);

is(check('mine')->{Value}, 1, 'a cached value of one user');
becomes('of another', 200, 'theirs');
is(check('theirs')->{Value}, 0, 'is another value');

sub reload {
    my (@more) = @_;

    $t->write_file('sluiced.json', encode_json({
        StateFile => $t->dir . '/run/state',
        Stores => { MySQL => { User => 'probe', Password => 'probe',
            ThrottleThreshold => 1, InventoryRefreshMillis => 100, %more,
            @more, Clusters => $conf } } }));
    $sluiced->hup;
}

# Further metrics.
my $got = becomes('a metric that fails', 500, 'broken');
like($got->{Message}, qr/^nosuch: Error 1146/, 'it is named');
becomes('the cluster\'s own alone', 200, 'broken', '?metric=lag');
becomes('one that is not there', 404, 'many', '?metric=nosuch');
set_value($primary, 'threads', 80);
$got = becomes('many threads on the primary', 429, 'many');
is($got->{Value}, 80, 'its value is shown');
is($got->{Threshold}, 50, 'and its threshold');
is($got->{metric}, 'threads', 'and its name');
becomes('scope primary', 429, 'primary');
is(check('replicas')->{status}, 200, 'scope replicas: not its business');
is(check('many', '?metric=lag')->{status}, 200, '?metric=lag');
is(check('many', '?metric=threads')->{status}, 429, '?metric=threads');
is(check('plain')->{status}, 200, 'other clusters');
set_value($primary, 'threads', 5);
set_value($replica, 'threads', 80);
becomes('many threads on the replica: scope replicas', 429, 'replicas');
becomes('scope primary', 200, 'primary');
set_value($replica, 'threads', 5);
becomes('calm again', 200, 'replicas');

# The roles change sides.
set_value($primary, 'threads', 80);
becomes('the primary is busy', 429, 'primary');
$primary->sql('set global read_only = 1');
$replica->sql('set global read_only = 0');
becomes('the other is primary now', 200, 'primary');
$primary->sql('set global read_only = 0');
$replica->sql('set global read_only = 1');
set_value($primary, 'threads', 5);
becomes('as it was', 200, 'primary');

# Lag of replicas only: the primary's value does not count.
set_value($primary, 'lag', 9);
becomes('the primary\'s own value, in all', 429, 'plain');
becomes('not where lag is of replicas', 200, 'many');
set_value($primary, 'lag', 0.25);
becomes('as it was', 200, 'plain');

# Thresholds of apps.
is(check('apps', '', 'archive')->{status}, 429, 'archive has 0.1 there');
is(check('apps', '', 'archive')->{Threshold}, 0.1, 'which is shown');
is(check('plain', '', 'archive')->{Threshold}, 5, 'and 5 elsewhere');
set_value($replica, 'lag', 3);
becomes('a lag of 3', 429, 'plain');
is(check('plain', '', 'batch')->{status}, 200, 'batch may');
is(check('apps', '', 'batch')->{status}, 200, 'there too');
is(check('plain', '', 'archive')->{status}, 200, 'archive may elsewhere');
set_value($replica, 'lag', 0.25);
becomes('as it was', 200, 'plain');

# Far behind.
set_value($replica, 'lag', 101);
becomes('far behind: nobody waits for it', 200, 'far');
becomes('where there is no such rule', 429, 'plain');
hosts_are($t, 'far', join(' ', sort $p, "$r!"), 'it is out');
my $why = decode_json($t->get(8080, '/explain/app/mysql/far')->{body});
my ($host) = grep { ($_->{Name} // $_->{Host}) . ":$_->{Port}" eq $r } @{ $why->{Cluster}{Hosts} };
is($host->{Excluded}, 'quarantined', 'explained')
    or diag(explain $why);
becomes('the only replica is no half of them', 429, 'farther');
hosts_are($t, 'farther', join(' ', sort $p, $r), 'it stays in');
set_value($replica, 'lag', 50);
hosts_are($t, 'far', join(' ', sort $p, "$r!"), 'not good enough yet');
reload(CacheMillis => 1);
hosts_are($t, 'far', join(' ', sort $p, "$r!"), 'not by being asked anew');
reload();
set_value($replica, 'lag', 0.5);
hosts_are($t, 'far', join(' ', sort $p, $r), 'it is in again');
like($sluiced->log, qr/event=host_quarantined cluster=far /, 'said');
like($sluiced->log, qr/event=host_out_of_quarantine cluster=far /, 'said too');
set_value($_, 'lag', 200) for $primary, $replica;
becomes('all far behind: that is no reason', 429, 'far');
set_value($_, 'lag', 0.25) for $primary, $replica;
becomes('as it was', 200, 'far');

# HTTP checks.
$t->write_file('health', '404 Not Found');
becomes('404: no host is left', 500, 'http');
is(check('http')->{Message}, 'No hosts found', 'and it says so');
becomes('the other cluster too', 500, 'shared');
is(check('plain')->{status}, 200, 'no check, no matter');
hosts_are($t, 'http', join(' ', sort "$p!", "$r!"), 'both are out');
$t->write_file('health', '503 Service Unavailable');
becomes('503 removes nobody', 200, 'http');
my $requests = do { open my $fh, '<', $paths or die; local $/; <$fh> };
like($requests, qr{^(/up\n)+$}, 'the path');

# A reload changes what is asked.
$conf->{many}{Metrics}{threads}{Threshold} = 4;
$conf->{http}{HttpCheckPort} = -1;
delete $conf->{broken}{Metrics};
reload(Apps => {});
becomes('reload: another threshold', 429, 'many');
becomes('reload: a metric less', 200, 'broken');
$t->wait_for('reload: apps', sub {
    check('plain', '', 'batch')->{Threshold} == 1;
});
is(check('plain', '', 'batch')->{Threshold}, 1, 'reload: no threshold for it');
is(check('apps', '', 'archive')->{Threshold}, 0.1, 'reload: its own stays');

# A restart refuses nobody: what was valid stands.
$sluiced->kill;
my $again = start_sluiced($t, $conf, %more);
my %seen;
$t->wait_for('ready', sub {
    $seen{check('replicas')->{status}}++;
    my $times = () = $again->log =~ /event=ready/g;

    $times == 2;
});
is_deeply([keys %seen], [200], 'restart: further metrics stand too');

$t->done;
