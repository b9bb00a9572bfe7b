#!/usr/bin/perl

# Whoever leads is stopped, again and again, while many write through all
# nodes: each change is answered, hardly any by "unknown", and what was
# answered is so.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(sleep);

use Sluice;
use Sluice::Consensus;

###############################################################################

my $ROUNDS = $ENV{ROUNDS} // 6;
my $WRITERS = 8;

$ENV{SLUICE_CONSENSUS} = 'raft';
my $t = Sluice->new;
my @names = qw(a b c);
my $voters = Sluice::Consensus::store($t, @names);
my @nodes = map { Sluice::Consensus->start($t, $voters, name => $_) } @names;

# Each change throttles an app of its own.
my @changes;
my @writers = map { { at => $_ } } 0 .. $WRITERS - 1;

sub fate {
    my ($change) = @_;

    return $change->{fate} //= (grep { $_->{id} eq $change->{id} }
        $change->{node}->events('change'))[0];
}

# Each writer that has its answer, or none to hope for, asks for the next one
# of the next node.
sub write_on {
    my ($leaves) = @_;

    for my $writer (@writers) {
        my $last = $writer->{last};

        next if $last && !fate($last) && $last->{node}->alive;
        my @there = grep { $_->alive && $_ != ($leaves // 0) } @nodes;
        my $node = $there[$writer->{at}++ % @there];
        my $n = @changes;

        $writer->{last} = { app => "app$n", node => $node,
            id => $node->begin("throttle app$n 1 never") };
        push @changes, $writer->{last};
    }
    return;
}

sub write_for {
    my ($ms, $leaves) = @_;
    my $end = Sluice::Consensus::boot_ms() + $ms;

    while (Sluice::Consensus::boot_ms() < $end) {
        write_on($leaves);
        sleep 0.01;
    }
    return;
}

###############################################################################

ok(Sluice::Consensus::all_in(@nodes), 'three have a vote');
for my $round (1 .. $ROUNDS) {
    write_for(200);
    my $leader = $t->wait_for('a leader', sub {
        (grep { $_->acts } @nodes)[0];
    });
    my $led = () = map { $_->spans } grep { $_ != $leader } @nodes;

    write_for(50);
    # By a signal, or by a word that comes after all that was asked of it.
    my $quits = $round % 2;
    $leader->{expected} = 1;
    $quits ? $leader->say('quit') : $leader->signal('TERM');
    $t->wait_for("round $round: the end", sub {
        write_for(20, $leader);
        !$leader->alive;
    }, 10);
    is($leader->{status}, 0, "round $round: $leader->{name} stops");
    my @open = grep { $_->{node} == $leader && !fate($_) } @changes;
    is(join(' ', map { $_->{app} } grep { !$_->{unread} } @open), '',
        "round $round: and answered all that was asked of it") if $quits;
    # What was on its way to it when it stopped reading.
    $_->{unread} = 1 for @open;
    write_for(400);
    ok((grep { $_ != $leader && $_->acts } @nodes),
        "round $round: another leads");
    cmp_ok(scalar(map { $_->spans } grep { $_ != $leader } @nodes), '>', $led,
        '… which did not before');
    $leader->launch;
    $leader->wait_for('to know all', sub { $leader->facts });
}

# The last ones.
$t->wait_for('all answers', sub {
    !grep { !fate($_) && !$_->{unread} } @changes;
}, 20);
my (%count, %outcome);
for my $change (@changes) {
    my $outcome = $change->{fate} ? $change->{fate}{outcome} : 'unread';

    $outcome{ $change->{app} } = $outcome;
    $count{$outcome}++;
}
note(join ', ', map { "$count{$_} $_" } sort keys %count);
cmp_ok($count{done}, '>', 30 * $ROUNDS, 'many were done');
cmp_ok($count{unknown} // 0, '<=', 3 * $ROUNDS, 'of hardly any nobody knows');
cmp_ok($count{unread} // 0, '<=', $WRITERS * $ROUNDS / 2,
    'few came too late for it to read');
for my $node (@nodes) {
    my $there = $node->throttles;

    is(join(' ', grep { $outcome{$_} eq 'done' && !$there->{$_} }
        sort keys %outcome), '', "$node->{name}: what was done is there");
    is(join(' ', grep { $outcome{$_} =~ /refused|unread/ && $there->{$_} }
        sort keys %outcome), '', "$node->{name}: what was refused is not");
}
is_deeply([Sluice::Consensus::overlaps(@nodes)], [],
    'never did two act at once');

$t->done;
