package Sluice::Net;

# A network of the test's own, one network namespace for each node, so that
# what one node says to another can be lost. It needs root, and is gone with
# the test.

use warnings;
use strict;

use Test::More;

use Sluice::Voters;

# Of every node, in the order of the names: one for raft, which can be cut,
# and another for everything else.
my @NETS = ('10.91.1', '10.91.2');
my $RAFT_PORT = 10008;

my @nets;

# The test ends here where there can be no namespaces.
sub needed {
    plan(skip_all => 'network namespaces need root') if $> != 0;
    my $name = "sl$$-try";
    remove_stale();
    my $text = `ip netns add $name 2>&1 && ip netns del $name 2>&1`;

    plan(skip_all => "no network namespaces here: $text") if $?;
    return;
}

# Of tests that were killed.
sub remove_stale {
    system "ip netns del $_" for grep { /^sl(\d+)-/ && !kill 0, $1 }
        map { s{.*/}{}r } glob '/run/netns/sl*';
    return;
}

# All nodes on one bridge. It stands in a namespace too: the machine's own
# network knows nothing of this.
sub new {
    my ($class, @names) = @_;
    my $self = bless {
        pid => $$, names => [@names], hub => "sl$$-hub",
        number => { map { $names[$_] => $_ + 1 } 0 .. $#names },
    }, $class;

    push @nets, $self;
    ip("netns add $self->{hub}");
    ip("-n $self->{hub} link add name hub0 type bridge",
        "-n $self->{hub} link set hub0 up");
    $self->plug($_) for @names;
    $self->heal;
    return $self;
}

sub plug {
    my ($self, $name) = @_;
    my $hub = "-n $self->{hub} link";
    my $space = $self->space($name);
    my $port = "p$self->{number}{$name}";

    ip("netns add $space");
    ip("$hub add $port type veth peer name eth0 netns $space",
        "$hub set $port master hub0 up",
        "-n $space link set eth0 address " . $self->mac($name),
        "-n $space link set lo up", "-n $space link set eth0 up");
    ip("-n $space addr add " . address_in($_, $self->{number}{$name})
        . '/24 dev eth0') for @NETS;
    return;
}

sub ip {
    for my $words (@_) {
        my $out = `ip $words 2>&1`;

        die "ip $words: $out" if $?;
    }
    return;
}

sub address_in { return "$_[0].$_[1]" }
sub space { return "sl$_[0]{pid}-$_[1]" }
sub mac { return sprintf '02:00:00:00:91:%02x', $_[0]{number}{$_[1]} }

# The node's address of raft, and of everything else.
sub raft_ip { return address_in($NETS[0], $_[0]{number}{$_[1]}) }
sub other_ip { return address_in($NETS[1], $_[0]{number}{$_[1]}) }

# What goes before a command to run it there. It stays the same process.
sub within { return ('ip', 'netns', 'exec', $_[0]->space($_[1])) }

# Voters, one in each namespace; further names are known when asked for.
sub voters {
    my ($self, $t, @names) = @_;

    return Sluice::Net::Voters->of($self, $t, @names);
}

###############################################################################
# Cuts. A node sends to the address of an interface that nobody has: what it
# sends is lost on the way, without a word, as on a wire that is cut. Only
# raft's network is; connections that are open feel it as well.

sub cut_one_way {
    my ($self, $from, $to) = @_;

    return $self->point($from, $to, '02:00:00:00:00:ff');
}

sub cut {
    my ($self, $one, $other) = @_;

    $self->cut_one_way($one, $other);
    return $self->cut_one_way($other, $one);
}

# From all the others, both ways.
sub isolate {
    my ($self, $name) = @_;

    $self->cut($name, $_) for grep { $_ ne $name } @{ $self->{names} };
    return;
}

sub heal {
    my ($self) = @_;

    for my $from (@{ $self->{names} }) {
        $self->point($from, $_, $self->mac($_))
            for grep { $_ ne $from } @{ $self->{names} };
    }
    return;
}

sub point {
    my ($self, $from, $to, $mac) = @_;

    return ip('-n ' . $self->space($from) . ' neigh replace '
        . $self->raft_ip($to) . " lladdr $mac dev eth0 nud permanent");
}

# Whether what $from says, by datagram, gets to $to.
sub hears {
    my ($self, $from, $to) = @_;
    my $address = $self->raft_ip($to) . ':7000';
    my $pid = open my $hear, '-|', $self->within($to), $^X, '-e', <<'END',
use IO::Socket::INET;
alarm 20;
my $socket = IO::Socket::INET->new(LocalAddr => $ARGV[0], Proto => 'udp');
$| = 1;
print "ready\n";
vec(my $ready = '', fileno $socket, 1) = 1;
print select($ready, undef, undef, 0.3) ? "heard\n" : "nothing\n";
END
        $address or die "perl: $!";
    my $ready = <$hear>;

    system $self->within($from), $^X, '-MIO::Socket::INET', '-e',
        'IO::Socket::INET->new(PeerAddr => $ARGV[0], Proto => "udp")->send("x")',
        $address;
    my $said = <$hear>;
    close $hear;
    return $said eq "heard\n";
}

###############################################################################

sub remove {
    my ($self) = @_;

    return if $self->{pid} != $$;
    system "ip netns del $_ 2>/dev/null"
        for $self->{hub}, map { $self->space($_) } @{ $self->{names} };
    return;
}

END {
    my $status = $?;

    $_->remove for @nets;
    $? = $status;
}

package Sluice::Net::Voters;

our @ISA = ('Sluice::Voters');

sub of {
    my ($class, $net, $t, @names) = @_;

    return bless { test => $t, net => $net, names => [@names] }, $class;
}

sub address { return $_[0]{net}->raft_ip($_[1]) . ":$RAFT_PORT" }

1;
