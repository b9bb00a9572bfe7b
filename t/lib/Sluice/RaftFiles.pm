package Sluice::RaftFiles;

# What libraft keeps on disk: segments of the log, snapshots, metadata. Enough
# of their format to leave behind what an interrupted write leaves, and to see
# that nobody touched them.

use warnings;
use strict;

use Digest::MD5;

# Of a RaftDataDir.
sub new {
    my ($class, $data_dir) = @_;

    return bless { dir => "$data_dir/sluice/raft" }, $class;
}

sub dir { return $_[0]{dir} }

sub names {
    my ($self, $pattern) = @_;

    opendir my $dir, $self->{dir} or return;
    return sort grep { !/^\./ && /$pattern/ } readdir $dir;
}

sub path { return "$_[0]{dir}/$_[1]" }

# The newest is the last.
sub snapshots {
    my ($self) = @_;

    return map { $_->[2] } sort { $a->[0] <=> $b->[0] || $a->[1] <=> $b->[1] }
        map { /^snapshot-(\d+)-(\d+)-\d+$/ ? [$1, $2, $_] : () }
        $self->names(qr/^snapshot/);
}

sub closed { return $_[0]->names(qr/^\d{16}-\d{16}$/) }

# The index of the first entry that is still in the log.
sub first_index {
    my ($self) = @_;
    my ($first) = $self->closed;

    return defined $first ? 0 + substr $first, 0, 16 : 0;
}

# name => digest, of everything.
sub digests {
    my ($self) = @_;

    return { map { $_ => Digest::MD5::md5_hex($self->read($_)) }
        $self->names(qr/./) };
}

sub read {
    my ($self, $name) = @_;

    open my $fh, '<:raw', $self->path($name) or return '';
    local $/;
    return scalar <$fh> // '';
}

# Writes there, and nowhere else in the file.
sub poke {
    my ($self, $name, $at, $bytes) = @_;

    open my $fh, '+<:raw', $self->path($name) or die "$name: $!";
    seek $fh, $at, 0;
    print $fh $bytes;
    close $fh or die "$name: $!";
    return;
}

sub flip {
    my ($self, $name, $at) = @_;
    my $byte = substr $self->read($name), $at, 1;

    return $self->poke($name, $at, $byte ^ "\xff");
}

# The batches of a segment: [from, to]; what follows the last was never
# written in whole.
sub batches {
    my ($bytes) = @_;
    my ($at, @batches) = 8;

    return if length $bytes < 8 || unpack('Q<', $bytes) != 1;
    while ($at + 16 <= length $bytes) {
        my $n = unpack 'Q<', substr $bytes, $at + 8, 8;
        my $end = $at + 16 + 16 * $n;

        last if $n == 0 || $n > 100_000 || $end > length $bytes;
        $end += unpack 'L<', substr $bytes, $at + 16 + 16 * $_ + 12, 4
            for 0 .. $n - 1;
        last if $end > length $bytes;
        push @batches, [$at, $end];
        $at = $end;
    }
    return @batches;
}

# The segment that is written to: (name, its batches); nothing when none was.
sub open_segment {
    my ($self) = @_;

    for my $name (reverse $self->names(qr/^open-\d+$/)) {
        my @batches = batches($self->read($name));

        return ($name, @batches) if @batches;
    }
    return;
}

# As a write leaves it that a loss of power interrupted: HOW is "garbage",
# "half" (a batch without its end), "end" (a batch without its beginning). 1
# when there was a segment to do it to.
sub tear {
    my ($self, $how) = @_;
    my ($name, @batches) = $self->open_segment;

    return 0 if !$name;
    my ($from, $to) = @{ $batches[rand @batches] };
    my $end = $batches[-1][1];
    my $batch = substr $self->read($name), $from, $to - $from;
    my $half = int length($batch) / 2;

    if ($how eq 'garbage') {
        $self->poke($name, $end, join '', map { chr rand 256 } 1 .. 700);
    } elsif ($how eq 'half') {
        $self->poke($name, $end, substr $batch, 0, $half);
    } else {
        $self->poke($name, $end + $half, substr $batch, $half);
    }
    return 1;
}

1;
