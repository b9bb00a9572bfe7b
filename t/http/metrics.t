#!/usr/bin/perl

# Clusters with further metrics, apps with thresholds of their own, other
# domains' health: what checks and pages make of them.

use warnings;
use strict;

use Test::More;

use Sluice;
use Sluice::State;

###############################################################################

my $t = Sluice->new;

mkdir $t->dir . '/run';
my $state = Sluice::State->new($t->dir . '/run/state', clusters => [
    { name => 'one', value => 0.25 },
    { name => 'c', value => 0.25 },
    { name => 'busy', value => 0.25 },
    { name => 'broken', value => 0.25 },
    { name => 'late', value => 3 },
    { name => 'shared', value => 0.25, share => 2 },
], metrics => [
    { cluster => 'c', name => 'threads', value => 5, threshold => 10 },
    { cluster => 'c', name => 'conns', value => 1, threshold => 10 },
    { cluster => 'busy', name => 'threads', value => 11, threshold => 10 },
    { cluster => 'broken', name => 'threads', error => 'no "threads"' },
    { cluster => 'broken', name => 'conns', value => 1, threshold => 10 },
    { cluster => 'late', name => 'threads', value => 12, threshold => 10 },
], apps => [
    { app => 'archiver', threshold => 5 },
    { app => 'archiver', cluster => 'c', threshold => 0.125 },
])->replace;

$t->nginx(<<'EOC');
%%MODULES%%
worker_processes 1;
error_log %%DIR%%/error.log info;
events { }
sluice { state %%DIR%%/run/state; max_age 30s; }
http {
    log_format sluice '$request_uri [$sluice_metric]';
    access_log %%DIR%%/access.log sluice;
    server {
        listen 127.0.0.1:8080;
        include %%CONF%%/nginx/freno.conf;
    }
}
EOC

# path, status, Value, Threshold, Message, Sluice-Reason, Sluice-Metric

my $over = 'Threshold exceeded';

for my $row (
    # one metric: nothing is said of it
    ['check/app/mysql/one', 200, '0.25', 1, '', 'ok', undef],
    ['check/app/mysql/one?metric=', 200, '0.25', 1, '', 'ok', undef],
    ['check/app/mysql/one?metric=lag', 200, '0.25', 1, '', 'ok', 'lag'],
    ['check/app/mysql/nosuch', 404, 0, 0, 'No such metric',
        'no-such-metric', undef],

    # several: the worst
    ['check/app/mysql/c', 200, 5, 10, '', 'ok', 'threads'],
    ['check/app/mysql/busy', 429, 11, 10, $over, 'threshold-exceeded',
        'threads'],
    ['check/app/mysql/late', 429, 3, 1, $over, 'threshold-exceeded', 'lag'],
    ['check/app/mysql/broken', 500, 0, 1, 'threads: no \"threads\"',
        'metric-error', 'threads'],
    ['check-if-exists/app/mysql/broken', 500, 0, 1, 'threads: no \"threads\"',
        'metric-error', 'threads'],
    ['check//mysql/busy', 417, 11, 10, 'no app indicated', 'no-app',
        'threads'],

    # one that is asked for
    ['check/app/mysql/c?metric=lag', 200, '0.25', 1, '', 'ok', 'lag'],
    ['check/app/mysql/c?metric=conns', 200, 1, 10, '', 'ok', 'conns'],
    ['check/app/mysql/broken?metric=conns', 200, 1, 10, '', 'ok', 'conns'],
    ['check/app/mysql/broken?metric=lag', 200, '0.25', 1, '', 'ok', 'lag'],
    ['check/app/mysql/busy?metric=threads', 429, 11, 10, $over,
        'threshold-exceeded', 'threads'],
    ['check/app/mysql/c?metric=nosuch', 404, 0, 0, 'No such metric',
        'no-such-metric', undef],
    ['check/app/mysql/one?metric=threads', 404, 0, 0, 'No such metric',
        'no-such-metric', undef],
    ['check-if-exists/app/mysql/c?metric=nosuch', 200, 0, 0, 'No such metric',
        'no-such-metric', undef],
    ['check/app/mysql/nosuch?metric=lag', 404, 0, 0, 'No such metric',
        'no-such-metric', undef],
    ['check/app/redis/c?metric=lag', 404, 0, 0, 'No such metric',
        'no-such-metric', undef],

    # how it is asked for: the first counts, by that very name
    ['check/app/mysql/c?p=low&metric=conns', 200, 1, 10, '', 'ok', 'conns'],
    ['check/app/mysql/c?metric=conns&metric=lag', 200, 1, 10, '', 'ok',
        'conns'],
    ['check/app/mysql/c?xmetric=lag&Metric=lag&metric=%63onns', 200, 1, 10,
        '', 'ok', 'conns'],
    ['check/app/mysql/c?metric', 200, 5, 10, '', 'ok', 'threads'],
    ['check/app/mysql/c?metric=Lag', 404, 0, 0, 'No such metric',
        'no-such-metric', undef],
    ['check/app/mysql/c?metric=conns%00', 404, 0, 0, 'No such metric',
        'no-such-metric', undef],
    ['check/app/mysql/c?metric=' . 'x' x 3000, 404, 0, 0, 'No such metric',
        'no-such-metric', undef],

    # thresholds: the caller's, the app's here, the app's anywhere, the
    # cluster's; of the cluster's own metric, or the caller's of the one asked
    ['check/archiver/mysql/c', 429, '0.25', '0.125', $over,
        'threshold-exceeded', 'lag'],
    ['check/archiver/mysql/c?metric=threads', 200, 5, 10, '', 'ok',
        'threads'],
    ['check/archiver/mysql/one', 200, '0.25', 5, '', 'ok', undef],
    ['check/archiver/mysql/late?metric=lag', 200, 3, 5, '', 'ok', 'lag'],
    ['check-read/archiver/mysql/c/0.25', 200, '0.25', '0.25', '', 'ok',
        'lag'],
    ['check-read/app/mysql/c/0.2', 429, '0.25', '0.2', $over,
        'threshold-exceeded', 'lag'],
    ['check-read/app/mysql/late/4', 429, 12, 10, $over, 'threshold-exceeded',
        'threads'],
    ['check-read/app/mysql/c/4?metric=threads', 429, 5, 4, $over,
        'threshold-exceeded', 'threads'],

    # another domain's leader says no
    ['check/app/mysql/shared', 429, '0.25', 1, $over, 'share-domain', undef],
    ['check-read/app/mysql/shared/7', 429, '0.25', 7, $over, 'share-domain',
        undef],
    ['check/freno/mysql/shared', 200, '0.25', 1, '', 'ok', undef],
) {
    my ($path, $status, $value, $threshold, $message, $reason, $metric) = @$row;
    my $got = $t->get(8080, "/$path");
    my $name = substr $path, 0, 70;

    is($got->{status}, $status, "$name status");
    is($got->{body}, qq({"StatusCode":$status,"Value":$value,)
        . qq("Threshold":$threshold,"Message":"$message"}\n), "$name body");
    is($got->{headers}{'sluice-reason'}, $reason, "$name reason");
    is($got->{headers}{'sluice-metric'}, $metric, "$name metric");
    is($t->head(8080, "/$path")->{headers}{'sluice-metric'}, $metric,
        "$name metric by HEAD");
    logged($path, $metric) if length $path < 200;
}

