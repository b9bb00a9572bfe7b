#!/usr/bin/perl

# False alarms: sluiced is stopped for a while, or a database is for less than
# FreezeMillis, again and again, and nobody is cut or moved. ALARMS=200 in the
# environment is the whole row.

use warnings;
use strict;

use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep);

use Sluice;
use Sluice::Route;

use constant FREEZE => 1;

###############################################################################

my $alarms = $ENV{ALARMS} // 10;
my $t = Sluice->new;
my @db = map { $t->mariadb } 1 .. 3;
my @at = map { '127.0.0.1:' . $_->port } @db;

$_->sql(q{create user 'app'@'%' identified by 'app'}) for @db;
$db[2]->sql('set global read_only = 1');

my $sluiced = $t->sluiced(encode_json({ StateFile => $t->dir . '/run/state',
    RaftDataDir => $t->dir . '/raft',
    RaftBind => '127.0.0.1:' . $t->port('raft'),
    Stores => { MySQL => { User => 'probe', Password => 'probe',
        ThrottleThreshold => 1, MetricQuery => 'select 0.25',
        Clusters => { main1 => {
            StaticHostsSettings => { Hosts => \@at },
            Routing => { Eligible => 'replication', Priority => \@at,
                FreezeMillis => 1000 * FREEZE },
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
    upstream read { sluice main1 role=replica; }
    server { listen 127.0.0.1:8081; proxy_pass main1; }
    server { listen 127.0.0.1:8082; proxy_pass read; }
}
EOC

active_is($t, $at[0], 'the first');
my %reader;
$t->wait_for('readers', sub {
    my $dbh = route_client($t, 8082);

    $reader{ client_at($dbh) } //= $dbh;
    2 == grep { $reader{$_} } @at[1, 2];
});
my $writer = route_client($t, 8081);
my $before = route($t);
my $said = alarms_said();   # one host is read-only

sub alarms_said {
    return scalar(() = $sluiced->log =~ /event=host_un(healthy|readable)/g);
}

sub nothing_happened {
    my ($what) = @_;
    my $now = route($t);

    is($now->{host}, $at[0], "$what: nobody moves");
    is($now->{epoch}, $before->{epoch}, "$what: the epoch is the same");
    is(join(' ', map { $_->{epoch} } @{ $now->{hosts} }),
        join(' ', map { $_->{epoch} } @{ $before->{hosts} }), "$what: and the hosts'");
    is(client_at($writer), $at[0], "$what: the writer lives");
    is(client_at($reader{$_}), $_, "$what: the reader of $_ lives") for @at[1, 2];
    is(alarms_said(), $said, "$what: no alarm");
    return;
}

for my $turn (1 .. $alarms) {
    $sluiced->stop;
    sleep $turn % 20 == 0 ? 10 : 0.2 + 0.1 * ($turn % 10);
    $sluiced->cont;
    sleep 0.15;
}
nothing_happened("$alarms pauses of sluiced");
for my $turn (1 .. $alarms) {
    my $db = $db[$turn % 3];

    $db->stop;
    sleep 0.7 * FREEZE;
    $db->cont;
    sleep 0.15;
}
nothing_happened("$alarms stalls of a database");

$_->disconnect for grep { $_ } $writer, values %reader;
$t->expect_log(qr/sluice: |stale/);
$t->done;
