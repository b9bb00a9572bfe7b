#!/usr/bin/perl

# ProxySQL says which hosts a cluster has: its admin interface is a MariaDB
# that has the table; statuses, the time that one who was away has to wait,
# the keys of Stores.MySQL, a second ProxySQL.

use warnings;
use strict;

use Test::More;

use Sluice;
use Sluice::Inventory;

###############################################################################

my $t = Sluice->new;
my $db = $t->mariadb;
my @admin = ($t->mariadb, $t->mariadb);
my $port = $db->port;

for my $admin (@admin) {
    $admin->sql('create database stats');
    $admin->sql('create table stats.stats_mysql_connection_pool (hostgroup int,
        srv_host varchar(255), srv_port int, status varchar(40))');
    $admin->sql(q{create user 'reader'@'%' identified by 's3cret'});
    $admin->sql(q{grant select on stats.* to 'reader'@'%'});
}

sub rows {
    my ($admin, @rows) = @_;

    $admin->sql('delete from stats.stats_mysql_connection_pool');
    for (@rows, [2, '127.0.0.5', 1, 'ONLINE']) {
        my ($group, $host, $its_port, $status) = @$_;

        $admin->sql('insert into stats.stats_mysql_connection_pool values '
            . "($group, '$host', $its_port, '$status')");
    }
}

# The first by name is asked.
@admin = reverse @admin if $admin[0]->address gt $admin[1]->address;
my ($first, $second) = @admin;
rows($first, [1, '127.0.0.1', $port, 'ONLINE'],
    [1, '127.0.0.2', 1, 'SHUNNED_REPLICATION_LAG'],
    [1, '127.0.0.3', 1, 'OFFLINE_SOFT'], [1, '127.0.0.4', 1, 'SHUNNED'],
    [3, 'no host!', 1, 'ONLINE']);
rows($second, [1, '127.0.0.9', 9, 'ONLINE']);

my @both = ($second->address, $first->address);
my %login = (User => 'reader', Password => 's3cret');
my $nobody = '127.0.0.1:' . $t->port('nobody');
my $sluiced = start_sluiced($t, {
    one => { ProxySQLSettings => { %login, HostgroupID => 1,
        Addresses => \@both, IgnoreServerTTLSecs => 2 } },
    global => { ProxySQLSettings => { HostgroupID => 2 } },
    odd => { ProxySQLSettings => { HostgroupID => 3 } },
    away => { ProxySQLSettings => { %login, HostgroupID => 1,
        Addresses => [$nobody] } },
    denied => { ProxySQLSettings => { %login, Password => 'wrong',
        HostgroupID => 1, Addresses => [$first->address] } },
}, ProxySQLAddresses => [$first->address], ProxySQLUser => 'reader',
    ProxySQLPassword => 's3cret');
start_nginx($t);

my $up = "127.0.0.1:$port";
hosts_are($t, 'one', "$up 127.0.0.2:1", 'who is ONLINE, and who only lags');
hosts_are($t, 'global', '127.0.0.5:1', 'the keys of Stores.MySQL');
hosts_are($t, 'odd', '', 'a name that is no host');
for my $cluster (qw(away denied)) {
    hosts_are($t, $cluster, '', "$cluster: nothing is known");
    $t->wait_for('the failure', sub { provider($t, $cluster)->{failures} });
    status_is($t, $cluster, 404, "$cluster: checks are 404");
}
like(provider($t, 'away')->{error}, qr/^\Q$nobody\E: dial tcp .*refused/,
    'nobody listens');
like(provider($t, 'denied')->{error}, qr/Error 1045: Access denied/,
    'a wrong password');

# -t --probe asks ProxySQL, and then those hosts.
my ($rc, $out) = $t->sluiced_run('-t', '--probe', '-c',
    $t->dir . '/sluiced.json');
is($rc, 1, '--probe: some do not answer');
like($out, qr/^one\t\Q$up\E\t0\.25\t/m, '--probe: a host of ProxySQL');
like($out, qr/^away\tproxysql\t\Q$nobody\E: dial tcp/m,
    '--probe: a provider that is away');

# Who was away has to wait; 127.0.0.4 was from the beginning.
rows($first, [1, '127.0.0.1', $port, 'ONLINE'], [1, '127.0.0.4', 1, 'ONLINE']);
hosts_are($t, 'one', $up, 'one that was away is left out for a while');
status_is($t, 'one', 200, 'the others are asked');
hosts_are($t, 'one', "$up 127.0.0.4:1", 'then it is a host');
rows($first, [1, '127.0.0.1', $port, 'ONLINE']);
hosts_are($t, 'one', $up, 'a row that is gone');

# Its connections end: they are made again at once.
$first->sql("kill user 'reader'");
rows($first, [1, '127.0.0.1', $port, 'ONLINE'], [1, '127.0.0.6', 1, 'ONLINE']);
hosts_are($t, 'one', "$up 127.0.0.6:1", 'after its connections were cut');
unlike($sluiced->log, qr/event=inventory_failed cluster=one /,
    'and nobody noticed');

# The first ProxySQL goes: the next is asked, and stays in use.
$first->kill;
hosts_are($t, 'one', '127.0.0.9:9', 'the second ProxySQL');
$t->wait_for('failures', sub { provider($t, 'global')->{failures} >= 3 });
hosts_are($t, 'global', '127.0.0.5:1', 'without another what was known stays');

# A frozen one is given up within its time, and delays nobody else.
$second->stop;
$t->wait_for('a failure', sub { provider($t, 'one')->{failures} >= 1 });
like(provider($t, 'one')->{error}, qr/: (no answer|dial tcp|.*handshake)/,
    'a frozen ProxySQL');
hosts_are($t, 'one', '127.0.0.9:9', 'what was known stays');
$second->cont;
$t->wait_for('an answer', sub { provider($t, 'one')->{failures} == 0 });
like($sluiced->log, qr/event=inventory_back cluster=one /, 'back: said');
unlike($sluiced->log, qr/s3cret|wrong/, 'no credential in the log');

$t->done;
