#!/usr/bin/perl

# Reloads and deaths of workers: each answers from its first request on, and
# takes nothing with it.

use warnings;
use strict;

use IO::Socket::INET;
use Test::More;

use Sluice;
use Sluice::State;

###############################################################################

my $t = Sluice->new;

mkdir $t->dir . "/$_" for qw/run other/;
my $state = Sluice::State->new($t->dir . '/run/state',
    clusters => [{ name => 'c', value => 0.25 }])->replace;
my $other = Sluice::State->new($t->dir . '/other/state',
    clusters => [{ name => 'c', value => 0.75 }])->replace;

my $conf = <<'EOC';
%%MODULES%%
worker_processes 2;
error_log %%DIR%%/error.log info;
pid %%DIR%%/nginx.pid;
worker_shutdown_timeout 300ms;
events { }
sluice { state %%DIR%%/run/state; max_age 30s; }
http {
    access_log off;
    upstream sluiced { server unix:%%DIR%%/run/control.sock; }
    keepalive_timeout 0;
    server {
        listen 127.0.0.1:8080;
        include %%CONF%%/nginx/freno.conf;
    }
}
stream {
    server {
        listen 127.0.0.1:8081;
        proxy_pass 127.0.0.1:8080;
    }
}
EOC

$t->nginx($conf);

for my $n (1 .. 3) {
    $t->reload;
    is($t->get(8080, '/check/app/mysql/c')->{status}, 200, "reload $n");
}

# another state file by reload

(my $elsewhere = $conf) =~ s!run/state!other/state!;
$t->write_file('nginx.conf', $elsewhere);
$t->reload;
$t->wait_for('another state file', sub {
    $t->get(8080, '/check/app/mysql/c')->{body} =~ /"Value":0.75,/ });
pass('another state file');

# a configuration that is refused changes nothing

(my $wrong = $conf) =~ s!sluice \{.*\}!!;
$t->write_file('nginx.conf', $wrong);
kill 'HUP', $t->nginx_pid;
$t->wait_for('refusal', sub {
    open my $fh, '<', $t->dir . '/error.log' or return;
    grep { /\[emerg\] .* needs a "sluice" block/ } <$fh>;
});
like($t->get(8080, '/check/app/mysql/c')->{body}, qr/"Value":0.75,/,
    'refused configuration');

$t->write_file('nginx.conf', $conf);
$t->reload;
$t->wait_for('the first state file', sub {
    $t->get(8080, '/check/app/mysql/c')->{body} =~ /"Value":0.25,/ });

# kill -9: master starts another

for my $worker (workers()) {
    $t->kill_worker($worker);
    workers($worker);
    is($t->get(8080, '/check/app/mysql/c')->{status}, 200, 'after kill -9')
        for 1 .. 4;
}

# worker_shutdown_timeout closes what is open: a session, and our doorbell

my $session = IO::Socket::INET->new(
    PeerAddr => '127.0.0.1', PeerPort => $t->port(8081)) or die;
print $session "GET /check/app/mysql/c HTTP/1.1\r\nHost: a\r\n\r\n";
like(scalar <$session>, qr/ 200 /, 'session');

my @old = workers();
$t->reload;
$t->wait_for('the timeout', sub { !grep { kill 0, $_ } @old });
pass('worker_shutdown_timeout');

$t->expect_log(qr/needs a "sluice" block/);
$t->done;

###############################################################################

# The two workers, when there are two and the killed one is gone.

sub workers {
    my ($killed) = @_;

    return @{ $t->wait_for('two workers', sub {
        my @workers = $t->nginx_workers;
        @workers == 2 && !grep({ $_ == ($killed // 0) } @workers)
            && \@workers;
    }) };
}
