#!/usr/bin/perl

# /debug/vars by freno's names: what was answered to whom, and what the state
# file says; bounded, whatever names clients make up.

use warnings;
use strict;

use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep);

use Sluice;
use Sluice::Orders;
use Sluice::Redis;
use Sluice::State;

###############################################################################

my $t = Sluice->new;

mkdir $t->dir . '/run';
my $redis = Sluice::Redis->start($t);
my $state = Sluice::State->new($t->dir . '/run/state', clusters => [
    { name => 'c', value => 0.25 },
    { name => 'over', value => 2, healthy => 7_400 },
    { name => 'broken', error => 'x', value => 3.5, had_value => 1,
        healthy => undef },
    { name => 'never', error => 'x', value => 3.5, healthy => undef },
    { name => 'none', status => 'none', healthy => undef },
    { name => 'd"<', value => 1e21, threshold => 2e21 },
    { name => 'tiny', value => 2.5e-7 },
], facts => { revision => 10, channel => 'chan' }, throttles => [
    { key => 'denied' }, { key => 'half/c', ratio => 0.5 },
    { key => 'a"b' }, { key => 'gone', expires => -1 }, { key => 'freed' },
], counters => [
    { name => 'probes.total', value => 77 },
    { name => 'probes.latency.mean', value => 1234567.5 },
    { name => 'raft.leader', value => 9, text => '10.0.0.1:10008 "<' },
])->replace;
my $orders = Sluice::Orders->new($redis->address, revision => 10);

my $conf = <<"EOC";
%%MODULES%%
worker_processes 4;
error_log %%DIR%%/error.log notice;
events { }
sluice {
    state %%DIR%%/run/state;
    max_age 30s;
    redis @{[ $redis->address ]};
}
http {
    access_log off;
    keepalive_requests 100000;
    server {
        listen 127.0.0.1:8080;
        include %%CONF%%/nginx/freno.conf;
    }
    server {
        listen 127.0.0.1:8081;
        include %%CONF%%/nginx/freno-locked.conf;
    }
}
EOC
$t->nginx($conf);
Sluice::Orders::wait_connected($t);

# the shape, before anybody asked

my $got = $t->get(8080, '/debug/vars');
is($got->{status}, 200, 'status');
is($got->{headers}{'content-type'}, 'application/json; charset=utf-8', 'type');
is($got->{headers}{'content-length'}, length $got->{body}, 'length');
is(without_seconds($got->{body}), <<'EOC', 'the whole body');
{
"aggregated.mysql.broken": 3.5,
"aggregated.mysql.c": 0.25,
"aggregated.mysql.d\"\u003c": 1e+21,
"aggregated.mysql.over": 2,
"aggregated.mysql.tiny": 2.5e-7,
"check.mysql.c.seconds_since_healthy": 0,
"check.mysql.d\"\u003c.seconds_since_healthy": 0,
"check.mysql.over.seconds_since_healthy": N,
"check.mysql.tiny.seconds_since_healthy": 0,
"consensus.is_healthy": 1,
"consensus.is_leader": 1,
"probes.latency.mean": 1234567.5,
"probes.total": 77,
"raft.leader": "10.0.0.1:10008 \"\u003c",
"throttled_states.a\"b": 1,
"throttled_states.denied": 1,
"throttled_states.freed": 1,
"throttled_states.half/c": 1
}
EOC
cmp_ok(vars()->{'check.mysql.over.seconds_since_healthy'}, '>=', 7,
    'seconds since it was healthy');
cmp_ok(vars()->{'check.mysql.over.seconds_since_healthy'}, '<', 60,
    'and no more');

for my $port (8080, 8081) {
    for my $path ('/debug/vars', '/debug/metrics') {
        my $head = $t->head($port, $path);

        is($t->get($port, $path)->{status}, 200, "$port$path");
        is_deeply([$head->{status}, $head->{body} // '',
            $head->{headers}{'content-type'}],
            [200, '', 'application/json; charset=utf-8'], "HEAD $port$path");
        for my $method (qw/POST PUT DELETE/) {
            my $got = $t->get($port, $path, method => $method);

            is($got->{status}, 405, "$method $port$path");
            is($got->{headers}{allow}, 'GET, HEAD', "$method $path: allow");
        }
        is($t->get($port, "$path/")->{status}, 404, "a path below $path");
    }
}
is($t->get(8080, '/debug/metrics')->{body}, $t->get(8080, '/debug/vars')
    ->{body}, 'both are the same');

