#!/usr/bin/perl

# sluice_hold: new sessions wait for an active host, for so long and no more of
# them than that; and what nginx -t says of mistakes.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time);

use Sluice;
use Sluice::State;
use Sluice::Tcp;

###############################################################################

my $t = Sluice->new;
my $server = tcp_server($t, 'one');

mkdir $t->dir . '/run';
my $state = Sluice::State->new($t->dir . '/run/state',
    clusters => [{ name => 'main1' }]);

sub routes {
    return [{ cluster => 'main1', hosts => [{ name => 'one',
        port => $server->{port} }], @_ }];
}

sub route { $state->publish_routes(routes => routes(@_))->ring }

$state->replace(routes => routes(epoch => 3, reason => 'one is dead'));

$t->nginx(<<'EOC');
%%MODULES%%
worker_processes 1;
error_log %%DIR%%/error.log info;
pid %%DIR%%/nginx.pid;
events { }
sluice { state %%DIR%%/run/state; }
stream {
    log_format session '$server_port|$sluice_epoch|$sluice_outcome|$status';
    access_log %%DIR%%/stream.log session;

    upstream main1 { sluice main1; }
    sluice_hold main1 20s max=10;

    server { listen 127.0.0.1:8081; proxy_pass main1; }
    server { listen 127.0.0.1:8082; proxy_pass main1;
             sluice_hold main1 300ms; }
    server { listen 127.0.0.1:8083; proxy_pass main1;
             sluice_hold main1 300ms; sluice_refuse close; }
    server { listen 127.0.0.1:8084; proxy_pass main1;
             sluice_hold main1 20s max=2; }
    server { listen 127.0.0.1:8085; proxy_pass main1; sluice_hold off; }
}
EOC


