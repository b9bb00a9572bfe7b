#!/usr/bin/perl

# Who asked lately, and how often what was answered: bounded, whatever names
# clients make up.

use warnings;
use strict;

use IO::Socket::IP;
use Test::More;
use Time::HiRes qw(sleep time);

use Sluice;
use Sluice::State;

###############################################################################

my $t = Sluice->new;

mkdir $t->dir . '/run';
my $state = Sluice::State->new($t->dir . '/run/state', clusters => [
    { name => 'c', value => 0.5 },
    { name => 'over', value => 2 },
    { name => 'broken', error => 'x' },
], throttles => [{ key => 'denied' }])->replace;

my $unix = $t->dir . '/http.sock';

$t->nginx(<<"EOC");
%%MODULES%%
worker_processes 2;
error_log %%DIR%%/error.log warn;
events { }
sluice { state %%DIR%%/run/state; max_age 30s; }
http {
    access_log off;
    keepalive_requests 100000;
    server {
        listen 127.0.0.1:8080;
        listen [::1]:8081;
        listen unix:$unix;
        include %%CONF%%/nginx/freno.conf;
    }
    server {
        listen 127.0.0.1:8082;
        set_real_ip_from 127.0.0.1;
        real_ip_header X-Forwarded-For;
        real_ip_recursive on;
        include %%CONF%%/nginx/freno.conf;
    }
}
EOC

is($t->get(8080, '/recent-apps')->{body}, "{}\n", 'nobody yet');
is($t->get(8080, '/recent-apps')->{headers}{'content-type'},
    'application/json', 'type');

# who is recorded

$t->get(8080, $_) for '/check/ok/mysql/c', '/check/denied/mysql/c',
    '/check/unknown/mysql/nosuch', '/check//mysql/c', '/check/a%22%3C/mysql/c',
    '/check-read/read/mysql/c/1', '/check-if-exists/maybe/mysql/nosuch',
    '/check/' . 'x' x 128 . '/mysql/c', '/check/err/mysql/broken';
$t->head(8080, '/check/head/mysql/c');

# who is not

$t->get(8080, $_) for '/check/type/nosuch/c', '/check-read/bad/mysql/c/x',
    '/check/short/mysql', '/metrics-health', '/check/' . 'y' x 129 . '/mysql/c';
$t->get(8080, '/check/post/mysql/c', method => 'POST');

my %seen = recent();
is(join(' ', sort keys %seen), join(' ', sort map { "$_/127.0.0.1" }
    'ok', 'denied', 'unknown', '', 'a\"\u003c', 'read', 'maybe', 'x' x 128,
    'err', 'head'), 'who is recorded');
for my $key (sort keys %seen) {
    cmp_ok(abs($seen{$key}[0] - time), '<=', 3, "$key: epoch");
    is($seen{$key}[1], 0, "$key: minutes");
}
my $body = $t->get(8080, '/recent-apps')->{body};
my @order = $body =~ /"([^"\\]*)\/127/g;
is("@order", join(' ', sort @order), 'in the order of the keys');

# from where

$t->get(8080, '/check/forged/mysql/c',
    headers => ['X-Forwarded-For' => '10.1.2.3']);
$t->get(8082, '/check/real/mysql/c',
    headers => ['X-Forwarded-For' => '10.9.9.9, 10.1.2.3']);
$t->get(8082, '/check/six/mysql/c',
    headers => ['X-Forwarded-For' => '2001:db8::5']);
%seen = recent();
ok($seen{'forged/127.0.0.1'}, 'X-Forwarded-For by itself is nothing');
ok($seen{'real/10.1.2.3'}, 'X-Forwarded-For by realip');
ok($seen{'six/2001:db8::5'}, 'an IPv6 address by realip');

SKIP: {
    my $socket = IO::Socket::IP->new(PeerHost => '::1',
        PeerPort => $t->port(8081)) or skip 'no IPv6 here', 1;
    print $socket "GET /check/v6/mysql/c HTTP/1.0\r\n\r\n";
    my @answer = <$socket>;
    ok({ recent() }->{'v6/::1'}, 'an IPv6 client');
}

my $local = IO::Socket::UNIX->new(Peer => $unix) or die "$unix: $!";
print $local "GET /check/local/mysql/c HTTP/1.0\r\n\r\n";
my @answer = <$local>;
ok({ recent() }->{'local/unix:'}, 'a client of the unix socket');

# the last minutes

