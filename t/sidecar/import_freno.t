#!/usr/bin/perl

# sluiced --import-freno: everything that a running freno lists comes over
# with the time it has left, nothing does when a list is not whole, and a
# second time changes nothing. freno is played; its answers are real ones.

use warnings;
use strict;

use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP;
use POSIX qw(strftime);
use Test::More;
use Time::Local qw(timegm);

use Sluice;
use Sluice::Consensus;

###############################################################################

my $t = Sluice->new;
my $socket = $t->dir . '/run/control.sock';
my $file = $t->dir . '/sluiced.json';

sub conf {
    my (%keys) = @_;

    return encode_json({
        StateFile => $t->dir . '/run/state', %keys,
        Stores => { MySQL => { Clusters => { local => {
            StaticHostsSettings => { Hosts => ['127.0.0.1:1'] } } } } },
    });
}

# freno, as nginx serves two files; 8080 is whole, the others are not.
$t->nginx(<<'EOC');
worker_processes 1;
error_log %%DIR%%/error.log info;
events { }
http {
    access_log %%DIR%%/access.log;
    default_type application/json;
    upstream sluiced { server unix:%%DIR%%/run/control.sock; }
    server {
        listen 127.0.0.1:8080;
        location = /throttled-apps { root %%DIR%%/freno; }
        location = /skipped-hosts { root %%DIR%%/freno; }
    }
    server {
        listen 127.0.0.1:8081;
        location = /throttled-apps { root %%DIR%%/freno; }
        location = /skipped-hosts { return 200 '<html><body>Welcome'; }
    }
    server {
        listen 127.0.0.1:8082;
        location / { return 500 '{"StatusCode":500,"Message":"x"}'; }
    }
    server {
        listen 127.0.0.1:8083;
        location = /throttled-apps { root %%DIR%%/freno; }
        location = /skipped-hosts { return 200 ''; }
    }
    server {
        listen 127.0.0.1:8084;
        location / { return 302 http://127.0.0.1:8080$request_uri; }
    }
    server {
        listen 127.0.0.1:8089;
        location / { proxy_pass http://sluiced; }
    }
}
EOC

# In so many seconds, in Go's spelling.
sub in_s { return strftime('%Y-%m-%dT%H:%M:%S', gmtime(time + $_[0])) . '.422218409Z' }

my $never = '0001-01-01T00:00:00Z';

sub freno_has {
    my ($throttles, $skips) = @_;

    $t->write_file('freno/throttled-apps', "$throttles\n");
    $t->write_file('freno/skipped-hosts', "$skips\n");
    return;
}

sub import {
    my ($url) = @_;

    $url = 'http://127.0.0.1:' . $t->port($url) if $url =~ /^8/;
    return $t->sluiced_run('--import-freno', $url, '-c', $file);
}

sub listens {
    my ($sluiced) = @_;

    return $t->wait_for('the control socket', sub {
        !$sluiced->alive || IO::Socket::UNIX->new(Peer => $socket);
    });
}

sub listed { return decode_json($t->get(8089, $_[0])->{body}) }

sub seconds_left {
    my ($expiry) = @_;
    my @t = $expiry =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)/ or return 'none';

    return timegm(@t[5, 4, 3, 2], $t[1] - 1, $t[0]) - time;
}

freno_has(sprintf('{"abusing-app":{"ExpireAt":"2036-11-18T05:38:05.553776892Z",'
    . '"Ratio":1},"gone":{"ExpireAt":"%s","Ratio":1},'
    . '"other/nosuch":{"ExpireAt":"%s","Ratio":1},'
    . '"tapp":{"ExpireAt":"%s","Ratio":0.5},'
    . '"tapp/local":{"ExpireAt":"%s","Ratio":0.1}}',
    in_s(-60), $never, in_s(570), $never),
    sprintf('{"db2.example.com":"%s","db4":"%s"}', in_s(290), in_s(3630)));

###############################################################################
# No sluiced, or none that keeps anything

$t->write_file('sluiced.json', conf());
my ($rc, $out, $err) = import(8080);
is($rc, 1, 'no sluiced: exit status 1');
like($err, qr/^sluiced: \Q$socket\E: cannot connect: .*\nsluiced: nothing was changed\n\z/,
    'no sluiced: said so');

my $sluiced = $t->sluiced(conf());
listens($sluiced);
($rc, $out, $err) = import(8080);
is($rc, 1, 'no store: exit status 1');
like($err, qr/no store is configured.*\nsluiced: nothing was changed\n\z/,
    'no store: said so');
is($out, '', 'no store: nothing was tried');
$sluiced->term;

###############################################################################
# A freno that is none

my $db = $t->mariadb;
Sluice::Consensus::prepare($db, Sluice::Consensus::schema($t));
$sluiced = $t->sluiced(conf(BackendMySQLHost => '127.0.0.1',
    BackendMySQLPort => $db->port, BackendMySQLSchema => 'freno_backend',
    BackendMySQLUser => 'daemon', BackendMySQLPassword => 'secret',
    Domain => 'd'));
listens($sluiced);
$t->wait_for('the facts', sub { $t->get(8089, '/throttled-apps')->{status} == 200 });

sub refused {
    my ($name, $url, $pattern) = @_;
    my ($status, $said, $why) = import($url);

    is($status, 1, "$name: exit status 1");
    like($why, $pattern, "$name: said so");
    is($said, '', "$name: nothing was tried");
    is_deeply([listed('/throttled-apps'), listed('/skipped-hosts')], [{}, {}],
        "$name: nothing changed");
    return;
}

refused('HTML', 8081, qr{/skipped-hosts: this is no list of freno's: not JSON});
refused('an error', 8082, qr{/throttled-apps: HTTP 500: \{"StatusCode":500,});
refused('nothing', 8083, qr{/skipped-hosts: this is no list of freno's});
refused('a redirect', 8084, qr{/throttled-apps: HTTP 302});
refused('nobody', 'http://127.0.0.1:' . $t->port(8086), qr/nothing was changed/);
refused('no URL', 'freno:8087', qr/expected http:\/\/HOST:PORT/);
refused('another protocol', 'file:///etc', qr/expected http:\/\/HOST:PORT/);

my $deaf = IO::Socket::INET->new(LocalAddr => '127.0.0.1:' . $t->port(8087),
    Listen => 5) or die "listen: $!";
refused('a freno that hangs', 8087, qr/no answer within 10 s/);
close $deaf;

freno_has('{"a":{"ExpireAt":"' . $never . '","Ratio":1},"b":{"Ratio":1}}', '{}');
refused('half an entry', 8080, qr/b has no time of expiry/);

###############################################################################
# A real one

freno_has(sprintf('{"abusing-app":{"ExpireAt":"2036-11-18T05:38:05.553776892Z",'
    . '"Ratio":1},"gone":{"ExpireAt":"%s","Ratio":1},'
    . '"other/nosuch":{"ExpireAt":"%s","Ratio":1},'
    . '"tapp":{"ExpireAt":"%s","Ratio":0.5},'
    . '"tapp/local":{"ExpireAt":"%s","Ratio":0.1}}',
    in_s(-60), $never, in_s(570), $never),
    sprintf('{"db2.example.com":"%s","db4":"%s"}', in_s(290), in_s(3630)));

for my $round ('first', 'second') {
    ($rc, $out, $err) = import($round eq 'first' ? 8080
        : 'http://127.0.0.1:' . $t->port(8080) . '/');
    is($rc, 1, "$round: exit status 1, for a store is unknown");
    is($err, '', "$round: no error beside");
    is($out, <<'END', "$round: a line for each");
throttle abusing-app: left out: freno's own
throttle gone: left out: expired
throttle other/nosuch: not given: unknown store_name nosuch: name a cluster of the configuration, or none for all
throttle tapp: ratio 0.5, 10 minutes
throttle tapp/local: ratio 0.1, no end
skip db2.example.com: 5 minutes
skip db4: 61 minutes
4 given to sluiced, 2 left out, 1 of an unknown store, 0 refused
END
    my $apps = listed('/throttled-apps');
    my $hosts = listed('/skipped-hosts');
    is_deeply([sort keys %$apps], ['tapp', 'tapp/local'], "$round: apps");
    is($apps->{tapp}{Ratio}, 0.5, "$round: the ratio");
    is_deeply([@{ $apps->{'tapp/local'} }{qw(Ratio ExpireAt)}], [0.1, $never],
        "$round: for ever");
    cmp_ok(seconds_left($apps->{tapp}{ExpireAt}), '>=', 560, "$round: not shorter");
    cmp_ok(seconds_left($apps->{tapp}{ExpireAt}), '<=', 630,
        "$round: a minute longer at most");
    is_deeply([sort keys %$hosts], ['db2.example.com', 'db4'], "$round: hosts");
    cmp_ok(seconds_left($hosts->{'db2.example.com'}), '>=', 280,
        "$round: a host, not shorter");
}

# Without anything unknown it is a success; and so is an empty freno.
freno_has(qq({"tapp":{"ExpireAt":"$never","Ratio":1}}), '{}');
($rc, $out) = import(8080);
is("$rc $out", "0 throttle tapp: ratio 1, no end\n"
    . "1 given to sluiced, 0 left out, 0 of an unknown store, 0 refused\n",
    'exit status 0');
freno_has('{}', '{}');
is((import(8080))[0], 0, 'an empty freno');

# Another sluiced is as good as a freno: owner and reason come along.
$t->get(8089, '/throttle-app/tapp?owner=me&reason=x');
($rc, $out) = import(8089);
is("$rc $out", "0 throttle tapp: ratio 1, no end\n"
    . "throttle tapp/local: ratio 0.1, no end\n"
    . "skip db2.example.com: 5 minutes\nskip db4: 61 minutes\n"
    . "4 given to sluiced, 0 left out, 0 of an unknown store, 0 refused\n",
    'from a sluiced');
is_deeply([@{ listed('/throttled-apps')->{tapp} }{qw(Owner Reason)}],
    ['me', 'x'], 'owner and reason');

# A store that goes away in the middle, or before it: stops and says so.
$db->kill;
freno_has(qq({"a":{"ExpireAt":"$never","Ratio":1},"b":{"ExpireAt":"$never","Ratio":1}}),
    '{}');
($rc, $out, $err) = import(8080);
is($rc, 1, 'a dead store: exit status 1');
like($err, qr/nothing changed: .*\nsluiced: stopped; repeat it when that is mended\n\z/,
    'a dead store: said so');
unlike($out, qr/^throttle b/m, 'a dead store: no further attempt');

$t->done;
