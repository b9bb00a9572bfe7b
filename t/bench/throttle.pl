#!/usr/bin/perl

# How soon every worker of every node refuses an app that was throttled, how
# soon another node leads, and how many changes a second become durable; for
# the kind of consensus that SLUICE_CONSENSUS names.

use warnings;
use strict;

use Fcntl qw(O_CREAT O_DSYNC O_WRONLY);
use File::Basename qw(dirname);
use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(time sleep);

use Sluice::Bench;
use Sluice::Fleet;

my $TRIES = $ENV{TRIES} // 200;
my $SLOW_TRIES = $ENV{SLOW_TRIES} // 40;
my $LEADERS = $ENV{LEADERS} // 10;
my $SECONDS = $ENV{SECONDS} // 3;
my $CHECK = '/check/bench/mysql/main1';
my $LUA = dirname(__FILE__) . '/throttle.lua';

my $fleet = Fleet->new(nodes => 3, workers => 4);
my $kind = $fleet->kind;
my @nodes = 0 .. 2;

$fleet->node(0)->wait_for('a leader', sub { defined $fleet->leader }, 20);

# One connection to each worker of each node, kept.
my @workers = map { connections($_) } @nodes;

###############################################################################

title("$kind: throttled -> 417 of all " . @workers . ' workers of 3 nodes');
row('', 'p50', 'p99', 'max', 'bar');

wait_for_ears(1);
report('with Redis', 'p99 <= 10 ms', map { throttle($_ % 3) } 1 .. $TRIES);

$fleet->sluiced(2)->stop;
$fleet->settle($_) for 0, 1;
report('one sluiced frozen', 'p99 <= 10 ms',
    map { throttle($_ % 2) } 1 .. $TRIES);
$fleet->sluiced(2)->cont;
$fleet->settle($_) for @nodes;

$fleet->redis->kill;
wait_for_ears(0);
report('without Redis', 'p99 <= 1000 ms',
    map { sleep rand 0.5; throttle($_ % 3) } 1 .. $SLOW_TRIES);
$fleet->start_redis;

###############################################################################

title("$kind: the leader goes -> another one's leader-check is 200 ($LEADERS times)");
row('', 'p50', 'p99', 'max', 'bar');
report('kill -9', 'max <= ' . ($kind eq 'raft' ? 1000 : 1500) . ' ms', map { lose_leader('KILL') } 1 .. $LEADERS);
report('SIGTERM', 'max <= 300 ms', map { lose_leader('TERM') } 1 .. $LEADERS);

###############################################################################

my $peer = $kind eq 'raft' ? 'synced writes' : 'plain SQL';

title("$kind: durable throttle orders a second ($SECONDS s each, by wrk)");
row('', 'a second', "of $peer", 'p50', 'bar');
my $plain = $kind eq 'raft' ? synced_writes($fleet) : plain_sql($fleet);
row("$peer, 1 client", sprintf('%.0f', $plain));
changes("3 nodes, 16 clients", '', 16);
$fleet->stop;

# As many workers as clients need: they share two cores with everybody.
$fleet = Fleet->new(nodes => 1, workers => 1, redis => 0);
changes('1 node, 1 client', $kind eq 'mysql' ? 'p50 <= 10 ms' : '', 1);
changes('1 node, 16 clients', $kind eq 'raft' ? '>= 13500/s' : '', 16);
$fleet->stop;

###############################################################################

sub report {
    my ($what, $bar, @ms) = @_;

    row($what, sprintf('%.1f ms', median(@ms)),
        sprintf('%.1f ms', percentile(99, @ms)),
        sprintf('%.1f ms', (spread(@ms))[1]), $bar);
}

sub connections {
    my ($i) = @_;
    my $port = $fleet->node($i)->port(8080);
    my %socket;

    for (1 .. 400) {
        my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port")
            or die "connect: $!\n";
        my ($pid) = exchange($socket) =~ /^X-Worker: (\d+)/mi;

        $socket{$pid} //= $socket;
        return values %socket if keys %socket == 4;
    }
    die "not every worker of node $i answers\n";
}

sub exchange {
    my ($socket) = @_;

    ask($socket);
    return answer($socket);
}

sub ask {
    my ($socket) = @_;

    $socket->syswrite("HEAD $CHECK HTTP/1.1\r\nHost: x\r\n\r\n");
}

sub answer {
    my ($socket) = @_;
    my $text = '';

    until ($text =~ /\r\n\r\n/) {
        IO::Select->new($socket)->can_read(5) or die "nginx does not answer\n";
        $socket->sysread($text, 4096, length $text) or die "nginx hung up\n";
    }
    return $text;
}

