#!/usr/bin/perl

# How soon a check follows what happens to the database, to sluiced and to
# the machine.

use warnings;
use strict;

use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(time sleep);

use Sluice;
use Sluice::Bench;

my $FLIPS = $ENV{FLIPS} // 60;
my $TRIES = $ENV{TRIES} // 10;
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
