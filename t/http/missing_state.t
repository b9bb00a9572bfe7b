#!/usr/bin/perl

# nginx comes first: it starts and reloads without a state file and without
# its directory, and finds them by itself whatever happens to them later.

use warnings;
use strict;

use Test::More;

use Sluice;
use Sluice::State;

###############################################################################

my $t = Sluice->new;
my $run = $t->dir . '/run';

my $state = Sluice::State->new("$run/state", clusters => [{ name => 'c' }]);

my $conf = <<'EOC';
%%MODULES%%
worker_processes 2;
error_log %%DIR%%/error.log info;
pid %%DIR%%/nginx.pid;
events { }
sluice { state %%DIR%%/run/state; max_age 30s; }
http {
    access_log off;
    keepalive_timeout 0;
    server {
        listen 127.0.0.1:8080;
        include %%CONF%%/nginx/freno.conf;
    }
}
EOC

my ($status, $out) = $t->nginx_test($conf);
is($status, 0, 'nginx -t without the directory');
is(() = $out =~ /\[warn\]/g, 1, 'one warning');
unlike($out, qr/\[(emerg|alert|error)\]/, 'nothing worse');

my $before = logged(qr/no such file/);
$t->nginx($conf);

becomes('no directory', 500, qr/"Message":"no state: no such file"/);
is(check()->{headers}{'retry-after'}, 1, 'retry');
is($t->get(8080, '/status')->{status}, 200, 'the rest is served');
is(logged(qr/no such file/) - $before, 1, 'one line, not one per worker');

$t->reload;
is(check()->{status}, 500, 'reload without the directory');

mkdir $run or die;
is(check()->{status}, 500, 'no file');

found('directory made');

$state->remove;
becomes('file removed', 500, qr/no such file/);
found('file made again');

# removed and made again: a new inode, perhaps of the same number

$state->remove;
rmdir $run or die;
becomes('directory removed', 500, qr/no such file/);
mkdir $run or die;
found('directory made again');

# another directory in its place, the old one still there

rename $run, "$run.old" or die;
becomes('directory renamed', 500, qr/no such file/);
mkdir $run or die;
found('another directory in its place');

rename $run, "$run.older" or die;
rename "$run.old", $run or die;
found('the first one again');

# at the next start, too

$t->nginx_stop;
$state->remove;
$t->nginx($conf);
becomes('started without', 500, qr/no such file/);
found('written later');

$t->reload;
is(check()->{status}, 200, 'reload with a state');

$t->expect_log(qr/sluice: /);
$t->done;

###############################################################################

my $value;

sub check { return $t->get(8080, '/check/app/mysql/c') }

# Every worker finds what is there now: a value not seen before.

sub found {
    my ($what) = @_;

    $value += 0.1;
    $state->replace(clusters => [{ name => 'c', value => $value }]);
    my $text = Sluice::State::number($value);
    becomes($what, 200, qr/"Value":\Q$text\E,/);
}

# Ten in a row, from whichever worker: all of them.

sub becomes {
    my ($what, $status, $body) = @_;

    ok($t->wait_for("$what: $status", sub {
        for (1 .. 10) {
            my $got = check();
            return 0 if $got->{status} != $status || $got->{body} !~ $body;
        }
        return 1;
    }), "$what: $status");
}

sub logged {
    my ($re) = @_;

    open my $fh, '<', $t->dir . '/error.log' or return 0;
    return scalar grep { /$re/ } <$fh>;
}