for my $case (['/5', 1], ['/1', 1], ['/0', 1], ['/-3', 1], ['/+7', 1],
    ['/', 1], ['/9223372036854775807', 1])
{
    like($t->get(8080, "/recent-apps$case->[0]")->{body}, qr/"ok\/127/,
        "/recent-apps$case->[0]");
}
for my $case (['abc', '\"abc\": invalid syntax'], ['1.5',
    '\"1.5\": invalid syntax'], ['1%22', '\"1\\\\\"\": invalid syntax'],
    ['-', '\"-\": invalid syntax'], ['99999999999999999999',
    '\"99999999999999999999\": value out of range'])
{
    my ($text, $said) = @$case;
    my $got = $t->get(8080, "/recent-apps/$text");

    is($got->{status}, 500, "/recent-apps/$text");
    is($got->{body}, '{"StatusCode":500,"Message":"strconv.ParseInt: parsing '
        . "$said\"}\n", "/recent-apps/$text, body");
}
is($t->get(8080, '/recent-apps/5/')->{status}, 404, 'a path below');
is($t->get(8080, '/recent-apps', method => 'POST')->{status}, 405, 'POST');

# counters, of each status, whoever answered

my $before = counters('c');
$t->get(8080, '/check/ok/mysql/c') for 1 .. 20;
$t->head(8080, '/check/ok/mysql/c') for 1 .. 5;
$t->get(8080, '/check/denied/mysql/c') for 1 .. 7;
is(counters('c')->{200} - $before->{200}, 25, 'counted 200');
is(counters('c')->{417} - $before->{417}, 7, 'counted 417');
$t->get(8080, '/check/ok/mysql/over') for 1 .. 4;
is(counters('over')->{429}, 4, 'counted 429');
$t->get(8080, '/check/ok/mysql/broken') for 1 .. 3;
is(counters('broken')->{500}, 4, 'counted 500');
$before = unknown();
$t->get(8080, "/check/ok/mysql/made-up-$_") for 1 .. 6;
$t->get(8080, "/check-if-exists/ok/mysql/made-up-$_") for 1 .. 6;
$t->get(8080, '/check/ok/mysql/' . 'z' x 1000);
is(unknown()->{404} - $before->{404}, 13, 'counted 404 of unknown clusters');
unlike($t->get(8080, '/sluice/counters')->{body}, qr/made-up|zzz/,
    'which get no counters of their own');
is($t->get(8080, '/sluice/counters')->{body} =~ /^\{"Checks":\{(?:"[^"]+":
    \{(?:"\d+":\d+,?)+\},?)+\},"UnknownClusters":\{[^}]+\},"Redis":\{.*\}\}\n$/x,
    1, 'the shape of the counters');

# 10,000 and no more: the oldest goes, who came back meanwhile stays

my $room = 10_000 - keys %{ { recent() } };
flood('first', 1, $room);
is(scalar keys %{ { recent() } }, 10_000, 'full');
sleep 0.01;
$t->get(8080, '/check/ok/mysql/c');
$t->get(8080, '/check/first1/mysql/c');
flood('second', 1, 200);
%seen = recent();
is(scalar keys %seen, 10_000, 'full, and no more than that');
is(scalar grep({ /^second/ } keys %seen), 200, 'the new ones are there');
ok($seen{'ok/127.0.0.1'}, 'who came back stays');
ok($seen{'first1/127.0.0.1'}, 'who came back stays, too');
is(join(' ', grep { !/^(first|second|ok)/ } keys %seen), '',
    'the oldest went');
my @gone = grep { !$seen{"first$_/127.0.0.1"} } 1 .. $room;
cmp_ok(scalar @gone, '>', 100, 'and the next ones');
cmp_ok($gone[-1], '<', 1000, 'but no younger ones');
flood('third', 1, 25_000);
%seen = recent();
is(scalar keys %seen, 10_000, 'full after many more');
is(scalar grep({ /^third/ } keys %seen), 10_000, 'all of them the last ones');
cmp_ok(scalar grep({ !$seen{"third$_/127.0.0.1"} } 15_101 .. 25_000), '==', 0,
    'the youngest');

$t->done;

###############################################################################

# APP/ADDRESS, still escaped, to [epoch, minutes].

sub recent {
    my $body = $t->get(8080, '/recent-apps')->{body};
    my %seen;

    $seen{$1} = [$2, $3] while $body =~ /"((?:[^"\\]|\\.)*)":\{
        "CheckedAtEpoch":(\d+),"MinutesSinceChecked":(\d+)\}/gx;
    return %seen;
}

sub counters {
    my ($cluster) = @_;
    my ($counts) = $t->get(8080, '/sluice/counters')->{body}
        =~ /"\Q$cluster\E":\{([^}]*)\}/;

    return { ($counts // '') =~ /"(\d+)":(\d+)/g };
}

sub unknown { return counters('UnknownClusters') }

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
