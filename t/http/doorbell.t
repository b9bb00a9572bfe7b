#!/usr/bin/perl

# The doorbell: workers notice at once, and the tick is there for when they do
# not. A worker's debug log says which of the two it was.

use warnings;
use strict;

use IO::Socket::INET;
use Test::More;
use Time::HiRes qw/time/;

use Sluice;
use Sluice::State;

###############################################################################

my $t = Sluice->new;
my $run = $t->dir . '/run';

mkdir $run;
my $state = Sluice::State->new("$run/state", clusters => [
    { name => 'c', value => 0 }])->replace;

my $conf = <<'EOC';
%%MODULES%%
worker_processes 2;
error_log %%DIR%%/error.log debug;
pid %%DIR%%/nginx.pid;
worker_shutdown_timeout 60s;
events { }
sluice { state %%DIR%%/run/state; }
http {
    access_log off;
    server {
        listen 127.0.0.1:8080;
        include %%CONF%%/nginx/freno.conf;
    }
}
EOC

$t->nginx($conf);
$t->wait_for('two workers', sub { (my @w = $t->nginx_workers) == 2 });

# rung on the file, and by a file that takes its place; both workers hear it

rung('a ring', sub { $state->ring });
rung('a new file', sub { $state->replace });
rung('the file gone', sub { $state->remove });
rung('the file back', sub { $state->replace });

# other files of the directory are none of our business

my $before = rings();
for my $name ('state.tmp', 'state.lock', 'stat') {
    open my $fh, '>', "$run/$name" or die;
    close $fh;
    utime undef, undef, "$run/$name";
}
rung('a ring after other files', sub { $state->ring });
cmp_ok(rings() - $before, '<=', 4, 'other files ring nothing');

# the watch follows the path: to a new directory, to one moved there

$state->remove;
unlink glob "$run/*";
rmdir $run or die;
mkdir $run or die;
$state->replace;
watched('a new directory');

rename $run, "$run.old" or die;
mkdir $run or die;
$state->replace;
watched('a directory in its place');

# a file that is replaced is seen sooner than by the tick alone: of 20, which
# the tick would find after 50 ms in the middle, most within 25 ms

my $soon = 0;
for my $value (1 .. 20) {
    $state->replace(clusters => [{ name => 'c', value => $value,
        threshold => 100 }]);
    my $begin = time;
    $t->wait_for("value $value", sub {
        $t->get(8080, '/check/app/mysql/c')->{body} =~ /"Value":$value,/ });
    $soon++ if time() - $begin < 0.025;
}
cmp_ok($soon, '>=', 12, "$soon of 20 within 25 ms");

# a worker that is shutting down goes on listening until it may go

my @old = sort $t->nginx_workers;
my $hold = IO::Socket::INET->new(
    PeerAddr => '127.0.0.1', PeerPort => $t->port(8080)) or die;
print $hold "GET /check/half/mysql/c HTTP/1.1\r\nHost: a\r\nX-Half: ";
$t->wait_for('half a request read', sub {
    slurp() =~ m!http uri: "/check/half/! });
$t->reload;
my @alive;
$t->wait_for('all old workers but one to leave', sub {
    (@alive = grep { kill 0, $_ } @old) == 1 });
rung('a draining worker', sub { $state->ring }, @alive);
print $hold "x\r\n\r\n";
like(scalar <$hold>, qr/ 200 /, 'its request is answered');
close $hold;
$t->wait_for('the last old worker', sub { !grep { kill 0, $_ } @old });

$t->expect_log(qr/sluice: /);
$t->done;

###############################################################################

sub slurp {
    open my $fh, '<', $t->dir . '/error.log' or return '';
    local $/;
    return scalar <$fh>;
}

# How often the doorbell rang, for a worker or for all.

sub rings {
    my ($pid) = @_;

    $pid //= '\d+';
    return scalar(() = slurp() =~ /\[debug\] $pid#\d+: sluice doorbell/g);
}

sub rung {
    my ($what, $do, @workers) = @_;

    @workers = $t->nginx_workers unless @workers;
    my %before = map { $_ => rings($_) } @workers;
    $do->();
    ok($t->wait_for("$what heard", sub {
        !grep { rings($_) <= $before{$_} } @workers }), $what);
}

# The watch may come by the tick only: ring until it is heard.

sub watched {
    my ($what) = @_;

    my %before = map { $_ => rings($_) } $t->nginx_workers;
    ok($t->wait_for("$what watched", sub {
        $state->ring;
        !grep { rings($_) <= $before{$_} } keys %before }), $what);
}
