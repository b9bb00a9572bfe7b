#!/usr/bin/perl

# A real HAProxy says which hosts a cluster has: statuses, changes by its
# admin socket, a reload, several addresses, credentials, https.

use warnings;
use strict;

use IO::Socket::UNIX;
use Test::More;
use Time::HiRes qw(time);

use Sluice;
use Sluice::Inventory;

###############################################################################

my $t = Sluice->new;
my $db = $t->mariadb;
my $port = $db->port;
my $dir = $t->dir;
my $nobody = $t->port('nobody');

# Servers are known by names that are addresses of the host; of those only
# 127.0.0.1 has a database.
sub haproxy_conf {
    my (@servers) = @_;
    my $lines = join "\n", map { "    server $_" } @servers;

    return <<"EOF";
global
    stats socket $dir/haproxy.sock mode 600 level admin expose-fd listeners
    stats timeout 10s
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
listen stats
    bind 127.0.0.1:@{[ $t->port('stats') ]}
    stats enable
    stats uri /
listen guarded
    bind 127.0.0.1:@{[ $t->port('guarded') ]}
    stats enable
    stats uri /secret
    stats auth reader:s3cret
listen safe
    bind 127.0.0.1:@{[ $t->port('safe') ]} ssl crt $dir/safe.pem
    stats enable
    stats uri /
listen mypool
    mode tcp
    bind 127.0.0.1:@{[ $t->port('pool') ]}
    default-server inter 100ms fall 1 rise 1
$lines
EOF
}

sub admin {
    my ($command) = @_;
    my $socket = IO::Socket::UNIX->new(Peer => "$dir/haproxy.sock") or return;

    $socket->print("$command\n");
    local $/;
    return scalar <$socket>;
}

sub server_state {
    my ($server, $state) = @_;
    my $said = admin("set server mypool/$server state $state");

    like($said, qr/^\s*$/, "$server is put to $state");
}

system('openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=lb'
    . " -addext subjectAltName=IP:127.0.0.1 -keyout $dir/safe.key"
    . " -out $dir/safe.crt 2>/dev/null") == 0 or die 'openssl';
system("cat $dir/safe.crt $dir/safe.key > $dir/safe.pem") == 0 or die;

my @servers = ("127.0.0.1 127.0.0.1:$port check",
    "127.0.0.2 127.0.0.1:$port check disabled", 'backup 127.0.0.1:1 disabled');
$t->write_file('haproxy.cfg', haproxy_conf(@servers));
my $haproxy = $t->spawn('haproxy', 'haproxy', '-W', '-db', '-f',
    "$dir/haproxy.cfg");
$t->wait_for('HAProxy', sub { -S "$dir/haproxy.sock" && admin('show info') });

my $lb = '127.0.0.1:' . $t->port('stats');
my %pool = (PoolName => 'mypool');
my $guarded = $t->port('guarded');
my $sluiced = start_sluiced($t, {
    one => { HAProxySettings => { %pool, Host => '127.0.0.1',
        Port => 0 + $t->port('stats') } },
    two => { HAProxySettings => { %pool, Addresses => "$lb,http://$lb/" } },
    half => { HAProxySettings => { %pool,
        Addresses => "$lb,127.0.0.1:$nobody" } },
    nopool => { HAProxySettings => { PoolName => 'nosuch',
        Addresses => $lb } },
    guarded => { HAProxySettings => { %pool,
        Addresses => "http://reader:s3cret\@127.0.0.1:$guarded/secret" } },
    stranger => { HAProxySettings => { %pool,
        Addresses => "http://127.0.0.1:$guarded/secret" } },
    safe => { HAProxySettings => { %pool, CAFile => "$dir/safe.crt",
        Addresses => 'https://127.0.0.1:' . $t->port('safe') . '/' } },
    unsafe => { HAProxySettings => { %pool,
        Addresses => 'https://127.0.0.1:' . $t->port('safe') . '/' } },
    other => { Port => 1, HAProxySettings => { %pool, Addresses => $lb } },
}, Port => 0 + $port);
start_nginx($t);

my $first = "127.0.0.1:$port";
my $second = "127.0.0.2:$port";

