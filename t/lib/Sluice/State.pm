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
    CLUSTER        => 392,
    HOST           => 664,
    METRIC         => 424,
    HOST_METRIC    => 664,
    INVENTORY      => 352,
    COUNTER        => 200,
    APP            => 208,
    NODE           => 16,
    FACTS          => 192,
    THROTTLE       => 152,
    ROUTE          => 624,
    ROUTE_HOST     => 656,

    VERDICTS       => 1,
    DETAIL         => 2,
    RULES          => 3,
    ROUTES         => 4,

    SECTION_NODE      => 1,
    SECTION_CLUSTERS  => 2,
    SECTION_HOSTS     => 3,
    SECTION_FACTS     => 4,
    SECTION_THROTTLES => 5,
    SECTION_METRICS      => 6,
    SECTION_APPS         => 7,
    SECTION_INVENTORIES  => 8,
    SECTION_HOST_METRICS => 9,
    SECTION_COUNTERS     => 10,
    SECTION_ROUTES       => 11,
    SECTION_ROUTE_HOSTS  => 12,

    READY          => 1,
    LEADER_ONLY    => 2,
    FACTS_UNKNOWN  => 1,

    ALWAYS         => ~0,       # leads without end
    CLOCK_BOOTTIME => 7,
};

my %status = (none => 0, value => 1, error => 2);
my %host_status = (pending => 0, value => 1, error => 2, excluded => 3);
my %role = (primary => 1, replica => 2);
my %excluded = (ignored => 1, skipped => 2, http => 3, quarantined => 4);
my %scope = (all => 0, primary => 1, replicas => 2);

sub mono_ms { int(clock_gettime(CLOCK_MONOTONIC) * 1000) }
sub boot_ms { int(clock_gettime(CLOCK_BOOTTIME) * 1000) }
sub real_ms { int(clock_gettime(CLOCK_REALTIME) * 1000) }

my @detail = qw/hosts host_metrics inventories counters/;

# Sluice::State->new($path, clusters => [...], node => {...})
#
# cluster: name, value, threshold, and what differs from a fresh good sample:
#     status (none, value, error), error, age (ms since sampled), valid_for
#     (ms from now), healthy (ms since healthy, undef: never); share (seconds
#     unhealthy elsewhere), share_for (ms from now that this counts);
#     had_value (the value is the last there was, whatever the status)
# node: flags (READY), leader_until (ALWAYS)
# facts: revision, store_id, channel, flags, read (ms since the read began)
# throttles: [{ key, ratio (1), expires (ms from now, undef: never) }, ...]
# metrics: as clusters, with cluster and scope (all, primary, replicas)
# apps: [{ app, threshold, cluster ('': all) }, ...]
# hosts: cluster, name, port, address, value, status (pending, value, error,
#     excluded), age, took (us), text, role, excluded (why)
# host_metrics: cluster, metric, host, port, value, status, age, text
# inventories: cluster, provider, answered (ms ago, undef: never), failures,
#     hosts, error
# counters: name, value, text
# routes: cluster, epoch (1), hosts: [{ name, port, address (127.0.0.1), label,
#     epoch (1), flags: [qw/healthy replica inactive down drained/] (healthy),
#     lag, age, text }], active (which of them, undef: none), writers_for (ms
#     from now, undef: always), traffic (1), manual, reason, message,
#     changed_real_ms, traffic_real_ms
# capacity, throttle_capacity: clusters and throttles that fit a slot
# detail_capacity: hosts that fit, and as many of the rest of the detail
# route_capacity: routes that fit, and eight hosts of each
# minor: 0, 1 and 2 make files as they did: 0 has no part for rules, 0 and 1
#     have nothing of what minor 2 added, and none of them a part for routes
#
# Rules are published when there are facts, throttles or apps; detail and
# routes when there are some.

