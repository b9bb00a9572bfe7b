#!/usr/bin/perl

# A throttle answered 200 survives kill -9 of every process one millisecond
# later, the database's too where one keeps it.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(sleep);

use Sluice;
use Sluice::Fleet;

###############################################################################

my $ROUNDS = 50;

my $fleet = Sluice::Fleet->new(nodes => 1, workers => 1, redis => 0);
my ($answered, @lost) = (0);

for my $round (1 .. $ROUNDS) {
    my $got = $fleet->ask(0, "/throttle-app/app$round");

    sleep 0.001;
    $fleet->kill_all;
    $answered++ if $got->{status} == 200;
    $fleet->start_to_look;
    push @lost, $round if $got->{status} == 200
        && !grep { $_ eq "app$round" } $fleet->stored_throttles;
    last if $round == $ROUNDS;
    $fleet->start_sluiced(0) if !$fleet->sluiced(0)->alive;
    $fleet->node(0)->wait_for('the control API', sub {
        $fleet->ask(0, '/throttled-apps')->{status} == 200;
    });
}
is($answered, $ROUNDS, "$ROUNDS throttles answered 200");
is("@lost", '', 'none of them was lost');

$fleet->done;
