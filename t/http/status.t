#!/usr/bin/perl

# The pages about the node and about all clusters.

use warnings;
use strict;

use POSIX qw/strftime/;
use Sys::Hostname;
use Test::More;

use Sluice;
use Sluice::State;

###############################################################################

local $ENV{TZ} = 'Asia/Kolkata';     # half an hour tells a lot of mistakes

my $t = Sluice->new;

mkdir $t->dir . '/run';
my $state = Sluice::State->new($t->dir . '/run/state')->replace;

$t->nginx(<<'EOC');
%%MODULES%%
worker_processes 1;
error_log %%DIR%%/error.log info;
pid %%DIR%%/nginx.pid;
env TZ;
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

my $json = 'application/json';
my $text = 'text/plain; charset=utf-8';
my $ok = qq({"StatusCode":200,"Message":"OK"}\n);

page('/lb-check', 200, $json, $ok);
page('/_ping', 200, $json, $ok);
page('/status', 200, $json, $ok);
page('/hostname', 200, $text, '"' . hostname() . qq("\n));
page('/leader-check', 200, $text, qq("HTTP 200"\n));
page('/aggregated-metrics', 200, $json, "{}\n");
page('/metrics-health', 200, $json, "{}\n");
page('/help', 200, $json, '["/lb-check","/_ping","/status","/leader-check",'
    . '"/raft/leader","/raft/state","/consensus/leader","/consensus/state",'
    . '"/consensus/status","/hostname",'
    . '"/check/:app/:storeType/:storeName",'
    . '"/check-if-exists/:app/:storeType/:storeName",'
    . '"/check-read/:app/:storeType/:storeName/:threshold",'
    . '"/check-read-if-exists/:app/:storeType/:storeName/:threshold",'
    . '"/aggregated-metrics","/metrics-health","/throttle-app/:app",'
    . '"/throttle-app/:app/ratio/:ratio",'
    . '"/throttle-app/:app/ttl/:ttlMinutes",'
    . '"/throttle-app/:app/ttl/:ttlMinutes/ratio/:ratio",'
    . '"/unthrottle-app/:app","/throttled-apps","/recent-apps",'
    . '"/recent-apps/:lastMinutes","/skip-host/:hostName",'
    . '"/skip-host/:hostName/ttl/:ttlMinutes","/skipped-hosts",'
    . '"/recover-host/:hostName","/debug/vars","/debug/metrics",'
    . '"/explain/:app/:storeType/:storeName",'
    . qq("/sluice/counters","/sluice/status","/help"]\n));

is($t->get(8080, '/leader-check', version => '1.0')->{status},
    200, 'leader-check by HTTP/1.0');
is($t->get(8080, '/nosuch')->{status}, 404, 'unknown path');
is($t->get(8080, '/status/')->{status}, 404, 'trailing slash');

# clusters, in the order of their names

$state->publish(clusters => [
    { name => 'over', value => 5.5, healthy => 57_900 },
    { name => 'b', value => 0.25, healthy => 0 },
    { name => 'a2', value => 1 / 3, healthy => undef },
    { name => 'a-', value => -1, healthy => 1_000 },
    { name => 'huge', value => 1e21, healthy => undef },
    { name => 'tiny', value => 1e-9, healthy => undef },
    { name => 'none', status => 'none', healthy => undef },
    { name => 'q"<', value => 1, healthy => undef },
    { name => 'dead', error => 'not <good>, "bad"', healthy => undef },
    { name => 'old', value => 1, valid_for => -1, age => 2000,
        healthy => undef },
]);

my $lines = sub {
    my ($got) = @_;

    is($got->{status}, 200, 'clusters status');
    is($got->{headers}{'content-type'}, $json, 'clusters type');
    (my $body = $got->{body}) =~ s/sampled \d+ ms/sampled N ms/;
    return $body;
};

my $full = qq({"mysql/a-":"-1.000000","mysql/a2":"0.333333",)
    . qq("mysql/b":"0.250000","mysql/dead":)
    . q("error: not \u003cgood\u003e, \"bad\"",)
    . qq("mysql/huge":"1000000000000000000000.000000",)
    . qq("mysql/old":"error: stale: old was sampled N ms ago, )
    . qq(valid for 1999 ms","mysql/over":"5.500000",)
    . q("mysql/q\"\u003c":"1.000000",) . qq("mysql/tiny":"0.000000"}\n);

is($lines->($t->get(8080, '/aggregated-metrics')), $full, 'aggregated');
is($lines->($t->get(8080, '/aggregated-metrics?brief=1')), $full,
    'aggregated, brief is not true');
like($t->get(8080, '/aggregated-metrics?brief=true')->{body},
    qr/"mysql\/a2":"0.333","mysql\/b":"0.250",/, 'aggregated, brief');
is($t->head(8080, '/aggregated-metrics')->{headers}{'content-length'},
    length $t->get(8080, '/aggregated-metrics')->{body}, 'aggregated, head');

my @asked = (Sluice::State::real_ms());
my $body = $t->get(8080, '/metrics-health')->{body};
push @asked, Sluice::State::real_ms();

like($body, qr/^\{("mysql\/[^:]+":\{"LastHealthyAt":"[^"]+",
    "SecondsSinceLastHealthy":\d+\},?){6}\}\n$/x, 'health');

my %seen;
$seen{$1} = [$2, $3] while $body =~
    /"mysql\/([^"]+)":\{"LastHealthyAt":"([^"]+)","[^"]+":(\d+)\}/g;

is(join(' ', sort keys %seen), 'a- a2 b over tiny', 'health, who ever was');
for my $name (qw/a- a2 b tiny/) {
    is($seen{$name}[1], 0, "health, $name is healthy now");
}
for my $name (qw/over/) {
    my ($least, $most) =
        map { int(($_ - $state->healthy_real_ms($name)) / 1000) } @asked;
    like($seen{$name}[1], qr/^(?:$least|$most)$/, "health, seconds of $name");
}

# local time, and a fraction without trailing zeroes

my $then = $state->healthy_real_ms('over');
my $fraction = sprintf '.%03d', $then % 1000;
$fraction =~ s/\.?0+$//;
is($seen{over}[0], strftime('%Y-%m-%dT%H:%M:%S',
    gmtime($then / 1000 + 5.5 * 3600)) . $fraction . '+05:30',
    'health, time');

# fields that freno's peers read go on while sluiced is away

$state->stop_beating->beat(Sluice::State::mono_ms() - 60_000);

$t->wait_for('stale', sub {
    $t->get(8080, '/check/app/mysql/b')->{status} == 500 });
like($t->get(8080, '/metrics-health')->{body}, qr/"mysql\/b":/,
    'health when stale');
like($t->get(8080, '/aggregated-metrics')->{body},
    qr/"mysql\/b":"error: stale: /, 'aggregated when stale');
page('/lb-check', 200, $json, $ok);
page('/leader-check', 404, $text, qq("HTTP 404"\n));

# without a state, too

$state->remove;

$t->wait_for('no state', sub {
    $t->get(8080, '/check/app/mysql/b')->{body} =~ /no such file/ });
page('/aggregated-metrics', 200, $json, "{}\n");
page('/metrics-health', 200, $json, "{}\n");
page('/status', 200, $json, $ok);
page('/leader-check', 404, $text, qq("HTTP 404"\n));

$t->expect_log(qr/stale: sluiced has stopped|no such file/);
$t->done;

###############################################################################

sub page {
    my ($path, $status, $type, $body) = @_;
    my $got = $t->get(8080, $path);

    is($got->{status}, $status, "$path status");
    is($got->{body}, $body, "$path body");
    is($got->{headers}{'content-type'}, $type, "$path type");
    is($got->{headers}{'content-length'}, length $body, "$path length");

    my $head = $t->head(8080, $path);

    is($head->{status}, $status, "$path head");
    is($head->{body}, '', "$path head body");
    is($head->{headers}{$_}, $got->{headers}{$_}, "$path head $_")
        for qw/content-type content-length/;

    $got = $t->get(8080, $path, method => 'POST');

    is($got->{status}, 405, "$path post");
    is($got->{headers}{allow}, 'GET, HEAD', "$path allow");
}
