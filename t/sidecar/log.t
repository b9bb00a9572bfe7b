#!/usr/bin/perl

# What the log says of verdicts and hosts: at most one line a second of each,
# and the last one is true.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(sleep time);

use Sluice;

my $t = Sluice->new;
my $db = $t->mariadb;

$db->sql('create table mysql.v (v double)');
$db->sql('insert into mysql.v values (0)');
$db->sql(q{grant select on mysql.v to 'probe'@'%'});

my $sluiced = $t->sluiced(sprintf <<'EOF', $db->port);
{ "Stores": { "MySQL": {
  "User": "probe", "Password": "probe", "Port": %d, "ThrottleThreshold": 1,
  "MetricQuery": "select v from mysql.v where v < 100",
  "Clusters": { "a": { "StaticHostsSettings": { "Hosts": ["127.0.0.1"] } } }
} } }
EOF

# Values of one key in an event's lines.
sub said {
    my ($event, $key) = @_;

    return map { / \Q$key\E=(\S+)/ ? $1 : '' }
        grep { / event=$event / } split /\n/, $sluiced->log;
}

sub last_is {
    my ($status, $what) = @_;

    $t->wait_for("$what: the last verdict in the log",
        sub { ((said('verdict', 'status'))[-1] // '') eq $status });
}

# Nothing stands in the log for good that was true for a moment only.
last_is(200, 'started');
$db->sql('update mysql.v set v = 5');
last_is(429, 'above');

# Up and down faster than it may be told.
my $began = time;
my $lines = said('verdict', 'status');
my $host_lines = () = $sluiced->log =~ / event=host_/g;
while (time - $began < 3) {
    for my $v (0, 5, 100) {
        $db->sql("update mysql.v set v = $v");
        sleep 0.07;
    }
}
$db->sql('update mysql.v set v = 0');
last_is(200, 'after flapping');
$t->wait_for('the last word of the host',
    sub { ($sluiced->log =~ / event=(host_\w+) /g)[-1] eq 'host_answers' });
my $most = time - $began + 2;
cmp_ok(said('verdict', 'status') - $lines, '<=', $most, 'a verdict a second');
cmp_ok((() = $sluiced->log =~ / event=host_/g) - $host_lines, '<=', $most,
    'a line a second of the host');
cmp_ok((said('verdict', 'changes_not_logged'))[-1] + 0
    + (sort { $b <=> $a } said('verdict', 'changes_not_logged'))[0], '>', 0,
    'what was left out is counted');

$t->done;
