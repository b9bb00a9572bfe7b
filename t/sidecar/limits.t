#!/usr/bin/perl

# Limits on open files: the soft one is raised; where the hard one is too low
# that is said, and costs hosts their answer, not sluiced its life.

use warnings;
use strict;

use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(sleep);

use Sluice;

my $HOSTS = 70;

my $t = Sluice->new;
my $db = $t->mariadb;

# sluiced with so many hosts under these limits.
sub start {
    my ($name, $soft, $hard) = @_;
    my $clusters = join ",\n", map {
        qq{"c$_": { "StaticHostsSettings": { "Hosts": ["127.0.0.1"] } }}
    } 1 .. $HOSTS;
    my $conf = $t->write_file("$name.json", sprintf <<'EOF', $db->port, $clusters);
{ "StateFile": "%%%%DIR%%%%/run/state", "Stores": { "MySQL": {
  "User": "probe", "Password": "probe", "Port": %d, "ThrottleThreshold": 1,
  "MetricQuery": "select 0.5", "Clusters": { %s } } } }
EOF

    return $t->add(Sluice::Daemon->new(
        name => $name, log => $t->dir . "/$name.log",
        env => $t->sanitizer_env($name, 1),
        start => ['bash', '-c',
            "ulimit -Sn $soft && ulimit -Hn $hard && exec \"\$0\" \"\$@\"",
            $t->build . '/sluiced', '-c', $conf]));
}

sub count {
    my ($status) = @_;
    my ($rc, $out) = $t->run_command($t->build . '/statedump', '--json',
        $t->dir . '/run/state');

    return 0 if $rc;
    return scalar grep { $_->{status} eq $status }
        @{ decode_json($out)->{clusters} };
}

# A soft limit like a login shell's is no limit.
my $s = start('soft', 48, 4096);
$t->wait_for('every host', sub { count('value') == $HOSTS });
unlike($s->log, qr/too_few_files/, 'soft limit: nothing to say');
is($s->term, 0, 'soft limit: ends');

# A hard one is: said, and survived, when connections are given up as well.
$s = start('hard', 48, 48);
$t->wait_for('all to be known',
    sub { count('value') + count('error') == $HOSTS && count('error') });
like($s->log,
    qr/level=warn event=too_few_files limit=48 needed=198 hosts=$HOSTS /,
    'hard limit: said');
like($s->log, qr/event=host_error .*\(24\)/, 'hard limit: the hosts are in error');
cmp_ok(count('value'), '>', 0, 'hard limit: the others are not');

$db->stop;
$t->wait_for('no answers', sub { count('error') == $HOSTS });
ok($s->alive, 'hard limit: alive when every query is given up');
$db->cont;
$t->wait_for('answers again', sub { count('value') > 0 });

# A reload that cannot read the file changes nothing, or it can: alive.
$s->signal('HUP');
$t->wait_for('the reload', sub { $s->log =~ /event=reload/ });
is($s->term, 0, 'hard limit: ends');

$t->done;
