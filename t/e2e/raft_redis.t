#!/usr/bin/perl

# A follower that is cut off from raft, and hears Redis still: through 10,000
# orders none of its workers lets an app through that it had refused, unless it
# was unthrottled; nor does one when the cut is healed. ORDERS makes it shorter
# or longer.

use warnings;
use strict;

use IO::Socket::UNIX;
use Test::More;
use Time::HiRes qw(time);

use Sluice;
use Sluice::Kind;
use Sluice::Net;

###############################################################################

my $ORDERS = $ENV{ORDERS} // 10_000;
my @APPS = map { "app$_" } 1 .. 5;
my $WORKERS = 2;

# Now and then the cut is healed for a while, after so many orders, and not
# before the 5 s are over for which workers keep what nobody confirms.
my ($CUT, $HEALED, $LEAST_S) = (3900, 100, 6);

# About this one something is ordered once in a cut.
my $RARE = 'rare';

my $seed = srand($ENV{SEED} // time);
my @t = map { Sluice->new } 0 .. 2;
my $t = $t[0];
Sluice::Kind::needed($t->build, 'raft');
Sluice::Net::needed();
note("SEED=$seed");

my $net = Sluice::Net->new(qw(n0 n1 n2 db));
my $voters = $net->voters($t, qw(n0 n1 n2));
my $db = $t->mariadb(within => [$net->within('db')],
    args => ['--bind-address=0.0.0.0']);
my $redis = $net->other_ip('db') . ':' . $t->port('redis');
$t->spawn('redis', $net->within('db'), 'redis-server', '--port',
    $t->port('redis'), '--bind', '0.0.0.0', '--protected-mode', 'no',
    '--save', '', '--appendonly', 'no', '--dir', $t->dir);

sub conf {
    my ($i) = @_;
    my $store = $voters->text("n$i");
    my $host = $net->other_ip('db') . ':' . $db->port;

    return <<"EOF";
{
  "ListenPort": 8087, "Domain": "test", "RedisAddress": "$redis",
  $store
  "Stores": { "MySQL": {
    "User": "probe", "Password": "probe", "ThrottleThreshold": 1,
    "MetricQuery": "select 0.5",
    "Clusters": { "main1": { "StaticHostsSettings": { "Hosts": ["$host"] } } }
  } }
}
EOF
}

# On a unix socket, which knows no namespaces.
my $NGINX = <<"EOF";
%%MODULES%%
worker_processes $WORKERS;
error_log %%DIR%%/error.log info;
events { }
sluice { state %%DIR%%/run/state; redis $redis; }
http {
    upstream sluiced { server unix:%%DIR%%/run/control.sock; keepalive 8; }
    keepalive_requests 10000000;
    add_header X-Worker \$pid always;
    server {
        listen unix:%%DIR%%/http.sock;
        include %%CONF%%/nginx/freno.conf;
    }
}
EOF

$t[$_]->sluiced(conf($_), within => [$net->within("n$_")]) for 0 .. 2;
$t[$_]->nginx($NGINX, within => [$net->within("n$_")]) for 0 .. 2;

###############################################################################
# Connections that are kept, so that each belongs to one worker.

sub connection {
    my ($i) = @_;

    return $t->wait_for("node $i to listen", sub {
        IO::Socket::UNIX->new(Peer => $t[$i]->dir . '/http.sock');
    });
}

sub send_to { syswrite $_[0], "GET $_[1] HTTP/1.1\r\nHost: t\r\n\r\n" }

# (status, worker, body).
sub receive {
    my ($socket) = @_;
    my $got = '';

    while ($got !~ /\r\n\r\n/) {
        sysread $socket, $got, 65536, length $got or die "nginx hung up\n";
    }
    my ($head, $body) = split /\r\n\r\n/, $got, 2;
    my ($status) = $head =~ /^HTTP\S+ (\d+)/;
    my ($pid) = $head =~ /^X-Worker: (\d+)/m;
    if ($head =~ /^Content-Length: (\d+)/mi) {
        while (length $body < $1) {
            sysread $socket, $body, 65536, length $body or die "nginx hung up\n";
        }
    } else {
        while ($body !~ /(?:^|\r\n)0\r\n\r\n\z/) {
            sysread $socket, $body, 65536, length $body or die "nginx hung up\n";
        }
    }
    return ($status, $pid, $body);
}

sub ask { send_to(@_); return receive($_[0]) }

# One for each worker of the node.
sub connections {
    my ($i) = @_;
    my %of;

    $t->wait_for("a connection to every worker of node $i", sub {
        my $socket = connection($i);
        my (undef, $pid) = ask($socket, '/_ping');

        $of{$pid} //= $socket;
        keys %of == $WORKERS;
    });
    return values %of;
}

sub leader {
    return -1 + $t->wait_for('a leader', sub {
        (grep { (ask(connection($_ - 1), '/leader-check'))[0] == 200 }
            1 .. 3)[0];
    }, 20);
}

sub check { return "/check/$_[0]/mysql/main1" }

###############################################################################

$t->wait_for('changes', sub {
    (ask(connection($_), '/unthrottle-app/nobody'))[0] == 200 }, 20) for 0 .. 2;
for my $i (0 .. 2) {
    $t->wait_for("node $i to let through", sub {
        (ask(connection($i), check('nobody')))[0] == 200 }, 20);
}
# A majority goes on without one only where all three are voters.
$t->wait_for('three voters', sub {
    3 == (() = (ask(connection(0), '/consensus/members'))[2] =~ /"voter"/g);
}, 20);

my $leader = leader();
my ($far) = grep { $_ ne $leader } 0 .. 2;
my @workers = connections($far);
my $to_leader = connection($leader);
note("node $leader leads, node $far is cut off");

my %now = map { $_ => 200 } @APPS, $RARE;    # what was ordered last
my (@taken_back, @late);
my ($repeated, $checks, $cuts) = (0, 0, 0);
my $longest = 0;

# What a worker says of an app about which nothing is under way.
sub settled {
    my ($worker, $app) = @_;
    my ($status) = ask($worker, check($app));

    $checks++;
    push @taken_back, "$app: $status, and not $now{$app}"
        if $status != $now{$app};
    return;
}

# Orders one thing and checks meanwhile. Who has shown it shows it from then
# on.
sub order {
    my ($app) = @_;
    my $want = $now{$app} == 200 ? 417 : 200;
    my $path = ($want == 417 ? '/throttle-app/' : '/unthrottle-app/') . $app;
    my ($other) = grep { $_ ne $app } @APPS[rand @APPS, rand @APPS];
    my @waiting = @workers;
    my $begun = time;

    send_to($to_leader, $path);
    while (@waiting && time < $begun + 3) {
        for my $worker (splice @waiting) {
            my ($status) = ask($worker, check($app));

            $checks++;
            push @waiting, $worker if $status != $want;
            settled($worker, $other) if $other;
            settled($worker, $RARE) if $app ne $RARE;
        }
    }
    push @late, $app if @waiting;
    my ($status) = receive($to_leader);
    while ($status != 200 && time < $begun + 20) {
        $repeated++;
        ($status) = ask($to_leader, $path);
    }
    $longest = time - $begun if time - $begun > $longest;
    $now{$app} = $want;
    settled($_, $app) for @workers;
    return;
}

# Checks all the time, as long as that.
sub look_until {
    my ($end) = @_;

    while (time < $end) {
        for my $worker (@workers) {
            settled($worker, $_) for @APPS, $RARE;
        }
    }
}

my $begun = time;
my $cut_since;
for my $n (0 .. $ORDERS - 1) {
    my $phase = $n % ($CUT + $HEALED);

    if ($phase == 0) {
        $net->isolate("n$far");
        $cut_since = time;
        order($RARE);
        $cuts++;
    } elsif ($phase == $CUT) {
        look_until($cut_since + $LEAST_S);
        ok(!$net->hears("n$leader", "n$far"), "order $n: cut off still");
        $net->heal;
    }
    order($APPS[rand @APPS]);
}
note(sprintf '%d orders, %d checks, %d cuts, %d repeated, %.1f s, '
    . 'longest %.0f ms', $ORDERS, $checks, $cuts, $repeated, time - $begun,
    1000 * $longest);

# The cut is healed, and facts arrive that it had not.
$net->heal;
look_until(time + 3);

is(scalar(@late), 0, "all of $ORDERS orders arrived by Redis");
is_deeply(\@taken_back, [], 'no worker went back from what it had said');

$_->finish for reverse @t;
done_testing();
