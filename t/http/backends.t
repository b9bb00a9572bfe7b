#!/usr/bin/perl

# Switchboard's API by workers: /v0/backends, /v0/cluster, and whether writers
# find a host.

use warnings;
use strict;

use IO::Socket::INET;
use JSON::PP;
use Test::More;

use Sluice;
use Sluice::State;
use Sluice::Tcp;

###############################################################################

my $t = Sluice->new;
my $one = tcp_server($t, 'one');

my @hosts = ({ name => '127.0.0.1', port => $one->{port}, label => 'backend-0' },
    { name => 'db2', address => '', flags => [] },
    { name => '::1', address => '::1', port => 3307 });

sub route {
    return { cluster => 'main1', hosts => \@hosts, active => 0, epoch => 4, @_ };
}

my $other = { cluster => 'other', hosts => [{ name => 'x' }] };

mkdir $t->dir . '/run';
my $state = Sluice::State->new($t->dir . '/run/state',
    clusters => [{ name => 'main1' }], routes => [route(), $other])->replace;
$t->write_file('users', "admin:{PLAIN}secret\n");

$t->nginx(<<'EOC');
%%MODULES%%
worker_processes 2;
error_log %%DIR%%/error.log info;
pid %%DIR%%/nginx.pid;
events { }
sluice { state %%DIR%%/run/state; }
http {
    access_log off;
    upstream sluiced { server unix:%%DIR%%/run/control.sock; keepalive 8; }
    server {
        listen 127.0.0.1:8080;
        set $routed main1;
        include %%CONF%%/nginx/switchboard.conf;
        location = /other/backends { sluice_backends other; }
        location = /other/cluster { sluice_cluster other; }
        location = /other/active { sluice_active other; }
        location = /nosuch/backends { sluice_backends nosuch; }
        location = /nosuch/cluster { sluice_cluster nosuch; }
        location = /nosuch/active { sluice_active nosuch; }
    }
    server { listen 127.0.0.1:8083; include %%CONF%%/nginx/switchboard-health.conf; }
    server {
        listen 127.0.0.1:8084;
        set $routed main1;
        auth_basic "Authorization Required";
        auth_basic_user_file %%DIR%%/users;
        include %%CONF%%/nginx/switchboard-https.conf;
        include %%CONF%%/nginx/switchboard.conf;
    }
    server {
        listen 127.0.0.1:8082;
        set $routed main1;
        auth_basic "Authorization Required";
        auth_basic_user_file %%DIR%%/users;
        include %%CONF%%/nginx/switchboard.conf;
    }
}
stream {
    upstream main1 { sluice main1; }
    server { listen 127.0.0.1:8081; proxy_pass main1; }
}
EOC

