#!/usr/bin/perl

# Redis as workers meet it: with passwords, on a unix socket, killed, frozen,
# restarted, silent, and when it is none.

use warnings;
use strict;

use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep time);

use Sluice;
use Sluice::Orders;
use Sluice::Redis;
use Sluice::State;

###############################################################################

my $t = Sluice->new;
my $running;

mkdir $t->dir . '/run';
my $state = Sluice::State->new($t->dir . '/run/state',
    clusters => [{ name => 'c', value => 0.5 }],
    facts => { revision => 1, channel => 'chan' })->replace;

my $redis = Sluice::Redis->start($t, conf => <<'EOC');
requirepass "top secret"
user ear on ">ear's pw" resetchannels &chan -@all +subscribe
user deaf on >pw resetchannels -@all +subscribe
EOC
my $orders = Sluice::Orders->new($redis->address,
    auth => ['default', 'top secret']);

my %file = map { $_->[0] => $t->write_file("$_->[0].pw", $_->[1]) }
    ['default', "top secret\n"], ['ear', "ear's pw"], ['deaf', "pw\n"],
    ['wrong', "none\n"];

# the ways that lead to it

nginx($redis->address . " password_file=$file{default}");
hears('with a password');
for my $way (
    ['as a user', $redis->address . " user=ear password_file=$file{ear}"],
    ['by the unix socket',
        'unix:' . $redis->socket . " user=ear password_file=$file{ear}"],
) {
    nginx($way->[1]);
    hears($way->[0]);
}

# those that do not: what the log says of each, once; checks go on

for my $case (
    ['no password', '', 'SUBSCRIBE: it answers: NOAUTH'],
    ['a wrong password', " password_file=$file{wrong}",
        'AUTH: it answers: WRONGPASS'],
    ['a user who may not listen', " user=deaf password_file=$file{deaf}",
        'SUBSCRIBE: it answers: NOPERM'],
) {
    nginx($redis->address . $case->[1]);
    complains($case->[0], $case->[2]);
}
unlike($t->read_file('error.log'), qr/top secret|ear's pw/,
    'no password in the log');

# who is no Redis: one that closes, hangs, talks something else

my $port = $t->port('fake');
for my $case (
    ['closes at once', sub { close $_[0] }, 'the connection was closed'],
    ['says nothing', sub { }, 'no answer within 1000 ms'],
    ['speaks HTTP', sub { print { $_[0] } "HTTP/1.1 400 Bad Request\r\n\r\n";
        }, 'it does not speak as Redis does'],
    ['announces too much', sub { print { $_[0] } "*2147483647\r\n"; },
        'it does not speak as Redis does'],
    ['sends without end', sub {
        print { $_[0] } '$', 100_000_000, "\r\n", 'x' x 1_000_000; },
        'it sent more than 65536 bytes at once'],
    ['speaks unasked', sub { print { $_[0] } "*1\r\n\$1\r\nx\r\n:1\r\n+OK\r\n"
        . "*3\r\n:1\r\n:2\r\n:3\r\n*-1\r\n\$-1\r\n*0\r\n"; },
        'no answer within 1000 ms'],
    ['errs', sub { print { $_[0] } "-LOADING wait\r\n"; },
        'SUBSCRIBE: it answers: LOADING wait'],
) {
    my $fake = fake($case->[1]);
    nginx("127.0.0.1:$port");
    complains("one that $case->[0]", $case->[2]);
    kill 9, $fake;
    waitpid $fake, 0;
}
nginx("127.0.0.1:$port");
complains('nobody there', 'cannot connect');
nginx('unix:' . $t->dir . '/nosuch.sock');
complains('no such socket', 'cannot connect');

# garbage is counted, and said once

nginx($redis->address . " password_file=$file{default}");
Sluice::Orders::wait_connected($t);
my $said = () = $t->read_file('error.log') =~ /messages were ignored/g;
$orders->say('', 'x', "\0" x 100, 'sluice2 a 1 beat 0 0 ', 'z',
    'sluice1 teststore 5 throttle nan 0 a', 'sluice1 teststore 5 throttle 1 0 ',
    "sluice1 teststore 5 throttle 1 0 a\nb", 'y' x 2000,
    'sluice1 teststore 99999999999999999999 throttle 1 0 a');
$orders->throttle('after');
$t->wait_for('garbage', sub { status('after') == 417 });
ok($t->wait_for('both workers to count it', sub {
    join(' ', map { $_->{garbage} } Sluice::Orders::workers($t)) eq '10 10' }),
    'garbage is counted');
$t->wait_for('both to say so', sub {
    (() = $t->read_file('error.log') =~ /messages were ignored/g)
        >= $said + 2 });