hosts_are($t, 'one', $first, 'a server that is up is a host');
status_is($t, 'one', 200, 'and is asked');
hosts_are($t, 'two', $first, 'two addresses: their hosts, each once');
hosts_are($t, 'guarded', $first, 'credentials in the address');
hosts_are($t, 'safe', $first, 'https with a CA');
hosts_are($t, 'other', '127.0.0.1:1', 'the port is the cluster\'s');
for my $cluster (qw(half nopool stranger unsafe)) {
    hosts_are($t, $cluster, '', "$cluster: nothing is known");
    status_is($t, $cluster, 404, "$cluster: checks are 404");
    ok(provider($t, $cluster)->{failures} > 0, "$cluster: the failure shows");
}
like(provider($t, 'half')->{error}, qr/^127.0.0.1:$nobody: cannot connect/,
    'an address nobody listens on spoils the answer');
like(provider($t, 'nopool')->{error}, qr/pool not found/, 'no such pool');
like(provider($t, 'stranger')->{error}, qr/status 401/, 'without credentials');
like(provider($t, 'unsafe')->{error}, qr/certificate/, 'without a CA');

# Changes while it runs. The second host answers too: on another address of
# this machine nobody listens, which is an error.
server_state('127.0.0.2', 'ready');
hosts_are($t, 'one', "$first $second", 'ready: it is there');
status_is($t, 'one', 500, 'ready: it is asked, and nobody listens');
my $since = time;
server_state('127.0.0.2', 'maint');
status_is($t, 'one', 200, 'maint: it is left out');
cmp_ok(time - $since, '<', 1.1, 'within a second of the refresh');
hosts_are($t, 'one', $first, 'maint: it is gone');
server_state('127.0.0.2', 'ready');
hosts_are($t, 'one', "$first $second", 'ready again');
server_state('127.0.0.2', 'drain');
hosts_are($t, 'one', $first, 'drain: it is gone');
server_state('127.0.0.2', 'ready');
hosts_are($t, 'one', "$first $second", 'ready once more');
is(admin('set server mypool/127.0.0.2 health down') =~ /\S/ ? 1 : 0, 0,
    'its check says it is down');
hosts_are($t, 'one', "$first $second", 'down: it is a host all the same');
server_state('127.0.0.2', 'maint');
hosts_are($t, 'one', $first, 'before the last');
server_state('127.0.0.1', 'maint');
ok($t->wait_for('nobody is in use', sub {
    (provider($t, 'one')->{error} // '') =~ /no server of the pool is in use/;
}), 'a pool that nobody serves is a failure');
hosts_are($t, 'one', $first, 'and the last hosts stay');
is($t->get(8080, '/check/app/mysql/one')->{status}, 200, 'they are asked');
server_state('127.0.0.1', 'ready');
$t->wait_for('no failure', sub { provider($t, 'one')->{failures} == 0 });
hosts_are($t, 'one', $first, 'before the reload');

# A reload with one more server: never nothing in between.
my $third = "127.0.0.3:$port";
$t->write_file('haproxy.cfg', haproxy_conf(@servers,
    "127.0.0.3 127.0.0.1:$port check"));
kill 'USR2', $haproxy->pid;
my %seen;
$t->wait_for('the new server', sub {
    $seen{cluster_hosts($t, 'one')}++;
    $seen{"$first $third"};
});
is_deeply([sort keys %seen], [sort $first, "$first $third"],
    'reload: the old hosts, then the new ones, and nothing else');

# It goes: what was known stays, said once.
my $failed = qr/event=inventory_failed cluster=one /;
my $before = () = $sluiced->log =~ /$failed/g;
$haproxy->kill;
$t->wait_for('failures', sub { provider($t, 'one')->{failures} >= 5 });
hosts_are($t, 'one', "$first $third", 'gone: the last hosts stay');
my $after = () = $sluiced->log =~ /$failed/g;
is($after - $before, 1, 'gone: one line says so');
unlike($sluiced->log, qr/s3cret/, 'no credential in the log');

$haproxy = $t->spawn('haproxy2', 'haproxy', '-W', '-db', '-f',
    "$dir/haproxy.cfg");
$t->wait_for('no failure', sub { provider($t, 'one')->{failures} == 0 });
like($sluiced->log, qr/event=inventory_back cluster=one /, 'back: said');

$t->done;
