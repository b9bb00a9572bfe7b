#!/usr/bin/perl

# Three nodes that keep the facts themselves, killed, their state lost, and
# started one after the other: one of them alone cannot know who is throttled
# by now, and lets nobody through; two can.

use warnings;
use strict;

use File::Path qw(remove_tree);
use Test::More;

use Sluice;
use Sluice::Fleet;

###############################################################################

my $fleet = Sluice::Fleet->new(kind => 'raft', nodes => 3, workers => 1,
    redis => 0);
my ($throttled, $free) = map { "/check/$_/mysql/main1" } qw(bad good);

is($fleet->ask(0, '/throttle-app/bad')->{status}, 200, 'throttled');
ok($fleet->all_say('at first', $throttled, 417), 'on all nodes');

for my $first (0 .. 2) {
    my ($second, $third) = map { ($first + $_) % 3 } 1, 2;
    my %seen;

    $fleet->kill_all;
    for my $t ($fleet->nodes) {
        $t->nginx_stop;
        remove_tree($t->dir . '/run');
    }
    start($first);
    # Longer than any election.
    for (1 .. 100) {
        $seen{$fleet->ask($first, $_)->{status}}++ for $throttled, $free;
        select undef, undef, undef, 0.02;
    }
    delete @seen{qw(417 500)};
    is_deeply(\%seen, {}, "node $first alone: nobody gets through");

    start($second);
    for my $i ($first, $second) {
        $fleet->node($i)->wait_for('the free app', sub {
            $seen{$fleet->ask($i, $throttled)->{status}}++;
            $fleet->ask($i, $free)->{status} == 200;
        }, 15);
        is($fleet->ask($i, $throttled)->{status}, 417, "two: node $i knows");
    }
    delete @seen{qw(417 500)};
    is_deeply(\%seen, {}, 'two: the throttled app never got through');

    start($third);
    ok($fleet->all_say('three', $throttled, 417), 'three: all know');
    ok($fleet->all_say('three', $free, 200), 'three: the others may');
}

sub start {
    my ($i) = @_;

    $fleet->start_sluiced($i);
    $fleet->node($i)->nginx($fleet->nginx_conf($i));
}

$fleet->done;
