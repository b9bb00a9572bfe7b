#!/usr/bin/perl

# Routes on three nodes: all send writers to one host, whichever of them
# leads, dies, is frozen or is asked; what operators say to one all do; a
# session lives as long as it may.

use warnings;
use strict;

use DBI;
use JSON::PP;
use Test::More;
use Time::HiRes qw(time sleep);

use Sluice;
use Sluice::Fleet;
use Sluice::Route;

###############################################################################

my $own = Sluice->new;
my @db = map { $own->mariadb } 1 .. 3;
my @at = map { '127.0.0.1:' . $_->port } @db;

$_->sql(q{create user 'app'@'%' identified by 'app'}) for @db;

my $fleet = Sluice::Fleet->new(nodes => 3, workers => 2, redis => 0,
    clusters => '"app": ' . encode_json({
        StaticHostsSettings => { Hosts => \@at },
        Routing => { Eligible => 'replication', Priority => \@at } }),
    stream => <<'END');
    upstream app { sluice app; }
    server { listen 127.0.0.1:8081; proxy_pass app; sluice_hold app 10s; }
END
my @nodes = 0 .. $fleet->nodes - 1;

sub session { return route_client($fleet->node($_[0]), 8081) }

# All that run (or those) say the same.
sub all_go {
    my ($what, $want, @these) = @_;
    my %epochs;

    for my $i (@these ? @these : @nodes) {
        my $route;

        $own->wait_for("$what: node $i", sub {
            ($route = route($fleet->node($i), 'app'))->{host} eq $want }, 20);
        is($route->{host}, $want, "$what: node $i");
        $epochs{ $route->{epoch} } = 1;
        my $there;
        $own->wait_for("$what: sessions of node $i", sub {
            ($there = client_at(session($i))) eq $want }, 20);
        is($there, $want, "$what: sessions of node $i");
    }
    is(scalar keys %epochs, 1, "$what: one epoch");
    return (keys %epochs)[0];
}

my $epoch = all_go('the first', $at[0]);

# A host dies.
my @sessions = map { session($_) } @nodes;
my $since = time;
$db[0]->kill;
is(scalar(grep { defined $_->selectrow_array('select 1') } @sessions), 0,
    'it dies: its sessions are over');
is(all_go('a dead host', $at[1]), $epoch + 1, 'one epoch more');
cmp_ok(time - $since, '<', 5, 'soon');

# An operator, through whatever node.
my $t2 = $fleet->node(2);
my $got = post_form($t2, '/route/app/switch', "host=$at[2]");
is($got->{status}, 200, 'a switch') or diag($got->{body});
$epoch = all_go('a switch', $at[2]);

# The leader dies, and then the host: those that are left agree.
@sessions = map { session($_) } @nodes;
my $leader = $fleet->leader;
$fleet->sluiced($leader)->kill;
$own->wait_for('another leader', sub {
    my $now = $fleet->leader;

    defined $now && $now != $leader;
}, 20);
is(scalar(grep { ($_->selectrow_array('select 1'))[0] } @sessions), 3,
    'the leader dies: no session does');
my @left = grep { $_ != $leader } @nodes;
$db[2]->kill;
is(all_go('with another leader', $at[1], @left), $epoch + 1, 'one epoch more');
isnt(client_at(session($leader)), $at[1], 'a node without sluiced stays where it was');
$fleet->start_sluiced($leader);
is(all_go('it is back', $at[1]), $epoch + 1, 'and in the same epoch');

# A frozen leader: another leads, and decides; when it wakes up it obeys.
$db[0]->start;
$own->wait_for('a second host', sub {
    grep { $_->{healthy} && "127.0.0.1:$_->{port}" eq $at[0] }
        @{ route($fleet->node($left[0]), 'app')->{hosts} } }, 20);
$leader = $fleet->leader;
@left = grep { $_ != $leader } @nodes;
$fleet->sluiced($leader)->stop;
$db[1]->sql('set global read_only = 1');
$epoch = all_go('the leader is frozen', $at[0], @left);
$fleet->sluiced($leader)->cont;
is(all_go('it wakes up', $at[0]), $epoch, 'and changes nothing');

# Traffic.
$got = post_form($t2, '/route/app/traffic', 'trafficEnabled=false&message=maintenance');
is($got->{status}, 200, 'traffic off') or diag($got->{body});
for my $i (@nodes) {
    ok($own->wait_for("node $i", sub { !route($fleet->node($i), 'app')->{traffic} }),
        "off: node $i");
}

$_->disconnect for @sessions;
$fleet->node($_)->expect_log(qr/sluice: |upstream|stale|no state/) for @nodes;
$own->finish;
$fleet->done;
