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

plan(skip_all => 'no clang') if system('command -v clang >/dev/null') != 0;
plan(tests => 2);

chomp(my $libs = `pkg-config --cflags --libs jansson`);
my $build = "cd $dir && clang -g -O1 -std=gnu11 -D_GNU_SOURCE"
    . ' -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined'
    . " -I$root/sidecar -o fuzz_conf $root/t/fuzz/fuzz_conf.c"
    . " $root/sidecar/base/conf*.c $libs 2>&1";
my $said = `$build`;
is($?, 0, 'fuzz target builds') or diag($said);

mkdir("$dir/corpus");
copy($_, "$dir/corpus") for glob("$root/conf/*.json");
$said = `cd $dir && ./fuzz_conf -max_total_time=$seconds -max_len=8192 \\
    -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 corpus 2>&1`;
is($?, 0, "fuzzed for $seconds s") or diag($said);
note($said =~ /(stat::number_of_executed_units:.*)/);

###############################################################################
