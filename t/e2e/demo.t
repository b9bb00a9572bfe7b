#!/usr/bin/perl

# util/demo as its user meets it: the tour, a detached one for scripts, two at
# once, Ctrl-C, mistakes; and that nothing is left behind.

use warnings;
use strict;

use File::Basename qw(dirname);
use File::Path qw(make_path remove_tree);
use POSIX qw(setsid);
use Test::More;

use Sluice;
use Sluice::Demo;
use Sluice::Http qw(http_request);
use Sluice::Kind;

###############################################################################

my $t = Sluice->new;
my $demo = $t->root . '/util/demo';
my $kind = Sluice::Kind::needed($t->build);

# Raft is what it does by itself.
my @kind = $kind eq 'raft' ? () : ('--consensus', $kind);

sub demo { return $t->run_command($demo, @kind, @_) }

# The tour, in a directory of its own.
my $tour = $t->dir . '/tour';
my ($rc, $out, $err) = demo('--tour', '--dir', $tour);
is($rc, 0, 'tour: exit status 0') or diag($out, $err);
my @statuses = $out =~ m{^HTTP/1\.1 (\d+)}mg;
is("@statuses", '200 429 200 500 200 200 417 200 200', 'tour: the story');
is($err, '', 'tour: quiet on stderr');
ok(!-e $tour, 'tour: the directory is gone');
is_deeply([processes($tour)], [], 'tour: no process is left');

# Detached, for scripts; and a second one at the same time.
my ($one, $two) = map { $t->dir . "/$_" } qw(one two);
{
    # A disk that is slow to give a program: what was started is still bash.
    local $ENV{'BASH_FUNC_setsid%%'} = '() { sleep 0.3; exec setsid "$@"; }';
    ($rc, $out, $err) = demo('--detach', '--dir', $one, '--replicas', 1);
}
is($rc, 0, 'detach: exit status 0') or diag($out, $err);
my $env = demo_env($one);
my %of_kind = (mysql => [qw(DBB DBB_PID)],
    raft => [qw(RAFT RAFT1 RAFTDIR RAFTDIR1)]);
is_deeply([sort keys %$env],
    [sort qw(CLUSTER CONSENSUS DB0 DB1 DB0_PID DB1_PID DBUSER DBPASSWORD
        REDIS REDIS_PID REDISPASSWORD), @{ $of_kind{$kind} },
        map { ("HTTP$_", "MYSQL$_", "MYSQL_READ$_", "API$_", "HEALTH$_", "SLUICED${_}_PID", "NGINX${_}_PID", "STATE$_",
            "SLUICED${_}_CONF", "NGINX${_}_CONF") } '', 1],
    'detach: env has all it promises');
is($env->{CONSENSUS}, $kind, 'detach: of the kind');
is(http_request($env->{HTTP}, "/check/x/mysql/$env->{CLUSTER}")->{status}, 200,
    'detach: a check is answered');
for my $pid (map { $env->{$_} } grep { /_PID$/ } keys %$env) {
    ok(kill(0, $pid), "detach: process $pid runs");
}
ok(-e $env->{$_}, "detach: $_ is there") for qw(STATE SLUICED_CONF NGINX_CONF);
my ($host, $port) = split /:/, $env->{DB0};
my $dbh = eval {
    require DBI;
    DBI->connect("dbi:MariaDB:host=$host;port=$port", $env->{DBUSER},
        $env->{DBPASSWORD}, { RaiseError => 1, PrintError => 0 });
};
ok($dbh, 'detach: DBUSER can connect');
ok(eval { $dbh->do('create database anything'); 1 }, 'detach: and do anything');
$dbh->disconnect if $dbh;
for my $name (qw(MYSQL MYSQL_READ)) {
    my ($at, $by) = split /:/, $env->{$name};
    my $through = DBI->connect("dbi:MariaDB:host=$at;port=$by", $env->{DBUSER},
        $env->{DBPASSWORD}, { RaiseError => 0, PrintError => 0 });
    my $db = $name eq 'MYSQL' ? 'DB0' : 'DB1';

    is($through && "127.0.0.1:" . $through->selectrow_array('select @@port'),
        $env->{$db}, "detach: $name leads to $db");
    $through->disconnect if $through;
}
my $backends = http_request($env->{API}, '/v0/backends')->{body};
like($backends, qr/"port":$port,"healthy":true,.*?"active":true/,
    'detach: API is Switchboard\'s');
is(http_request($env->{HEALTH}, '/')->{status}, 200, 'detach: HEALTH is well');
for my $user ('root', 'mysql', '') {
    ok(!DBI->connect("dbi:MariaDB:host=$host;port=$port", $user, '',
        { RaiseError => 0, PrintError => 0 }), "detach: no entry for '$user'");
}

