#!/usr/bin/perl

# What is committed is told to everybody through Redis: at once, each second a
# beat, and again after Redis was away, frozen or moved; garbage is counted.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time);

use Sluice;
use Sluice::Redis;

###############################################################################

my $t = Sluice->new;
my $redis = Sluice::Redis->start($t);
my @keys = (Domain => 'd/e', RedisAddress => $redis->address);
my ($one, $two) = map { Sluice::Fanout->start($t, $_, @keys) } qw(one two);

# Nothing before the store is known.
$one->say("throttle early 1");
$_->say('store s1 5') for $one, $two;
$_->wait_logged('redis_connected') for $one, $two;
is($one->last_event('store')->{channel}, 'sluice:d_e:s1', 'the channel');
is($one->logged('redis_connected', 'channel=sluice:d_e:s1'), 1,
    'connected: one line');

$one->say('throttle app/main1 6');
my $order = $two->wait_for('the order', sub { ($two->orders('throttle'))[0] });
is($order->{line} =~ s{^\d+ (.*)\n?}{$1}r, 'order kind=throttle revision=6 store=s1 '
    . 'key=app/main1 ratio=0.5 remaining=60000', 'the order as it was given');
$one->wait_for('its own order', sub { $one->orders('throttle') });
is(scalar $one->orders('throttle'), 1, 'its own order is heard too');

# A beat each second, with the revision reached.
my @beats;
$two->say('store s1 9');
$one->wait_for('beats', sub {
    (@beats = grep { $_->{revision} == 9 } $one->orders('beat')) >= 3;
});
my $gap = ($beats[2]{ms} - $beats[0]{ms}) / 2;
cmp_ok($gap, '>', 900, 'a beat each second');
cmp_ok($gap, '<', 1600, 'a beat each second, not less');

# All of a burst, in its order.
$one->say('burst 3000 100');
$two->wait_for('the burst', sub { (grep { $_->{key} =~ /^burst/ }
    $two->orders('throttle')) == 3000 }, 20);
is_deeply([map { $_->{revision} } grep { $_->{key} =~ /^burst/ }
    $two->orders('throttle')], [100 .. 3099], 'a burst of 3000, in order');

# Garbage.
my $heard = grep { $_->{kind} ne 'beat' } $two->events('order');
$redis->ask('publish', 'sluice:d_e:s1', $_) for 'garbage', '', 'x' x 5000,
    "sluice1 s1 7 throttle nan 0 a", "sluice1 other 7 throttle 1 0 a";
$redis->ask('publish', 'sluice:d_e:s1', 'sluice1 s1 7 unthrottle 0 0 fine');
$two->wait_for('what comes after the garbage', sub { $two->orders('unthrottle') });
is(scalar(grep { $_->{kind} ne 'beat' } $two->events('order')), $heard + 1,
    'garbage is not handed on');
is($two->logged('redis_garbage', 'count=1\b'), 1, 'and logged once a minute');

###############################################################################
# Redis goes and comes

$redis->kill;
$_->wait_logged('redis_unavailable', 'Connection refused') for $one, $two;
$one->say('throttle dropped 4000');
$redis->again;
$_->wait_logged('redis_connected', undef, 2) for $one, $two;
# Each has one line, or two where the end was seen before the refusal.
cmp_ok($one->logged('redis_unavailable'), '<=', 4, 'gone: no flood of lines');
$one->say('throttle after 4001');
$two->wait_for('an order again', sub {
    grep { $_->{key} eq 'after' } $two->orders('throttle');
});
ok(!(grep { $_->{key} eq 'dropped' } $two->orders('throttle')),
    'what was said while it was away is not said later');

# Frozen: nothing waits, all is said when it ends.
$redis->stop;
$one->say('throttle while_frozen 4002');
$_->wait_logged('redis_unavailable', 'has not answered for 3000 ms')
    for $one, $two;
pass('frozen: noticed');
$redis->cont;
$_->wait_logged('redis_connected', undef, 3) for $one, $two;
$one->say('throttle thawed 4003');
$two->wait_for('an order again', sub {
    grep { $_->{key} eq 'thawed' } $two->orders('throttle');
});
pass('thawed: orders again');

###############################################################################
# Another store, another configuration

$_->say('store s2 1') for $one, $two;
$_->wait_logged('redis_connected', 'channel=sluice:d_e:s2') for $one, $two;
$one->say('throttle other_store 2');
$two->wait_for('an order of the other store', sub {
    grep { $_->{store} eq 's2' } $two->orders('throttle');
});
pass('another store: another channel');

my $socket = Sluice::Fanout::conf($t, 'socket.json', Domain => 'd/e',
    RedisAddress => 'unix:' . $redis->socket);
$_->say("reload $socket") for $one, $two;
$_->wait_logged('redis_connected', 'address=unix:') for $one, $two;
$one->say('throttle by_socket 3');
$two->wait_for('an order by the unix socket', sub {
    grep { $_->{key} eq 'by_socket' } $two->orders('throttle');
});
pass('a reload to a unix socket');

my $none = Sluice::Fanout::conf($t, 'none.json', Domain => 'd/e');
$one->say("reload $none");
$one->say('store s2 4');
$one->wait_for('no channel', sub {
    ($one->last_event('store')->{channel} // '') eq '';
});
pass('a reload to no Redis');

is($_->logged('redis_slow'), 0, 'never slow') for $one, $two;

$t->done;
