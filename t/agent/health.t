#!/usr/bin/perl

# sluice-agent health beside a real Galera node and a MariaDB without Galera:
# every state that can be had, frozen and killed servers, who may ask, and
# what a signal does.

use warnings;
use strict;

use DBI;
use IO::Socket::INET;
use MIME::Base64;
use Test::More;
use Time::HiRes qw(sleep time);

use Sluice;

###############################################################################

my $t = Sluice->new;
my $secret = 'Geh3im-for-nobody';

# Unhealthy is said within the deadline and a little more.
my ($deadline, $little) = (0.4, $t->build =~ /asan/ ? 3 : 1);

my $node = $t->mariadb(galera => 1);
my $plain = $t->mariadb;
$_->sql("create user 'agent'\@'%' identified by '$secret'") for $node, $plain;
$node->sql(q{install soname 'auth_ed25519'},
    qq{create user 'ed'\@'%' identified via ed25519 using password('$secret')});
my $socket = $node->socket;
my $drained = $t->dir . '/drained';

my $millis = $deadline * 1000;
my $db = qq("DB": { "Socket": "$socket", "User": "agent",
    "Password": "\${AGENT_PASSWORD}" }, "QueryTimeoutMillis": $millis);
my %env = (env => { AGENT_PASSWORD => $secret });

my $agent = $t->agent('health', <<EOF, %env);
{ "Host": "127.0.0.1", "Port": %%PORT_8901%%, $db,
  "MaintenanceFile": "$drained" }
EOF
my $strict = $t->agent('health', <<EOF, %env, name => 'agent-strict');
{ "Host": "127.0.0.1", "Port": %%PORT_8902%%, $db,
  "AvailableWhenDonor": false, "AvailableWhenReadOnly": true,
  "SidecarEndpoint": { "Username": "n", "Password": "$secret",
    "ProtectStatus": true } }
EOF
my $by_tcp = $t->agent('health', <<EOF, %env, name => 'agent-tcp');
{ "Host": "127.0.0.1", "Port": %%PORT_8903%%, "DB": { "User": "agent",
    "Host": "localhost", "Port": ${\$plain->port}, "Password": "$secret" } }
EOF
my $ed = $t->agent('health', <<EOF, %env, name => 'agent-ed');
{ "Host": "127.0.0.1", "Port": %%PORT_8904%%,
  "DB": { "Socket": "$socket", "User": "ed", "Password": "$secret" } }
EOF

my @all = ($agent, $strict, $by_tcp, $ed);
my @knock = (headers => [Authorization => 'Basic '
    . encode_base64("n:$secret", '')]);

for my $one (@all) {
    $t->wait_for($one->name . ' started', sub {
        $one->log =~ /event=started/ });
}

sub json {
    my ($state, $comment, $index, $healthy) = @_;

    return qq({"wsrep_local_state":$state,"wsrep_local_state_comment":)
        . qq("$comment","wsrep_local_index":$index,"healthy":$healthy}\n);
}

