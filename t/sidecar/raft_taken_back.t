#!/usr/bin/perl

# A leader that is lost while it removes a member: the others never heard of
# that, go on, and take it back. It must not believe in it any longer, whether
# it was frozen or killed. LONG=1: its log no longer has the entry that said
# who was a member before.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(sleep time);

use Sluice;
use Sluice::Consensus;
use Sluice::RaftFiles;

###############################################################################

$ENV{SLUICE_CONSENSUS} = 'raft';

my $LONG = $ENV{LONG};

# libraft's type of an entry that changes the members.
my $RAFT_CHANGE = 3;

my $t = Sluice->new;
my @names = qw(a b c);
my $voters = Sluice::Consensus::store($t, @names);
my %node = map { $_ => Sluice::Consensus->start($t, $voters, name => $_) }
    @names;
my %files = map { $_ => Sluice::RaftFiles->new($voters->data_dir($_)) } @names;

sub others { my ($name) = @_; return grep { $_ ne $name } @names }

sub leader {
    return $t->wait_for('a leader', sub {
        (grep { $node{$_}->alive && $node{$_}->acts } @names)[0];
    }, 20);
}

my $facts = 0;

# A fact more, through this node.
sub fact {
    my ($through) = @_;
    my $n = ++$facts;

    return $t->wait_for("fact $n", sub {
        $node{$through}->change("skip fact$n never")->{outcome} eq 'done';
    }, 20);
}

# All of these know all facts.
sub equal {
    my ($what, @which) = @_;

    return ok($t->wait_for("$what: equal facts", sub {
        my %seen = map { my $f = $node{$_}->facts;
            ("$f->{revision} " . join ' ', sort
                map { s/,.*//r } @{ $f->{list}{skip} }) => 1 } @which;

        keys %seen == 1 && (keys %seen)[0] =~ /\bfact$facts\b/;
    }, 20), "$what: all know the same");
}

# Whether the last that it wrote is a change of members.
sub has_change {
    my ($name) = @_;
    my ($segment, @batches) = $files{$name}->open_segment or return 0;
    my $from = $batches[-1][0];

    return ord(substr $files{$name}->read($segment), $from + 24, 1)
        == $RAFT_CHANGE;
}

# It may have been removed after all.
sub all_vote_again {
    my ($gone) = @_;

    return $t->wait_for("all to vote, $gone too", sub {
        my $leader = leader();
        my ($member) = grep { $_->{address} eq $voters->address($gone) }
            $node{$leader}->members;

        return 1 if $member && $member->{role} eq 'voter';
        $node{$leader}->change_members('add ' . $voters->address($gone));
        return 0;
    }, 20);
}

# Some leader has on its disk that a member is removed, which no other node
# has heard of: the others are gone, and it is frozen. Its name.
sub remove_and_lose {
    my ($what) = @_;

    for (1 .. 10) {
        my $leader = leader();
        my ($goes, $other) = others($leader);

        fact($leader);
        # When it hears nothing it acts for some tenths of a second.
        $node{$_}->stop for $goes, $other;
        my $answers = () = $node{$leader}->events('member');
        $node{$leader}->say('remove ' . $voters->address($goes));
        # Refused at once when it acts no longer; a slow disk takes its time.
        my $end = time + 10;
        sleep 0.01 while !has_change($leader) && time < $end
            && $answers == (() = $node{$leader}->events('member'));
        if (has_change($leader)) {
            $node{$leader}->stop;
            $node{$_}->kill for $goes, $other;
            pass("$what: $leader removes $goes, which is on its disk");
            return $leader;
        }
        $node{$_}->cont for $goes, $other;
        all_vote_again($goes);
    }
    fail("$what: none removes anybody");
    return leader();
}

# It says that it has to start again, until that is done with, or goes on.
sub comes_back {
    my ($what, $name) = @_;
    my $node = $node{$name};

    for my $start (1 .. 3) {
        $node->{events}{failed} = [];
        $t->wait_for("$what: the fact, or a failure", sub {
            !$node->alive || $node->last_event('failed')
                || grep { /^fact$facts,/ } map { @{ $_->{list}{skip} // [] } }
                    $node->last_event('facts');
        }, 20);
        ok($node->alive, "$what: it did not crash") or return $node->launch;
        my $failed = $node->last_event('failed') or return;
        like($failed->{text},
            qr/^a change of members was taken back .*start again/,
            "$what: it has to start again");
        is($node->term, 0, "$what: it stops");
        $node->launch;
    }
    return;
}

# Only it can lead: one of the others is dead, and one lacks a fact. Who leads
# says who is a member by what it knows itself.
sub leads_with_all {
    my ($what, $name) = @_;
    my ($dead, $behind) = others($name);

    $node{$behind}->kill;
    fact($name);
    $node{$dead}->kill;
    $node{$behind}->launch;
    ok($node{$name}->wait_for("$what: to lead", sub { $node{$name}->acts }),
        "$what: it leads");
    is_deeply([sort map { "$_->{address} $_->{role}" } $node{$name}->members],
        [sort map { $voters->address($_) . ' voter' } @names],
        "$what: and knows all three members");
    $node{$dead}->launch;
    return;
}

sub taken_back {
    my ($what, $lose) = @_;
    my $name = remove_and_lose($what);
    my @others = others($name);

    $node{$name}->kill if $lose eq 'killed';
    $node{$_}->launch for @others;
    # Before it is there again.
    fact($others[0]);
    equal("$what: the others", @others);
    $lose eq 'killed' ? $node{$name}->launch : $node{$name}->cont;
    comes_back($what, $name);
    equal($what, @names);
    leads_with_all($what, $name);
    fact($_) for @names;
    equal("$what, in the end", @names);
    for my $asked (@names) {
        is_deeply([sort map { "$_->{address} $_->{role}" }
            $node{$asked}->members],
            [sort map { $voters->address($_) . ' voter' } @names],
            "$what: $asked lists all three");
    }
    return;
}

###############################################################################

ok(Sluice::Consensus::all_in(@node{@names}), 'three have a vote');

# The log gets so long that its beginning is thrown away.
for my $seed ($LONG ? 1 .. 6 : ()) {
    last if 3 == grep { $files{$_}->first_index > 20 } @names;
    my $leader = leader();

    $node{$leader}->random(5700, $seed);
    $node{$_}->pass_over for others($leader);
    fact($leader);
    equal("$seed: a long log", @names);
}
for my $name ($LONG ? @names : ()) {
    cmp_ok($files{$name}->first_index, '>', 20,
        "$name threw away who was a member first");
}
taken_back('frozen', 'frozen');
taken_back('killed', 'killed');

is_deeply([Sluice::Consensus::overlaps(values %node)], [],
    'never did two act at once');
$t->done;
