#!/usr/bin/perl

# Agreement: lease. At no time do two nodes send writers to different hosts,
# whoever is frozen, cut off or asked: clients of every node note what they
# were answered, by one clock. A node that knows nothing new ends its writers
# itself, with a dead or frozen sluiced, too.

use warnings;
use strict;

use DBI;
use JSON::PP;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep clock_gettime CLOCK_MONOTONIC);

use Sluice;
use Sluice::Fleet;
use Sluice::Route;

use constant LEASE => 2.5;

###############################################################################

my $own = Sluice->new;
my @db = map { $own->mariadb } 1 .. 3;
my @at = map { '127.0.0.1:' . $_->port } @db;

$_->sql(q{create user 'app'@'%' identified by 'app'}) for @db;

my $fleet = Sluice::Fleet->new(nodes => 3, workers => 2, redis => 0,
    clusters => '"app": ' . encode_json({
        StaticHostsSettings => { Hosts => \@at },
        Routing => { Eligible => 'replication', Priority => \@at,
            Agreement => 'lease', WriterLeaseMillis => 1000 * LEASE } }),
    stream => <<'END');
    upstream app { sluice app; }
    server { listen 127.0.0.1:8081; proxy_pass app; }
END
my @nodes = 0 .. $fleet->nodes - 1;
my $t0 = $fleet->node(0);

sub now { return clock_gettime(CLOCK_MONOTONIC) }

# The host by which node $i answers; '' when it does not.
sub where { return client_at(route_client($fleet->node($_[0]), 8081)) }

sub goes {
    my ($what, $want, @these) = @_;

    for my $i (@these ? @these : @nodes) {
        my $got;

        $own->wait_for("$what: node $i", sub { ($got = where($i)) eq $want }, 30);
        is($got, $want, "$what: node $i");
    }
    return;
}

# A client of node $i, that asks where it is again and again, on its session as
# long as that lives, and notes "begin end host" of each answer.
sub start_client {
    my ($i) = @_;
    my $file = $own->dir . "/client.$i";
    my $parent = $$;
    my $pid = fork // die "fork: $!";

    return { pid => $pid, file => $file } if $pid;
    open my $fh, '>>', $file or POSIX::_exit(1);
    $fh->autoflush(1);
    my $dbh;
    while (getppid == $parent) {
        $dbh //= route_client($fleet->node($i), 8081);
        my $begin = now();
        my ($port) = $dbh ? $dbh->selectrow_array('select @@port') : ();

        if ($port) {
            printf $fh "%.6f %.6f %s\n", $begin, now(), "127.0.0.1:$port";
            sleep 0.002;
        }
        else {
            undef $dbh;
            sleep 0.01;
        }
    }
    POSIX::_exit(0);
}

my @clients = map { start_client($_) } @nodes;

# All answers, by their end; those of one host are together.
sub answers {
    my @all;

    for my $i (@nodes) {
        open my $fh, '<', $clients[$i]{file} or next;
        while (<$fh>) {
            my ($begin, $end, $host) = /^(\S+) (\S+) (\S+)\n/ or next;

            push @all, { begin => $begin, end => $end, host => $host, node => $i };
        }
    }
    @all = sort { $a->{end} <=> $b->{end} } @all;
    return @all;
}

# How often the answering host was another than before, whatever node it was
# asked by. With two at once that would be often.
sub turns {
    my ($host, $turns) = ('', 0);

    for my $answer (answers()) {
        $turns++ if $answer->{host} ne $host;
        $host = $answer->{host};
    }
    return $turns;
}

goes('the first', $at[0]);
my $turns = turns();
is($turns, 1, 'one host so far');

# A move that an operator wants.
my $begin = now();
is(post_form($t0, '/route/app/switch', "host=$at[1]&reason=test")->{status}, 200,
    'a switch');
is(post_form($t0, '/route/app/switch', "host=$at[1]")->{status}, 409,
    'it goes there already');
goes('a switch', $at[1]);
cmp_ok(now() - $begin, '>', LEASE, 'all had to let go first');
cmp_ok(now() - $begin, '<', LEASE + 4, 'and not much longer');
my $route = route($t0, 'app');
like($route->{reason}, qr/^an operator switched to it: test/, 'the reason stays');
is(turns(), 2, 'one turn');

# A frozen sluiced: its writers live until its grant is over, and the others
# wait for that.
my $leader = $fleet->leader;
my ($frozen) = grep { $_ != $leader } @nodes;
my @others = grep { $_ != $frozen } @nodes;
my $session = route_client($fleet->node($frozen), 8081);
$fleet->sluiced($frozen)->stop;
is(client_at($session), $at[1], 'a frozen sluiced: its writers live');
is(post_form($fleet->node($leader), '/route/app/switch', "host=$at[0]")->{status},
    200, 'a switch meanwhile');
goes('the others', $at[0], @others);
is(client_at($session), '', 'its writers are over by then');
is(where($frozen), '', 'and nobody is let in');
like(DBI->errstr, qr/sluice: cluster app, epoch \d+: /, 'but told so');
$fleet->sluiced($frozen)->cont;
goes('it wakes up', $at[0]);
is(turns(), 3, 'one turn');

# Killed: the same, and a restart knows how long the former one might.
$session = route_client($fleet->node($frozen), 8081);
$fleet->sluiced($frozen)->kill;
is(client_at($session), $at[0], 'a dead sluiced: its writers live');
$own->wait_for('they end', sub { client_at($session) eq '' }, 10);
is(client_at($session), '', 'for so long');
$fleet->start_sluiced($frozen);
goes('it is back', $at[0]);

# A host dies: the others wait for those that may not know.
$begin = now();
$db[0]->kill;
goes('a dead host', $at[1]);
cmp_ok(now() - $begin, '>', LEASE, 'after the lease');
like(route($t0, 'app')->{reason}, qr/^\Q$at[0]\E: /, 'the reason stays');
is(turns(), 4, 'one turn');

# The leader is frozen in the middle of a move.
$db[0]->start;
$own->wait_for('it is healthy', sub {
    grep { $_->{healthy} && "127.0.0.1:$_->{port}" eq $at[0] }
        @{ route($t0, 'app')->{hosts} } }, 20);
$leader = $fleet->leader;
is(post_form($fleet->node($leader), '/route/app/switch', "host=$at[2]")->{status},
    200, 'a switch');
$own->wait_for('nobody', sub { route($fleet->node($leader), 'app')->{host} eq '' });
$fleet->sluiced($leader)->stop;
goes('another leader goes on', $at[2], grep { $_ != $leader } @nodes);
$fleet->sluiced($leader)->cont;
goes('the former one obeys', $at[2]);
is(turns(), 5, 'one turn');

# The store is away: it is in the writers' way.
my @left = $fleet->freeze_backend(0);
$own->wait_for('nobody', sub { !grep { where($_) ne '' } @nodes }, 20);
is(join(',', map { where($_) } @nodes), ',,', 'without the store nobody writes');
$fleet->thaw_backend;
goes('it is back', $at[2]);
is(turns(), 5, 'and nobody moved');

kill 'KILL', map { $_->{pid} } @clients;
waitpid $_->{pid}, 0 for @clients;
cmp_ok(scalar(answers()), '>', 1000, 'the clients were busy');

$fleet->node($_)->expect_log(qr/sluice: |upstream|stale|no state/) for @nodes;
$own->finish;
$fleet->done;
