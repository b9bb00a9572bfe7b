#!/usr/bin/perl

# sluicectl: what it shows and changes by the control socket, what it says of
# a sluiced that refuses, is away or hangs, and wrong use.

use warnings;
use strict;

use IO::Socket::UNIX;
use JSON::PP;
use Test::More;

use Sluice;
use Sluice::Consensus;

###############################################################################

my $t = Sluice->new;
my $socket = $t->dir . '/run/control.sock';
my $file = $t->dir . '/sluiced.json';

sub conf {
    my (%keys) = @_;

    return encode_json({
        StateFile => $t->dir . '/run/state', %keys,
        Stores => { MySQL => { Clusters => { map { $_ => {
            StaticHostsSettings => { Hosts => ['127.0.0.1:1'] } } }
            qw(main1 main2) } } },
    });
}

sub ctl {
    my (@args) = @_;

    return $t->run_command({ env => $t->sanitizer_env('sluicectl', 1) },
        $t->build . '/sluicectl', @args);
}

# Status, what it printed, and what it said of an error.
sub gives {
    my ($args, $status, $out, $err) = @_;
    my @got = ctl(ref $args->[0] ? @{ shift @$args } : ('-s', $socket), @$args);

    is($got[0], $status, "@$args: $status");
    like($got[1], $out, "@$args: stdout");
    like($got[2], $err // qr/^\z/, "@$args: stderr");
    return $got[1];
}

sub listens {
    my ($sluiced) = @_;

    return $t->wait_for('the control socket', sub {
        !$sluiced->alive || IO::Socket::UNIX->new(Peer => $socket);
    });
}

###############################################################################
# Nobody there

gives(['status'], 1, qr/^\z/,
    qr/^sluicectl: \Q$socket\E: cannot connect: No such file or directory\n\z/);
$t->write_file('sluiced.json', conf());
gives([['-c', $file], 'status'], 1, qr/^\z/, qr/: cannot connect: /);
gives([['-c', '/no/such'], 'status'], 1, qr/^\z/,
    qr/^sluicectl: \/no\/such: cannot read: .*\(-s SOCKET needs no file\)\n\z/);

###############################################################################
# Without a store

my $sluiced = $t->sluiced(conf());
listens($sluiced);
gives(['status'], 1, qr/^\z/, qr/^sluicectl: no store is configured/);
gives(['throttle', 'a'], 1, qr/^\z/, qr/set RaftDataDir or BackendMySQLHost/);
gives(['members'], 1, qr/^\z/, qr/^sluicectl: only nodes that keep the store/);
gives(['members', 'add', 'n4:10008'], 1, qr/^\z/, qr/set RaftDataDir/);
$sluiced->term;

###############################################################################
# With one

my $db = $t->mariadb;
Sluice::Consensus::prepare($db, Sluice::Consensus::schema($t));
my $conf = conf(BackendMySQLHost => '127.0.0.1', BackendMySQLPort => $db->port,
    BackendMySQLSchema => 'freno_backend', BackendMySQLUser => 'daemon',
    BackendMySQLPassword => 'secret', Domain => 'd');
$sluiced = $t->sluiced($conf);
listens($sluiced);
$t->wait_for('a leader', sub {
    my @got = ctl('-s', $socket, 'status');
    $got[0] == 0 && $got[1] =~ /^IsLeader +yes$/m;
});
like(gives([['-c', $file], 'status'], 0, qr/^State +Leader$/m),
    qr/^ServiceID +\S+:8087\nHealthy +yes\n.*^Domain +d\n/ms, 'status');
gives(['throttled'], 0, qr/^APP  STORE  RATIO  EXPIRES  OWNER  REASON\n\z/);

gives(['throttle', 'archiver'], 0, qr/^OK\n\z/);
gives(['throttle', '--ttl', '30', 'a b', '--ratio=0.25', '--store', 'main1',
    '--owner', 'me', '--reason', 'too fast & loose'], 0, qr/^OK\n\z/);
my $shown = gives(['throttled'], 0, qr/^archiver +1 +never\n/m);
like($shown, qr/^a b +main1 +0\.25 +20\S+Z +me +too fast & loose$/m,
    'all that was said of it');
gives(['throttle', 'x', '--store', 'nosuch'], 1, qr/^\z/,
    qr/^sluicectl: unknown store_name nosuch/);
gives(['throttle', 'x', '--ratio', '2'], 1, qr/^\z/, qr/\[0\.\.1\] range; got 2/);
gives(['throttle', 'x', '--ttl', 'soon'], 1, qr/^\z/, qr/ParseInt/);
gives(['throttle', 'archiver', '--ttl', '-1'], 0, qr/^OK\n\z/);
gives(['unthrottle', 'a b', '--store', 'main1'], 0, qr/^OK\n\z/);
gives(['throttled'], 0, qr/^APP.*\n\z/);

gives(['skip', 'db1', '--ttl=5', '--owner=me'], 0, qr/^OK\n\z/);
gives(['skipped'], 0, qr/^HOST +EXPIRES +OWNER +REASON\ndb1 +20\S+Z +me\n\z/);
gives(['recover', 'db1'], 0, qr/^OK\n\z/);
gives(['skipped'], 0, qr/^HOST.*\n\z/);
gives(['members'], 1, qr/^\z/, qr/BackendMySQLHost/);

# A socket that somebody else has, or that nobody answers on.

gives([['-s', $t->dir], 'status'], 1, qr/^\z/, qr/: cannot connect: /);
my $deaf = IO::Socket::UNIX->new(Local => $t->dir . '/deaf.sock', Listen => 5);
gives([['-s', $t->dir . '/deaf.sock'], 'status'], 1, qr/^\z/,
    qr/deaf\.sock: no answer within 10 s/);
close $deaf;

###############################################################################
# Members, of a sluiced that has some: what it says is played here

my $page = '';
$t->nginx(<<'EOC');
worker_processes 1;
error_log %%DIR%%/error.log info;
events { }
http {
    access_log %%DIR%%/access.log;
    server {
        listen unix:%%DIR%%/members.sock;
        default_type application/json;
        location = /consensus/members {
            if ($request_method = POST) {
                return 200 '{"StatusCode":200,"Message":"n4:10008 is a voter now"}\n';
            }
            return 200 '[{"Id":"00000000000000aa","Address":"n1:10008","Role":"voter","Leader":true,"HeardMillis":0,"Behind":0},{"Id":"00000000000000bb","Address":"n2:10008","Role":"waiting","Leader":false,"HeardMillis":null,"Behind":4096}]\n';
        }
        location = /consensus/status { return 200 '<html>'; }
        location = /skipped-hosts { return 302 http://127.0.0.1:1/; }
    }
}
EOC
my $played = ['-s', $t->dir . '/members.sock'];
gives([$played, 'members'], 0, qr/^
ADDRESS\ +ID\ +ROLE\ +LEADER\ +HEARD\ +BEHIND\n
n1:10008\ +00000000000000aa\ +voter\ +yes\ +0\ ms\ +0\n
n2:10008\ +00000000000000bb\ +waiting\ +no\ +never\ +4096\n\z/x);
for my $change (['add', 'n4:10008'], ['remove', '00000000000000aa'],
    ['replace', 'n1:10008', '[fd00::1]:10008'])
{
    gives([$played, 'members', @$change], 0, qr/^n4:10008 is a voter now\n\z/);
}
gives([$played, 'status'], 1, qr/^\z/, qr/no answer of sluiced's/);
gives([$played, 'skipped'], 1, qr/^\z/, qr/^sluicectl: HTTP 302/);
is(scalar(() = $t->read_file('access.log') =~ m{"POST /consensus/members }g), 3,
    'three changes');

###############################################################################
# Wrong use

for my $use ([], ['nosuch'], ['throttle'], ['throttle', 'a', 'b'],
    ['throttle', 'a/main1'], ['throttle', ''], ['throttle', 'a', '--ttl'],
    ['throttle', 'a', '--frobnicate'], ['skip', 'a', '--ratio', '1'],
    ['status', 'x'], ['members', 'add'], ['members', 'replace', 'a'],
    ['members', 'nosuch'], ['-x', 'status'], ['-s'])
{
    my ($rc, $out, $err) = ctl(@$use);
    is($rc, 2, "@$use: exit status 2");
    like($err, qr/^sluicectl: .+\nusage: sluicectl /, "@$use: a reason, usage");
    is($out, '', "@$use: nothing on stdout");
}
like((ctl('-h'))[1], qr/^usage: sluicectl/, '-h');
like((ctl('--version'))[1], qr/^sluicectl \d/, '--version');

$t->done;
