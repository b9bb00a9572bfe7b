#!/usr/bin/perl

# Routes of a real Galera cluster of three: the right node, the right sessions,
# the right word, when the active one is a donor, read-only, killed, and when
# the majority is lost.

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
my @db = $t->galera(3, q{create user 'app'@'%' identified by 'app'},
    q{grant all on app.* to 'app'@'%'}, 'create database app',
    'create table app.t (n int auto_increment primary key, host int)');
my @at = map { '127.0.0.1:' . $_->port } @db;
my %db = map { $at[$_] => $db[$_] } 0 .. 2;

my $sluiced = $t->sluiced(encode_json({ StateFile => $t->dir . '/run/state',
    RaftDataDir => $t->dir . '/raft',
    RaftBind => '127.0.0.1:' . $t->port('raft'),
    Stores => { MySQL => { User => 'probe', Password => 'probe',
        ThrottleThreshold => 1, MetricQuery => 'select 0.25',
        Clusters => { main1 => {
            StaticHostsSettings => { Hosts => \@at },
            Routing => { Eligible => 'galera', AvailableWhenDonor => 'no' },
        } } } } }));
$t->nginx(<<'EOC');
%%MODULES%%
worker_processes 2;
error_log %%DIR%%/error.log info;
pid %%DIR%%/nginx.pid;
events { }
sluice { state %%DIR%%/run/state; }
stream {
    upstream main1 { sluice main1; }
    upstream inactive { sluice main1 role=inactive; }
    server { listen 127.0.0.1:8081; proxy_pass main1; sluice_hold main1 20s; }
    server { listen 127.0.0.1:8082; proxy_pass inactive; }
    server { listen 127.0.0.1:8083; proxy_pass main1; }
}
EOC

# Somebody else is active, and why.
sub moves {
    my ($what, $from, $why) = @_;
    my $route;

    $t->wait_for($what, sub { ($route = route($t))->{host} ne $from });
    like($route->{reason}, $why, "$what: said why");
    isnt($route->{host}, $from, "$what: another is active");
    return $route->{host};
}

# The session ends, and nobody waits for an answer of who is frozen.
sub ended {
    my ($dbh) = @_;

    return $t->wait_for('the end', sub {
        !eval {
            local $SIG{ALRM} = sub { die "late\n" };
            alarm 2;
            my $ok = $dbh->do('select 1');
            alarm 0;
            $ok;
        };
    });
}

sub healthy {
    my ($count) = @_;

    return $t->wait_for("$count healthy", sub {
        $count == grep { $_->{healthy} } @{ route($t)->{hosts} } }, 30);
}

ok(healthy(3), 'three nodes are healthy');
my $active = route($t)->{host};
my ($first) = grep { $db{$_}->sql(q{show status like 'wsrep_local_index'})
    ->[0]{Value} == 0 } @at;
is($active, $first, 'the lowest index is active');
$t->wait_for('workers', sub { client_at(route_client($t, 8081)) eq $active });
my $report = route_client($t, 8082);
isnt(client_at($report), $active, 'reports go to another');

# A writer goes on through all of it: what was acknowledged is there, and
# nothing was written but at the active node of the moment.
my $writer = fork // die;
if (!$writer) {
    open my $log, '>', $t->dir . '/writes' or die;
    $log->autoflush(1);
    my $parent = getppid;
    my ($dbh, $n) = (undef, 0);
    while (getppid == $parent && !-e $t->dir . '/stop') {
        $dbh //= route_client($t, 8081);
        my $row = $dbh && eval {
            local $SIG{ALRM} = sub { die "late\n" };
            alarm 8;
            my $ok = $dbh->do('insert into app.t (host) values (@@port)');
            my @row = $ok ? $dbh->selectrow_array(
                'select last_insert_id(), @@port') : ();
            alarm 0;
            \@row;
        };
        alarm 0;
        if ($row && @$row) {
            print $log "$row->[0] $row->[1]\n";
        } else {
            undef $dbh;
        }
        sleep 0.01;
    }
    POSIX::_exit(0);
}

sub writes { return split /\n/, $t->read_file('writes') }

sub goes_on {
    my ($what) = @_;
    my $before = () = writes();

    ok($t->wait_for("$what: writes go on", sub {
        my $now = () = writes();
        $now > $before + 3;
    }, 30), "$what: writes go on")
        or diag($sluiced->log);
    return;
}

goes_on('at first');

# A donor, which the configuration does not want.
my $idle = route_client($t, 8081);
$db{$active}->sql('set global wsrep_desync = 1');
my $next = moves('a donor', $active, qr{^\Q$active\E: Donor/Desynced});
is(client_at($idle), '', 'its sessions are cut');
goes_on('a donor');
$db{$active}->sql('set global wsrep_desync = 0');
ok(healthy(3), 'it is back');
is(route($t)->{host}, $next, 'and does not take over');

# Read-only.
$active = $next;
$db{$active}->sql('set global read_only = 1');
$next = moves('read-only', $active, qr/^\Q$active\E: (read_only is ON|Donor)/);
$db{$active}->sql('set global read_only = 0');
ok(healthy(3), 'it is back');
goes_on('read-only');

# Frozen: the others go on without it once Galera has given it up, which
# takes 5 s; it comes back to them.
$active = $next;
$idle = route_client($t, 8083);
is(client_at($idle), $active, 'a session');
$db{$active}->stop;
$next = moves('frozen', $active, qr/^\Q$active\E: silent for 1000 ms/);
ok(ended($idle), 'its sessions are cut');
goes_on('frozen');
$db{$active}->cont;
ok(healthy(3), 'it is back');
is(route($t)->{host}, $next, 'and does not take over');
goes_on('woken');

# Until it has noticed that it was given up it says that it is Synced.
$t->wait_for('it has joined again', sub {
    3 == grep { my $db = $_; 3 == (eval { $db->sql(
        q{show status like 'wsrep_cluster_size'})->[0]{Value} } // 0) } @db;
}, 60);
ok(healthy(3), 'all three are one');

# Killed.
$active = $next;
my $other = route_client($t, 8082);
$db{$active}->kill;
$next = moves('killed', $active, qr/^\Q$active\E: .*(refused|EOF)/);
goes_on('killed');

# The writer's word against the survivors'.
open my $stop, '>', $t->dir . '/stop' or die;
waitpid $writer, 0;
my %there = map { $_->{n} => $_->{host} }
    @{ $db{$next}->sql('select n, host from app.t') };
my @writes = writes();
my @lost = grep { !exists $there{(split)[0]} } @writes;
is(scalar @lost, 0, 'of ' . @writes . ' acknowledged inserts none is lost');
my @strange = grep { my ($n, $port) = split; $there{$n} != $port } @writes;
is(scalar @strange, 0, 'each was made where it was sent');

# The majority is lost: the last one must not.
my ($last) = grep { $_ ne $active && $_ ne $next } @at;
$db{$next}->kill;
my $route;
$t->wait_for('nobody is active', sub {
    ($route = route($t))->{host} eq ''
        && grep { $_->{text} =~ /not in the primary component/ }
            @{ $route->{hosts} };
}, 30);
is($route->{host}, '', 'without a majority nobody is active');
my ($lonely) = grep { "127.0.0.1:$_->{port}" eq $last } @{ $route->{hosts} };
is($lonely->{text}, 'not in the primary component', 'the last one says why');
is(route_client($t, 8083), undef, 'no client gets in');
like(DBI->errstr, qr/sluice: cluster main1, epoch \d+: /, 'and is told');

$_ && $_->disconnect for $report, $other, $idle;
$t->expect_log(qr/sluice: |upstream/);
$t->done;
