#!/usr/bin/perl

# A node that loses only its own way to the databases moves nobody, though it
# leads: it asks the others, who hear them. When all lose the active host it is
# given up. Each node is in a network namespace of its own.

use warnings;
use strict;

use JSON::PP;
use Test::More;
use Time::HiRes qw(time sleep);

use Sluice;
use Sluice::Kind;
use Sluice::Net;
use Sluice::Route;

use constant LOSSES => $ENV{LOSSES} // 6;

###############################################################################

my $first = Sluice->new;
my $kind = Sluice::Kind::needed($first->build);

Sluice::Net::needed();

my @names = qw(a b c);
my $net = Sluice::Net->new(@names, 'd');
my %t = (a => $first, b => Sluice->new, c => Sluice->new);
my $ip = $net->other_ip('d');
my @in_d = (within => [$net->within('d')], args => ['--bind-address=0.0.0.0']);
my @db = map { $first->mariadb(@in_d) } 1, 2;
my @at = map { "$ip:" . $_->port } @db;
my $voters = $net->voters($first, @names);
my $backend;

if ($kind eq 'mysql') {
    $backend = $first->mariadb(@in_d);
    my ($rc, $sql) = $first->sluiced_run('--print-schema');
    $sql =~ s/^\s*--.*$//mg;
    $backend->sql('create database sluice',
        q{create user 'sluice'@'%' identified by 'backend'},
        q{grant select, insert, update, delete on sluice.* to 'sluice'@'%'});
    $backend->sql('use sluice', $_)
        for grep { /^\s*create\s+table/i } split /;\s*\n/, $sql;
}

my $port = 9000;    # of its own in each namespace

sub conf {
    my ($name) = @_;
    my %store = $backend ? (BackendMySQLHost => $ip,
            BackendMySQLPort => $backend->port, BackendMySQLSchema => 'sluice',
            BackendMySQLUser => 'sluice', BackendMySQLPassword => 'backend')
        : %{ $voters->conf($name) };

    return encode_json({ %store, Domain => 'test', ListenPort => $port++,
        StateFile => $t{$name}->dir . '/run/state',
        Stores => { MySQL => { User => 'probe', Password => 'probe',
            ThrottleThreshold => 1, MetricQuery => 'select 0.25',
            Clusters => { main1 => {
                StaticHostsSettings => { Hosts => \@at },
                Routing => { Eligible => 'replication', Priority => \@at,
                    FreezeMillis => 600 },
            } } } } });
}

my %sluiced = map {
    $_ => $t{$_}->sluiced(conf($_), within => [$net->within($_)])
} @names;

# The node's way to the databases: 0 is cut, without a word.
sub way {
    my ($name, $open) = @_;
    my $mac = $open ? $net->mac('d') : '02:00:00:00:00:ff';

    Sluice::Net::ip('-n ' . $net->space($name)
        . " neigh replace $ip lladdr $mac dev eth0 nud permanent");
    return;
}

sub all_say {
    my ($what, $want) = @_;
    my %epochs;

    for my $name (@names) {
        my $got;

        $first->wait_for("$what: $name", sub {
            my $route = route($t{$name});

            $epochs{$name} = $route->{epoch};
            ($got = $route->{host} =~ s/^127.0.0.1/$ip/r) eq $want;
        }, 20);
        is($got, $want, "$what: $name");
    }
    return $epochs{a};
}

# The node that acts: it says so last.
sub leader {
    my ($found) = $first->wait_for('a leader', sub {
        my ($name) = grep {
            my ($last) = reverse $sluiced{$_}->log =~
                /event=(leading|not_leading|lease_taken|lease_lost)\b/g;

            ($last // '') =~ /^(leading|lease_taken)$/;
        } @names;
        $name;
    }, 20);

    return $found;
}

way($_, 1) for @names;
my $epoch = all_say('the first', $at[0]);

# The store is no way to a database: with MySQL it is, and so the leader
# changes instead, which is no matter here.
my $silent = 0;
for my $loss (1 .. LOSSES) {
    my $name = $kind eq 'raft' && $loss % 2 ? leader() : $names[$loss % 3];

    $silent++ if $kind eq 'raft' && $name eq leader();
    way($name, 0);
    sleep 1.4;
    way($name, 1);
    $first->wait_for('it hears them again', sub {
        !grep { !$_->{healthy} } @{ route($t{$name})->{hosts} } }, 20);
}
is(all_say(LOSSES . ' losses', $at[0]), $epoch, 'nobody was moved');
my $said = () = join('', map { $_->log } values %sluiced) =~ /event=host_silent_here/g;
cmp_ok($said, '>=', $silent, 'a leader asked others, and says so');

# Frozen: nobody hears it.
my $since = time;
$db[0]->stop;
is(all_say('a frozen host', $at[1]), $epoch + 1, 'it is given up');
cmp_ok(time - $since, '<', 3, 'soon');
$db[0]->cont;

# One that nobody else can be asked about: silence decides.
$first->wait_for('it is back', sub {
    3 == grep { my $t = $_; !grep { !$_->{healthy} } @{ route($t)->{hosts} } }
        values %t }, 20);
way($_, 0) for $kind eq 'raft' ? @names : ();
all_say('all ways are lost', $kind eq 'raft' ? '' : $at[1]);
way($_, 1) for @names;
$first->wait_for('somebody', sub { route($first)->{host} ne '' }, 20);

$_->finish for @t{qw(b c)};
$first->done;
