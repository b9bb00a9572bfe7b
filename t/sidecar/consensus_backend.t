#!/usr/bin/perl

# What goes wrong with the backend: away, frozen, in mid-COMMIT, read-only,
# a replica, without a privilege, with TLS; and what is said of it.

use warnings;
use strict;

use IO::Select;
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep);

use Sluice;
use Sluice::Consensus;

###############################################################################

my $t = Sluice->new;
my $db = $t->mariadb;
my @all = Sluice::Consensus::schema($t);

Sluice::Consensus::prepare($db, @all);

sub told {
    my ($node, $pattern, $name) = @_;

    $node->wait_for($name, sub { $node->log =~ $pattern }, 30);
    return like($node->log, $pattern, $name);
}

sub stored {
    my ($app) = @_;

    return $db->sql(qq{select count(*) n from freno_backend.throttled_apps where
        app_name = '$app'})->[0]{n};
}

sub outcome_is {
    my ($change, $want, $pattern, $name) = @_;

    is($change->{outcome}, $want, $name);
    return like($change->{text}, $pattern, "$name: says why");
}

###############################################################################
# Frozen, and back

my $node = Sluice::Consensus->start($t, $db, name => 'node');
is($node->change('throttle before 1 never')->{outcome}, 'done', 'at first it works');
told($node, qr/event=backend_not_durable .*innodb_flush_log_at_trx_commit=0/,
    'a server that can lose a commit is told of');
$node->wait_for('lease', sub { $node->acts });

$db->stop;
my $began = Sluice::Consensus::boot_ms();
my $frozen = $node->change('throttle frozen 1 never');
outcome_is($frozen, 'refused', qr/^nothing changed: no answer within 1000 ms/,
    'frozen before the COMMIT');
cmp_ok($frozen->{ms} - $began, '<=', 3000, 'frozen: within its deadline');
$node->wait_for('lapse', sub { !$node->acts && !$node->status->{healthy} });
is($node->status->{healthy}, 0, 'frozen: unhealthy');
$began = Sluice::Consensus::boot_ms();
outcome_is($node->change('throttle frozen 1 never'), 'refused', qr/^nothing changed: /,
    'frozen: refused again');
my $age = $node->last_event('facts')->{ms};
$db->cont;
$node->wait_for('return', sub { $node->acts && $node->status->{healthy} });
cmp_ok($node->facts->{ms}, '>', $age, 'back: facts are read');
is($node->change('throttle after 1 never')->{outcome}, 'done', 'back: changes too');
is(stored('frozen'), 0, 'what was refused is not stored');

# Killed, and back.
$db->kill;
told($node, qr/event=backend_away .*(?:refused|EOF)/, 'killed: told');
outcome_is($node->change('throttle gone 1 never'), 'refused', qr/^nothing changed: /,
    'killed: refused');
$db->start;
$node->wait_for('return', sub { $node->acts && $node->status->{healthy} });
is($node->change('throttle gone 1 never')->{outcome}, 'done', 'started: changes');

# Its connections are cut: nobody notices.
$db->dbh->do("kill $_->{id}") for @{ $db->sql(q{select id from
    information_schema.processlist where user = 'daemon'}) };
is($node->change('throttle cut 1 never')->{outcome}, 'done', 'cut: done all the same');

# Another transaction holds the revision and goes no further.
my $other = DBI->connect('dbi:MariaDB:mariadb_socket=' . $db->socket . ';database=freno_backend',
    'root', '', { RaiseError => 1, AutoCommit => 0 });
$other->do('update sluice_revision set revision = revision + 1');
my $waits = $node->begin('throttle waits 1 never');
sleep 0.3;
$other->commit;
is($node->outcome($waits)->{outcome}, 'done', 'a lock is waited for');
$other->do('update sluice_revision set revision = revision + 1');
outcome_is($node->change('throttle locked 1 never'), 'refused',
    qr/^nothing changed: (?:Error 1205|no answer)/, 'but not for ever');
ok($node->acts, 'and the lease goes on meanwhile');
$other->rollback;
$other->disconnect;
is(stored('locked'), 0, 'nothing is stored');

