#!/usr/bin/perl

# What Sluice takes of MySQL's speed: sessions to one MariaDB through the same
# nginx, by a stock proxy_pass and by the active host of a cluster, and through
# HAProxy, in turns. Point selects on open sessions; and sessions of one query.

use warnings;
use strict;

use File::Basename qw(dirname);
use JSON::PP;

use Sluice;
use Sluice::Bench;
use Sluice::Route;

my $ROUNDS = $ENV{ROUNDS} // 9;
my $TURN = $ENV{TURN} // 2;
my $THREADS = $ENV{THREADS} // 16;
my @WORKERS = split ' ', $ENV{WORKERS} // '1 2';
my $ROWS = 10_000;

my $t = Sluice->new;

machine(qw(nginx haproxy mariadbd sysbench));

my $db = $t->mariadb(args => ['--max-connections=400']);
$db->sql('create database app', q{create user 'app'@'%' identified by 'app'},
    q{grant all on app.* to 'app'@'%'});
$t->sluiced(encode_json({ StateFile => $t->dir . '/run/state',
    RaftDataDir => $t->dir . '/raft',
    RaftBind => '127.0.0.1:' . $t->port('raft'),
    Stores => { MySQL => { User => 'probe', Password => 'probe',
        ThrottleThreshold => 1, MetricQuery => 'select 0.25',
        Clusters => { main1 => {
            StaticHostsSettings => { Hosts => [$db->address] },
            Routing => { Eligible => 'replication' } } } } } }));

# The ways, and the port of each: where stock nginx and Sluice differ is
# proxy_pass alone.
my @ways = ('direct', 'nginx stream', 'HAProxy', 'Sluice');
my %port = (direct => $db->port, 'nginx stream' => $t->port(8081),
    HAProxy => $t->port(8082), Sluice => $t->port(8083));

sub start_proxies {
    my ($workers) = @_;

    $t->nginx(<<"EOC");
%%MODULES%%
worker_processes $workers;
error_log %%DIR%%/error.log warn;
pid %%DIR%%/nginx.pid;
events { worker_connections 1024; }
sluice { state %%DIR%%/run/state; }
stream {
    upstream main1 { sluice main1; }
    upstream stock { server 127.0.0.1:$port{direct}; }
    server { listen 127.0.0.1:8081; proxy_pass stock; }
    server { listen 127.0.0.1:8083; proxy_pass main1; sluice_hold main1 10s; }
}
EOC
    $t->write_file('haproxy.cfg', <<"EOC");
global
    nbthread $workers
    maxconn 1024
defaults
    mode tcp
    timeout connect 5s
    timeout client 1m
    timeout server 1m
listen main1
    bind 127.0.0.1:8082
    server one 127.0.0.1:$port{direct}
EOC
    my $haproxy = $t->spawn('haproxy', 'haproxy', '-db', '-f',
        $t->dir . '/haproxy.cfg');

    settles('both proxies', sub {
        3 == grep { client_at(route_client($t, $_)) } 8081 .. 8083;
    });
    return $haproxy;
}

sub sysbench {
    my ($port, @words) = @_;
    my $out = join ' ', 'sysbench', "--threads=$THREADS", "--time=$TURN",
        '--percentile=99', '--db-driver=mysql', '--mysql-host=127.0.0.1',
        "--mysql-port=$port", '--mysql-user=app', '--mysql-password=app',
        '--mysql-db=app', @words, '2>&1';

    $out = `$out`;
    die "sysbench: $out\n" if $?;
    return $out;
}

# One turn: how many a second, and the 99th percentile in ms.
sub turn {
    my ($port, @words) = @_;
    my $out = sysbench($port, @words, 'run');
    my ($rate) = $out =~ /transactions:\s+\d+\s+\(([\d.]+) per sec/
        or die "sysbench: $out\n";
    my ($p99) = $out =~ /99th percentile:\s+([\d.]+)/;

    return { rate => $rate, p99 => $p99 };
}

sub ratios {
    my ($what, $sluice, $peer) = @_;

    return map { $sluice->[$_]{$what} / ($peer->[$_]{$what} || 1e-9) }
        0 .. $#$peer;
}

# Ratios are taken round by round.
sub compare {
    my ($title, @words) = @_;
    my %got;
    my %bar = ('nginx stream' => 0.97, HAProxy => 1);

    title($title);
    row('', 'a second', 'p99', 'Sluice: rate (min-max)', 'Sluice: p99', 'bar');
    for my $round (1 .. $ROUNDS) {
        # Nobody is always the one after the same other.
        for my $way ($round % 2 ? @ways : reverse @ways) {
            push @{ $got{$way} }, turn($port{$way}, @words);
        }
    }
    for my $way (@ways) {
        my @rate = ratios('rate', $got{Sluice}, $got{$way});
        my @p99 = ratios('p99', $got{Sluice}, $got{$way});
        my $ratio = sprintf '%.3f', median(@rate);
        my @shown = $way eq 'Sluice' ? () : (
            sprintf('x %s (%.3f-%.3f)', $ratio, spread(@rate)),
            sprintf('x %.2f', median(@p99)));
        push @shown, sprintf('rate >= %.2f: %s', $bar{$way},
            holds($ratio >= $bar{$way})) if $bar{$way};

        row($way, sprintf('%.0f', median(map { $_->{rate} } @{ $got{$way} })),
            sprintf('%.2f ms', median(map { $_->{p99} } @{ $got{$way} })),
            @shown);
    }
}

sysbench($port{direct}, "--table-size=$ROWS", 'oltp_point_select', 'prepare');

my $lua = dirname(__FILE__) . '/connects.lua';
for my $workers (@WORKERS) {
    my $haproxy = start_proxies($workers);
    my $of = "$THREADS clients, $workers worker" . ($workers > 1 ? 's' : '')
        . " (of HAProxy: threads), $ROUNDS rounds of ${TURN}s in turns";

    compare("point selects: $of", "--table-size=$ROWS", 'oltp_point_select');
    compare("sessions of one query each: $of", $lua);
    $haproxy->kill;
    $t->nginx_stop;
}