sleep 0.2;
is((() = $t->read_file('error.log') =~ /messages were ignored/g) - $said, 2,
    'and said once by each worker');
is(status('a'), 200, 'and changes nothing');

# killed, and back

$redis->kill;
$t->wait_for('both to notice', sub {
    !grep { $_->{connected} } Sluice::Orders::workers($t) });
is(status('after'), 417, 'orders stay while it is away');
is(status('other'), 200, 'checks go on');
$redis->again;
Sluice::Orders::wait_connected($t);
$orders->throttle('again');
settles('again', 417, 'it is heard again after a restart');

# frozen: no beat for three seconds, and back

$orders->beat;
$redis->stop;
$t->wait_for('both to notice', sub {
    !grep { $_->{connected} } Sluice::Orders::workers($t) });
like($t->read_file('error.log'), qr/no beat from any sluiced in 3000 ms/,
    'a frozen one is noticed');
is(status('other'), 200, 'checks go on');
$redis->cont;
Sluice::Orders::wait_connected($t);
$orders->throttle('thawed');
settles('thawed', 417, 'it is heard again when it goes on');
like($t->read_file('error.log'), qr/\[notice\].*redis .* is good again/,
    'which is said');

# no beat at all, though Redis answers

my $before = () = $t->read_file('error.log') =~ /no beat from any/g;
$t->wait_for('silence', sub {
    (() = $t->read_file('error.log') =~ /no beat from any/g) > $before + 1 });
sleep 4;
is((() = $t->read_file('error.log') =~ /no beat from any/g) - $before, 2,
    'silence is said once by each worker');

# a worker that drains lets go of it at once, and leaves without a word

Sluice::Orders::wait_connected($t);
my $hold = IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . $t->port(8080));
print $hold "GET /check/half/mysql/c HTTP/1.1\r\nHost: a\r\nX-Half: ";
sleep 0.2;
$t->reload;
Sluice::Orders::wait_connected($t);
$t->wait_for('the old workers to let go', sub { ($orders->beat)[0] == 2 });
pass('the old workers let go');
print $hold "x\r\n\r\n";
like(scalar <$hold>, qr/ 200 /, 'and go on with what they have');

$t->expect_log(qr/sluice: /);
$t->done;

###############################################################################

sub nginx {
    my ($to) = @_;
    my $conf = <<"EOC";
%%MODULES%%
worker_processes 2;
error_log %%DIR%%/error.log info;
events { }
sluice { state %%DIR%%/run/state; max_age 30s; redis $to; }
http {
    access_log off;
    server {
        listen 127.0.0.1:8080;
        include %%CONF%%/nginx/freno.conf;
    }
}
EOC
    return $t->nginx($conf) && ($running = 1) unless $running;
    $t->nginx_conf($conf);
    return $t->reload;
}

sub status {
    my ($app) = @_;

    return $t->get(8080, "/check/$app/mysql/c")->{status};
}

sub settles {
    my ($app, $status, $what) = @_;

    ok($t->wait_for($what, sub {
        !grep { status($app) != $status } 1 .. 8 }), $what);
}

sub hears {
    my ($what) = @_;
    my $app = 'app' . ++$orders->{revision};

    Sluice::Orders::wait_connected($t);
    $orders->throttle($app);
    settles($app, 417, $what);
}

# Each worker says it once, whatever it tries meanwhile.

sub complains {
    my ($what, $said) = @_;
    my %new = map { $_ => 1 } Sluice::Orders::serving($t);
    my $lines = sub {
        grep { /\[error\] (\d+)#/ && $new{$1} && /redis .*\Q$said\E/ }
            split /\n/, $t->read_file('error.log');
    };

    ok($t->wait_for("$what, said", sub { $lines->() >= 2 }), "$what, said");
    is(status('other'), 200, "$what: checks go on");
    sleep 0.5;
    is(scalar(my @all = $lines->()), 2, "$what, once by each worker");
    is(scalar(grep { $_->{connected} } Sluice::Orders::workers($t)), 0,
        "$what: not connected");
}

# A server that does this with each connection.

sub fake {
    my ($do) = @_;
    my $listen = IO::Socket::INET->new(LocalAddr => "127.0.0.1:$port",
        Listen => 64, ReuseAddr => 1) or die "fake: $!";
    my $parent = $$;
    my $child = fork // die "fork: $!";

    return $child if $child;
    $SIG{CHLD} = 'IGNORE';
    $SIG{PIPE} = 'IGNORE';
    $SIG{ALRM} = sub { kill 9, $$ };
    alarm 60;
    my @open;
    while (my $socket = $listen->accept) {
        $socket->autoflush(1);
        push @open, $socket;
        $do->($socket);
    }
    kill 9, $$;
}
