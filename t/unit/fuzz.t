#!/usr/bin/perl

# Parsers of bytes that others wrote, fuzzed for a few seconds under ASan and
# UBSan. Only where clang's fuzzer runtime is not installed it is skipped.

use strict;
use warnings;

use Cwd qw/ abs_path /;
use File::Basename qw/ dirname /;
use File::Temp qw/ tempdir /;
use POSIX ();
use Test::More;

my %running;
my $root = abs_path(dirname(__FILE__) . '/../..');
my $dir = tempdir(CLEANUP => 1);
my @clang = (qw/ clang -std=gnu11 -D_GNU_SOURCE -g -O1 /,
    '-fsanitize=fuzzer,address,undefined', '-fno-sanitize-recover=all');

# Targets for pure files of the sidecar: which, and what to link them with
# besides. The others are for what nginx's half and sluiced share.
my %parts = (
    fuzz_ledger => {
        sources =>
            [qw{ consensus/ledger*.c consensus/facts.c consensus/records.c
                consensus/pack.c }],
        libs => [],
    },
    fuzz_frame => {
        sources => [qw{ consensus/raft_frame.c consensus/pack.c }],
        libs => [],
    },
    fuzz_handshake => {
        sources => [map { "consensus/$_.c" } qw/ handshake handshake_proof
            pack /],
        libs => ['-lcrypto'],
    },
    fuzz_provider => {
        sources => [qw{ inventory/haproxy_csv.c inventory/vitess_tablets.c
            share/share_health.c base/http_escape.c decide/route_fact.c
            probe/status_answer.c }],
        libs => ['-ljansson'],
    },
    fuzz_galera => {
        sources => [qw{ agent/galera_health.c agent/basic_auth.c }],
        libs => ['-lcrypto'],
    },
);

plan skip_all => "no clang with libFuzzer here" unless fuzzer_runtime();

fuzz('fuzz_frame', 2, seed_frames()); # is built soonest
fuzz('fuzz_state', 3, seed_image(), seed_more(), seed_file());
fuzz('fuzz_order', 1, 'sluice1 6f1c9a52 47 throttle 0.5 60000 app/main1',
    'sluice1 - 0 unthrottle 0 0 app', 'sluice1 a 3 skip 0 1 db1',
    'sluice1 a 3 recover 0 0 db1', 'sluice1 a 3 beat 0 0 ',
    'sluice1 a 3 hint 0 0 ');
fuzz('fuzz_format', 1, '1.5e-3', '0x1.8p-2', "a\xc3\xbc\n<b>", '1_0', '-inf');
fuzz('fuzz_ledger', 2, seed_commands(), seed_snapshot());
fuzz('fuzz_handshake', 2, seed_handshakes());
fuzz('fuzz_provider', 2,
    "# pxname,svname,status\np,a,UP\np,\"b\",DOWN 1/2\np,c\nq,d,no check\n",
    '[{"alias":{"cell":"c"},"mysql_hostname":"h","mysql_port":1,"type":2,'
    . '"stats":{"last_error":"","realtime":{}}}]',
    '{"mysql/a":{"SecondsSinceLastHealthy":7}}',
    '{"wsrep_local_state":4,"wsrep_local_state_comment":"Synced",'
    . '"wsrep_local_index":18446744073709551615,"healthy":true}',
    "epoch=7 changed=1700000000000 active=db1:3306\nwhy", 'traffic=off changed=1');
fuzz('fuzz_galera', 1, "Basic YTpi\nwsrep_local_state=4\nwsrep_local_index=0\n"
    . "wsrep_ready=ON\nwsrep_cluster_status=Primary\nread_only=OFF\n"
    . 'pxc_maint_mode=DISABLED');
finish();

done_testing();

###############################################################################

# Fuzzes while the next target is built.
sub fuzz {
    my ($name, $seconds, @seeds) = @_;
    my $corpus = "$dir/$name.corpus";
    my ($ok, $out) = run(@clang, "-I$root/ngx_module", "-I$root/sidecar",
        '-o', "$dir/$name", "$root/t/fuzz/$name.c", parts($name), '-lm');

    finish();
    ok($ok, "$name builds") or return diag($out);

    mkdir $corpus or die "$corpus: $!\n";
    write_file("$corpus/seed$_", $seeds[$_]) for 0 .. $#seeds;
    %running = (name => $name, seconds => $seconds,
        pid => start("$dir/$name.out", "$dir/$name",
            "-max_total_time=$seconds", '-max_len=4096', '-timeout=5',
            "-artifact_prefix=$dir/", $corpus));
}

