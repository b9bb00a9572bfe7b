#!/usr/bin/perl

# In whatever order nginx, sluiced, Redis and the backend (where there is one)
# start: no throttled app gets through, not for one check.

use warnings;
use strict;

use File::Path qw(remove_tree);
use Test::More;

use Sluice;
use Sluice::Fleet;

###############################################################################

my $fleet = Sluice::Fleet->new(nodes => 1, workers => 2);
my $t = $fleet->node(0);
my ($throttled, $free) = map { "/check/$_/mysql/main1" } qw(bad good);

is($fleet->ask(0, '/throttle-app/bad')->{status}, 200, 'throttled');
$fleet->all_say('at first', $throttled, 417);

my %start = (
    nginx => sub { $t->nginx($fleet->nginx_conf(0)) },
    sluiced => sub { $fleet->start_sluiced(0) },
    redis => sub { $fleet->start_redis },
);
$start{backend} = sub { $fleet->backend->start } if $fleet->kind eq 'mysql';

sub stop_all {
    my ($forget) = @_;

    $t->nginx_stop;
    $fleet->kill_all;
    $fleet->redis->kill;
    remove_tree($t->dir . '/run') if $forget;
}

# Checks both apps from the moment there is an nginx; counts what the
# throttled one was told.
sub watch {
    my ($seen, $up, $until) = @_;

    return $t->wait_for('the end of the start', sub {
        return 1 if !$up->{nginx};
        $seen->{eval { $fleet->ask(0, $throttled)->{status} } // 'failed'}++;
        return $until->();
    }, 15);
}

my @orders = (
    [qw(nginx sluiced backend redis)], [qw(redis backend sluiced nginx)],
    [qw(sluiced nginx redis backend)], [qw(nginx backend redis sluiced)],
);
@orders = map { [grep { $start{$_} } @$_] } @orders;
for my $forget (0, 1) {
    for my $order (@orders) {
        my (%seen, %up);
        my $name = "@$order" . ($forget ? ', the old state gone' : '');

        stop_all($forget);
        for my $part (@$order) {
            $start{$part}->();
            $up{$part} = 1;
            my $looks = 0;
            watch(\%seen, \%up, sub { ++$looks >= 10 });
        }
        $t->wait_for("$name: the free app", sub {
            $seen{$fleet->ask(0, $throttled)->{status}}++;
            $fleet->ask(0, $free)->{status} == 200;
        }, 15);
        watch(\%seen, \%up,
            sub { $fleet->ask(0, $throttled)->{status} == 417 });
        delete @seen{qw(417 500)};
        is_deeply(\%seen, {}, "$name: 417 or 500, nothing else");
    }
}

$fleet->done;
