#!/usr/bin/perl

# Routes by sluiced, with real databases: the writable host is active, and
# another when that one dies, is frozen, or says so; sessions through nginx are
# cut and find the new one; restarts and reloads move nobody.

use warnings;
use strict;

use DBI;
use JSON::PP;
use Test::More;
use Time::HiRes qw(time sleep);

use Sluice;
use Sluice::Route;

###############################################################################

my $t = Sluice->new;
my @db = map { $t->mariadb } 1 .. 3;
my @at = map { '127.0.0.1:' . $_->port } @db;

for my $db (@db) {
    $db->sql(q{create user 'app'@'%' identified by 'app'},
        q{grant all on *.* to 'app'@'%'},
        'create database app', 'create table app.t (n int)');
}
$_->sql('set global read_only = 1') for @db[1, 2];

sub conf {
    my (%routing) = @_;

    return encode_json({ StateFile => $t->dir . '/run/state',
        RaftDataDir => $t->dir . '/raft',
        RaftBind => '127.0.0.1:' . $t->port('raft'),
        Stores => { MySQL => { User => 'probe', Password => 'probe',
            ThrottleThreshold => 1, MetricQuery => 'select 0.25',
            Clusters => { main1 => {
                StaticHostsSettings => { Hosts => \@at },
                Routing => { Eligible => 'replication', FreezeMillis => 800,
                    Priority => [$at[0]], %routing },
            } } } } });
}

my $sluiced = $t->sluiced(conf());
$t->nginx(<<'EOC');
%%MODULES%%
worker_processes 2;
error_log %%DIR%%/error.log info;
pid %%DIR%%/nginx.pid;
events { }
sluice { state %%DIR%%/run/state; }
http {
    access_log off;
    upstream sluiced { server unix:%%DIR%%/run/control.sock; keepalive 8; }
    server { listen 127.0.0.1:8080; include %%CONF%%/nginx/freno.conf; }
}
stream {
    upstream main1 { sluice main1; }
    upstream read { sluice main1 role=replica; }
    server { listen 127.0.0.1:8081; proxy_pass main1; }
    server { listen 127.0.0.1:8082; proxy_pass read; }
    server { listen 127.0.0.1:8083; proxy_pass main1; sluice_hold main1 20s; }
}
EOC

sub where { return client_at(route_client($t, $_[0])) }

my $route = active_is($t, $at[0], 'the writable host is active');
is($route->{epoch}, 1, 'the first epoch');
like($route->{reason}, qr/is the first$/, 'said why');
$t->wait_for('workers', sub { where(8081) eq $at[0] && where(8081) eq $at[0] });
my $writer = route_client($t, 8081);
is(client_at($writer), $at[0], 'writers go there');
my %reads;
$t->wait_for('both replicas', sub { $reads{where(8082)}++; 2 == keys %reads });
is_deeply([sort keys %reads], [sort @at[1, 2]], 'readers to the others');

# It dies, and another is writable: the session ends, new ones go there.
my $reader = route_client($t, 8082);
$db[1]->sql('set global read_only = 0');
sleep 0.3;
is(route($t)->{host}, $at[0], 'a second writable one moves nobody');
my $since = time;
$db[0]->kill;
$t->wait_for('the next', sub { where(8081) eq $at[1] });
cmp_ok(time - $since, '<', 2, 'a dead host: the next takes over');
$route = active_is($t, $at[1], 'active');
is($route->{epoch}, 2, 'another epoch');
like($route->{reason}, qr/^\Q$at[0]\E: .*(refused|EOF)/, 'said why');
is(client_at($writer), '', 'the session was cut');

# Nobody is writable: told so; held until somebody is.
$db[1]->sql('set global read_only = 1');
$route = active_is($t, '', 'nobody is writable: nobody is active');
route_client($t, 8081);
my $said = DBI->errstr;
like($said, qr/sluice: cluster main1, epoch 3: \Q$at[1]\E: read_only is ON/,
    'clients are told');
my $held = open(my $pipe, '-|') // die;
if (!$held) {
    print where(8083);
    POSIX::_exit(0);
}
sleep 0.3;
$db[2]->sql('set global read_only = 0');
is(join('', <$pipe>), $at[2], 'a held session goes on where it can');
active_is($t, $at[2], 'that one is active');

# Frozen: silence decides, and not a missed deadline.
$writer = route_client($t, 8081);
is(client_at($writer), $at[2], 'a writer');
$db[2]->stop;
sleep 0.45;
$db[2]->cont;
sleep 0.3;
is(client_at($writer), $at[2], 'half a second of silence: it lives');
$db[1]->sql('set global read_only = 0');
$since = time;
$db[2]->stop;
active_is($t, $at[1], 'frozen: another');
cmp_ok(time - $since, '>', 0.75, 'not before FreezeMillis');
cmp_ok(time - $since, '<', 3, 'but then');
$t->wait_for('sessions', sub { where(8081) eq $at[1] });
$db[2]->cont;
$route = route($t);
sleep 0.5;
is(route($t)->{host}, $at[1], 'one that wakes up does not take over');
like($sluiced->log, qr/event=host_unhealthy .*why="silent for 800 ms/, 'logged');
like($sluiced->log, qr/event=route cluster=main1 epoch=\d+ active=\Q$at[1]\E /,
    'and what follows');

# Restarts and reloads move nobody, and cut nobody.
$writer = route_client($t, 8081);
$sluiced->kill;
is(client_at($writer), $at[1], 'sluiced dies: sessions live');
is(where(8081), $at[1], 'new ones come');
my $epoch = route($t)->{epoch};
my $again = $t->sluiced(conf(), name => 'again');
$t->wait_for('ready', sub { $again->log =~ /event=ready/ });
is(client_at($writer), $at[1], 'it is back: sessions live');
is(route($t)->{epoch}, $epoch, 'the epoch is the same');
$t->write_file('sluiced.json', conf(Choice => 'lowest-index', Rise => 1));
$again->hup;
$t->wait_for('the reload', sub { $again->log =~ /event=reloaded/ });
sleep 0.3;
is(client_at($writer), $at[1], 'a reload cuts nobody');
is($again->log =~ /event=route /, '', 'nobody was moved');

# The state file and raft's directory together are the memory: without the
# file, too.
$again->kill;
unlink $t->dir . '/run/state';
my $third = $t->sluiced(conf(), name => 'third');
$route = active_is($t, $at[1], 'without a state file: as the nodes agreed');
is($route->{epoch}, $epoch, 'the epoch, too');
is(client_at($writer), $at[1], 'and the session lives on');

$_->disconnect for $writer, $reader;

$t->expect_log(qr/sluice: |upstream|stale|no state/);
$t->done;
