package Sluice::State;

# Writes state files from scratch, by pack() and the layout's numbers: nginx is
# tested without sluiced, and not by the C code that it shares with sluiced.

use strict;
use warnings;

use Fcntl qw/O_RDWR O_CREAT O_EXCL SEEK_SET/;
use File::Basename qw/basename dirname/;
use Time::HiRes qw/clock_gettime CLOCK_MONOTONIC CLOCK_REALTIME usleep/;

use constant {
    HEADER         => 128,
    PART           => 128,
    GENERATION     => 64,       # in a part
    HEARTBEAT      => 64,       # in the header
    IMAGE          => 32,
    SECTION        => 16,
    CLUSTER        => 376,
    NODE           => 16,

    VERDICTS       => 1,
    DETAIL         => 2,

    SECTION_NODE     => 1,
    SECTION_CLUSTERS => 2,
    SECTION_HOSTS    => 3,

    READY          => 1,
    LEADER_ONLY    => 2,

    ALWAYS         => ~0,       # leads without end
    CLOCK_BOOTTIME => 7,
};

my %status = (none => 0, value => 1, error => 2);

sub mono_ms { int(clock_gettime(CLOCK_MONOTONIC) * 1000) }
sub boot_ms { int(clock_gettime(CLOCK_BOOTTIME) * 1000) }
sub real_ms { int(clock_gettime(CLOCK_REALTIME) * 1000) }

# Sluice::State->new($path, clusters => [...], node => {...})
#
# cluster: name, value, threshold, and what differs from a fresh good sample:
#     status (none, value, error), error, age (ms since sampled), valid_for
#     (ms from now), healthy (ms since healthy, undef: never)
# node: flags (READY), leader_until (ALWAYS)
# capacity: clusters that fit a slot

sub new {
    my ($class, $path, %opt) = @_;
    return bless {
        path => $path, generation => 0, pid => $$,
        clusters => [], node => {}, capacity => 64, %opt
    }, $class;
}

sub path { $_[0]{path} }

sub clusters {
    my ($self, @clusters) = @_;
    $self->{clusters} = \@clusters if @clusters;
    return @{$self->{clusters}};
}

# A new file, complete, renamed over the path; a child keeps its heart beating.

sub replace {
    my ($self, %opt) = @_;
    @$self{keys %opt} = values %opt;

    $self->stop_beating;
    $self->{generation} = 0;
    my $tmp = "$self->{path}.$$";
    unlink $tmp;
    sysopen(my $fh, $tmp, O_RDWR|O_CREAT|O_EXCL, 0644) or die "$tmp: $!";
    $self->{fh} = $fh;
    $self->put(0, $self->header . "\0" x ($self->size - 2 * PART - HEADER));
    $self->publish;
    $self->put(HEARTBEAT, pack('Q', mono_ms()));
    rename $tmp, $self->{path} or die "$self->{path}: $!";
    $self->keep_beating;
    return $self;
}

# The next generation of the same file.

sub publish {
    my ($self, %opt) = @_;
    @$self{keys %opt} = values %opt;
    return $self->publish_image($self->image);
}

sub publish_image {
    my ($self, $image) = @_;
    my $generation = ++$self->{generation};
    $self->put($self->slot($generation), $image);
    $self->put(HEADER + GENERATION, pack('Q', $generation));
    return $self;
}

# sluiced's doorbell.

sub ring {
    my $self = shift;
    utime undef, undef, $self->{fh} or die "utime: $!";
    return $self;
}

