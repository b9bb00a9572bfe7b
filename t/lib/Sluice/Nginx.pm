package Sluice::Nginx;

# The part of Sluice.pm that knows nginx: its methods are the test's.

use warnings;
use strict;

use Cwd qw(abs_path);
use File::Path qw(make_path);
use IO::Socket::INET;

use Sluice::Daemon;

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
    $temp .= ' access_log off;' if $conf !~ /\baccess_log\b/;
    $conf =~ s/^(\s*http\s*\{)/$1 $temp/m;
    # What the snippets of conf/ need; most tests have no sluiced.
    my $upstream =
        "upstream sluiced { server unix:$self->{dir}/run/control.sock; }";
    $conf =~ s/^(\s*http\s*\{)/$1 $upstream/m
        if $conf =~ m{nginx/freno} && $conf !~ /upstream\s+sluiced/;
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

# Starts nginx and waits until it listens where it should, with all workers.
# within => what goes before the command.
sub nginx {
    my ($self, $conf, %opt) = @_;

    $self->nginx_conf($conf);
    my @ports = $self->read_file('nginx.conf')
        =~ /(?:^|[\s;{])listen\s+(?:127\.0\.0\.1:)?(\d+)\b(?!\.)/mg;
    my ($workers) = $conf =~ /\bworker_processes\s+(\d+)/;
    $workers = 0 if $conf =~ /\bmaster_process\s+off/;
    my $nginx = $self->{nginx} = $self->add(Sluice::Daemon->new(
        name => 'nginx', log => "$self->{dir}/nginx.out",
        start => [@{ $opt{within} // [] }, $self->nginx_command, '-g',
            'daemon off;'], quit => 'QUIT', env => $self->nginx_env));
    my $up = $self->wait_for('nginx to listen', sub {
        # No use in waiting for a dead one.
        return 'dead' if !$nginx->alive;
        return -s "$self->{dir}/nginx.pid"
            && $self->nginx_workers >= ($workers // 1) && !grep {
            !IO::Socket::INET->new(PeerAddr => "127.0.0.1:$_") } @ports;
    });
    die 'nginx does not start: ', $nginx->log, $self->read_file('error.log')
        if ($up // '') eq 'dead';
    return $nginx;
}

sub nginx_pid { return $_[0]{nginx}->pid }

sub nginx_stop {
    my ($self) = @_;

    my $daemon = delete $self->{nginx} or return;
    return $daemon->quit;
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

1;
