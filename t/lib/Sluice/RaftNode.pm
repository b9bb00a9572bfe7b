package Sluice::RaftNode;

# A voter that is sluiced itself, without nginx: its log, and its control API
# by its socket.

use warnings;
use strict;

use IO::Socket::UNIX;
use JSON::PP;

# conf => more keys, env => {}.
sub new {
    my ($class, $t, $voters, $name, %opt) = @_;
    my $self = bless { test => $t, name => $name,
        dir => "$t->{dir}/node-$name", env => $opt{env} // {} }, $class;

    $self->{conf} = {
        StateFile => "$self->{dir}/state", %{ $voters->conf($name) },
        Stores => { MySQL => { Clusters => {} } }, %{ $opt{conf} // {} },
    };
    return $self->start;
}

# Again, too; with these keys from now on.
sub start {
    my ($self, %keys) = @_;
    my $t = $self->{test};

    $self->{conf} = { %{ $self->{conf} }, %keys };
    $self->{daemon} = $t->sluiced(encode_json($self->{conf}),
        name => "sluiced-$self->{name}-" . ++$t->{raft_nodes},
        env => $self->{env});
    return $self;
}

sub daemon { return $_[0]{daemon} }
sub log { return $_[0]{daemon}->log }
sub kill { $_[0]{daemon}->kill; return $_[0] }

# Waits until it ended by itself; its exit status.
sub ended {
    my ($self, $what, $seconds) = @_;
    my $d = $self->{daemon};

    $d->{expected} = 1;
    return -1 if !$self->{test}->wait_for("$what: the end of $self->{name}",
        sub { !$d->alive }, $seconds // 20);
    return $d->{status} & 127 ? 128 + ($d->{status} & 127) : $d->{status} >> 8;
}

# { status, body }; nothing while it does not listen.
sub ask {
    my ($self, $path) = @_;
    my $socket = IO::Socket::UNIX->new(Peer => "$self->{dir}/control.sock")
        or return;

    local $SIG{PIPE} = 'IGNORE';
    local $SIG{ALRM} = sub { die "no answer to $path\n" };
    alarm 20;
    print $socket "GET $path HTTP/1.0\r\nHost: sluice\r\n\r\n";
    local $/;
    my $got = <$socket> // '';
    alarm 0;
    my ($status, $body) = $got =~ m{^HTTP/\S+ (\d+).*?\r\n\r\n(.*)}s or return;
    return { status => $status, body => $body };
}

sub says {
    my ($self, $path, $status) = @_;
    my $got = $self->ask($path);

    return $got && $got->{status} == $status;
}

sub leads {
    my ($self) = @_;
    my $got = $self->ask('/consensus/state');

    return $got && $got->{body} =~ /"Leader"/;
}

# Waits until it takes changes.
sub ready {
    my ($self, $what, $seconds) = @_;

    return $self->{test}->wait_for("$what: $self->{name} to take changes",
        sub { $self->says('/unthrottle-app/nobody', 200) }, $seconds // 20);
}

# Names of what is throttled.
sub throttled {
    my ($self) = @_;
    my $got = $self->ask('/throttled-apps');

    return $got && $got->{status} == 200
        ? sort keys %{ decode_json($got->{body}) } : ();
}

sub logs {
    my ($self, $pattern, $seconds) = @_;

    return $self->{test}->wait_for("$self->{name} to log $pattern",
        sub { $self->log =~ $pattern }, $seconds // 20);
}

1;
