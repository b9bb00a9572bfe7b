#!/usr/bin/perl

# How soon a check follows what happens to the database, to sluiced and to
# the machine, and what probing costs.

use warnings;
use strict;

use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(time sleep);

use Sluice;
use Sluice::Bench;

my $FLIPS = $ENV{FLIPS} // 60;
my $TRIES = $ENV{TRIES} // 10;
my $SECONDS = $ENV{SECONDS} // 10;
my $PATH = '/check/bench/mysql/main1';

my $t = Sluice->new;
my $db = $t->mariadb;

$db->sql('create table mysql.bench_value (v double)');
$db->sql('insert into mysql.bench_value values (0)');
$db->sql(q{grant select on mysql.bench_value to 'probe'@'%'});

my $conf = sprintf <<'EOF', $db->port;
{
  "Stores": { "MySQL": {
    "User": "probe", "Password": "probe", "Port": %d,
    "MetricQuery": "select v from mysql.bench_value", "ThrottleThreshold": 1,
    "Clusters": { "main1": { "StaticHostsSettings": { "Hosts": ["127.0.0.1"] } } }
  } }
}
EOF
my $sluiced = $t->sluiced($conf);

$t->nginx(<<'EOF');
%%MODULES%%
worker_processes 1;
error_log %%DIR%%/error.log warn;
pid %%DIR%%/nginx.pid;
events { }
sluice { state %%DIR%%/run/state; }
http {
    access_log off;
    keepalive_requests 100000000;
    server {
        listen 127.0.0.1:8080;
        location /check/ { sluice_check; }
    }
}
EOF

# One connection, kept: a check takes some 50 microseconds.
my $http;

sub check {
    $http //= IO::Socket::INET->new(
        PeerAddr => '127.0.0.1:' . $t->port(8080)) or die "connect: $!";
    $http->syswrite("HEAD $PATH HTTP/1.1\r\nHost: x\r\n\r\n");
    my $buf = '';
    until ($buf =~ /\r\n\r\n/) {
        IO::Select->new($http)->can_read(2) or die "nginx does not answer\n";
        $http->sysread($buf, 4096, length $buf) or die "nginx hung up\n";
    }
    return $buf =~ m{^HTTP/1.1 (\d+)} ? $1 : 0;
}

# Milliseconds until a check says (or, negated, no longer says) a status.
sub until_status {
    my ($since, $status, $negate, $limit) = @_;
    my $got;

    while (time - $since < ($limit // 20)) {
        $got = check() == $status;
        return 1000 * (time - $since) if $negate ? !$got : $got;
    }
    die "no " . ($negate ? 'end of ' : '') . "$status in time\n";
}

sub report {
    my ($what, $bar, @ms) = @_;

    row($what, sprintf('%.1f ms', median(@ms)),
        sprintf('%.1f ms', percentile(99, @ms)),
        sprintf('%.1f ms', (spread(@ms))[1]), $bar);
}

until_status(time, 200);
title("reaction: the database says so, a check says so ($FLIPS flips)");
row('', 'median', 'p99', 'max', 'bar');

my $dbh = $db->dbh;
my @flips;
for my $i (1 .. $FLIPS) {
    my $to = $i % 2 ? 5 : 0;

    # Not in step with the probes.
    sleep(0.06 + rand 0.05);
    $dbh->do("update mysql.bench_value set v = $to");
    push @flips, until_status(time, $to ? 429 : 200);
}
report('value -> status', 'median <= 30, max <= 66', @flips);

my @frozen;
for (1 .. $TRIES) {
    until_status(time, 200);
    sleep(rand 0.05);
    my $since = time;
    $db->stop;
    push @frozen, until_status($since, 200, 1);
    $db->cont;
}
until_status(time, 200);
report('mysqld frozen -> no 200', '<= 400', @frozen);

my @dead;
my @cold;
for (1 .. $TRIES) {
    until_status(time, 200);
    my $since = time;
    $sluiced->kill;
    push @dead, until_status($since, 200, 1);
    unlink $t->dir . '/run/state';
    # Nothing of the old state is left.
    until_status(time, 500);
    sleep 0.2;
    $since = time;
    $sluiced = $t->sluiced($conf);
    push @cold, until_status($since, 200);
}
report('sluiced killed -> no 200', '<= 1000 (max_age)', @dead);
report('exec of sluiced -> 200', '<= 250', @cold);

# What probing costs. Many host entries, few real servers.
$sluiced->kill;
my @servers = ($db, map {
    $t->mariadb(args => ['--max-connections=800', '--thread-handling=pool-of-threads'])
} 1 .. 2);
$db->sql('set global max_connections = 800');
for my $server (@servers[1, 2]) {
    $server->sql('create table mysql.bench_value (v double)');
    $server->sql('insert into mysql.bench_value values (0)');
    $server->sql(q{grant select on mysql.bench_value to 'probe'@'%'});
}

sub fleet {
    my ($hosts) = @_;
    my $per = @servers;
    my @clusters;

    for (my $n = 0; $n < $hosts; $n += $per) {
        my $last = $n + $per > $hosts ? $hosts - $n : $per;
        my $list = join ', ',
            map { '"127.0.0.1:' . $servers[$_]->port . '"' } 0 .. $last - 1;

        push @clusters,
            qq{"c$n": { "StaticHostsSettings": { "Hosts": [$list] } }};
    }
    return '{ "Stores": { "MySQL": { "User": "probe", "Password": "probe",'
        . ' "MetricQuery": "select v from mysql.bench_value",'
        . ' "ThrottleThreshold": 1, "Clusters": {'
        . join(",\n", @clusters) . '} } } }';
}

sub queries {
    my $sum = 0;

    for my $server (@servers) {
        my $row = $server->dbh->selectrow_arrayref(
            q{show global status like 'Com_select'});
        $sum += $row->[1];
    }
    return $sum;
}

title("probing: 20 probes a second and host, $SECONDS s each");
row('hosts', 'probes/s', 'of expected', 'CPU per probe', 'of a core', 'memory');
for my $hosts (1, 100, 1200) {
    my $s = $t->sluiced(fleet($hosts));
    my $log = $t->dir . '/sluiced.log';

    $t->wait_for('every host to answer', sub { $s->log =~ /event=ready/ }, 60);
    sleep 1;
    my ($cpu, $count, $since) = (cpu_seconds($s->pid), queries(), time);
    sleep $SECONDS;
    my $took = time - $since;
    $cpu = cpu_seconds($s->pid) - $cpu;
    $count = queries() - $count;
    row($hosts, sprintf('%.0f/s', $count / $took),
        sprintf('%.0f%%', 100 * $count / $took / $hosts / 20),
        sprintf('%.1f us', 1e6 * $cpu / ($count || 1)),
        sprintf('%.1f%%', 100 * $cpu / $took),
        sprintf('%.1f MB', rss_bytes($s->pid) / 1e6));
    $s->kill;
}
print "\nbars: <= 30 us per probe; memory <= 15 MB + 64 kB per host\n";
