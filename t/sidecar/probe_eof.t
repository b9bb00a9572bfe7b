#!/usr/bin/perl

# The end of a probe's connection is an event: it is noticed when it happens,
# not when the next probe is due, which here is never. And the connection is
# there again as soon as the server is.

use warnings;
use strict;

use JSON::PP;
use Test::More;

use Sluice;

###############################################################################

my $t = Sluice->new;
my $db = $t->mariadb;
my $host = $db->address;

my $sluiced = $t->sluiced(<<"EOF");
{
  "Stores": { "MySQL": {
    "User": "probe", "Password": "probe", "ThrottleThreshold": 1,
    "MetricQuery": "select 0.5", "ProbeIntervalMillis": 60000,
    "Clusters": { "main1": { "StaticHostsSettings": { "Hosts": ["$host"] } } }
  } }
}
EOF
# However long the interval, the first probe is made at once.
$t->wait_for('ready', sub { $sluiced->log =~ /event=ready/ });
$t->wait_for('a value', sub { cluster()->{status} eq 'value' });
pass('a value');

# KILL CONNECTION: asked again at once, by another session.
my ($first) = sessions();
$db->sql("kill connection $first");
$t->wait_for('another session', sub {
    my ($now) = sessions();

    $now && $now != $first && cluster()->{status} eq 'value';
});
isnt((sessions())[0], $first, 'killed session: another one');

# And it is said: in the log, which has one line a second for a host.
$t->wait_for('EOF in the log', sub {
    my ($session) = sessions();

    eval { $db->sql("kill connection $session") } if $session;
    $sluiced->log =~ /event=host_error .*error="?EOF: /;
});
pass('killed session: EOF is said');
$t->wait_for('a value again', sub { cluster()->{status} eq 'value' });

# kill -9 of the server.
$db->kill;
$t->wait_for('an error', sub { cluster()->{status} eq 'error' });
like(cluster()->{error}, qr/^(EOF: |dial tcp \Q$host\E: connect: )/,
    'killed server: the error at once');
$t->wait_for('refused', sub { cluster()->{error} =~ /connection refused/ });
is(cluster()->{error}, "dial tcp $host: connect: connection refused",
    'killed server: then refused');
$db->start;
$t->wait_for('a value again', sub { cluster()->{status} eq 'value' });
pass('started again: a value');

# An orderly end.
$db->term;
$t->wait_for('an error', sub { cluster()->{status} eq 'error' });
pass('stopped server: the error at once');
$db->start;
$t->wait_for('a value again', sub { cluster()->{status} eq 'value' });
pass('started again: a value');

$t->done;

###############################################################################

sub cluster {
    my $dump = decode_json(
        scalar `$t->{build}/statedump --json $t->{dir}/run/state`);

    return $dump->{clusters}[0];
}

sub sessions {
    return map { $_->{id} } @{ $db->sql(q{select id
        from information_schema.processlist where user = 'probe'}) };
}
