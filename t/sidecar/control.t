#!/usr/bin/perl

# The control socket of sluiced behind nginx's stock proxy: its place in the
# file system, changes with and without a store, many at once, clients that
# leave, and a store that freezes.

use warnings;
use strict;

use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep time);

use Sluice;
use Sluice::Consensus;
use Sluice::Kind;
use Sluice::Voters;

###############################################################################

my $t = Sluice->new;
my $kind = Sluice::Kind::needed($t->build);
my $control = $t->dir . '/run/control.sock';
my $ok = qq({"StatusCode":200,"Message":"OK"}\n);

sub conf {
    my (%keys) = @_;

    return encode_json({
        StateFile => $t->dir . '/run/state', %keys,
        Stores => { MySQL => {
            User => 'probe', Password => 'probe', ThrottleThreshold => 1,
            MetricQuery => 'select 1', Clusters => { main1 => {
                StaticHostsSettings => { Hosts => ['127.0.0.1:1'] } } },
        } },
    });
}

$t->nginx(<<'EOF');
worker_processes 2;
error_log %%DIR%%/error.log info;
events { }
http {
    upstream sluiced { server unix:%%DIR%%/run/control.sock; keepalive 8; }
    server {
        listen 127.0.0.1:8080;
        location / {
            proxy_pass http://sluiced;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }
    }
}
EOF

sub ask {
    my ($path, %opt) = @_;

    return $t->get(8080, $path, %opt);
}

sub says {
    my ($path, $status, $pattern, %opt) = @_;
    my $got = ask($path, %opt);
    my $name = ($opt{method} // 'GET') . " $path: $status";

    is($got->{status}, $status, $name);
    like($got->{body}, $pattern, "$name, body") if $pattern;
    return $got;
}

sub listens {
    my ($sluiced) = @_;

    return $t->wait_for('the control socket', sub {
        !$sluiced->alive || IO::Socket::UNIX->new(Peer => $control);
    });
}

###############################################################################
# Its place

my $sluiced = $t->sluiced(conf());
listens($sluiced);
is((stat $control)[2] & 07777, 0660, 'owner and group only');
says('/throttle-app/a', 503, qr/set .*BackendMySQLHost/);
is(says('/throttled-apps', 503)->{headers}{'sluice-reason'}, 'no-store',
    'Sluice-Reason passes nginx');

$sluiced->kill;
ok(-S $control, 'kill -9 leaves the socket');
$sluiced = $t->sluiced(conf());
listens($sluiced);
says('/consensus/state', 503, qr/no store/);
is($sluiced->term, 0, 'SIGTERM');
ok(!-e $control, 'SIGTERM takes it away');

$t->write_file('run/control.sock', 'mine');
my ($rc, undef, $err) = $t->sluiced_run('-c', $t->dir . '/sluiced.json');
is($rc, 1, 'what is no socket: not started');
like($err, qr/\Q$control\E: is not a socket/, 'and the log says why');
is($t->read_file('run/control.sock'), 'mine', 'it stays');
unlink $control;

###############################################################################
# With a store

# Its processes: a database, or the two other nodes of three.
my (@store, %keys);

sub run {
    my ($status, $out, $said) = $t->sluiced_run(@_);

    is($status, 0, "sluiced @_") or diag($said);
    return ($status, $out);
}

sub start_database {
    my $db = $t->mariadb(args => ['--innodb-flush-log-at-trx-commit=1']);
    my $sql = (run('--print-schema'))[1];

    $sql =~ s/^\s*--.*$//mg;
    $db->sql('create database sluice',
        q{create user 'sluice'@'%' identified by 'backend'},
        q{grant all on sluice.* to 'sluice'@'%'}, 'use sluice',
        grep { /^\s*create\s+table/i } split /;\s*\n/, $sql);
    @store = $db;
    %keys = (BackendMySQLHost => '127.0.0.1', BackendMySQLPort => $db->port,
        BackendMySQLSchema => 'sluice', BackendMySQLUser => 'sluice',
        BackendMySQLPassword => 'backend');
}

sub start_voters {
    my $voters = Sluice::Voters->new($t, qw(sluiced a b));

    @store = map { Sluice::Consensus->start($t, $voters, name => $_) } qw(a b);
    %keys = %{ $voters->conf('sluiced') };
}

$kind eq 'mysql' ? start_database() : start_voters();
$sluiced = $t->sluiced(conf(%keys));
listens($sluiced);
$t->wait_for('changes', sub { ask('/unthrottle-app/x')->{status} == 200 });
$t->wait_for('the facts', sub { ask('/throttled-apps')->{status} == 200 });

sub throttled { return decode_json(ask('/throttled-apps')->{body}) }

is(says('/throttle-app/a/ttl/30/ratio/0.5?store_name=main1&owner=me'
    . '&reason=a%20copy', 200)->{body}, $ok, 'freno\'s body');
is_deeply([@{ throttled()->{'a/main1'} }{qw(Ratio Owner Reason)}],
    [0.5, 'me', 'a copy'], 'it is in the list at once');
says('/throttle-app/b', 200, undef, method => 'HEAD');
is(throttled()->{b}{ExpireAt}, '0001-01-01T00:00:00Z', 'HEAD acts, too');
says('/throttle-app/c/ratio/NaN', 500, qr/got NaN/);
says('/throttle-app/c/ttl/600000000', 500, qr/at most 153722867/);
says('/throttle-app/c?store_name=nosuch', 404, qr/unknown store_name nosuch/);
says('/throttle-app/' . 'x' x 129, 500, qr/at most 128 bytes/);
ok(!exists throttled()->{c}, 'what was refused is not in the list');
says('/throttle-app/b/ttl/-1', 200);
ok(!exists throttled()->{b}, 'a negative ttl unthrottles');
says('/throttle-app/a?store_name=main1', 200, undef, method => 'DELETE');
is_deeply(throttled(), {}, 'DELETE unthrottles');

says('/skip-host/db6/ttl/abc', 500, qr/^\{[^{}]*\}\n\z/);
is(ask('/skipped-hosts')->{body}, "{}\n", 'a bad skip skips nothing');
says('/skip-host/db1', 200, undef, method => 'POST', body => 'owner=me',
    headers => { 'Content-Type' => 'application/x-www-form-urlencoded' });
like(ask('/skipped-hosts')->{body}, qr/^\{"db1":"20[^"]*Z"\}\n\z/, 'skipped');
like(ask('/skipped-hosts?details=true')->{body}, qr/"Owner":"me"/, 'by whom');
says('/throttle-app/c', 403, qr/Sluice-Request: 1/, method => 'POST',
    headers => { Origin => 'http://elsewhere' });
my $follows = $kind eq 'mysql' ? 'Healthy' : 'Follower';
says('/raft/state', 200, qr/^"(Leader|$follows)"\n\z/);

###############################################################################
# Many at once

sub start {
    my ($path) = @_;
    my $socket = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1:' . $t->port(8080)) or die "connect: $!";

    $socket->print("GET $path HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
    $socket->flush;
    return $socket;
}

sub status_of {
    my ($socket) = @_;
    my $select = IO::Select->new($socket);
    my $end = time + 20;
    my $got = '';

    while (time < $end && $select->can_read($end - time)) {
        sysread $socket, $got, 65536, length $got or last;
    }
    return $got =~ m{^HTTP/1\.1 (\d+)} ? $1 : 'none';
}

my @sockets = map { start("/throttle-app/many$_") } 1 .. 100;
my %answers;
$answers{ status_of($_) }++ for @sockets;
is_deeply(\%answers, { 200 => 100 }, 'a hundred changes at once');
is(scalar(grep { /^many/ } keys %{ throttled() }), 100, 'all are stored');

###############################################################################
# A store that does not answer

$_->stop for @store;
my $begin = time;
close start("/throttle-app/leaves$_") for 1 .. 20;
@sockets = map { start("/throttle-app/waits$_") } 1 .. 5;
is(says('/throttled-apps', 200)->{status}, 200, 'the list is shown meanwhile');
%answers = ();
$answers{ status_of($_) }++ for @sockets;
is_deeply(\%answers, { 503 => 5 }, 'a frozen store: 503');
cmp_ok(time - $begin, '<', 15, 'in bounded time');
$_->cont for @store;
$t->wait_for('the store', sub { ask('/throttle-app/back')->{status} == 200 });
ok(exists throttled()->{back}, 'and back');

$_->kill for @store;
$t->wait_for('503', sub { ask('/throttle-app/gone')->{status} == 503 });
my $got = says('/throttle-app/gone', 503, qr/nothing changed: .*; repeat the request/);
is($got->{headers}{'sluice-reason'}, 'refused', 'a dead store refuses');
is($got->{headers}{'retry-after'}, 1, 'Retry-After');

$t->done;
