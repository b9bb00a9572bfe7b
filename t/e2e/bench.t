#!/usr/bin/perl

# The benches of routes run, for a moment, and print their rows; and util/bench
# says what there is. What the numbers are is not this test's business.

use warnings;
use strict;

use Test::More;

use Sluice;

###############################################################################

my $t = Sluice->new;

sub run {
    my ($env, @command) = @_;

    # Logs are for a test that failed; what a bench uses is no test of it.
    return $t->run_command({ env => { %$env, HARNESS_ACTIVE => '' } }, @command);
}

# One bench, with little to do.
sub bench {
    my ($name, %env) = @_;

    return run(\%env, $^X, '-I' . $t->root . '/t/lib',
        $t->root . "/t/bench/$name.pl");
}

sub prints {
    my ($what, $env, %rows) = @_;
    my ($rc, $out, $err) = bench($what, %$env);

    is($rc, 0, "$what: exit status 0");
    is($err, '', "$what: quiet on stderr");
    like($out, qr/^\d+ cores, .*; load \d+\.\d+ before\n.*nginx.*1\.\d+/m,
        "$what: on what it was measured");
    like($out, $rows{$_}, "$what: $_") for sort keys %rows;
}

my $number = qr/\d+(?:\.\d+)?/;
my $holds = qr/(?:holds|DOES NOT HOLD)/;
my $two = qr{-?$number / -?$number ms};

prints('proxy', { ROUNDS => 1, TURN => 1, THREADS => 4, WORKERS => 2 },
    'without a proxy' => qr/^direct\s+$number\s+$number ms\s+x $number \($number-$number\)\s+x $number$/m,
    'nginx' => qr/^nginx stream\s+$number\s.*rate >= 0\.97: $holds$/m,
    'HAProxy' => qr/^HAProxy\s+$number\s.*rate >= 1\.00: $holds$/m,
    'Sluice' => qr/^Sluice\s+$number\s+$number ms$/m,
    'point selects' => qr/^point selects: 4 clients, 2 workers /m,
    'short sessions' => qr/^sessions of one query each: 4 clients, /m);

prints('failover', { RUNS => 1, SLUICE_CONSENSUS => 'mysql' },
    'the kind' => qr/^mysql: 1 runs each, 3 nodes/m,
    'killed' =>
        qr/^killed .*\n.*\n  the leader's node\s+$two\s+$number\s+$two\s+max <= 50 ms: $holds\n  other nodes\s+$two.*\n  HAProxy\s+$two/m,
    'frozen' =>
        qr/^frozen .*FreezeMillis 1000\n.*\n.*leader.*$two\s+$number\s+$two\s+max <= 1200 ms: $holds$/m,
    'frozen, tuned' =>
        qr/^frozen .*FreezeMillis 300.*\n.*\n.*leader.*$two\s+$number\s+$two\s+max <= 400 ms: $holds$/m,
    'switched' => qr/^switched .*\n.*\n  the leader's node\s+$two/m,
    'Galera' => qr/^Galera: .*\n.*\n  the leader's node\s+$two\s+$number\s+$two/m);

prints('sever', { RUNS => 1, SESSIONS => '50 200' },
    map { ("$_, Sluice" =>
        qr{^$_ sessions, Sluice\s+$number / $number\s+$number / $number\s+x $number \S+\s+$number / $number\s.*$holds$}m,
        "$_, HAProxy" => qr{^$_ sessions, HAProxy\s+$number / $number\s+$number / $number\s+$number / $number$}m) }
        50, 200);

# What there is, and what is not.
my $util = $t->root . '/util/bench';
my ($rc, $out, $err) = run({}, $util, '--help');
is($rc, 0, '--help: exit status 0');
like($out, qr/^  util\/bench $_ /m, "--help: $_")
    for map { m{(\w+)\.pl$} } glob $t->root . '/t/bench/*.pl';
for my $words (['nonsense'], ['proxy', 'nonsense'], ['../bench/proxy'], ['']) {
    ($rc, $out, $err) = run({}, $util, @$words);
    is($rc, 2, "'@$words': exit status 2");
    like($err, qr/^util\/bench: no bench "\Q$words->[-1]\E"$/m, 'says so');
    like($err, qr/^  util\/bench sever /m, 'and what there is');
    is($out, '', 'and begins nothing');
}
for my $case (
    ['failover', { EVENTS => 'kill earthquake' },
        qr/^EVENTS: no event "earthquake"; there are kill freeze /],
    ['sever', { SESSIONS => 'many' }, qr/^SESSIONS: numbers, not "many"/],
    ['sever', { SESSIONS => '' }, qr/^SESSIONS: numbers, not ""/],
    ['sever', { SESSIONS => 2e9 },
        qr/^2000000000 sessions want 1\.2 times as many descriptors, the limit is \d/],
    )
{
    my ($name, $env, $says) = @$case;

    ($rc, $out, $err) = bench($name, %$env);
    isnt($rc, 0, join(' ', %$env) . ": $name refuses");
    like($err, $says, 'and says why');
}

$t->done;
