package Sluice;

# What every test of Sluice needs: a directory, free ports, daemons that end
# with the test, HTTP. And what every test asserts without saying so: no
# [alert], no unexpected [emerg], no sanitizer report, nobody died.

use warnings;
use strict;

use Cwd qw(abs_path);
use Fcntl qw(:flock);
use File::Basename qw(dirname);
use File::Path qw(make_path remove_tree);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep time);

use Sluice::Daemon;
use Sluice::Http qw(http_request);
use Sluice::Nginx;

our @ISA = ('Sluice::Nginx');

# Kept until END: in global destruction the daemons may be gone before us.
my @tests;

# Directories and files are for nginx's workers too, whoever starts the test.
umask 022;

# An END for everybody.
$SIG{$_} = sub { exit 1 } for qw(INT TERM HUP);

our $ROOT = abs_path(dirname(__FILE__) . '/../..');

###############################################################################

sub new {
    my ($class) = @_;
    my $dir = tempdir('sluice-XXXXXX', TMPDIR => 1);

    # nginx's workers may be another user.
    chmod 0755, $dir;
    my $build = $ENV{SLUICE_BUILD} // 'build/release';
    $build = "$ROOT/$build" unless $build =~ m{^/};
    my $self = bless {
        dir => $dir, build => $build, pid => $$, ports => {}, daemons => [],
        expected => [], killed => {}, serial => 0,
    }, $class;
    push @tests, $self;
    return $self;
}

sub dir { return $_[0]{dir} }
sub build { return $_[0]{build} }
sub root { return $ROOT }

# Ends a test file: asserts what every test asserts, then done_testing.
sub done {
    my ($self) = @_;

    $self->finish;
    done_testing();
    return;
}

###############################################################################
# Ports and files

# A free port for the symbolic number: below 32768, where no client's own port
# can be, and locked against other tests.
sub port {
    my ($self, $n) = @_;

    return $self->{ports}{$n}[0] //= do {
        my ($port, $lock) = reserve_port();
        $self->{ports}{$n}[1] = $lock;
        $port;
    };
}

my $locks = '/tmp/sluice-ports';