# What both forms say; $json undef: the text.
sub says {
    my ($port, $status, $text, $json, $name, @more) = @_;

    for my $path ('/', '/galera_status') {
        my $got = $t->get($port, $path, @more);

        is("$got->{status} $got->{body}", "$status $text", "$name: $path");
        is($got->{headers}{'content-type'}, 'text/plain; charset=utf-8',
            "$name: $path is text");
    }
    my $got = $t->get($port, '/api/v1/status', @more);
    is("$got->{status} $got->{body}", "$status " . ($json // $text),
        "$name: /api/v1/status");
    is($got->{headers}{'content-type'},
        $json ? 'application/json' : 'text/plain; charset=utf-8',
        "$name: /api/v1/status is what it should be");
}

my $synced = json(4, 'Synced', 0, 'true');

###############################################################################
# HTTP

says(8901, 200, 'synced', $synced, 'synced');
says(8904, 200, 'synced', $synced, 'a plugin that takes a thread');

for my $path ('/', '/galera_status', '/api/v1/status') {
    my ($get, $head) = ($t->get(8901, $path), $t->head(8901, $path));

    is($head->{status}, 200, "HEAD $path");
    is($head->{body}, '', "HEAD $path has no body");
    is($head->{headers}{'content-length'}, length $get->{body},
        "HEAD $path has the length");
    for my $method (qw/ POST PUT DELETE OPTIONS PATCH /) {
        my $got = $t->get(8901, $path, method => $method);

        is($got->{status}, 405, "$method $path");
        is($got->{headers}{allow}, 'GET, HEAD', "$method $path: Allow");
    }
}
for my $path ('/nothing', '/api/v1/status/', '/galera_status/', '/api/v1',
    '/mysql_status', '//')
{
    my $got = $t->get(8901, $path);

    is("$got->{status} $got->{body}", "404 404 page not found\n", "404 $path");
}
is($t->get(8901, '/?x=1')->{status}, 200, 'a query does not matter');

###############################################################################
# Who may ask

for my $case (
    ['nobody'],
    ['another password', Authorization => 'Basic ' . encode_base64('n:x', '')],
    ['no base64', Authorization => 'Basic n:x'],
    ['another scheme', Authorization => 'Bearer ' . encode_base64("n:$secret", '')],
    ['more', Authorization => 'Basic ' . encode_base64("n:$secret", '') . '='],
    ['nothing', Authorization => 'Basic '])
{
    my ($name, @headers) = @$case;
    my $got = $t->get(8902, '/', headers => \@headers);

    is("$got->{status} $got->{body}", "401 Not Authorized\n", "401 $name");
    is($got->{headers}{'www-authenticate'},
        'Basic realm="Authorization Required"', "401 $name: the realm");
}
is($t->get(8902, '/nothing')->{status}, 404, 'there is no 401 for nothing');
says(8902, 200, 'synced', $synced, 'with the password', @knock);

###############################################################################
# States

$node->sql('set global wsrep_desync = on');
says(8901, 200, 'synced', json(2, 'Donor/Desynced', 0, 'true'), 'donor');
says(8902, 503, 'not synced', json(2, 'Donor/Desynced', 0, 'false'),
    'donor refused', @knock);
$node->sql('set global wsrep_desync = off');
$t->wait_for('synced again', sub { $t->get(8902, '/', @knock)->{status} == 200 });

$node->sql('set global read_only = on');
says(8901, 503, 'read-only', json(4, 'Synced', 0, 'false'), 'read-only');
says(8902, 200, 'synced', $synced, 'read-only allowed', @knock);
$node->sql('set global read_only = off');

open my $file, '>', $drained or die "$drained: $!";
close $file;
says(8901, 503, 'maintenance: MaintenanceFile exists',
    json(4, 'Synced', 0, 'false'), 'drained');
unlink $drained;
says(8901, 200, 'synced', $synced, 'not drained any more');

says(8903, 503,
    'wsrep_local_state variable not set (possibly not a galera db)', undef,
    'no Galera');

# One connection is kept, however often it asks.
my @mine = grep { $_->{User} eq 'agent' } @{ $node->sql('show processlist') };
is(@mine, 2, 'each agent has one connection');

###############################################################################
# Many, slow and silly clients

my @slow = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1',
    PeerPort => $t->port(8901), LocalAddr => '127.0.0.2') } 1 .. 80;
syswrite $_, "GET / HT" for grep { $_ } @slow;
syswrite $slow[0], "\0\xff\r\n\r\n";
for my $n (1 .. 20) {
    my $got = eval { $t->get(8901, '/') };

    is($got->{status}, 200, "beside slow clients, $n") or last;
}
@slow = ();

###############################################################################
# A frozen mysqld

sub at_once {
    my ($port, @paths) = @_;

    return map {
        my $client = IO::Socket::INET->new(
            PeerAddr => '127.0.0.1', PeerPort => $t->port($port)) or die;
        syswrite $client, "GET $_ HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n";
        $client;
    } @paths;
}

sub bodies {
    return map { local $/; my $raw = readline $_; (split /\r\n\r\n/, $raw, 2)[1] } @_;
}