# Waits for the fuzzer that runs, if any.
sub finish {
    my $name = $running{name} // return;
    my $seconds = $running{seconds};

    waitpid($running{pid}, 0);
    my $ok = $? == 0;
    my $out = read_file("$dir/$name.out");
    my ($runs) = $out =~ /^Done (\d+) runs/m;
    %running = ();
    ok($ok && $runs, "$name finds nothing")
        or return diag(join "\n", (split /\n/, $out)[-60 .. -1]);
    cmp_ok($runs, '>', 1000, "$name ran often enough");
    note("$runs runs in $seconds s");
}

# What a target is made of, and its flags for the linker.
sub parts {
    my ($name) = @_;
    my $part = $parts{$name} or return glob("$root/ngx_module/sluice_*.c");

    return ((map { glob("$root/sidecar/$_") } @{ $part->{sources} }),
        @{ $part->{libs} });
}

# The runtime is what links a program that does nothing.
sub fuzzer_runtime {
    write_file("$dir/empty.c", "#include <stddef.h>\n#include <stdint.h>\n"
        . "int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)\n"
        . "{ (void)d; (void)n; return 0; }\n");
    return (run(@clang, '-o', "$dir/empty", "$dir/empty.c"))[0];
}

sub run {
    my @command = @_;
    my $pid = open(my $pipe, '-|') // die "fork: $!\n";

    if (!$pid) {
        open(STDERR, '>&', \*STDOUT);
        exec { $command[0] } @command or exit 127;
    }
    my $out = do { local $/; <$pipe> };
    close($pipe);
    return ($? == 0, $out // '');
}

# In the background; what it says goes to a file.
sub start {
    my ($file, @command) = @_;
    my $pid = fork() // die "fork: $!\n";

    return $pid if $pid;
    open(STDOUT, '>', $file) or POSIX::_exit(126);
    open(STDERR, '>&', \*STDOUT);
    exec { $command[0] } @command or POSIX::_exit(127);
}

sub read_file {
    my ($path) = @_;

    open(my $f, '<:raw', $path) or die "$path: $!\n";
    local $/;
    return <$f> // '';
}

sub write_file {
    my ($path, $bytes) = @_;

    open(my $f, '>:raw', $path) or die "$path: $!\n";
    print $f $bytes;
    close($f) or die "$path: $!\n";
}

###############################################################################

# An image of everything: a node, two clusters, a host, facts and a throttle; a
# file with it in a slot.

sub seed_image {
    my $node = pack('Q L L', ~0, 1, 0);
    my @clusters = map { pack('a64 d d Q Q Q Q L L a256',
        "cluster$_", 0.25, 1, 900, 2000, 900, 900, $_, 0, 'text') } 1, 2;
    my $host = pack('a64 a256 a48 d Q L L S x6 a256',
        'cluster1', 'db1', '127.0.0.1', 0.25, 900, 711, 1, 3306, 'text');
    my $facts = pack('Q Q a40 a128 L L', 47, 900, '6f1c9a52', 'channel', 0, 0);
    my $throttle = pack('a136 d Q', 'app/cluster1', 0.5, 0);

    return image([1, $node], [2, @clusters], [3, $host], [4, $facts],
        [5, $throttle]);
}

# What minor 2 added.
sub seed_more {
    my $node = pack('Q L L', ~0, 1, 0);
    my $cluster = pack('a64 d d Q Q Q Q L L a256 Q L L', 'c', 0.25, 1, 900,
        2000, 900, 900, 1, 0, '', 2000, 1, 0);
    my @metrics = map { pack('a64 a64 d d Q Q L L a256', 'c', "m$_", 2, 3, 900,
        2000, $_, 1, 'text') } 1, 2;
    my $host_metric = pack('a64 a64 a256 d Q L S x2 a256', 'c', 'm1', 'db1', 2,
        900, 1, 3306, 'text');
    my $inventory = pack('a64 a16 Q L L a256', 'c', 'haproxy', 900, 1, 2, 'e');

    return image([1, $node], [2, $cluster], [6, @metrics],
        [7, pack('a64 a136 d', 'c', 'a', 2)], [8, $inventory],
        [9, $host_metric], [10, pack('a64 d a128', 'probes.total', 7, '')]);
}

sub image {
    my @sections = @_;
    my $offset = 32 + 16 * @sections;
    my ($descriptors, $records) = ('', '');

    for (@sections) {
        my ($kind, @section) = @$_;
        $descriptors .= pack('L L L L', $kind, scalar(@section),
            length($section[0]), $offset + length($records));
        $records .= join '', @section;
    }
    my $size = $offset + length($records);
    return pack('Q Q L L Q', 900, $size, scalar(@sections), 16, 0)
        . $descriptors . $records;
}

sub seed_file {
    my $image = seed_image();
    my $slot = 64 * int((length($image) + 63) / 64);
    my $size = 256 + 2 * $slot;

    return pack('a8 S S L L L Q Q L L L L Q Q x56', "SLUICE\0\1", 1, 0, 128,
        1, 128, $size, 0, 1, 2, 1, 0, 0, 900)
        . pack('L L Q Q x40 Q x56', 1, 0, 256, $slot, 2)
        . pack("a$slot a$slot", $image, $image);
}

# Commands of the raft ledger, one of each kind.
sub seed_commands {
    my $notes = pack('v/a v/a', 'alice', 'a migration');

    return map { pad8("\1" . $_) }
        pack('C Q C v/a d Q a*', 1, 1000, 0, 'app/main1', 0.5, 60000, $notes),
        pack('C Q C v/a d Q a*', 1, 1000, 0, 'app', -1, ~0 >> 1, $notes),
        pack('C Q C v/a a*', 1, 1000, 1, 'app/main1', $notes),
        pack('C Q C v/a Q a*', 1, 1000, 2, 'db1', 60000, $notes),
        pack('C Q C v/a a*', 1, 1000, 3, 'db1', $notes),
        pack('C Q C v/a a* v/a C Q', 1, 1000, 4, 'route/main1', $notes,
            'epoch=1', 1, 77),
        pack('C Q v/a', 2, 1000, '6f1c9a52'),
        pack('C Q', 3, 1000);
}

# What it is saved as, with two throttles and a skip.
sub seed_snapshot {
    my @throttles = map { pack('v/a d Q v/a v/a', $_, 0.5, 0, 'alice', '') }
        'app', 'app/main1';
    my $skip = pack('v/a Q v/a v/a', 'db1', 61000, '', 'a migration');

    return pad8(pack('a8 v v Q v/a V V', 'SLLEDGER', 1, 1, 47, '6f1c9a52',
        scalar(@throttles), 1) . join('', @throttles, $skip));
}

# A frame of each kind, and all of them as a stream, in slices and at once.
sub seed_frames {
    my $change = pack('C v/a d Q v/a v/a', 0, 'app/main1', 0.5, 60000, 'alice',
        'a migration');
    my $set = pack('C v/a d Q v/a v/a v/a C Q C', 4, 'route/main1', 0, 0, '',
        '', 'epoch=1 active=db1:3306', 1, 99, 1);
    my $member = pack('v/a v/a C C Q Q', '6f1c9a520b1e77d3', 'db1:10008', 0, 1,
        ~0, 3);
    my @frames = map { pack('C Q a*', @$_) } (
        [1, 7, ''],
        [2, 7, pack('C Q v/a', 1, 47, 'db1:10008')],
        [3, 8, $change],
        [4, 8, pack('C Q a* v/a', 0, 48, $change, 'stored')],
        [3, 8, $set],
        [4, 8, pack('C Q a* v/a', 0, 49, $set, '')],
        [5, 9, ''],
        [6, 9, pack('C v/a V a* a*', 0, '', 2, $member, $member)],
        [7, 10, pack('C v/a v/a', 2, 'db1:10008', 'db4:10008')],
        [8, 10, pack('C v/a', 1, 'it does not wait')],
        [9, 0, 'SLLEDGER'],
        [10, 0, pack('Q a*', 48, 'a command')],
    );
    my $stream = join '', map { pack('V/a', $_) } @frames;

    return ((map { "\0$_" } @frames), map { "$_$stream" } "\1", "\7",
        "\xff");
}

# What a client and a server of a raft port may hear first: byte 0 says who,
# byte 1 in which slices (0: at once); or damage to a good conversation.
sub seed_handshakes {
    my $hello = pack('V C v C Q< a32', 44, 1, 1, 2, 7, 'n');
    my $challenge = pack('V C v Q< a32', 43, 2, 1, 7, 'n');
    my @words = ('m', 'x:10008', 'd', '', 1, 0);
    my @proofs = map { pack('V C a32 v/a v/a v/a Q< C', 56, $_, @words) } 3, 4;

    return ("\2\0$hello$proofs[0]", "\1\0$challenge$proofs[1]",
        "\1\5$challenge" . pack('V C C a32', 34, 5, 4, 'm'),
        "\0\0" . "\0" x 48, "\0\0" . "\0" x 36 . "\1\0\1" . "\0" x 9);
}

sub pad8 {
    my ($bytes) = @_;

    return $bytes . "\0" x (-length($bytes) % 8);
}
