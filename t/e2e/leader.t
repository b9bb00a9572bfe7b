#!/usr/bin/perl

# Who leads: exactly one; another when it dies or stops; nobody acts twice;
# and checks go on whatever happens to the backend, or to the majority.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time);

use Sluice;
use Sluice::Fleet;

###############################################################################

my $fleet = Sluice::Fleet->new(nodes => 3, workers => 1, redis => 0);
my $t = $fleet->node(0);
my $path = '/check/app/mysql/main1';

# 0 may be the index: shifted by one to be true.
sub wait_leader {
    my ($what, $not) = @_;

    my $found = $t->wait_for($what, sub {
        my $leader = $fleet->leader;
        defined $leader && (!defined $not || $leader != $not) && $leader + 1;
    }, 15);
    return $found ? $found - 1 : undef;
}

sub all_answer {
    my ($what, @nodes) = @_;

    for my $i (@nodes) {
        is($fleet->ask($i, $path)->{status}, 200, "$what: node $i answers checks");
    }
}

my $leader = wait_leader('a leader');
ok(defined $leader, 'one leads');
my ($id) = $fleet->ask($leader, '/consensus/leader')->{body} =~ /^"(.+)"$/;
$t->wait_for('the others to know who', sub {
    $fleet->ask(($leader + 1) % 3, '/consensus/leader')->{body} eq qq("$id"\n);
});
pass('the others know who');
all_answer('at the start', 0 .. 2);

# SIGTERM: hands over.
my $since = time;
my $leaving = $fleet->sluiced($leader);
my ($next, @two);
kill 'TERM', $leaving->pid;
$t->wait_for('another leader', sub {
    my @leads = grep { $fleet->ask($_, '/leader-check')->{status} == 200 } 0 .. 2;

    @two = @leads if @leads > 1;
    ($next) = grep { $_ != $leader } @leads;
    defined $next;
}, 15);
$leaving->term;
is("@two", '', 'SIGTERM: it says that it leads no more before another does');
cmp_ok(time - $since, '<', 5, 'SIGTERM: another leads soon');
isnt($next, $leader, 'another one');
all_answer('after SIGTERM', grep { $_ != $leader } 0 .. 2);
$fleet->start_sluiced($leader);

# kill -9.
$leader = $next;
$since = time;
$fleet->sluiced($leader)->kill;
$next = wait_leader('the next leader', $leader);
cmp_ok(time - $since, '<', 10, 'kill -9: another leads soon');
all_answer('after kill -9', grep { $_ != $leader } 0 .. 2);
$fleet->start_sluiced($leader);

# Frozen past its lease: when it wakes it does not lead.
$leader = $next;
$fleet->sluiced($leader)->stop;
$next = wait_leader('the next leader', $leader);
$fleet->sluiced($leader)->cont;
for (1 .. 50) {
    my @leads = grep { $fleet->ask($_, '/leader-check')->{status} == 200 } 0 .. 2;
    last if @leads > 1 && fail("two lead: @leads");
}
pass('never two leaders');

# The backend (with raft: the majority) frozen, killed, read-only: checks go on
# where there is a sluiced, control says 503.
my @left = $fleet->freeze_backend(0);
my $got = $fleet->ask(0, '/throttle-app/x');
is($got->{status}, 503, 'frozen backend: 503');
like($got->{body}, qr/"StatusCode":503/, 'frozen backend: says so in JSON');
all_answer('frozen backend', @left);
$fleet->thaw_backend;
$t->wait_for('throttling again', sub {
    $fleet->ask(0, '/throttle-app/x')->{status} == 200 }, 15);
pass('thawed: recovers by itself');
ok($fleet->all_say('throttled', '/check/x/mysql/main1', 417),
    'every node knows of the throttle');

@left = $fleet->lose_backend(1);
$t->wait_for('503 with a dead backend',
    sub { $fleet->ask(1, '/throttle-app/y')->{status} == 503 });
pass('dead backend: 503');
all_answer('dead backend', @left);
is($fleet->ask(0, '/check/x/mysql/main1')->{status}, 417,
    'dead backend: the throttle stands');
$fleet->sluiced(1)->kill;
$fleet->start_sluiced(1);
$t->wait_for('the restarted node to answer',
    sub { $fleet->ask(1, $path)->{status} == 200 });
is($fleet->ask(1, '/check/x/mysql/main1')->{status}, 417,
    'restarted without the backend: the throttle stands');
$fleet->restore_backend;
$t->wait_for('throttling again', sub {
    $fleet->ask(1, '/throttle-app/y')->{status} == 200 }, 15);
pass('started again: recovers by itself');

sub read_only_backend {
    $fleet->backend->sql('set global read_only = 1');
    $t->wait_for('503 with a read-only backend', sub {
        my $got = $fleet->ask(2, '/throttle-app/z');
        $got->{status} == 503 && $got->{body} =~ /read.only/i;
    });
    pass('read-only backend: 503, and it says why');
    all_answer('read-only backend', 0 .. 2);
    $fleet->backend->sql('set global read_only = 0');
    $t->wait_for('throttling again', sub {
        $fleet->ask(2, '/throttle-app/z')->{status} == 200 }, 15);
}

# Two of three are enough, whichever of them is asked.
sub one_voter_less {
    my $lost = wait_leader('a leader to lose');

    $fleet->sluiced($lost)->kill;
    for my $i (grep { $_ != $lost } 0 .. 2) {
        $fleet->settle($i);
        is($fleet->ask($i, "/throttle-app/less$i")->{status}, 200,
            "one voter less: node $i takes changes");
    }
    $fleet->start_sluiced($lost);
    ok($fleet->all_say('caught up', "/check/less$_/mysql/main1", 417),
        'a voter that comes back catches up')
        for grep { $_ != $lost } 0 .. 2;
}

$fleet->kind eq 'mysql' ? read_only_backend() : one_voter_less();
ok(defined wait_leader('a leader in the end'), 'and somebody leads');

$fleet->done;
