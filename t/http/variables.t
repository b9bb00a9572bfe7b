#!/usr/bin/perl

# The variables: in access logs and in headers, with a check and without one.

use warnings;
use strict;

use Test::More;

use Sluice;
use Sluice::State;

###############################################################################

my $t = Sluice->new;

mkdir $t->dir . '/run';
my $state = Sluice::State->new($t->dir . '/run/state', clusters => [
    { name => 'ok', value => 0.25, age => 1500 },
    { name => 'over', value => 5.5, threshold => 2 },
    { name => 'dead', error => 'gone' },
])->replace;

$t->nginx(<<'EOC');
%%MODULES%%
worker_processes 1;
error_log %%DIR%%/error.log info;
pid %%DIR%%/nginx.pid;
events { }
sluice { state %%DIR%%/run/state; max_age 30s; }
http {
    log_format sluice '$uri $status [$sluice_status] [$sluice_reason] '
                      '[$sluice_value] [$sluice_age_ms]';
    access_log %%DIR%%/access.log sluice;

    server {
        listen 127.0.0.1:8080;
        include %%CONF%%/nginx/freno.conf;

        add_header X-Sluice "$sluice_status,$sluice_reason" always;

        location /gate/ {
            auth_request /check/gate/mysql/ok;
            return 204;
        }

        location /plain {
            return 200 "[$sluice_status]";
        }
    }
}
EOC

my $age;

logged('/check/app/mysql/ok', 200,
    qr/\[200\] \[ok\] \[0.25\] \[(\d+)\]/, '200,ok');
cmp_ok($age, '>=', 1500, 'age');
cmp_ok($age, '<', 60_000, 'age is in milliseconds');

logged('/check/app/mysql/over', 429,
    qr/\[429\] \[threshold-exceeded\] \[5.5\] \[\d+\]/,
    '429,threshold-exceeded');
logged('/check/app/mysql/dead', 500,
    qr/\[500\] \[metric-error\] \[0\] \[\d+\]/, '500,metric-error');
logged('/check//mysql/over', 417,
    qr/\[417\] \[no-app\] \[5.5\] \[\d+\]/, '417,no-app');
logged('/check/app/mysql/nosuch', 404,
    qr/\[404\] \[no-such-metric\] \[0\] \[-\]/, '404,no-such-metric');
logged('/check-if-exists/app/mysql/nosuch', 200,
    qr/\[200\] \[no-such-metric\] \[0\] \[-\]/, '200,no-such-metric');

# where nothing was checked there is nothing to say

logged('/check/app/mysql', 404, qr/\[-\] \[-\] \[-\] \[-\]/, ',');
logged('/status', 200, qr/\[-\] \[-\] \[-\] \[-\]/, ',');
logged('/plain', 200, qr/\[-\] \[-\] \[-\] \[-\]/, ',');
is($t->get(8080, '/plain')->{body}, '[]', 'no check, empty variable');

$t->done;

###############################################################################

sub logged {
    my ($path, $status, $re, $header) = @_;
    my ($got, $line) = ($t->get(8080, $path));

    is($got->{status}, $status, "$path status");
    is($got->{headers}{'x-sluice'}, $header, "$path header");

    $t->wait_for("$path in the log", sub {
        open my $fh, '<', $t->dir . '/access.log' or return;
        ($line) = grep { /^\Q$path\E / } <$fh>;
        return $line;
    });

    like($line, qr/ $status $re$/, "$path variables");
    $age = $1 if $line =~ $re;
}
