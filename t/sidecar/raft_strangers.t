#!/usr/bin/perl

# Who has no business at the raft port: garbage, handshakes that are cut
# short, slow, or recorded from others, and ten thousand connections without a
# word. Meanwhile the same node leads, changes are taken as ever, and in the
# end nothing is left of them.

use warnings;
use strict;

use IO::Select;
use IO::Socket::INET;
use POSIX qw(sysconf _SC_OPEN_MAX);
use Test::More;
use Time::HiRes qw(sleep time);

use Sluice;
use Sluice::Kind;
use Sluice::RaftNode;
use Sluice::Voters;

###############################################################################

my $CONNECTIONS = 10_000;
my $BATCH = 500;

my $t = Sluice->new;
Sluice::Kind::needed($t->build, 'raft');
my $voters = Sluice::Voters->new($t, qw(a b c));
my %node = map { $_ => Sluice::RaftNode->new($t, $voters, $_) } qw(a b c);
my @three = @node{qw(a b c)};

$_->ready('at first', 30) for @three;
ok($three[0]->says('/throttle-app/kept', 200), 'three nodes take a change');
$t->wait_for('all know it', sub {
    3 == grep { join(' ', $_->throttled) eq 'kept' } @three;
}, 20);
my $leader = $t->wait_for('a leader', sub { (grep { $_->leads } @three)[0] }, 20);
my ($follower) = grep { $_ != $leader } @three;
my $address = $voters->address($leader->{name});

sub connect_to {
    my ($where) = @_;

    return IO::Socket::INET->new(PeerAddr => $where // $address, Timeout => 10);
}

# What comes until the other side hangs up, or for so long.
sub read_all {
    my ($socket, $seconds) = @_;
    my $select = IO::Select->new($socket);
    my $end = time + $seconds;
    my $got = '';

    while (time < $end) {
        next if !$select->can_read(0.1);
        return ($got, 1) if !sysread $socket, $got, 65536, length $got;
    }
    return ($got, 0);
}

# What the leader is, seen from outside.
sub fds { my @fds = glob "/proc/$leader->{daemon}{pid}/fd/*"; return scalar @fds }

sub cpu {
    my @f = split ' ', Sluice::Daemon::stat_of($leader->daemon->pid) =~
        s/.*\) //r;

    return ($f[11] + $f[12]) / 100;
}

sub leaderships { my @n = map { $_->log =~ /event=(?:leading|not_leading)/g } @three; return scalar @n }

my ($fds, $leaderships, $changes) = (fds(), leaderships(), 0);

# As ever: a change through each of two nodes, answered in good time.
sub all_well {
    my ($what) = @_;
    my $slowest = 0;
    my @bad;

    for my $node ($leader, $follower) {
        my $app = 'app' . ++$changes;
        my $start = time;
        my $got = $node->ask("/throttle-app/$app");

        push @bad, "$app by $node->{name}: " . ($got ? $got->{status} : 'no answer')
            if !$got || $got->{status} != 200;
        $slowest = time - $start if time - $start > $slowest;
    }
    is("@bad", '', "$what: changes are taken");
    cmp_ok($slowest, '<', 2, "$what: in good time");
    is(leaderships(), $leaderships, "$what: nobody else leads");
    return;
}

sub as_before {
    my ($what) = @_;

    return ok($t->wait_for("$what: as many descriptors as before",
        sub { fds() <= $fds + 2 }, 20), "$what: nothing is left of them");
}

all_well('before');
$fds = fds();

###############################################################################
# A handshake to show again: a fourth node, of the same secret, takes a relay
# for another node and talks to the leader through it.

my $listener = IO::Socket::INET->new(LocalAddr => $voters->address('relay'),
    Listen => 5, ReuseAddr => 1) or die "listen: $!";
my $fourth = Sluice::RaftNode->new($t, $voters, 'fourth', conf => {
    RaftBind => $voters->address('fourth'),
    RaftNodes => [$voters->address('relay'), $voters->address('fourth'),
        $voters->address('z')],
    RaftDataDir => $voters->data_dir('fourth'),
});
my @recorded = ('', '');

# Passes on what comes for a while; what each side said.
sub relay {
    my ($from) = @_;
    my $to = connect_to();
    my %other = ($from => $to, $to => $from);
    my %said = ($from => '', $to => '');
    my $select = IO::Select->new($from, $to);
    my $end = time + 2;

    while (time < $end && $select->count == 2) {
        for my $socket ($select->can_read(0.1)) {
            my $n = sysread $socket, my $bytes, 65536;

            if (!$n) {
                $select->remove($socket);
                next;
            }
            $said{$socket} .= $bytes;
            syswrite $other{$socket}, $bytes;
        }
    }
    close $_ for $from, $to;
    return @said{$from, $to};
}

