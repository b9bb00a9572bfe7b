#!/usr/bin/perl

# The zone outlives workers and configurations: twenty reloads, a hundred
# workers killed at random moments, orders and new clients all the while.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(sleep);

use Sluice;
use Sluice::Orders;
use Sluice::Redis;
use Sluice::State;

###############################################################################

my $t = Sluice->new;

mkdir $t->dir . '/run';
my $redis = Sluice::Redis->start($t);
my $state = Sluice::State->new($t->dir . '/run/state',
    clusters => [map { { name => "c$_", value => 0.5 } } 0 .. 40],
    facts => { revision => 1, channel => 'chan' })->replace;
my $orders = Sluice::Orders->new($redis->address, revision => 1);

my $conf = <<"EOC";
%%MODULES%%
worker_processes 4;
error_log %%DIR%%/error.log notice;
events { }
sluice {
    state %%DIR%%/run/state;
    max_age 30s;
    zone 8m;
    redis @{[ $redis->address ]};
}
http {
    access_log off;
    keepalive_requests 100000;
    upstream sluiced { server unix:%%DIR%%/run/control.sock; }
    server {
        listen 127.0.0.1:8080;
        include %%CONF%%/nginx/freno.conf;
    }
}
EOC
$t->nginx($conf);
Sluice::Orders::wait_connected($t);

# what is to last

$orders->throttle('lasting');
$orders->throttle("kept$_") for 1 .. 50;
$t->get(8080, '/check/witness/mysql/c0') for 1 .. 10;
settles('lasting', 417, 'an order');

my $counted = counted('c0', 200);
my ($seen) = $t->get(8080, '/recent-apps')->{body} =~ /"witness\/[^}]*Epoch":(\d+)/;
for my $n (1 .. 20) {
    $t->reload;
    is(status('lasting'), 417, "reload $n: the order");
}
is(counted('c0', 200), $counted, 'counters after 20 reloads');
like($t->get(8080, '/recent-apps')->{body}, qr/"witness\/[^}]*Epoch":[@{[
    $seen - 1 ]}|$seen|@{[ $seen + 1 ]}]/, 'recent apps after 20 reloads');

# workers killed under load: new pairs, new clusters, orders

Sluice::Orders::wait_connected($t);
my $load = load();
for my $n (1 .. 100) {
    my @workers = Sluice::Orders::serving($t);
    my $victim = $workers[rand @workers] // next;

    sleep rand 0.03;
    $orders->say(map { $orders->text('throttle', 'storm' . int rand 500) }
        1 .. 20);
    $t->kill_worker($victim);
    $t->wait_for("worker instead of $n", sub {
        my @now = Sluice::Orders::serving($t);
        @now == 4 && !grep { $_ == $victim } @now });
}
kill 9, $load;
waitpid $load, 0;

Sluice::Orders::wait_connected($t);
is(status('lasting'), 417, 'the order after 100 kills');
is(join(' ', grep { status("kept$_") != 417 } 1 .. 50), '', 'all of them');
$orders->throttle('fresh');
settles('fresh', 417, 'orders are heard');
$orders->unthrottle('lasting');
settles('lasting', 200, 'and change what was there');
cmp_ok(counted('c0', 200), '>', $counted, 'counters go on');

my $body = $t->get(8080, '/recent-apps')->{body};
my @keys = $body =~ /"([^"]+)":\{"Checked/g;
my %once = map { $_ => 1 } @keys;
cmp_ok(scalar @keys, '<=', 10_000, 'recent apps are bounded');
is(scalar @keys, scalar keys %once, 'and each there once');
is(scalar(grep { !m{^(?:new\d+|load|witness|lasting|kept\d+|fresh|storm\d+)/127\.0\.0\.1$} }
    @keys), 0, 'and none in pieces');
my $all = $t->get(8080, '/sluice/counters')->{body};
my ($clusters) = $all =~ /"Checks":\{(.*)\},"UnknownClusters"/;
is(join(' ', grep { !/^c\d+$/ } $clusters =~ /"([^"]+)":\{/g), '',
    'no cluster in pieces');
is(scalar(my @clusters = $clusters =~ /"(c\d+)":\{/g), 41, 'and each once');

# another size is another zone, empty; the state file fills what it knows

$t->write_file('nginx.conf', $t->read_file('nginx.conf') =~ s/zone 8m/zone 2m/r);
$t->reload;
is(counted('c0', 200), '', 'another size begins anew');
$t->get(8080, '/check/a/mysql/c0');
is(counted('c0', 200), 1, 'and counts');

# the master takes the lock from the dead
$t->expect_log(qr/shared memory zone "sluice" was locked by/);
$t->done;

###############################################################################

sub status {
    my ($app) = @_;

    return $t->get(8080, "/check/$app/mysql/c0")->{status};
}

sub settles {
    my ($app, $status, $what) = @_;

    ok($t->wait_for($what, sub {
        !grep { status($app) != $status } 1 .. 12 }), $what);
}

sub counted {
    my ($cluster, $status) = @_;
    my ($n) = $t->get(8080, '/sluice/counters')->{body}
        =~ /"$cluster":\{[^}]*"$status":(\d+)/;

    return $n // '';
}

# A child that keeps all workers busy with pairs and clusters they do not know.

sub load {
    my $address = '127.0.0.1:' . $t->port(8080);
    my $child = fork // die "fork: $!";
    my $n = 0;

    return $child if $child;
    while (1) {
        my $text = join '', map { $n++;
            "HEAD /check/new$n/mysql/c@{[ $n % 41 ]} HTTP/1.1\r\nHost: a\r\n\r\n"
        } 1 .. 100;
        eval { Sluice::Http::http_raw($address,
            "${text}HEAD /check/load/mysql/c0 HTTP/1.0\r\n\r\n") };
    }
}
