#!/usr/bin/perl

# Members come and go: added, removed, replaced, by whichever node is asked;
# what would be dangerous is refused; and when a majority is lost for good, one
# that is left begins anew with all its facts.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(sleep);

use Sluice;
use Sluice::Consensus;
use Sluice::Kind;
use Sluice::Voters;

###############################################################################

my $t = Sluice->new;
Sluice::Kind::needed($t->build, 'raft');
my $voters = Sluice::Voters->new($t, qw(a b c));
my %node;

sub start {
    my ($name) = @_;

    $node{$name} = Sluice::Consensus->start($t, $voters, name => $name,
        conf => { Domain => '"prod"' });
    return $node{$name};
}

sub address { return $voters->address($_[0]) }

# The members as $name is told, by name: { role => …, id => … }.
sub members {
    my ($name) = @_;
    my %of = map { address($_) => $_ } qw(a b c d e f g);

    return map { $of{ $_->{address} } // $_->{address} => $_ }
        $node{$name}->members;
}

# Waits until $asked says that the members have these roles.
sub roles {
    my ($what, $asked, %want) = @_;
    my %seen;

    $t->wait_for($what, sub {
        my %all = members($asked);

        %seen = map { $_ => $all{$_}{role} } keys %all;
        join(' ', map { "$_ $seen{$_}" } sort keys %seen)
            eq join ' ', map { "$_ $want{$_}" } sort keys %want;
    }, 30);
    return is_deeply(\%seen, \%want, $what);
}

sub voters_are { my ($what, $asked, @names) = @_;
    return roles($what, $asked, map { $_ => 'voter' } @names) }

sub leader {
    my (@among) = @_;

    return $t->wait_for('a leader', sub {
        (grep { $node{$_}->alive && $node{$_}->acts }
            @among ? @among : sort keys %node)[0];
    }, 20);
}

# One of these that does not lead.
sub follower {
    my (@among) = @_;
    my $leader = leader();

    return (grep { $_ ne $leader } @among)[0];
}

# Asks until it is done: leadership may change at any time.
sub does {
    my ($asked, $words, $what) = @_;
    my $got;

    $t->wait_for($what, sub {
        $got = $node{$asked}->change_members($words);
        $got->{outcome} eq 'done';
    }, 30);
    is($got->{outcome}, 'done', $what) or diag($got->{text});
    return $got;
}

sub refuses {
    my ($asked, $words, $why, $what) = @_;
    my $got = $node{$asked}->change_members($words);

    is($got->{outcome}, 'refused', "$what: refused");
    like($got->{text}, $why, '… and says why');
    return;
}

my $facts = 0;

# A fact more, through this node, and all of these have all.
sub fact {
    my ($through, @all) = @_;
    my $n = ++$facts;

    $t->wait_for("fact $n", sub {
        $node{$through}->change("throttle app$n 1 never")->{outcome} eq 'done';
    }, 30);
    has_facts($_) for @all;
    return;
}

sub has_facts {
    my ($name) = @_;
    my @want = map { "app$_" } 1 .. $facts;
    my $got = '';

    $t->wait_for("the facts of $name", sub {
        $got = join ' ', sort keys %{ $node{$name}->throttles };
        $got eq join ' ', sort @want;
    }, 20);
    return is($got, join(' ', sort @want), "$name has all $facts facts");
}

###############################################################################
# Three become five.

# A newcomer that is there first founds nothing, and nobody takes it in.
start($_) for qw(g a b c);
roles('three', 'a', g => 'waiting', map { $_ => 'voter' } qw(a b c));
is(scalar(() = $node{g}->leases), 0, 'a newcomer does not begin by itself');
(delete $node{g})->kill;
voters_are('three', 'a', qw(a b c));
is(scalar(grep { $_->{leads} } values %{ { members('b') } }), 1, 'one leads');
fact('b', qw(a b c));
refuses('a', 'add ' . address('d'), qr/nobody waits/, 'adding who is not there');

start('d');
roles('a newcomer waits', 'b', d => 'waiting',
    map { $_ => 'voter' } qw(a b c));

# The leader is lost in the middle of it: the next one ends what it began.
{
    my $leader = leader();
    my $other = follower(qw(a b c));
    my $said = () = $node{$other}->events('member');

    $node{d}->stop;
    $node{$other}->say('add ' . address('d'));
    roles('it is in, and not yet a voter', $other, d => 'catching',
        map { $_ => 'voter' } qw(a b c));
    refuses($other, 'add ' . address('d'), qr/is a member already/,
        'adding it once more');
    my ($third) = grep { $_ ne $leader && $_ ne $other } qw(a b c);
    refuses($third, 'remove ' . address($other),
        qr/another change of members is under way/, 'two changes at once');
    $node{$leader}->kill;
    is($t->wait_for('the answer', sub {
        ($node{$other}->events('member'))[$said + 1] })->{outcome}, 'unknown',
        'whether it was added nobody can say, who asked is told');
    $node{d}->cont;
    voters_are('added in the end', $other, qw(a b c d));
    $node{$leader}->launch;
}
fact('d', qw(a b c d));
refuses('d', 'add ' . address('d'), qr/is a member already/, 'adding it again');
refuses('a', 'remove 127.0.0.1:1', qr/no member is called/,
    'removing who is none');
start('e');
roles('another one', 'd', e => 'waiting', map { $_ => 'voter' } qw(a b c d));
does('e', 'add ' . address('e'), 'added, by itself');
voters_are('five', 'e', qw(a b c d e));
fact('e', qw(a b c d e));

# Two survive that.
{
    my $leader = leader();
    my $other = follower(qw(a b c));
    my @left = grep { $_ ne $leader && $_ ne $other } qw(a b c d e);

    $node{$_}->kill for $leader, $other;
    fact($left[0], @left);
    # Of the four that there would be three have to live.
    refuses($left[1], 'remove ' . address(follower(@left)),
        qr/2 of 4 voters would be alive/, 'removing one of three that live');
    $node{$_}->launch for $leader, $other;
    voters_are('five again', $left[0], qw(a b c d e));
    has_facts($_) for $leader, $other;
}

###############################################################################
# One goes. It goes on asking, and disturbs nobody.

{
    my $leader = leader();
    my ($goes) = grep { $_ ne $leader } qw(e d);

    refuses($goes, 'remove ' . address($leader), qr/leads; stop it/,
        'removing the leader');
    does($goes, 'remove ' . address($goes), 'one removes itself');

    my @left = grep { $_ ne $goes } qw(a b c d e);
    my @others = map { $node{$_} } grep { $_ ne $leader } @left;
    my $spans = () = map { $_->spans } @others;
    # Several elections' time.
    sleep 1.5;
    is(scalar(() = map { $_->spans } @others), $spans,
        'the removed one disturbs nobody: no other led');
    ok(!$node{$goes}->acts, 'and it does not act');
    fact($left[0], @left);
    $node{$goes}->kill;
    roles('four', $left[0], map { $_ => 'voter' } @left);
    my ($fourth) = grep { $_ ne leader() } grep { /[de]/ } @left;
    if (defined $fourth) {
        does('a', "remove " . address($fourth), 'a second one goes');
        $node{$fourth}->kill;
    } else {
        # It leads: stopped it hands over.
        ($fourth) = grep { /[de]/ } @left;
        is($node{$fourth}->term, 0, 'the leader hands over');
        does('a', "remove " . address($fourth), 'a second one goes');
    }
    voters_are('three', 'a', qw(a b c));
    $voters->forget($_) for qw(d e);
    delete @node{qw(d e)};
}

###############################################################################
# One is dead: another takes its place.

# A dead one and two living ones: neither of those can be done without.
my $dead = follower(qw(c b a));
my @living = grep { $_ ne $dead } qw(a b c);
my %old = members($living[0]);
$node{$dead}->kill;
fact($living[0], @living);
$t->wait_for('its silence', sub {
    my %all = members($living[0]);
    $all{$dead}{heard} < 0 || $all{$dead}{heard} > 1000;
});
refuses(leader(@living), 'remove ' . address(follower(@living)),
    qr/1 of 2 voters would be alive/, 'removing one of two that live');
refuses($living[1], 'replace ' . address($dead) . ' ' . address('f'),
    qr/nobody waits/, 'replacing it by who is not there');
start('f');
roles('its successor waits', $living[0], f => 'waiting',
    map { $_ => 'voter' } qw(a b c));
does('f', 'replace ' . address($dead) . ' ' . address('f'),
    'replaced, at another address');
voters_are('three', $living[0], @living, 'f');
fact('f', @living, 'f');

# Its disk is lost, its address is not: whoever comes is another node.
$voters->forget($dead);
delete $node{$dead};
my $lost = follower(@living);
my $kept = (grep { $_ ne $lost } @living)[0];
%old = members($kept);
$node{$lost}->kill;
$voters->forget($lost);
$node{$lost}->launch;
fact('f', $kept, 'f');
my %now;
$t->wait_for('it to come back', sub {
    %now = ();
    push @{ $now{ $_->{address} } }, $_ for $node{f}->members;
    @{ $now{ address($lost) } } == 2;
}, 20);
my ($was) = grep { $_->{role} eq 'voter' } @{ $now{ address($lost) } };
my ($is) = grep { $_->{role} eq 'waiting' } @{ $now{ address($lost) } };
is($was->{id}, $old{$lost}{id}, 'a lost disk: the member is the old one');
isnt($is->{id}, $was->{id}, 'who came back is another one, and waits');
$t->wait_for('the silence of the old one', sub {
    my ($m) = grep { $_->{id} eq $was->{id} } $node{f}->members;
    $m->{heard} < 0 || $m->{heard} > 1000;
});
does($kept, "replace $was->{id} $is->{id}", 'replaced, at the same address');
voters_are('three', 'f', @living, 'f');
is({ members('f') }->{$lost}{id}, $is->{id}, 'by the new one');
fact($lost, @living, 'f');

###############################################################################
# A majority is lost for good.

my $left = leader();
my @gone = grep { $_ ne $left } @living, 'f';
$node{$_}->kill for $left, @gone;
my $conf = $t->dir . "/$left.json";
my ($store) = $node{$left}->last_event('facts')->{store};
my @sluiced = ("$t->{build}/sluiced", '--raft-recover', '-c', $conf);

my ($rc, $out, $err) = $t->run_command(@sluiced);
is($rc, 0, '--raft-recover shows') or diag($err);
like($out, qr/^store +\Q$store\E$/m, 'the store');
like($out, qr/\Q${\address($_)}\E/, "the member $_") for @gone;
like($out, qr/\Q${\address($left)}\E  \(this node\)/, 'and this node');
like($out, qr/--yes/, 'and what to do');
($rc, $out, $err) = $t->run_command(@sluiced, '--yes');
is($rc, 0, '--raft-recover --yes') or diag($err);
($rc, $out, $err) = $t->run_command(@sluiced, '--yes');
is($rc, 0, 'and again') or diag($err);

$node{$left}->launch;
is(leader($left), $left, 'it leads alone');
has_facts($left);
isnt($node{$left}->facts->{store}, $store, 'another store');
voters_are('alone', $left, $left);
fact($left, $left);

# One of the old members comes back.
my ($back, $other) = @gone;
$node{$back}->launch;
$t->wait_for('the refusal', sub {
    $node{$back}->log =~ /event=raft_refused.*(?:store|cluster)/;
}, 20);
like($node{$back}->log, qr/event=raft_refused.*(?:store|cluster)/,
    'an old member is refused');
is($node{$back}->change('throttle ghost 1 never')->{outcome}, 'refused',
    'and takes no changes');
fact($left, $left);
voters_are('alone still', $left, $left);
$node{$back}->kill;

# Two with empty disks are added.
$voters->forget($_) for @gone;
for my $name (@gone) {
    $node{$name}->launch;
    $t->wait_for("$name to wait", sub {
        ({ members($left) }->{$name}{role} // '') eq 'waiting';
    }, 20);
    does($left, 'add ' . address($name), "$name is added");
}
voters_are('three', $gone[1], $left, @gone);
fact($gone[0], $left, @gone);
$node{$left}->kill;
fact($gone[1], @gone);

is_deeply([Sluice::Consensus::overlaps(values %node)], [],
    'never did two act at once');

$t->done;