for (1 .. 20) {
    last if !IO::Select->new($listener)->can_read(10);
    my ($client, $server) = relay($listener->accept);

    @recorded = ($client, $server);
    last if length $client > 100 && length $server > 100;
}
close $listener;
$fourth->kill;
my ($client_said, $server_said) = @recorded;
cmp_ok(length $client_said, '>', 100, 'a handshake was recorded, the client');
cmp_ok(length $server_said, '>', 100, 'and the server');
my $hello = substr $client_said, 0, 4 + unpack 'L<', $client_said;
cmp_ok(length $hello, '<', 100, 'of which the first message is known');

for my $how ('at once', 'message by message') {
    my $socket = connect_to();

    if ($how eq 'at once') {
        syswrite $socket, $client_said;
    } else {
        syswrite $socket, $hello;
        IO::Select->new($socket)->can_read(5);
        syswrite $socket, substr $client_said, length $hello;
    }
    my ($got, $hung_up) = read_all($socket, 10);

    ok($hung_up, "a recorded handshake, $how: is hung up on");
    # A challenge, and a refusal; no welcome, which is longer than both.
    cmp_ok(length $got, '<', length $server_said,
        "a recorded handshake, $how: gets less than the one that it was");
    isnt(substr($got, 0, 60), substr($server_said, 0, 60),
        "a recorded handshake, $how: another challenge");
}
ok($leader->logs(qr/event=raft_port_refused .*another secret/),
    'a recorded handshake: logged');
all_well('after recorded handshakes');
as_before('recorded handshakes');

###############################################################################
# Garbage, and halves

srand 1;
my @garbage = (
    "GET / HTTP/1.0\r\n\r\n", "\0" x 4096, "\xff" x 4096, "\x16\x03\x01\x02\0\x01",
    pack('L<', 1024), pack('L<a*', 1, "\x01"), pack('L<', 0xffffffff),
    (map { join '', map { chr rand 256 } 1 .. 1 + rand 5000 } 1 .. 200),
    (map { substr $client_said, 0, $_ } 1 .. length($hello) + 40),
    (map { my $bytes = $client_said; substr($bytes, rand length $bytes, 1) =
        chr rand 256; $bytes } 1 .. 100),
);
my $cpu = cpu();
my @open;

for my $bytes (@garbage) {
    my $socket = connect_to() or next;

    local $SIG{PIPE} = 'IGNORE';
    syswrite $socket, $bytes;
    push @open, $socket if rand() < 0.5;    # the others hang up at once
}
all_well('among garbage');
my @still = grep { !(read_all($_, 15))[1] } @open;
is(scalar @still, 0, 'garbage: all are hung up on');
@open = ();
like($leader->log, qr/event=raft_port_stranger/, 'garbage: logged');
my @lines = $leader->log =~ /event=raft_port_(?:stranger|refused)/g;
cmp_ok(scalar @lines, '<', 30, 'garbage: not each is');
as_before('garbage');
cmp_ok(cpu() - $cpu, '<', 10, 'garbage: little of the processor');

###############################################################################
# One byte each 100 ms: it has a second

my $slow = connect_to();
my $start = time;
my $sent = 0;

while ($sent < length $hello && time < $start + 15) {
    local $SIG{PIPE} = 'IGNORE';
    last if IO::Select->new($slow)->can_read(0);
    syswrite $slow, substr $hello, $sent++, 1 or last;
    sleep 0.1;
}
cmp_ok($sent, '<', length $hello, 'one byte after the other: it is not waited for');
all_well('a slow one');

###############################################################################
# Many without a word

$cpu = cpu();
my ($most, $opened) = (0, 0);
my $held = sysconf(_SC_OPEN_MAX) - 200;    # as many as we may
my @idle;

for my $batch (1 .. $CONNECTIONS / $BATCH) {
    for (1 .. $BATCH) {
        my $socket = connect_to() or next;

        push @idle, $socket;
        shift @idle if @idle > $held;
        $opened++;
    }
    $most = fds() if fds() > $most;
    all_well("$opened connections") if $batch % 5 == 0;
}
cmp_ok($opened, '>=', $CONNECTIONS * 0.99, "$opened connections were opened");
cmp_ok($most, '<=', $fds + 128 + 20, "at most $most descriptors, of $fds");
as_before('idle ones, which still hold on');
@idle = ();
all_well('after them');
cmp_ok(cpu() - $cpu, '<', 20, 'idle ones: little of the processor');
as_before('idle ones');

###############################################################################

my @known = sort 'kept', map { "app$_" } 1 .. $changes;
for my $node (@three) {
    ok($t->wait_for("the facts of $node->{name}", sub {
        join(' ', $node->throttled) eq join ' ', @known;
    }), "$node->{name}: the facts are what they should be");
}
is(leaderships(), $leaderships, 'nobody else led');

$t->done;
