package Sluice::Tcp;

# Servers that say who they are, echo lines and note how sessions end; and
# clients that notice it.

use warnings;
use strict;

use Exporter 'import';
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Test::More ();
use Time::HiRes qw(time);

our @EXPORT = qw(tcp_server tcp_notes tcp_ends tcp_client tcp_line tcp_ended
    tcp_refusal);

# Greets with "NAME\n". Notes (tcp_notes) are lines: open, eof, reset, and
# what clients said.
sub tcp_server {
    my ($t, $name, %opt) = @_;
    my $port = $t->port($opt{port} // $name);
    my $listener = IO::Socket::INET->new(LocalAddr => "127.0.0.1:$port",
        Listen => 4096, ReuseAddr => 1) or die "$name: $!";
    my $parent = $$;
    my $pid = fork // die "fork: $!";

    return { name => $name, port => $port, pid => $pid,
        notes => $t->dir . "/$name.notes" } if $pid;
    eval { serve($t, $name, $listener, $parent); 1 } or print STDERR $@;
    POSIX::_exit(0);
}

sub serve {
    my ($t, $name, $listener, $parent) = @_;
    my $select = IO::Select->new($listener);

    $listener->blocking(0);
    $SIG{PIPE} = 'IGNORE';
    open my $notes, '>>', $t->dir . "/$name.notes" or die;
    $notes->autoflush(1);
    while (getppid() == $parent) {
        for my $socket ($select->can_read(0.2)) {
            if ($socket == $listener) {
                while (my $client = $listener->accept) {
                    $client->blocking(0);
                    print $notes "open\n";
                    syswrite $client, "$name\n";
                    $select->add($client);
                }
                next;
            }
            my $n = sysread $socket, my $text, 65536;
            if ($n) {
                print $notes $text if $text !~ /^\.*$/;
                syswrite $socket, $text;
                next;
            }
            next if !defined $n && $!{EAGAIN};
            print $notes defined $n ? "eof\n" : "reset\n";
            # what is still to be said is said: half-close
            syswrite $socket, "bye\n" if defined $n;
            $select->remove($socket);
            close $socket;
        }
    }
}

sub tcp_notes {
    my ($server) = @_;

    open my $fh, '<', $server->{notes} or return ();
    return map { s/\n//r } <$fh>;
}

# How many sessions have ended, in whatever way.
sub tcp_ends {
    my ($server) = @_;

    return scalar grep { /^(eof|reset)$/ } tcp_notes($server);
}

sub tcp_client {
    my ($t, $port) = @_;

    return IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $t->port($port), Timeout => 5) // die "connect: $!";
}

# The next line, without its end; undef: none came, or the session ended.
sub tcp_line {
    my ($socket, $seconds) = @_;
    my $end = time + ($seconds // 5);
    my $line = '';

    while ($line !~ /\n/) {
        my $left = $end - time;

        return undef if $left <= 0;
        IO::Select->new($socket)->can_read($left) or return undef;
        sysread $socket, $line, 1, length $line or return undef;
    }
    return $line =~ s/\n//r;
}

# 1: the other side has ended it; 0: not within that time.
sub tcp_ended {
    my ($socket, $seconds) = @_;
    my $end = time + ($seconds // 5);

    while ((my $left = $end - time) > 0) {
        IO::Select->new($socket)->can_read($left) or last;
        my $n = sysread $socket, my $text, 65536;

        return 1 if !$n;
    }
    return 0;
}

# (number, text) of the ERR packet that a MySQL client would be given.
sub tcp_refusal {
    my ($socket, $seconds) = @_;
    my $got = '';
    my $end = time + ($seconds // 5);

    while ((my $left = $end - time) > 0) {
        IO::Select->new($socket)->can_read($left) or last;
        sysread $socket, $got, 65536, length $got or last;
    }
    my ($len, $high, $seq, $mark, $number, $text) = unpack 'v C C C v a*', $got;

    return () unless length $got > 7 && $len == length($got) - 4
        && $high == 0 && $seq == 0 && $mark == 255;
    return ($number, $text);
}

1;
