#!/usr/bin/perl

# Values in real memcacheds: read back, at the server that freno's rule names,
# gone with an error and with sluiced; servers that are away or frozen; a
# reload; and /config/memcache.

use warnings;
use strict;

use Compress::Zlib ();
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use Test::More;
use Time::HiRes qw(time);

use Sluice;
use Sluice::Inventory;

###############################################################################

my $t = Sluice->new;
my $db = $t->mariadb;
my $host = '127.0.0.1:' . $db->port;

$db->sql('create database app', 'create table app.m (v double)',
    'insert into app.m values (0.25)',
    q{grant select on app.* to 'probe'@'%'});

my (%memcached, @addresses);
for my $name (qw(a b c)) {
    my $port = $t->port("mc$name");

    $memcached{$name} = $t->spawn("memcached$name", 'memcached', '-l',
        '127.0.0.1', '-p', $port, '-U', '0', ($> == 0 ? ('-u', 'root') : ()));
    $t->wait_for("memcached $name", sub {
        IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port");
    });
    push @addresses, "127.0.0.1:$port";
}

sub talk {
    my ($address, $line) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => $address, Timeout => 2)
        or return '';
    my $got = '';

    $socket->print("$line\r\n");
    while ($got !~ /^(END|ERROR)\r\n/m) {
        IO::Select->new($socket)->can_read(1) or last;
        $socket->sysread($got, 4096, length $got) or last;
    }
    return $got;
}

# (value, flags) of a key, or nothing.
sub value {
    my ($address, $key) = @_;
    my ($flags, $text) = talk($address, "get $key")
        =~ /^VALUE \S+ (\d+) \d+\r\n(.*?)\r\nEND/s or return;

    return wantarray ? ($text, $flags) : $text;
}

sub server_of {
    my ($key, @servers) = @_;

    return $servers[Compress::Zlib::crc32($key) % @servers];
}

my %hosts = (StaticHostsSettings => { Hosts => [$host] });
my %clusters = (
    (map { $_ => { %hosts, MetricQuery => 'select 0.5' } } map { "n$_" } 1 .. 20),
    main1 => { %hosts, MetricQuery => 'select v from app.m' },
    nohosts => {},
    'odd name' => { %hosts },
);

sub conf {
    my (%top) = @_;

    return encode_json({ StateFile => $t->dir . '/run/state', %top,
        Stores => { MySQL => { User => 'probe', Password => 'probe',
            ThrottleThreshold => 1, MetricQuery => 'select 1',
            Clusters => \%clusters } } });
}

my $sluiced = $t->sluiced(conf(MemcacheServers => [$addresses[0]]));
start_nginx($t);

# One server.
my $key = 'freno/mysql/main1';
$t->wait_for('a value', sub { value($addresses[0], $key) });
my ($text, $flags) = value($addresses[0], $key);
like($text, qr/^\d{13}:0\.250000$/, 'the value, as freno writes it');
is($flags, 0, 'no flags');
my ($ms) = $text =~ /^(\d+):/;
cmp_ok(abs(time - $ms / 1000), '<', 2, 'it says when');
$t->wait_for('a newer one', sub {
    my ($newer) = (value($addresses[0], $key) // '') =~ /^(\d+):/;

    $newer && $newer > $ms;
});
pass('it is written again and again');
is(value($addresses[0], 'freno/mysql/nohosts'), undef, 'without hosts: nothing');
is($t->get(8080, '/config/memcache')->{body},
    qq({"MemcacheServers":["$addresses[0]"],"MemcachePath":"freno"}\n),
    '/config/memcache');
is($t->get(8080, '/config/memcache', method => 'POST')->{status}, 405,
    'which nobody can change');

$db->sql('update app.m set v = 7.5');
$t->wait_for('the new value', sub {
    (value($addresses[0], $key) // '') =~ /:7\.500000$/;
});
pass('a new value');
$db->sql('rename table app.m to app.n');
$t->wait_for('no value', sub { !defined value($addresses[0], $key) });
cmp_ok(talk($addresses[0], 'stats') =~ /delete_hits (\d+)/ ? $1 : 0, '>', 0,
    'an error deletes it');
$db->sql('rename table app.n to app.m');
$t->wait_for('a value again', sub { defined value($addresses[0], $key) });

# Three servers, by reload, and another path.
$t->write_file('sluiced.json', conf(MemcacheServers => \@addresses,
    MemcachePath => 'gate'));
$sluiced->hup;
my @keys = map { "gate/mysql/$_" } map({ "n$_" } 1 .. 20), 'main1';
my %used = map { server_of($_, @addresses) => 1 } @keys;
is(scalar keys %used, 3, 'reload: keys for all three servers');
for my $one (@keys) {
    my $server = server_of($one, @addresses);

    $t->wait_for($one, sub { defined value($server, $one) });
    is_deeply([grep { $_ ne $server && defined value($_, $one) } @addresses], [],
        "$one is nowhere else");
}
is($t->get(8080, '/config/memcache')->{body}, '{"MemcacheServers":['
    . join(',', map { qq("$_") } @addresses) . '],"MemcachePath":"gate"}' . "\n",
    'reload: /config/memcache');

# A frozen server, then a dead one: the others go on, and so do checks.
sub goes_on {
    my ($what, $bad) = @_;
    my ($good) = grep { server_of($_, @addresses) ne $addresses[$bad] } @keys;
    my $server = server_of($good, @addresses);
    my @gaps;
    my $last = 0;

    for (1 .. 150) {
        my ($at) = (value($server, $good) // '') =~ /^(\d+):/;

        push @gaps, time - $at / 1000 if $at;
        is($t->get(8080, '/check/a/mysql/n1')->{status}, 200, "$what: checks")
            if $_ % 50 == 0;
        select undef, undef, undef, 0.01;
    }
    my ($worst) = sort { $b <=> $a } @gaps;
    cmp_ok($worst, '<', 1, "$what: the others have their values");
    $t->wait_for("$what: said", sub {
        $sluiced->log =~ /event=memcache_failed server=$addresses[$bad] /;
    });
    my $times = () = $sluiced->log
        =~ /event=memcache_failed server=$addresses[$bad] /g;
    is($times, 1, "$what: said once");
}

$memcached{b}->stop;
goes_on('frozen', 1);
$memcached{b}->cont;
$t->wait_for('back', sub {
    $sluiced->log =~ /event=memcache_back server=$addresses[1]/;
});
pass('frozen: back');
$memcached{c}->kill;
goes_on('dead', 2);

# None any more; then sluiced dies, and what it wrote with it.
my $mine = (grep { server_of($_, @addresses) eq $addresses[0] } @keys)[0];
ok($t->wait_for('a value while it runs', sub {
    defined value($addresses[0], $mine);
}), 'a value while it runs');
$sluiced->kill;
my $since = time;
$t->wait_for('its end', sub { !defined value($addresses[0], $mine) });
cmp_ok(time - $since, '<', 3, 'values end a second after sluiced');

$t->write_file('sluiced.json', conf());
my $again = $t->sluiced(conf(), name => 'again');
$t->wait_for('ready', sub { $again->log =~ /event=ready/ });
is($t->get(8080, '/config/memcache')->{body},
    qq({"MemcacheServers":[],"MemcachePath":"freno"}\n), 'no servers');

my ($rc, undef, $err) = $t->sluiced_run('-t', '-c', $t->write_file('bad.json',
    conf(MemcacheServers => ['a b:1'])));
is($rc, 1, 'a bad server');
like($err, qr/MemcacheServers\[0\]: expected HOST/, 'which is said');

$t->done;
