#!/usr/bin/perl

# Three nodes with four workers each: a throttle given to any of them is
# refused by every worker of every node, with Redis, without it, with a frozen
# sluiced, after a reload, a dead worker and a node's restart.

use warnings;
use strict;

use JSON::PP;
use Test::More;

use Sluice;
use Sluice::Fleet;

###############################################################################

my $fleet = Sluice::Fleet->new(nodes => 3, workers => 4);
my $path = '/check/app/mysql/main1';

sub throttle {
    my ($i, $what) = @_;

    my $got = $fleet->ask($i, "/throttle-app/$what");
    is($got->{status}, 200, "node $i: throttle-app/$what")
        or diag($got->{body});
}

sub unthrottle {
    my ($i, $what) = @_;

    my $got = $fleet->ask($i, "/unthrottle-app/$what");
    is($got->{status}, 200, "node $i: unthrottle-app/$what")
        or diag($got->{body});
}

sub both_ways {
    my ($what, $i) = @_;

    throttle($i, 'app');
    ok($fleet->all_say("$what, throttled", $path, 417), "$what: 417 everywhere");
    unthrottle($i, 'app');
    ok($fleet->all_say("$what, unthrottled", $path, 200), "$what: 200 everywhere");
}

# From each node to all.
both_ways("by node $_", $_) for 0 .. 2;

# What is shown, and to whom it applies.
throttle(1, 'app/ttl/30/ratio/1?store_name=main1&owner=alice&reason=a%20long%20copy');
$fleet->all_say('one store', $path, 417);
is($fleet->ask(0, '/check/app/mysql/other')->{status}, 200,
    'another store is not meant');
is($fleet->ask(0, '/check/other/mysql/main1')->{status}, 200,
    'another app neither');
is($fleet->ask(2, $path)->{body},
    qq({"StatusCode":417,"Value":0,"Threshold":0,"Message":"App denied"}\n),
    'freno\'s body');
for my $i (0 .. 2) {
    my $list = $fleet->node(0)->wait_for("the list of node $i", sub {
        my $list = decode_json($fleet->ask($i, '/throttled-apps')->{body});
        $list->{'app/main1'} && $list;
    });
    is($list->{'app/main1'}{Ratio}, 1, "node $i lists the ratio");
    is($list->{'app/main1'}{Owner}, 'alice', "node $i lists the owner");
    is($list->{'app/main1'}{Reason}, 'a long copy', "node $i lists the reason");
    like($list->{'app/main1'}{ExpireAt}, qr/^20\d\d-/, "node $i lists the end");
}
unthrottle(0, 'app?store_name=main1');
$fleet->all_say('that ends too', $path, 200);

# A node whose sluiced is frozen hears by Redis.
$fleet->sluiced(2)->stop;
$fleet->settle($_) for 0, 1;
throttle(0, 'app');
ok($fleet->all_say('frozen sluiced', $path, 417), 'frozen sluiced: 417 everywhere');
unthrottle(1, 'app');
# Its data is old by now, and that is no reason to let a throttled app in.
$fleet->all_say('frozen sluiced', $path, 200, nodes => [0, 1]);
$fleet->node(2)->wait_for('no 417 with a frozen sluiced',
    sub { $fleet->ask(2, $path)->{status} != 417 });
$fleet->sluiced(2)->cont;
$fleet->all_say('thawed', $path, 200);
$fleet->settle(0);

# Reload, a dead worker, a node's restart: what was ordered stands.
throttle(0, 'app');
$fleet->all_say('before', $path, 417);
$fleet->node(0)->reload;
ok($fleet->all_say('after a reload', $path, 417), 'a reload forgets nothing');
$fleet->node(1)->kill_worker(($fleet->node(1)->nginx_workers)[0]);
$fleet->node(1)->wait_for('a new worker',
    sub { $fleet->node(1)->nginx_workers == 4 });
ok($fleet->all_say('after a dead worker', $path, 417), 'a dead worker neither');
$fleet->node(2)->nginx_stop;
$fleet->sluiced(2)->kill;
$fleet->start_sluiced(2);
$fleet->node(2)->nginx($fleet->nginx_conf(2));
ok($fleet->all_say('after a restart', $path, 417), 'a restarted node neither');
$fleet->settle(2);
unthrottle(2, 'app');
$fleet->all_say('unthrottled', $path, 200);

# Without Redis the store says the same, a little later.
$fleet->redis->kill;
both_ways('without Redis', 1);
$fleet->start_redis;
both_ways('Redis again', 2);

# A skipped host is left out at once, everywhere; both clusters have no other.
my $host = '127.0.0.1';
is($fleet->ask(1, "/skip-host/$host/ttl/5?owner=bob")->{status}, 200, 'skip');
ok($fleet->all_say('skipped', $path, 500), 'skipped: 500 everywhere');
like($fleet->ask(2, $path)->{body}, qr/No hosts found/, 'skipped: no hosts');
like($fleet->ask(0, '/skipped-hosts')->{body}, qr/"127\.0\.0\.1"/, 'listed');
is($fleet->ask(2, "/recover-host/$host")->{status}, 200, 'recover');
ok($fleet->all_say('recovered', $path, 200), 'recovered: 200 everywhere');

$fleet->done;