# what is counted

check('one/mysql/c') for 1 .. 5;
$t->head(8080, '/check/one/mysql/c') for 1 .. 2;
check('one/mysql/over') for 1 .. 3;
check('one/mysql/broken');
check('two/mysql/c');
check('denied/mysql/c') for 1 .. 4;
check('/mysql/c');
counts('one', 11, 4, 1, c => [7], over => [3, 3], broken => [1, 1, 1]);
counts('two', 1, undef, undef, c => [1]);
counts('denied', 4, 4, undef, c => [4, 4]);
counts('', 1, 1, undef, c => [1, 1]);
counts('any', 17, 9, 1, c => [13, 5], over => [3, 3], broken => [1, 1, 1]);

# a store that is not known counts as "other"; 404 is an error that
# if-exists does not turn away

check("three/mysql/made-up-$_") for 1 .. 3;
$t->get(8080, "/check-if-exists/three/mysql/made-up-$_") for 1 .. 4;
$t->get(8080, '/check-if-exists/three/mysql/none');
$t->get(8080, '/check-if-exists/three/mysql/c');
$t->get(8080, '/check-read/three/mysql/c/0.1');
counts('three', 10, 9, undef, other => [7, 7], none => [1, 1], c => [2, 1]);
counts('other', undef, undef, undef);
is(vars()->{'check.any.mysql.other.total'}, 7, 'any, other');

# what is not

my $before = vars();
$t->get(8080, $_) for '/check/four/nosuch/c', '/check/four/mysql',
    '/check-read/four/mysql/c/x', '/explain/four/mysql/c', '/debug/vars';
$t->get(8080, '/check/four/mysql/c', method => 'POST');
is_deeply(vars(), $before, 'nothing is counted');

# names are what they are; equal ones are one

check('a%22%3c%5c%0a%ff%c3%a9/mysql/d%22%3c');
my $name = "a\"<\\\n\x{fffd}\x{e9}";
is(vars()->{"check.$name.mysql.d\"<.total"}, 1, 'an odd name');
is(vars()->{"check.$name.total"}, 1, 'an odd name, all clusters');
is((grep { /\n\z/ && !/^(?:[{}]|"(?:[^"\\]|\\.)*": (?:[-+.e0-9]+|"(?:[^"\\]|\\.)*"),?)\n\z/ }
    lines())[0], undef, 'each line is one variable');
$before = vars();
check('any/mysql/c') for 1 .. 2;
is(vars()->{'check.any.total'} - $before->{'check.any.total'}, 4,
    'an app called any counts twice, as with freno');
check('s.mysql.c/mysql/over');
check('s/mysql/c') for 1 .. 5;
is(vars()->{'check.s.mysql.c.total'}, 6, 'names that are equal');
my @names = names();
is_deeply(\@names, [sort @names], 'in the order of their bytes');
is(scalar(keys %{ { map { $_ => 1 } @names } }), @names, 'each once');

# by all workers, which count as one

$before = vars()->{'check.crowd.total'} // 0;
storm('crowd', 2000);
is(vars()->{'check.crowd.total'} - $before, 2000, 'counted by all workers');
is(vars()->{'check.crowd.mysql.c.total'}, 2000, 'of one cluster');

# reload

$before = vars();
$t->reload;
is(without($_, vars()), without($_, $before), "after a reload: $_")
    for 'check.crowd.total', 'check.any.total', 'check.one.error';
check('crowd/mysql/c');
is(vars()->{'check.crowd.total'}, 2001, 'counting goes on');

# killed workers