$node->stop;
my $began = time;
my @bodies = bodies(at_once(8901, '/', '/galera_status', '/api/v1/status', '/'));
my $took = time - $began;
is_deeply(\@bodies, [("no answer from mysqld within $millis ms") x 4],
    'frozen: all are told');
cmp_ok($took, '>=', $deadline * 0.9, 'frozen: it was given its time');
cmp_ok($took, '<', 2 * $deadline + $little, 'frozen: at the same time');

# The first question opens a connection that is not greeted.
$began = time;
is(($t->get(8901, '/'))->{body}, "no handshake from $socket within $millis ms",
    'still frozen');
cmp_ok(time - $began, '<', $deadline + $little, 'still frozen: in time');
is($t->get(8901, '/nothing')->{status}, 404, 'others are answered');

# SIGTERM does not wait for it.
my ($waiting) = at_once(8901, '/');
sleep 0.1;
$began = time;
is($agent->term, 0, 'SIGTERM: status 0');
cmp_ok(time - $began, '<', $deadline + $little, 'SIGTERM: at once');
is((bodies($waiting))[0], 'sluice-agent is stopping', 'who waits is told');
unlike($agent->log, qr/\Q$secret/, 'the log has no password');
is(() = $agent->log =~ /level=info event=healthy status=synced$/mg, 2,
    'each change to healthy: one line');
is(() = $agent->log =~ /level=warn event=unhealthy reason=/g, 2,
    'each change to unhealthy: one line');
like($agent->log, qr/event=unhealthy reason=read-only$/m, 'which says why');

$node->cont;
$agent->launch;
$t->wait_for('healthy after the frost', sub {
    $t->get(8901, '/')->{body} eq 'synced' });

###############################################################################
# A killed mysqld, and one that is new

$node->kill;
is($t->get(8901, '/')->{body}, 'Cannot get status from galera', 'killed');
is($t->get(8901, '/api/v1/status')->{body},
    "dial unix $socket: connect: connection refused", 'killed: why');
unlink $socket;
is($t->get(8901, '/')->{body},
    "dial unix $socket: connect: no such file or directory", 'no socket');
$plain->kill;
is($t->get(8903, '/')->{body}, 'Cannot get status from galera',
    'killed, by TCP');
like($t->get(8903, '/api/v1/status')->{body},
    qr/^dial tcp .*: connect: connection refused\z/, 'killed, by TCP: why');
$node->start->wait_galera;
$t->wait_for('healthy with a new mysqld', sub {
    $t->get(8901, '/')->{body} eq 'synced' });

# Nobody noticed that the connection ended.
$node->sql("kill user 'agent'");
says(8901, 200, 'synced', $synced, 'after a KILL');

###############################################################################
# SIGHUP

my $other = qq({ "Host": "127.0.0.1", "Port": %%PORT_8905%%, $db,
    "AvailableWhenReadOnly": true });
$t->write_file('agent-health.json', $other);
$agent->hup;
$t->wait_for('another port', sub { $t->get(8905, '/')->{body} eq 'synced' });
ok(!eval { $t->get(8901, '/') }, 'the old port is closed');
$node->sql('set global read_only = on');
is($t->get(8905, '/')->{body}, 'synced', 'the rules are the new ones');
$node->sql('set global read_only = off');

$t->write_file('agent-health.json', "{\n\"Port\": 0 }");
$agent->hup;
$t->wait_for('refused', sub { $agent->log =~ /event=reload_refused/ });
like($agent->log, qr/event=config .*line=2 key=Port /, 'and why');
is($t->get(8905, '/')->{body}, 'synced', 'it goes on as it was');

$t->write_file('agent-health.json', $other =~ s/8905/8902/r);
$agent->hup;
$t->wait_for('port taken', sub { $agent->log =~ /Address already in use/ });
is($t->get(8905, '/')->{body}, 'synced', 'it goes on where it was');

# Who waits meanwhile gets the answer of the new connection.
sub reloads { return scalar(() = $agent->log =~ /event=reloaded/g) }
my $reloads = reloads();

