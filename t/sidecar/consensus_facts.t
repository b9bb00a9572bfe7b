#!/usr/bin/perl

# Facts and changes on freno's schemas and on Sluice's: what is stored, what is
# read, what is refused and how; who stands where freno looks.

use warnings;
use strict;

use Test::More;

use Sluice;
use Sluice::Consensus;

###############################################################################

my $t = Sluice->new;
my $db = $t->mariadb(args => ['--innodb-flush-log-at-trx-commit=1']);
my @all = Sluice::Consensus::schema($t);

sub fresh {
    my (@tables) = @_;

    $db->sql('drop database if exists freno_backend',
        q{drop user if exists 'daemon'@'%'});
    return Sluice::Consensus::prepare($db, @tables);
}

sub row {
    my ($sql) = @_;

    return $db->sql($sql)->[0];
}

sub app {
    my ($name) = @_;

    return row(q{select expires_at, ratio, timestampdiff(second, throttled_at,
        expires_at) ttl, unix_timestamp(expires_at) at, timestampdiff(second,
        now(), coalesce(expires_at, now())) freno from throttled_apps
        where app_name = } . $db->dbh->quote($name));
}

sub told {
    my ($node, $pattern, $name) = @_;

    return $node->wait_for($name, sub { $node->log =~ $pattern })
        && pass($name);
}

###############################################################################
# Sluice's own tables

fresh(@all);
my $a = Sluice::Consensus->start($t, $db, name => 'a',
    conf => { Domain => '"prod"' });
my $b = Sluice::Consensus->start($t, $db, name => 'b',
    conf => { Domain => '"prod"' });

my $done = $a->change('throttle app 0.5 120000 alice reason');
is("@$done{qw(outcome kind key ratio owner text)}",
    'done throttle app 0.5 alice ', 'a throttle is stored');
is(app('app')->{ttl}, 120, 'its row is what freno would write: the end');
is(app('app')->{ratio}, 0.5, 'the ratio');
my $other = $b->throttles->{app};
is("@$other[1, 3, 4]", '0.5 alice reason', 'another node reads it');
cmp_ok($other->[2], '>', 110000, 'its end');
cmp_ok($other->[2], '<=', 120000, 'its end, no more');
my $facts = $b->last_event('facts');
is($facts->{revision}, $done->{revision}, 'at that revision');
like($facts->{store}, qr/^[0-9a-f]{32}$/, 'of a store with a random id');
is($a->facts->{store}, $facts->{store}, 'which is the same for all');

# How long it takes without any hint.
$done = $a->change('throttle quick 1 never');
my $heard = $b->wait_for('quick', sub {
    (grep { $_->{line} =~ /throttle=quick,1,never/ } $b->events('facts'))[0];
});
cmp_ok($heard->{ms} - $done->{ms}, '<=', 1000, 'no more than 1 s');
is(app('quick')->{expires_at}, undef, 'never is NULL');

