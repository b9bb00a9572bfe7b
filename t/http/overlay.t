#!/usr/bin/perl

# Orders heard from Redis against the facts in the state file: which of the two
# is newer is a matter of revisions, never of who was heard last.

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
    clusters => [{ name => 'c', value => 0.5 }],
    facts => { revision => 10, channel => 'chan' },
    throttles => [{ key => 'ruled' }])->replace;
my $orders = Sluice::Orders->new($redis->address, revision => 10);

my $conf = <<"EOC";
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
        include %%CONF%%/nginx/freno.conf;
    }
}
EOC
$t->nginx($conf);
Sluice::Orders::wait_connected($t);

# an order counts at once, in every worker

is(($orders->throttle('a'))[0], 2, 'both workers listen');
denied('a', 'a throttle');
$orders->unthrottle('a');
allowed('a', 'an unthrottle');
$orders->throttle('a/c');
denied('a', 'a throttle of app/cluster');
$orders->throttle('a/c', ratio => 0);
allowed('a', 'ratio 0');
$orders->throttle('a b', remaining => 0);
denied('a%20b', 'a key with a blank');

# an unthrottle is a tombstone over the facts

denied('ruled', 'in the facts');
$orders->unthrottle('ruled');
allowed('ruled', 'unthrottled while the facts still say it');
$orders->throttle('ruled', ratio => 0);
allowed('ruled', 'another ratio than the facts say');

# what is older is ignored: than what is held, than the facts

$orders->throttle('b', revision => 30);
denied('b', 'revision 30');
$orders->unthrottle('b', revision => 29);
$orders->unthrottle('b', revision => 30);
still_denied('b', 'revisions 29 and 30 after 30');
$orders->unthrottle('b', revision => 31);
allowed('b', 'revision 31');
$orders->throttle('b', revision => 30);
$orders->throttle('never', revision => 10);
$orders->throttle('never', revision => 9);
$orders->{revision} = 39;
$orders->throttle('mark');
denied('mark', 'a later order was heard');
still_allowed('b', 'a repeated older throttle');
still_allowed('never', 'revisions that the facts know');

# the facts catch up: what they know is theirs to say

$state->publish_rules(facts => { revision => 40, channel => 'chan' },
    throttles => [{ key => 'ruled' }]);
denied('ruled', 'facts of revision 40 know better than order 39');
allowed('mark', 'and that an order is no more');
$state->publish_rules(facts => { revision => 39, channel => 'chan' });
denied('mark', 'facts of revision 39 do not');
$orders->throttle('late', revision => 45);
$state->publish_rules(facts => { revision => 44, channel => 'chan' });
denied('late', 'facts one revision behind the order');
$state->publish_rules(facts => { revision => 45, channel => 'chan' });
allowed('late', 'facts of its revision');

# an order that was never committed lasts as long as nobody knows, and 5 s of
# facts going on: facts_ms is the begin of a read

$orders->{revision} = 50;
$orders->throttle('unconfirmed');
denied('unconfirmed', 'heard');
my $heard = Sluice::State::mono_ms();
$state->publish_rules(facts => { revision => 45, channel => 'chan',
    read => -4500 });
still_denied('unconfirmed', 'facts read 4.5 s after it');
$state->publish_rules(facts => { revision => 45, channel => 'chan',
    read => Sluice::State::mono_ms() - $heard - 5100 });
allowed('unconfirmed', 'facts read 5.1 s after it');
$state->publish_rules(facts => { revision => 45, channel => 'chan' });

# expiry travels as what remains

$orders->throttle('brief', remaining => 700);
denied('brief', 'an order with an end');
ok($t->wait_for('its end', sub { status('brief') == 200 }), 'it ends');
$orders->throttle('ruled2', remaining => 1);
$state->publish_rules(throttles => [{ key => 'ruled2' }]);
allowed('ruled2', 'an expired order hides what the facts said before');

# orders of another store are none of ours; another store empties the overlay

$orders->throttle('foreign', store => 'otherstore', revision => 1000);
$orders->throttle('own');
denied('own', 'an order of this store');
still_allowed('foreign', 'an order of another store');
$state->publish_rules(facts => { revision => 3, channel => 'chan',
    store_id => 'newstore' }, throttles => []);
allowed('own', 'another store: its old orders are gone');
$orders->{store} = 'newstore';
$orders->{revision} = 3;
$orders->throttle('own');
denied('own', 'an order of the new store, of a smaller revision');

# kinds that are not for nginx

$orders->say($orders->text('skip', 'own', remaining => 5),
    $orders->text('recover', 'own'), $orders->text('hint', ''));
$orders->throttle('mark2');
denied('mark2', 'other kinds are heard');
still_denied('own', 'and change no throttle');

# another channel, without a reload

$state->publish_rules(facts => { revision => 3, channel => 'other',
    store_id => 'newstore' });
$orders->{channel} = 'other';
$t->wait_for('the other channel', sub { ($orders->beat)[0] == 2 });
$orders->throttle('moved');
denied('moved', 'on another channel');
is((Sluice::Orders->new($redis->address)->beat)[0], 0,
    'nobody on the old one');
$state->publish_rules(facts => { revision => 3, channel => '',
    store_id => 'newstore' });
$t->wait_for('no channel', sub { ($orders->beat)[0] == 0 });
denied('moved', 'without a channel orders are kept');

# 3,000 orders at once, and the last word for each key

$state->publish_rules(facts => { revision => 3, channel => 'chan',
    store_id => 'newstore' });
$orders->{channel} = 'chan';
$t->wait_for('the channel again', sub { ($orders->beat)[0] == 2 });
$orders->say(map { $orders->text($_ % 2 ? 'throttle' : 'unthrottle',
    'burst' . int($_ / 3)) } 1 .. 3000);
my @wrong;
$t->wait_for('the burst', sub {
    my @workers = Sluice::Orders::workers($t);
    @wrong = grep { my $last = 3 * $_ + 2;
        status("burst$_") != ($last % 2 ? 417 : 200) } 1 .. 999;
    !@wrong;
}, 20);
is("@wrong", '', 'the last word of 3,000');

$t->done;

###############################################################################

sub status {
    my ($app) = @_;

    return $t->get(8080, "/check/$app/mysql/c")->{status};
}

# Every worker is asked sooner or later: eight times the same is enough.

sub settles {
    my ($app, $status, $what) = @_;

    ok($t->wait_for($what, sub {
        !grep { status($app) != $status } 1 .. 8 }), $what);
}

sub denied { settles($_[0], 417, $_[1]) }
sub allowed { settles($_[0], 200, $_[1]) }

# Where waiting would hide the mistake.

sub stays {
    my ($app, $status, $what) = @_;

    is(join(' ', map { status($app) } 1 .. 8), join(' ', ($status) x 8), $what);
}

sub still_denied { stays($_[0], 417, $_[1]) }
sub still_allowed { stays($_[0], 200, $_[1]) }
