#!/usr/bin/perl

# Settings: stored by one, read by all, changed only if they still are what
# was read, one of two who try at once; and there after a restart.

use warnings;
use strict;

use Test::More;

use Sluice;
use Sluice::Consensus;

###############################################################################

my $t = Sluice->new;
my $store = Sluice::Consensus::store($t, qw(a b c));
my @nodes = map {
    Sluice::Consensus->start($t, $store, name => $_,
        conf => { Domain => '"prod"' })
} qw(a b c);

sub ready {
    return $t->wait_for('changes', sub {
        !grep { $_->change('unthrottle nobody')->{outcome} ne 'done' } @nodes;
    }, 20);
}

sub set {
    my ($node, $words) = @_;
    my $got = $node->change("set $words");

    return "$got->{outcome} $got->{text}";
}

# Everybody's settings.
sub are {
    my ($want, $what) = @_;

    for my $node (@nodes) {
        my $got;

        $node->wait_for($what, sub {
            $got = $node->settings;
            join(' ', map { "$_=$got->{$_}" } sort keys %$got) eq $want;
        });
        is(join(' ', map { "$_=$got->{$_}" } sort keys %$got), $want,
            "$what: $node->{name}");
    }
    return;
}

ok(ready(), 'three nodes take changes');
like(set($nodes[0], 'route/main1 epoch=1_active=db1:3306'), qr/^done/,
    'a setting is stored');
are('route/main1=epoch=1_active=db1:3306', 'all read it');
my $lost = qr/^refused nothing changed: somebody else changed it meanwhile/;
like(set($nodes[1], 'route/main1 x other'), $lost, 'another was expected');
like(set($nodes[1], 'route/main1 x -'), $lost, 'none was expected');
like(set($nodes[1], 'nothing x other'), $lost, 'one was expected');
like(set($nodes[2], 'route/main1 two epoch=1_active=db1:3306'), qr/^done/,
    'that one was');
like(set($nodes[0], 'new 1 -'), qr/^done/, 'none was, and there is none');
are('new=1 route/main1=two', 'all read that');

# Odd texts, and the longest.
my $odd = q{quotes'"\\%_} . "\xc3\xa9";
like(set($nodes[1], "odd $odd"), qr/^done/, 'quotes and more');
like(set($nodes[1], 'long ' . 'v' x 1024), qr/^done/, 'the longest value');
like(set($nodes[1], 'n' x 128 . ' 1'), qr/^done/, 'the longest name');
are(join(' ', 'long=' . 'v' x 1024, 'new=1', 'n' x 128 . '=1',
    "odd=$odd", 'route/main1=two'), 'all read them');
like(set($nodes[0], "$_ -"), qr/^done/, 'it goes')
    for 'odd', 'long', 'n' x 128, 'new';
are('route/main1=two', 'they are gone');

# Who tries at once: one wins.
for my $turn (1 .. 20) {
    my $before = $turn == 1 ? 'two' : 'turn' . ($turn - 1);
    my @ids = map { $_->begin("set route/main1 turn$turn $before") } @nodes;
    my @outcomes = map { $nodes[$_]->outcome($ids[$_])->{outcome} } 0 .. 2;

    is(join(' ', sort @outcomes), 'done refused refused', "turn $turn: one");
}
are('route/main1=turn20', 'what the last one stored');

# Throttles are not disturbed, and all is there when all were killed.
$nodes[0]->change('throttle app 1 never');
$_->kill for @nodes;
@nodes = map {
    Sluice::Consensus->start($t, $store, name => $_,
        conf => { Domain => '"prod"' })
} qw(a b c);
$_->{changes} = 1000 for @nodes; # their logs go on
ok(ready(), 'again');
are('route/main1=turn20', 'after a restart');
ok($nodes[2]->throttles->{app}, 'and so is the throttle');

# A backend of before there were settings.
if (($ENV{SLUICE_CONSENSUS} // 'mysql') eq 'mysql') {
    $store->sql('drop table freno_backend.sluice_settings');
    $t->wait_for('it is noticed', sub {
        $nodes[0]->log =~ /sluice_settings.*no cluster can be routed/ });
    my $create = qr/CREATE TABLE IF NOT EXISTS sluice_settings/;
    like($nodes[0]->log, qr/backend_lacks.*$create/, 'with the statement');
    like(set($nodes[0], "route/main1 $_"),
        qr/^refused nothing changed: the backend has no table sluice_settings.*$create/,
        "without the table: refused: $_") for 'x', 'x -', 'x turn20', '-';
    is($nodes[0]->change('throttle other 1 never')->{outcome}, 'done',
        'throttles go on');
    is($nodes[0]->change('skip db1 never')->{outcome}, 'done', 'and skips');
    ok($nodes[0]->throttles->{other}, 'facts are read');
    is_deeply($nodes[0]->settings, {}, 'there are no settings');
    is(scalar(grep { $_->acts } @nodes), 1, 'one leads');
    my ($sql) = $nodes[0]->log =~ /($create.*?utf8mb4_bin)/;
    $store->sql('use freno_backend', $sql // 'select 1');
    ok($t->wait_for('the table is noticed', sub {
        set($nodes[0], 'route/main1 again -') =~ /^done/ }, 30),
        'what the log says makes the table');
}

$t->done;
