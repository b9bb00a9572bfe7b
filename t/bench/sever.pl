#!/usr/bin/perl

# How soon very many idle sessions are cut when another host is active, and for
# how long a worker then answers nobody; beside HAProxy, whose server is put out
# of use, in turns. Clients and server are processes of their own. What is
# measured is nginx: the state file is written here, without sluiced.

use warnings;
use strict;

use File::Basename qw(dirname);
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC sleep);

use Sluice;
use Sluice::Bench;
use Sluice::State;

my $RUNS = $ENV{RUNS} // 5;
my @COUNTS = split ' ', $ENV{SESSIONS} // '1000 10000';
my $WORKERS = 2;

die "SESSIONS: numbers, not \"@COUNTS\"\n" if !@COUNTS || grep { !/^[1-9]\d*$/ } @COUNTS;
my $most = (spread(@COUNTS))[1];
my $limit = qx(sh -c "ulimit -Hn");
chomp $limit;
# A worker has two for each of its sessions, and not just half of all.
die "$most sessions want 1.2 times as many descriptors, the limit is $limit\n"
    if $limit ne 'unlimited' && 1.2 * $most + 100 > $limit;

my $t = Sluice->new;
my $tool = $t->dir . '/sessions';

machine(qw(nginx haproxy));
system('gcc', '-O2', '-o', $tool, dirname(__FILE__) . '/sessions.c') == 0
    or die "gcc failed\n";

my $server = $t->port('server');
$t->spawn('server', $tool, 'serve', $server);

###############################################################################
# The two ways. Each has ports for sessions, cuts them, and takes new ones.

my @hosts = ({ name => 'one', port => $server },
    { name => 'two', port => $t->port('nobody') });
my $state = Sluice::State->new($t->dir . '/run/state',
    clusters => [{ name => 'main1' }]);
my $epoch = 1;

sub routes {
    my ($active) = @_;

    return [{ cluster => 'main1', hosts => \@hosts, active => $active,
        epoch => $epoch++ }];
}

mkdir $t->dir . '/run';
$state->replace(routes => routes(0));

sub start_nginx {
    my $connections = 2 * $most + 200;

    $t->nginx(<<"EOC");
%%MODULES%%
worker_processes $WORKERS;
worker_rlimit_nofile $connections;
error_log %%DIR%%/error.log warn;
pid %%DIR%%/nginx.pid;
events { worker_connections $connections; }
sluice { state %%DIR%%/run/state; }
http {
    access_log off;
    keepalive_requests 100000000;
    server {
        listen 127.0.0.1:8080 reuseport;
        add_header X-Worker \$pid always;
        location / { sluice_check; }
    }
}
stream {
    upstream main1 { sluice main1; }
    server { listen 127.0.0.1:8081 reuseport; proxy_pass main1; }
}
EOC
}

my @haproxy;

# As many processes as nginx has workers: one would want twice the descriptors.
sub start_haproxy {
    my ($n) = @_;
    my ($http, $mysql) = map { '127.0.0.1:' . $t->port("$_$n") } qw(http mysql);

    $t->write_file("haproxy$n.cfg", <<"EOC");
global
    nbthread 1
    maxconn @{[ int($most / $WORKERS) + 200 ]}
    stats socket %%DIR%%/haproxy$n.sock level admin
defaults
    timeout connect 5s
    timeout client 10m
    timeout server 10m
listen http
    mode http
    bind $http
    http-request return status 200 hdr X-Worker $n
listen main1
    mode tcp
    bind $mysql
    server one 127.0.0.1:$server on-marked-down shutdown-sessions
EOC
    push @haproxy, $t->spawn("haproxy$n", 'haproxy', '-db', '-f', $t->dir . "/haproxy$n.cfg");
    settles('HAProxy', sub {
        IO::Socket::INET->new(PeerAddr => $http) });
}

sub tell_haproxy {
    my ($words) = @_;

    for my $n (1 .. $WORKERS) {
        my $socket = IO::Socket::UNIX->new(Peer => $t->dir . "/haproxy$n.sock")
            or die "HAProxy's socket: $!\n";

        print $socket "$words\n";
        local $/;
        <$socket>;
    }
}

my %ways = (
    Sluice => {
        sessions => [$t->port(8081)], http => [$t->port(8080)],
        workers => sub { $t->nginx_workers },
        cut => sub { $state->publish_routes(routes => routes(1))->ring },
        back => sub { $state->publish_routes(routes => routes(0))->ring },
    },
    HAProxy => {
        sessions => [map { $t->port("mysql$_") } 1 .. $WORKERS],
        http => [map { $t->port("http$_") } 1 .. $WORKERS],
        workers => sub { map { $_->pid } @haproxy },
        cut => sub { tell_haproxy('set server main1/one state maint') },
        back => sub { tell_haproxy('set server main1/one state ready') },
    },
);

###############################################################################
# Who asks every worker for a check all the time.

