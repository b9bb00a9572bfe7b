#!/usr/bin/perl

# TLS to the hosts: who is let in and who is not, and that a TLS server that
# hangs, freezes or dies does not touch what is known of any other.

use warnings;
use strict;

use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep time);

use Sluice;

###############################################################################

my $t = Sluice->new;

authority('ca');
authority('other-ca');
certificate('server', 'ca', 'DNS:localhost');
certificate('client', 'ca', 'DNS:probe');

my @tls = map { "--ssl-$_" } 'ca=' . pem('ca'), 'cert=' . pem('server'),
    'key=' . key('server');
my $plain = $t->mariadb(args => ['--skip-ssl']);
my ($steady, $victim) = map { $t->mariadb(args => \@tls) } 1, 2;
$steady->sql(q{create user 'x509'@'%' identified by 'x' require x509},
    q{install soname 'auth_ed25519'},
    q{create user 'ed'@'%' identified via ed25519 using password('e')});
my $hang = greet_and_hang();

my %use = (UseTLS => JSON::PP::true);
my %verify = (%use, TLSCAFile => pem('ca'));
my %trust = (%use, TLSVerify => JSON::PP::false);
my %clusters = (
    plain => [$plain, '127.0.0.1', {}],
    verified => [$steady, 'localhost', {%verify}],
    slow => [$steady, 'localhost', {%verify,
        MetricQuery => 'select 1 + sleep(0.25)', ProbeTimeoutMillis => 2000 }],
    trusted => [$steady, '127.0.0.1', {%trust}],
    wrong_name => [$steady, '127.0.0.1', {%verify}],
    wrong_name_trusted => [$steady, '127.0.0.1',
        { %trust, TLSCAFile => pem('ca') }],
    wrong_ca => [$steady, 'localhost',
        { %use, TLSCAFile => pem('other-ca') }],
    certified => [$steady, 'localhost', { %verify, User => 'x509',
        Password => 'x', TLSCertFile => pem('client'),
        TLSKeyFile => key('client') }],
    uncertified => [$steady, 'localhost',
        { %verify, User => 'x509', Password => 'x' }],
    ed25519 => [$steady, 'localhost',
        { %verify, User => 'ed', Password => 'e' }],
    no_tls => [$plain, 'localhost', {%verify}],
    no_tls_trusted => [$plain, '127.0.0.1', {%trust}],
    victim => [$victim, 'localhost', {%verify}],
    victim_slow => [$victim, 'localhost', {%verify,
        MetricQuery => 'select 1 + sleep(0.25)', ProbeTimeoutMillis => 2000 }],
    hang => [$hang, '127.0.0.1', {%trust}],
);
my @good = qw(plain verified slow trusted wrong_name_trusted certified ed25519);

my $sluiced = $t->sluiced(encode_json({
    StateFile => $t->dir . '/run/state',
    Stores => { MySQL => { User => 'probe', Password => 'probe',
        MetricQuery => 'select 1', ThrottleThreshold => 1,
        Clusters => { map { $_ => conf(@{ $clusters{$_} }) } keys %clusters },
    } },
}));
$t->wait_for('ready', sub { $sluiced->log =~ /event=ready/ });

###############################################################################

value($_) for @good, 'victim', 'victim_slow';
error(wrong_name => qr/Validation of SSL server certificate failed/);
error(wrong_ca => qr/certificate/);
error(uncertified => qr/^Error 1045: Access denied for user 'x509'/);
error(no_tls => qr/SSL is required, but the server does not support it/);
error(no_tls_trusted => qr/^UseTLS is set, but the server has no TLS$/);
error(hang => qr/^no handshake from 127\.0\.0\.1:\d+ within 1000 ms$/);

# A TLS server frozen between two probes: nobody else is kept waiting.
$victim->stop;
watch('a frozen TLS server', 2.5);
error(victim => qr/^no (answer|handshake)/);
$victim->cont;
value('victim');

# One that dies in the middle of an answer, again and again: OpenSSL's error
# is not taken for another connection's.
for my $round (1 .. 3) {
    $victim->kill;
    watch("a TLS server killed, round $round", 0.7);
    error(victim => qr/^(EOF: |dial tcp .*connection refused)/);
    $victim->start;
    value($_) for 'victim', 'victim_slow';
}

