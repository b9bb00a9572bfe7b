#!/usr/bin/perl

# Three nodes that are killed, frozen and told to stop, in random order: each
# time another acts, and never two at once. SEED repeats an order, TURNS makes
# it longer.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(sleep);

use Sluice;
use Sluice::Consensus;

###############################################################################

my $TURNS = $ENV{TURNS} // 15;
my $SEED = srand($ENV{SEED} // time);

my $t = Sluice->new;
my $store = Sluice::Consensus::store($t, qw(a b c));
my @nodes = map {
    Sluice::Consensus->start($t, $store, name => $_,
        conf => { Domain => '"prod"' })
} qw(a b c);

note("SEED=$SEED");

# The one that acts, of these.
sub leader {
    my ($what, @among) = @_;

    return $t->wait_for("a leader: $what", sub {
        (grep { $_->acts } @among)[0];
    }, 20);
}

my %turn = (
    kill => sub { $_[0]->kill },
    term => sub { is($_[0]->term, 0, 'SIGTERM: exit status 0') },
    # Shorter than a lease, about as long, longer.
    freeze => sub { $_[0]->stop },
);

sub back {
    my ($node) = @_;

    return $node->cont if $node->alive;
    $node->launch;
    return $node->status;    # from now on it knows what SIGTERM is
}

# Most hit the leader; the others are no less a part of it.
sub victim {
    my ($leader) = @_;

    return rand() < 0.7 ? $leader : $nodes[rand @nodes];
}

leader('at first', @nodes);
ok(Sluice::Consensus::all_in(@nodes), 'all are in');
for my $n (1 .. $TURNS) {
    my $leader = leader("turn $n", @nodes);
    my $node = victim($leader);
    my $how = (sort keys %turn)[rand keys %turn];
    my @others = grep { $_ != $node } @nodes;

    sleep rand 0.5;
    $turn{$how}->($node);
    # Back before another acts, just then, or long after.
    if ($how eq 'freeze' && rand() < 0.4) {
        sleep rand 1.2;
    } else {
        ok(leader("turn $n: $how", @others),
            "turn $n: $how of $node->{name}: one acts");
    }
    sleep rand 0.3;
    back($node);
}
ok(leader('in the end', @nodes), 'one acts in the end');
is($nodes[0]->change('throttle end 1 never')->{outcome} // '', 'done',
    'and changes are taken')
    if $t->wait_for('changes', sub {
        $nodes[0]->change('unthrottle nobody')->{outcome} eq 'done';
    });
# What is told late is told.
sleep 0.5;
is_deeply([Sluice::Consensus::overlaps(@nodes)], [], "never two at once (SEED=$SEED)");
cmp_ok(scalar(grep { scalar($_->spans) } @nodes), '>=', 2, 'several acted');

$t->done;