# A node that froze in a transaction lets go of its locks.
$db->stop;
my $first = $node->begin('throttle holds 1 never');
$node->stop;
$db->cont;
my $second = Sluice::Consensus->start($t, $db, name => 'second');
$second->wait_for('facts', sub { $second->last_event('facts') });
my $got;
$second->wait_for('a change beside a frozen node', sub {
    $got = $second->change('throttle beside 1 never');
    $got->{outcome} eq 'done';
});
is($got->{outcome}, 'done', 'a frozen node holds up nobody for long');
$node->cont;
$node->outcome($first);
$second->term;
$node->wait_for('lease', sub { $node->acts });

###############################################################################
# The answer to the COMMIT is lost: a proxy that stops right there

my $proxy = $t->port('proxy');
my $pid = fork // die "fork: $!";
if (!$pid) {
    my $listen = IO::Socket::INET->new(LocalAddr => "127.0.0.1:$proxy",
        Listen => 20, ReuseAddr => 1) or POSIX::_exit(1);
    my $select = IO::Select->new($listen);
    my %peer;

    $SIG{PIPE} = 'IGNORE';
    while (1) {
        for my $from ($select->can_read) {
            if ($from == $listen) {
                my $client = $listen->accept or next;
                my $server = IO::Socket::INET->new(PeerAddr => $db->address) or next;
                @peer{ $client, $server } = ($server, $client);
                $select->add($client, $server);
                next;
            }
            my $to = $peer{$from} or next; # its peer ended just before
            my $n = sysread $from, my $bytes, 65536;
            # The COMMIT passes while commit.ok is there; else it hangs.
            if ($n && $bytes =~ /^.{4}\x03commit/s && !-e $t->dir . '/commit.ok') {
                syswrite $to, $bytes if -e $t->dir . '/commit.arrives';
                $select->remove($from, $to);
                next;
            }
            if (!$n) {
                $select->remove($from, $to);
                close $_ for $from, $to;
                delete @peer{ $from, $to };
                next;
            }
            syswrite $to, $bytes;
        }
    }
}
$t->write_file('commit.ok', '');
my $through = Sluice::Consensus->start($t, $db, name => 'through', port => $proxy);
$through->wait_for('facts', sub { $through->last_event('facts') });
is($through->change('throttle through 1 never')->{outcome}, 'done', 'through a proxy');
unlink $t->dir . '/commit.ok';
outcome_is($through->change('throttle unheard 1 never'), 'unknown',
    qr/^may or may not have been stored, repeat it: no answer within 1000 ms$/,
    'the COMMIT did not arrive');
$t->write_file('commit.arrives', '');
outcome_is($through->change('throttle heard 1 never'), 'unknown',
    qr/^may or may not have been stored, repeat it: /, 'the COMMIT did');
is(stored('heard'), 1, 'which was stored');
$t->write_file('commit.ok', '');
is($through->change('throttle heard 1 never')->{outcome}, 'done', 'and is repeated');

# Leaving while a COMMIT hangs: it is answered first, and in time.
unlink $t->dir . '/commit.ok';
my $last = $through->begin('throttle last 1 never');
my @more = map { $through->begin("throttle more$_ 1 never") } 1 .. 3;
sleep 0.2;
$through->term;
is($through->outcome($last)->{outcome}, 'unknown', 'leaving: what hangs is unknown');
is($through->outcome($_)->{outcome}, 'refused', 'leaving: what waits is refused') for @more;
cmp_ok($through->last_event('closed')->{ms} - $through->last_event('closing')->{ms}, '<=', 600,
    'leaving: bounded in time');
kill 'KILL', $pid;
waitpid $pid, 0;

###############################################################################
# Read-only: whoever leads stops; nothing is stored

$db->sql('set global read_only = 1');
outcome_is($node->change('throttle ro 1 never'), 'refused',
    qr/^nothing changed: Error 1290: .*BackendMySQLHost is read-only: it has to be the primary/,
    'read-only');
