#!/usr/bin/perl

# How fast a check is: /check against `return 200` with the same body, in the
# same nginx, in turns. GET by wrk, HEAD by ab. A whole node is at work: probes,
# 100 throttle rules, recent apps, counters, Redis.

use warnings;
use strict;

use Sluice;
use Sluice::Bench;
use Sluice::Fleet;

my $ROUNDS = $ENV{ROUNDS} // 5;
my $SECONDS = $ENV{SECONDS} // 2;
my $PATH = '/check/bench/mysql/main1';

my $fleet = Sluice::Fleet->new(nodes => 1, workers => 1);
my $t = $fleet->node(0);
my $redis = '127.0.0.1:' . $t->port('redis');

for (1 .. 100) {
    $fleet->ask(0, "/throttle-app/app$_")->{status} == 200
        or die "throttling failed\n";
}
$t->nginx_stop;

sub start_nginx {
    my ($workers, $body) = @_;

    $t->nginx(<<"EOF");
%%MODULES%%
worker_processes $workers;
error_log %%DIR%%/error.log warn;
pid %%DIR%%/nginx.pid;
events { worker_connections 1024; }
sluice { state %%DIR%%/run/state; redis $redis; }
http {
    upstream sluiced { server unix:%%DIR%%/run/control.sock; }
    access_log off;
    keepalive_requests 100000000;
    server {
        listen 127.0.0.1:8080 reuseport;
        include %%CONF%%/nginx/freno.conf;
        location = /same { default_type application/json; return 200 '$body'; }
    }
}
EOF
}

sub wrk {
    my ($path) = @_;
    my $url = 'http://127.0.0.1:' . $t->port(8080) . $path;
    my $out = `wrk -t1 -c16 -d${SECONDS}s --latency $url 2>&1`;

    return undef if $out =~ /Non-2xx/;
    my ($rate) = $out =~ m{Requests/sec:\s+([\d.]+)};
    my ($p50) = $out =~ /50%\s+([\d.]+\S+)/;
    my ($p99) = $out =~ /99%\s+([\d.]+\S+)/;
    return { rate => $rate, p50 => $p50, p99 => $p99 };
}

sub ab {
    my ($path) = @_;
    my $url = 'http://127.0.0.1:' . $t->port(8080) . $path;
    my $out = `ab -q -k -i -c16 -t${SECONDS} -n 10000000 $url 2>&1`;

    my ($rate) = $out =~ m{Requests per second:\s+([\d.]+)};
    my ($p50) = $out =~ /^\s+50%\s+(\d+)/m;
    my ($p99) = $out =~ /^\s+99%\s+(\d+)/m;
    return { rate => $rate, p50 => "${p50}ms", p99 => "${p99}ms" };
}

# Runs the two in turns; the ratio is taken pair by pair.
sub compare {
    my ($title, $load) = @_;
    my (@check, @same, @ratio);

    for (1 .. $ROUNDS) {
        my $same = $load->('/same');
        my $check = $load->($PATH);

        push @check, $check;
        push @same, $same;
        push @ratio, $check->{rate} / $same->{rate};
    }
    my ($c) = sort { $b->{rate} <=> $a->{rate} } @check;
    my ($s) = sort { $b->{rate} <=> $a->{rate} } @same;
    row($title, sprintf('%.0f/s', median(map { $_->{rate} } @check)),
        sprintf('%.0f/s', median(map { $_->{rate} } @same)),
        sprintf('%.3f (%.3f-%.3f)', median(@ratio), spread(@ratio)),
        "$c->{p50} / $c->{p99}", "$s->{p50} / $s->{p99}");
}

start_nginx(1, 'x');
$t->wait_for('first 200', sub { $t->get(8080, $PATH)->{status} == 200 });
my $body = $t->get(8080, $PATH)->{body};
chomp $body;
$t->nginx_stop;

title('checks: GET by wrk, HEAD by ab, 16 connections, keep-alive, '
    . "$ROUNDS rounds of ${SECONDS}s in turns");
row('', 'check', 'return 200', 'ratio (min-max)', 'check p50/p99',
    'return p50/p99');
for my $workers (1, 4) {
    # The newline that ends freno's body.
    start_nginx($workers, "$body\\n");
    $t->wait_for('200', sub { $t->get(8080, $PATH)->{status} == 200 });
    compare("GET, $workers worker" . ($workers > 1 ? 's' : ''), \&wrk);
    compare("HEAD, $workers worker" . ($workers > 1 ? 's' : ''), \&ab);
    $t->nginx_stop;
}
print "\nbar: ratio >= 0.90\n";
