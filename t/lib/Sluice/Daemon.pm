package Sluice::Daemon;

# One process that a test started: it is watched, signalled by pid and never
# outlives the test.

use warnings;
use strict;

use POSIX qw(WNOHANG _exit setsid);
use Time::HiRes qw(sleep time);

# start => [command…], log => file for stdout and stderr, env => {}, name,
# quit => the signal that ends it in order, TERM when it is none of its own.
sub new {
    my ($class, %opt) = @_;
    my $self = bless { %opt, dead => 1 }, $class;

    return $self->launch;
}

sub launch {
    my ($self) = @_;
    my $pid = fork // die "fork: $!";

    if (!$pid) {
        setsid();
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', $self->{log} or _exit(126);
        open STDERR, '>&', \*STDOUT;
        # It dies with the test, however that dies; by TERM where there are
        # children to tell. env: what it sets is not for setpriv.
        exec 'setpriv', '--pdeathsig', $self->{quit} ? 'TERM' : 'KILL', 'env',
            (map { "$_=$self->{env}{$_}" } keys %{ $self->{env} // {} }),
            @{ $self->{start} } or _exit(127);
    }
    $self->{pid} = $pid;
    $self->{dead} = 0;
    $self->{expected} = 0;
    return $self;
}

sub pid { return $_[0]{pid} }
sub name { return $_[0]{name} }

sub log {
    my ($self) = @_;

    open my $fh, '<', $self->{log} or return '';
    local $/;
    return scalar <$fh> // '';
}

# Reaps when it has ended. The wait status is kept.
sub alive {
    my ($self) = @_;

    return 0 if $self->{dead};
    if (waitpid($self->{pid}, WNOHANG) == $self->{pid}) {
        $self->{status} = $?;
        $self->{dead} = 1;
    }
    return !$self->{dead};
}

sub signal {
    my ($self, $signal) = @_;

    return $self->alive ? kill($signal, $self->{pid}) : 0;
}

sub wait_dead {
    my ($self, $seconds) = @_;
    my $end = time + ($seconds // 10);

    while ($self->alive && time < $end) {
        sleep 0.005;
    }
    return !$self->alive;
}

# It and its children: a dead master's workers would live on.
sub kill {
    my ($self) = @_;

    $self->{expected} = 1;
    if ($self->alive) {
        CORE::kill 'KILL', -$self->{pid}, $self->{pid};
        $self->wait_dead;
    }
    return $self;
}

# Processes that it left behind: they are of its session.
sub left_behind {
    my ($self) = @_;

    return () if $self->alive;
    return grep {
        stat_of($_) =~ /\) [^Z] \d+ \d+ $self->{pid} / && $self->writes_here($_)
    } map { m{(\d+)$} } glob '/proc/[0-9]*';
}

# Pids come round: a session of this number may by now be another test's. Ours
# has a file open beside our log.
sub writes_here {
    my ($self, $pid) = @_;
    my ($dir) = $self->{log} =~ m{^(.*/)};

    return grep { index(readlink($_) // '', $dir) == 0 } glob "/proc/$pid/fd/*";
}

# The kernel's line about a process; "" when it is gone.
sub stat_of {
    my ($pid) = @_;

    open my $fh, '<', "/proc/$pid/stat" or return '';
    return scalar <$fh> // '';
}

# The end that a test gives it: leaks show only when there is time to finish.
sub quit {
    my ($self) = @_;

    $self->{expected} = 1;
    $self->cont;
    if ($self->{quit}) {
        $self->signal($self->{quit});
        $self->wait_dead(3);
    }
    return $self->term;
}

# Ends it in order; its wait status.
sub term {
    my ($self) = @_;

    $self->{expected} = 1;
    $self->signal('TERM');
    $self->wait_dead or die "$self->{name} does not stop on SIGTERM\n";
    return $self->{status};
}

sub hup { return $_[0]->signal('HUP') }

# Frozen really: SIGSTOP is not immediate.
sub stop {
    my ($self) = @_;

    $self->signal('STOP');
    for (1 .. 1000) {
        return $self if $self->state eq 'T';
        sleep 0.001;
    }
    die "$self->{name} does not freeze\n";
}

sub cont { $_[0]->signal('CONT'); return $_[0] }

sub state {
    my ($self) = @_;

    my ($state) = stat_of($self->{pid}) =~ /\)\s+(\S)/;
    return $state // '';
}

# What a test has to say of a daemon that ended by itself.
sub unexpected {
    my ($self) = @_;

    return undef if $self->{expected} || $self->alive;
    return sprintf '%s ended by itself, wait status %d', $self->{name},
        $self->{status} // -1;
}

1;
