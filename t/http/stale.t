#!/usr/bin/perl

# Old data is no answer: the heartbeat, a cluster's own bound, the start of
# sluiced; and clocks that went astray.

use warnings;
use strict;

use Test::More;

use Sluice;
use Sluice::State;

###############################################################################

my $t = Sluice->new;

mkdir $t->dir . '/run';
my @clusters = (
    { name => 'c', value => 0.25 },
    { name => 'over', value => 5.5 },
    { name => 'dead', error => 'gone' },
    { name => 'none', status => 'none' },
);
my $state = Sluice::State->new($t->dir . '/run/state',
    clusters => \@clusters)->replace;

$t->nginx(<<'EOC');
%%MODULES%%
worker_processes 1;
error_log %%DIR%%/error.log info;
pid %%DIR%%/nginx.pid;
events { }
sluice { state %%DIR%%/run/state; max_age 10s; }
http {
    access_log off;
    server {
        listen 127.0.0.1:8080;
        include %%CONF%%/nginx/freno.conf;
    }
}
EOC

becomes('alive', 'c', 200);

# sluiced dies

$state->stop_beating;
$state->beat(Sluice::State::mono_ms() - 2000);
is(check('c')->{status}, 200, 'within max_age');
$state->beat(Sluice::State::mono_ms() - 10_001);
becomes('dead', 'c', 500, 'stale', qr/the last heartbeat is 1\d{4} ms old, /);
said('stale: sluiced has stopped its heartbeat; checks answer 500');

# whatever was known, and whatever may be asked

is(check($_)->{status}, 500, "dead: $_") for qw/over dead none nosuch/;
is(check('nosuch', 'check-if-exists')->{status}, 500, 'dead: if-exists');
is($t->get(8080, '/check/app/redis/c')->{status}, 404,
    'dead: unknown type all the same');
is($t->get(8080, '/check//mysql/c')->{status}, 417, 'dead: no app');
like(check('c')->{headers}{'sluice-age-ms'}, qr/^\d+$/, 'dead: age is known');

# and comes back

$state->beat;
is(check('c')->{status}, 200, 'one beat');
$state->keep_beating;
said('is good again');

# clocks: a beat of another boot, none at all

$state->stop_beating;
$state->beat(Sluice::State::mono_ms() + 3_600_000);
becomes('beat in the future', 'c', 500, 'stale', qr/no heartbeat of this boot/);
$state->beat(0);
becomes('no beat', 'c', 500, 'stale', qr/no heartbeat of this boot/);
$state->beat(Sluice::State::mono_ms() + 200);
is(check('c')->{status}, 200, 'a beat just ahead');
$state->keep_beating;

# a cluster's own bound: the others go on

$state->publish(clusters => [
    { name => 'c', value => 0.25, age => 1500, valid_for => -500 },
    { name => 'fresh', value => 0.5 },
    { name => 'soon', value => 0.5, age => 100, valid_for => 400 },
    { name => 'ahead', value => 0.5, age => -3_600_000 },
]);
becomes('expired', 'c', 500, 'stale',
    qr/stale: c was sampled \d+ ms ago, valid for 1000 ms/);
is(check('fresh')->{status}, 200, 'another cluster');
becomes('expires by itself', 'soon', 500, 'stale', qr/valid for 500 ms/);
is(check('ahead')->{status}, 500, 'sampled in another boot');
cmp_ok(check('c')->{headers}{'sluice-age-ms'}, '>=', 1500, 'age of an old one');

# max_age does not widen it, nor does a fresh sample help a dead sluiced

$state->publish(clusters => \@clusters);
becomes('sampled again', 'c', 200);

# before the facts were read once

$state->publish(node => { flags => 0 });
becomes('starting', 'none', 500, 'starting', qr/Metric not collected yet/);
is(check('c')->{status}, 200, 'starting: what is known is said');
is($t->get(8080, '/leader-check')->{status}, 404, 'starting: not to lead');
$state->publish(node => {});
becomes('started', 'none', 404, 'no-such-metric');

# once per change in the log

cmp_ok(scalar(said('sluice: ')), '<=', 6, 'no flood');

$t->expect_log(qr/sluice: /);
$t->done;

###############################################################################

sub check {
    my ($cluster, $route) = @_;

    $route //= 'check';
    return $t->get(8080, "/$route/app/mysql/$cluster");
}

sub becomes {
    my ($what, $cluster, $status, $reason, $message) = @_;

    my $got = $t->wait_for("$what: $status", sub {
        my $got = check($cluster);
        $got->{status} == $status && $got;
    });
    is($got->{status}, $status, "$what: $status");
    is($got->{headers}{'sluice-reason'}, $reason // 'ok', "$what: reason");
    like($got->{body}, $message, "$what: message") if $message;
}

# A line of the log, which the tick may write a little later; how many.

sub said {
    my ($text) = @_;

    return $t->wait_for("'$text' in the log", sub {
        open my $fh, '<', $t->dir . '/error.log' or return;
        return scalar grep { /\Q$text\E/ } <$fh>;
    });
}
