#!/usr/bin/perl

# upstream { sluice CLUSTER; }: sessions go to the active host and live as long
# as their cluster's epoch; the traffic switch; writers whose time is over; no
# state; what clients are told and what logs say.

use warnings;
use strict;

use Socket qw(SOL_SOCKET SO_RCVBUF);
use Test::More;
use Time::HiRes qw(time sleep);

use Sluice;
use Sluice::State;
use Sluice::Tcp;

###############################################################################

my $t = Sluice->new;
my ($one, $two, $three) = map { tcp_server($t, $_) } qw(one two three);

sub host {
    my ($server, %more) = @_;

    return { name => $server->{name}, port => $server->{port}, %more };
}

my @hosts = map { host($_) } $one, $two;
my $other = { cluster => 'other', active => 0, hosts => [host($three)] };

# Publishes main1 as given, and other as it always is.
my $state;
sub route {
    my (%main1) = @_;

    $state->publish_routes(routes => [$other,
        { cluster => 'main1', hosts => \@hosts, %main1 }])->ring;
}

mkdir $t->dir . '/run';
$state = Sluice::State->new($t->dir . '/run/state',
    clusters => [{ name => 'main1' }], routes => [$other,
    { cluster => 'main1', hosts => \@hosts, active => 0, epoch => 7 }])
    ->replace;

$t->nginx(<<'EOC');
%%MODULES%%
worker_processes 2;
error_log %%DIR%%/error.log info;
pid %%DIR%%/nginx.pid;
events { }
sluice { state %%DIR%%/run/state; }
stream {
    log_format session '$server_port|$sluice_cluster|$sluice_epoch'
                       '|$sluice_host|$sluice_outcome|$status|$upstream_addr';
    access_log %%DIR%%/stream.log session;

    upstream main1 { sluice main1; }
    upstream other { sluice other; }
    upstream nosuch { sluice nosuch role=primary; }

    server { listen 127.0.0.1:8081; proxy_pass main1; }
    server { listen 127.0.0.1:8082; proxy_pass other; }
    server { listen 127.0.0.1:8083; proxy_pass nosuch; }
    server { listen 127.0.0.1:8084; proxy_pass main1; sluice_refuse close; }
    server { listen 127.0.0.1:8085; proxy_pass main1; proxy_half_close on; }
    server { listen 127.0.0.1:8086; return "ready"; }
}
EOC

sub session {
    my ($port) = @_;
    my $socket = tcp_client($t, $port);

    return ($socket, tcp_line($socket));
}

sub lives {
    my ($socket, $word) = @_;

    syswrite $socket, "$word\n";
    return (tcp_line($socket) // 'nothing') eq $word;
}

sub resets {
    my ($server) = @_;

    return scalar grep { $_ eq 'reset' } tcp_notes($server);
}

# The active host, and what becomes of sessions when that changes.
my ($writer, $hello) = session(8081);
is($hello, 'one', 'a session goes to the active host');
ok(lives($writer, 'select 1'), 'both ways');
my ($bystander) = session(8082);
my @more = map { (session(8081))[0] } 1 .. 20;
route(active => 1, epoch => 8, reason => 'one is dead');
ok(tcp_ended($writer), 'another epoch: the session is cut');
is(scalar(grep { tcp_ended($_) } @more), 20, 'all of them are');
ok(lives($bystander, 'select 2'), 'not those of another cluster');
($writer, $hello) = session(8081);
is($hello, 'two', 'new ones go to the new host');
ok($t->wait_for('their ends', sub { resets($one) >= 21 }),
    'the old host sees resets: nothing may still arrive');

# The same host, another epoch: A to B to A within one look.
route(active => 1, epoch => 9);
ok(tcp_ended($writer), 'the epoch alone decides');
($writer) = session(8081);
route(active => 1, epoch => 9, reason => 'another word', changed_real_ms => 5);
ok(lives($writer, 'select 3'), 'the same epoch: it lives');

# A client that does not read, with full buffers, is cut too.
my $deaf = tcp_client($t, 8081);
setsockopt $deaf, SOL_SOCKET, SO_RCVBUF, 1;
$deaf->blocking(0);
my $sent = 0;
for (1 .. 200) {
    my $n = syswrite $deaf, '.' x 65536;
    $sent += $n // 0;
    sleep 0.005 unless $n;
}
cmp_ok($sent, '>', 1_000_000, 'a client that does not read');
my $before = tcp_ends($two);
route(active => 1, epoch => 10);
ok($t->wait_for('both', sub { tcp_ends($two) == $before + 2 }), 'is cut');
ok(tcp_ended($writer), 'and so is the other');
close $deaf;

# Nobody is active.
($writer) = session(8081);
route(epoch => 11, reason => 'two:3306 is dead, and nobody else is healthy');
ok(tcp_ended($writer), 'no active host: cut');
my ($number, $text) = tcp_refusal(tcp_client($t, 8081));
is($number, 1105, 'a new client is told so, as MySQL would');
is($text, 'sluice: cluster main1, epoch 11: two:3306 is dead, and nobody else'
    . ' is healthy', 'and why');
is_deeply([tcp_refusal(tcp_client($t, 8084))], [], 'sluice_refuse close: not');
ok(tcp_ended(tcp_client($t, 8084)), 'it is closed');
is((tcp_refusal(tcp_client($t, 8083)))[1],
    'sluice: cluster nosuch, epoch 0: sluiced routes no such cluster',
    'a cluster that nobody knows');

# The traffic switch.
route(active => 0, epoch => 12);
($writer, $hello) = session(8081);
is($hello, 'one', 'active again');
route(active => 0, epoch => 12, traffic => 0, message => 'schema change');
ok(tcp_ended($writer), 'traffic off: cut, though the epoch stays');
is((tcp_refusal(tcp_client($t, 8081)))[1],
    'sluice: cluster main1, epoch 12: schema change', 'its message is told');
ok(lives($bystander, 'select 4'), 'not to another cluster');
route(active => 0, epoch => 12);
($writer, $hello) = session(8081);
is($hello, 'one', 'traffic on');

# A host that answers nothing: who is on the way to it is cut as well.
my $hole = IO::Socket::INET->new(LocalAddr => '127.0.0.1:' . $t->port('hole'),
    Listen => 0) or die;
my @full = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1',
    PeerPort => $t->port('hole'), Blocking => 0) } 1 .. 3;
