#!/usr/bin/perl

# No inotify instance to be had, as on a machine where each of them is taken:
# one notice, and the tick does the doorbell's work.

use warnings;
use strict;

use IO::Socket::INET;
use Test::More;

use Sluice;
use Sluice::State;

###############################################################################

# A limit of our own, in a user namespace of our own.

my @limited = ('unshare', '--user', '--map-root-user', 'sh', '-c',
    'echo 0 >/proc/sys/user/max_inotify_instances && exec "$@"', 'sh');

plan(skip_all => 'no user namespace to be had')
    if system("@limited[0 .. 4] 'echo 0 "
        . ">/proc/sys/user/max_inotify_instances' 2>/dev/null") != 0;

my $t = Sluice->new;

mkdir $t->dir . '/run';
my $state = Sluice::State->new($t->dir . '/run/state',
    clusters => [{ name => 'c', value => 0.25 }])->replace;

$t->nginx_test(<<'EOC');
%%MODULES%%
worker_processes 1;
error_log %%DIR%%/error.log debug;
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

my $env = $t->nginx_env;
my $nginx = $t->spawn('nginx', @limited, 'env', map({ "$_=$env->{$_}" } keys %$env),
    $t->nginx_command, '-g', 'daemon off;');

becomes('started', 'Value":0.25,');

$state->publish(clusters => [{ name => 'c', value => 0.5 }])->ring;
becomes('published', 'Value":0.5,');

$state->replace(clusters => [{ name => 'c', value => 0.75 }]);
becomes('replaced', 'Value":0.75,');

$state->remove;
becomes('removed', 'no such file');

$state->replace;
becomes('back', 'Value":0.75,');

# a draining worker goes on ticking, for the sake of its sessions

my $hold = IO::Socket::INET->new(
    PeerAddr => '127.0.0.1', PeerPort => $t->port(8080)) or die;
print $hold "GET /check/half/mysql/c HTTP/1.1\r\nHost: a\r\nX-Half: ";
my $old = $t->wait_for('half a request read', sub {
    $t->read_file('error.log') =~ m!(\d+): .* http uri: "/check/half/! && $1 });
$nginx->hup;
$t->wait_for('the old worker to drain', sub {
    $t->read_file('error.log') =~ / $old#\d+: gracefully shutting down/ });
$state->remove;
ok($t->wait_for('its tick', sub { said($old, 'no such file;') == 2 }),
    'a draining worker ticks');
$state->replace;
ok($t->wait_for('its next tick', sub { said($old, 'is good again') == 2 }),
    'and ticks again');
print $hold "x\r\n\r\n";
like(scalar <$hold>, qr/ 200 /, 'and answers accordingly');
close $hold;

my $notice = 'inotify_init1() failed, changes of the state file are noticed '
    . 'within 100 ms instead of at once';
is(said($old, $notice), 1, 'one notice for a worker');
unlike($t->read_file('error.log'), qr/\[(error|warn)\] .*inotify/,
    'nothing worse');

# a user namespace has no supplementary groups
$t->expect_log(qr/sluice: |initgroups\(root, 0\) failed/);
$t->done;

###############################################################################

sub becomes {
    my ($what, $text) = @_;

    ok($t->wait_for($what, sub {
        $t->get(8080, '/check/app/mysql/c')->{body} =~ /\Q$text\E/ }), $what);
}

# How often a process has written this.

sub said {
    my ($pid, $text) = @_;

    return scalar(() =
        $t->read_file('error.log') =~ / $pid#.*\Q$text\E/g);
}
