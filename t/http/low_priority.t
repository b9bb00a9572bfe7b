#!/usr/bin/perl

# p=low: refused for a second after a normal check of writes was told 429, and
# by nothing else.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(sleep time);

use Sluice;
use Sluice::State;

###############################################################################

my $t = Sluice->new;

mkdir $t->dir . '/run';
my $state = Sluice::State->new($t->dir . '/run/state', clusters => [
    { name => 'over', value => 2 },
    { name => 'other', value => 2 },
    { name => 'fine', value => 0.5 },
])->replace;

$t->nginx(<<'EOC');
%%MODULES%%
worker_processes 2;
error_log %%DIR%%/error.log info;
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

# what sets no mark

is(low('over'), 429, 'low, the first');
is(low('over'), 429, 'low sets no mark');

for my $path ('/check-read/app/mysql/over/1', '/check/freno/mysql/over',
    '/check-read-if-exists/app/mysql/over/1', '/check/app/mysql/over?p=low',
    '/check/freno-share-domain/mysql/over', '/check-read/app/mysql/fine/0.1')
{
    is($t->get(8080, $path)->{status}, 429, $path);
    is(low('over'), 429, "$path sets no mark");
}
is($t->get(8080, '/check//mysql/over')->{status}, 417, 'no app');
is(low('over'), 429, 'an empty app sets no mark');
is($t->get(8080, '/check/app/mysql/nosuch')->{status}, 404, 'unknown');
is(low('nosuch'), 404, 'an unknown cluster has no mark');

# what does, in every worker, for a second

for my $path ('/check/app/mysql/over', '/check-if-exists/app/mysql/over',
    '/check/app/mysql/over?p=high')
{
    my $before = time;
    is($t->get(8080, $path)->{status}, 429, $path);
    my $after = time;
    my @got = map { low('over') } 1 .. 8;
    my $got = $t->get(8080, '/check/app/mysql/over?p=low');

    is("@got", '417 ' x 7 . '417', "$path: low is refused")
        if time < $before + 1;
    if (time < $before + 1) {
        like($got->{body}, qr/"StatusCode":417,"Value":0,.*"App denied"/,
            "$path: what low is told");
        is($got->{headers}{'sluice-reason'}, 'low-priority', "$path: reason");
    }
    is(low('other'), 429, "$path: another cluster is not marked");
    $t->wait_for('the mark to go', sub { low('over') == 429 });
    cmp_ok(time, '>=', $before + 0.99, "$path: for a second");
}

# what another domain found sets none, a further metric of our own does

$state->publish(clusters => [{ name => 'over', value => 0.5, share => 3 }]);
$t->wait_for('no mark', sub { low('over') == 429 });
is($t->get(8080, '/check/app/mysql/over')->{headers}{'sluice-reason'},
    'share-domain', 'unhealthy elsewhere');
is(low('over'), 429, 'unhealthy elsewhere sets no mark');
$state->publish(clusters => [{ name => 'over', value => 0.5 }],
    metrics => [{ cluster => 'over', name => 'threads', value => 2 }]);
is($t->get(8080, '/check/app/mysql/over')->{status}, 429, 'a further metric');
is(low('over'), 417, 'a further metric sets one');
$state->publish(metrics => []);
$t->wait_for('the mark to go', sub { low('over') == 200 });

# the mark holds also where the cluster has become fine, and ends

$t->get(8080, '/check/app/mysql/over');
$state->publish(clusters => [{ name => 'over', value => 0.5 }]);
is($t->get(8080, '/check/app/mysql/over')->{status}, 200, 'fine for others');
$t->wait_for('the mark to go', sub { low('over') == 200 });
pass('low is fine again');

# a flag is one request's own

$state->publish(clusters => [{ name => 'over', value => 2 }]);
sleep 1.1;
is(low('over'), 429, 'low');
is($t->get(8080, '/check/app/mysql/over')->{status}, 429, 'normal after low');
is(low('over'), 417, 'which counts as normal');

$t->done;

###############################################################################

sub low {
    my ($cluster) = @_;

    return $t->get(8080, "/check/app/mysql/$cluster?p=low")->{status};
}
