#!/usr/bin/perl

# What three nodes agree on, whatever keeps it: changes through any of them,
# read by all, refused with a sentence, in one order, and still there when all
# of them were killed.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(sleep);

use Sluice;
use Sluice::Consensus;

###############################################################################

my $t = Sluice->new;
my $store = Sluice::Consensus::store($t, qw(a b c));
my ($one, $two, $three) = my @nodes = map {
    Sluice::Consensus->start($t, $store, name => $_,
        conf => { Domain => '"prod"' })
} qw(a b c);

# The moment when there is somebody to ask.
sub ready {
    my ($what) = @_;

    return $t->wait_for("$what: changes", sub {
        !grep { $_->change('unthrottle nobody')->{outcome} ne 'done' } @nodes;
    }, 20);
}

sub everywhere {
    my ($app, $name) = @_;
    my @without = grep {
        my $node = $_;

        !eval { $node->wait_for($app, sub { $node->throttles->{$app} }) };
    } @nodes;

    return is(scalar @without, 0, $name);
}

ok(ready('at first'), 'three nodes take changes');

# A throttle, through each and read by each.
my $done = $one->change('throttle app 0.5 120000 alice reason');
is("@$done{qw(outcome kind key ratio owner text)}",
    'done throttle app 0.5 alice ', 'a throttle is stored');
for my $node (@nodes) {
    my $seen = $node->wait_for('app', sub { $node->throttles->{app} });

    is("@$seen[1, 3, 4]", '0.5 alice reason', "$node->{name}: reads it");
    cmp_ok($seen->[2], '>', 100000, "$node->{name}: its end");
    cmp_ok($seen->[2], '<=', 120000, "$node->{name}: its end, no more");
}
my %ids = map { $_->facts->{store} => 1 } @nodes;
is(scalar(keys %ids), 1, 'one store');
like((keys %ids)[0], qr/^[0-9a-f]{32}$/, 'with a random id');
for my $i (0 .. 2) {
    is($nodes[$i]->change("throttle by$i 1 never")->{outcome}, 'done',
        "through $nodes[$i]{name}");
    everywhere("by$i", "through $nodes[$i]{name}: all know");
}

# Heard without any hint, within a second.
$done = $three->change('throttle quick 1 never');
for my $node (@nodes) {
    my $heard = $node->wait_for('quick', sub {
        (grep { $_->{line} =~ /throttle=quick,1,never/ } $node->events('facts'))[0];
    });
    cmp_ok($heard->{ms} - $done->{ms}, '<=', 1000, "$node->{name}: within 1 s");
    cmp_ok($heard->{revision}, '>=', $done->{revision}, 'at that revision');
}

# Ratios and ends.
is($two->change('throttle app keep 600000')->{ratio}, 0.5, 'a ratio is kept');
$one->wait_for('the new end', sub { $one->throttles->{app}[2] > 200000 });
is($one->throttles->{app}[3], '', 'without its former owner');
is($two->change('throttle new keep never')->{ratio}, 1, 'nothing to keep is 1');
$two->change('throttle short 0.25 2000');
sleep 2.2;
is($two->change('throttle short keep never')->{ratio}, 1, 'expired is nothing');
for my $words ('unthrottle app', 'throttle app 1 -60000') {
    $three->change('throttle app 1 never o r');
    is($three->change($words)->{kind}, 'unthrottle', "$words: told as such");
    ok($one->wait_for('the end', sub { !$one->throttles->{app} }), "$words: gone");
}
is($one->change('unthrottle nobody')->{outcome}, 'done', 'nothing to do is done');
$one->change('throttle brief 1 1500');
$two->wait_for('the end of brief', sub { !$two->throttles->{brief} });
pass('a throttle ends by itself');

# Hosts, and names with everything in them.
$one->change('skip db1 3600000');
$one->change('skip db2 never');
ok($two->wait_for('db2', sub { $two->skips->{db2} }), 'hosts are skipped');
is($two->skips->{db2}[1], 'never', 'a host for ever');
cmp_ok($two->skips->{db1}[1], '>', 3500000, 'a host for an hour');
$two->change('recover db1');
ok($three->wait_for('recovery', sub { !$three->skips->{db1} }), 'recovered');
$one->change(qq{throttle x'"\\;/c%%d 0.25 never});
$two->wait_for('the odd name', sub { $two->throttles->{qq{x'"\\;/c%%d}} });
is($two->throttles->{qq{x'"\\;/c%%d}}[1], 0.25, 'a name with everything in it');

# Refused, with words; through a node that leads and one that does not.
for my $node (@nodes) {
    for my $ratio ('1.0001', 'nan') {
        my $refused = $node->change("throttle app $ratio never");

        is($refused->{outcome}, 'refused', "$node->{name}: $ratio: refused");
        like($refused->{text}, qr/^nothing changed: .*\[0\.\.1\]/, 'says why');
    }
}

# Many, in order, none lost.
for my $node (@nodes) {
    my $id = "many$node->{name}" =~ s/ //r;

    $node->say("burst $id 500");
    my @many;
    $node->wait_for('burst', sub {
        500 == (@many = grep { $_->{id} eq $id } $node->events('change'));
    }, 30);
    is(scalar(grep { $_->{outcome} eq 'done' } @many), 500,
        "$node->{name}: five hundred at once");
    is_deeply([map { $_->{revision} } @many],
        [sort { $a <=> $b } map { $_->{revision} } @many], 'in their order');
}

# All serve at once.
my @begun = map {
    my $n = $_;

    ([$one, $one->begin("throttle two 0.$n never")],
        [$two, $two->begin('unthrottle two')], [$three, $three->begin("skip two $n")]);
} 1 .. 9;
is(join(' ', map { $_->[0]->outcome($_->[1])->{outcome} } @begun),
    join(' ', ('done') x 27), 'through all at once');
my %given;
$given{ $_->{revision} }++ for grep { $_->{revision} > 0 && $_->{outcome} eq 'done' }
    map { $_->events('change') } @nodes;
is(scalar(grep { $_ > 1 } values %given), 0, 'no revision is given twice');

# Killed, all of them, and started again.
my $revision = $one->facts->{revision};
$_->kill for @nodes;
$_->launch for @nodes;
ok(ready('killed'), 'killed and started again');
everywhere("by$_", "by$_ is still there") for 0 .. 2;
is($one->facts->{store}, (keys %ids)[0], 'it is the same store');
cmp_ok($one->facts->{revision}, '>=', $revision, 'which went on');

$t->done;
