#!/usr/bin/perl

# A cluster that was recovered from one node is another cluster, also when that
# node starts again and finds the old one's facts in its snapshot first: those
# who came in since then know it, and those of the old cluster are refused.

use warnings;
use strict;

use Test::More;

use Sluice;
use Sluice::Consensus;
use Sluice::RaftFiles;

###############################################################################

$ENV{SLUICE_CONSENSUS} = 'raft';
my $t = Sluice->new;
my @names = qw(a b c);
my $voters = Sluice::Consensus::store($t, @names);
my %node = map { $_ => Sluice::Consensus->start($t, $voters, name => $_) }
    @names;

sub fact {
    my ($through, $name) = @_;

    return ok($t->wait_for("the fact $name", sub {
        $node{$through}->change("throttle $name 1 never")->{outcome} eq 'done';
    }, 20), "$through takes $name");
}

sub knows {
    my ($name, @want) = @_;

    return ok($t->wait_for("$name knows @want", sub {
        my $all = $node{$name}->throttles;
        @want == grep { $all->{$_} } @want;
    }, 20), "$name knows @want");
}

sub voters_are {
    my ($what, $asked, @want) = @_;
    my @addresses = sort map { $voters->address($_) } @want;

    return ok($t->wait_for($what, sub {
        "@addresses" eq join ' ', sort map { $_->{address} }
            grep { $_->{role} eq 'voter' } $node{$asked}->members;
    }, 20), $what);
}

###############################################################################

ok(Sluice::Consensus::all_in(@node{@names}), 'three have a vote');
fact('a', 'old');
knows($_, 'old') for @names;
my ($old) = map { $_->{store} } $node{a}->facts;

# What is left has a snapshot of the old cluster.
my ($leader) = grep { $node{$_}->acts } @names;
my ($left, $gone) = grep { $_ ne $leader } @names;
my $files = Sluice::RaftFiles->new($voters->data_dir($left));

for my $seed (1 .. 6) {
    last if $files->snapshots;
    $node{$leader}->random(3000, $seed);
    $node{$_}->pass_over for $left, $gone;
}
ok($t->wait_for('a snapshot', sub { $files->snapshots }), 'it has a snapshot');
knows($left, 'old');
$_->kill for values %node;

my ($rc, $out, $err) = $t->run_command("$t->{build}/sluiced",
    '--raft-recover', '--yes', '-c', $t->dir . "/$left.json");
is($rc, 0, '--raft-recover --yes') or diag($err);

$node{$left}->launch;
fact($left, 'alone');
my ($new) = map { $_->{store} } $node{$left}->facts;
isnt($new, $old, 'another store');

# Another comes in, with an empty disk.
my $comes = $leader;
$voters->forget($comes);
$node{$comes}->launch;
$t->wait_for('it waits', sub {
    grep { $_->{role} eq 'waiting' } $node{$left}->members;
}, 20);
ok($t->wait_for('it is added', sub {
    $node{$left}->change_members('add ' . $voters->address($comes))->{outcome}
        eq 'done';
}, 20), 'another is added');
voters_are('two', $left, $left, $comes);
fact($comes, 'two');

# Each of the two is needed, whichever starts again, and both.
my $before = () = $node{$comes}->log =~ /event=raft_refused/g;
for my $again ([$left], [$comes], [$left, $comes]) {
    my $what = join ' and ', map { $_ eq $left ? 'the recovered one'
        : 'the other' } @$again;
    my $fact = join '.', 'again', @$again;

    $node{$_}->kill->pass_over for @$again;
    $node{$_}->launch for @$again;
    fact($left, $fact);
    knows($_, 'old', 'alone', 'two', $fact) for $left, $comes;
    is($node{$_}->facts->{store}, $new, "$what: $_ is of the new store")
        for $left, $comes;
    voters_are("$what: two members", $comes, $left, $comes);
    is(scalar(grep { $_->{leads} } $node{$comes}->members), 1,
        "$what: one leads");
}
unlike($node{$_}->log, qr/event=raft\S*refused.*(?:store|cluster)/,
    "$_ took nobody for another cluster's") for $left, $comes;

# One of the old members, with all that it had: also while the recovered one
# starts again.
$node{$gone}->pass_over->launch;
ok($t->wait_for('the refusal', sub {
    $node{$gone}->log =~ /event=raft_refused.*(?:store|cluster)/;
}, 20), 'an old member is refused');
$node{$left}->kill->pass_over->launch;
fact($comes, 'beside');
isnt($node{$gone}->change('throttle ghost 1 never')->{outcome}, 'done',
    'it takes no changes');
ok(!$node{$gone}->acts, 'it does not act');
ok(!$node{$left}->throttles->{ghost}, 'and its facts are not theirs');
voters_are('two still', $left, $left, $comes);
is_deeply([Sluice::Consensus::overlaps(values %node)], [],
    'never did two act at once');

$t->done;