my @with_hole = (@hosts, { name => 'hole', port => $t->port('hole') });
$state->publish_routes(routes => [$other, { cluster => 'main1', active => 2,
    epoch => 13, hosts => \@with_hole }])->ring;
ok(tcp_ended($writer), 'off to a black hole');
my $dialling = tcp_client($t, 8081);
is(tcp_line($dialling, 0.3), undef, 'nobody answers the dial');
route(active => 0, epoch => 14);
ok(tcp_ended($dialling), 'the one on the way is cut');
close $hole;

# Writers whose time is over, with nobody to say so.
route(active => 0, epoch => 15, writers_for => 60_000);
($writer) = session(8081);
route(active => 0, epoch => 15, writers_for => 400);
ok(lives($writer, 'select 5'), 'until then it lives');
ok(tcp_ended($writer), 'then it is cut');
like((tcp_refusal(tcp_client($t, 8081)))[1], qr/epoch 15: what was agreed on is/,
    'and nobody is let in');
route(active => 0, epoch => 15, writers_for => 700);
($writer) = session(8081);
for (1 .. 4) {
    sleep 0.3;
    route(active => 0, epoch => 15, writers_for => 700);
}
ok(lives($writer, 'select 6'), 'one whose time goes on lives');

# No state: the last word stands.
route(active => 0, epoch => 15);
($writer) = session(8081);
$state->remove;
$t->wait_for('it is noticed', sub {
    $t->read_file('error.log') =~ /no state: no such file/ });
ok(lives($writer, 'select 7'), 'without a state sessions live');
($writer, $hello) = session(8081);
is($hello, 'one', 'and come');
$state->replace(routes => [$other,
    { cluster => 'main1', hosts => \@hosts, active => 1, epoch => 16 }]);
ok(tcp_ended($writer), 'a new file: its word counts');
$state->publish_routes_image('garbage' x 20)->ring;
($writer, $hello) = session(8081);
is($hello, 'two', 'what cannot be read changes nothing');
route(active => 1, epoch => 16);

# Half-close: the reply still comes.
my ($half) = session(8085);
shutdown $half, 1;
is(tcp_line($half), 'bye', 'half-close keeps the reply');

# Logs.
undef $bystander;
close $_ for $writer, $half;
my @log;
$t->wait_for('the log', sub {
    @log = map { s/\n//r } split /^/, $t->read_file('stream.log');
    grep { /^\d+\|other\|/ } @log;
});
my %ports = map { $t->port($_) => $_ } 8081 .. 8085;
s/^(\d+)/$ports{$1} \/\/ 0/e for @log;
my $at_one = '127.0.0.1:' . $one->{port};
ok((grep { $_ eq "8081|main1|7|one:$one->{port}|severed|200|$at_one" } @log),
    'a session that was cut');
ok((grep { $_ eq "8082|other|1|three:$three->{port}|ok|200|127.0.0.1:"
    . $three->{port} } @log), 'one that was not');
ok((grep { /^8081\|main1\|0\|\|no_active\|502\|/ } @log), 'one that found nobody');
ok((grep { /^8083\|nosuch\|0\|\|no_active\|502\|/ } @log), 'or no cluster');
my $error_log = $t->read_file('error.log');
like($error_log, qr/sluice: main1: \d+ sessions cut, epoch 8: one is dead/,
    'why they were cut is said');
my $times = () = $error_log =~ /sessions cut, epoch 8:/g;
cmp_ok($times, '<=', 2, 'once in each worker');
like($error_log, qr/routes cannot be read: .*those known before stand/,
    'so is a file that cannot be read');

$t->expect_log(qr/sluice: /);
kill 'KILL', $_->{pid} for $one, $two, $three;
$t->done;