# They wait, and go on when somebody is active.
my @waiting = map { tcp_client($t, 8081) } 1 .. 5;
is(tcp_line($waiting[0], 0.3), undef, 'a session waits');
route(active => 0, epoch => 4);
is(join(' ', map { tcp_line($_) // '-' } @waiting), join(' ', ('one') x 5),
    'and goes on when a host is active');
syswrite $waiting[0], "select 1\n";
is(tcp_line($waiting[0]), 'select 1', 'both ways');
is(tcp_line(tcp_client($t, 8081)), 'one', 'with an active host nobody waits');
close $_ for @waiting;

# In vain.
route(epoch => 5, reason => 'one is dead again');
my $since = time;
is((tcp_refusal(tcp_client($t, 8082)))[1],
    'sluice: cluster main1, epoch 5: one is dead again', 'time is up: told why');
cmp_ok(time - $since, '>=', 0.29, 'not before');
ok(tcp_ended(tcp_client($t, 8083)), 'sluice_refuse close');
is_deeply([tcp_refusal(tcp_client($t, 8083))], [], 'without a word');
like((tcp_refusal(tcp_client($t, 8085)))[1], qr/epoch 5: one is dead again/,
    'sluice_hold off: at once');

# A hold that is full; who goes makes room.
my @two = map { tcp_client($t, 8084) } 1, 2;
is(tcp_line($two[0], 0.3), undef, 'two may wait');
like((tcp_refusal(tcp_client($t, 8084)))[1], qr/epoch 5/, 'a third may not');
close shift @two;
my $third;
$t->wait_for('room', sub {
    $third = tcp_client($t, 8084);
    !tcp_ended($third, 0.1);
});
is(tcp_line($third, 0.2), undef, 'one that went made room');
# What a client says meanwhile is not lost.
syswrite $third, "hello\n";
route(active => 0, epoch => 6);
is(tcp_line($third), 'one', 'it goes on');
is(tcp_line($third), 'hello', 'with what it said');
is(tcp_line($two[0]), 'one', 'so does the other');

# A client that ends while it waits with something said.
route(epoch => 7, reason => 'away');
my $talker = tcp_client($t, 8084);
syswrite $talker, "hello\n";
is(tcp_line($talker, 0.2), undef, 'it waits');
close $talker;
my @more;
$t->wait_for('its place', sub {
    @more = map { tcp_client($t, 8084) } 1, 2;
    !grep { tcp_ended($_, 0.1) } @more;
});
is(scalar @more, 2, 'its place is free');

# Held, let go, and again nobody: it waits on and is let go again.
route(active => 0, epoch => 8);
is(tcp_line($more[0]), 'one', 'let go');

# Workers that are to end.
close $_ for @more, @two, $third;
my @log;
$t->wait_for('the log', sub {
    @log = split /\n/, $t->read_file('stream.log');
    grep { /\|refused\|503$/ } @log and 5 <= grep { /\|4\|held\|200$/ } @log;
});
my $port = $t->port(8081);
is(scalar(grep { $_ eq "$port|4|held|200" } @log), 5, 'logged: held');
$port = $t->port(8082);
is((grep { /^$port\|/ } @log)[-1], "$port|0|refused|503", 'logged: refused');

# Mistakes.
sub mistake {
    my ($what, $stream, $says) = @_;
    my ($rc, $out) = $t->nginx_test($t->expand(
        "%%MODULES%%\nevents { }\nsluice { state %%DIR%%/run/state; }\n"
        . "stream {\n$stream\n}\n"));

    isnt($rc, 0, "$what: refused");
    like($out, $says, "$what: said");
    return;
}

my $listen = 'listen 127.0.0.1:8089';
for (
    ['zone', 'upstream u { zone z 64k; sluice main1; }',
        qr/"u" in \S+:\d+ has "zone" beside "sluice": remove it/],
    ['server', 'upstream u { sluice main1; server 10.0.0.1:3306; }',
        qr/"u" in \S+:\d+ has "server" beside "sluice": remove it/],
    ['server before', 'upstream u { server 10.0.0.1:3306; sluice main1; }',
        qr/has "server" beside "sluice"/],
    ['least_conn', 'upstream u { least_conn; sluice main1; }',
        qr/"sluice" directive stands beside another way to choose a host/],
    ['twice', 'upstream u { sluice main1; sluice main2; }',
        qr/"sluice" directive is duplicate/],
    ['a role', 'upstream u { sluice main1 role=both; }',
        qr/invalid parameter "role=both": .*"role=primary", "role=replica"/],
    ['max_lag', 'upstream u { sluice main1 role=replica max_lag=soon; }',
        qr/invalid "max_lag=soon": write a time, such as "max_lag=1s"/],
    ['max_lag, empty', 'upstream u { sluice main1 role=replica max_lag=; }',
        qr/invalid "max_lag="/],
    ['max_lag of a writer', 'upstream u { sluice main1 max_lag=1s; }',
        qr/takes "max_lag=" and "fallback=" only with "role=replica"/],
    ['no cluster', 'upstream u { sluice ""; }', qr/"" cannot be a cluster/],
    ['a long cluster', 'upstream u { sluice ' . 'm' x 64 . '; }',
        qr/cannot be a cluster: .* at most 63 bytes/],
    ['a time', "server { $listen; return x; sluice_hold main1 soon; }",
        qr/invalid time "soon": .*"sluice_hold main1 10s;"/],
    ['no time', "server { $listen; return x; sluice_hold main1 0; }",
        qr/invalid time "0"/],
    ['only a cluster', "server { $listen; return x; sluice_hold main1; }",
        qr/takes a cluster and a time, such as/],
    ['max', "server { $listen; return x; sluice_hold main1 1s max=0; }",
        qr/invalid parameter "max=0": .*"max=1000"/],
    ['hold twice', "server { $listen; return x; sluice_hold main1 1s;"
        . ' sluice_hold off; }', qr/"sluice_hold" directive is duplicate/],
    ['udp', "server { $listen udp; return x; sluice_hold main1 1s; }",
        qr/"sluice_hold main1" in a server that listens on \S+ udp": remove/],
    ['refuse', "server { $listen; return x; sluice_refuse http; }",
        qr/invalid value "http"/],
) {
    mistake(@$_);
}

my ($rc, $out) = $t->nginx_test($t->expand("%%MODULES%%\nevents { }\n"
    . "stream { upstream u { sluice main1; }\n }\n"));
isnt($rc, 0, 'no sluice block: refused');
like($out, qr/directive "sluice" in \S+:\d+ needs a "sluice" block/,
    'no sluice block: said');
($rc, $out) = $t->nginx_test($t->expand("%%MODULES%%\nevents { }\n"
    . "sluice { state %%DIR%%/run/state; }\n"
    . "stream { upstream u { sluice nosuch; } upstream v { sluice main1; } }\n"));
is($rc, 0, 'a cluster that nobody routes: taken');
like($out, qr/\[warn\] .*sluiced routes no cluster "nosuch": its sessions find/,
    'with a warning');
unlike($out, qr/"main1"/, 'only for that one');

$t->expect_log(qr/sluice: |upstream|"sluice"|"sluice_|invalid|cannot be a/);
kill 'KILL', $server->{pid};
$t->done;
