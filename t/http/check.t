#!/usr/bin/perl

# A check: every row of the result table that needs no throttle, as status,
# body and headers; HEAD says what GET says.

use warnings;
use strict;

use Test::More;

use Sluice;
use Sluice::State;

###############################################################################

my $t = Sluice->new;

mkdir $t->dir . '/run';
my $state = Sluice::State->new($t->dir . '/run/state', clusters => [
    { name => 'local', value => 0.25, threshold => 1 },
    { name => 'equal', value => 1, threshold => 1 },
    { name => 'over', value => 5.5, threshold => 1 },
    { name => 'negative', value => -1, threshold => 1 },
    { name => 'huge', value => 1e21, threshold => 1e22 },
    { name => 'tiny', value => 2.5e-7, threshold => 1 },
    { name => 'nodefs', status => 'none', threshold => 3 },
    { name => 'zero', value => 0, threshold => 3 },
    { name => 'dead', threshold => 2,
        error => 'dial tcp 127.0.0.1:24399: connect: connection refused' },
    { name => 'odd', error => qq{<"&'\\\n\x{7f}\xc3\xa9\xff} },
    { name => 'Weird name:1', value => 0.5 },
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

my %reason_phrase = (
    200 => 'OK',
    404 => 'Not Found',
    417 => 'Expectation Failed',
    429 => 'Too Many Requests',
    500 => 'Internal Server Error',
);

my $tcp = 'dial tcp 127.0.0.1:24399: connect: connection refused';

# path, status, Value, Threshold, Message, Sluice-Reason, has an age
my @rows = (
    ['check/app/mysql/local', 200, '0.25', 1, '', 'ok', 1],
    ['check/app/mysql/equal', 200, 1, 1, '', 'ok', 1],
    ['check/app/mysql/negative', 200, -1, 1, '', 'ok', 1],
    ['check/app/mysql/huge', 200, '1e+21', '1e+22', '', 'ok', 1],
    ['check/app/mysql/tiny', 200, '2.5e-7', 1, '', 'ok', 1],
    ['check/app/mysql/over', 429, '5.5', 1, 'Threshold exceeded',
        'threshold-exceeded', 1],
    ['check/freno/mysql/over', 429, '5.5', 1, 'Threshold exceeded',
        'threshold-exceeded', 1],
    ['check/app/mysql/nosuch', 404, 0, 0, 'No such metric',
        'no-such-metric', 0],
    ['check/app/redis/local', 404, 0, 0, 'No such metric',
        'no-such-metric', 0],
    ['check/app//local', 404, 0, 0, 'No such metric', 'no-such-metric', 0],
    ['check/app/MySQL/local', 404, 0, 0, 'No such metric',
        'no-such-metric', 0],
    ['check/app/mysql/LOCAL', 404, 0, 0, 'No such metric',
        'no-such-metric', 0],
    ['check/app/mysql/nodefs', 404, 0, 3, 'No such metric',
        'no-such-metric', undef],
    ['check/app/mysql/dead', 500, 0, 2, $tcp, 'metric-error', 1],
    ['check/app/mysql/odd', 500, 0, 1,
        q{\u003c\"\u0026'\\\\\n} . qq{\x7f\xc3\xa9} . q{\ufffd},
        'metric-error', 1],
    ['check//mysql/local', 417, '0.25', 1, 'no app indicated', 'no-app', 1],
    ['check//mysql/over', 417, '5.5', 1, 'no app indicated', 'no-app', 1],
    ['check//mysql/nosuch', 417, 0, 0, 'no app indicated', 'no-app', 0],
    ['check//redis/local', 404, 0, 0, 'No such metric', 'no-such-metric', 0],

    ['check-if-exists/app/mysql/local', 200, '0.25', 1, '', 'ok', 1],
    ['check-if-exists/app/mysql/over', 429, '5.5', 1, 'Threshold exceeded',
        'threshold-exceeded', 1],
    ['check-if-exists/app/mysql/nosuch', 200, 0, 0, 'No such metric',
        'no-such-metric', 0],
    ['check-if-exists/app/redis/local', 200, 0, 0, 'No such metric',
        'no-such-metric', 0],
    ['check-if-exists/app/mysql/nodefs', 200, 0, 3, 'No such metric',
        'no-such-metric', undef],
    # the same numbers, another message
    ['check/app/mysql/zero', 200, 0, 3, '', 'ok', 1],
    ['check-if-exists/app/mysql/nodefs', 200, 0, 3, 'No such metric',
        'no-such-metric', undef],
    ['check-if-exists/app/mysql/dead', 500, 0, 2, $tcp, 'metric-error', 1],
    ['check-if-exists//mysql/local', 417, '0.25', 1, 'no app indicated',
        'no-app', 1],
    # and the answers above leave no trace: freno turned these into 200s
    ['check/app/redis/local', 404, 0, 0, 'No such metric',
        'no-such-metric', 0],
    ['check-read-if-exists/app/nosuch/local/0.5', 200, 0, 0,
        'No such metric', 'no-such-metric', 0],
    ['check/other/nosuch/over', 404, 0, 0, 'No such metric',
        'no-such-metric', 0],
    ['check-read/app/redis/local/3', 404, 0, 0, 'No such metric',
        'no-such-metric', 0],
    ['check/app/mysql/nosuch', 404, 0, 0, 'No such metric',
        'no-such-metric', 0],

    ['check-read/app/mysql/local/0.2', 429, '0.25', '0.2',
        'Threshold exceeded', 'threshold-exceeded', 1],
    ['check-read/app/mysql/over/5.5', 200, '5.5', '5.5', '', 'ok', 1],
    ['check-read/app/mysql/over/6', 200, '5.5', 6, '', 'ok', 1],
    ['check-read/app/mysql/over/0', 429, '5.5', 1, 'Threshold exceeded',
        'threshold-exceeded', 1],
    ['check-read/app/mysql/over/-9', 429, '5.5', 1, 'Threshold exceeded',
        'threshold-exceeded', 1],
    ['check-read/app/mysql/over/nan', 429, '5.5', 1, 'Threshold exceeded',
        'threshold-exceeded', 1],
    ['check-read/app/mysql/nosuch/0.5', 404, 0, '0.5', 'No such metric',
        'no-such-metric', 0],
    ['check-read/app/mysql//0.5', 404, 0, '0.5', 'No such metric',
        'no-such-metric', 0],
    ['check-read/app/redis/local/0.5', 404, 0, 0, 'No such metric',
        'no-such-metric', 0],
    ['check-read/app/mysql/dead/0.5', 500, 0, '0.5', $tcp,
        'metric-error', 1],
    ['check-read//mysql/local/0.5', 417, '0.25', '0.5', 'no app indicated',
        'no-app', 1],
    ['check-read-if-exists/app/mysql/local/1e-1', 429, '0.25', '0.1',
        'Threshold exceeded', 'threshold-exceeded', 1],
    ['check-read-if-exists/app/mysql/nosuch/0.5', 200, 0, '0.5',
        'No such metric', 'no-such-metric', 0],

    ['check/app/mysql/Weird%20name:1', 200, '0.5', 1, '', 'ok', 1],
    ['check/app/mysql/local?p=low', 200, '0.25', 1, '', 'ok', 1],
    ['check/app/mysql/local?p=low&brief=true#f', 200, '0.25', 1, '', 'ok', 1],
);

for my $row (@rows) {
    my ($path, $status, $value, $threshold, $message, $reason, $age) = @$row;

    my $got = $t->get(8080, "/$path");

    is($got->{status}, $status, "$path status");
    is($got->{reason}, $reason_phrase{$status}, "$path reason phrase");
    is($got->{body}, qq({"StatusCode":$status,"Value":$value,)
        . qq("Threshold":$threshold,"Message":"$message"}\n), "$path body");

    my $h = $got->{headers};

    is($h->{'content-type'}, 'application/json', "$path type");
    is($h->{'content-length'}, length $got->{body}, "$path length");
    is($h->{'sluice-reason'}, $reason, "$path sluice-reason");
    is($h->{'retry-after'}, $status == 429 || $status == 500 ? 1 : undef,
        "$path retry-after");

    if ($age) {
        like($h->{'sluice-age-ms'}, qr/^\d+$/, "$path age");
    } elsif (defined $age) {
        is($h->{'sluice-age-ms'}, undef, "$path no age");
    }

    my $head = $t->head(8080, "/$path");

    is($head->{body}, '', "$path head body");
    is($head->{status}, $status, "$path head status");
    is_deeply(comparable($head), comparable($got), "$path head headers");
}

# freno's clients find the words in the status line, in HTTP/1.0 too

my $got = $t->get(8080, '/check/app/mysql/local', version => '1.0');
is("$got->{status} $got->{reason}", '200 OK', 'http/1.0');
is(length $got->{body}, 59, 'http/1.0 body');

# the same body again and again, with other values in between

for my $value (0, 0.5, 2, 0.5, -0.0, 1e-9, 1 / 3, 0.1 + 0.2) {
    $state->publish(clusters => [
        { name => 'local', value => $value, threshold => 1 }]);
    my $text = Sluice::State::number($value);
    like($t->get(8080, '/check/app/mysql/local')->{body},
        qr/"Value":\Q$text\E,/, "value $text");
    like($t->get(8080, '/check/app/mysql/local')->{body},
        qr/"Value":\Q$text\E,/, "value $text again");
}

$t->done;

###############################################################################

# All but what may differ between two requests.

sub comparable {
    my ($response) = @_;
    my %h = %{$response->{headers}};

    delete $h{date};
    $h{'sluice-age-ms'} = 'some' if exists $h{'sluice-age-ms'};
    return \%h;
}
