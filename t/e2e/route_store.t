#!/usr/bin/perl

# Routes and a store that does what stores do: it is put back, it refuses,
# it holds what cannot be read, it is changed by somebody else meanwhile.

use warnings;
use strict;

use JSON::PP;
use Test::More;
use Time::HiRes qw(time sleep);

use Sluice;
use Sluice::Fleet;
use Sluice::Route;

###############################################################################

my $own = Sluice->new;
my @db = map { $own->mariadb } 1 .. 2;
my @at = map { '127.0.0.1:' . $_->port } @db;

$_->sql(q{create user 'app'@'%' identified by 'app'}) for @db;

my $fleet = Sluice::Fleet->new(nodes => 2, workers => 1, redis => 0,
    kind => 'mysql', clusters => '"app": ' . encode_json({
        StaticHostsSettings => { Hosts => \@at },
        Routing => { Eligible => 'replication', Priority => \@at } }),
    stream => <<'END');
    upstream app { sluice app; }
    server { listen 127.0.0.1:8081; proxy_pass app; }
END
my ($a, $b) = map { $fleet->node($_) } 0, 1;
my $store = $fleet->backend;

sub both_go {
    my ($what, $want) = @_;
    my @routes;

    $own->wait_for($what, sub {
        @routes = map { route($_, 'app') } $a, $b;
        $routes[0]{host} eq $want && $routes[1]{host} eq $want
            && $routes[0]{epoch} == $routes[1]{epoch};
    }, 20);
    is("$routes[0]{host} $routes[1]{host}", "$want $want", $what)
        or diag(explain(\@routes));
    is($routes[0]{epoch}, $routes[1]{epoch}, "$what: one epoch");
    return $routes[0]{epoch};
}

sub setting {
    my ($name, $value) = @_;

    $store->sql("replace into sluice.sluice_settings (name, value) values
        ('$name', '$value')");
    return;
}

# All look at it anew.
sub announce { $store->sql('update sluice.sluice_revision set revision = revision + 1') }

sub said { return scalar(() = $_[0]->log =~ /$_[1]/g) }

both_go('the first', $at[0]);
for my $to (@at[1, 0, 1]) {
    is(post_form($a, '/route/app/switch', "host=$to")->{status}, 200, 'a switch');
    both_go("to $to", $to);
}
my $epoch = route($a, 'app')->{epoch};

# The same epoch for another host: it is of another history.
setting('route/app', "epoch=$epoch changed=1 active=$at[0]\nelsewhere");
announce();
$own->wait_for('it is raised', sub { route($a, 'app')->{epoch} > $epoch }, 20);
is(both_go('what was published stands', $at[1]), $epoch + 1, 'in a new epoch');
is(route($a, 'app')->{reason}, 'the store was put back to an older epoch', 'said');
$epoch++;

# Put back while the leader forgets: the other one remembers.
$fleet->sluiced($_)->kill for 0, 1;
setting('route/app', "epoch=1 changed=1 active=$at[0]\nlong ago");
announce();
unlink $a->dir . '/run/state';
$fleet->start_sluiced(0);
$own->wait_for('it leads', sub { ($fleet->leader // -1) == 0 }, 20);
$own->wait_for('it obeys', sub { route($a, 'app')->{epoch} == 1 }, 20);
is(route($a, 'app')->{host}, $at[0], 'a leader that knows nothing else obeys');
$fleet->start_sluiced(1);
is(both_go('another one remembers', $at[1]), $epoch + 1, 'and raises it');
$epoch++;

# What cannot be read is stored anew.
setting('route/app', 'gibberish');
announce();
$own->wait_for('it is stored anew', sub { route($a, 'app')->{epoch} > $epoch }, 20);
is(both_go('what cannot be read', $at[1]), $epoch + 1, 'a new epoch');
is(route($a, 'app')->{reason}, 'what the store had could not be read', 'said why');
$epoch++;

# It refuses: said once, tried again, and no storm.
$store->sql('use sluice', q{create trigger no_insert before insert on
    sluice_settings for each row signal sqlstate '45000' set message_text = 'no!'});
my $before = $store->sql(q{show global status like 'Com_replace'})->[0]{Value};
$db[1]->sql('set global read_only = 1');
my $leader = $fleet->sluiced($fleet->leader);
$own->wait_for('it refuses', sub { said($leader, 'event=route_not_stored') }, 20);
sleep 2;
is(said($leader, 'event=route_not_stored'), 1, 'a refusal is logged once');
my $after = $store->sql(q{show global status like 'Com_replace'})->[0]{Value};
cmp_ok($after - $before, '<', 15, 'and the store is not stormed');
cmp_ok($after - $before, '>', 1, 'but tried again');
$store->sql('drop trigger sluice.no_insert');
is(both_go('it takes changes again', $at[0]), $epoch + 1, 'at once');

# A switch that nobody can read.
setting('traffic/app', "traffic=off changed=1700000000000\nmaintenance");
announce();
$own->wait_for('off', sub { !route($a, 'app')->{traffic} && !route($b, 'app')->{traffic} });
is(route($a, 'app')->{message}, 'maintenance', 'traffic is off');
setting('traffic/app', 'gibberish');
announce();
$own->wait_for('it is read', sub {
    said($fleet->sluiced(0), 'event=traffic_unreadable') });
post_form($a, '/skip-host/nobody/ttl/60', '') for 1 .. 3;
announce();
sleep 0.5;
is(said($fleet->sluiced(0), 'event=traffic_unreadable'), 1, 'what cannot be read: said once');
is(route($a, 'app')->{traffic} ? 1 : 0, 0, 'and traffic stays off');
is(post_form($a, '/route/app/traffic', 'trafficEnabled=true')->{status}, 200,
    'until somebody says so');
$own->wait_for('on', sub { route($a, 'app')->{traffic} });
ok(route($a, 'app')->{traffic}, 'on');

# Changed by somebody else, and this node does not know it yet.
setting('hosts/app', "$at[1]=drained");
my $got = post_form($a, '/route/app/host', "host=$at[1]&state=down");
is($got->{status}, 409, 'too late') or diag($got->{body});
like($got->{body}, qr/somebody else changed it meanwhile; look at it again/, 'said');
is($got->{headers}{'retry-after'}, undef, 'and not to be repeated unseen');

$fleet->node($_)->expect_log(qr/sluice: |upstream|stale|no state/) for 0, 1;
$own->finish;
$fleet->done;
