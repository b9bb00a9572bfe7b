#!/usr/bin/perl

# Control routes behind nginx: which of them reach sluiced, by which methods,
# from where. sluiced is played by a server that says what it was asked.

use warnings;
use strict;

use Test::More;

use Sluice;
use Sluice::State;

###############################################################################

my $t = Sluice->new;

mkdir $t->dir . '/run';
my $state = Sluice::State->new($t->dir . '/run/state',
    clusters => [{ name => 'c', value => 0.5 }])->replace;

my $nginx = <<'EOC';
%%MODULES%%
worker_processes 1;
error_log %%DIR%%/error.log info;
events { }
sluice { state %%DIR%%/run/state; max_age 30s; }
http {
    access_log off;
    upstream sluiced { server unix:%%DIR%%/run/control.sock; keepalive 8; }
    server {
        listen unix:%%DIR%%/run/control.sock;
        merge_slashes off;
        location / { return 200 "$request_method $request_uri\n"; }
        location /skip-host/bad { return 500 "bad"; }
    }
    server {
        listen 127.0.0.1:8080;
        include %%CONF%%/nginx/freno.conf;
    }
    server {
        listen 127.0.0.1:8081;
        include %%CONF%%/nginx/freno-locked.conf;
    }
    server {
        listen 127.0.0.1:8082;
        set_real_ip_from 127.0.0.1;
        real_ip_header X-Real-IP;
        include %%CONF%%/nginx/freno-locked.conf;
    }
}
EOC
$t->nginx($nginx);

my @reads = ('/throttled-apps', '/skipped-hosts', '/consensus/leader',
    '/consensus/state', '/consensus/status', '/consensus/members',
    '/raft/leader', '/raft/state', '/raft/members');
my @changes = ('/throttle-app/a', '/throttle-app/a/ttl/5/ratio/0.5',
    '/throttle-app/a?store_name=c', '/throttle-app/a%20b%2Fc',
    '/throttle-app//ttl/5', '/unthrottle-app/a', '/skip-host/h',
    '/skip-host/h/ttl/1', '/recover-host/h');

# open: everything by GET and HEAD, as freno; and by the other methods

for my $path (@reads, @changes) {
    is($t->get(8080, $path)->{body}, "GET $path\n", "open: GET $path");
    is($t->head(8080, $path)->{status}, 200, "open: HEAD $path");
    is($t->get(8080, $path, method => $_, body => '')->{body}, "$_ $path\n",
        "open: $_ $path") for 'POST', 'DELETE';
}
is($t->get(8080, '/skip-host/bad')->{status}, 500, 'an error stays what it is');

# locked: reads as before, changes by POST and DELETE only

for my $path (@reads) {
    is($t->get(8081, $path)->{body}, "GET $path\n", "locked: GET $path");
}
for my $path (@changes) {
    for my $method ('GET', 'HEAD', 'PUT', 'OPTIONS', 'PATCH') {
        is($t->get(8081, $path, method => $method)->{status}, 403,
            "locked: $method $path");
    }
    is($t->get(8081, $path, method => $_, body => '')->{body}, "$_ $path\n",
        "locked: $_ $path") for 'POST', 'DELETE';
}
for my $path ('/throttled-apps/../throttle-app/a', '/./throttle-app/a',
    '/throttle%2Dapp/a', '/throttle-app%2Fa')
{
    is($t->get(8081, $path)->{status}, 403, "locked: GET $path");
}

# and from the list only

my @elsewhere = (headers => ['X-Real-IP' => '192.0.2.7']);
is($t->get(8082, $reads[0], @elsewhere)->{status}, 200, 'elsewhere: a read');
is($t->get(8082, '/check/a/mysql/c', @elsewhere)->{status}, 200,
    'elsewhere: a check');
for my $path (@changes) {
    is($t->get(8082, $path, method => $_, body => '', @elsewhere)->{status},
        403, "elsewhere: $_ $path") for 'GET', 'POST', 'DELETE';
}

# why, and where from: with the names of hosts

for my $path ('/explain/a/mysql/c', '/sluice/status') {
    is($t->get(8080, $path)->{status}, 200, "open: $path");
    is($t->get(8081, $path)->{status}, 200, "locked: $path");
    is($t->get(8082, $path, @elsewhere)->{status}, 403, "elsewhere: $path");
}

# members: who may not change them may look

my $members = '/consensus/members';
is($t->get(8080, "$members?add=a", method => 'POST', body => '')->{body},
    "POST $members?add=a\n", 'open: members are changed');
is($t->get(8081, "$members?add=a", method => 'POST', body => '')->{body},
    "POST $members?add=a\n", 'locked: members are changed from the list');
for my $path ($members, '/raft/../consensus/members', '/consensus%2Fmembers',
    '/consensus/./members')
{
    is($t->get(8082, $path, method => $_, body => '', @elsewhere)->{status},
        403, "elsewhere: $_ $path") for 'POST', 'DELETE', 'PUT';
}
is($t->get(8082, $members, @elsewhere)->{body}, "GET $members\n",
    'elsewhere: members are shown');

# what is nobody's

is($t->get(8080, $_)->{status}, 404, $_) for '/throttle-app', '/nosuch',
    '/consensus', '/skip-hosts/a', '/throttled-apps/', '//throttle-app/a';

# checks of both snippets

for my $port (8080, 8081) {
    is($t->get($port, '/check//mysql/c')->{status}, 417, 'an empty app');
    is($t->get($port, '/lb-check')->{status}, 200, 'lb-check');
    like($t->get($port, '/sluice/counters')->{body}, qr/"Checks"/, 'counters');
    like($t->get($port, '/recent-apps/5')->{body}, qr/^\{/, 'recent apps');
}

# sluiced away: a sentence, in JSON; and checks go on

$t->write_file('nginx.conf', $t->read_file('nginx.conf')
    =~ s/(listen unix:\S+control.sock)/$1.not/r);
$t->reload;
unlink $t->dir . '/run/control.sock';
my $got = $t->get(8080, '/throttle-app/a');
is($got->{status}, 503, 'sluiced away');
is($got->{body}, qq({"StatusCode":503,"Message":)
    . qq("sluiced does not answer: a change may or may not have been stored, )
    . qq(repeat it"}\n), 'sluiced away, body');
is($got->{headers}{'sluice-reason'}, 'unknown', 'sluiced away, reason');
is($got->{headers}{'content-type'}, 'application/json', 'sluiced away, type');
is($t->get(8080, '/check/a/mysql/c')->{status}, 200, 'checks go on');

$t->done;
