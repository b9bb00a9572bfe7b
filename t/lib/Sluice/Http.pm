package Sluice::Http;

# HTTP for tests, byte by byte: what is sent and what comes back is the test's
# business, so no client stands between.

use warnings;
use strict;

use Exporter 'import';
use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(time);

our @EXPORT_OK = qw(http_request http_raw);

# Sends the text and reads to the end of the connection.
sub http_raw {
    my ($address, $text, $seconds) = @_;
    my $end = time + ($seconds // 10);
    my $socket = IO::Socket::INET->new(PeerAddr => $address, Timeout => 5)
        or die "connect $address: $!\n";
    my ($got, $n) = ('');

    local $SIG{PIPE} = 'IGNORE';
    $socket->autoflush(1);
    $socket->print($text);
    my $select = IO::Select->new($socket);
    while ($end > time) {
        next unless $select->can_read(0.5);
        $n = $socket->sysread($got, 65536, length $got);
        last unless $n;
    }
    $socket->close;
    die "no answer from $address in time\n" unless length $got;
    return $got;
}

sub parse {
    my ($raw) = @_;
    my ($head, $body) = split /\r\n\r\n/, $raw, 2;
    my ($line, @lines) = split /\r\n/, $head // '';
    my ($version, $status, $reason) =
        ($line // '') =~ m{^(HTTP/[\d.]+) (\d+) ?(.*)};
    my %headers;

    for (@lines) {
        my ($name, $value) = /^([^:]+):\s*(.*?)\s*$/ or next;
        $name = lc $name;
        $headers{$name} =
            exists $headers{$name} ? "$headers{$name}, $value" : $value;
    }
    $body = dechunk($body)
        if ($headers{'transfer-encoding'} // '') eq 'chunked';
    return {
        raw => $raw, head => $head, version => $version,
        status => $status // 0, reason => $reason // '',
        headers => \%headers, body => $body // '',
    };
}

sub dechunk {
    my ($text) = @_;
    my $body = '';

    while ($text =~ s/^([0-9a-f]+)\r\n//i) {
        my $len = hex $1 or last;
        $body .= substr $text, 0, $len, '';
        $text =~ s/^\r\n//;
    }
    return $body;
}

# method, version, headers => [name => value…] or a hash, body.
sub http_request {
    my ($address, $path, %opt) = @_;
    my $method = $opt{method} // 'GET';
    my $version = $opt{version} // '1.1';
    my @headers =
        ref $opt{headers} eq 'HASH' ? %{ $opt{headers} } : @{ $opt{headers} // [] };
    my $text = "$method $path HTTP/$version\r\n";

    unshift @headers, Host => 'localhost' if $version ne '1.0';
    push @headers, Connection => 'close';
    push @headers, 'Content-Length' => length $opt{body} if defined $opt{body};
    while (my ($name, $value) = splice @headers, 0, 2) {
        $text .= "$name: $value\r\n";
    }
    return parse(http_raw($address, "$text\r\n" . ($opt{body} // ''),
        $opt{timeout}));
}

1;
