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
    FACTS          => 192,
    THROTTLE       => 152,

    VERDICTS       => 1,
    DETAIL         => 2,
    RULES          => 3,

    SECTION_NODE      => 1,
    SECTION_CLUSTERS  => 2,
    SECTION_HOSTS     => 3,
    SECTION_FACTS     => 4,
    SECTION_THROTTLES => 5,

    READY          => 1,
    LEADER_ONLY    => 2,
    FACTS_UNKNOWN  => 1,

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
# facts: revision, store_id, channel, flags, read (ms since the read began)
# throttles: [{ key, ratio (1), expires (ms from now, undef: never) }, ...]
# capacity, throttle_capacity: clusters and throttles that fit a slot
# minor: 0 makes a file as minor 0 did, without a part for rules
#
# Rules are published when there are facts or throttles.

sub new {
    my ($class, $path, %opt) = @_;
    return bless {
        path => $path, generation => 0, rules_generation => 0, pid => $$,
        clusters => [], node => {}, capacity => 64, throttle_capacity => 64,
        minor => 1, %opt
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
    $self->{generation} = $self->{rules_generation} = 0;
    my $tmp = "$self->{path}.$$";
    unlink $tmp;
    sysopen(my $fh, $tmp, O_RDWR|O_CREAT|O_EXCL, 0644) or die "$tmp: $!";
    $self->{fh} = $fh;
    $self->put(0, $self->header . "\0" x ($self->size - $self->begin));
    $self->publish;
    $self->publish_rules if $self->{facts} || $self->{throttles};
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

# The next generation of the rules.

sub publish_rules {
    my ($self, %opt) = @_;
    @$self{keys %opt} = values %opt;
    return $self->publish_rules_image($self->rules_image);
}

sub publish_rules_image {
    my ($self, $image) = @_;
    my $generation = ++$self->{rules_generation};
    $self->put($self->rules_slot($generation), $image);
    $self->put(HEADER + 2 * PART + GENERATION, pack('Q', $generation));
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

sub parts { $_[0]{minor} > 0 ? 3 : 2 }

# Where the slots begin: those of the verdicts, the details, the rules.

sub begin { HEADER + $_[0]->parts * PART }

sub slot_size {
    my $self = shift;
    my $bytes = IMAGE + 2 * SECTION + NODE + $self->{capacity} * CLUSTER;
    return ($bytes + 63) & ~63;
}

sub rules_size {
    my $self = shift;
    return 0 if $self->parts < RULES;
    my $bytes = IMAGE + 2 * SECTION + FACTS
        + $self->{throttle_capacity} * THROTTLE;
    return ($bytes + 63) & ~63;
}

sub slot {
    my ($self, $generation) = @_;
    return $self->begin + ($generation & 1) * $self->slot_size;
}

sub detail_at { $_[0]->begin + 2 * $_[0]->slot_size }

sub rules_slot {
    my ($self, $generation) = @_;
    die "minor 0 has no rules" if $self->parts < RULES;
    return $self->detail_at + 2 * 64 + ($generation & 1) * $self->rules_size;
}

sub size {
    my $self = shift;
    return $self->detail_at + 2 * 64 + 2 * $self->rules_size;
}

sub header {
    my $self = shift;
    my @parts = ([VERDICTS, $self->begin, $self->slot_size],
        [DETAIL, $self->detail_at, 64]);
    push @parts, [RULES, $self->rules_slot(0), $self->rules_size]
        if $self->parts == RULES;
    return pack('a8 SS L L L Q Q L L L L Q Q x56',
            "SLUICE\0\1", 1, $self->{minor}, HEADER, scalar @parts, PART,
            $self->size, real_ms(), $$, $self->{capacity}, 0,
            $self->parts == RULES ? $self->{throttle_capacity} : 0, 0, 0)
        . join '', map { pack 'L L Q Q x40 Q x56',
            $_->[0], 0, $_->[1], $_->[2], 0 } @parts;
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

sub rules_image {
    my $self = shift;
    my @throttles = map { $self->throttle($_) } @{$self->{throttles} // []};
    my $at = IMAGE + 2 * SECTION;
    return pack('Q Q L L Q', mono_ms(), $at + FACTS + THROTTLE * @throttles,
            2, SECTION, 0)
        . pack('L4', SECTION_FACTS, 1, FACTS, $at)
        . pack('L4', SECTION_THROTTLES, scalar @throttles, THROTTLE,
            $at + FACTS)
        . $self->facts . join '', @throttles;
}

sub facts {
    my $self = shift;
    my $f = $self->{facts} // {};
    return pack('Q Q a40 a128 L L', $f->{revision} // 1,
        mono_ms() - ($f->{read} // 0), $f->{store_id} // 'teststore',
        $f->{channel} // '', $f->{flags} // 0, 0);
}

sub throttle {
    my ($self, $t) = @_;
    return pack('a136 d Q', $t->{key}, $t->{ratio} // 1,
        defined $t->{expires} ? mono_ms() + $t->{expires} : 0);
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
