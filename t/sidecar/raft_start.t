#!/usr/bin/perl

# What a node finds when it starts: another's directory, a copy of one, a
# newer one, freno's files, another address, a port that is taken, another
# secret, another cluster. Each time it says what is wrong, and no cluster
# comes to harm.

use warnings;
use strict;

use IO::Socket::INET;
use JSON::PP;
use Test::More;

use Sluice;
use Sluice::Kind;
use Sluice::RaftNode;
use Sluice::Voters;

###############################################################################

my $t = Sluice->new;
Sluice::Kind::needed($t->build, 'raft');

sub copy_dir {
    my ($from, $to) = @_;

    system('cp', '-a', $from, $to) == 0 or die 'cp';
}

sub refuses {
    my ($node, $what, $pattern) = @_;

    is($node->ended($what), 1, "$what: status 1");
    like($node->log, $pattern, "$what: it says so");
}

sub read_node_json {
    my ($dir) = @_;

    open my $fh, '<', "$dir/sluice/node.json" or die "$dir: $!";
    local $/;
    return decode_json(<$fh>);
}

sub write_node_json {
    my ($dir, $node) = @_;

    open my $fh, '>', "$dir/sluice/node.json" or die "$dir: $!";
    print $fh encode_json($node);
    close $fh or die $!;
}

###############################################################################
# One voter

my $solo = Sluice::Voters->new($t, 'solo');
my $dir = $solo->data_dir('solo');

# freno's files lie there already.
mkdir $dir or die;
mkdir "$dir/snapshots" or die;
$t->write_file('raft-solo/freno-raft.db', "freno's\n");
$t->write_file('raft-solo/snapshots/2-18-1', "freno's too\n");

my $one = Sluice::RaftNode->new($t, $solo, 'solo');
ok($one->ready('at first'), 'a voter');
ok($one->says('/throttle-app/kept', 200), 'takes a change');
my @about_freno = $one->log =~ /(event=freno_files .*)/g;
is(scalar @about_freno, 1, "freno's files: one line");
like($about_freno[0], qr/freno-raft\.db .*left alone/, 'of which, and what of them');
is($t->read_file('raft-solo/freno-raft.db'), "freno's\n", 'they are left alone');
is($t->read_file('raft-solo/snapshots/2-18-1'), "freno's too\n", 'all of them');
is(join(' ', sort map { s{.*/}{}r } glob "$dir/*"),
    'freno-raft.db sluice snapshots', 'and ours is beside them');

# Another sluiced on the same directory, with a port of its own.
my $second = Sluice::RaftNode->new($t, $solo, 'second',
    conf => { RaftDataDir => $dir, RaftBind => $solo->address('second') });
refuses($second, 'a second sluiced',
    qr/event=not_started .*raft-solo\S*: another sluiced uses this RaftDataDir/);
ok($one->says('/throttle-app/still', 200), 'the first goes on');
$one->kill;

$one->start(Domain => 'other');
refuses($one, 'another domain',
    qr/event=not_started .*node\.json: belongs to a cluster of domain .*and Domain is .*other/);
delete $one->{conf}{Domain};

my $mine = read_node_json($dir);
write_node_json($dir, { %$mine, version => 2 });
$one->start;
refuses($one, 'a newer node.json',
    qr/event=not_started .*node\.json: a newer sluiced wrote this: upgrade this one/);
is(read_node_json($dir)->{version}, 2, 'a newer node.json is left as it is');
write_node_json($dir, $mine);

# Its port is another's.
my $taken = IO::Socket::INET->new(LocalAddr => $solo->address('taken'),
    Listen => 1, ReuseAddr => 1) or die "listen: $!";
$one->start(RaftBind => $solo->address('taken'));
refuses($one, 'a port that is taken', qr/event=not_started .*\Q${\ $solo->address('taken') }\E: another process listens there/);
is(read_node_json($dir)->{address}, $solo->address('solo'),
    'a port that is taken: the address is as it was');

# Alone it may be called something else.
my $moved = $solo->address('moved');
$one->start(RaftBind => $moved);
ok($one->ready('moved'), 'alone, with another address: it starts');
like($one->log, qr/event=raft_address was=\S+ is=\Q$moved\E/, 'and says so');
is(read_node_json($dir)->{address}, $moved, 'and is called so from now on');
is(join(' ', $one->throttled), 'kept still', 'its facts are what they were');
$one->kill;
$one->start;
ok($one->ready('moved, again'), 'and once more');
$one->kill;

###############################################################################
# Three

my $voters = Sluice::Voters->new($t, qw(a b c));
my %node = map { $_ => Sluice::RaftNode->new($t, $voters, $_) } qw(a b c);
my @three = @node{qw(a b c)};

