#!/usr/bin/perl

# Pools of replicas: least sessions and lag, max_lag, who is left out, another
# host when one refuses, the primary as the last resort; a session lives as
# long as its host's epoch; role=inactive.

use warnings;
use strict;

use Test::More;

use Sluice;
use Sluice::State;
use Sluice::Tcp;

###############################################################################

my $t = Sluice->new;
my %server = map { $_ => tcp_server($t, $_) } qw(p a b c);

sub host {
    my ($name, @more) = @_;
    my %more = (lag => 0.1, flags => [qw/healthy replica/], @more);

    return { name => $name, port => $server{$name} ? $server{$name}{port}
        : $t->port($name), %more };
}

mkdir $t->dir . '/run';
my $state = Sluice::State->new($t->dir . '/run/state',
    clusters => [{ name => 'main1' }]);
my $epoch = 1;

sub hosts {
    my ($replicas, %route) = @_;

    return [{ cluster => 'main1', epoch => $epoch, active => 0, %route, hosts =>
        [host('p', flags => ['healthy']), @$replicas] }];
}

sub route { $state->publish_routes(routes => hosts(@_))->ring }

$state->replace(routes => hosts([host('a'), host('b')]));

$t->nginx(<<'EOC');
%%MODULES%%
worker_processes 2;
error_log %%DIR%%/error.log info;
pid %%DIR%%/nginx.pid;
events { }
sluice { state %%DIR%%/run/state; }
stream {
    log_format session '$sluice_cluster|$sluice_epoch|$sluice_host'
                       '|$sluice_outcome|$upstream_addr';
    access_log %%DIR%%/stream.log session;

    upstream read { sluice main1 role=replica; }
    upstream fresh { sluice main1 role=replica max_lag=500ms; }
    upstream fallback { sluice main1 max_lag=500ms role=replica fallback=primary; }
    upstream inactive { sluice main1 role=inactive; }
    upstream write { sluice main1; }

    server { listen 127.0.0.1:8081; proxy_pass read; }
    server { listen 127.0.0.1:8082; proxy_pass fresh; }
    server { listen 127.0.0.1:8083; proxy_pass fallback; }
    server { listen 127.0.0.1:8084; proxy_pass inactive; }
    server { listen 127.0.0.1:8085; proxy_pass write; }
}
EOC

# Who greets: "a a b".
my %open;
sub greetings {
    my ($port, $count) = @_;
    my @names;

    for (1 .. $count) {
        my $socket = tcp_client($t, $port);
        my $name = tcp_line($socket) // '-';

        push @{ $open{$name} }, $socket;
        push @names, $name;
    }
    return join ' ', sort @names;
}

sub close_all {
    my $count = map { @{ $open{$_} } } grep { $_ ne '-' } keys %open;
    my $before = ends();

    %open = ();
    $t->wait_for('sessions to end', sub { ends() >= $before + $count });
    return;
}

sub ends {
    my $sum = 0;

    $sum += tcp_ends($_) for values %server;
    return $sum;
}

# Both workers know the routes once they greet as they should.
sub becomes {
    my ($what, $port, $count, $want) = @_;
    my $got;

    $t->wait_for($what, sub {
        close_all();
        ($got = greetings($port, $count)) eq $want;
    });
    is($got, $want, $what);
    return;
}

becomes('least sessions: they share', 8081, 10, 'a a a a a b b b b b');
my $ended = tcp_ends($server{b});
close $_ for splice @{ $open{b} }, 0, 3;
$t->wait_for('their ends', sub {
    tcp_ends($server{b}) >= $ended + 3;
});
is(greetings(8081, 3), 'b b b', 'who has fewer gets more');

# Lag, and who is left out.
route([host('a', lag => 0.5), host('b', lag => 0.501)]);
becomes('max_lag', 8082, 4, 'a a a a');
becomes('without max_lag', 8081, 4, 'a a b b');
route([host('a', lag => undef), host('b', lag => 0)]);
becomes('lag that nobody knows is too much', 8082, 2, 'b b');
route([host('a', flags => [qw/replica down/]), host('b'),
    host('c', flags => [qw/replica drained/])]);
becomes('down and drained', 8081, 3, 'b b b');
route([host('a', flags => ['healthy']), host('b', address => '')]);
my ($number, $text) = tcp_refusal(tcp_client($t, 8081));
is($text, 'sluice: cluster main1, epoch 1: no host serves that role',
    'no replica');
is(greetings(8083, 2), 'p p', 'the last resort');
is((tcp_refusal(tcp_client($t, 8084)))[1],
    'sluice: cluster main1, epoch 1: no host serves that role', 'no inactive');

# The last resort is the active host: its sessions are writers.
my ($last) = @{ $open{p} };
delete $open{$_} for qw(p -);
$epoch = 2;
route([host('a'), host('b')]);
ok(tcp_ended($last), 'a new epoch cuts them');

# Others do not care for the cluster's epoch, only for their host's.
becomes('replicas', 8081, 2, 'a b');
my ($at_a, $at_b) = ($open{a}[0], $open{b}[0]);
%open = ();
$epoch = 3;
route([host('a'), host('b', epoch => 2)], active => undef, reason => 'gone');
ok(tcp_ended($at_b), "another epoch of the host's: cut");
syswrite $at_a, "select 1\n";
is(tcp_line($at_a), 'select 1', 'the other lives, without an active host');
is(greetings(8081, 1), 'b', 'and so do new ones');
route([host('b', epoch => 2)]);
ok(tcp_ended($at_a), 'a host that is gone: cut');
becomes('one is left', 8081, 1, 'b');
my $left = $open{b}[0];
%open = ();
route([host('b', epoch => 2)], traffic => 0, message => 'off');
ok(tcp_ended($left), 'traffic off cuts replicas too');
is((tcp_refusal(tcp_client($t, 8081)))[1],
    'sluice: cluster main1, epoch 3: off', 'and lets nobody in');

# One that refuses: the next is tried, and the client does not notice.
route([host('nobody', lag => 0), host('b', epoch => 2)]);
becomes('another host is tried', 8081, 4, 'b b b b');
close_all();
$t->wait_for('the log', sub {
    $t->read_file('stream.log') =~ /^main1\|2\|b:\d+\|ok\|127\.0\.0\.1:\d+, 127/m;
});
route([host('nobody', lag => 0)]);
is(greetings(8081, 1), '-', 'nobody is left');

# The inactive host.
$epoch = 4;
route([host('a'), host('b', flags => [qw/healthy inactive/])]);
becomes('role=inactive', 8084, 2, 'b b');
my $report = $open{b}[0];
%open = ();
my $writer = tcp_client($t, 8085);
is(tcp_line($writer), 'p', 'a writer');
route([host('a', flags => [qw/healthy inactive/]), host('b', epoch => 3)]);
ok(tcp_ended($report), 'another one: its sessions are cut');
syswrite $writer, "select 2\n";
is(tcp_line($writer), 'select 2', 'no writer is');

$t->expect_log(qr/sluice: |upstream/);
kill 'KILL', $_->{pid} for values %server;
$t->done;
