#!/usr/bin/perl

# One domain of freno and Sluice nodes: a client that speaks freno's SQL takes
# part in it, both ways.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(sleep time);

use Sluice;
use Sluice::Consensus;

###############################################################################

my $t = Sluice->new;
my $db = $t->mariadb;
my $freno = 'freno1:9777';

Sluice::Consensus::prepare($db, Sluice::Consensus::schema($t));

my $dbh = DBI->connect('dbi:MariaDB:mariadb_socket=' . $db->socket . ';database=freno_backend',
    'root', '', { RaiseError => 1, PrintError => 0 });

# freno's statements, as its nodes send them.
sub attempt {
    $dbh->do(q{insert ignore into service_election (domain, share_domain, service_id,
        last_seen_active) values (?, ?, ?, now()) on duplicate key update
        service_id = if(last_seen_active < now() - interval 5 second, values(service_id), service_id),
        share_domain = if(service_id = values(service_id), values(share_domain), share_domain),
        last_seen_active = if(service_id = values(service_id), values(last_seen_active), last_seen_active)},
        undef, 'prod', 'share', $freno);
    return leads();
}

sub leads {
    my ($is, $id) = $dbh->selectrow_array(q{select ifnull(max(service_id) = ?, 0) as is_leader,
        ifnull(max(service_id), '') as service_id from service_election where domain = ?},
        undef, $freno, 'prod');
    return $is;
}

sub beat {
    return $dbh->do(q{insert ignore into service_health (service_id, domain, share_domain,
        last_seen_active) values (?, ?, ?, now()) on duplicate key update domain=values(domain),
        share_domain=values(share_domain), last_seen_active=values(last_seen_active)},
        undef, $freno, 'prod', 'share');
}

# What freno makes of the rows: 0 is no expiry, -1 keeps or is 1.
sub throttled {
    my %apps;

    for (@{ $dbh->selectall_arrayref(q{select app_name, timestampdiff(second, now(),
        coalesce(expires_at,now())) as ttl_seconds, ratio from throttled_apps}) })
    {
        my ($app, $ttl, $ratio) = @$_;
        $apps{$app} = [$ttl == 0 ? 'never' : $ttl, $ratio == -1 ? 1 : $ratio] if $ttl >= 0;
    }
    return \%apps;
}

sub throttle {
    my ($app, $minutes, $ratio) = @_;

    return $dbh->do(q{replace into throttled_apps (app_name, throttled_at, expires_at, ratio)
        values (?, now(), now() + interval ? minute, ?)}, undef, $app, $minutes, $ratio)
        if $minutes > 0;
    return $dbh->do(q{insert into throttled_apps (app_name, throttled_at, ratio) values
        (?, now(), ?) on duplicate key update ratio=values(ratio), expires_at=null},
        undef, $app, $ratio);
}

sub unthrottle {
    return $dbh->do(q{update throttled_apps set expires_at=now() where app_name=?},
        undef, $_[0]);
}

# For that many seconds freno does what it does each second.
sub freno_runs {
    my ($seconds, $code) = @_;
    my $end = time + $seconds;

    while (time < $end) {
        attempt();
        beat();
        $code->() if $code;
        sleep 0.5;
    }
    return;
}

sub node {
    my ($name) = @_;

    return Sluice::Consensus->start($t, $db, name => $name,
        conf => { Domain => '"prod"', ShareDomain => '"share"' });
}

###############################################################################
# freno leads: Sluice nodes see it, and do not

ok(attempt(), 'freno leads first');
my ($a, $b) = map { node($_) } qw(a b);
my @both;
freno_runs(3, sub { push @both, grep { $_->status->{leads} } $a, $b });
is(scalar @both, 0, 'while freno renews its row nobody else leads');
ok(leads(), 'freno does');
is($a->status->{leader}, $freno, 'which is told');
is($a->status->{state}, 'Healthy', 'and healthy');
is_deeply([sort split /,/, $a->status->{services}], ['a', 'b', $freno],
    'all three stand in service_health');
my ($holder) = grep { $_->acts } $a, $b;
ok($holder, 'one of Sluice may act all the same');

