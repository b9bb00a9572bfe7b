#!/usr/bin/perl

# A look at many sessions is made in portions, and comes to all of them: also
# where those in front live, and routes have more hosts than the zone has room
# for. What cannot be read changes nothing, and is said once.

use warnings;
use strict;

use Test::More;

use Sluice;
use Sluice::State;
use Sluice::Tcp;

use constant {
    FILLERS => 700,     # hosts to go through for each session
    SESSIONS => 600,    # more than a portion has time for then
};

###############################################################################

my $t = Sluice->new;
my %server = map { $_ => tcp_server($t, $_) } qw(a b);
my @fillers = map { { name => "some.other.host.$_", flags => [] } } 1 .. FILLERS;

mkdir $t->dir . '/run';
my $state = Sluice::State->new($t->dir . '/run/state',
    clusters => [{ name => 'main1' }], route_capacity => 100);

sub host {
    my ($name, %more) = @_;

    return { name => $name, port => $server{$name}{port}, lag => 0.1,
        flags => [qw/healthy replica/], %more };
}

# a and b are the last of many.
sub routes { return [{ cluster => 'main1', epoch => 1, hosts => [@fillers, @_] }] }
sub route { return $state->publish_routes(routes => routes(@_))->ring }

$state->replace(routes => routes(host('a', flags => []), host('b')));

$t->nginx(<<'EOC');
%%MODULES%%
worker_processes 1;
error_log %%DIR%%/error.log info;
pid %%DIR%%/nginx.pid;
events { worker_connections 4096; }
sluice { state %%DIR%%/run/state; zone 1m; }
stream {
    upstream read { sluice main1 role=replica; }
    server { listen 127.0.0.1:8081; proxy_pass read; }
}
EOC

sub session {
    my $socket = tcp_client($t, 8081);

    return [tcp_line($socket) // '-', $socket];
}

# New sessions go there: the worker knows the routes.
sub all_at {
    my ($want) = @_;

    return $t->wait_for("sessions at $want",
        sub { (session())->[0] eq $want && (session())->[0] eq $want });
}

ok(all_at('b'), 'b');
my @many = map { session() } 1 .. SESSIONS;
is(scalar(grep { $_->[0] eq 'b' } @many), SESSIONS, 'many at b');
route(host('a'), host('b', flags => []));
ok(all_at('a'), 'a');
my @few = map { session() } 1 .. 3;
is(join(' ', map { $_->[0] } @few), 'a a a', 'a few at a, behind them');

# Their host's epoch is over: the look begins at b's, which live.
route(host('a', epoch => 2), host('b', flags => []));
is(scalar(grep { tcp_ended($_->[1]) } @few), 3, 'those behind are cut');
my $lives = 0;
for my $s (@many) {
    syswrite $s->[1], ".\n";
    $lives++ if (tcp_line($s->[1]) // '') eq '.';
}
is($lives, SESSIONS, 'those before live');

# And then theirs.
route(host('a', epoch => 2), host('b', flags => [], epoch => 2));
is(scalar(grep { tcp_ended($_->[1]) } @many), SESSIONS, 'all are cut');

# Who is not counted is not idle: chance decides, whoever has more.
route(host('a', epoch => 2), host('b', epoch => 2));
my %got;
$t->wait_for('both', sub { $got{ session()->[0] }++; 2 == keys %got });
%got = ();
$got{ $_->[0] }++ for my @some = map { session() } 1 .. 60;
cmp_ok($got{$_}, '>', 5, "$_ has some") for qw(a b);
like($t->read_file('error.log'),
    qr/sluice: no room to count sessions of more than \d+ hosts: /, 'said');
is(scalar(() = $t->read_file('error.log') =~ /no room to count/g), 1, 'once');

# An image that errs.
my @last = map { session() } 1 .. 2;
for (1 .. 5) {
    $state->publish_routes(routes => [{ cluster => 'main1', epoch => 9,
        active => 3, hosts => [] }])->ring;
    is((session())->[0] =~ /^[ab]$/, 1, 'what was known before stands');
}
is(scalar(() = $t->read_file('error.log') =~ /routes cannot be read: /g), 1,
    'said once');
route(host('a', epoch => 3), host('b', epoch => 3));
is(scalar(grep { tcp_ended($_->[1]) } @last), 2, 'a good one counts');
$state->publish_routes(routes => [{ cluster => 'main1', epoch => 9,
    active => 3, hosts => [] }])->ring;
$t->wait_for('the log', sub {
    session();
    2 == (() = $t->read_file('error.log') =~ /routes cannot be read: /g);
});
is(scalar(() = $t->read_file('error.log') =~ /routes cannot be read: /g), 2,
    'said again');

$t->expect_log(qr/sluice: |upstream/);
kill 'KILL', $_->{pid} for values %server;
$t->done;
