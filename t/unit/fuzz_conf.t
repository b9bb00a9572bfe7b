#!/usr/bin/perl

# The configuration's reader under libFuzzer for a few seconds
# (FUZZ_SECONDS=600 for longer), seeded with the samples.

use warnings;
use strict;

use Cwd qw/abs_path/;
use File::Basename qw/dirname/;
use File::Copy qw/copy/;
use File::Temp qw/tempdir/;
use Test::More;

###############################################################################

my $root = abs_path(dirname(__FILE__) . '/../..');
my $seconds = $ENV{FUZZ_SECONDS} || 5;
my $dir = tempdir(CLEANUP => 1);

my $clang = 'clang -g -O1 -std=gnu11 -D_GNU_SOURCE'
    . ' -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all';

sub run {
    my ($command) = @_;
    my $said = `cd $dir && $command 2>&1`;

    return ($? == 0, $said);
}

# The runtime is what links a program that does nothing.
open(my $empty, '>', "$dir/empty.c") or die "$dir: $!\n";
print $empty "int LLVMFuzzerTestOneInput(const char *d, long n);\n"
    . "int LLVMFuzzerTestOneInput(const char *d, long n)\n"
    . "{ return d && n < 0; }\n";
close($empty) or die "$dir: $!\n";
plan(skip_all => 'no clang with libFuzzer here')
    unless (run("$clang -o empty empty.c"))[0];
plan(tests => 3);

chomp(my $libs = `pkg-config --cflags --libs jansson libuv`);
my ($ok, $said) = run("$clang -I$root/sidecar -o fuzz_conf"
    . " $root/t/fuzz/fuzz_conf.c $root/sidecar/base/conf*.c"
    . " $root/sidecar/base/host_port.c $root/sidecar/base/memcache_key.c"
    . " $root/sidecar/base/raft_address.c"
    . " $root/sidecar/base/redis_address.c"
    . " $root/sidecar/base/redis_password.c $libs");
ok($ok, 'fuzz target builds') or diag($said);

mkdir("$dir/corpus");
copy($_, "$dir/corpus") for glob("$root/conf/*.json");
open(my $raft, '>', "$dir/corpus/raft.json") or die "$dir: $!\n";
print $raft '{"RaftDataDir":"/d","RaftBind":"0.0.0.0","DefaultRaftPort":7,'
    . '"RaftNodes":["10.0.0.1","[fd00::1]:7","localhost"],"RaftInsecure":true,'
    . '"RaftSecret":"0123456789abcdef","Role":"voter"}';
close($raft);
open(my $agent, '>', "$dir/corpus/agent.json") or die "$dir: $!\n";
print $agent '{"DB":{"User":"u","Socket":"/s","Host":"[::1]"},"Host":"::",'
    . '"SidecarEndpoint":{"Username":"a:b","ProtectStatus":true,'
    . '"TLS":{"Enabled":true}},"Monit":{},"MaintenanceFile":"m"}';
close($agent);
($ok, $said) = run("./fuzz_conf -max_total_time=$seconds -max_len=8192"
    . ' -timeout=10 -rss_limit_mb=1024 corpus');
ok($ok, "fuzzed for $seconds s") or diag($said);
my ($runs) = $said =~ /^Done (\d+) runs/m;
cmp_ok($runs // 0, '>', 100, 'often enough');

###############################################################################