sub backends {
    my ($path) = @_;

    return decode_json($t->get(8080, $path // '/v0/backends')->{body});
}

sub sessions { return backends()->[0]{currentSessionCount} }

# Until what nginx's own start asked is over.
$t->wait_for('no session', sub { sessions() == 0 });
my $got = $t->get(8080, '/v0/backends');
is($got->{status}, 200, 'backends');
is($got->{headers}{'content-type'}, 'application/json; charset=utf-8', 'JSON');
is($got->{body}, '[{"host":"127.0.0.1","port":' . $one->{port} . ',"healthy":true,'
    . '"name":"backend-0","currentSessionCount":0,"active":true,'
    . '"trafficEnabled":true,"ip":"127.0.0.1"},'
    . '{"host":"db2","port":3306,"healthy":false,"name":"db2:3306",'
    . '"currentSessionCount":0,"active":false,"trafficEnabled":true,"ip":"db2"},'
    . '{"host":"::1","port":3307,"healthy":true,"name":"[::1]:3307",'
    . '"currentSessionCount":0,"active":false,"trafficEnabled":true,"ip":"::1"}]',
    'the body, in the order of the configuration');
for my $method (qw(POST PUT DELETE)) {
    is($t->get(8080, '/v0/backends', method => $method)->{body}, $got->{body},
        "$method is answered, too");
}
is($t->head(8080, '/v0/backends')->{status}, 200, 'HEAD');
is($t->get(8080, '/v0/backends/')->{status}, 404, 'the path is exact');

# Sessions of all workers; a killed one's are gone.
my @sessions = map { my $s = tcp_client($t, 8081); tcp_line($s); $s } 1 .. 10;
$t->wait_for('ten sessions', sub { sessions() == 10 });
is(sessions(), 10, 'sessions are counted');
close $_ for splice @sessions, 0, 3;
$t->wait_for('seven', sub { sessions() == 7 });
is(sessions(), 7, 'and those that end');
# One may have them all: which is chance.
for my $worker ($t->nginx_workers) {
    $t->kill_worker($worker);
    $t->wait_for('its end', sub {
        sessions() == grep { !tcp_ended($_, 0.05) } @sessions;
    });
    is(sessions(), scalar(grep { !tcp_ended($_, 0.05) } @sessions),
        'a worker that is killed leaves none behind');
}
is(sessions(), 0, 'nor do both');

# The cluster.
my $active = '"activeBackend":{"host":"127.0.0.1","port":' . $one->{port}
    . ',"name":"backend-0"}';
$got = $t->get(8080, '/v0/cluster');
is($got->{status}, 200, 'cluster');
is($got->{body}, "{$active,\"trafficEnabled\":true,\"message\":\"\","
    . '"lastUpdated":"0001-01-01T00:00:00Z"}', 'the body');
is($got->{headers}{'content-type'}, 'application/json; charset=utf-8', 'JSON');
is($t->head(8080, '/v0/cluster')->{status}, 200, 'HEAD');
for my $method (qw(POST PUT DELETE OPTIONS)) {
    $got = $t->get(8080, '/v0/cluster', method => $method);
    is("$got->{status} $got->{body}", "405 Method not allowed\n", $method);
}
$got = $t->get(8080, '/v0/cluster?trafficEnabled=1', method => 'PATCH');
is($got->{status}, 503, 'PATCH without sluiced');
like($got->{body}, qr/sluiced is not there, or has not answered: this may or may not have been stored/,
    'and why');
is($got->{headers}{'sluice-reason'}, 'unknown', 'by a header, too');
$state->publish_routes(routes => [route(traffic => 0, message => 'a <b> & "c"',
    traffic_real_ms => 1_700_000_000_120), $other])->ring;
$t->wait_for('traffic off', sub {
    $t->get(8080, '/v0/cluster')->{body} =~ /false/ });
is($t->get(8080, '/v0/cluster')->{body}, "{$active,\"trafficEnabled\":false,"
    . '"message":"a \u003cb\u003e \u0026 \"c\"",'
    . '"lastUpdated":"2023-11-14T22:13:20.12Z"}', 'traffic off');
is(scalar(grep { !$_->{trafficEnabled} } @{ backends() }), 3,
    'each backend says so');
ok(backends()->[0]{active}, 'the active one still is');
like($t->get(8080, '/sluice/active')->{body}, qr/^\{"StatusCode":503,"Message":"cluster main1: traffic is switched off: a \\u003cb\\u003e \\u0026 \\"c\\""\}/,
    'writers find no host: said why');
is($t->get(8080, '/sluice/active')->{status}, 503, 'and 503');
$state->publish_routes(routes => [route(traffic_real_ms => 1_700_000_000_000),
    $other])->ring;
$t->wait_for('traffic on', sub { $t->get(8080, '/sluice/active')->{status} == 200 });
is($t->get(8080, '/sluice/active')->{body}, "OK\n", 'writers find one');
like($t->get(8080, '/v0/cluster')->{body}, qr/"2023-11-14T22:13:20Z"/,
    'a whole second');
$state->publish_routes(routes => [route(writers_for => -1), $other])->ring;
$t->wait_for('over', sub { $t->get(8080, '/sluice/active')->{status} == 503 });
like($t->get(8080, '/sluice/active')->{body},
    qr/no host is active for this node: its lease is over/, 'writers whose time is over');
like($t->get(8080, '/v0/cluster')->{body}, qr/^\{"activeBackend":null,/,
    'nor is one in the cluster');
is(scalar(grep { $_->{active} } @{ backends() }), 0, 'or among the backends');
$state->publish_routes(routes => [route(active => undef, reason => 'db1: gone',
    traffic_real_ms => 9e17), $other])->ring;
$t->wait_for('nobody', sub { $t->get(8080, '/sluice/active')->{body} =~ /db1/ });
like($t->get(8080, '/sluice/active')->{body},
    qr/"cluster main1: no host is active: db1: gone"/, 'nobody is active: said why');
like($t->get(8080, '/v0/cluster')->{body}, qr/"0001-01-01T00:00:00Z"/,
    'a time that cannot be is none');

# Nobody is active; nobody knows the cluster; any cluster.
is($t->get(8080, '/other/cluster')->{body}, '{"activeBackend":null,'
    . '"trafficEnabled":true,"message":"","lastUpdated":"0001-01-01T00:00:00Z"}',
    'nobody is active');
is(backends('/other/backends')->[0]{name}, 'x:3306', 'another cluster');
is($t->get(8080, '/other/active')->{status}, 503, 'which has no active host');
for my $page (qw(backends cluster active)) {
    $got = $t->get(8080, "/nosuch/$page");
    is($got->{status}, 404, "$page of no cluster");
    like($got->{body}, qr/"cluster nosuch: sluiced routes no such cluster"/,
        "$page of no cluster: said");
}

# Without a state what was said last stands.
$state->remove;
$t->wait_for('it is noticed', sub {
    $t->read_file('error.log') =~ /no such file/ });
is(scalar @{ backends() }, 3, 'no state: what was known');

# A worker that never saw one knows of no cluster.
$t->reload;
$t->wait_for('new workers', sub { $t->get(8080, '/v0/backends')->{status} == 503 });
for my $path ('/v0/backends', '/v0/cluster', '/sluice/active', '/nosuch/cluster') {
    $got = $t->get(8080, $path);
    is($got->{status}, 503, "$path without any state");
    like($got->{body}, qr/"cluster \w+: no state: .*no such file/, "$path: said");
}

# Basic auth is nginx's.
$got = $t->get(8082, '/v0/backends');
is($got->{status}, 401, 'without a password');
is($got->{headers}{'www-authenticate'}, 'Basic realm="Authorization Required"',
    'its realm');
is($got->{body}, "Not Authorized\n", 'its text');
is($got->{headers}{'content-type'}, 'text/plain; charset=utf-8', 'its type');
is($got->{headers}{'x-content-type-options'}, 'nosniff', 'which stands');
is($t->get(8082, '/v0/backends', headers => {
    Authorization => 'Basic YWRtaW46c2VjcmV0' })->{status}, 503, 'with it: let in');

is($t->get(8082, '/v0/cluster')->{body}, "Not Authorized\n", 'the cluster, too');

# Only by https, which comes before the password.
for my $method (qw(GET PATCH DELETE)) {
    $got = $t->get(8084, '/v0/cluster?a=b', method => $method);
    is($got->{status}, 302, "$method without https");
    is($got->{headers}{location},
        'https://localhost/v0/cluster?a=b',
        "$method without https: where to");
}
for my $proto ('https', 'https, https', 'https,https') {
    is($t->get(8084, '/v0/backends', headers => { 'X-Forwarded-Proto' => $proto })
        ->{status}, 401, "$proto: asked for the password");
}
for my $proto ('http', 'https, http', 'httpss') {
    is($t->get(8084, '/v0/backends', headers => { 'X-Forwarded-Proto' => $proto })
        ->{status}, 302, "$proto: sent to https");
}

# The health port.
for my $method (qw(GET POST PATCH DELETE HEAD)) {
    $got = $t->get(8083, '/any/path', method => $method);
    is("$got->{status} $got->{body}", '200 ', "health: $method");
}
ok(IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $t->port(8083)),
    'health: a connection will do');

# Mistakes.
for my $case (['no cluster', 'location /x { sluice_backends; }',
        qr/"sluice_backends" directive takes the name of a cluster/],
    ['two', 'location /x { sluice_cluster a b; }', qr/takes the name of a cluster/],
    ['empty', 'location /x { sluice_active ""; }', qr/takes the name of a cluster/],
    ['in a server', 'sluice_backends a;', qr/is not allowed here/],
    ['two in one', 'location /x { sluice_backends a; sluice_cluster a; }',
        qr/is duplicate/],
    ['a variable', 'location /x { sluice_backends $nosuch; }',
        qr/unknown "nosuch" variable/]) {
    my ($what, $text, $says) = @$case;
    my ($rc, $out) = $t->nginx_test($t->expand("%%MODULES%%\nevents { }\n"
        . "sluice { state %%DIR%%/run/state; }\nhttp { server {\n"
        . "listen 127.0.0.1:8089;\n$text\n} }\n"));

    isnt($rc, 0, "$what: refused");
    like($out, $says, "$what: said");
}

$t->expect_log(qr/sluice: |upstream|control.sock|no user|password|"sluice_|unknown "nosuch"/);
kill 'KILL', $one->{pid};
$t->done;
