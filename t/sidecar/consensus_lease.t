#!/usr/bin/perl

# Leadership: nodes that die, stop, freeze and come back; what they are told is
# compared on one clock, and two never act at once.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(sleep);

use Sluice;
use Sluice::Consensus;

###############################################################################

my $t = Sluice->new;
my $db = $t->mariadb;
my @nodes;

Sluice::Consensus::prepare($db, Sluice::Consensus::schema($t));

sub node {
    my ($name, %opt) = @_;

    push @nodes, Sluice::Consensus->start($t, $db, name => $name,
        conf => { Domain => '"prod"', ShareDomain => '"share"' }, %opt);
    return $nodes[-1];
}

# The one of these that acts.
sub leader {
    my ($what, @among) = @_;

    return $t->wait_for("a leader: $what", sub { (grep { $_->acts } @among)[0] }, 20);
}

sub row {
    my ($table) = @_;

    return $db->sql("select * from $table where domain = 'prod'")->[0];
}

# Of that node, the first moment after MS at which it was told to act.
sub acted_after {
    my ($node, $ms) = @_;

    return (grep { $_->{until} && $_->{ms} > $ms } $node->leases)[0]{ms};
}

# /leader-check and its kin follow freno's row.
sub elected {
    my ($node, $name) = @_;

    ok($node->wait_for('row', sub { my $s = $node->status; $s->{leads} && $s }), $name);
    is(row('service_election')->{service_id}, $node->status->{id}, "$name: freno's row");
}

###############################################################################
# Three nodes: one acts, freno's row says the same

my ($a, $b, $c) = map { node($_) } qw(a b c);
my $first = leader('three nodes', $a, $b, $c);
elected($first, 'the holder leads');
my @rest = grep { $_ != $first } $a, $b, $c;
for my $node (@rest) {
    $node->wait_for('leader', sub { $node->status->{leader} eq $first->status->{id} });
}
is_deeply([map { $_->status->{state} } @rest], ['Healthy', 'Healthy'], 'the others are healthy');
is(scalar(grep { $_->acts } $a, $b, $c), 1, 'one acts');
my $term = row('sluice_lease')->{term};
sleep 1.5;
is(row('sluice_lease')->{term}, $term, 'it stays');
is(row('service_election')->{share_domain}, 'share', 'with its share domain');

# Killed.
my $killed = Sluice::Consensus::boot_ms();
$first->kill;
my $second = leader('after a kill', @rest);
cmp_ok(acted_after($second, $killed) - $killed, '<=', 3000, 'killed: another acts');
note('killed, another acts after ' . (acted_after($second, $killed) - $killed) . ' ms');
elected($second, 'killed: another leads');
cmp_ok(row('sluice_lease')->{term}, '>', $term, 'killed: another term');

# Told to stop.
($c) = grep { $_ != $second } @rest;
my $stopped = Sluice::Consensus::boot_ms();
is($second->term, 0, 'stopped: exit status 0');
my $closed = $second->last_event('closed')->{ms};
cmp_ok($closed - $second->last_event('closing')->{ms}, '<=', 1000, 'stopped: at once');
leader('after a stop', $c);
note('stopped, another acts after ' . (acted_after($c, $stopped) - $stopped) . ' ms');
cmp_ok(acted_after($c, $stopped) - $stopped, '<=', 1500, 'stopped: another acts');
elected($c, 'stopped: another leads');

# A newcomer does not disturb.
$term = row('sluice_lease')->{term};
my $d = node('d');
$d->wait_for('facts', sub { $d->last_event('facts') });
sleep 1.5;
is(row('sluice_lease')->{term}, $term, 'a newcomer takes nothing');

###############################################################################
# Frozen past its lease: it wakes, and knows that it may not act

for my $round (1 .. 2) {
    my ($frozen, $awake) = $c->acts ? ($c, $d) : ($d, $c);

    $frozen->stop;
    leader("frozen, round $round", $awake);
    elected($awake, "frozen, round $round");
    $frozen->cont;
    $frozen->wait_for('loss', sub { $frozen->last_event('lease')->{until} == 0 });
    ok(!$frozen->acts, "frozen, round $round: does not act when it wakes");
    $frozen->wait_for('follow', sub { !$frozen->status->{leads} });
    is(scalar(grep { $_->acts } $c, $d), 1, "frozen, round $round: one acts");
}

# Frozen for less than that, nothing changes.
my ($holder) = grep { $_->acts } $c, $d;
$term = row('sluice_lease')->{term};
$holder->stop;
sleep 0.3;
$holder->cont;
sleep 1.5;
is(row('sluice_lease')->{term}, $term, 'frozen for 0.3 s: nothing changes');

# A fresh process with the name of one that lives is another.
my $twin = node('twin', id => $holder->{start}[2]);
$twin->wait_for('facts', sub { $twin->last_event('facts') });
sleep 1.5;
is(scalar($twin->leases), 0, 'a twin: does not act');
is($twin->status->{leads}, 0, 'a twin: does not lead');
is($twin->status->{state}, 'Healthy', 'a twin: is healthy');
ok($holder->acts, 'a twin: the first goes on');
$twin->term;
sleep 0.5;
ok($holder->acts, 'a twin: takes nothing along when it goes');
ok($holder->status->{leads}, 'a twin: not the row of freno either');

# What a server's clock wrote moves nothing.
$term = row('sluice_lease')->{term};
$db->sql(q{update sluice_lease set renewed_at = '2001-01-01' where domain = 'prod'});
sleep 1.2;
is(row('sluice_lease')->{term}, $term, 'times in the row mean nothing');

###############################################################################
# The backend freezes and comes back; so does the row

$db->stop;
for my $node ($c, $d) {
    $node->wait_for('unhealthy', sub { !$node->status->{healthy} });
}
$holder->wait_for('lapse', sub { !$holder->acts });
is($holder->last_event('lease')->{until}, 0, 'backend frozen: the holder was told');
$holder->wait_for('lapse', sub { !$holder->status->{leads} });
is($holder->status->{leader}, '', 'backend frozen: nobody knows the leader');
$db->cont;
elected(leader('backend back', $c, $d), 'backend back');

$db->sql('delete from sluice_lease');
$t->wait_for('a new row', sub { row('sluice_lease') });
elected(leader('row deleted', $c, $d), 'row deleted');

is_deeply([Sluice::Consensus::overlaps(@nodes)], [], 'two never acted at once');
ok((grep { scalar($_->spans) } @nodes) >= 4, 'and several acted');

$_->term for $c, $d;
is(row('sluice_lease')->{holder}, '', 'all gone: nobody holds it');
$t->done;

###############################################################################
