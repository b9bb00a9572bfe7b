package Sluice::Bench;

# What the benchmarks share: medians and a table.

use warnings;
use strict;

use Exporter 'import';

our @EXPORT = qw(median spread percentile title row cpu_seconds rss_bytes);

sub percentile {
    my ($p, @values) = @_;
    my @sorted = sort { $a <=> $b } @values;

    return $sorted[int($p / 100 * $#sorted + 0.5)];
}

sub median { return percentile(50, @_) }

sub spread {
    my @sorted = sort { $a <=> $b } @_;

    return @sorted[0, -1];
}

sub title { print "\n$_[0]\n\n" }

my $format = "%-26s %-14s %-14s %-24s %-20s %s\n";

sub row {
    my @cells = map { $_ // '' } @_[0 .. 5];

    printf $format, @cells;
}

# User and system time that a process has used.
sub cpu_seconds {
    my ($pid) = @_;

    open my $fh, '<', "/proc/$pid/stat" or return undef;
    my ($rest) = <$fh> =~ /\)\s+(.*)/;
    my @fields = split ' ', $rest;
    return ($fields[11] + $fields[12]) / 100;
}

sub rss_bytes {
    my ($pid) = @_;

    open my $fh, '<', "/proc/$pid/status" or return undef;
    local $/;
    my ($kb) = <$fh> =~ /VmRSS:\s+(\d+)/;
    return $kb * 1024;
}

1;