# When a change went through each of them, and all are members.
sub all_well {
    my ($what, @which) = @_;
    my $mark = 'mark' . ++$t->{marks};
    my $well = $which[0]->ready($what, 30);

    $well &&= $t->wait_for("$what: a change",
        sub { $which[0]->says("/throttle-app/$mark", 200) }, 20);
    for my $node (@which) {
        $well &&= $t->wait_for("$what: $node->{name} knows it",
            sub { grep { $_ eq $mark } $node->throttled }, 20);
    }
    return ok($well, "$what: all is well");
}

all_well('three', @three);
$t->wait_for("all with the store's name", sub {
    !grep { read_node_json($voters->data_dir($_))->{store} eq '' } qw(a b c);
}, 20);

# One is called something else: the others know it by its name.
$node{c}->kill;
$node{c}->start(RaftBind => $voters->address('d'),
    RaftNodes => [map { $voters->address($_) } qw(a b d)]);
refuses($node{c}, 'a member with another address',
    qr/event=not_started .*the others call this node \Q${\ $voters->address('c') }\E: remove it/);
$node{c}->start(%{ $voters->conf('c') });
all_well('with its address again', @three);

# Another secret.
$node{c}->kill;
my $before = join ' ', $node{a}->throttled;
$node{c}->start(RaftSecret => 'not the secret of the others');
ok($node{c}->logs(qr/event=raft_refused .*another secret|event=raft_port_refused .*another secret/),
    'another secret: it says so');
ok($t->wait_for('a node that says so', sub {
    grep { $_->log =~ /event=(?:raft_port_refused|raft_refused|raft_peer_unreachable) .*another secret/ } @node{qw(a b)};
}, 20), 'another secret: the others too');
all_well('without the one of another secret', @node{qw(a b)});
ok(!$node{c}->says('/throttle-app/alone', 200), 'it alone takes no change');
$node{c}->kill;
$node{c}->start(%{ $voters->conf('c') });
all_well('with its secret again', @three);

# A copy of a data directory, at another address: it is refused as it is.
# Where somebody told it that it is called so, there are two of one id.
my $leader = $t->wait_for('a leader', sub { (grep { $_->leads } @three)[0] }, 20);
my ($original) = grep { $_ != $leader } @three;
my $copied_dir = "$t->{dir}/raft-copy";
copy_dir($voters->data_dir($original->{name}), $copied_dir);
my $copied = read_node_json($copied_dir);
my $copy = Sluice::RaftNode->new($t, $voters, 'copy', conf => {
    RaftDataDir => $copied_dir, RaftBind => $voters->address('copy'),
    RaftNodes => [map { $voters->address($_) }
        $leader->{name}, $original->{name}, 'copy'],
});
refuses($copy, 'a copy', qr/event=not_started .*the others call this node/);
write_node_json($copied_dir, { %$copied, address => $voters->address('copy') });
$copy->start;
ok($copy->logs(qr/the same node id/),
    'a copy: it says that there is another of its id');
ok($original->logs(qr/the same node id/),
    'a copy: so does the one that was copied');
ok($leader->logs(qr/event=raft_refused .*the node id of another member/),
    'a copy: and the one that leads');
all_well('beside a copy', @three);
ok(!$copy->says('/throttle-app/copied', 200), 'a copy: takes no change');
$original->kill;
all_well('beside a copy, without the one that was copied',
    grep { $_ != $original } @three);
ok(!$copy->leads, 'a copy: does not lead');
$copy->kill;
$original->start;
all_well('without the copy', @three);

# The directory of another cluster, where its facts are other facts.
my $strange = Sluice::Voters->new($t, 'strange');
my $other = Sluice::RaftNode->new($t, $strange, 'strange');
ok($other->ready('another cluster'), 'another cluster');
ok($other->says('/throttle-app/foreign', 200), 'with facts of its own');
$t->wait_for('its store', sub {
    read_node_json($strange->data_dir('strange'))->{store} ne '';
});
$other->kill;
$node{c}->kill;
my $foreign = read_node_json($strange->data_dir('strange'));
write_node_json($strange->data_dir('strange'), { %$foreign,
    alone => JSON::PP::false, address => $voters->address('c') });
my $intruder = Sluice::RaftNode->new($t, $voters, 'intruder', conf => {
    RaftDataDir => $strange->data_dir('strange'),
    RaftBind => $voters->address('c') });
ok($intruder->logs(qr/member of another cluster/), 'another cluster: it says so');
ok($t->wait_for('a node that refuses it', sub {
    grep { $_->log =~ /member of another cluster/ } @node{qw(a b)};
}, 20), 'another cluster: the others too');
all_well('beside one of another cluster', @node{qw(a b)});
is(scalar(grep { $_ eq 'foreign' } map { $_->throttled } @node{qw(a b)}), 0,
    'its facts are not theirs');
$intruder->kill;
$node{c}->start;
all_well('in the end', @three);
like(join(' ', $node{c}->throttled), qr/\bmark1\b/, 'and all is still known');

$t->done;
