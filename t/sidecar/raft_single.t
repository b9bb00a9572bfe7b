#!/usr/bin/perl

# One node alone: it leads at once, keeps its facts, may change its address;
# RaftNodes with itself alone says the same as none.

use warnings;
use strict;

use Test::More;

use Sluice;
use Sluice::Consensus;
use Sluice::Kind;
use Sluice::Voters;

###############################################################################

my $t = Sluice->new;
Sluice::Kind::needed($t->build, 'raft');
# What the sanitizers cost is not its own time.
my $BOUND_MS = $t->build =~ /asan/ ? 1000 : 250;

# From exec to the right to act, the best of some: the machine has other work.
sub starts_in {
    my ($node, $n) = @_;
    my $best;

    for (1 .. $n) {
        my $seen = () = $node->leases;
        my $begun = Sluice::Consensus::boot_ms();

        $node->launch;
        my $lease = $t->wait_for('the right to act',
            sub { ($node->leases)[$seen] }, 20);
        my $ms = $lease->{ms} - $begun;
        $best = $ms if !defined $best || $ms < $best;
        $node->kill if $_ < $n;
    }
    return $best;
}

for my $list (0, 1) {
    my $name = $list ? 'listed' : 'alone';
    my $store = Sluice::Voters->new($t, $name);
    my %conf = (Domain => '"prod"');

    $conf{RaftNodes} = '["' . $store->address($name) . '"]' if $list;
    my $node = Sluice::Consensus->start($t, $store, name => $name,
        conf => \%conf);
    is($node->change('throttle app 0.5 never')->{outcome}, 'done',
        "$name: a change");
    is($node->change('skip host1 never')->{outcome}, 'done', "$name: another");
    my $status = $node->status;
    is("$status->{state} $status->{leads} $status->{leader}",
        'Leader 1 ' . $store->address($name), "$name: it leads");
    is(join(' ', map { "$_->{role} $_->{leads}" } $node->members), 'voter 1',
        "$name: the only voter");
    is($node->change_members('remove ' . $store->address($name))->{outcome},
        'refused', "$name: it cannot be removed");
    my $facts = $node->facts;

    $node->kill;
    my $ms = starts_in($node, 5);
    note("$name: leads $ms ms after exec");
    cmp_ok($ms, '<=', $BOUND_MS,
        "$name: leads $BOUND_MS ms after exec");
    is($node->facts->{store}, $facts->{store}, "$name: the same store");
    is(join(' ', keys %{ $node->throttles }, keys %{ $node->skips }),
        'app host1', "$name: its facts are there");

    # From one spelling to the other.
    $node->kill;
    my $path = $t->dir . "/$name.json";
    my $text = $t->read_file("$name.json");
    if ($list) {
        $text =~ s/^"RaftNodes".*\n//m;
    } else {
        $text =~ s/^\{/{ "RaftNodes": ["${\$store->address($name)}"],/;
    }
    $t->write_file("$name.json", $text);
    $node->launch;
    is($node->facts->{store}, $facts->{store},
        "$name: the same store, with RaftNodes " . ($list ? 'gone' : 'given'));
    is(join(' ', keys %{ $node->throttles }), 'app', "$name: and its facts");
    is($node->term, 0, "$name: ends in order");
}

$t->done;