$node->wait_for('lapse', sub { !$node->acts });
ok($node->throttles->{before}, 'read-only: facts are read');
my $ro = Sluice::Consensus->start($t, $db, name => 'ro');
told($ro, qr/event=backend_read_only /, 'read-only at start: told');
ok($ro->throttles->{before}, 'read-only at start: facts are read');
is(scalar($ro->leases), 0, 'read-only at start: nobody acts');
$ro->term;
$db->sql('set global read_only = 0');
$node->wait_for('return', sub { $node->acts });
is($node->change('throttle ro 1 never')->{outcome}, 'done', 'read-only no more');

# Privileges: named.
$node->term;
for my $case (
    ['update', 'sluice_revision', 'UPDATE command denied.*sluice_revision'],
    ['insert', 'throttled_apps', 'INSERT command denied.*throttled_apps'],
    ['delete', 'sluice_notes', 'DELETE command denied.*sluice_notes'],
) {
    my ($privilege, $table, $words) = @$case;

    $db->sql("revoke $privilege on freno_backend.$table from 'daemon'\@'%'");
    my $poor = Sluice::Consensus->start($t, $db, name => "poor-$privilege");
    outcome_is($poor->change('throttle poor 1 60000'), 'refused',
        qr/^nothing changed: Error 1142: $words.*sluiced --print-schema prints the GRANTs/,
        "without $privilege on $table");
    $poor->term;
    $db->sql("grant $privilege on freno_backend.$table to 'daemon'\@'%'");
}
$db->sql(q{revoke update on freno_backend.sluice_lease from 'daemon'@'%'});
my $poor = Sluice::Consensus->start($t, $db, name => 'poor-lease');
told($poor, qr/event=backend_refuses table=sluice_lease error="Error 1142: UPDATE command denied/,
    'without update on sluice_lease: told');
is(scalar($poor->leases), 0, 'without update on sluice_lease: nobody acts');
is($poor->change('throttle poor 1 60000')->{outcome}, 'done',
    'without update on sluice_lease: changes are stored');
$poor->term;
$db->sql(q{grant update on freno_backend.sluice_lease to 'daemon'@'%'});

# A wrong password, and a backend that is away at first.
my $wrong = Sluice::Consensus->start($t, $db, name => 'wrong',
    conf => { BackendMySQLCollation => '"no_such"' });
told($wrong, qr/event=backend_away .*error="Error 1\d\d\d: /, 'a collation that is none: told');
$wrong->term;
$db->sql(q{alter user 'daemon'@'%' identified by 'other'});
my $early = Sluice::Consensus->start($t, $db, name => 'early');
told($early, qr/event=backend_away .*error="Error 1045: Access denied for user 'daemon'/,
    'a wrong password: told');
unlike($early->log, qr/secret/, 'a wrong password: not shown');
outcome_is($early->change('throttle early 1 never'), 'refused', qr/Error 1045/,
    'a wrong password: refused');
is($early->status->{state}, 'Unhealthy', 'a wrong password: unhealthy');
$db->sql(q{alter user 'daemon'@'%' identified by 'secret'});
is($early->wait_for('change', sub {
    my $c = $early->change('throttle early 1 never');
    $c->{outcome} eq 'done' && $c->{outcome};
}), 'done', 'a right one: goes on by itself');
$db->kill;
my $sooner = Sluice::Consensus->start($t, $db, name => 'sooner');
outcome_is($sooner->change('throttle sooner 1 never'), 'refused', qr/connection refused/,
    'away at start: refused');
$db->start;
ok($sooner->throttles->{before}, 'away at start: facts come');
$_->term for $sooner, $early;

# A replica that may be written to.
# What a server that was not durable lost when it was killed, and was then told
# again, stands twice in its binary log.
my $replica = $t->mariadb(args => ['--slave-exec-mode=IDEMPOTENT']);
$replica->replicate_from($db);
$t->wait_for('the account on the replica', sub {
    $replica->sql(q{show grants for 'daemon'@'%'});
});
$replica->sql('set sql_log_bin = 0', q{grant slave monitor on *.* to 'daemon'@'%'});
my $lost = Sluice::Consensus->start($t, $replica, name => 'lost');
told($lost, qr/event=backend_is_replica .*all nodes have to share one primary/,
    'a replica: told');
$lost->term;

$t->done;

###############################################################################