sub exchange {
    my (@sockets) = @_;
    my %text = map { $_ => '' } @sockets;

    $_->syswrite("HEAD /check/bench/mysql/main1 HTTP/1.1\r\nHost: x\r\n\r\n")
        for @sockets;
    my $since = clock_gettime(CLOCK_MONOTONIC);
    my @took;
    my $select = IO::Select->new(@sockets);
    while ($select->count) {
        for my $socket ($select->can_read(10)) {
            $socket->sysread($text{$socket}, 4096, length $text{$socket})
                or die "a worker hung up\n";
            next if $text{$socket} !~ /\r\n\r\n/;
            push @took, clock_gettime(CLOCK_MONOTONIC) - $since;
            $select->remove($socket);
        }
    }
    return { since => $since, took => \@took, texts => [values %text] };
}

sub worker_sockets {
    my (@ports) = @_;
    my %socket;

    for (1 .. 400) {
        my $socket = IO::Socket::INET->new(
            PeerAddr => '127.0.0.1:' . $ports[$_ % @ports]) or die "connect: $!\n";
        my ($worker) = exchange($socket)->{texts}[0] =~ /^X-Worker: (\d+)/mi;

        $socket{$worker} //= $socket;
        return values %socket if keys %socket == $WORKERS;
    }
    die "not every worker answers\n";
}

# A process that asks until it is told a time, and then says the longest that a
# check took which was not over by then.
sub start_asking {
    my @sockets = worker_sockets(@_);

    pipe my $order, my $tell or die;
    pipe my $hear, my $say or die;
    my $pid = fork // die "fork: $!\n";
    if ($pid) {
        return { pid => $pid, tell => $tell, hear => $hear };
    }
    close $_ for $tell, $hear;
    my @asked;
    until (IO::Select->new($order)->can_read(0)) {
        push @asked, exchange(@sockets);
        sleep 0.0005;
    }
    my $from = <$order>;
    my @took = map { @{ $_->{took} } } grep {
        $_->{since} + (spread(@{ $_->{took} }))[1] >= $from } @asked;
    syswrite $say, sprintf "%.6f\n", (spread(@took))[1] // 0;
    POSIX::_exit(0);
}

sub longest_check {
    my ($asking, $from) = @_;

    syswrite $asking->{tell}, "$from\n";
    my $longest = readline $asking->{hear} // die "who asks is gone\n";
    waitpid $asking->{pid}, 0;
    return 1000 * $longest;
}

###############################################################################

# The processor's time that a process of one thread has used, in milliseconds.
sub cpu_ms {
    my ($pid) = @_;

    open my $fh, '<', "/proc/$pid/schedstat" or return 0;
    return (split ' ', scalar <$fh>)[0] / 1e6;
}

# One turn: milliseconds until all are cut, the longest check meanwhile, and
# what the busiest worker needed of a core.
sub turn {
    my ($way, $count) = @_;

    open my $client, '-|', $tool, 'hold', $count, @{ $way->{sessions} }
        or die "$tool: $!\n";
    (readline($client) // '') eq "held\n" or die "no $count sessions\n";
    my $asking = start_asking(@{ $way->{http} });
    # Whoever is still busy with the openings.
    sleep 0.5;
    my @workers = $way->{workers}->();
    my @before = map { cpu_ms($_) } @workers;
    my $since = clock_gettime(CLOCK_MONOTONIC);
    $way->{cut}->();
    my ($last) = (readline($client) // '') =~ /^ended \S+ (\S+)$/
        or die "not all of $count were cut\n";
    my @cpu = map { cpu_ms($workers[$_]) - $before[$_] } 0 .. $#workers;
    my $longest = longest_check($asking, $since);
    close $client;
    $way->{back}->();
    return { all => 1000 * ($last - $since), longest => $longest,
        cpu => (spread(@cpu))[1] };
}

sub compare {
    my ($count) = @_;
    my %got;
    # Ten thousand have a bar; fewer must not take longer.
    my %bar = (all => 200, longest => 10);

    for my $run (1 .. $RUNS) {
        for my $way ($run % 2 ? qw(Sluice HAProxy) : qw(HAProxy Sluice)) {
            push @{ $got{$way} }, turn($ways{$way}, $count);
        }
    }
    my @ratio = map { $got{Sluice}[$_]{all} / $got{HAProxy}[$_]{all} }
        0 .. $RUNS - 1;
    for my $way (qw(Sluice HAProxy)) {
        my %of = map { my $what = $_;
            $what => [map { $_->{$what} } @{ $got{$way} }] } qw(all longest cpu);
        my $kept = !grep { (spread(@{ $of{$_} }))[1] > $bar{$_} } keys %bar;

        row("$count sessions, $way", ms(@{ $of{all} }), ms(@{ $of{longest} }),
            $way eq 'Sluice' ? sprintf('x %.2f (%.2f-%.2f)', median(@ratio),
                spread(@ratio)) : '', ms(@{ $of{cpu} }),
            $way eq 'Sluice' ? "<= $bar{all}, <= $bar{longest} ms: "
                . holds($kept) : '');
    }
}

sub ms { return sprintf '%.1f / %.1f', median(@_), (spread(@_))[1] }

start_nginx();
start_haproxy($_) for 1 .. $WORKERS;
title("idle sessions cut: $WORKERS workers (HAProxy: processes), $RUNS runs each"
    . ' in turns; median / max in ms');
row('', 'all are cut', 'longest check', 'cut: x HAProxy', "a worker's CPU",
    'bar (max)');
compare($_) for @COUNTS;
$t->nginx_stop;