# pages: each metric by itself

my $body = $t->get(8080, '/aggregated-metrics')->{body};
is($body, '{"mysql/broken":"0.250000","mysql/broken/conns":"1.000000",'
    . '"mysql/broken/threads":"error: threads: no \"threads\"",'
    . '"mysql/busy":"0.250000","mysql/busy/threads":"11.000000",'
    . '"mysql/c":"0.250000","mysql/c/conns":"1.000000",'
    . '"mysql/c/threads":"5.000000",'
    . '"mysql/late":"3.000000","mysql/late/threads":"12.000000",'
    . qq("mysql/one":"0.250000","mysql/shared":"0.250000"}\n),
    'aggregated metrics');
like($t->get(8080, '/aggregated-metrics?brief=true')->{body},
    qr/"mysql\/c":"0.250","mysql\/c\/conns":"1.000"/, 'brief');
unlike($t->get(8080, '/metrics-health')->{body}, qr/threads/,
    'health is of the own metric');

# a name is no header

$state->publish(clusters => [{ name => 'c', value => 0 }],
    metrics => [{ cluster => 'c', name => "a\r\nb: c", value => 1 }]);
my $got = $t->get(8080, '/check/app/mysql/c');
is($got->{headers}{'sluice-metric'}, 'a??b: c', 'an odd name');
is($got->{headers}{b}, undef, 'no header of its own');
is($t->get(8080, '/check/app/mysql/c?metric=a%0d%0ab:%20c')->{status}, 200,
    'asked for by its name');

# a file of minor 1 says nothing of all this

$state->replace(minor => 1, metrics => [], apps => [], facts => {},
    clusters => [{ name => 'c', value => 0.25 }]);
$t->wait_for('minor 1', sub {
    !$t->get(8080, '/check/archiver/mysql/c')->{headers}{'sluice-metric'} });
is($t->get(8080, '/check/archiver/mysql/c')->{status}, 200, 'minor 1');
is($t->get(8080, '/check/archiver/mysql/c?metric=threads')->{status}, 404,
    'minor 1 has no further metric');

$t->done;

###############################################################################

sub logged {
    my ($path, $metric) = @_;
    my $want = '[' . ($metric // '-') . ']';
    my @lines;

    $t->wait_for("$path in the log", sub {
        open my $fh, '<', $t->dir . '/access.log' or return;
        @lines = grep { /^\/\Q$path\E \[/ } <$fh>;
        return @lines > 1;
    });
    is(scalar(grep { !/\Q$want\E$/ } @lines), 0, "$path: $want in the log");
}
