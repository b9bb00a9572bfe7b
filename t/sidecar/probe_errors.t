#!/usr/bin/perl

# Every way a probe can fail, on real servers and sockets, and what it says
# then: each cluster below has one host with one trouble.

use warnings;
use strict;

use IO::Socket::INET;
use JSON::PP;
use Test::More;

use Sluice;

###############################################################################

my $t = Sluice->new;
my $secret = 'Geh3im';

my ($primary, $replica, $alone) = map { $t->mariadb } 1 .. 3;
$replica->replicate_from($primary);
$primary->sql('set sql_log_bin = 0',
    "create user 'locked'\@'%' identified by 'not $secret'",
    q{install soname 'auth_ed25519'},
    qq{create user 'ed'\@'%' identified via ed25519 using password('$secret')},
    'set sql_log_bin = 1');

# Ports with something behind them that is no MySQL server.
my $refused = $t->port(8901);
my $silent = listener(16);
my $talker = $t->port('talker');
$t->spawn('talker', $^X, '-MIO::Socket::INET', '-e', <<'EOF', $talker);
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
    LocalPort => $ARGV[0], Listen => 16) or die "listen: $!";
while (my $client = $listener->accept) {
    print $client "HTTP/1.1 400 Bad Request\r\n\r\n";
}
EOF
my ($deaf, @queue) = deaf_listener();

my %clusters = (
    refused => [$refused, 'select 1'],
    refused6 => ["[::1]:$refused", 'select 1'],
    lookup => ['no-such-host.invalid', 'select 1'],
    dropped => [$deaf->sockport, 'select 1'],
    silent => [$silent->sockport, 'select 1'],
    talker => [$talker, 'select 1'],
    denied => [$primary->port, 'select 1', 'locked', $secret],
    ed25519 => [$primary->port, 'select 4', 'ed', $secret],
    ed25519_denied => [$primary->port, 'select 1', 'ed', "$secret$secret"],
    name => ['localhost:' . $primary->port, 'select 5'],
    unsupported => [$primary->port, 'show status'],
    syntax => [$primary->port, 'select 1 from'],
    slow => [$primary->port, 'select sleep(5)'],
    no_row => [$primary->port, 'select 1 from dual where false'],
    two_columns => [$primary->port, 'select 1, 2'],
    text => [$primary->port, q{select 'abc' v}],
    null => [$primary->port, 'select NULL'],
    global => [$primary->port, q{show global status like 'Uptime'}],
    global_no_row => [$primary->port, q{show global status like 'nothing'}],
    global_text => [$primary->port, q{show global variables like 'version'}],
    collation => [$primary->port, 'select @@collation_connection = '
        . q{'utf8mb4_bin'}],
    replica => [$replica->port, ''],
    alone => [$alone->port, ''],
);

my $sluiced = $t->sluiced(encode_json({
    StateFile => $t->dir . '/run/state',
    Stores => { MySQL => { Collation => 'utf8mb4_bin', Clusters => { map { $_ => conf(@{ $clusters{$_} }) }
        keys %clusters } } },
}));

###############################################################################

$t->wait_for('ready', sub { $sluiced->log =~ /event=ready/ });
error_is(refused => "dial tcp 127.0.0.1:$refused: connect: connection refused");
error_is(refused6 => "dial tcp [::1]:$refused: connect: connection refused");
error_is(lookup => qr/^dial tcp: lookup no-such-host\.invalid: /);
error_is(dropped => 'dial tcp 127.0.0.1:' . $deaf->sockport . ': i/o timeout');
error_is(silent => 'no handshake from 127.0.0.1:' . $silent->sockport
    . ' within 1000 ms');
error_is(talker => qr/^(Error 2\d\d\d: |EOF: )/);
error_is(denied => q{Error 1045: Access denied for user 'locked'@'127.0.0.1'}
    . ' (using password: YES)');
error_is(ed25519_denied => q{Error 1045: Access denied for user 'ed'@}
    . q{'127.0.0.1' (using password: YES)});
error_is(unsupported => 'Unsupported metrics query type: show status');
error_is(syntax => qr/^Error 1064: You have an error in your SQL syntax/);
error_is(slow => 'no answer within 300 ms');
error_is(no_row => 'sql: no rows in result set');
error_is(two_columns => 'sql: expected 2 destination arguments in Scan, not 1');
error_is(text => 'sql: Scan error on column index 0, name "v": converting '
    . 'driver.Value type []uint8 ("abc") to a float64: invalid syntax');
error_is(null => 'sql: Scan error on column index 0, name "NULL": converting '
    . 'NULL to float64 is unsupported');
