#!/usr/bin/perl

# Three nodes whose network is cut between any two of them, both ways or one
# way, and that are frozen and killed: never do two act at once, what was
# acknowledged is kept in its order, what was refused never happened. SEED
# repeats an order, ROUNDS makes it longer.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(sleep);

use Sluice;
use Sluice::Consensus;
use Sluice::Kind;
use Sluice::Net;

###############################################################################

my $ROUNDS = $ENV{ROUNDS} // 16;

my $t = Sluice->new;
my $SEED = srand($ENV{SEED} // 20260917);

Sluice::Kind::needed($t->build, 'raft');
Sluice::Net::needed();
my @names = qw(a b c);
my $net = Sluice::Net->new(@names, 'o');
my $voters = $net->voters($t, @names);
my @nodes = map {
    Sluice::Consensus->start($t, $voters, name => $_,
        within => [$net->within($_)], conf => { Domain => '"prod"' })
} @names;
my %name = map { $nodes[$_] => $names[$_] } 0 .. $#nodes;

note("SEED=$SEED");

# Cut off from the other two.
sub alone {
    my ($node) = @_;

    $net->cut($name{$node}, $name{$_}) for others($node);
    return;
}

sub others { my ($node) = @_; return grep { $_ != $node } @nodes }

# The one that acts, of these.
sub leader {
    my ($what, @among) = @_;

    return $t->wait_for("a leader: $what", sub {
        (grep { $_->acts } @among)[0];
    }, 20);
}

###############################################################################
# Changes: each throttles an app of its own, and writes its number into one
# that all of them share.

my @changes;

sub begin {
    my ($node) = @_;
    my $n = @changes;
    my @ids;

    push @changes, { node => $node, begun => Sluice::Consensus::boot_ms(),
        app => $node->begin("throttle app$n 1 never") };
    # Their numbers are ratios: 0.000001, 0.000002 …
    $changes[-1]{shared} =
        $node->begin(sprintf 'throttle shared %.6f never', ($n + 1) / 1e6);
    return $changes[-1];
}

# What became of one of its two; undef: the node was killed before it said.
sub fate {
    my ($change, $which) = @_;

    return (grep { $_->{id} eq $change->{$which} }
        $change->{node}->events('change'))[0];
}

sub outcome {
    my ($change) = @_;

    return $t->wait_for('an outcome', sub { fate($change, 'app') }, 20)
        ->{outcome};
}

# A change that is asked for until it is done.
sub done {
    my ($what, $node) = @_;

    return ok($t->wait_for("a change: $what",
        sub { outcome(begin($node)) eq 'done' }, 20), $what);
}

# "app ratio" of all, sorted, and the revision; undef: some node knows other
# facts, yet.
sub agreed {
    my %seen;

    for my $node (@nodes) {
        my $facts = $node->facts;
        my $text = join "\n", "revision $facts->{revision}",
            map { join ' ', (split /,/)[0, 1] } @{ $facts->{list}{throttle} };

        $seen{$text} = 1;
    }
    return keys %seen == 1 ? (keys %seen)[0] : undef;
}

sub all_equal {
    my ($what) = @_;

    return ok($t->wait_for("equal facts: $what", \&agreed, 20),
        "$what: all know the same facts");
}

# None of these is to be acknowledged.
sub not_done {
    my ($what, @begun) = @_;
    my %seen = map { outcome($_) => 1 } @begun;

    delete @seen{qw(refused unknown)};
    return is_deeply([keys %seen], [], "$what: nothing is acknowledged");
}

###############################################################################
# That a cut is one.

leader('at first', @nodes);
$net->cut_one_way('a', 'b');
ok(!$net->hears('a', 'b'), 'cut one way: b does not hear a');
ok($net->hears('b', 'a'), '… and a hears b');
$net->heal;
ok($net->hears('a', 'b'), 'healed: b hears a');

###############################################################################
# One side is the leader alone.

$t->wait_for('all to be voters', sub {
    3 == grep { $_->{role} eq 'voter' } $nodes[0]->members;
}, 20);
done('a change at first', $nodes[0]);
{
    my $old = leader('before the cut', @nodes);

    alone($old);
    # Some at once, while it may act still, some later.
    my @lost = map { sleep 0.1; begin($old) } 1 .. 8;
    my $new = leader('of the majority', others($old));

    done("the majority goes on", $_) for others($old);
    not_done('the leader alone', @lost);
    ok(!$old->acts, 'the leader alone acts no more');
    $net->heal;
    all_equal('healed');
    done('healed: through the one that was alone', $old);
}

# One side is a follower alone.
{
    my $leader = leader('before the cut', @nodes);
    my ($alone, $other) = others($leader);
    my $spans = () = map { $_->spans } others($leader);

    alone($alone);
    my @lost = map { sleep 0.1; begin($alone) } 1 .. 5;
    done('a follower alone: the leader goes on', $_) for $leader, $other;
    not_done('a follower alone', @lost);
    $net->heal;
    all_equal('healed');
    done('healed: through the one that was alone', $alone);
    is(scalar(() = map { $_->spans } others($leader)), $spans,
        'coming back it disturbed nobody: no other led');
}

###############################################################################
# At random. Each takes the leader; what it returns must have a leader.

sub each_link {
    my ($code) = @_;

    for my $from (@names) {
        $code->($from, $_) for grep { $_ ne $from } @names;
    }
    return;
}

my %turn = (
    'the leader alone' => sub {
        alone($_[0]);
        return others($_[0]);
    },
    'a follower alone' => sub {
        my ($alone, $other) = sort { rand() < 0.5 } others($_[0]);

        alone($alone);
        return ($_[0], $other);
    },
    'the leader hears nobody' => sub {
        my ($leader) = @_;

        $net->cut_one_way($name{$_}, $name{$leader}) for others($leader);
        return others($leader);
    },
    'nobody hears the leader' => sub {
        my ($leader) = @_;

        $net->cut_one_way($name{$leader}, $name{$_}) for others($leader);
        return others($leader);
    },
    'the leader and one follower do not meet' => sub {
        my ($leader) = @_;

        $net->cut($name{$leader}, $name{(others($leader))[rand 2]});
        return @nodes;
    },
    # No two can talk to each other.
    'a ring' => sub {
        my @ring = rand() < 0.5 ? @names : reverse @names;

        $net->cut_one_way($ring[$_], $ring[($_ + 1) % 3]) for 0 .. 2;
        return;
    },
    'part of a ring' => sub {
        $net->cut_one_way('a', 'b');
        $net->cut_one_way('b', 'c');
        return;
    },
    'any links' => sub {
        each_link(sub { $net->cut_one_way(@_) if rand() < 0.4 });
        return;
    },
    'frozen, not for long' => sub {
        $_[0]->stop;
        sleep 0.05 + rand 0.15;
        $_[0]->cont;
        return @nodes;
    },
    'frozen' => sub { $_[0]->stop; return others($_[0]) },
    'killed' => sub { $_[0]->kill; return others($_[0]) },
    'frozen and cut off' => sub {
        $_[0]->stop;
        alone($_[0]);
        return others($_[0]);
    },
);

# Each of them, then any: none is left out.
my @order = (sort { rand() < 0.5 } sort keys %turn);
push @order, (sort keys %turn)[rand keys %turn] while @order < $ROUNDS;

for my $round (1 .. $ROUNDS) {
    my $how = $order[$round - 1];
    my $leader = leader("round $round", @nodes);
    my @majority = $turn{$how}->($leader);

    for (1 .. 3) {
        begin($_) for grep { $_->alive } @nodes;
        sleep 0.03 + rand 0.1;
    }
    ok(leader("round $round: $how", @majority),
        "round $round: $how: one acts that can") if @majority;
    begin($_) for grep { $_->alive } @nodes;
    sleep rand 0.3;
    $net->heal if $how !~ /and cut off/ || rand() < 0.5;
    $_->alive ? $_->cont : $_->launch for @nodes;
    sleep 0.1 + rand 0.2 if $how =~ /and cut off/;
    $net->heal;
    done("round $round: $how: healed", $nodes[rand @nodes]);
}

###############################################################################
# An observer that can reach nobody but one who was cut off for long.

{
    my $o = Sluice::Consensus->start($t, $voters, name => 'o', id => 'o',
        observer => 1, within => [$net->within('o')],
        conf => { Domain => '"prod"' });
    my $leader = leader('before the observer', @nodes);
    my ($stale, $other) = others($leader);

    all_equal('before the observer');
    alone($stale);
    done('while one is cut off', $leader) for 1 .. 5;
    my $revision = $leader->facts->{revision};
    $t->wait_for('the observer', sub {
        $o->facts->{revision} == $revision }, 20);

    $net->cut('o', $name{$_}) for $leader, $other;
    $t->wait_for('that it goes astray', sub {
        $o->status->{healthy} == 0 }, 20);
    # It goes round among the three, a second for each that is silent.
    my $end = Sluice::Consensus::boot_ms() + 4000;
    $t->wait_for('a while', sub { Sluice::Consensus::boot_ms() > $end });
    $net->heal;
    $t->wait_for('the observer is back', sub {
        $o->status->{healthy} == 1 }, 20);
    my @revisions = map { $_->{revision} } $o->events('facts');
    is_deeply(\@revisions, [sort { $a <=> $b } @revisions],
        'what an observer knows never goes back');
    is($o->facts->{revision}, $leader->facts->{revision},
        'in the end it knows what the leader knows');
}

###############################################################################
# In the end.

all_equal('in the end');
# Nobody waits for an answer longer than 5 s.
$t->wait_for('all outcomes', sub {
    my $now = Sluice::Consensus::boot_ms();

    !grep { $_->{begun} + 6000 > $now && !fate($_, 'shared') } @changes;
}, 20);

my ($revision, @facts) = split /\n/, $t->wait_for('facts', \&agreed, 20) // '';
my %there = map { split / / } @facts;
my (%count, @missing, @happened);
for my $n (0 .. $#changes) {
    my $fate = fate($changes[$n], 'app');
    my $outcome = $fate ? $fate->{outcome} : 'unsaid';

    $count{$outcome}++;
    push @missing, "app$n" if $outcome eq 'done' && !exists $there{"app$n"};
    push @happened, "app$n" if $outcome eq 'refused' && exists $there{"app$n"};
}
note(join ', ', map { "$count{$_} $_" } sort keys %count);
is_deeply(\@missing, [], 'whatever was acknowledged is there');
is_deeply(\@happened, [], 'what was refused never happened');
cmp_ok($count{done}, '>', 2 * $ROUNDS, 'many were acknowledged');
cmp_ok($count{refused} + ($count{unknown} // 0), '>', 10, 'many were not');

# What was asked for after another was acknowledged comes after it.
my @done = sort { $a->{ms} <=> $b->{ms} } map {
    my $change = $_;
    map { +{ begun => $change->{begun}, ms => $_->{ms},
        revision => $_->{revision} } }
        grep { $_ && $_->{outcome} eq 'done' } fate($change, 'app');
} @changes;
my @wrong;
for my $first (@done) {
    push @wrong, "$first->{revision} before $_->{revision}"
        for grep { $_->{begun} > $first->{ms}
            && $_->{revision} <= $first->{revision} } @done;
}
is_deeply(\@wrong, [], 'the order is that of the acknowledgements');

# The last of the shared app: the highest that was acknowledged, or one of
# which nobody knows.
my ($last, %may) = (0);
for my $n (0 .. $#changes) {
    my $fate = fate($changes[$n], 'shared');
    my $outcome = $fate ? $fate->{outcome} : 'unsaid';
    my $ratio = sprintf '%g', ($n + 1) / 1e6;

    if ($outcome eq 'done') {
        ($last, $may{last}) = ($fate->{revision}, $ratio)
            if $fate->{revision} > $last;
    } elsif ($outcome ne 'refused') {
        $may{$ratio} = $ratio;
    }
}
ok((grep { $_ eq $there{shared} } values %may),
    "the shared app has the last that was written, $may{last}, or an unknown")
    or diag("it has $there{shared}");

sleep 0.5;
is_deeply([Sluice::Consensus::overlaps(@nodes)], [],
    "never two at once (SEED=$SEED)");
cmp_ok(scalar(grep { scalar($_->spans) } @nodes), '>=', 2, 'several acted');

$t->done;
