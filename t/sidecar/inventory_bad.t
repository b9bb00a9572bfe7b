#!/usr/bin/perl

# Providers that answer HTML, nothing, half a file, 50 MB, a redirect loop,
# an old protocol, or never: what is known stays, one line says why, and nobody
# else has to wait. Vitess' API besides.

use warnings;
use strict;

use JSON::PP;
use Test::More;
use Time::HiRes qw(time);

use Sluice;
use Sluice::Inventory;

###############################################################################

my $t = Sluice->new;
my $db = $t->mariadb;
my $port = $db->port;
my $mood = $t->dir . '/mood';
my $csv = "# pxname,svname,status\np,127.0.0.1,UP\np,BACKEND,UP\n";

sub ok_answer {
    my ($body, $status) = @_;

    return 'HTTP/1.1 ' . ($status // '200 OK') . "\r\nContent-Length: "
        . length($body) . "\r\nConnection: close\r\n\r\n$body";
}

sub tablet {
    my ($host, $type, $more) = @_;

    return { mysql_hostname => $host, mysql_port => 0 + $port, type => $type,
        alias => { cell => 'c1' }, %{ $more // {} } };
}

my %answers = (
    good => sub { ok_answer($csv) },
    html => sub { ok_answer("<html><body>Not here</body></html>\n") },
    nothing => sub { '' },
    empty => sub { ok_answer('') },
    half => sub { "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n$csv" },
    line => sub { ok_answer("# pxname,svname,status\n") },
    huge => sub {
        my $line = 'x' x 1023 . "\n";

        ok_answer($line x (50 * 1024));
    },
    loop => sub { "HTTP/1.1 302 Found\r\nLocation: /;csv;norefresh\r\n"
        . "Content-Length: 0\r\nConnection: close\r\n\r\n" },
    away => sub { "HTTP/1.1 301 Moved\r\nLocation: file:///etc/passwd\r\n"
        . "Content-Length: 0\r\nConnection: close\r\n\r\n" },
    old => sub { $csv },
    hang => sub { undef },
    error => sub { ok_answer("<h1>no</h1>\n", '503 Service Unavailable') },
    pool => sub { ok_answer("# pxname,svname,status\nq,127.0.0.1,UP\n") },
    reload => sub { ok_answer("# pxname,svname,status\np,127.0.0.1,UP 1/3\n") },
);

sub set_mood { $t->write_file('mood.new', $_[0]); rename "$mood.new", $mood }

set_mood('good');
my ($lb) = stand_in($t, 'lb', sub {
    open my $fh, '<', $mood or return '';
    my $word = <$fh>;

    return $answers{$word}->();
});
my ($steady) = stand_in($t, 'steady', sub { ok_answer($csv) });
my ($vitess, $paths) = stand_in($t, 'vitess', sub {
    my ($path) = @_;
    my %tablets = (
        ks => [tablet('127.0.0.1', 2), tablet('127.0.0.2', 1),
            tablet('127.0.0.3', 2, { alias => { cell => 'c2' } }),
            tablet('127.0.0.4', 2, { stats => { last_error => 'x',
                realtime => {} } })],
        words => [tablet('127.0.0.1', 'replica')],
        odd => { tablets => [] },
    );
    my ($keyspace) = $path =~ m{^/api/keyspace/(\w+)/tablets/};

    return undef if ($keyspace // '') eq 'slow';
    return ok_answer('gone', '404 Not Found') if !$tablets{$keyspace // ''};
    return ok_answer(encode_json($tablets{$keyspace}));
});

my %pool = (PoolName => 'p');
my $sluiced = start_sluiced($t, {
    odd => { HAProxySettings => { %pool, Addresses => $lb } },
    steady => { HAProxySettings => { %pool, Addresses => $steady } },
    ks => { VitessSettings => { API => "http://$vitess", Keyspace => 'ks',
        Shard => '00', Cells => ['c1'] } },
    words => { VitessSettings => { API => "http://$vitess/api/",
        Keyspace => 'words' } },
    slow => { VitessSettings => { API => "http://$vitess",
        Keyspace => 'slow', TimeoutSecs => 60 } },
    gone => { VitessSettings => { API => "http://$vitess",
        Keyspace => 'gone' } },
    wrong => { VitessSettings => { API => "http://$vitess",
        Keyspace => 'odd' } },
}, Port => 0 + $port, VitessCells => ['c1', 'c2']);
start_nginx($t);

my $host = "127.0.0.1:$port";
hosts_are($t, $_, $host, "$_: hosts") for qw(odd steady ks words);
status_is($t, $_, 200, "$_: checks") for qw(odd steady ks words);
status_is($t, $_, 404, "$_: checks") for qw(gone wrong);
$t->wait_for('ready', sub { $sluiced->log =~ /event=ready/ }, 10);
like($sluiced->log, qr/event=ready/, 'one that hangs for a minute holds up nobody');
status_is($t, 'slow', 404, 'slow: checks');
like(provider($t, 'gone')->{error}, qr/^\Q$vitess\E: it answers 404$/,
    'Vitess: a keyspace that is not there');
like(provider($t, 'wrong')->{error}, qr/expected a list of tablets/,
    'Vitess: something else');
my %asked = map { $_ => 1 } split /\n/, do {
    open my $fh, '<', $paths or die; local $/; <$fh> };
ok($asked{'/api/keyspace/ks/tablets/00?cells=c1'}, 'Vitess: its own cells');
ok($asked{'/api/keyspace/words/tablets/?cells=c1%2Cc2'},
    'Vitess: the cells of Stores.MySQL');

my %why = (
    html => qr/this is a page, no CSV/,
    nothing => qr/closed without an answer/,
    empty => qr/empty body/,
    half => qr/only a part of the answer came/,
    line => qr/only got partial file/,
    huge => qr/longer than 16777216 bytes/,
    loop => qr/more than 5 redirects/,
    away => qr/not supported/,
    old => qr{HTTP/0.9},
    hang => qr/no whole answer within 2000 ms/,
    error => qr/status 503, .*no CSV/,
    pool => qr/pool not found/,
    reload => qr/all hosts are in transition/,
);
for my $word (sort keys %why) {
    set_mood($word);
    $t->wait_for("$word: failures", sub {
        my $p = provider($t, 'odd');

        $p->{failures} >= 2 && $p->{error} =~ $why{$word};
    }, 20);
    like(provider($t, 'odd')->{error}, qr/^\Q$lb\E: .*$why{$word}/,
        "$word: why");
    is(cluster_hosts($t, 'odd'), $host, "$word: the hosts stay");
    is(status($t, 'odd'), 200, "$word: so do checks");
    is(provider($t, 'steady')->{failures}, 0, "$word: nobody else fails");
    cmp_ok(provider($t, 'steady')->{age_ms} // 9999, q(<), 1000,
        "$word: nor waits");
    my $lines = () = $sluiced->log =~ /event=inventory_failed cluster=odd /g;
    set_mood('good');
    $t->wait_for("$word: good again", sub {
        provider($t, 'odd')->{failures} == 0;
    });
    is($lines, 1 + (() = $sluiced->log
        =~ /event=inventory_back cluster=odd /g) - 1, "$word: said once");
}

$t->done;