for (1 .. 20) {
    Sluice::Orders::wait_connected($t);
    my @workers = Sluice::Orders::serving($t);
    my $load = load($_);

    sleep rand 0.005;
    $t->kill_worker($workers[rand @workers]);
    waitpid $load, 0;
}
Sluice::Orders::wait_connected($t);
cmp_ok(vars()->{'check.crowd.total'}, '==', 2001, 'after 20 kills');
my $killed = vars();
is_deeply([grep { !/^check\.(?:\Q$name\E|[-.a-z]*|made\d+)\.(?:mysql\.
        (?:c|over|broken|none|other|d"<)\.)?(?:total|error|internal-error)$/x
        && /^check/ && !/seconds_since/ } keys %$killed], [],
    'no name in pieces');
sums($killed, 1);

# Redis knows it first

is(vars()->{'throttled_states.freed'}, 1, 'still throttled');
$orders->unthrottle('freed');
$t->wait_for('the order', sub { !grep {
    vars()->{'throttled_states.freed'} } 1 .. 12 });
is(vars()->{'throttled_states.freed'}, undef, 'freed by Redis');

# apps without end are counted, but as others

my $sum = vars()->{'check.any.total'};
flood("app", 1, 4000);
my $v = vars();
is($v->{'check.any.total'} - $sum, 4000, 'every check counted');
my @apps = grep { /^check\.app\d+\.total$/ } keys %$v;
my @pairs = grep { /^check\.(?!any\.|other\.).*\.mysql\..*\.total$/ }
    keys %$v;
cmp_ok(scalar @pairs, '>=', 1300, 'many pairs have counters of their own');
cmp_ok(scalar @pairs, '<', 1400, 'but not all');
cmp_ok(scalar @apps, '>=', 700, 'with many of these apps');
is($v->{'check.other.total'}, 4000 - @apps, 'the others are counted as other');
is($v->{'check.other.mysql.c.total'}, 4000 - @apps, 'by cluster too');
sums($v, 0);
check('one/mysql/c');
is(vars()->{'check.one.total'}, 12, 'who was there goes on');
check('one/mysql/tiny');
is(vars()->{'check.one.mysql.tiny.total'}, undef, 'a new pair is another');
is(vars()->{'check.other.mysql.tiny.total'}, 1, 'with its cluster');
$t->reload;
flood("app", 3990, 4010);
is(scalar(grep { /^check\.app\d+\.total$/ } keys %{ vars() }), @apps,
    'full after a reload too');

# names too long for a counter

check('x' x 129 . '/mysql/c');
like($t->get(8080, '/debug/vars')->{body}, qr/\A(?!.*xxx)/s,
    'a name that is too long');
is(vars()->{'check.other.total'}, 4000 - @apps + 1 + 21 + 1,
    'is one of the others');

# a node that does not lead; one that does not know; none at all

$state->replace(node => { leader_until => 0 });
is_deeply(consensus(), [0, 1], 'a follower');
$state->replace(node => { flags => 0 });
is_deeply(consensus(), [0, 1], 'one that starts');
$state->replace(node => {}, facts => { revision => 0, flags =>
    Sluice::State::FACTS_UNKNOWN });
is_deeply(consensus(), [1, 0], 'facts unknown');
$state->replace(facts => { revision => 11 });
is_deeply(consensus(), [1, 1], 'known');
$state->remove;
$t->nginx_stop;
$t->nginx($conf =~ s/\bmax_age 30s/max_age 1s/r);
$v = vars();
is_deeply($v, { 'consensus.is_leader' => 0, 'consensus.is_healthy' => 0 },
    'no state: nothing is known');
$state->replace;
$t->wait_for('the state', sub { vars()->{'probes.total'} });
is_deeply(consensus(), [1, 1], 'a state');
$state->stop_beating;
$t->wait_for('the heart to be missed', sub { !consensus()->[1] });
is_deeply(consensus(), [0, 0], 'no heartbeat');
$v = vars();
is($v->{'aggregated.mysql.c'}, 0.25, 'the last value stays');

# the detail of a former sluiced has no counters

$state->replace(minor => 1);
$t->wait_for('minor 1', sub { consensus()->[1] });
is(vars()->{'probes.total'}, undef, 'no counters');
is(vars()->{'aggregated.mysql.c'}, 0.25, 'but the rest');

$t->expect_log(qr/shared memory zone "sluice" was locked by|no state/);
$t->done;

###############################################################################

sub check { return $t->get(8080, "/check/$_[0]")->{status} }

sub lines { return $t->get(8080, '/debug/vars')->{body} =~ /(.*\n)/g }

sub vars { return decode_json($t->get(8080, '/debug/vars')->{body}) }

sub names {
    return map { JSON::PP->new->allow_nonref->decode(qq("$_")) }
        $t->get(8080, '/debug/vars')->{body} =~ /^"((?:[^"\\]|\\.)*)":/mg;
}