sub new {
    my ($class, $path, %opt) = @_;
    return bless {
        path => $path, generation => 0, rules_generation => 0,
        detail_generation => 0, pid => $$, clusters => [], node => {},
        metrics => [], apps => [], capacity => 64, throttle_capacity => 64,
        detail_capacity => 64, route_capacity => 16, minor => 3, %opt
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
    $self->{detail_generation} = $self->{routes_generation} = 0;
    my $tmp = "$self->{path}.$$";
    unlink $tmp;
    sysopen(my $fh, $tmp, O_RDWR|O_CREAT|O_EXCL, 0644) or die "$tmp: $!";
    $self->{fh} = $fh;
    $self->put(0, $self->header . "\0" x ($self->size - $self->begin));
    $self->publish;
    $self->publish_rules
        if $self->{facts} || $self->{throttles} || @{$self->{apps}};
    $self->publish_detail if grep { $self->{$_} } @detail;
    $self->publish_routes if $self->{routes};
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

# The next generation of the detail.

sub publish_detail {
    my ($self, %opt) = @_;
    @$self{keys %opt} = values %opt;
    return $self->publish_detail_image($self->detail_image);
}

sub publish_detail_image {
    my ($self, $image) = @_;
    my $generation = ++$self->{detail_generation};
    $self->put($self->detail_slot($generation), $image);
    $self->put(HEADER + PART + GENERATION, pack('Q', $generation));
    return $self;
}

# The next generation of the routes.

sub publish_routes {
    my ($self, %opt) = @_;
    @$self{keys %opt} = values %opt;
    return $self->publish_routes_image($self->routes_image);
}

sub publish_routes_image {
    my ($self, $image) = @_;
    my $generation = ++$self->{routes_generation};
    $self->put($self->routes_slot($generation), $image);
    $self->put(HEADER + 3 * PART + GENERATION, pack('Q', $generation));
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

sub parts { (2, 3, 3, 4)[$_[0]{minor}] }

# Where the slots begin: those of the verdicts, the details, the rules, the
# routes.

sub begin { HEADER + $_[0]->parts * PART }

sub round64 { ($_[0] + 63) & ~63 }

sub slot_size {
    my $self = shift;
    return round64(IMAGE + 3 * SECTION + NODE
        + $self->{capacity} * (CLUSTER + 2 * METRIC));
}

sub detail_size {
    my $self = shift;
    return round64(IMAGE + 4 * SECTION + $self->{detail_capacity}
        * (HOST + HOST_METRIC + INVENTORY + COUNTER));
}

sub rules_size {
    my $self = shift;
    return 0 if $self->parts < RULES;
    return round64(IMAGE + 3 * SECTION + FACTS
        + $self->{throttle_capacity} * (THROTTLE + APP));
}

sub slot {
    my ($self, $generation) = @_;
    return $self->begin + ($generation & 1) * $self->slot_size;
}

sub detail_at { $_[0]->begin + 2 * $_[0]->slot_size }

sub detail_slot {
    my ($self, $generation) = @_;
    return $self->detail_at + ($generation & 1) * $self->detail_size;
}

sub rules_at { $_[0]->detail_at + 2 * $_[0]->detail_size }

sub rules_slot {
    my ($self, $generation) = @_;
    die "minor 0 has no rules" if $self->parts < RULES;
    return $self->rules_at + ($generation & 1) * $self->rules_size;
}

sub routes_size {
    my $self = shift;
    return 0 if $self->parts < ROUTES;
    return round64(IMAGE + 2 * SECTION + $self->{route_capacity}
        * (ROUTE + 8 * ROUTE_HOST));
}

sub routes_at { $_[0]->rules_at + 2 * $_[0]->rules_size }

sub routes_slot {
    my ($self, $generation) = @_;
    die 'no routes before minor 3' if $self->parts < ROUTES;
    return $self->routes_at + ($generation & 1) * $self->routes_size;
}

sub size {
    my $self = shift;
    return $self->routes_at + 2 * $self->routes_size;
}

sub header {
    my $self = shift;
    my @parts = ([VERDICTS, $self->begin, $self->slot_size],
        [DETAIL, $self->detail_at, $self->detail_size]);
    push @parts, [RULES, $self->rules_slot(0), $self->rules_size]
        if $self->parts >= RULES;
    push @parts, [ROUTES, $self->routes_slot(0), $self->routes_size]
        if $self->parts >= ROUTES;
    my $new = $self->{minor} > 1;
    return pack('a8 SS L L L Q Q L L L L L L Q x56',
            "SLUICE\0\1", 1, $self->{minor}, HEADER, scalar @parts, PART,
            $self->size, real_ms(), $$, $self->{capacity},
            $self->{detail_capacity},
            $self->parts >= RULES ? $self->{throttle_capacity} : 0,
            $new ? 2 * $self->{capacity} : 0,
            $new ? $self->{throttle_capacity} : 0, 0)
        . join '', map { pack 'L L Q Q x40 Q x56',
            $_->[0], 0, $_->[1], $_->[2], 0 } @parts;
}

# [kind, packed records ...], each as long as the first -> an image.

sub make_image {
    my @sections = @_;
    my $at = IMAGE + SECTION * @sections;
    my ($descriptors, $records) = ('', '');

    for (@sections) {
        my ($kind, @packed) = @$_;
        $descriptors .= pack 'L4', $kind, scalar @packed,
            length($packed[0] // ''), $at + length $records;
        $records .= join '', @packed;
    }
    return pack('Q Q L L Q', mono_ms(), $at + length $records,
        scalar @sections, SECTION, 0) . $descriptors . $records;
}

sub image {
    my ($self, %opt) = @_;
    my $node = $self->{node};
    my @sections = (
        [SECTION_NODE, pack 'Q L L', $node->{leader_until} // ALWAYS,
            $node->{flags} // READY, 0],
        [SECTION_CLUSTERS, map { $self->cluster($_) } @{$self->{clusters}}]);

    push @sections, [SECTION_METRICS, map { metric($_) }
            @{$opt{metrics} // $self->{metrics}}]
        if $self->{minor} > 1;
    return make_image(@sections);
}

sub cluster {
    my ($self, $c) = @_;
    my $now = mono_ms();
    my $healthy = exists $c->{healthy} ? $c->{healthy} : 0;
    my $healthy_real = defined $healthy ? real_ms() - $healthy : 0;
    $self->{healthy_real}{$c->{name}} = $healthy_real;
    my $status = $c->{status} // (defined $c->{error} ? 'error' : 'value');
    my $record = pack('a64 d d Q Q Q Q L L a256',
        $c->{name}, $c->{value} // 0, $c->{threshold} // 1,
        $status eq 'none' ? 0 : $now - ($c->{age} // 0),
        $now + ($c->{valid_for} // 3_600_000),
        defined $healthy ? $now - $healthy : 0,
        $healthy_real,
        $status{$status} // $status, 0, $c->{error} // '');
    return $record if $self->{minor} < 2;
    return $record . pack('Q L L', defined $c->{share}
        ? $now + ($c->{share_for} // 3_600_000) : 0, $c->{share} // 0,
        $c->{had_value} ? 1 : 0);
}

sub metric {
    my ($m) = @_;
    my $now = mono_ms();
    my $status = $m->{status} // (defined $m->{error} ? 'error' : 'value');
    return pack('a64 a64 d d Q Q L L a256', $m->{cluster}, $m->{name},
        $m->{value} // 0, $m->{threshold} // 1,
        $status eq 'none' ? 0 : $now - ($m->{age} // 0),
        $now + ($m->{valid_for} // 3_600_000), $status{$status} // $status,
        $scope{$m->{scope} // 'all'}, $m->{error} // '');
}

sub detail_image {
    my $self = shift;
    my %made = (hosts => sub { $self->host(@_) },
        host_metrics => \&host_metric, inventories => \&inventory,
        counters => \&counter);
    my @kinds = (SECTION_HOSTS, SECTION_HOST_METRICS, SECTION_INVENTORIES,
        SECTION_COUNTERS);

    @kinds = (SECTION_HOSTS) if $self->{minor} < 2;
    return make_image(map { my $name = $detail[$_];
        [$kinds[$_], map { $made{$name}->($_) } @{$self->{$name} // []}]
    } 0 .. $#kinds);
}

sub host {
    my ($self, $h) = @_;
    my $status = $h->{status} // 'value';
    my $record = pack('a64 a256 a48 d Q L L S x6 a256', $h->{cluster},
        $h->{name}, $h->{address} // '', $h->{value} // 0,
        $status eq 'pending' ? 0 : mono_ms() - ($h->{age} // 0),
        $h->{took} // 0, $host_status{$status}, $h->{port} // 3306,
        $h->{text} // '');
    return $record if $self->{minor} < 2;
    return $record . pack('L L', $role{$h->{role} // ''} // 0,
        $excluded{$h->{excluded} // ''} // 0);
}

sub host_metric {
    my ($m) = @_;
    my $status = $m->{status} // 'value';
    return pack('a64 a64 a256 d Q L S x2 a256', $m->{cluster}, $m->{metric},
        $m->{host}, $m->{value} // 0,
        $status eq 'pending' ? 0 : mono_ms() - ($m->{age} // 0),
        $host_status{$status}, $m->{port} // 3306, $m->{text} // '');
}

sub inventory {
    my ($n) = @_;
    return pack('a64 a16 Q L L a256', $n->{cluster}, $n->{provider} // '',
        defined $n->{answered} ? mono_ms() - $n->{answered} : 0,
        $n->{failures} // 0, $n->{hosts} // 0, $n->{error} // '');
}

sub counter {
    my ($c) = @_;
    return pack('a64 d a128', $c->{name}, $c->{value} // 0, $c->{text} // '');
}

sub rules_image {
    my $self = shift;
    my @sections = ([SECTION_FACTS, $self->facts], [SECTION_THROTTLES,
        map { $self->throttle($_) } @{$self->{throttles} // []}]);

    push @sections, [SECTION_APPS, map { app($_) } @{$self->{apps}}]
        if $self->{minor} > 1;
    return make_image(@sections);
}

my %route_flag = (healthy => 1, replica => 2, inactive => 4, down => 8,
    drained => 16);

sub routes_image {
    my $self = shift;
    my (@routes, @hosts);

    for my $r (@{$self->{routes}}) {
        my $flags = (defined $r->{active} ? 1 : 0)
            | ($r->{traffic} // 1 ? 0 : 2) | ($r->{manual} ? 4 : 0);
        push @routes, pack('a64 Q Q Q Q L L L L a256 a256', $r->{cluster},
            $r->{epoch} // 1, defined $r->{writers_for}
                ? boot_ms() + $r->{writers_for} : ALWAYS,
            $r->{changed_real_ms} // 0, $r->{traffic_real_ms} // 0,
            scalar @hosts, scalar @{$r->{hosts}}, $r->{active} // 0, $flags,
            $r->{reason} // '', $r->{message} // '');
        push @hosts, map { route_host($_) } @{$r->{hosts}};
    }
    return make_image([SECTION_ROUTES, @routes],
        [SECTION_ROUTE_HOSTS, @hosts]);
}

sub route_host {
    my ($h) = @_;
    my $flags = defined $h->{lag} ? 32 : 0;
    $flags |= $route_flag{$_} // die "no flag $_"
        for @{$h->{flags} // ['healthy']};
    return pack('a256 a48 a64 Q d Q L S x2 a256', $h->{name} // 'db',
        $h->{address} // '127.0.0.1', $h->{label} // '', $h->{epoch} // 1,
        $h->{lag} // 0, mono_ms() - ($h->{age} // 0), $flags,
        $h->{port} // 3306, $h->{text} // '');
}

sub app {
    my ($a) = @_;
    return pack('a64 a136 d', $a->{cluster} // '', $a->{app},
        $a->{threshold} // 0);
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