# Milliseconds until every worker says, or (negated) no longer says, 417.
sub until_denied {
    my ($since, $negate) = @_;
    my @left = @workers;

    while (@left && time - $since < 10) {
        ask($_) for @left;
        @left = grep {
            my $denied = answer($_) =~ m{^HTTP/1.1 417};

            $negate ? $denied : !$denied;
        } @left;
    }
    die "not all of them in time\n" if @left;
    return 1000 * (time - $since);
}

# From the answer of node $i on.
sub throttle {
    my ($i) = @_;
    my $got = $fleet->ask($i, '/throttle-app/bench?ttl=10&ratio=1');

    die "throttle-app: $got->{status} $got->{body}\n" if $got->{status} != 200;
    my $ms = until_denied(time, 0);
    $got = $fleet->ask($i, '/unthrottle-app/bench');
    die "unthrottle-app: $got->{status}\n" if $got->{status} != 200;
    until_denied(time, 1);
    return $ms;
}

# Until all of sluiced and nginx hear Redis, or know that it is gone.
sub wait_for_ears {
    my ($wanted) = @_;

    $fleet->node(0)->wait_for('Redis', sub {
        my ($last) = map { /.*(event=redis_(?:connected|unavailable))/s ? $1 : '' }
            $fleet->sluiced($_)->log;

        $last =~ /connected/ ? $wanted : !$wanted;
    }) for @nodes;
    sleep 1;
}

sub lose_leader {
    my ($signal) = @_;
    my $t = $fleet->node(0);
    my $old = $t->wait_for('a leader', sub {
        my $leader = $fleet->leader;

        defined $leader ? "n$leader" : undef;
    }, 20) =~ s/^n//r;
    my @others = grep { $_ != $old } @nodes;
    my $sluiced = $fleet->sluiced($old);

    sleep 1 + rand 0.3;
    $sluiced->{expected} = 1;
    my $since = time;
    $sluiced->signal($signal);
    until (grep { $fleet->ask($_, '/leader-check')->{status} == 200 } @others) {
        die "no other leader\n" if time - $since > 20;
    }
    my $ms = 1000 * (time - $since);
    $sluiced->wait_dead;
    $fleet->start_sluiced($old);
    $t->wait_for('the control API again', sub {
        $fleet->ask($old, '/throttled-apps')->{status} == 200;
    });
    $fleet->settle($old);
    return $ms;
}

# What the same database does for one client without us.
sub plain_sql {
    my ($of) = @_;
    my $db = $of->backend;
    my $dbh = $db->dbh;
    my $n = 0;

    $db->sql('create table sluice.bench (id int primary key, n int)');
    my $end = time + $SECONDS;
    my $sth = $dbh->prepare('replace into sluice.bench values (1, ?)');
    while (time < $end) {
        $sth->execute($n++);
    }
    return $n / $SECONDS;
}

# What the same file system does for one file, 4 KB at a time: each write
# returns when the data is on the disk, as after fdatasync.
sub synced_writes {
    my ($of) = @_;
    my $path = $of->node(0)->dir . '/synced';
    my $n = 0;

    sysopen my $fh, $path, O_WRONLY | O_CREAT | O_DSYNC or die "$path: $!\n";
    my $end = time + $SECONDS;
    while (time < $end) {
        (syswrite($fh, 'x' x 4096) // 0) == 4096 or die "$path: $!\n";
        $n++;
    }
    close $fh;
    unlink $path;
    return $n / $SECONDS;
}

# Clients that each wait for the answer before the next order, to the leader.
sub changes {
    my ($what, $bar, $clients) = @_;
    my $t = $fleet->node(0);
    my $at = $t->wait_for('a leader', sub {
        my $leader = $fleet->leader;

        defined $leader ? "n$leader" : undef;
    }, 20) =~ s/^n//r;
    my $port = $fleet->node($at)->port(8080);
    my $out = `wrk -t1 -c$clients -d${SECONDS}s -s $LUA http://127.0.0.1:$port 2>&1`;
    my ($orders, $us, $refused, $lost, $p50) =
        $out =~ /^orders (\d+) (\d+) (\d+) (\d+) (\d+)$/m
        or die "wrk: $out\n";

    die "$refused orders were not answered 200, $lost not at all\n"
        if $refused || $lost;
    my $rate = 1e6 * $orders / $us;
    row($what, sprintf('%.0f', $rate), sprintf('%.2f', $rate / $plain),
        sprintf('%.2f ms', $p50 / 1000), $bar);
}

# Checks come by the thousand on one connection.
package Fleet;

our @ISA;

BEGIN { @ISA = ('Sluice::Fleet') }

sub nginx_conf {
    my ($self, $i) = @_;

    return $self->SUPER::nginx_conf($i) =~
        s/^http \{/http { access_log off; keepalive_requests 100000000;/mr;
}
