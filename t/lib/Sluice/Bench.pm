package Sluice::Bench;

# What the benchmarks share: medians, a table, and what it was measured on.

use warnings;
use strict;

use Exporter 'import';
use IO::Handle;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(median spread percentile title row holds machine settles
    cpu_seconds rss_bytes);

# Who looks on sees each row when it is known.
STDOUT->autoflush(1);

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

my $format = '%-26s %-14s %-14s %-24s %-20s %s';

sub row {
    my @cells = map { $_ // '' } @_[0 .. 5];

    print sprintf($format, @cells) =~ s/ +$//r, "\n";
}

sub holds { return $_[0] ? 'holds' : 'DOES NOT HOLD' }

sub first_line {
    my ($command) = @_;
    my ($line) = split /\n/, `$command 2>&1`;

    return ($line // '') =~ s/^\s+|\s+$//gr;
}

sub slurp {
    my ($path) = @_;

    open my $fh, '<', $path or return '';
    local $/;
    return scalar <$fh> // '';
}

# How to ask each for its version.
my %version = (
    nginx => 'nginx -v', haproxy => 'haproxy -v', sysbench => 'sysbench --version',
    mariadbd => 'mariadbd --version',
    galera => q{dpkg-query -W -f 'galera ${Version}' galera-4},
);

# The machine, how busy it is before anything of ours is, and the versions.
sub machine {
    my @programs = @_;
    my ($model) = slurp('/proc/cpuinfo') =~ /^model name\s*:\s*(.*)/m;
    my ($load) = slurp('/proc/loadavg') =~ /^(\S+)/;
    local $ENV{PATH} = "$ENV{PATH}:/usr/sbin:/sbin";

    printf "\n%s cores, %s; Linux %s; load %s before\n", first_line('nproc'),
        $model // 'of an unknown kind', first_line('uname -r'), $load;
    print join('; ', map { first_line($version{$_}) } @programs), "\n";
}

# Waits until the code says true; how often measurements begin with that.
sub settles {
    my ($what, $code, $seconds) = @_;
    my $end = time + ($seconds // 30);

    until (eval { $code->() }) {
        die "$what: not in time" . ($@ ? ": $@" : '') . "\n" if time > $end;
        sleep 0.005;
    }
    return;
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
