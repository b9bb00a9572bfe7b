#!/usr/bin/perl

# Checks of throttled apps, as the state file names them: which rule, which
# die, until when, and in which order with everything else.

use warnings;
use strict;

use Test::More;

use Sluice;
use Sluice::State;

###############################################################################

my $t = Sluice->new;

mkdir $t->dir . '/run';
my $state = Sluice::State->new($t->dir . '/run/state', clusters => [
    { name => 'c', value => 0.25 },
    { name => 'over', value => 2 },
    { name => 'broken', error => 'no such table' },
    { name => 'd', value => 0.5 },
], throttles => [
    { key => 'all' },
    { key => 'never', ratio => 0 },
    { key => 'half', ratio => 0.5 },
    { key => 'tenth', ratio => 0.1 },
    { key => 'one/c' },
    { key => 'both/c', ratio => 0.5 },
    { key => 'both', ratio => 0.5 },
    { key => 'free/c', ratio => 0 },
    { key => 'free' },
    { key => 'gone', expires => -1 },
    { key => 'a b"/c' },
    { key => 'x' x 128 },
    { key => '/c' },
])->replace;

$t->nginx(<<'EOC');
%%MODULES%%
worker_processes 1;
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

# who is denied, and what it is told

my $denied = qq({"StatusCode":417,"Value":0,"Threshold":0,)
    . qq("Message":"App denied"}\n);
my $got = $t->get(8080, '/check/all/mysql/c');

is($got->{status}, 417, 'throttled');
is($got->{body}, $denied, 'throttled, body');
is($got->{headers}{'sluice-reason'}, 'app-denied', 'throttled, reason');
is($t->head(8080, '/check/all/mysql/c')->{status}, 417, 'throttled, HEAD');

is(status('all', 'd'), 417, 'on each cluster');
is(status('one', 'c'), 417, 'on one cluster');
is(status('one', 'd'), 200, 'not on another');
is(status('free', 'c'), 417, 'the rule of the app after that of app/cluster');
is(status('never', 'c'), 200, 'ratio 0');
is(status('gone', 'c'), 200, 'expired');
is(status('other', 'c'), 200, 'another app');
is(status('al', 'c'), 200, 'the beginning of a name');
is(status('alll', 'c'), 200, 'more than the name');
is(status('a%20b%22', 'c'), 417, 'a name with a blank and a quote');
is(status('x' x 128, 'c'), 417, 'a name of 128 bytes');
is(status('x' x 129, 'c'), 200, 'a name of 129 bytes');
is(status('x' x 4000, 'c'), 200, 'a name of 4000 bytes');
is(status('', 'c'), 417, 'an empty app');
is($t->get(8080, '/check//mysql/c')->{headers}{'sluice-reason'}, 'no-app',
    'an empty app is throttled by no rule');

# before what else could be said

is(status('all', 'over'), 417, 'before the threshold');
is(status('all', 'broken'), 417, 'before an error');
is(status('all', 'nosuch'), 417, 'before an unknown cluster');
is($t->get(8080, '/check-if-exists/all/mysql/nosuch')->{status}, 417,
    'if-exists makes no 200 of it');
is($t->get(8080, '/check/all/nosuch/c')->{status}, 404,
    'after an unknown store type');
is($t->get(8080, '/check-read/all/mysql/c/5')->{body},
    $denied =~ s/"Threshold":0/"Threshold":5/r, 'check-read');

# the die: 4000 of them within five standard deviations

for my $case (['half', 'd', 0.5], ['tenth', 'd', 0.1], ['both', 'd', 0.5],
    ['both', 'c', 0.75], ['never', 'd', 0], ['all', 'd', 1])
{
    my ($app, $cluster, $p) = @$case;
    my $n = 4000;
    my $hits = denials($app, $cluster, $n);
    my $bound = 5 * sqrt($n * $p * (1 - $p));

    cmp_ok(abs($hits - $n * $p), '<=', $bound,
        "$app/$cluster: $hits of $n denied");
}

# expiry, without anybody publishing anything

$state->publish_rules(throttles => [{ key => 'soon', expires => 1000 },
    { key => 'soon/c', expires => 500 }, { key => 'all' }]);
is(status('soon', 'c'), 417, 'not yet expired');
ok($t->wait_for('expiry', sub { status('soon', 'c') == 200 }),
    'expired by itself');

# changes of the rules alone, heard on the spot

$state->publish_rules(throttles => [{ key => 'new' }]);
is(status('new', 'c'), 417, 'a new rule');
is(status('all', 'c'), 200, 'an old one is gone');
$state->publish_rules(throttles => [{ key => 'new', ratio => 0 }]);
is(status('new', 'c'), 200, 'another ratio');
$state->publish_rules(throttles => []);
is(status('new', 'c'), 200, 'no rules');

# a store of facts that was never read

$state->publish_rules(throttles => [{ key => 'new' }],
    facts => { flags => Sluice::State::FACTS_UNKNOWN });
$got = $t->get(8080, '/check/other/mysql/c');
is($got->{status}, 500, 'facts unknown');
is($got->{headers}{'sluice-reason'}, 'facts-unknown', 'facts unknown, reason');
is(status('new', 'c'), 417, 'facts unknown, but of this app');
$state->publish_rules(facts => {});

# rules that cannot be read are not the same as no rules

$state->publish_rules(throttles => [{ key => 'new', ratio => 2 }]);
$got = $t->get(8080, '/check/other/mysql/c');
is($got->{status}, 500, 'broken rules');
like($got->{body}, qr/no state: throttle new: ratio outside/,
    'broken rules, what is said');
is(status('new', 'c'), 417, 'broken rules: the last good ones still deny');
$state->publish(clusters => [{ name => 'c', value => 0.25 }]);
is(status('other', 'c'), 500, 'broken rules and new verdicts');
$state->publish_rules(throttles => [{ key => 'new' }]);
is(status('new', 'c'), 417, 'good rules again');
is(status('other', 'c'), 200, 'good rules again, another app');

# throttled before it is old, and also when the state is gone

$state->publish(clusters => [
    { name => 'c', value => 0.25, valid_for => -1, age => 2000 }]);
is(status('other', 'c'), 500, 'too old');
is(status('new', 'c'), 417, 'throttled before it is too old');
$state->remove;
$t->wait_for('no state', sub { status('other', 'c') == 500
    && $t->get(8080, '/check/other/mysql/c')->{body} =~ /no such file/ });
is(status('new', 'c'), 417, 'throttled without a state');

# a writer that knows of no rules

$state->replace(minor => 0, facts => undef, throttles => undef,
    clusters => [{ name => 'c', value => 0.25 }]);
$t->wait_for('minor 0', sub { status('other', 'c') == 200 });
is(status('new', 'c'), 200, 'no rules of a writer that knows of none');

$t->expect_log(qr/sluice: /);
$t->done;

###############################################################################

sub status {
    my ($app, $cluster) = @_;

    return $t->get(8080, "/check/$app/mysql/$cluster")->{status};
}

# How many of n checks were denied, over one connection.

sub denials {
    my ($app, $cluster, $n) = @_;
    my $address = '127.0.0.1:' . $t->port(8080);
    my $hits = 0;

    for (1 .. $n / 500) {
        my $text = "HEAD /check/$app/mysql/$cluster HTTP/1.1\r\nHost: a\r\n";
        my $all = Sluice::Http::http_raw($address, "$text\r\n" x 499
            . "${text}Connection: close\r\n\r\n");

        $hits += () = $all =~ m{^HTTP/1.1 417}mg;
    }
    return $hits;
}