$t->write_file('agent-health.json', $other =~ s/Millis": $millis/Millis": 20000/r);
$agent->hup;
$t->wait_for('patience', sub { reloads() == $reloads + 1 });
$node->stop;
my ($patient) = at_once(8905, '/api/v1/status');
sleep 0.1;
$agent->hup;
$t->wait_for('a reload meanwhile', sub { reloads() == $reloads + 2 });
$node->cont;
is((bodies($patient))[0], $synced, 'who waits through a reload is answered');

###############################################################################
# Wrong accounts, wrong files

$t->write_file('agent-health.json', $other =~ s/"agent"/"stranger"/r);
$agent->hup;
$t->wait_for('a stranger', sub { $t->get(8905, '/')->{body} =~
    /^Error 1045: Access denied for user 'stranger'\@'localhost'/ });

sub run {
    return $t->run_command({ env => $t->sanitizer_env('agent-run', 1) },
        $t->build . '/sluice-agent', @_);
}

my $bad = $t->write_file('bad.json', <<'EOF');
{
    "Host": "db1",
    "DB": {
        "Socket": "mysqld.sock",
        "Paswd": "x"
    },
    "AvailableWhenDonor": "yes",
}
EOF
my $want = <<EOF;
$bad: error: DB.User: is required: an account of mysqld's, which needs no privileges
$bad:2: error: Host: expected an IP address to listen on (0.0.0.0, or :: with IPv6, is all of this host's)
$bad:4: error: DB.Socket: expected a path from the root
$bad:5: warning: DB.Paswd: unknown key, ignored; the nearest known one is Password
$bad:7: error: AvailableWhenDonor: expected true or false, found a string
EOF
my ($status, $out, $err) = run('health', '-t', '-c', $bad);
is($status, 1, '-t: status');
is($out, '', '-t: nothing on stdout');
is(join('', map { "$_\n" } grep { !/comma|errors/ } split /\n/, $err), $want,
    '-t: every problem');
like($err, qr/^\Q$bad\E: 4 errors, 2 warnings\n\z/m, '-t: how many');

($status, $out, $err) = run('health', '-c', $bad);
is($status, 1, 'a bad file: status');
like($err, qr/event=not_started .*the configuration has errors/, 'not started');

{
    local $ENV{SLUICE_AGENT_PASSWORD} = $secret;
    ($status, $out, $err) =
        run('health', '-t', '-c', $t->root . '/conf/sluice-agent.json');
    is($status, 0, 'the sample is right');
    like($err, qr/: 0 errors, 0 warnings\n\z/, 'and whole');
}

my $taken = $t->write_file('taken.json', $other =~ s/8905/8902/r);
($status, $out, $err) = run('health', '-c', $taken);
is($status, 1, 'a port that is taken: status');
like($err, qr/not_started .*Address already in use/, 'and why');

for my $use ([], ['nothing'], ['-c', $bad], ['health', '--no'],
    ['health', 'more'], ['health', '-c'], ['health', '--log-level', 'x'])
{
    ($status, $out, $err) = run(@$use);
    is($status, 2, "@$use: status");
    like($err, qr/^sluice-agent: .+\nusage: sluice-agent /, "@$use: usage");
}
like((run('-h'))[1], qr/^usage: sluice-agent/, '-h');
like((run('health', '-V'))[1], qr/^sluice-agent \d/, '-V');

###############################################################################
# A node on its way into a cluster that is not there: it would be 35 s.

my $alone = DBI->connect("dbi:MariaDB:mariadb_socket=$socket", 'root', '',
    { RaiseError => 1, PrintError => 0, AutoInactiveDestroy => 1 });
$alone->do(q{set global wsrep_cluster_address = 'gcomm://127.0.0.1:1'},
    { mariadb_async => 1 });
$t->wait_for('alone', sub {
    $t->get(8902, '/', @knock)->{body} eq 'Unrecognized state: 0' });
says(8902, 503, 'Unrecognized state: 0',
    json(0, 'Initialized', '18446744073709551615', 'false'), 'alone', @knock);
$node->kill;

for my $one (@all) {
    unlike($one->log, qr/\Q$secret/, $one->name . ': no password in its log');
}

$t->done;
