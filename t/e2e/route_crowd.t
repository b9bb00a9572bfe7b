#!/usr/bin/perl

# Three thousand sessions over a reload and the death of a worker: the others
# live, and are cut when the active host changes, those of draining workers,
# too. Many short sessions leave nothing behind.

use warnings;
use strict;

use IO::Select;
use JSON::PP;
use POSIX ();
use Test::More;
use Time::HiRes qw(time);

use Sluice;
use Sluice::State;
use Sluice::Tcp;

use constant { CROWD => 3000, SHORT => 40_000, BATCH => 8_000 };

###############################################################################

my $t = Sluice->new;
my %server = map { $_ => tcp_server($t, $_) } qw(a b);

mkdir $t->dir . '/run';
my $state = Sluice::State->new($t->dir . '/run/state',
    clusters => [{ name => 'main1' }]);
my $epoch = 1;

sub routes {
    my ($active) = @_;

    return [{ cluster => 'main1', epoch => $epoch, active => $active, hosts => [
        map { { name => $_, port => $server{$_}{port} } } qw(a b)] }];
}

sub route { $state->publish_routes(routes => routes(@_))->ring }

$state->replace(routes => routes(0));
$t->nginx(<<'EOC');
%%MODULES%%
worker_processes 2;
worker_rlimit_nofile 16384;
error_log %%DIR%%/error.log info;
pid %%DIR%%/nginx.pid;
events { worker_connections 8192; }
sluice { state %%DIR%%/run/state; }
http {
    access_log off;
    server { listen 127.0.0.1:8080; location = /status { sluice_status state; } }
}
stream {
    upstream main1 { sluice main1; }
    server { listen 127.0.0.1:8081 reuseport; proxy_pass main1; }
}
EOC

# How many sessions nginx counts, of each host: "3000 0".
sub counted {
    my $got = $t->get(8080, '/status');
    my $route = decode_json($got->{body})->{Routes}{main1};

    return join ' ', map { $_->{Sessions} } @{ $route->{Hosts} };
}

# How many of those are alive: they get an answer.
sub alive {
    my @sockets = @_;
    my $select = IO::Select->new(@sockets);
    my ($alive, $end) = (0, time + 20);

    local $SIG{PIPE} = 'IGNORE';
    syswrite $_, ".\n" for @sockets;
    while ($select->count && time < $end) {
        for my $socket ($select->can_read(1)) {
            my $n = sysread $socket, my $text, 100;

            $alive++ if $n;
            $select->remove($socket);
        }
    }
    return $alive;
}

sub comes_to {
    my ($what, $want, $code) = @_;
    my $got;

    $t->wait_for($what, sub { ($got = $code->()) eq $want }, 20);
    is($got, $want, $what);
    return;
}

my @crowd = map { tcp_client($t, 8081) } 1 .. CROWD;
is(scalar(grep { (tcp_line($_) // '') eq 'a' } @crowd), CROWD, 'a crowd');
comes_to('all are counted', CROWD . ' 0', \&counted);
is(alive(@crowd), CROWD, 'all get answers');

# A reload.
my @old = $t->nginx_workers;
$t->reload;
is(alive(@crowd), CROWD, 'a reload: all live');
is(counted(), CROWD . ' 0', 'and are counted');
my @more = map { tcp_client($t, 8081) } 1 .. 100;
is(scalar(grep { (tcp_line($_) // '') eq 'a' } @more), 100, 'more come');
comes_to('they are counted, too', CROWD + 100 . ' 0', \&counted);

# A worker dies that was to shut down.
$t->kill_worker($old[0]);
my $left;
$t->wait_for('it is gone', sub { !grep { $_ == $old[0] } $t->nginx_workers });
$left = alive(@crowd);
cmp_ok($left, '>', 0, 'the death of a worker: others live');
cmp_ok($left, '<', CROWD, 'its own do not');
is(alive(@more), 100, 'nor is it those of the new workers');
comes_to('the count knows', $left + 100 . ' 0', \&counted);

# And one that was not: another is started.
my ($victim) = grep { my $pid = $_; !grep { $_ == $pid } @old } $t->nginx_workers;
$t->kill_worker($victim);
$t->wait_for('another', sub {
    my @now = $t->nginx_workers;

    @now == 3 && !grep { $_ == $victim } @now;
}, 20);
my $more = alive(@more);
comes_to('the count knows', $left + $more . ' 0', \&counted);
is(alive(@crowd), $left, 'the others live on');

# Another host: all go, wherever they are.
$epoch = 2;
my $since = time;
route(1);
is(scalar(grep { tcp_ended($_, 10) } @crowd, @more), CROWD + 100,
    'another active host: all are cut, in draining workers, too');
note(sprintf 'in %.3f s', time - $since);
comes_to('none is left', '0 0', \&counted);
$t->wait_for('the draining worker ends', sub { 2 == $t->nginx_workers }, 20);
is(scalar(@{ [$t->nginx_workers] }), 2, 'the draining worker ends');
comes_to('new ones go there', 'b', sub { tcp_line(tcp_client($t, 8081)) // '' });

# Many short ones. The first ones make room that stays.
sub short {
    my ($count) = @_;
    my @pids;

    for my $child (1 .. 4) {
        my $pid = fork // die "fork: $!";

        push @pids, $pid;
        next if $pid;
        for (1 .. $count / 4) {
            (tcp_line(tcp_client($t, 8081)) // '') eq 'b' or POSIX::_exit(1);
        }
        POSIX::_exit(0);
    }
    return grep { waitpid($_, 0); $? != 0 } @pids;
}

# kB and descriptors of all workers.
sub burden {
    my ($memory, $descriptors) = (0, 0);

    for my $pid ($t->nginx_workers) {
        open my $fh, '<', "/proc/$pid/status" or next;
        /^VmRSS:\s*(\d+)/ and $memory += $1 while <$fh>;
        $descriptors += () = glob "/proc/$pid/fd/*";
    }
    return ($memory, $descriptors);
}

is(short(BATCH), 0, 'short sessions');
comes_to('they are gone', '0 0', \&counted);
my ($memory, $descriptors) = burden();
is(short(SHORT), 0, 'many more');
comes_to('they are gone', '0 0', \&counted);
my ($memory_after, $descriptors_after);
comes_to('no descriptor is left', $descriptors,
    sub { ($memory_after, $descriptors_after) = burden(); $descriptors_after });
cmp_ok($memory_after, '<', $memory + 512, 'nor memory');
note("$memory kB before, $memory_after kB after");

$t->expect_log(qr/sluice: |upstream|exited on signal 9/);
kill 'KILL', $_->{pid} for values %server;
$t->done;
