#!/usr/bin/perl

# Hosts that come and go all day: connections, descriptors and memory come
# back to what they were. CHURNS=10000 by hand for a whole day's refreshes.

use warnings;
use strict;

use Test::More;

use Sluice;
use Sluice::Inventory;

###############################################################################

my $CHURNS = $ENV{CHURNS} // 40;

my $t = Sluice->new;
my $db = $t->mariadb(args => ['--bind-address=0.0.0.0']);
my $port = $db->port;
my $turn = 0;

# Ten hosts of twenty, others each time, then the same two again.
my ($lb, $paths) = stand_in($t, 'lb', sub {
    my @hosts = $turn++ % 4 == 3 ? (1, 2) : map { 1 + ($_ * 7 + $turn) % 20 } 1 .. 10;
    my $csv = join '', "# pxname,svname,status\n",
        map { "p,127.0.0.$_,UP\n" } @hosts;

    return 'HTTP/1.1 200 OK' . "\r\nConnection: close\r\nContent-Length: "
        . length($csv) . "\r\n\r\n$csv";
});
my ($checked) = stand_in($t, 'health', sub {
    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
});
my ($health_port) = $checked =~ /:(\d+)$/;
my %keys = (HAProxySettings => { PoolName => 'p', Addresses => $lb },
    HttpCheckPort => 0 + $health_port);
my $sluiced = start_sluiced($t, {
    one => { %keys, Metrics => { more => { Query => 'select 2',
        Threshold => 5, Scope => 'replicas' } } },
    two => \%keys,
}, Port => 0 + $port);

sub refreshes { -s $paths ? (() = do { open my $fh, '<', $paths; <$fh> }) : 0 }
sub descriptors { scalar(() = glob '/proc/' . $sluiced->pid . '/fd/*') }

sub connections {
    return $db->dbh->selectrow_arrayref(
        q{select count(*) from information_schema.processlist
        where user = 'probe'})->[0];
}

sub memory {
    open my $fh, '<', '/proc/' . $sluiced->pid . '/status' or die;
    local $/;
    my ($kb) = <$fh> =~ /VmRSS:\s+(\d+)/;

    return $kb;
}

# Of some turns the least: right after a change both old and new ones are there.
sub least {
    my ($count) = @_;
    my ($least, $until) = (1e9, refreshes() + 12);

    $t->wait_for('a dozen refreshes', sub {
        my $now = $count->();

        $least = $now if $now < $least;
        refreshes() >= $until;
    }, 30);
    return $least;
}

$t->wait_for('the first refreshes', sub { refreshes() >= 12 }, 30);
my @before = (least(\&descriptors), least(\&connections));
my $memory = memory();

$t->wait_for("$CHURNS refreshes", sub { refreshes() >= $CHURNS },
    30 + $CHURNS / 4);
cmp_ok(refreshes(), '>=', $CHURNS, 'so many refreshes');
my @after = (least(\&descriptors), least(\&connections));

cmp_ok($after[0], '<=', $before[0] + 4, "descriptors ($before[0], $after[0])");
cmp_ok($after[1], '<=', $before[1] + 4, "connections ($before[1], $after[1])");
diag("memory: $memory kB before, " . memory() . ' kB after '
    . refreshes() . ' refreshes') if $ENV{CHURNS};
is(provider($t, 'one')->{failures}, 0, 'nothing failed');

$t->done;
