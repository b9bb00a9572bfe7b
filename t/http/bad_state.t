#!/usr/bin/perl

# State files that are not what they should be: 500 with a reason, one line in
# the log, and all is well as soon as the file is, without a reload.

use warnings;
use strict;

use Test::More;

use Sluice;
use Sluice::State;

###############################################################################

my $t = Sluice->new;

mkdir $t->dir . '/run';
my $state = Sluice::State->new($t->dir . '/run/state',
    clusters => [{ name => 'c', value => 0.25 }])->replace;

$t->nginx(<<'EOC');
%%MODULES%%
worker_processes 1;
error_log %%DIR%%/error.log info;
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

my $worker = $t->wait_for('the worker', sub { ($t->nginx_workers)[0] });

becomes('at first', 200, qr/"Value":0.25,/);

my %says = (
    empty => qr/too short/,
    garbage => qr/not a state file/,
    text => qr/not a state file/,
    magic => qr/not a state file/,
    major_old => qr/version 0/,
    major_new => qr/version 2/,
    header_only => qr/./,
    truncated => qr/trunc|short/,
    size => qr/trunc|short/,
    parts => qr/./,
    outside => qr/./,
    no_verdicts => qr/nothing has been published/,
    unpublished => qr/nothing has been published/,
);

for my $damage (Sluice::State->damages) {
    my $known = $says{$damage} // die "no word about $damage";

    $state->damage($damage);
    becomes($damage, 500, qr/"Message":"no state: .*$known/i);
    is(check()->{headers}{'sluice-reason'}, 'no-state', "$damage reason");
    is(check()->{headers}{'sluice-age-ms'}, undef, "$damage has no age");

    $state->replace;
    becomes("after $damage", 200, qr/"Value":0.25,/);
}

# images that are torn, lie or make no sense; in the file that is open

my $image = $state->image;

my %image = (
    zeroes => "\0" x length $image,
    ones => "\xff" x length $image,
    'no name' => sub { substr($_[0], -392, 1, "\0") },
    'a nan' => sub { substr($_[0], -392 + 64, 8, pack 'd', 'nan') },
    'an infinity' => sub { substr($_[0], -392 + 72, 8, pack 'd', 'inf') },
    'an unknown status' => sub { substr($_[0], -392 + 112, 4, pack 'L', 9) },
    'a count too large' => sub { substr($_[0], 52, 4, pack 'L', 1 << 31) },
    'an offset too large' => sub { substr($_[0], 60, 4, pack 'L', 1 << 31) },
    'an odd offset' => sub { substr($_[0], 60, 4, pack 'L', 65) },
    'no stride' => sub { substr($_[0], 56, 4, pack 'L', 0) },
    'a size too large' => sub { substr($_[0], 8, 8, pack 'Q', 1 << 40) },
    'a size too small' => sub { substr($_[0], 8, 8, pack 'Q', 8) },
    'a metric without a name' => $state->image(metrics => [
        { cluster => 'c', name => '' }]),
    'a metric twice' => $state->image(metrics => [
        ({ cluster => 'c', name => 'm' }) x 2]),
    'too many sections' => sub { substr($_[0], 16, 4, pack 'L', 1 << 30) },
);

for my $name (sort keys %image) {
    my $bytes = $image{$name};

    if (ref $bytes) {
        $bytes = $image;
        $image{$name}->($bytes);
    }

    $state->publish_image($bytes);
    becomes("image of $name", '500|404', qr/"Message":"n/i);
    $state->publish;
    becomes("after image of $name", 200, qr/"Value":0.25,/);
}

# a generation that goes back to nothing, in a file that goes on beating

$state->put(Sluice::State::HEADER + Sluice::State::GENERATION, "\0" x 8);
becomes('unpublished again', 500, qr/nothing has been published/);
$state->publish;
becomes('published again', 200, qr/"Value":0.25,/);

# "cp new state" cuts the file that the worker has open

truncate $state->path, 0 or die;
becomes('cut to nothing', 500, qr/no state|stale/);
$state->replace;
becomes('after cut to nothing', 200, qr/"Value":0.25,/);

my $bytes = $state->bytes;
truncate $state->path, 4096 or die;
becomes('cut in the middle', '200|500', qr/./);
open my $fh, '>:raw', $state->path or die;
print $fh $bytes;
close $fh;
$state->beat;
becomes('written over', 200, qr/"Value":0.25,/);

open $fh, '+<:raw', $state->path or die;
print $fh "\xaa" x length $bytes;
close $fh;
becomes('overwritten in place', 500, qr/stale|no state/);
$state->replace;
becomes('after overwritten in place', 200, qr/"Value":0.25,/);

# other things at the path

$state->remove;
mkdir $state->path or die;
becomes('a directory', 500, qr/no state: not a regular file/);
rmdir $state->path or die;

symlink 'nowhere', $state->path or die;
becomes('a dangling link', 500, qr/no such file/);
unlink $state->path or die;

system('mkfifo', $state->path) == 0 or die;
becomes('a fifo', 500, qr/no state: not a regular file/);
unlink $state->path or die;

SKIP: {
    skip 'root reads everything', 1 if $> == 0;
    $state->put_file('x');
    chmod 0, $state->path;
    becomes('unreadable', 500, qr/cannot open: Permission denied/);
}

$state->replace;
becomes('at last', 200, qr/"Value":0.25,/);

# one line for each change, from one worker that has lived through it all

is_deeply([$t->nginx_workers], [$worker], 'the same worker');

open my $log, '<', $t->dir . '/error.log' or die;
my @lines = grep { /sluice: / } <$log>;
my $twice = 0;
for my $i (1 .. $#lines) {
    my ($one, $two) = map { s/^.*?sluice: //r } @lines[$i - 1, $i];
    $twice++ if $one eq $two;
}
is($twice, 0, 'nothing said twice');
is(scalar(grep { /major|version 2/ } @lines), 1, 'each said once');
cmp_ok(scalar(@lines), '<', 4 * (%image + %says + 12), 'no flood');

$t->expect_log(qr/sluice: /);
$t->done;

###############################################################################

sub check { return $t->get(8080, '/check/app/mysql/c') }

sub becomes {
    my ($what, $status, $body) = @_;

    my $got = $t->wait_for("$what: $status", sub {
        my $got = check();
        $got->{status} =~ /^(?:$status)$/ && $got->{body} =~ $body && $got;
    });
    ok($got, "$what: $status");
}
