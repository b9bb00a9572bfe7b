#!/usr/bin/perl

# util/demo --galera: the tour; three nodes before three Galera nodes, of which
# the active one is killed, is another for every node; what it prints; mistakes;
# and that nothing is left behind, wherever it is stopped.

use warnings;
use strict;

use DBI;
use JSON::PP;
use POSIX qw(setsid);
use Test::More;
use Time::HiRes qw(time);

use Sluice;
use Sluice::Demo;
use Sluice::Http qw(http_request);
use Sluice::Route;

###############################################################################

my $t = Sluice->new;
my $demo = $t->root . '/util/demo';
my $dir = $t->dir . '/galera';

sub demo { return $t->run_command($demo, '--dir', $dir, @_) }

sub nothing_left {
    my ($what) = @_;

    ok(!-e $dir, "$what: the directory is gone");
    is_deeply([processes($dir)], [], "$what: no process is left");
}

# The tour.
my ($rc, $out, $err) = demo('--galera', '--tour');
is($rc, 0, 'tour: exit status 0') or diag($out, $err);
is($err, '', 'tour: quiet on stderr');
my @said = map { (split /\n/)[-1] } split /\n\n/, $out =~ s/.*?(?=== )//sr;
my ($first) = $said[0] =~ /^(127\.0\.0\.1:\d+)$/;
my $other = $said[1];
ok($first, 'tour: sessions lead somewhere') or diag($out);
like($other, qr/^127\.0\.0\.1:\d+$/, 'tour: a frozen node');
isnt($other, $first, 'tour: sessions lead to another');
is($said[2], $other, 'tour: one that wakes up does not take over');
is($said[3], $first, 'tour: an operator chooses it');
like($said[4], qr/sluice: cluster main1, epoch \d+: maintenance$/,
    'tour: traffic off');
is($said[5], $first, 'tour: and on');
like($said[6], qr/^127\.0\.0\.1:\d+$/, 'tour: a killed node');
isnt($said[6], $first, 'tour: sessions lead to another');
nothing_left('tour');

# Detached, with three nodes.
($rc, $out, $err) = demo('--galera', '--detach', '--nodes', 3);
is($rc, 0, 'detach: exit status 0') or diag($out, $err);
my $env = demo_env($dir);

sub session {
    my ($name) = @_;
    my ($host, $port) = split /:/, $env->{$name} // 'none:0';

    return DBI->connect("dbi:MariaDB:host=$host;port=$port",
        $env->{DBUSER}, $env->{DBPASSWORD},
        { RaiseError => 0, PrintError => 0 });
}

# DB0, DB1 or DB2: where that leads.
sub leads {
    my ($name) = @_;
    my $host = client_at(session($name));
    my ($db) = grep { $env->{$_} eq $host } map { "DB$_" } 0 .. 2;

    return $db // '';
}

is_deeply([map { client_at(session("DB$_")) } 0 .. 2],
    [@$env{qw(DB0 DB1 DB2)}], 'detach: three databases');
is_deeply([map { session("DB$_")->selectrow_arrayref(
        q{show status like 'wsrep_cluster_size'})->[1] } 0 .. 2],
    [3, 3, 3], 'detach: of one cluster');
my $active = leads('MYSQL');
like($active, qr/^DB\d$/, 'detach: MYSQL leads to one of them');
is(leads("MYSQL$_"), $active, "detach: node $_ to the same") for 1 .. 3;
isnt(leads("MYSQL_READ$_"), $active, "detach: MYSQL_READ$_ to another") for 1 .. 3;
my $backends = decode_json(http_request($env->{API}, '/v0/backends')->{body});
is(scalar(grep { $_->{healthy} } @$backends), 3, 'detach: API: three are healthy');
is(http_request($env->{"HEALTH$_"}, '/')->{status}, 200, "detach: HEALTH$_")
    for 1 .. 3;
is(http_request($env->{HTTP}, '/check/x/mysql/main1')->{status}, 200,
    'detach: a check is answered');

# What is written there is everywhere.
my $writer = session('MYSQL2');
ok($writer->do('create database app') && $writer->do('create table app.t (n int primary key)')
    && $writer->do('insert into app.t values (7)'), 'a write through nginx')
    or diag($writer->errstr);
for my $n (0 .. 2) {
    $t->wait_for("DB$n to have it", sub {
        session("DB$n")->selectrow_array('select n from app.t') == 7 });
}

# The active one is killed.
my $since = time;
kill 'KILL', $env->{"${active}_PID"};
for my $n (1 .. 3) {
    my $now;

    $t->wait_for("node $n to lead to another", sub {
        ($now = leads("MYSQL$n")) && $now ne $active }, 20);
    isnt($now, $active, "killed: MYSQL$n leads to another");
    isnt($now, '', "killed: to $now");
}
cmp_ok(time - $since, '<', 5, 'soon');
is(client_at($writer), '', 'killed: its session is over');
my %leads = map { leads("MYSQL$_") => 1 } 1 .. 3;
is(scalar keys %leads, 1, 'killed: all nodes lead to the same');
is(session('MYSQL3')->selectrow_array('select n from app.t'), 7,
    'killed: what was written is there');