# Three nodes, which say the same.
($rc, $out, $err) =
    demo('--detach', '--dir', $two, '--replicas', 1, '--nodes', 3);
is($rc, 0, 'a second one beside it') or diag($out, $err);
my $env2 = demo_env($two);
isnt($env2->{HTTP}, $env->{HTTP}, 'with ports of its own');
is(http_request($env2->{HTTP}, "/check/x/mysql/main1")->{status}, 200,
    'the second answers');
is($env2->{HTTP}, $env2->{HTTP1}, 'the first node is the one without number');
is(http_request($env2->{HTTP3}, '/throttle-app/x?ttl=5', method => 'POST')
    ->{status}, 200, 'three nodes: a throttle is given to one');
for my $n (1 .. 3) {
    ok(kill(0, $env2->{"${_}${n}_PID"}), "node $n: $_ runs")
        for qw(SLUICED NGINX);
    $t->wait_for("417 of node $n", sub {
        http_request($env2->{"HTTP$n"}, '/check/x/mysql/main1')->{status}
            == 417;
    });
    is(http_request($env2->{"HTTP$n"}, '/throttled-apps')->{status}, 200,
        "node $n: lists the throttled");
}
is(http_request($env2->{HTTP}, '/throttle-app/x/ttl/5')->{status}, 403,
    'no crawler throttles: GET is refused');

# Mistakes say what is wrong and change nothing.
my ($base) = $env->{HTTP} =~ /:(\d+)/;
for my $case (
    [['--detach', '--dir', $one], qr/not empty/],
    [['--detach', '--dir', $t->dir . '/x', '--base-port', $base],
        qr/port $base, of --base-port $base, is in use/],
    [['--detach'], qr/--detach needs --dir/],
    [['--stop'], qr/--stop needs --dir/],
    [['--stop', '--dir', '/tmp'], qr{/tmp is not the directory of a demo}],
    [['--replicas', '0'], qr/--replicas wants a number from 1 to 9/],
    [['--replicas', 'two'], qr/--replicas wants a number from 1 to 9/],
    [['--nodes', '0'], qr/--nodes wants a number from 1 to 9/],
    [['--consensus', 'paxos'], qr/--consensus wants raft or mysql, not "paxos"/],
    [['--base-port', '80'], qr/--base-port wants a number from 1024/],
    [['--dir'], qr/--dir wants a value/],
    [['--nonsense'], qr/unknown argument "--nonsense"/],
    [['--tour', '--dir', $t->dir . '/two words'], qr/may have letters/],
    [['--detach', '--dir', $t->dir . '/x', '--base-port', 32700, '--replicas',
        '9', '--base-port', '99999'], qr/number from 1024 to 32700/],
    )
{
    my ($args, $says) = @$case;

    ($rc, $out, $err) = demo(@$args);
    isnt($rc, 0, "@$args: refused");
    like($err, $says, "@$args: says why");
}
ok(!-e $t->dir . '/x', 'a refused one leaves no directory');
is(http_request($env->{HTTP}, "/check/x/mysql/main1")->{status}, 200,
    'the first one was not disturbed');

for my $dir ($one, $two) {
    ($rc, $out, $err) = demo('--stop', '--dir', "$dir/");
    is($rc, 0, 'stop: exit status 0') or diag($out, $err);
    ok(!-e $dir, 'stop: the directory is gone');
    is_deeply([processes($dir)], [], 'stop: no process is left');
}

# In the foreground, until Ctrl-C. A terminal's SIGINT reaches the group.
sub stay {
    my ($dir, @args) = @_;

    unlink "$dir.log";
    my $pid = fork // die;
    if (!$pid) {
        setsid();
        $SIG{INT} = 'DEFAULT';
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', "$dir.log";
        open STDERR, '>&', \*STDOUT;
        exec $demo, @kind, '--dir', $dir, '--replicas', '1', @args
            or POSIX::_exit(127);
    }
    $t->wait_for('the demo to stay', sub { text_of($dir) =~ /Ctrl-C/ }, 60)
        or diag(text_of($dir));
    return $pid;
}

# What a printed curl gets.
sub body_of {
    my ($command) = @_;
    my $got = `$command 2>/dev/null`;

    return (split /\r\n\r\n/, $got, 2)[1] // '';
}

sub text_of {
    my ($dir) = @_;

    open my $fh, '<', "$dir.log" or return '';
    local $/;
    return scalar <$fh> // '';
}

