#!/usr/bin/perl

# $sluice_verdict_CLUSTER in stream: to steer by map, and in access logs.

use warnings;
use strict;

use IO::Socket::INET;
use Test::More;

use Sluice;
use Sluice::State;

###############################################################################

my $t = Sluice->new;

mkdir $t->dir . '/run';
my $state = Sluice::State->new($t->dir . '/run/state', clusters => [
    { name => 'main1', value => 0.25 },
    { name => 'over', value => 5.5 },
    { name => 'dead', error => 'gone' },
    { name => 'none', status => 'none' },
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
stream {
    log_format verdict '$server_port $sluice_verdict_main1';
    access_log %%DIR%%/stream.log verdict;

    map $sluice_verdict_main1 $bulk {
        200     127.0.0.1:8083;
        default 127.0.0.1:8084;
    }

    server {
        listen 127.0.0.1:8081;
        return "$sluice_verdict_main1 $sluice_verdict_over $sluice_verdict_dead
$sluice_verdict_none $sluice_verdict_nosuch $sluice_verdict_MAIN1";
    }

    server {
        listen 127.0.0.1:8082;
        proxy_pass $bulk;
    }

    server { listen 127.0.0.1:8083; return "go"; }
    server { listen 127.0.0.1:8084; return "wait"; }
}
EOC

is(session(8081), "200 429 500\n404 404 200", 'each status');
is(session(8082), 'go', 'map, not throttled');

$state->publish(clusters => [{ name => 'main1', value => 2 }]);
is(session(8082), 'wait', 'map, throttled');
like(session(8081), qr/^429 404 404\n/, 'each status again');

$state->publish(clusters => [{ name => 'main1', value => 0.5, share => 2 },
        { name => 'over', value => 0.5 }], metrics => [
    { cluster => 'over', name => 'threads', value => 2 }]);
like(session(8081), qr/^429 429 404\n/, 'another domain, a further metric');
$state->publish(clusters => [{ name => 'main1', value => 2 }], metrics => []);

$state->stop_beating->beat(Sluice::State::mono_ms() - 60_000);
is(session(8082), 'wait', 'map, stale');
like(session(8081), qr/^500 500 500\n/, 'stale');

$state->remove;
$t->wait_for('no state', sub {
    $t->get(8080, '/check/a/mysql/main1')->{body} =~ /no such file/ });
is(session(8082), 'wait', 'map, no state');

$state->replace(clusters => [{ name => 'main1', value => 0.5 }]);
$t->wait_for('the state is back', sub { session(8082) eq 'go' });
pass('map, recovered');

my @lines;
$t->wait_for('the log', sub {
    open my $fh, '<', $t->dir . '/stream.log' or return;
    my $port = $t->port(8082);
    @lines = map { /^$port (\S+)$/ ? $1 : () } <$fh>;
    @lines >= 5 && $lines[-1] eq '200';
});
like(join(' ', @lines), qr/^(200 )+429 (500 )+200$/, 'access log');

# a name that nobody gave a cluster is 404, no error of the configuration; but
# the variable cannot do without the block

my $conf = "events { }\nstream {\nserver { listen 127.0.0.1:8085;\n"
    . "return \$sluice_verdict_main1; } }\n";
my $modules = $t->expand('%%MODULES%%');

my ($status, $out) = $t->nginx_test("$modules\n$conf");
isnt($status, 0, 'no block');
like($out, qr/\[emerg\] .*variable "sluice_verdict_main1" in \S+:\d+ needs a /,
    'no block, what is said');

($status, $out) = $t->nginx_test("$modules\n$conf\nsluice { }\n");
is($status, 0, 'with the block');

($status, $out) = $t->nginx_test("$modules\nevents { } stream { }\n");
is($status, 0, 'not used');

$t->expect_log(qr/sluice: |needs a "sluice" block/);
$t->done;

###############################################################################

sub session {
    my ($port) = @_;

    my $s = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $t->port($port), Timeout => 5)
        or die "connect: $!";
    local $/;
    return scalar(<$s>) // '';
}