$t->wait_for('writes', sub { session('MYSQL3')->do('insert into app.t values (8)') },
    30);
is(session('MYSQL1')->selectrow_array('select count(*) from app.t'), 2,
    'killed: and more can be');
is(http_request($env->{HEALTH}, '/')->{status}, 200, 'killed: HEALTH is well');
$backends = decode_json(http_request($env->{API}, '/v0/backends')->{body});
is(scalar(grep { $_->{healthy} } @$backends), 2, 'killed: API: two are healthy');

# Mistakes change nothing.
my ($base) = $env->{HTTP} =~ /:(\d+)/;
for my $case (
    [['--galera', '--replicas', '2'], qr/--galera is three nodes: it takes no --replicas/],
    [['--replicas', '2', '--galera'], qr/--galera is three nodes: it takes no --replicas/],
    [['--galera', '--detach'], qr/not empty/],
    [['--galera', '3'], qr/unknown argument "3"/],
    [['--galera', '--detach', '--dir', $t->dir . '/x', '--base-port', $base],
        qr/port $base, of --base-port $base, is in use/],
    )
{
    my ($args, $says) = @$case;
    my ($rc, $out, $err) = demo(@$args);

    isnt($rc, 0, "@$args: refused");
    like($err, $says, "@$args: says why");
}
is(http_request($env->{HEALTH}, '/')->{status}, 200, 'the first one goes on');
undef $writer;

($rc, $out, $err) = demo('--stop');
is($rc, 0, 'stop: exit status 0') or diag($out, $err);
nothing_left('stop');

# In the foreground: what is printed works; Ctrl-C ends it.
sub stay {
    my ($until) = @_;

    unlink "$dir.log";
    my $pid = fork // die;
    if (!$pid) {
        setsid();
        $SIG{INT} = 'DEFAULT';
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', "$dir.log";
        open STDERR, '>&', \*STDOUT;
        exec $demo, '--dir', $dir, '--galera' or POSIX::_exit(127);
    }
    $t->wait_for('the demo to stay', $until, 90);
    return $pid;
}

sub ended {
    my ($what, $pid) = @_;

    kill 'INT', -$pid;
    $t->wait_for($what, sub { waitpid($pid, POSIX::WNOHANG()) == $pid }, 60);
    is($? >> 8, 0, "$what: exit status 0");
    nothing_left($what);
}

sub text { return $t->read_file('galera.log') }

my $pid = stay(sub { text() =~ /Ctrl-C/ });
my ($page) = text() =~ m{dashboard\s+http://(\S+)};
like(http_request(split m{(?=/)}, $page, 2)->{body}, qr{<title>Sluice},
    'stay: the dashboard is where it says');
my @ports = map { my $port = `$_`; $port =~ /^(\d+)$/m ? $1 : '' }
    text() =~ /^  (mariadb .*select \@\@port.*)$/mg;
is(scalar @ports, 2, 'stay: two sessions to try');
my ($now) = text() =~ /the active node, now (127\.0\.0\.1:\d+);/;
is("127.0.0.1:$ports[0]", $now, 'stay: the first leads to the active node');
like($ports[1], qr/^\d+$/, 'stay: the second to a node');
isnt($ports[1], $ports[0], 'stay: to another');
my ($query) = text() =~ /^  (mariadb .*select \@\@port.*)$/m;

# Runs what is printed, and waits until sessions lead there.
sub printed {
    my ($what, $pattern, $where) = @_;
    my ($command) = text() =~ /^  ($pattern.*)$/m;
    my $port = '';

    ok(defined $command && system("$command >/dev/null 2>&1") == 0,
        "stay: the printed $what runs");
    $t->wait_for("$what", sub { ($port) = `$query 2>&1` =~ /^(\d+)$/m;
        $port && $where->($port) }, 30);
    ok($port && $where->($port), "stay: $what");
    return $port;
}

my ($chosen) = text() =~ /switch\?host=127\.0\.0\.1:(\d+)/;
isnt($chosen, $ports[0], 'stay: another to choose');
printed('switch', 'curl .*switch', sub { $_[0] eq $chosen });
my ($frozen) = text() =~ /^  kill -STOP (\d+)$/m;
my ($killed) = text() =~ /^  kill -KILL (\d+)$/m;
is($frozen, $killed, 'stay: one to freeze or kill');
$env = demo_env($dir);
my ($was) = grep { $env->{$_} eq "127.0.0.1:$ports[0]" } map { "DB$_" } 0 .. 2;
is($frozen, $env->{"${was}_PID"}, 'stay: the one that was active');
ended('Ctrl-C', $pid);

# While the second node gets its data.
$pid = stay(sub { grep { /db1/ } map { readlink("$_/cwd") // '' } processes($dir) });
ended('Ctrl-C at the start', $pid);

$t->done;