# freno dies.
my $died = time;
$a->wait_for('leader', sub { $holder->status->{leads} }, 12);
my $after = time - $died;
note(sprintf 'freno dead, Sluice leads after %.1f s', $after);
cmp_ok($after, '>', 3.5, 'not before freno would let go');
cmp_ok($after, '<', 9, 'freno dead: the holder of the lease leads');
ok(!leads(), 'and freno sees it');

# freno comes back: it waits its turn, as it would for a freno node.
my @stolen;
freno_runs(6.5, sub { push @stolen, 1 if leads() });
is(scalar @stolen, 0, 'freno takes nothing from one that lives');

# Another Sluice node takes over at once, from a killed one.
my ($other) = grep { $_ != $holder } $a, $b;
$holder->kill;
my $killed = time;
$other->wait_for('leader', sub { attempt(); $other->status->{leads} });
cmp_ok(time - $killed, '<', 4, 'killed: the other Sluice node leads, and not freno');

###############################################################################
# Throttles, both ways

throttle('by-freno', 2, 0.25);
throttle('for-ever', 0, -1);
my $seen = $other->throttles;
is($seen->{'by-freno'}[1], 0.25, 'a throttle of freno: its ratio');
cmp_ok($seen->{'by-freno'}[2], '>', 110000, 'its end');
is("@{ $seen->{'for-ever'} }[1, 2]", '1 never', 'one for ever, and of no ratio');
throttle('by-freno', 0, 0.75);
is("@{ $other->throttles->{'by-freno'} }[1, 2]", '0.75 never', 'changed by freno');

# What ends in this very second has ended: read many times around the end.
unthrottle('by-freno');
unthrottle('for-ever');
my @again;
for (1 .. 6) {
    push @again, grep { $_ } @{ $other->throttles }{'by-freno', 'for-ever'};
    unthrottle('by-freno');
}
is(scalar @again, 0, 'an unthrottle of freno never comes back as endless');

$other->change('throttle by-sluice 0.5 120000');
$other->change('throttle endless keep never');
is(throttled()->{'by-sluice'}[1], 0.5, 'a throttle of Sluice: its ratio');
cmp_ok(throttled()->{'by-sluice'}[0], '>', 110, 'its end');
is("@{ throttled()->{endless} }", 'never 1', 'one for ever');
$other->change('throttle by-sluice keep 300000');
is(throttled()->{'by-sluice'}[1], 0.5, 'a ratio that Sluice kept');
my @back;
for my $round (1 .. 20) {
    $other->change('throttle flips 1 never');
    $other->change('unthrottle flips');
    push @back, throttled()->{flips} // ();
    sleep 0.06;
}
is(scalar @back, 0, 'an unthrottle of Sluice never comes back as endless');

# Hosts.
$dbh->do(q{replace into skipped_hosts (host_name, skipped_at, expires_at) values
    ('db1', now(), now() + interval 60 minute)});
ok($other->skips->{db1}, 'a host skipped by freno');
$dbh->do(q{update skipped_hosts set expires_at=now() where host_name='db1'});
ok(!$other->skips->{db1}, 'and recovered');
$other->change('skip db2 3600000');
like($dbh->selectrow_array(q{select timestampdiff(minute, now(), expires_at) from skipped_hosts
    where host_name = 'db2'}), qr/^(?:59|60)$/, 'a host skipped by Sluice');

###############################################################################
# Leaders of the share domain

$dbh->do(q{insert into service_election values ('other', 'share', 'far:8087', now())});
$dbh->do(q{insert into service_election values ('none', 'not this', 'no:8087', now())});
$dbh->do(q{insert into service_election values ('dead', 'share', 'dead:8087',
    now() - interval 6 second)});
$other->wait_for('shares', sub { $other->status->{shares} eq 'other' });
is($other->status->{leaders}, 'far:8087', 'the leader of another domain');

# Stopped: freno need not wait 5 s.
$other->term;
my $stopped = time;
$t->wait_for('freno to lead', \&attempt, 10);
cmp_ok(time - $stopped, '<', 2, 'stopped: freno leads at once');
$dbh->disconnect;

$t->done;

###############################################################################