# An end while threads are in the middle of connecting is a clean end.
my $many = encode_json({
    StateFile => $t->dir . '/many/state',
    Stores => { MySQL => { User => 'probe', Password => 'probe',
        MetricQuery => 'select 1', %trust,
        Clusters => { map { ("many$_" => conf($steady, '127.0.0.1', {})) }
            1 .. 60 },
    } },
});
for my $round (1 .. 6) {
    my $short = $t->sluiced($many, name => "sluiced-$round");

    $t->wait_for('a start', sub { $short->log =~ /event=started/ });
    is($short->term, 0, "end while connecting, round $round: exit status 0");
}

$t->done;

###############################################################################

sub pem { return "$t->{dir}/$_[0].pem" }
sub key { return "$t->{dir}/$_[0].key" }

sub openssl {
    my @command = ('openssl', @_);
    my ($rc, $out, $err) = $t->run_command(@command);

    die "@command: $err" if $rc;
}

sub authority {
    my ($name) = @_;

    openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', 2,
        '-subj', "/CN=$name", '-keyout', key($name), '-out', pem($name));
}

sub certificate {
    my ($name, $ca, $who) = @_;
    my $ext = $t->write_file("$name.ext", "subjectAltName=$who\n");

    openssl('req', '-newkey', 'rsa:2048', '-nodes', '-subj', "/CN=$name",
        '-keyout', key($name), '-out', "$t->{dir}/$name.csr");
    openssl('x509', '-req', '-in', "$t->{dir}/$name.csr", '-CA', pem($ca),
        '-CAkey', key($ca), '-CAcreateserial', '-days', 2, '-extfile', $ext,
        '-out', pem($name));
}

# The port of a server that greets with TLS on offer, and then says nothing.
sub greet_and_hang {
    my $port = $t->port('hang');
    my $script = $t->write_file('hang.pl', <<'EOF');
use IO::Socket::INET;

my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
    LocalPort => $ARGV[0], Listen => 64) or die "listen: $!";
my $flags = 0x000a_aa08;    # CLIENT_SSL, PROTOCOL_41, PLUGIN_AUTH and others
my $greeting = pack 'C Z* V a8 x v C v v C x10 a12 x Z*', 10,
    '10.11.0-MariaDB', 1, 'x' x 8, $flags & 0xffff, 45, 2, $flags >> 16, 21,
    'y' x 12, 'mysql_native_password';
my @clients;

while (my $client = $listener->accept) {
    syswrite $client, pack('V', length $greeting) . $greeting;
    push @clients, $client;
}
EOF

    $t->spawn('hang', $^X, $script, $port);
    return $port;
}

sub conf {
    my ($server, $host, $more) = @_;
    my $port = ref $server ? $server->port : $server;

    return { %$more, StaticHostsSettings => { Hosts => ["$host:$port"] } };
}

sub clusters {
    my $dump = decode_json(
        scalar `$t->{build}/statedump --json $t->{dir}/run/state`);

    return { map { $_->{name} => $_ } @{ $dump->{clusters} } };
}

sub value {
    my ($name) = @_;
    my $got;

    $t->wait_for("$name: a value", sub {
        $got = clusters()->{$name};
        $got->{status} eq 'value' && $got->{value} == 1;
    });
    is($got->{status}, 'value', "$name: a value")
        or diag explain $got;
}

sub error {
    my ($name, $text) = @_;
    my $got;

    $t->wait_for("$name: an error", sub {
        $got = clusters()->{$name};
        $got->{status} eq 'error' && $got->{error} =~ $text;
    });
    like($got->{error}, $text, "$name: the error");
}

# For that long every good cluster has a value, and a fresh one.
sub watch {
    my ($what, $seconds) = @_;
    my $end = time + $seconds;
    my ($oldest, $samples, %bad) = (0, 0);

    while (time < $end) {
        my $now = clusters();

        $samples++;
        for my $name (@good) {
            $bad{"$name: $now->{$name}{error}"} = 1
                if $now->{$name}{status} ne 'value';
            $oldest = $now->{$name}{age_ms}
                if ($now->{$name}{age_ms} // 0) > $oldest;
        }
        sleep 0.01;
    }
    is(join("\n", sort keys %bad), '', "$what: no other cluster is in error");
    cmp_ok($oldest, '<', 900, "$what: no other value grows old ($samples looks)");
}
