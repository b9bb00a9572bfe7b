#!/usr/bin/perl

# conf/haproxy.cfg before three nodes: every node, or only the leader; HEAD and
# GET, a node that dies, another leader, a throttled app.

use warnings;
use strict;

use Test::More;

use Sluice;
use Sluice::Fleet;

###############################################################################

my $fleet = Sluice::Fleet->new(nodes => 3, workers => 1, redis => 0);
my $t = $fleet->node(0);
my $path = '/check/app/mysql/main1';

# The file as it is, but for addresses and ports.
open my $in, '<', $t->root . '/conf/haproxy.cfg' or die;
my $text = do { local $/; <$in> };
for my $i (0 .. 2) {
    my $address = '127.0.0.1:' . $fleet->node($i)->port(8080);
    my $n = $i + 1;

    $text =~ s/(server node$n) 10\.0\.0\.\d+:8087/$1 $address/g;
}
my ($all, $leads) = map { '127.0.0.1:' . $t->port($_) } 'all', 'leads';
$text =~ s/bind :8111/bind $all/;
$text =~ s/bind :8112/bind $leads/;
unlike($text, qr/10\.0\.0|:8087|bind :/, 'every address was found');
$t->write_file('haproxy.cfg', $text);
is(system('haproxy', '-c', '-q', '-f', $t->dir . '/haproxy.cfg'), 0,
    'HAProxy takes the file');

sub wait_leader {
    my ($not) = @_;

    my $found = $t->wait_for('a leader', sub {
        my $leader = $fleet->leader;
        defined $leader && (!defined $not || $leader != $not) && $leader + 1;
    }, 15);
    return $found - 1;
}

my $leader = wait_leader();
$t->spawn('haproxy', 'haproxy', '-db', '-f', $t->dir . '/haproxy.cfg');

sub becomes {
    my ($what, $address, $status, %opt) = @_;
    my $got = {};

    $t->wait_for("$what: $status", sub {
        ($got = $t->get($address, $opt{path} // $path,
            method => $opt{method} // 'GET'))->{status} == $status;
    }, 20);
    is($got->{status}, $status, $what);
    return $got;
}

for my $address ($all, $leads) {
    my $got = becomes('GET', $address, 200);

    like($got->{body}, qr/^\{"StatusCode":200,"Value":0.5,/, 'the answer');
    becomes('HEAD', $address, 200, method => 'HEAD');
}

# All nodes, and only the leader.
my %workers;
$t->wait_for('three nodes', sub {
    $workers{$t->get($all, $path)->{headers}{'x-worker'} // ''}++;
    3 == grep { /^\d+$/ } keys %workers;
});
is(scalar(grep { /^\d+$/ } keys %workers), 3, 'all nodes answer');
my $pid;

# HAProxy believes all are up until it has asked them.
sub only_leader {
    my (%seen);

    $leader = $fleet->leader // return 0;
    $pid = $fleet->ask($leader, $path)->{headers}{'x-worker'};
    $seen{$t->get($leads, $path)->{headers}{'x-worker'} // ''}++ for 1 .. 20;
    return join(' ', keys %seen) eq $pid;
}
ok($t->wait_for('the leader alone', \&only_leader), 'only the leader does');

# A throttle, through HAProxy.
is($t->get($all, '/throttle-app/app/ttl/10')->{status}, 200, 'a throttle');
for my $address ($all, $leads) {
    becomes('it acts', $address, 417);
}
is($t->get($leads, '/unthrottle-app/app')->{status}, 200, 'its end');
for my $address ($all, $leads) {
    becomes('it acts', $address, 200);
}

# The leader's sluiced dies: its node says so.
$fleet->sluiced($leader)->kill;
becomes('not ready', '127.0.0.1:' . $fleet->node($leader)->port(8080), 503,
    path => '/sluice/ready');
my $next = wait_leader($leader);
isnt($next, $leader, 'another leads');
$pid = $fleet->ask($next, $path)->{headers}{'x-worker'};
$t->wait_for('the next leader', sub {
    my $got = $t->get($leads, $path);

    $got->{status} == 200 && $got->{headers}{'x-worker'} == $pid;
}, 20);
pass('HAProxy follows the leader');
$t->wait_for('the dead node to be left out', sub {
    my @got = map { $t->get($all, $path)->{status} } 1 .. 9;

    !grep { $_ != 200 } @got;
}, 20);
my @got = map { $t->get($all, $path)->{status} } 1 .. 50;
is(scalar(grep { $_ == 200 } @got), 50, 'every request is answered');

$t->done;