sub consensus {
    my $v = vars();

    return [@$v{qw/consensus.is_leader consensus.is_healthy/}];
}

# Seconds that pass while the test runs.

sub without_seconds { return $_[0] =~ s/(over\.seconds\w+": )\d+/$1N/r }

sub without { return $_[1]{$_[0]} }

# All there is of an app: totals, and by cluster [total, error, internal].

sub counts {
    my ($app, $total, $error, $internal, %clusters) = @_;
    my $v = vars();
    my %expected = ("check.$app.total" => $total, "check.$app.error" => $error,
        "check.$app.internal-error" => $internal);

    for my $cluster (keys %clusters) {
        my $at = "check.$app.mysql.$cluster";

        @expected{"$at.total", "$at.error", "$at.internal-error"} =
            @{$clusters{$cluster}}[0 .. 2];
    }
    delete @expected{grep { !defined $expected{$_} } keys %expected};
    is_deeply({ map { $_ => $v->{$_} }
        grep { /^check\.\Q$app\E\.(?!.*seconds_since)/ } keys %$v },
        \%expected, "counters of '$app'");
}

# The apps of a cluster sum up to what all asked it, or, when workers were
# killed between the two, nearly so.

sub sums {
    my ($v, $killed) = @_;
    my $all = $v->{'check.any.mysql.broken.total'};
    my $apps = 0;

    $apps += $v->{$_} for grep { /^check\.(?!any\.).*\.mysql\.broken\.total$/ }
        keys %$v;
    cmp_ok($all - $apps, $killed ? '<=' : '==', $killed ? 20 : 0,
        'the apps sum up to all');
}

# Checks of one app over many connections, for each worker to have some.

sub storm {
    my ($app, $count) = @_;
    my $address = '127.0.0.1:' . $t->port(8080);
    my @children = map {
        my $child = fork // die "fork: $!";

        if (!$child) {
            for (1 .. 10) {
                my $n = $count / 100;
                Sluice::Http::http_raw($address, join '', map {
                    "HEAD /check/$app/mysql/c HTTP/1.1\r\nHost: a\r\n"
                    . ($_ == $n ? "Connection: close\r\n" : '') . "\r\n"
                } 1 .. $n);
            }
            kill 9, $$;
        }
        $child;
    } 1 .. 10;

    waitpid $_, 0 for @children;
}

# A child that brings in new apps, until its connection breaks off.

sub load {
    my ($round) = @_;
    my $address = '127.0.0.1:' . $t->port(8080);
    my $child = fork // die "fork: $!";

    return $child if $child;
    for my $n (1 .. 5) {
        eval { Sluice::Http::http_raw($address, join '', map {
            "HEAD /check/made$_/mysql/broken HTTP/1.1\r\nHost: a\r\n"
            . ($_ % 5 == 4 ? "Connection: close\r\n" : '') . "\r\n"
        } $round * 25 + $n * 5 .. $round * 25 + $n * 5 + 4) };
    }
    kill 9, $$;
}

# Checks of apps NAME1, NAME2 …, over one connection.

sub flood {
    my ($name, $from, $to) = @_;
    my $address = '127.0.0.1:' . $t->port(8080);

    while ($from <= $to) {
        my $last = $from + 499 > $to ? $to : $from + 499;
        my $text = join '', map { "HEAD /check/$name$_/mysql/c HTTP/1.1\r\n"
            . "Host: a\r\n" . ($_ == $last ? "Connection: close\r\n" : '')
            . "\r\n" } $from .. $last;
        Sluice::Http::http_raw($address, $text);
        $from = $last + 1;
    }
}
