#!/usr/bin/perl

# Redis killed, frozen and restarted in the middle of a burst of 3,000 changes
# through two nodes: every worker ends with exactly what is stored. And
# one app ordered to and fro through both nodes: no worker goes back to an
# older order.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(sleep time);

use Sluice;
use Sluice::Fleet;
use Sluice::Http qw(http_request);

###############################################################################

my $APPS = 150;
my $CHANGES = 3000;
my $TURNS = $ENV{TURNS} // 300;

my $fleet = Sluice::Fleet->new(nodes => 2, workers => 2);
my $t = $fleet->node(0);
my @nodes = 0 .. $fleet->nodes - 1;

# Two writers at once, one to each node; apps are theirs alone, so that the
# table says whose order was the last.
sub writer {
    my ($node, $seed) = @_;
    my $pid = fork // die;

    return $pid if $pid;
    srand $seed;
    my $address = '127.0.0.1:' . $fleet->node($node)->port(8080);
    my $failed = 0;
    for (1 .. $CHANGES / 2) {
        my $app = "app$node-" . int rand $APPS / 2;
        my $verb = rand() < 0.5 ? 'throttle-app' : 'unthrottle-app';
        my $got = eval { http_request($address, "/$verb/$app") };

        $failed++ unless $got && $got->{status} == 200;
    }
    POSIX::_exit($failed ? 1 : 0);
}

my @writers = map { writer($_, 42 + $_) } 0, 1;
my $redis = $fleet->redis;
sleep 0.5;
$redis->stop;
sleep 0.7;
$redis->cont;
sleep 0.3;
$redis->kill;
sleep 0.5;
$fleet->start_redis;
for my $pid (@writers) {
    waitpid $pid, 0;
    is($?, 0, 'every change was answered 200');
}

# Without Redis the word takes a second at the most; of raft's nodes, too, the
# one that is asked may know the last change only by the leader's next word.
sleep 1;
my %throttled = map { $_ => 1 } $fleet->stored_throttles;
cmp_ok(scalar(keys %throttled), '>', $APPS / 5, 'some apps are throttled');

sub wrong {
    my @wrong;

    for my $app (map { my $n = $_; map { "app$_-$n" } 0, 1 } 0 .. $APPS / 2 - 1) {
        my $want = $throttled{$app} ? 417 : 200;

        for my $i (@nodes) {
            my $seen = $fleet->statuses($i, "/check/$app/mysql/main1");

            push @wrong, "$app on node $i"
                if grep { ($_ // 0) != $want } values %$seen;
        }
    }
    return @wrong;
}

is(join(', ', wrong()), '', 'every worker has exactly what is stored');

# To and fro: an order that is acknowledged and seen is not taken back.
my $path = '/check/pendulum/mysql/main1';
my ($refused, $back) = (0, 0);
for my $turn (1 .. $TURNS) {
    my $throttle = $turn % 2;
    my $verb = $throttle ? 'throttle-app' : 'unthrottle-app';
    my $want = $throttle ? 417 : 200;
    my %arrived;

    $refused++
        if $fleet->ask($turn % 3 % 2, "/$verb/pendulum")->{status} != 200;
    for (1 .. 12) {
        for my $i (@nodes) {
            my $got = $fleet->ask($i, $path);
            my $pid = $got->{headers}{'x-worker'};

            if ($got->{status} == $want) {
                $arrived{$pid} = 1;
            } elsif ($arrived{$pid}) {
                $back++;
                diag("turn $turn: worker $pid went back to $got->{status}");
            }
        }
    }
}
is($refused, 0, 'every order was answered 200');
is($back, 0, "$TURNS orders to and fro: no worker went back to an older one");

$fleet->done;