# It is over, and how it ended.
sub ended {
    my ($what, $pid, $dir, $status) = @_;

    $t->wait_for($what, sub { waitpid($pid, POSIX::WNOHANG()) == $pid }, 60)
        or return kill 'TERM', $pid;
    is($? >> 8, $status, "$what: exit status $status");
    ok(!-e $dir, "$what: the directory is gone");
    is_deeply([processes($dir)], [], "$what: no process is left");
}

# A name that is too long for a socket is none for a directory.
my $stay = $t->dir . '/' . join '/', ('stay' x 10) x 3;
make_path(dirname($stay));
my $pid = stay($stay);
my $text = text_of($stay);
like($text, qr{/check/demo/mysql/main1}, 'stay: prints a check to try');
like($text, qr/STOP SLAVE SQL_THREAD/, 'stay: how to make a replica lag');
like($text, qr/kill -STOP \d+/, 'stay: how to freeze one');

# What is printed works as printed.
my ($lag) = $text =~ /^  (mariadb .*STOP SLAVE SQL_THREAD.*)$/m;
is(system($lag), 0, 'stay: the printed command runs');
my ($address) = $text =~ m{nginx\s+http://(\S+)};
$t->wait_for('429', sub {
    http_request($address, '/check/demo/mysql/main1')->{status} == 429;
});
pass('stay: the check is 429 then');

my ($dashboard) = $text =~ m{dashboard\s+http://[^/]+(/\S+)};
like(http_request($address, $dashboard // '/nosuch')->{body}, qr{<title>Sluice},
    'stay: the dashboard is where it says');
is(http_request($address, '/dashboard/do/')->{status}, 200,
    'stay: and takes orders');

my @change = $text =~ /^  (curl .*throttle-app.*)$/mg;
is(scalar @change, 2, 'stay: a throttle and an unthrottle to try');
like(`$change[0] 2>/dev/null`, qr{^HTTP/1.1 200}, 'stay: the throttle works');
$t->wait_for('417', sub {
    http_request($address, '/check/demo/mysql/main1')->{status} == 417;
});
like(`$change[1] 2>/dev/null`, qr{^HTTP/1.1 200}, 'stay: the unthrottle works');
$t->wait_for('no 417', sub {
    http_request($address, '/check/demo/mysql/main1')->{status} != 417;
});

my ($mysql) = $text =~ /^  (mariadb .*select \@\@port.*)$/m;
like(`$mysql`, qr/^\d+$/m, 'stay: the printed MySQL command works');
@change = $text =~ /^  (curl .*traffic.*)$/mg;
is(scalar @change, 2, 'stay: traffic off and on to try');
like(`$change[0] 2>/dev/null`, qr{^HTTP/1.1 200}, 'stay: off works');
$t->wait_for('nobody is let in', sub { `$mysql 2>&1` =~ /maintenance/ }, 30);
like(`$change[1] 2>/dev/null`, qr{^HTTP/1.1 200}, 'stay: on works');
$t->wait_for('and everybody', sub { `$mysql 2>&1` =~ /^\d+$/m }, 30);

kill 'INT', -$pid;
ended('Ctrl-C', $pid, $stay, 0);

# Three nodes: the one that leads can be killed.
$pid = stay($stay, '--nodes', 3);
$text = text_of($stay);
my ($kill) = $text =~ /^  (kill -KILL \d+)$/m;
my ($who) = $text =~ /^  (curl .*consensus.leader.*)$/m;
my $leader = body_of($who);
like($leader, qr/^"/, 'stay: one leads');
is(system($kill), 0, 'stay: the printed kill runs');
$t->wait_for('another leader', sub {
    my $now = body_of($who);

    $now =~ /^"/ && $now ne $leader;
}, 20);
my ($address2) = $who =~ m{http://([^/]+)/};
is(http_request($address2, '/throttle-app/x?ttl=5', method => 'POST')
    ->{status}, 200, 'stay: changes go on without it');
kill 'TERM', $pid;
ended('SIGTERM', $pid, $stay, 143);

$pid = stay($stay);
($rc, $out, $err) = demo('--stop', '--dir', $stay);
is($rc, 0, 'stopped from elsewhere: exit status 0') or diag($out, $err);
ended('stopped from elsewhere', $pid, $stay, 0);

$pid = stay($stay);
# Its daemons still write there: what they make meanwhile is the demo's to remove.
remove_tree($stay, { error => \my $errors });
ended('the directory taken away', $pid, $stay, 0);

$pid = stay($stay);
kill 'KILL', $pid;
waitpid $pid, 0;
ok($t->wait_for('all to die with it', sub { !processes($stay) }),
    'SIGKILL: no process is left');
($rc, $out, $err) = demo('--stop', '--dir', $stay);
is($rc, 0, 'SIGKILL: what is left can be stopped') or diag($out, $err);
ok(!-e $stay, 'SIGKILL: and is removed');

$t->done;
