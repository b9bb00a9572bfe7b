#!/usr/bin/perl

# Of three nodes one is dead while the others go on for more changes than the
# log keeps: it catches up by a snapshot, and knows what the others know.

use warnings;
use strict;

use Test::More;

use Sluice;
use Sluice::Consensus;
use Sluice::RaftFiles;

###############################################################################

my $CHANGES = 20_000;    # the log keeps 8192 behind a snapshot

$ENV{SLUICE_CONSENSUS} = 'raft';
my $t = Sluice->new;
my $store = Sluice::Consensus::store($t, qw(a b c));
my @nodes = map {
    Sluice::Consensus->start($t, $store, name => $_)
} qw(a b c);

sub ready {
    my ($what, @which) = @_;

    return $t->wait_for("$what: changes", sub {
        !grep { $_->change('unthrottle nobody')->{outcome} ne 'done' } @which;
    }, 20);
}

# Everything it knows: names, ratios, owners, and when it ends, in seconds, by
# a clock that all have in common.
sub knowledge {
    my ($node, $revision) = @_;
    my $f = $node->wait_for('what is newest', sub {
        my $facts = $node->facts;

        $facts->{revision} >= $revision && $facts;
    });
    my %known;

    for my $kind (qw(throttle skip)) {
        for my $text (@{ $f->{list}{$kind} // [] }) {
            my @field = split /,/, $text, -1;
            my $end = $kind eq 'skip' ? 1 : 2;

            # What ends while we look is not looked at.
            next if $field[$end] ne 'never' && $field[$end] < 60_000;
            $field[$end] += $f->{ms} - $f->{age} if $field[$end] ne 'never';
            $known{"$kind $field[0]"} = \@field;
        }
    }
    return \%known;
}

# Moments may differ by what two clocks were read apart.
sub differences {
    my ($one, $other) = @_;
    my %names = map { $_ => 1 } keys %$one, keys %$other;
    my @differ;

    for my $name (sort keys %names) {
        my ($a, $b) = map { $_->{$name} } $one, $other;
        my $same = $a && $b && @$a == @$b && !grep {
            $a->[$_] ne $b->[$_] && !($a->[$_] =~ /^\d{5,}$/
                && $b->[$_] =~ /^\d{5,}$/ && abs($a->[$_] - $b->[$_]) < 2000)
        } 0 .. $#$a;

        push @differ, "$name: @{ $a // ['none'] }, and @{ $b // ['none'] }"
            if !$same;
    }
    return join "\n", @differ;
}

sub is_same {
    my ($when) = @_;
    my $revision = $nodes[0]->change('throttle last keep never')->{revision};
    my @known = map { knowledge($_, $revision) } @nodes;

    cmp_ok(scalar(keys %{ $known[0] }), '>', 100, "$when: much is known");
    is(differences($known[0], $known[1]), '', "$when: by the second node too");
    is(differences($known[0], $known[2]), '', "$when: by the third node too");
}

###############################################################################

ok(ready('at first', @nodes), 'three nodes take changes');
# Each is a voter before one may go.
$t->wait_for('three voters', sub {
    3 == grep { $_->{role} eq 'voter' } $nodes[0]->members;
}, 20);
$nodes[0]->change('skip dflt 3600000');
$nodes[0]->random(500, 1);
is_same('at first');

for my $turn (1, 2) {
    my ($leader) = $t->wait_for('a leader', sub {
        (grep { $_->acts } @nodes)[0];
    }, 20);
    # Who leads is killed too, once.
    my $gone = $turn == 1 ? (grep { $_ != $leader } @nodes)[0] : $leader;
    my @others = grep { $_ != $gone } @nodes;
    my $files = Sluice::RaftFiles->new($store->data_dir(
        $gone->{name} =~ s/^consensus //r));

    $gone->kill;
    ok(ready("turn $turn", @others), "turn $turn: the others go on");
    my ($had) = reverse $files->snapshots;
    # Through the one that leads now: nothing is lost on its way.
    my $now = $t->wait_for('who leads now', sub {
        (grep { $_->acts } @others)[0];
    }, 20);
    $now->random($CHANGES, $turn);
    $gone->launch;
    ok(ready("turn $turn, back", $gone), "turn $turn: it is back");
    is_same("turn $turn");
    my ($has) = reverse $files->snapshots;
    ok($has && $has ne ($had // ''), "turn $turn: it was given a snapshot: "
        . ($has // 'none'));
}

# And is a member like any other: it may lead.
$_->kill for @nodes[0, 1];
$nodes[0]->launch;
ok(ready('in the end', @nodes[0, 2]), 'in the end: two are enough');
$nodes[1]->launch;
ok(ready('all', @nodes), 'in the end: all take changes');
is_same('in the end');

# B16: on each node a skip for an hour ends at the same moment, as long as it
# was to last when it was asked for.
my @ends = map {
    my $f = $_->facts;
    my ($skip) = grep { /^dflt,/ } @{ $f->{list}{skip} };

    $f->{ms} - $f->{age} + (split /,/, $skip)[1];
} @nodes;
cmp_ok(abs($ends[0] - $_), '<', 2000, 'B16: a skip ends at one moment everywhere')
    for @ends[1, 2];

$t->done;
