#!/usr/bin/perl

# Three nodes found a cluster while one of them is killed or frozen at any
# moment of it, whoever leads too while it takes in another: all three have a
# vote in the end, of one store, whatever was half done. SEED repeats the
# moments, ROUNDS makes more of them.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(sleep);

use Sluice;
use Sluice::Consensus;

###############################################################################

$ENV{SLUICE_CONSENSUS} = 'raft';

my $ROUNDS = $ENV{ROUNDS} // 12;
my $SEED = srand($ENV{SEED} // time);

my $t = Sluice->new;
my @names = qw(a b c);

note("SEED=$SEED");
for my $round (1 .. $ROUNDS) {
    my @new = map { "$_$round" } @names;
    my $voters = Sluice::Consensus::store($t, @new);
    my @nodes = map { Sluice::Consensus->start($t, $voters, name => $_) } @new;
    my $how = (qw(kill stop))[rand 2];
    my ($what, $most) = @{ ([founding => 400], [adding => 60])[rand 2] };
    my $ms = int rand $most;

    # Whoever leads does it.
    my $leads = $t->wait_for($what, sub {
        (grep { $_->log =~ /event=raft_$what/ } @nodes)[0];
    });
    my $victim = $what eq 'adding' ? $leads : $nodes[rand @nodes];
    sleep $ms / 1000;
    $victim->$how;
    sleep rand 1.5;
    $how eq 'kill' ? $victim->launch : $victim->cont;
    my $name = "round $round: $how of $victim->{name} $ms ms after $what "
        . "(SEED=$SEED)";
    ok(eval { Sluice::Consensus::all_in(@nodes) }, "$name: all have a vote");
    my %stores = map { ($_->facts // {})->{store} // "none" => 1 } @nodes;
    is(scalar(keys %stores), 1, "$name: of one store");
    $_->kill for @nodes;
}

$t->done;