# A new end keeps the ratio, a new ratio is a new ratio, none at all is 1.
$a->change('throttle app keep 600000');
is(app('app')->{ratio}, 0.5, 'a ratio is kept');
is($a->last_event('change')->{ratio}, 0.5, 'and told');
is(app('app')->{ttl}, 600, 'with its new end');
is($a->throttles->{app}[3], '', 'and without its former owner');
$a->change('throttle new keep never');
is(app('new')->{ratio}, 1, 'nothing to keep is 1');
$db->sql(q{update throttled_apps set ratio = -1 where app_name = 'app'});
is($a->change('throttle app keep 60000')->{ratio}, 1, q{freno's -1 is 1});
$db->sql(q{update throttled_apps set ratio = 0.1, expires_at = now() - interval
    1 second where app_name = 'app'});
is($a->change('throttle app keep 60000')->{ratio}, 1, 'expired is nothing');

# An end in the past, by whatever way, is what freno reads as one.
for my $words ('unthrottle app', 'throttle app 1 -60000') {
    $a->change('throttle app 1 never o r');
    is($a->change($words)->{kind}, 'unthrottle', "$words: told as such");
    cmp_ok(app('app')->{freno}, '<', 0, "$words: never 0, which is for ever");
    ok(!$a->throttles->{app}, "$words: gone");
}
is(row('select count(*) n from sluice_notes')->{n}, 0, 'no notes are left');
is($a->change('unthrottle nobody')->{outcome}, 'done', 'nothing to do is done');
$a->change('throttle far 1 36000000000000000');
is(app('far')->{expires_at}, undef, 'too far is never');
$a->change('throttle far 1 900000000000000');
is(app('far')->{at}, undef, 'so is ten thousand years');
$a->change('throttle far 1 900000000000');
is(app('far')->{at}, 2147483647, 'what no timestamp can hold is its last');
is($a->throttles->{far}[2], 'never', 'which reads as never');

# Hosts, names with quotes in them, clusters.
$a->change('skip db1 3600000');
$a->change('skip db2 never');
is(row(q{select timestampdiff(second, skipped_at, expires_at) n from
    skipped_hosts where host_name = 'db1'})->{n}, 3600, 'a host for an hour');
is($b->skips->{db2}[1], 'never', 'a host for ever');
$a->change('recover db1');
ok(!$b->skips->{db1}, 'recovered');
$a->change(qq{throttle x'"\\;/c%%d 0.25 never});
is($b->throttles->{qq{x'"\\;/c%%d}}[1], 0.25, 'a name with everything in it');

# Refused, with words.
my $revision = row('select revision from sluice_revision')->{revision};
for my $case (
    ['throttle app 1.0001 never', qr/ratio must be in \[0\.\.1\] range; got 1\.0001/],
    ['throttle app nan never', qr/ratio must be in \[0\.\.1\] range; got nan/],
    ["throttle bad\xff 1 never", qr/Error 1366|Error 1300/],
) {
    my $refused = $a->change($case->[0]);

    is($refused->{outcome}, 'refused', "$case->[0]: refused");
    like($refused->{text}, qr/^nothing changed: .*$case->[1]/, 'says why');
}
is(row('select revision from sluice_revision')->{revision}, $revision,
    'what is refused raises no revision');

# Many, in order, none lost.
$a->say('burst many 1000');
$a->wait_for('burst', sub { 1000 == grep { $_->{id} eq 'many' } $a->events('change') });
my @many = grep { $_->{id} eq 'many' } $a->events('change');
is(scalar(grep { $_->{outcome} eq 'done' } @many), 1000, 'a thousand changes');
is_deeply([map { $_->{revision} } @many], [$revision + 1 .. $revision + 1000],
    'in their order');
is(scalar(keys %{ $b->throttles }), 1000 + 4, 'all are read');
$db->sql(q{delete from throttled_apps where app_name like 'burst%'});
$a->say('burst over 2000');
$a->wait_for('burst', sub { 2000 == grep { $_->{id} eq 'over' } $a->events('change') });
@many = grep { $_->{id} eq 'over' } $a->events('change');
ok((grep { $_->{text} =~ /^nothing changed: too many changes/ } @many),
    'the queue has an end');
is(scalar(grep { $_->{outcome} eq 'done' } @many),
    row(q{select count(*) n from throttled_apps where app_name like 'burst%'})->{n},
    'and what is answered is what was stored');

# Both serve at once.
my @ids = map { [$a->begin("throttle two 0.$_ never"), $b->begin('unthrottle two')] } 1 .. 9;
for my $id (@ids) {
    is($a->outcome($id->[0])->{outcome}, 'done', 'through one node');
    is($b->outcome($id->[1])->{outcome}, 'done', 'through another');
}
my %seen;
$seen{$_}++ for map { $_->{revision} } $a->events('change'), $b->events('change');
delete $seen{0};
is(scalar(grep { $_ > 1 } values %seen), 0, 'no revision is given twice');

is_deeply([split /,/, $a->status->{services}], [qw(a b)], 'both are healthy');
is(row(q{select count(*) n from service_health where domain = 'prod'})->{n}, 2,
    'and stand where freno looks');
unlike($a->log, qr/backend_not_durable|backend_lacks|backend_differs/,
    'nothing to warn of');
$_->term for $a, $b;

# An account that loses its privilege ends no throttle.
$db->sql(q{delete from throttled_apps where app_name like 'burst%'});
my $poor = Sluice::Consensus->start($t, $db, name => 'poor');
ok($poor->throttles->{quick}, 'read at first');
$db->sql(q{revoke all privileges on freno_backend.throttled_apps from 'daemon'@'%'});
told($poor, qr/event=backend_(?:refuses|lacks).*throttled_apps/, 'a lost privilege: told');
told($poor, qr/event=backend_lacks table=throttled_apps /, 'as a table that is not there');
is(scalar(grep { !/throttle=quick/ } map { $_->{line} } $poor->events('facts')), 0,
    'and nothing is read');
is($poor->change('throttle poor 1 never')->{outcome}, 'refused', 'nor stored');
$db->sql(q{grant select, insert, delete, update on freno_backend.throttled_apps to 'daemon'@'%'});
$poor->wait_for('return', sub { $poor->log =~ /event=backend_has table=throttled_apps/ });
ok($poor->throttles->{quick}, 'and back');
$poor->term;

###############################################################################
# freno's schemas, with just freno's privileges

fresh(@Sluice::Consensus::TWO_TABLES);
my $two = Sluice::Consensus->start($t, $db, name => 'two');
$done = $two->change('throttle app 0.5 never alice reason');
is("@$done{qw(outcome revision owner)}", 'done 0 ', 'two tables: stored');
is(app('app')->{at}, 2147483647, 'two tables: never is the last second');
is($two->throttles->{app}[2], 'never', 'two tables: read as never');
$done = $two->change('throttle app keep never');
is($done->{ratio}, 0.5, 'two tables: a ratio is kept');
cmp_ok(app('app')->{freno}, '>', 86400 * 365, 'two tables: freno reads years');
$two->change('unthrottle app');
ok(!$two->throttles->{app}, 'two tables: ended');
my $refused = $two->change('skip db1 60000');
is($refused->{outcome}, 'refused', 'two tables: no hosts to skip');
like($refused->{text}, qr/^nothing changed: .*CREATE TABLE IF NOT EXISTS skipped_hosts \(host_name/,
    'two tables: the statement that is missing');
told($two, qr/event=backend_differs.*statement="ALTER TABLE throttled_apps MODIFY expires_at timestamp NULL DEFAULT NULL"/,
    'two tables: the log has the ALTER');
for my $table (qw(service_health skipped_hosts sluice_lease sluice_notes sluice_revision)) {
    my @told = $two->log =~ /event=backend_lacks table=$table .*statement="(CREATE TABLE IF NOT EXISTS $table .*?)"/g;
    is(scalar @told, 1, "two tables: $table is told of, once");
}
my $bare = $two->facts->{store};
like($bare, qr/^bare-[0-9a-f]{16}$/, 'two tables: a store id of its own');
$two->wait_for('leader', sub { $two->status->{leads} });
is($two->status->{state}, 'Leader', q{two tables: leads by freno's clock});
is($two->status->{services}, '', 'two tables: nobody knows who is healthy');
is(scalar($two->leases), 0, 'two tables: and may not act');

# The table comes while it runs.
$db->sql($Sluice::Consensus::THREE_TABLES[2],
    q{grant SELECT, INSERT, DELETE, UPDATE on freno_backend.skipped_hosts to 'daemon'@'%'});
$two->wait_for('skipped_hosts', sub {
    $two->change('skip db1 60000')->{outcome} eq 'done';
}, 30);
ok($two->skips->{db1}, 'a table that comes later is used');
$two->term;

fresh(@Sluice::Consensus::THREE_TABLES);
my $three = Sluice::Consensus->start($t, $db, name => 'three');
is($three->change('throttle app 0.5 never')->{outcome}, 'done', 'three tables: stored');
is(app('app')->{expires_at}, undef, 'three tables: never is NULL');
is($three->change('skip db1 never')->{outcome}, 'done', 'three tables: a host');
is($three->facts->{store}, $bare, 'the id of a bare store is where it is');
is($three->skips->{db1}[1], 'never', 'three tables: for ever');
$three->term;

fresh(@Sluice::Consensus::OLDEST_TABLES);
my $oldest = Sluice::Consensus->start($t, $db, name => 'oldest');
is($oldest->change('throttle app 0.5 never')->{outcome}, 'done', 'oldest tables: stored');
told($oldest, qr/event=backend_differs.*statement="ALTER TABLE service_election ADD share_domain/,
    'oldest tables: the log has the ALTER');
$oldest->wait_for('leader', sub { $oldest->status->{leads} });
is($oldest->status->{leader}, 'oldest', 'oldest tables: leads');
$oldest->term;

# The zero date of servers before explicit_defaults_for_timestamp.
fresh();
$db->sql('set sql_mode = ""', 'set explicit_defaults_for_timestamp = 0',
    $Sluice::Consensus::THREE_TABLES[1],
    q{insert into throttled_apps (app_name, throttled_at, ratio) values ('zero', now(), 1)},
    q{grant select, insert, delete, update on freno_backend.throttled_apps to 'daemon'@'%'},
    'set sql_mode = default', 'set explicit_defaults_for_timestamp = 1');
my $zero = Sluice::Consensus->start($t, $db, name => 'zero');
is($zero->throttles->{zero}[2], 'never', 'the zero date is never');
is($zero->change('throttle zero keep never')->{ratio}, 1, 'its ratio is kept');
is(app('zero')->{at}, 2147483647, 'and it does not end now');
$zero->term;

$t->done;

###############################################################################
