#!/usr/bin/perl

# Who leads: /leader-check by the lease in the state file, and what checks say
# where only the leader probes.

use warnings;
use strict;

use Test::More;

use Sluice;
use Sluice::State;

###############################################################################

my $t = Sluice->new;

mkdir $t->dir . '/run';
my $state = Sluice::State->new($t->dir . '/run/state', clusters => [
    { name => 'c', value => 0.25 }, { name => 'over', value => 5.5 },
])->replace;

$t->nginx(<<'EOC');
%%MODULES%%
worker_processes 1;
error_log %%DIR%%/error.log info;
pid %%DIR%%/nginx.pid;
events { }
sluice { state %%DIR%%/run/state; max_age 30s; }
http {
    access_log off;
    server {
        listen 127.0.0.1:8080;
        include %%CONF%%/nginx/freno.conf;
    }
}
EOC

my $only = Sluice::State::READY | Sluice::State::LEADER_ONLY;
my $boot = \&Sluice::State::boot_ms;

leads('always', {}, 200);
leads('never', { leader_until => 0 }, 404);
leads('for an hour', { leader_until => $boot->() + 3_600_000 }, 200);
leads('until a second ago', { leader_until => $boot->() - 1000 }, 404);
leads('always, not ready', { flags => 0 }, 404);

# a lease ends by itself, without a word from sluiced

leads('for a moment', { leader_until => $boot->() + 300 }, 200, 404);
$t->wait_for('the end of the lease', sub {
    $t->get(8080, '/leader-check')->{status} == 404 });

# every node answers checks, unless told to be as freno was

checks('follower', { leader_until => 0 }, 200, 429, 404);
checks('leader only, follower', { leader_until => 0, flags => $only },
    404, 404, 404);
is($t->get(8080, '/check/app/mysql/c')->{headers}{'sluice-reason'},
    'not-leader', 'not-leader');
is($t->get(8080, '/aggregated-metrics')->{body}, "{}\n",
    'leader only, follower: no metrics');
checks('leader only, leader', { flags => $only }, 200, 429, 404);

# a dead sluiced leads nothing, whatever its lease says

leads('always again', {}, 200);
$state->stop_beating->beat(Sluice::State::mono_ms() - 60_000);
is($t->get(8080, '/leader-check')->{status}, 404, 'heartbeat stopped');

$t->expect_log(qr/sluice: /);
$t->done;

###############################################################################

sub leads {
    my ($what, $node, @status) = @_;

    $state->publish(node => $node);
    my $status = join '|', @status;
    like($t->get(8080, '/leader-check')->{status}, qr/^(?:$status)$/, $what);
}

sub checks {
    my ($what, $node, @status) = @_;

    $state->publish(node => $node);
    for my $cluster (qw/c over nosuch/) {
        is($t->get(8080, "/check/app/mysql/$cluster")->{status},
            shift @status, "$what: $cluster");
    }
}
