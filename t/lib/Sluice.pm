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

# Kept until END: in global destruction the daemons may be gone before us.
my @tests;

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

sub reserve_port {
    my $locks = '/tmp/sluice-ports';

    mkdir $locks and chmod 01777, $locks;
    for (1 .. 1000) {
        my $port = 10000 + int rand 22000;
        open my $lock, '>>', "$locks/$port" or next;
        flock $lock, LOCK_EX | LOCK_NB or next;
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

# nginx itself is not instrumented; the runtime its modules need comes first.
sub nginx_env {
    my ($self) = @_;

    return {} unless $self->{build} =~ /asan/;
    my @runtime = map { my $path = `gcc -print-file-name=$_`; chomp $path; $path }
        'libasan.so', 'libubsan.so';
    return {
        %{ $self->sanitizer_env('nginx', 0) },
        LD_PRELOAD => join(':', map { abs_path($_) } @runtime),
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
        dir => "$self->{dir}/db$n", port => $self->port("db$n")));
}

# Starts sluiced on a configuration (text); StateFile is ours if it says none.
sub sluiced {
    my ($self, $conf, %opt) = @_;
    my $name = $opt{name} // 'sluiced';

    if ($conf !~ /"StateFile"/i) {
        $conf =~ s/^\s*\{/{ "StateFile": "%%DIR%%\/run\/state",/;
    }
    my $path = $self->write_file("$name.json", $conf);
    return $self->add(Sluice::Daemon->new(
        name => $name, log => "$self->{dir}/$name.log",
        start => ["$self->{build}/sluiced", '-c', $path, @{ $opt{args} // [] }],
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
# nginx

sub nginx_command {
    my ($self) = @_;
    my ($binary) = grep { -x } qw(/usr/sbin/nginx /usr/local/sbin/nginx);

    make_path("$self->{dir}/temp");
    return ($binary // 'nginx', '-p', "$self->{dir}/", '-c',
        "$self->{dir}/nginx.conf", '-e', "$self->{dir}/error.log");
}

sub nginx_conf {
    my ($self, $conf) = @_;

    # Paths Debian compiled in are not ours to write to.
    my $temp = join ' ', map { "${_}_temp_path $self->{dir}/temp/$_;" }
        qw(client_body proxy fastcgi uwsgi scgi);
    $conf =~ s/^(\s*http\s*\{)/$1 $temp/m;
    # On the first line: errors name the lines that the test wrote.
    $conf = "user root; $conf" if $> == 0 && $conf !~ /^\s*user\s/m;
    $conf = "pid %%DIR%%/nginx.pid; $conf" if $conf !~ /^\s*pid\s/m;
    return $self->write_file('nginx.conf', $conf);
}

# nginx -t: (exit status, what it printed).
sub nginx_test {
    my ($self, $conf) = @_;

    $self->nginx_conf($conf);
    my ($status, $out, $err) = $self->run_command(
        { env => $self->nginx_env }, $self->nginx_command, '-t');
    return ($status, $out . $err);
}

# Starts nginx and waits until every port it should listen on answers.
sub nginx {
    my ($self, $conf) = @_;
    my $path = $self->nginx_conf($conf);
    my @ports = $self->read_file('nginx.conf')
        =~ /^\s*listen\s+(?:127\.0\.0\.1:)?(\d+)\b[^;]*;/mg;

    $self->{nginx} = $self->add(Sluice::Daemon->new(
        name => 'nginx', log => "$self->{dir}/nginx.out",
        start => [$self->nginx_command, '-g', 'daemon off;'],
        env => $self->nginx_env));
    for my $port (@ports) {
        $self->wait_for("nginx on $port", sub {
            die "nginx died: " . $self->{nginx}->log . $self->read_file('error.log')
                if !$self->{nginx}->alive;
            IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port");
        });
    }
    return $self->{nginx};
}

sub nginx_pid { return $_[0]{nginx}->pid }

sub nginx_stop {
    my ($self) = @_;

    my $daemon = delete $self->{nginx} or return;
    return $daemon->term;
}

sub children {
    my ($pid) = @_;

    open my $fh, '<', "/proc/$pid/task/$pid/children" or return;
    return split ' ', scalar <$fh> // '';
}

# nginx's title of a process; "" when it is gone.
sub title {
    my ($pid) = @_;

    open my $fh, '<', "/proc/$pid/cmdline" or return '';
    return scalar <$fh> // '';
}

# The pids of all workers, those that are shutting down too.
sub nginx_workers {
    my ($self) = @_;

    return grep { title($_) =~ /worker process/ } children($self->nginx_pid);
}

# HUP, and waits until workers of the new configuration have taken over.
sub reload {
    my ($self) = @_;
    my %old = map { $_ => 1 } $self->nginx_workers;

    $self->{nginx}->hup;
    return $self->wait_for('new workers', sub {
        my @workers = $self->nginx_workers;
        my @new = grep { !$old{$_} } @workers;
        my @serving = grep { $old{$_} && title($_) !~ /shutting down/ } @workers;
        @new && !@serving;
    }, 20);
}

# A worker killed on purpose.
sub kill_worker {
    my ($self, $pid) = @_;

    $self->{killed}{$pid} = 1;
    return kill 'KILL', $pid;
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
    # In order where order matters: nginx may leak only when it may finish,
    # sluiced is checked for leaks when it exits.
    for my $daemon (grep { $_->name =~ /^(nginx|sluiced)/ && $_->alive }
        @{ $self->{daemons} })
    {
        $daemon->cont;
        push @dead, "$@" unless eval { $daemon->term; 1 };
    }
    $_->kill for @{ $self->{daemons} };
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

sub clean_up {
    my ($self) = @_;

    return if $self->{pid} != $$;
    $_->kill for @{ $self->{daemons} };
    if ($ENV{SLUICE_KEEP}) {
        diag("kept $self->{dir}");
    } else {
        remove_tree($self->{dir});
    }
    return;
}

1;
