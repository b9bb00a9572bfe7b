#!/usr/bin/perl

# A node finds less on its disk than it left there: all of raft's files are
# gone, and it is another node from then on, which must not vote as the one it
# was; or its founding was cut short, and it founds once more.

use warnings;
use strict;

use File::Path qw(make_path remove_tree);
use JSON::PP;
use Test::More;

use Sluice;
use Sluice::Consensus;
use Sluice::RaftFiles;
use Sluice::Voters;

###############################################################################

$ENV{SLUICE_CONSENSUS} = 'raft';
my $t = Sluice->new;
my @names = qw(a b c);
my $voters = Sluice::Consensus::store($t, @names);

sub node_json {
    my ($voters, $name) = @_;

    open my $fh, '<', $voters->data_dir($name) . '/sluice/node.json'
        or die "node.json of $name: $!";
    local $/;
    return decode_json(<$fh>);
}

sub fact {
    my ($node, $name) = @_;

    return ok($node->wait_for("the fact $name", sub {
        $node->change("throttle $name 1 never")->{outcome} eq 'done';
    }), "$node->{name} takes $name");
}

sub knows {
    my ($node, @names) = @_;
    my $want = join ' ', sort @names;

    # Of ghost nobody knows.
    return ok($node->wait_for("the facts $want", sub {
        $want eq join ' ', sort grep { $_ ne 'ghost' }
            keys %{ $node->throttles };
    }), "$node->{name} knows $want");
}

###############################################################################
# All files are gone, and who it was is not.

my %node = map { $_ => Sluice::Consensus->start($t, $voters, name => $_) }
    @names;
my @three = @node{@names};

ok(Sluice::Consensus::all_in(@three), 'three have a vote');
fact($node{a}, 'first');
knows($_, 'first') for @three;
$t->wait_for('all with the name of the store', sub {
    3 == grep { node_json($voters, $_)->{store} ne '' } @names;
}, 20);

{
    my ($lost) = grep { !$node{$_}->acts } @names;
    my @others = grep { $_ ne $lost } @names;
    my $was = node_json($voters, $lost);
    my ($one, $two) = @node{@others};

    $node{$lost}->kill->pass_over;
    remove_tree(Sluice::RaftFiles->new($voters->data_dir($lost))->dir,
        { keep_root => 1 });
    fact($one, 'second');
    $node{$lost}->launch;
    ok($t->wait_for('it says so', sub {
        $node{$lost}->log =~ /event=raft_log_lost .*under a new id/;
    }), 'its log is lost: it says so');
    my $is;
    ok($t->wait_for('another id', sub {
        $is = node_json($voters, $lost);
        $is->{id} ne $was->{id};
    }), 'it is another node now');
    is($is->{store}, '', 'of no store');

    my %role;
    ok($t->wait_for('it to wait', sub {
        %role = map { $_->{id} => $_->{role} } $one->members;
        ($role{ $is->{id} } // '') eq 'waiting';
    }, 20), 'it waits');
    is($role{ $was->{id} }, 'voter', 'the one that it was is a member still');
    fact($two, 'third');

    # Of the two that are left one cannot go on alone, whoever waits.
    my ($leader) = grep { $_->acts } $one, $two;
    my ($follower) = grep { $_ != $leader } $one, $two;
    $follower->stop;
    isnt($leader->change('throttle ghost 1 never')->{outcome}, 'done',
        'it has no vote');
    ok(!$node{$lost}->acts, 'and does not act');
    $follower->cont;
    fact($two, 'fourth');
    ok($one->wait_for('it to be replaced', sub {
        $one->change_members("replace $was->{id} " . $voters->address($lost))
            ->{outcome} eq 'done';
    }, 30), 'it is taken in instead');
    ok(Sluice::Consensus::all_in(@three), 'three have a vote');
    is_deeply([grep { $_->{id} eq $was->{id} } $one->members], [],
        'the one that it was is none of them');
    fact($node{$lost}, 'fifth');
    knows($_, qw(first second third fourth fifth)) for @three;
    $node{$lost}->wait_for('the name of the store', sub {
        node_json($voters, $lost)->{store} eq $was->{store};
    });
}
is_deeply([Sluice::Consensus::overlaps(@three)], [],
    'never did two act at once');
$_->kill for @three;

###############################################################################
# A founding that was cut short: libraft wrote its first file, and no more.

# As node.json is before a founding, with the address that it had.
sub cut_short {
    my ($voters, $name, $alone) = @_;
    my $raft = Sluice::RaftFiles->new($voters->data_dir($name));

    remove_tree($raft->dir, { keep_root => 1 });
    # Format, version, term, whom it voted for.
    open my $fh, '>:raw', $raft->path('metadata1') or die "metadata1: $!";
    print $fh pack 'Q<4', 1, 1, 1, 0;
    close $fh or die "metadata1: $!";
    my $node = node_json($voters, $name);
    $t->write_file("raft-$name/sluice/node.json",
        encode_json({ %$node, store => '', alone => $alone }));
    return node_json($voters, $name)->{id};
}

{
    my $one = Sluice::Consensus::store($t, 'solo');
    my $solo = Sluice::Consensus->start($t, $one, name => 'solo');

    fact($solo, 'before');
    $solo->kill->pass_over;
    my $id = cut_short($one, 'solo', JSON::PP::true);
    $solo->launch;
    fact($solo, 'anew');
    knows($solo, 'anew');
    is(node_json($one, 'solo')->{id}, $id, 'it is the same node still');
    $solo->kill->launch;
    knows($solo, 'anew');
    $solo->kill;
}

# Of three nodes one that founds, and one that only comes in.
for my $round (qw(founder other)) {
    my @new = map { "$_-$round" } @names;
    my $voters = Sluice::Consensus::store($t, @new);
    my ($first, $second) = sort {
        $voters->address($a) cmp $voters->address($b) } @new;
    my $cut = $round eq 'founder' ? $first : $second;
    # A node by itself only waits, and has drawn its id.
    my %new = ($cut => Sluice::Consensus->start($t, $voters, name => $cut));

    $t->wait_for("node.json of $cut", sub { node_json($voters, $cut) });
    $new{$cut}->kill;
    my $id = cut_short($voters, $cut, JSON::PP::false);
    $new{$cut}->launch;
    $new{$_} = Sluice::Consensus->start($t, $voters, name => $_)
        for grep { $_ ne $cut } @new;
    ok(Sluice::Consensus::all_in(@new{@new}), "$round: three have a vote");
    is(node_json($voters, $cut)->{id}, $id, "$round: it is the same node");
    fact($new{$cut}, 'one');
    knows($_, 'one') for @new{@new};
    $_->kill for values %new;
}

$t->done;
