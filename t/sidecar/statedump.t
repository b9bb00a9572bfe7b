#!/usr/bin/perl

# statedump: what humans and scripts read of a state file, and of what is none.

use warnings;
use strict;

use JSON::PP;
use POSIX ();
use Test::More;
use Time::HiRes qw/ clock_gettime CLOCK_MONOTONIC /;

use Sluice;

###############################################################################

my $t = Sluice->new;
my $file = $t->dir . '/state';
my $program = $t->build . '/statedump';
my $now = int(clock_gettime(CLOCK_MONOTONIC) * 1000);

sub statedump {
    return $t->run_command(
        { env => { %{ $t->sanitizer_env('statedump', 1) }, TZ => 'UTC' } },
        $program, @_);
}

sub put {
    my ($bytes) = @_;

    open my $f, '>:raw', $file or die "$file: $!\n";
    print $f $bytes;
    close $f or die "$file: $!\n";
}

# Sections of packed records -> an image.
sub image {
    my ($published, @sections) = @_;
    my $offset = 32 + 16 * @sections;
    my ($descriptors, $records) = ('', '');

    for (@sections) {
        my ($kind, @section) = @$_;
        $descriptors .= pack 'L4', $kind, scalar(@section),
            length($section[0] // ''), $offset + length($records);
        $records .= join '', @section;
    }
    return pack('Q Q L L Q', $published, $offset + length($records),
        scalar(@sections), 16, 0) . $descriptors . $records;
}

# The parts' images -> a file: two or three. A part without an image was never
# published.
sub state_file {
    my ($heartbeat, @images) = @_;
    my $slot = 64 * POSIX::ceil(2 * 4096 / 64);
    my $nparts = @images > 2 ? 3 : 2;
    my $begin = 128 + 128 * $nparts;
    my ($parts, $slots) = ('', '');

    for my $i (0 .. $nparts - 1) {
        my $image = $images[$i];
        my $generation = defined $image ? 7 + $i : 0;
        $parts .= pack 'L L Q Q x40 Q x56', $i + 1, 0,
            $begin + 2 * $i * $slot, $slot, $generation;
        $slots .= pack "a$slot", $generation & 1 ? '' : $image // '';
        $slots .= pack "a$slot", $generation & 1 ? $image : '';
    }
    return pack('a8 S S L L L Q Q L6 Q x56', "SLUICE\0\1", 1, 3, 128, $nparts,
        128, $begin + 2 * $nparts * $slot, 1_700_000_000_000, 4242, 64, 256,
        $nparts > 2 ? (512, 32, 16) : (0, 0, 0), $heartbeat)
        . $parts . $slots;
}

sub node { return [1, pack 'Q L L', $_[0], $_[1], 0] }

sub cluster {
    my (%c) = (value => 0, threshold => 1, sampled => 0, until => 0,
        healthy => 0, status => 1, error => '', @_);

    return pack 'a64 d d Q Q Q Q L L a256', @c{qw/ name value threshold
        sampled until healthy /}, 1_700_000_000_500, $c{status}, 0, $c{error};
}

sub host {
    my (%h) = (address => '', value => 0, sampled => 0, took => 0, text => '',
        @_);

    return pack 'a64 a256 a48 d Q L L S x6 a256', @h{qw/ cluster name address
        value sampled took status port text /};
}

sub facts {
    my (%f) = (revision => 0, read => 0, id => '', channel => '', flags => 0,
        @_);

    return [4, pack 'Q Q a40 a128 L L', @f{qw/ revision read id channel
        flags /}, 0];
}

sub throttle { return pack 'a136 d Q', @_ }

my $verdicts = image($now - 30,
    node(~0, 1),
    [2, cluster(name => 'main1', value => 0.25, sampled => $now - 100,
            until => $now + 300_000, healthy => $now - 50),
        cluster(name => 'broken', status => 2, threshold => 2.5,
            until => ~0, error => "dial tcp: \e[31mrefused\n"),
        cluster(name => 'empty', status => 0),
        cluster(name => 'old', value => 3, sampled => $now - 30_000,
            until => $now - 29_000)]);
my $detail = image($now - 60,
    [3, host(cluster => 'main1', name => 'db1', address => '10.0.0.1',
            port => 3306, status => 1, value => 0.25, sampled => $now - 100,
            took => 1234),
        host(cluster => 'main1', name => '::1', port => 3307, status => 0),
        host(cluster => 'broken', name => 'db3', address => '10.0.0.3',
            port => 3306, status => 2, sampled => $now - 100, took => 300_000,
            text => "caf\xe9"),
        host(cluster => 'broken', name => 'db4', port => 3306, status => 3,
            text => 'IgnoreHosts')]);
my $rules = image($now - 90,
    facts(revision => 47, read => $now - 95, id => 'a1b2',
        channel => "sluice:\e[31m"),
    [5, throttle('archiver', 0.5, 0),
        throttle("back\e/main1", 1, $now + 300_000),
        throttle('copier', 1, $now - 1)]);

###############################################################################
# For humans

put(state_file($now - 20, $verdicts, $detail, $rules));
my ($rc, $out, $err) = statedump($file);
is($rc, 0, 'a good file: exit status 0');
is($err, '', 'a good file: nothing on stderr');
like($out, qr/^file       \Q$file\E, version 1\.3$/m, 'file and version');
like($out, qr/^writer     pid 4242, since 2023-11-14 22:13:20$/m, 'writer');
like($out, qr/^heartbeat  \d+ ms ago$/m, 'heartbeat');
like($out, qr/^node       ready, leader$/m, 'node');
like($out, qr/^verdicts   generation 7, \d+ ms ago$/m, 'verdicts');
like($out, qr/^detail     generation 8, \d+ ms ago$/m, 'detail');
like($out, qr/^rules      generation 9, \d+ ms ago$/m, 'rules');
like($out, qr/^facts      revision 47 of a1b2, read \d+ ms ago, Redis channel sluice:\\u001b\[31m$/m,
    'facts, no control character printed');
like($out, qr{^room       4 of 64 clusters, 4 of 256 hosts, 3 of 512 throttles, 0 of 32 metrics, 0 of 16 apps$}m,
    'room');
like($out, qr/^CLUSTER  STATUS  VALUE  THRESHOLD  AGE/m, 'table of clusters');
like($out, qr/^main1    value   0\.25   1 {10}[\d.]+ m?s +[23]\d\d\.\d s +[\d.]+ m?s$/m,
    'a cluster with a value');
like($out, qr/^broken   error   -      2\.5 +- +- +- +dial tcp: \?\[31mrefused\?$/m,
    'a cluster with an error, no control character printed');
like($out, qr/^empty    none    -      1 +- +- +-$/m, 'a cluster without');
like($out, qr/^old      value   3      1 +3\d\.\d s +expired +-$/m,
    'a cluster whose value is too old');
like($out, qr/^db1:3306    main1    10\.0\.0\.1  value +0\.25 +[\d.]+ m?s +1\.2 ms$/m,
    'a host with a value');
like($out, qr/^\[::1\]:3307  main1    - +pending +- +- +-$/m, 'a pending host');
like($out, qr/^db3:3306    broken   10\.0\.0\.3  error +- +[\d.]+ m?s +300\.0 ms +caf\xe9$/m,
    'a host with an error');
like($out, qr/^db4:3306    broken   - +excluded +- +- +- +IgnoreHosts$/m,
    'an excluded host');
like($out, qr/^THROTTLED    RATIO  EXPIRES IN$/m, 'table of throttles');
like($out, qr/^archiver     0\.5    never$/m, 'a throttle that stays');
like($out, qr{^back\?/main1  1      [23]\d\d\.\d s$}m, 'a throttle that expires');
like($out, qr/^copier       1      expired$/m, 'a throttle that has expired');

###############################################################################
# For scripts

($rc, $out, $err) = statedump('--json', $file);
is($rc, 0, '--json: exit status 0');
is($err, '', '--json: nothing on stderr');
my $d = decode_json($out);
is($d->{file}, $file, 'json: file');
is_deeply([@$d{qw/ major minor pid born_real_ms /}],
    [1, 3, 4242, 1_700_000_000_000], 'json: header');
is_deeply($d->{capacity}, { clusters => 64, hosts => 256, throttles => 512,
    metrics => 32, apps => 16 },
    'json: capacity');
ok($d->{ready} && $d->{leader} && !$d->{leader_only}, 'json: node');
is($d->{verdicts}{generation}, 7, 'json: generation of the verdicts');
is($d->{detail}{generation}, 8, 'json: generation of the detail');
cmp_ok($d->{heartbeat_age_ms}, '>=', 20, 'json: age of the heartbeat');
cmp_ok($d->{verdicts}{age_ms}, '>=', 30, 'json: age of the verdicts');

my ($main1, $broken, $empty, $old) = @{ $d->{clusters} };
is_deeply([@$main1{qw/ name status value threshold error /}],
    ['main1', 'value', 0.25, 1, ''], 'json: a cluster with a value');
cmp_ok($main1->{age_ms}, '>=', 100, 'json: its age');
cmp_ok($main1->{valid_for_ms}, '>', 0, 'json: it is valid');
cmp_ok($main1->{healthy_age_ms}, '>=', 50, 'json: when it was healthy');
is($main1->{healthy_real_ms}, 1_700_000_000_500, 'json: by the wall clock');
is_deeply([@$broken{qw/ name status value error valid_for_ms age_ms /}],
    ['broken', 'error', undef, "dial tcp: \e[31mrefused\n", undef, undef],
    'json: a cluster with an error');
is_deeply([@$empty{qw/ status value healthy_age_ms /}],
    ['none', undef, undef], 'json: a cluster without a metric');
cmp_ok($old->{valid_for_ms}, '<=', -29_000, 'json: valid no more');

my ($db1, $db2, $db3, $db4) = @{ $d->{hosts} };
is_deeply([@$db1{qw/ cluster name port address status value took_us text /}],
    ['main1', 'db1', 3306, '10.0.0.1', 'value', 0.25, 1234, ''],
    'json: a host with a value');
is_deeply([@$db2{qw/ name status value age_ms /}],
    ['::1', 'pending', undef, undef], 'json: a pending host');
is($db3->{text}, 'caf?', 'json: what is no UTF-8 is replaced');
is_deeply([@$db4{qw/ status text /}], ['excluded', 'IgnoreHosts'],
    'json: an excluded host');

is($d->{rules}{generation}, 9, 'json: generation of the rules');
cmp_ok(delete $d->{facts}{read_age_ms}, '>=', 95, 'json: age of the facts');
is_deeply($d->{facts}, { unknown => JSON::PP::false, revision => 47,
    store_id => 'a1b2', redis_channel => "sluice:\e[31m" }, 'json: facts');
my ($archiver, $back, $copier) = @{ $d->{throttles} };
is_deeply($archiver, { key => 'archiver', ratio => 0.5,
    expires_in_ms => undef }, 'json: a throttle that stays');
is($back->{key}, "back\e/main1", 'json: a throttle of one cluster');
cmp_ok($back->{expires_in_ms}, '>', 0, 'json: when it expires');
cmp_ok($copier->{expires_in_ms}, '<=', -1, 'json: since when it has');

###############################################################################
# What minor 2 added

is_deeply([@$main1{'share_domain_s'}, @$db1{qw/ role excluded /},
        @$d{qw/ metrics apps inventories host_metrics counters /}],
    [undef, '', '', [], [], [], [], []], 'json: not said');

put(state_file($now, image($now, node(~0, 1),
    [2, cluster(name => 'main1', value => 1) . pack('Q L L', $now + 60_000, 7, 0),
        cluster(name => 'main2', value => 1) . pack('Q L L', $now - 1, 7, 0)],
    [6, pack('a64 a64 d d Q Q L L a256', 'main1', 'threads', 5, 10,
            $now - 40, $now + 60_000, 1, 1, ''),
        pack('a64 a64 d d Q Q L L a256', 'main1', 'conns', 0, 9, 0, 0, 2, 99,
            "go\ene")]),
    image($now,
    [3, host(cluster => 'main1', name => 'db1', port => 3306, status => 1,
            value => 0.5, sampled => $now, took => 1500) . pack('L L', 1, 0),
        host(cluster => 'main1', name => 'db2', port => 3306, status => 3,
            value => 90, text => 'lags') . pack('L L', 2, 4),
        host(cluster => 'main1', name => 'db3', port => 3306, status => 3)
            . pack('L L', 77, 77)],
    [8, pack('a64 a16 Q L L a256', 'main1', 'haproxy', $now - 20, 2, 3,
            'no answer'),
        pack('a64 a16 Q L L a256', 'main2', '', 0, 0, 0, '')],
    [9, pack('a64 a64 a256 d Q L S x2 a256', 'main1', 'threads', 'db1', 5,
            $now - 30, 1, 3306, ''),
        pack('a64 a64 a256 d Q L S x2 a256', 'main1', 'threads', '::1', 0, 0,
            2, 3307, 'gone')],
    [10, pack('a64 d a128', 'probes.total', 77, ''),
        pack('a64 d a128', 'raft.leader', 0, '10.0.0.1:10008')]),
    image($now, facts(), [7, pack('a64 a136 d', 'main1', 'archiver', 2.5),
        pack('a64 a136 d', '', 'archiver', 3)])));
($rc, $out, $err) = statedump($file);
is($rc, 0, 'minor 2: exit status 0');
like($out, qr{ 2 of 32 metrics, 2 of 16 apps$}m, 'minor 2: room');
like($out, qr/^CLUSTER .* ELSEWHERE +ERROR$/m, 'clusters elsewhere');
like($out, qr/^main1 .* 7 s$/m, 'unhealthy elsewhere');
like($out, qr/^main2 .* -$/m, 'what was said long ago');
like($out, qr/^METRIC +CLUSTER +SCOPE +STATUS +VALUE +THRESHOLD +AGE +VALID FOR +ERROR$/m,
    'table of metrics');
like($out, qr/^threads +main1 +primary +value +5 +10 +[\d.]+ m?s +[\d.]+ s$/m,
    'a metric');
like($out, qr/^conns +main1 +unknown +error +- +9 +- +- +go\?ne$/m,
    'a metric in error, of a scope to come');
like($out, qr/^main1 +haproxy +3 +[\d.]+ m?s +2 +no answer$/m, 'an inventory');
like($out, qr/^main2 +- +0 +- +0$/m, 'a cluster without provider');
like($out, qr/^db1:3306 +main1 +- +value +0\.5 +[\d.]+ m?s +1\.5 ms +primary$/m,
    'a primary');
like($out, qr/^db2:3306 +main1 +- +quarantined +90 +- +- +replica +lags$/m,
    'a host in quarantine');
like($out, qr/^db3:3306 +main1 +- +unknown +- +- +- +unknown$/m,
    'what a minor to come says');
like($out, qr/^db1:3306 +main1 +threads +value +5 +[\d.]+ m?s$/m,
    "a host's metric");
like($out, qr/^\[::1\]:3307 +main1 +threads +error +- +- +gone$/m,
    "a host's metric in error");
like($out, qr/^archiver +main1 +2\.5$/m, "an app's threshold in a cluster");
like($out, qr/^archiver +\(all\) +3$/m, "an app's threshold in all");
like($out, qr/^probes\.total +77$/m, 'a counter');
like($out, qr/^raft\.leader +10\.0\.0\.1:10008$/m, 'a counter of text');

(undef, $out) = statedump('--json', $file);
$d = decode_json($out);
is_deeply([map { $_->{share_domain_s} } @{ $d->{clusters} }], [7, undef],
    'json: elsewhere');
my ($conns, $threads) = @{ $d->{metrics} };
is_deeply([@$threads{qw/ cluster name scope status value threshold stale /}],
    ['main1', 'threads', 'primary', 'value', 5, 10, JSON::PP::false],
    'json: a metric');
cmp_ok($threads->{age_ms}, '>=', 40, 'json: its age');
is_deeply([@$conns{qw/ status value age_ms error /}],
    ['error', undef, undef, "go\ene"], 'json: a metric in error');
is_deeply([map { @$_{qw/ role status excluded value /} } @{ $d->{hosts} }],
    ['primary', 'value', '', 0.5, 'replica', 'excluded', 'quarantined', 90,
        'unknown', 'excluded', 'unknown', undef], 'json: hosts');
cmp_ok(delete $d->{inventories}[0]{age_ms}, '>=', 20, 'json: an answer');
is_deeply($d->{inventories}, [
    { cluster => 'main1', provider => 'haproxy', failures => 2, hosts => 3,
        error => 'no answer' },
    { cluster => 'main2', provider => '', failures => 0, hosts => 0,
        error => '', age_ms => undef }], 'json: inventories');
is_deeply([map { @$_{qw/ host port metric status value text /} }
        @{ $d->{host_metrics} }],
    ['::1', 3307, 'threads', 'error', undef, 'gone',
        'db1', 3306, 'threads', 'value', 5, ''], 'json: metrics of hosts');
is_deeply($d->{apps}, [{ cluster => '', app => 'archiver', threshold => 3 },
    { cluster => 'main1', app => 'archiver', threshold => 2.5 }],
    'json: apps');
is_deeply($d->{counters}, [{ name => 'probes.total', value => 77 },
    { name => 'raft.leader', value => '10.0.0.1:10008' }], 'json: counters');

###############################################################################
# Files that say little

put(state_file(0));
($rc, $out, $err) = statedump($file);
is($rc, 0, 'nothing published: exit status 0');
like($out, qr/^heartbeat  none of this boot$/m, 'no heartbeat');
like($out, qr/^node       starting, follower$/m, 'no node');
like($out, qr/^verdicts   nothing published yet$/m, 'no verdicts');
like($out, qr/^detail     nothing published yet$/m, 'no detail');
like($out, qr/^rules      nothing published yet$/m, 'no rules');
unlike($out, qr/^facts|^THROTTLED/m, 'nothing said of what is not there');
(undef, $out) = statedump('--json', $file);
$d = decode_json($out);
is_deeply([@$d{qw/ heartbeat_age_ms clusters hosts facts throttles /}],
    [undef, [], [], undef, []], 'json: nothing published');

put(state_file($now, $verdicts, $detail, image($now, facts(flags => 1))));
($rc, $out) = statedump($file);
like($out, qr/^facts      not known: the store was never read$/m,
    'facts that are not known');
(undef, $out) = statedump('--json', $file);
ok(decode_json($out)->{facts}{unknown}, 'json: facts that are not known');

put(state_file($now + 10_000_000, image($now + 10_000_000, node(0, 3))));
($rc, $out) = statedump($file);
like($out, qr/^heartbeat  none of this boot$/m, 'a heartbeat of another boot');
like($out, qr/^verdicts   generation 7, of another boot$/m,
    'verdicts of another boot');
like($out, qr/^node       ready, follower, only leaders answer$/m,
    'a follower that lets the leader answer');

###############################################################################
# Files that are none

sub refused {
    my ($name, $path, $want) = @_;
    my ($rc, $out, $err) = statedump('--json', $path);

    is($rc, 1, "$name: exit status 1");
    is($out, '', "$name: nothing on stdout");
    is($err, "statedump: $path: $want\n", "$name: said why");
}

my $good = state_file($now, $verdicts, $detail);

refused('missing', $t->dir . '/none', 'no such file');
refused('a directory', $t->dir, 'not a regular file');
put('');
refused('empty', $file, 'too short: 0 bytes, the header alone has 128');
put('x' x 4096);
refused('foreign', $file, 'not a state file: it does not begin with SLUICE');
put(substr $good, 0, 4096);
refused('truncated', $file,
    'truncated: 4096 bytes, expected ' . length $good);
my $next = $good;
substr $next, 8, 2, pack 'S', 2;
put($next);
refused('another major', $file, 'version 2.3, this reader knows 1.x');
put(state_file($now, image($now, [2, cluster(name => '')])));
refused('an invalid image', $file, 'cluster 0 has no name');

###############################################################################
# Wrong use

for (['two files', $file, $file], ['an unknown option', '--yaml'],
    ['a bad value', '--json=1'])
{
    my ($name, @args) = @$_;
    my ($rc, $out, $err) = statedump(@args);
    is($rc, 2, "$name: exit status 2");
    is($out, '', "$name: nothing on stdout");
    like($err, qr/^usage: statedump \[--json\] \[FILE\]$/m, "$name: usage");
}

($rc, $out, $err) = statedump('--help');
is($rc, 0, '--help: exit status 0');
like($out, qr{^usage: statedump.*default /run/sluice/state}s, '--help: usage');

put($good);
($rc, $out, $err) = $t->run_command(
    { env => $t->sanitizer_env('statedump', 1) },
    'sh', '-c', '"$0" "$1" >/dev/full', $program, $file);
is($rc, 1, 'a full disk: exit status 1');
like($err, qr/^statedump: cannot write: No space left/m, 'a full disk: said');

###############################################################################
# util/statedump finds the program

my $dir = $t->dir . '/tree';
mkdir $_ or die "$_: $!\n" for $dir, "$dir/util", "$dir/build",
    "$dir/build/release", "$dir/bin";
system('cp', $t->root . '/util/statedump', "$dir/util/") == 0 or die;

sub wrapper {
    return $t->run_command({ env => { PATH => "$dir/bin:/usr/bin:/bin" } },
        "$dir/util/statedump", '--json', 'a file');
}

sub program {
    my ($path, $name) = @_;

    open my $f, '>', $path or die "$path: $!\n";
    print $f qq(#!/bin/sh\necho "$name: \$1, \$2"\nexit 3\n);
    close $f;
    chmod 0755, $path;
}

($rc, $out, $err) = wrapper();
is($rc, 1, 'not built: exit status 1');
is($err, "util/statedump: not built: run util/build sidecar\n",
    'not built: says what to do');
program("$dir/bin/sluice-statedump", 'installed');
is_deeply([(wrapper())[0, 1]], [3, "installed: --json, a file\n"],
    'runs the one installed');
program("$dir/build/release/statedump", 'built');
is_deeply([(wrapper())[0, 1]], [3, "built: --json, a file\n"],
    'prefers the one just built');

$t->done;
