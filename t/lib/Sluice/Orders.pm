package Sluice::Orders;

# Orders on a Redis channel, as sluiced publishes them, from scratch: who
# listens is tested without sluiced.

use warnings;
use strict;

use IO::Socket::INET;

# address of Redis; channel, store; auth => [user, password].
sub new {
    my ($class, $address, %opt) = @_;

    return bless {
        address => $address, channel => 'chan', store => 'teststore',
        revision => 1, %opt
    }, $class;
}

# The text of an order; its revision is the next one if none is given.
sub text {
    my ($self, $kind, $key, %opt) = @_;
    my $revision = $opt{revision}
        // ($kind eq 'beat' ? $self->{revision} : ++$self->{revision});

    return sprintf 'sluice1 %s %s %s %s %s %s', $opt{store} // $self->{store},
        $revision, $kind, $opt{ratio} // ($kind eq 'throttle' ? 1 : 0),
        $opt{remaining} // 0, $key;
}

sub throttle { my ($self, @of) = @_; $self->say($self->text('throttle', @of)) }

sub unthrottle {
    my ($self, @of) = @_;

    return $self->say($self->text('unthrottle', @of));
}

sub beat { $_[0]->say($_[0]->text('beat', '')) }

# Publishes texts; how many heard each.
sub say {
    my ($self, @texts) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => $self->{address})
        or die "redis: $!\n";
    my $out = $self->{auth} ? command('AUTH', @{ $self->{auth} }) : '';
    my @heard;

    $out .= command('PUBLISH', $self->{channel}, $_) for @texts;
    syswrite $socket, $out;
    $self->{auth} and scalar <$socket> !~ /^\+OK/ and die "AUTH: $_\n";
    for (@texts) {
        my $line = <$socket> // die "redis closed the connection\n";
        die "redis: $line" unless $line =~ /^:(\d+)/;
        push @heard, $1;
    }
    return @heard;
}

sub command {
    return join '', '*', scalar @_, "\r\n",
        map { '$' . length($_) . "\r\n$_\r\n" } @_;
}

# What each worker says of itself.
sub workers {
    my ($t) = @_;
    my $body = $t->get(8080, '/sluice/counters')->{body};

    my @workers;
    push @workers, { pid => $1, connected => $2 eq 'true', orders => $3,
        garbage => $4 } while $body =~ /"Pid":(\d+),"Connected":(\w+),
        "Orders":(\d+),"Garbage":(\d+)/gx;
    return @workers;
}

# The workers that are not shutting down.
sub serving {
    my ($t) = @_;

    return grep { Sluice::Nginx::title($_) !~ /shutting down/ }
        $t->nginx_workers;
}

# Waits until every worker listens that answers checks.
sub wait_connected {
    my ($t, $seconds) = @_;

    return $t->wait_for('all workers to listen', sub {
        my %listens = map { $_->{pid} => $_->{connected} } workers($t);
        !grep { !$listens{$_} } serving($t);
    }, $seconds);
}

1;
