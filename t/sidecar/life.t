#!/usr/bin/perl

# The life of sluiced: start, a second one, reload by SIGHUP with good and bad
# files, SIGTERM; and what it says when it cannot have its state file.

use warnings;
use strict;

use JSON::PP;
use Test::More;

use Sluice;

###############################################################################

my $t = Sluice->new;
my $db = $t->mariadb;
my $host = '127.0.0.1:' . $db->port;
my $state = $t->dir . '/run/state';
my $dump = $t->build . '/statedump';

sub conf {
    my (%clusters) = @_;

    return encode_json({
        StateFile => $state,
        Stores => { MySQL => {
            User => 'probe', Password => 'probe', ThrottleThreshold => 1,
            Clusters => { map { $_ => {
                MetricQuery => "select $clusters{$_}[0]",
                StaticHostsSettings => { Hosts => $clusters{$_}[1] },
            } } keys %clusters },
        } },
    });
}

sub dump_json { return decode_json(scalar `$dump --json $state`) }

sub cluster {
    my ($name) = @_;

    return (grep { $_->{name} eq $name } @{ dump_json()->{clusters} })[0];
}

sub value_is {
    my ($name, $value) = @_;

    $t->wait_for("$name is $value", sub {
        my $c = cluster($name);

        $c && $c->{status} eq 'value' && $c->{value} == $value;
    });
    pass("$name is $value");
}

my $sluiced = $t->sluiced(conf(a => [0.5, [$host]], b => [0.25, [$host]]));
value_is('a', 0.5);
value_is('b', 0.25);
is((stat $state)[2] & 0777, 0644, 'workers of any user can read the state');

# A second one on the same state file: an error, and the first is unharmed.
my $pid = $sluiced->pid;
my ($rc, $out, $err) = $t->sluiced_run('-c', $t->dir . '/sluiced.json');
is($rc, 1, 'second sluiced: exit status 1');
like($err, qr/\Q$state\E/, 'second sluiced: names the state file');
like($err, qr/pid $pid\b/, 'second sluiced: names the pid of the first');
value_is('a', 0.5);

# Reload: one cluster goes, one comes, one changes, one stays with its
# connection.
sub connections {
    return map { $_->[0] } @{ $db->dbh->selectall_arrayref(
        q{select id from information_schema.processlist
          where user = 'probe' order by id}) };
}
my %old = map { $_ => 1 } connections();
$t->write_file('sluiced.json',
    conf(a => [0.5, [$host]], c => [0.75, [$host]]));
$sluiced->hup;
value_is('c', 0.75);
value_is('a', 0.5);
is(cluster('b'), undef, 'b is gone');
$t->wait_for('the connection of b to go', sub { connections() == 2 });
pass('b leaves no connection');
is(scalar(grep { $old{$_} } connections()), 1, 'a keeps its connection');

$t->write_file('sluiced.json',
    conf(a => [2, [$host]], c => [0.75, [$host]]));
$sluiced->hup;
value_is('a', 2);

# Broken files change nothing.
my $before = () = $sluiced->log =~ /event=reloaded/g;
for my $broken (
    ['{ "Stores": ', qr/event=config .*line=1 /],
    ['{ "Stores": { "MySQL": { "ThrottleThreshold": -1 } } }',
        qr/event=config .*ThrottleThreshold/],
    [conf(a => [1, ['bad host']]), qr/event=config .*bad host/],
    )
{
    my ($text, $line) = @$broken;

    $t->write_file('sluiced.json', $text);
    my $said = () = $sluiced->log =~ /event=reload_refused/g;
    $sluiced->hup;
    $t->wait_for('reload to be refused', sub {
        my $now = () = $sluiced->log =~ /event=reload_refused/g;
        $now > $said;
    });
    like($sluiced->log, $line, 'the log says what is wrong');
    value_is('a', 2);
}
unlink $t->dir . '/sluiced.json';
$sluiced->hup;
$t->wait_for('a missing file to be refused',
    sub { $sluiced->log =~ /No such file/ });
value_is('a', 2);

# More hosts and clusters than the file has room for: a larger file.
my $inode = (stat $state)[1];
$t->write_file('sluiced.json', conf(map { ("n$_" => [$_, [$host]]) } 1 .. 90));
$sluiced->hup;
value_is('n90', 90);
value_is('n1', 1);
isnt((stat $state)[1], $inode, 'a larger file took its place');

# StateFile cannot move while running: said, and kept.
$t->write_file('sluiced.json',
    conf(a => [3, [$host]]) =~ s{\Q$state\E}{$state.other}r);
$sluiced->hup;
value_is('a', 3);
like($sluiced->log, qr/event=reload_keeps .*StateFile/, 'StateFile stays');
ok(!-e "$state.other", 'no other file');
is(() = $sluiced->log =~ /event=reload_keeps/g, 1, 'nothing else is kept');

# Nor can the backend.
my $backend = '{"BackendMySQLHost":"127.0.0.1","BackendMySQLSchema":"x",'
    . '"BackendMySQLPassword":"geheim",';
$t->write_file('sluiced.json', conf(a => [4, [$host]]) =~ s/^\{/$backend/r);
$sluiced->hup;
value_is('a', 4);
like($sluiced->log, qr/event=reload_keeps .*BackendMySQL/, 'the backend stays');
unlike($sluiced->log, qr/geheim/, 'and no password is shown');

# SIGTERM: soon, cleanly, and the file stays for its readers.
is($sluiced->term, 0, 'SIGTERM: exit status 0');
ok(-e $state, 'the state file stays');
like($sluiced->log, qr/event=stopped/, 'says that it stopped');

# A state file that cannot be had.
$t->write_file('sluiced.json',
    conf(a => [3, [$host]]) =~ s{\Q$state\E}{/proc/no/such/state}r);
($rc, $out, $err) = $t->sluiced_run('-c', $t->dir . '/sluiced.json');
is($rc, 1, 'impossible state file: exit status 1');
like($err, qr{/proc/no/such/state}, 'impossible state file: named');

# -t --probe asks each host and says what it got.
$t->write_file('sluiced.json', conf(a => [1.5, [$host]],
    z => [1, ['127.0.0.1:' . $t->port(8999), 'no-such-host.invalid']]));
($rc, $out, $err) = $t->sluiced_run('-t', '--probe', '-c',
    $t->dir . '/sluiced.json');
is($rc, 1, '--probe: exit status 1 when a host fails');
like($out, qr/^a\s+\Q$host\E\s+1\.5\s+[\d.]+ ms$/m, '--probe: value and time');
like($out, qr/^z\s+127\.0\.0\.1:\d+\s+dial tcp .*connection refused/m,
    '--probe: refused');
like($out, qr/^z\s+no-such-host\.invalid:3306\s+dial tcp: lookup/m,
    '--probe: no such name');
$t->write_file('sluiced.json', conf(a => [1.5, [$host]]));
($rc, $out, $err) = $t->sluiced_run('-t', '--probe', '-c',
    $t->dir . '/sluiced.json');
is($rc, 0, '--probe: exit status 0 when all answer');

$t->done;