sub reserve_port {
    for (1 .. 1000) {
        mkdir $locks and chmod 01777, $locks;
        my $port = 10000 + int rand 22000;
        open my $lock, '>>', "$locks/$port" or next;
        flock $lock, LOCK_EX | LOCK_NB or next;
        # Who had it before may just have removed the file: ours is nobody's.
        next if ((stat "$locks/$port")[1] // 0) != (stat $lock)[1];
        my $socket = IO::Socket::INET->new(
            LocalAddr => "127.0.0.1:$port", Listen => 1) or next;
        close $socket;
        return ($port, $lock);
    }
    die "no free port\n";
}

sub modules {
    my ($self) = @_;
    my $ours = "$self->{build}/nginx";
    my ($stream) = grep { -e } map { "$_/ngx_stream_module.so" }
        '/usr/lib/nginx/modules', '/usr/share/nginx/modules';

    return join "\n", map { "load_module $_;" } $stream,
        "$ours/ngx_sluice_module.so", "$ours/ngx_stream_sluice_module.so";
}

# %%MODULES%% %%DIR%% %%CONF%% %%PORT_8xxx%% and 127.0.0.1:8xxx.
sub expand {
    my ($self, $text) = @_;

    $text =~ s/%%MODULES%%/$self->modules/eg;
    $text =~ s/%%DIR%%/$self->{dir}/g;
    $text =~ s/%%CONF%%/$ROOT\/conf/g;
    $text =~ s/%%PORT_(8\d\d\d)%%/$self->port($1)/eg;
    $text =~ s/(127\.0\.0\.1|localhost|\[::1\]):(8\d\d\d)\b/"$1:" . $self->port($2)/eg;
    return $text;
}

sub write_file {
    my ($self, $name, $text) = @_;
    my $path = "$self->{dir}/$name";

    make_path(dirname($path));
    open my $fh, '>', $path or die "$path: $!";
    binmode $fh;
    print $fh $self->expand($text);
    close $fh or die "$path: $!";
    return $path;
}

sub read_file {
    my ($self, $name) = @_;

    open my $fh, '<', "$self->{dir}/$name" or return '';
    local $/;
    return scalar <$fh> // '';
}

###############################################################################
# Conditions

# Waits until the code says true and returns what it said; a failed test when
# it does not.
sub wait_for {
    my ($self, $what, $code, $seconds) = @_;
    my $end = time + ($seconds // 10) * ($self->{build} =~ /asan/ ? 2 : 1);
    my $got;

    while (1) {
        $got = eval { $code->() };
        return $got if $got;
        last if time > $end;
        sleep 0.01;
    }
    fail("waiting for $what" . ($@ ? ": $@" : ''));
    return $got;
}

###############################################################################
# Daemons

sub add {
    my ($self, $daemon) = @_;

    push @{ $self->{daemons} }, $daemon;
    return $daemon;
}

# Sanitizers write into the test's directory, where finish() looks.
sub sanitizer_env {
    my ($self, $name, $leaks) = @_;
    my $log = "log_path=$self->{dir}/sanitizer.$name";

    return {
        ASAN_OPTIONS => "$log:detect_leaks=$leaks:handle_abort=1",
        UBSAN_OPTIONS => "$log:print_stacktrace=1",
        TSAN_OPTIONS => $log,
    };
}

sub spawn {
    my ($self, $name, @command) = @_;

    return $self->add(Sluice::Daemon->new(name => $name, start => \@command,
        log => "$self->{dir}/$name.log"));
}

sub mariadb {
    my ($self, %opt) = @_;
    my $n = ++$self->{serial};
    my $cache = "$ROOT/build";

    require Sluice::MariaDB;
    make_path($cache);
    return $self->add(Sluice::MariaDB->new(%opt, cache => $cache,
        dir => "$self->{dir}/db$n", port => $self->port("db$n"),
        $opt{galera} ? (galera => [map { $self->port("$_$n") }
            qw(galera ist sst)]) : (),
        $opt{join} ? (join => $opt{join}{galera},
            data => "$opt{join}{dir}/data") : ()));
}

# So many nodes of one Galera cluster, with what the statements make; before
# these {} may have options for mariadb().
sub galera {
    my ($self, $count, @sql) = @_;
    my %opt = ref $sql[0] ? %{ shift @sql } : ();
    my $first = $self->mariadb(%opt, galera => 1);
    my @joiners;

    $first->sql(@sql);
    # A copy of one that was ended in order has all it needs to join.
    $first->term;
    push @joiners, $self->mariadb(%opt, galera => 1, join => $first, later => 1)
        for 2 .. $count;
    $first->start->wait_galera;
    $_->start->wait_galera for @joiners;
    return ($first, @joiners);
}

# Starts sluiced on a configuration (text); StateFile is ours if it says none.
# within => what goes before the command.
sub sluiced {
    my ($self, $conf, %opt) = @_;
    my $name = $opt{name} // 'sluiced';

    if ($conf !~ /"StateFile"/i) {
        $conf =~ s/^\s*\{/{ "StateFile": "%%DIR%%\/run\/state",/;
    }
    my $path = $self->write_file("$name.json", $conf);
    return $self->add(Sluice::Daemon->new(
        name => $name, log => "$self->{dir}/$name.log",
        start => [@{ $opt{within} // [] }, "$self->{build}/sluiced", '-c',
            $path, @{ $opt{args} // [] }],
        env => { %{ $self->sanitizer_env($name, 1) }, %{ $opt{env} // {} } }));
}

# Starts sluice-agent's WORD on a configuration (text).
sub agent {
    my ($self, $word, $conf, %opt) = @_;
    my $name = $opt{name} // "agent-$word";
    my $path = $self->write_file("$name.json", $conf);

    return $self->add(Sluice::Daemon->new(
        name => $name, log => "$self->{dir}/$name.log",
        start => ["$self->{build}/sluice-agent", $word, '-c', $path],
        env => { %{ $self->sanitizer_env($name, 1) }, %{ $opt{env} // {} } }));
}

# Runs sluiced to its end: (exit status, stdout, stderr).
sub sluiced_run {
    my ($self, @args) = @_;

    return $self->run_command(
        { env => $self->sanitizer_env('sluiced-run', 1) },
        "$self->{build}/sluiced", @args);
}

sub run_command {
    my ($self, @command) = @_;
    my $opt = ref $command[0] ? shift @command : {};
    my @files = map { "$self->{dir}/run-" . ++$self->{serial} } 1, 2;
    my $pid = fork // die "fork: $!";

    if (!$pid) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', $files[0] or POSIX::_exit(126);
        open STDERR, '>', $files[1] or POSIX::_exit(126);
        @ENV{ keys %{ $opt->{env} } } = values %{ $opt->{env} } if $opt->{env};
        exec { $command[0] } @command or POSIX::_exit(127);
    }
    waitpid $pid, 0;
    my $status = $? & 127 ? 128 + ($? & 127) : $? >> 8;
    my @texts = map { s{.*/}{}r } @files;
    return ($status, map { $self->read_file($_) } @texts);
}

###############################################################################
# HTTP

sub get {
    my ($self, $port, $path, %opt) = @_;
    my $address = $port =~ /:/ ? $port : '127.0.0.1:' . $self->port($port);

    return http_request($address, $path, %opt);
}

sub head {
    my ($self, $port, $path, %opt) = @_;

    return $self->get($port, $path, %opt, method => 'HEAD');
}

###############################################################################
# The end

# Lines of error.log that this test provokes.
sub expect_log {
    my ($self, $pattern) = @_;

    push @{ $self->{expected} }, $pattern;
    return;
}

sub complaints {
    my ($self) = @_;
    my @bad;

    for my $line (split /\n/, $self->read_file('error.log')) {
        my $bad = $line =~ /\[(?:alert|emerg)\]/;

        if ($line =~ /process (\d+) exited on signal (\d+)/) {
            $bad = !($2 == 9 && $self->{killed}{$1});
        }
        push @bad, $line
            if $bad && !grep { $line =~ $_ } @{ $self->{expected} };
    }
    return @bad;
}

sub sanitizer_reports {
    my ($self) = @_;
    my @reports;

    for my $file (glob "$self->{dir}/sanitizer.*") {
        $file =~ s{.*/}{};
        push @reports, $self->read_file($file);
    }
    return @reports;
}

# Stops everything and asserts what every test asserts.
sub finish {
    my ($self) = @_;

    return if $self->{finished}++;
    my @dead = grep { defined } map { $_->unexpected } @{ $self->{daemons} };
    # In order where order matters: nginx finds its leaks when it may finish,
    # sluiced is checked for leaks when it exits.
    for my $daemon (grep { $_->name =~ /^(nginx|sluiced|agent)/ && $_->alive }
        @{ $self->{daemons} })
    {
        my $status = eval { $daemon->quit };

        push @dead, $@ || $daemon->name . " ended with wait status $status"
            if !defined $status || $status;
    }
    for my $daemon (@{ $self->{daemons} }) {
        $daemon->kill;
        for my $pid ($daemon->left_behind) {
            push @dead, $daemon->name . " left process $pid behind";
            kill 'KILL', $pid;
        }
    }
    is(join("\n", @dead), '', 'nobody died');
    is(join("\n", $self->complaints), '', 'no alerts');
    is(join("\n", $self->sanitizer_reports), '', 'no sanitizer report');
    return;
}

END {
    my $status = $?;

    $_->clean_up for @tests;
    $? = $status;
}

# The directory goes; what it knew about a failure stays.
sub show_logs {
    my ($self) = @_;

    return unless $ENV{HARNESS_ACTIVE};
    for my $path (glob "$self->{dir}/*.log $self->{dir}/nginx.out") {
        my @lines = split /\n/, $self->read_file($path =~ s{.*/}{}r);

        splice @lines, 0, -20 if @lines > 20;
        diag(join "\n", "the end of $path:", map { "  $_" } @lines) if @lines;
    }
    return;
}

sub clean_up {
    my ($self) = @_;

    return if $self->{pid} != $$;
    $_->kill for @{ $self->{daemons} };
    $self->show_logs unless Test::More->builder->is_passing && $self->{finished};
    if ($ENV{SLUICE_KEEP}) {
        diag("kept $self->{dir}");
    } else {
        remove_tree($self->{dir});
    }
    unlink map { "$locks/$_->[0]" } values %{ $self->{ports} };
    rmdir $locks;    # the last one takes it away
    return;
}

1;
