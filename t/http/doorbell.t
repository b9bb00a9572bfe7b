#!/usr/bin/perl

# The doorbell: workers notice at once, and the tick is there for when they do
# not. A worker's debug log says which of the two it was.

use warnings;
use strict;

use IO::Socket::INET;
use Test::More;

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
sluice { state %%DIR%%/run/state; max_age 30s; }
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
is(rings() - $before, 2, 'other files ring nothing');

# the watch follows the path: to a new directory, to one moved there

$state->remove;
unlink glob "$run/*";
rung('the directory removed', sub { rmdir $run or die });
mkdir $run or die;
$state->replace;
watched('a new directory');

rung('the directory renamed', sub { rename $run, "$run.old" or die });
mkdir $run or die;
$state->replace;
watched('a directory in its place');

# it is the bell that makes a worker look, not the tick which it wakes: between
# the two lines of the log no timer went off. The tick may be first by chance,
# so there is more than one try.

for my $worker ($t->nginx_workers) {
    my $seen;
    for (1 .. 20) {
        my $gone = said($worker, 'no such file;');
        $state->remove;
        $t->wait_for('removed', sub {
            said($worker, 'no such file;') > $gone });
        my ($between) =
            log_of($worker) =~ /.*sluice doorbell\n(.*?)no such file;/s;
        $seen = defined $between && $between !~ /event timer del/;
        my $good = said($worker, 'is good again');
        $state->replace;
        $t->wait_for('replaced', sub {
            said($worker, 'is good again') > $good });
        last if $seen;
    }
    ok($seen, 'looked because of the bell');
}

# a worker that is shutting down goes on listening until it may go

my @old = sort $t->nginx_workers;
my $hold = IO::Socket::INET->new(
    PeerAddr => '127.0.0.1', PeerPort => $t->port(8080)) or die;
print $hold "GET /check/half/mysql/c HTTP/1.1\r\nHost: a\r\nX-Half: ";
$t->wait_for('half a request read', sub {
    log_of() =~ m!http uri: "/check/half/! });
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

# The lines of one worker, or of all.

sub log_of {
    my ($pid) = @_;

    $pid //= '\d+';
    return join "\n", $t->read_file('error.log') =~ / $pid#\d+: (.*)/g, '';
}

sub said {
    my ($pid, $text) = @_;

    return scalar(() = log_of($pid) =~ /\Q$text\E/g);
}

sub rings { return said($_[0], 'sluice doorbell') }

# What is done makes each worker's doorbell ring.

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