sub beat {
    my ($self, $ms) = @_;
    $self->put(HEARTBEAT, pack('Q', $ms // mono_ms()));
    return $self;
}

sub keep_beating {
    my $self = shift;
    $self->stop_beating;
    my $parent = $$;
    my $child = fork() // die "fork: $!";
    if ($child) {
        $self->{child} = $child;
        return $self;
    }
    # an open file of its own: the inherited one shares its position
    sysopen(my $fh, "/proc/self/fd/" . fileno $self->{fh}, O_RDWR);
    $self->{fh} = $fh;
    while (getppid() == $parent) {
        $self->beat;
        usleep(20_000);
    }
    # not exit(): nothing of the test's is ours to tidy up
    kill 9, $$;
}

sub stop_beating {
    my $self = shift;
    my $child = delete $self->{child} or return $self;
    kill 9, $child;
    local $?;
    waitpid $child, 0;
    return $self;
}

sub remove {
    my $self = shift;
    $self->stop_beating;
    unlink $self->{path} or die "$self->{path}: $!";
    return $self;
}

# A file at the path that is not what it should be. It is replaced by rename,
# as every writer should; the damage is a name or code that changes the bytes.

my %damage = (
    empty       => sub { '' },
    garbage     => sub { pack 'C*', map { $_ * 167 + 13 & 255 } 1 .. 8192 },
    text        => sub { "state: ok\n" x 100 },
    magic       => sub { substr($_[0], 0, 8, "SLUICE\0\2"); $_[0] },
    major_old   => sub { substr($_[0], 8, 2, pack 'S', 0); $_[0] },
    major_new   => sub { substr($_[0], 8, 2, pack 'S', 2); $_[0] },
    header_only => sub { substr $_[0], 0, HEADER },
    truncated   => sub { substr $_[0], 0, length($_[0]) - 64 },
    size        => sub { word($_[0], 24, 1 << 40) },
    parts       => sub { substr($_[0], 16, 4, pack 'L', 1 << 30); $_[0] },
    outside     => sub { word($_[0], HEADER + 8, 1 << 50) },
    no_verdicts => sub { substr($_[0], HEADER, 4, pack 'L', 99); $_[0] },
    unpublished => sub { word($_[0], HEADER + GENERATION, 0) },
);

sub word {
    my ($bytes, $at, $value) = @_;
    substr $bytes, $at, 8, pack 'Q', $value;
    return $bytes;
}

sub damages { sort keys %damage }

sub damage {
    my ($self, $how) = @_;
    my $code = ref $how ? $how : $damage{$how} // die "no damage '$how'";
    my $bytes = $self->replace->bytes;
    $self->stop_beating;
    $self->put_file($code->($bytes));
    return $self;
}

sub put_file {
    my ($self, $bytes) = @_;
    my $tmp = "$self->{path}.$$";
    open my $fh, '>:raw', $tmp or die "$tmp: $!";
    print $fh $bytes;
    close $fh or die "$tmp: $!";
    rename $tmp, $self->{path} or die "$self->{path}: $!";
    return $self;
}

sub bytes {
    my $self = shift;
    open my $fh, '<:raw', $self->{path} or die "$self->{path}: $!";
    local $/;
    return scalar <$fh>;
}

# When a cluster was healthy, as last published.
sub healthy_real_ms { $_[0]{healthy_real}{$_[1]} }

# A number as JSON bodies show it: the shortest that reads back the same.

sub number {
    my $value = shift;
    my $text;
    for my $digits (1 .. 17) {
        $text = sprintf "%.${digits}g", $value;
        last if $text == $value;
    }
    $text =~ s/e([-+])0+/e$1/;
    return $text;
}

# The layout.

sub slot_size {
    my $self = shift;
    my $bytes = IMAGE + 2 * SECTION + NODE + $self->{capacity} * CLUSTER;
    return ($bytes + 63) & ~63;
}

sub slot {
    my ($self, $generation) = @_;
    return HEADER + 2 * PART + ($generation & 1) * $self->slot_size;
}

sub size {
    my $self = shift;
    return HEADER + 2 * PART + 2 * $self->slot_size + 2 * 64;
}

sub header {
    my $self = shift;
    my $detail = HEADER + 2 * PART + 2 * $self->slot_size;
    return pack('a8 SS L L L Q Q L L L L Q Q x56',
            "SLUICE\0\1", 1, 0, HEADER, 2, PART, $self->size, real_ms(),
            $$, $self->{capacity}, 0, 0, 0, 0)
        . pack('L L Q Q x40 Q x56',
            VERDICTS, 0, HEADER + 2 * PART, $self->slot_size, 0)
        . pack('L L Q Q x40 Q x56', DETAIL, 0, $detail, 64, 0);
}

sub image {
    my $self = shift;
    my @clusters = map { $self->cluster($_) } @{$self->{clusters}};
    my $node = $self->{node};
    my $at = IMAGE + 2 * SECTION;
    return pack('Q Q L L Q', mono_ms(), $at + NODE + CLUSTER * @clusters,
            2, SECTION, 0)
        . pack('L4', SECTION_NODE, 1, NODE, $at)
        . pack('L4', SECTION_CLUSTERS, scalar @clusters, CLUSTER, $at + NODE)
        . pack('Q L L', $node->{leader_until} // ALWAYS,
            $node->{flags} // READY, 0)
        . join '', @clusters;
}

sub cluster {
    my ($self, $c) = @_;
    my $now = mono_ms();
    my $healthy = exists $c->{healthy} ? $c->{healthy} : 0;
    my $healthy_real = defined $healthy ? real_ms() - $healthy : 0;
    $self->{healthy_real}{$c->{name}} = $healthy_real;
    my $status = $c->{status} // (defined $c->{error} ? 'error' : 'value');
    return pack('a64 d d Q Q Q Q L L a256',
        $c->{name}, $c->{value} // 0, $c->{threshold} // 1,
        $status eq 'none' ? 0 : $now - ($c->{age} // 0),
        $now + ($c->{valid_for} // 3_600_000),
        defined $healthy ? $now - $healthy : 0,
        $healthy_real,
        $status{$status} // $status, 0, $c->{error} // '');
}

sub put {
    my ($self, $at, $bytes) = @_;
    # one write: an aligned 8-byte word is never seen half written
    sysseek($self->{fh}, $at, SEEK_SET) or die "seek: $!";
    defined syswrite($self->{fh}, $bytes) or die "write: $!";
}

sub DESTROY {
    my $self = shift;
    $self->stop_beating if $self->{pid} == $$;
}

1;