error_is(global_no_row => 'sql: no rows in result set');
error_is(global_text => qr/^sql: Scan error on column index 1, name "Value": /);

value_is(ed25519 => 4);
value_is(name => 5);
value_is(collation => 1);
value_is(replica => 0);
$t->wait_for('global: a value', sub { cluster('global')->{status} eq 'value' });
cmp_ok(cluster('global')->{value}, '<', 3600, 'show global: the uptime');

# A host without replication: lag 0 while it may be written to.
value_is(alone => 0);
$alone->sql('set global read_only = 1');
error_is(alone => 'no replica status on a read_only host');
$alone->sql('set global read_only = 0');
value_is(alone => 0);

# Replication that stands still, and one channel of several that does.
my $stopped = 'replication not running; Slave_IO_Running=No, '
    . 'Slave_SQL_Running=';
$replica->sql('stop slave io_thread');
error_is(replica => $stopped . 'Yes');
$replica->sql('stop slave');
error_is(replica => $stopped . 'No');
$replica->sql('start slave');
value_is(replica => 0);
$replica->sql(q{change master 'second' to master_host = '127.0.0.1',
    master_port = } . $alone->port . q{, master_user = 'repl'});
error_is(replica => $stopped . 'No');
$replica->sql(q{reset slave 'second' all});
value_is(replica => 0);

# The largest lag of several channels counts.
$alone->sql('set global gtid_domain_id = 7',
    q{create user 'repl'@'%' identified by 'repl'},
    q{grant replication slave on *.* to 'repl'@'%'}, 'reset master');
$replica->sql(q{change master 'second' to master_host = '127.0.0.1',
    master_port = } . $alone->port . q{, master_user = 'repl',
    master_password = 'repl', master_use_gtid = slave_pos, master_delay = 600},
    q{start slave 'second'});
$alone->sql('create database later');
$t->wait_for('the lag of the second channel', sub {
    my $c = cluster('replica');

    $c->{status} eq 'value' && $c->{value} > 0;
});
pass('several channels: the largest lag');

# What worked goes on working when its server comes back.
$alone->kill;
error_is(alone => qr/^(EOF: |dial tcp .*connection refused)/);
$alone->start;
value_is(alone => 0);

# A collation that no server knows, or that is none.
for my $collation ('utf8mb4_nope', q{x'; drop}) {
    my $file = $t->write_file('collation.json', encode_json({ Stores => {
        MySQL => { Collation => $collation,
            Clusters => { one => conf($primary->port, 'select 1') } } } }));
    my ($rc, $out) = $t->sluiced_run('-t', '--probe', '-c', $file);

    is($rc, 1, "Collation $collation: an error");
    like($out, qr/Error 1273: Unknown collation/, "Collation $collation: says so");
}

unlike($sluiced->log . `$t->{build}/statedump $t->{dir}/run/state`,
    qr/\Q$secret\E/, 'the password is nowhere to be read');

$t->done;

###############################################################################

sub listener {
    my ($backlog) = @_;

    return IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => $backlog,
        LocalPort => $t->port('l' . ++$t->{serial})) || die "listen: $!";
}

# Its queue is full: what connects to it gets no answer at all.
sub deaf_listener {
    my $listener = listener(1);
    my @clients;

    for (1 .. 4) {
        my $client = IO::Socket::INET->new(Proto => 'tcp', Blocking => 0);
        connect $client, $listener->sockname;
        push @clients, $client;
    }
    return ($listener, @clients);
}

sub conf {
    my ($host, $query, $user, $password) = @_;

    $host = "127.0.0.1:$host" if $host =~ /^\d+$/;
    return {
        User => $user // 'probe', Password => $password // 'probe',
        MetricQuery => $query, ThrottleThreshold => 1,
        StaticHostsSettings => { Hosts => [$host] },
    };
}

sub cluster {
    my ($name) = @_;
    my $dump = decode_json(
        scalar `$t->{build}/statedump --json $t->{dir}/run/state`);

    return (grep { $_->{name} eq $name } @{ $dump->{clusters} })[0];
}

sub error_is {
    my ($name, $text) = @_;
    my $got;

    $t->wait_for("$name: an error", sub {
        $got = cluster($name);
        $got->{status} eq 'error'
            && (ref $text ? $got->{error} =~ $text : $got->{error} eq $text);
    }, 5);
    ref $text ? like($got->{error}, $text, "$name: error")
        : is($got->{error}, $text, "$name: error");
}

sub value_is {
    my ($name, $value) = @_;
    my $got;

    $t->wait_for("$name: $value", sub {
        $got = cluster($name);
        $got->{status} eq 'value' && $got->{value} == $value;
    }, 5);
    is($got->{value}, $value, "$name: value");
}
