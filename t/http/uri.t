#!/usr/bin/perl

# What a check makes of its URI, its arguments and its method.

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
    { name => "sp ace", value => 0.5 },
    { name => "\xc3\xa9", value => 0.75 },
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

        location /deep/er/check/ { sluice_check; }

        location /rewritten/ {
            rewrite ^/rewritten/(.*) /otherwise/$1 break;
            sluice_check;
        }

        location /if/ {
            if ($arg_x) { set $y $arg_x; }
            sluice_check read if_exists;
        }

        location /limited/ {
            limit_except GET { allow all; }
            sluice_check;
        }
    }

    server {
        listen 127.0.0.1:8081;
        location / { sluice_check; }
    }
}
EOC

# segments

my $ok = qr/"StatusCode":200,"Value":0.25,/;

like(body('/check/app/mysql/c'), $ok, 'three segments');
is(status('/check/'), 404, 'no segment');
is(status('/check/app'), 404, 'one segment');
is(status('/check/app/mysql'), 404, 'two segments');
is(status('/check/app/mysql/'), 404, 'two segments and a slash');
is(status('/check/app/mysql/c/'), 404, 'trailing slash');
is(status('/check/app/mysql/c/0.5'), 404, 'four segments');
is(status('/check-if-exists/app/mysql/'), 404, 'if-exists, no store');
is(status('/check-if-exists/app/mysql/c/d'), 404, 'if-exists, four segments');
is(status('/check-read/app/mysql/c'), 404, 'read without threshold');
is(status('/check-read/app/mysql/c/'), 404, 'read, empty threshold');
is(status('/check-read/app/mysql/c/1/'), 404, 'read, trailing slash');
is(status('/check-read/app/mysql/c/1/2'), 404, 'read, five segments');
is(status('/check'), 404, 'no slash');
is(status('/checks/app/mysql/c'), 404, 'another name');
unlike(body('/check/app/mysql'), qr/StatusCode/, 'not a verdict');

# where the location is

like(body('/deep/er/check/app/mysql/c'), $ok, 'deeper location');
like(body('/app/mysql/c', 8081), $ok, 'location /');
is(status('/rewritten/app/mysql/c'), 404, 'rewritten away');
is(status('/if/app/mysql/nosuch/1'), 200, 'read if_exists');
is(status('/if/app/mysql/nosuch/1?x=1'), 200, 'read if_exists inside if');
is(status('/if/app/mysql/c/0.1?x=1'), 429, 'read threshold inside if');
is(status('/limited/app/mysql/c'), 200, 'limit_except');
is($t->get(8080, '/limited/app/mysql/c', method => 'POST')->{status}, 405,
    'limit_except, limited method');

# names are decoded once, before they are split

like(body('/check/app/mysql/sp%20ace'), qr/"Value":0.5,/, 'space');
like(body('/check/app/mysql/%C3%A9'), qr/"Value":0.75,/, 'utf-8');
like(body('/check/app/mysql/%63'), $ok, 'escaped letter');
like(body('/check/app/%6dysql/c'), $ok, 'escaped type');
is(status('/check/app/mysql/%2563'), 404, 'escaped twice');
is(status('/check/app%2Fmysql%2Fc'), 200, 'escaped slashes are slashes');
is(status('/check/a%2Fpp/mysql/c'), 404, 'and make segments');
is(status('/check/%2F/mysql/c'), 404, 'an app of one slash');
is(status('/check/../check/app/mysql/c'), 200, 'dot segments');
is(status('/check/app/mysql/c%00'), 400, 'escaped zero');
is(status('/check/app/mysql/%zz'), 400, 'bad escape');
is(status('/check/app/mysql/%4'), 400, 'half an escape');
is(status('/check/%/mysql/c'), 400, 'bare percent');
is(status('/check/%ff%fe/mysql/c'), 200, 'app of invalid utf-8');
is(status('/check/app/mysql/%ff'), 404, 'store of invalid utf-8');

# long names

like(body('/check/' . 'a' x 8100 . '/mysql/c'), $ok, 'app of 8 kB');
is(status('/check/' . 'a' x 8192 . '/mysql/c'), 414, 'longer than a buffer');
is(status('/check/app/mysql/' . 'c' x 8100), 404, 'store of 8 kB');
is(status('/check/app/' . 'm' x 8100 . '/c'), 404, 'type of 8 kB');
is(status('/check/' . '/' x 4000), 404, 'slashes');

my $long = body('/check-read/app/mysql/c/' . '<' x 8000);
is($long, '{"StatusCode":500,"Message":"strconv.ParseFloat: parsing \\"'
    . '\\u003c' x 8000 . '\\": invalid syntax"}' . "\n", 'threshold of 8 kB');

# bad thresholds are refused before anything is looked up

for my $case (
    ['abc', '\"abc\"', 'invalid syntax'],
    ['1,5', '\"1,5\"', 'invalid syntax'],
    ['1e', '\"1e\"', 'invalid syntax'],
    ['0x', '\"0x\"', 'invalid syntax'],
    ['%22', '\"\\\\\"\"', 'invalid syntax'],
    ['%5C', '\"\\\\\\\\\"', 'invalid syntax'],
    ['%20', '\" \"', 'invalid syntax'],
    ['1e999', '\"1e999\"', 'value out of range'],
) {
    my ($text, $quoted, $why) = @$case;
    my $got = $t->get(8080, "/check-read/app/mysql/nosuch/$text");

    is($got->{status}, 500, "threshold $text");
    is($got->{body}, '{"StatusCode":500,"Message":"strconv.ParseFloat: '
        . "parsing $quoted: $why\"}\n", "threshold $text body");
    is($got->{headers}{'content-type'}, 'application/json',
        "threshold $text type");
    is($got->{headers}{'sluice-reason'}, undef, "threshold $text no verdict");
}

is(status('/check-read/app/mysql/c/%2b.3'), 200, 'threshold +.3');
is(status('/check-read/app/mysql/c/0x1p-3'), 429, 'threshold 0x1p-3');
is(status('/check-read/app/mysql/c/inf'), 200, 'threshold inf');

# methods

for my $method (qw/POST PUT DELETE PATCH OPTIONS/) {
    my $got = $t->get(8080, '/check/app/mysql/c', method => $method);

    is($got->{status}, 405, $method);
    is($got->{headers}{allow}, 'GET, HEAD', "$method allow");
}

# a body that nobody asked for does not become the next request

my $got = $t->get(8080, '/check/app/mysql/c', body => 'GET /x HTTP/1.1');
is($got->{status}, 200, 'request body ignored');

# headers that are about documents

for my $header (
    ['If-Modified-Since', 'Mon, 28 Sep 1970 06:00:00 GMT'],
    ['If-Unmodified-Since', 'Mon, 28 Sep 1970 06:00:00 GMT'],
    ['If-Match', '"x"'],
    ['If-None-Match', '*'],
    ['Range', 'bytes=0-1'],
) {
    like($t->get(8080, '/check/app/mysql/c', headers => $header)->{body},
        $ok, $header->[0]);
}

$t->done;

###############################################################################

sub status { return $t->get($_[1] // 8080, $_[0])->{status} }
sub body { return $t->get($_[1] // 8080, $_[0])->{body} }
