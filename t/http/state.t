#!/usr/bin/perl

# /sluice/status: where sessions go, and who is throttled. (Clusters and their
# hosts are as in /explain.)

use warnings;
use strict;

use JSON::PP;
use Test::More;

use Sluice;
use Sluice::Orders;
use Sluice::Redis;
use Sluice::State;
use Sluice::Tcp;

###############################################################################

my $t = Sluice->new;
my $one = tcp_server($t, 'one');
my ($true, $false) = (JSON::PP::true, JSON::PP::false);
my $hostile = '<img src=x onerror=alert(1)>"';

mkdir $t->dir . '/run';
my $redis = Sluice::Redis->start($t);
my $state = Sluice::State->new($t->dir . '/run/state',
    clusters => [{ name => 'main1' }], facts => { revision => 10, channel => 'chan' },
    throttles => [{ key => 'ruled', ratio => 0.5, expires => 61_500 },
        { key => 'ruled/main1' }, { key => 'gone', expires => -1 },
        { key => 'freed' }],
    routes => [
        { cluster => 'main1', active => 0, epoch => 7, reason => $hostile,
            changed_real_ms => Sluice::State::real_ms() - 5000, hosts => [
                { name => '127.0.0.1', port => $one->{port}, label => 'first',
                    text => 'writable', epoch => 3, lag => 0.25, age => 40 },
                { name => '::1', port => 3307, address => '', flags => [qw(replica
                    inactive drained)], text => 'read_only is ON' },
                { name => 'db3', flags => ['down'] }] },
        { cluster => 'other', traffic => 0, manual => 1, message => 'maintenance',
            traffic_real_ms => 1, hosts => [] }])->replace;
my $orders = Sluice::Orders->new($redis->address, revision => 10);

$t->nginx(<<"EOC");
%%MODULES%%
worker_processes 2;
error_log %%DIR%%/error.log info;
events { }
sluice {
    state %%DIR%%/run/state;
    max_age 30s;
    redis @{[ $redis->address ]};
}
http {
    access_log off;
    server {
        listen 127.0.0.1:8080;
        location / { sluice_status state; }
    }
}
stream {
    upstream main1 { sluice main1; }
    server { listen 127.0.0.1:8081; proxy_pass main1; }
}
EOC

sub page { return decode_json($t->get(8080, '/')->{body}) }

sub host { return page()->{Routes}{main1}{Hosts}[$_[0]] }

# Routes.
$t->wait_for('no session', sub { host(0)->{Sessions} == 0 });
my $routes = page()->{Routes};
my $main1 = $routes->{main1};
my $hosts = delete $main1->{Hosts};
my $age = delete $main1->{ChangedAgeMs};
cmp_ok($age, '>=', 5000, 'since when');
cmp_ok($age, '<', 65000, 'and not longer');
is_deeply($main1, { Epoch => 7, Reason => $hostile, Writers => $true,
    Traffic => $true, TrafficAgeMs => undef, Message => '',
    Mode => 'automatic' }, 'a route');
$age = delete $hosts->[0]{AgeMs};
cmp_ok($age, '>=', 40, 'how old');
delete $_->{AgeMs} for @$hosts;
is_deeply($hosts->[0], { Name => '127.0.0.1', Port => $one->{port},
    Address => '127.0.0.1', Label => 'first', Active => $true,
    Healthy => $true, Replica => $false, Inactive => $false, Operator => '',
    Epoch => 3, LagSeconds => 0.25, Sessions => 0, Text => 'writable' },
    'its active host');
is_deeply($hosts->[1], { Name => '::1', Port => 3307, Address => '',
    Label => '', Active => $false, Healthy => $false, Replica => $true,
    Inactive => $true, Operator => 'drained', Epoch => 1, LagSeconds => undef,
    Sessions => 0, Text => 'read_only is ON' }, 'one that is drained');
is($hosts->[2]{Operator}, 'down', 'one that is down');
$age = delete $routes->{other}{TrafficAgeMs};
cmp_ok($age, '>', 1_000_000_000_000, 'long ago');
is_deeply($routes->{other}, { Epoch => 1, ChangedAgeMs => undef, Reason => '',
    Writers => $false, Traffic => $false, Message => 'maintenance',
    Mode => 'manual', Hosts => [] }, 'a route of which nothing is good');

# Sessions of all workers.
my @sessions = map { my $s = tcp_client($t, 8081); tcp_line($s); $s } 1 .. 6;
ok($t->wait_for('six sessions', sub { host(0)->{Sessions} == 6 }), 'sessions');
close $_ for splice @sessions, 0, 2;
ok($t->wait_for('four', sub { host(0)->{Sessions} == 4 }), 'and their ends');

# Writers whose time is over.
my @routes = @{ $state->{routes} };
$state->publish_routes(routes => [{ %{ $routes[0] }, writers_for => -1 }])->ring;
ok($t->wait_for('over', sub { !page()->{Routes}{main1}{Writers} }),
    'no writers when their time is over');
ok(host(0)->{Active}, 'though the host is active');
is(page()->{Routes}{other}, undef, 'a route that is gone');
$state->publish_routes(routes => \@routes)->ring;

# Throttles.
sub throttles {
    return join ' ', map { "$_->{Key}=$_->{Ratio},"
        . ($_->{ExpiresInSeconds} // 'never') . ",$_->{From}" }
        sort { $a->{Key} cmp $b->{Key} } @{ page()->{Throttles} };
}

like(throttles(), qr{^freed=1,never,state\ ruled=0\.5,6[012],state
    \ ruled/main1=1,never,state$}x, 'rules that stand');
ok($t->wait_for('an order', sub {
    $orders->throttle('heard', ratio => 0.25, remaining => 30_000);
    throttles() =~ /\bheard=/ }), 'one that was only heard');
like(throttles(), qr/\bheard=0\.25,(29|30),redis\b/, 'as it was heard');
$orders->unthrottle('freed');
ok($t->wait_for('an end', sub { throttles() !~ /freed/ }),
    'one that is over, as was heard');
$orders->throttle('ruled', ratio => 0.75);
ok($t->wait_for('a change', sub { throttles() =~ /\bruled=0\.75,never,redis/ }),
    'one that was changed');
is(() = throttles() =~ /\bruled=/g, 1, 'is there once');

# Without a state what was said of routes stands.
$state->remove;
$t->wait_for('it is noticed', sub { page()->{Node}{NoState} });
is_deeply(page()->{Clusters}, {}, 'no state: no clusters');
is(host(0)->{Label}, 'first', 'but routes');

$t->expect_log(qr/sluice: /);
kill 'KILL', $one->{pid};
$t->done;
