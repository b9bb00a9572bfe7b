#!/usr/bin/perl

# A stall of our own is not a death of theirs, and old data is never used: the
# state file is watched while sluiced is stopped for a while and goes on, and
# while databases stand still for less than their deadline.

use warnings;
use strict;

use JSON::PP;
use Test::More;
use Time::HiRes qw(time sleep);

use Sluice;

###############################################################################

my $t = Sluice->new;
my @db = map { $t->mariadb } 1 .. 2;
my $hosts = join ', ', map { '"127.0.0.1:' . $_->port . '"' } @db;

my $sluiced = $t->sluiced(<<"EOF");
{
  "Stores": { "MySQL": {
    "User": "probe", "Password": "probe", "ThrottleThreshold": 1,
    "MetricQuery": "select 0.5", "ProbeTimeoutMillis": 1000, "MaxAgeMillis": 1000,
    "Clusters": { "main1": { "StaticHostsSettings": { "Hosts": [$hosts] } } }
  } }
}
EOF
$t->wait_for('ready', sub { $sluiced->log =~ /event=ready/ });

my $dump = $t->build . '/statedump';
my $state = $t->dir . '/run/state';

sub cluster {
    my $json = `$dump --json $state`;

    return decode_json($json)->{clusters}[0];
}

$t->wait_for('a value', sub { cluster()->{status} eq 'value' });

sub errors_in_log {
    my @lines = grep { /level=(warn|error)/ && /host_error/ }
        split /\n/, $sluiced->log;

    return scalar @lines;
}

my $errors = errors_in_log();

# Stopped for 0.2 to 10 s; the long ones are few.
for my $pause (0.2, 0.4, 0.7, 1, 1.5, 3, 10) {
    $sluiced->stop;
    sleep $pause;
    my $stale = cluster();
    $sluiced->cont;

    # While stopped the data grows old: its own bound says so.
    cmp_ok($stale->{valid_for_ms}, '<', 0, "paused $pause s: data out of date")
        if $pause > 3;

    # One probe round, generously.
    my $since = time;
    $t->wait_for("a fresh value after $pause s", sub {
        my $now = cluster();

        $now->{status} eq 'value' && $now->{age_ms} < 500;
    }, 5);
    cmp_ok(time - $since, '<', 2, "paused $pause s: a fresh value soon after");
    is(errors_in_log(), $errors, "paused $pause s: no host was blamed");
}

# A database that stands still for 0.7 of its deadline is not in error.
for my $round (1 .. 5) {
    for my $db (@db) {
        $db->stop;
        sleep 0.7;
        $db->cont;
        $t->wait_for('a fresh value', sub {
            my $now = cluster();

            $now->{status} eq 'value' && $now->{age_ms} < 500;
        }, 5);
    }
}
is(errors_in_log(), $errors, 'databases stalled for 0.7 of the deadline: no error');

# And for longer: it is.
$db[0]->stop;
$t->wait_for('the deadline', sub { cluster()->{status} eq 'error' });
is(cluster()->{error}, 'no answer within 1000 ms', 'past the deadline: the error');
$db[0]->cont;
$t->wait_for('the value again', sub { cluster()->{status} eq 'value' });
pass('and the value again');

$t->done;
