#!/usr/bin/perl

# sluiced comes back and does not know yet which hosts a cluster has, because
# whoever says so is silent: its sessions live on where they are, and other
# clusters are routed. A reload keeps hosts in their epochs; one that misses a
# probe keeps its readers.

use warnings;
use strict;

use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep);

use Sluice;
use Sluice::Inventory;
use Sluice::Route;

###############################################################################

my $t = Sluice->new;
my ($far, @near) = map { $t->mariadb } 1 .. 3;
my @at = map { '127.0.0.1:' . $_->port } $far, @near;
my $csv = "# pxname,svname,status\np,127.0.0.1,UP\np,BACKEND,UP\n";
my $silent = $t->dir . '/silent';

$_->sql(q{create user 'app'@'%' identified by 'app'}) for $far, @near;
$near[1]->sql('set global read_only = 1');

my ($lb) = stand_in($t, 'lb', sub {
    return if -e $silent;
    return "HTTP/1.1 200 OK\r\nContent-Length: " . length($csv)
        . "\r\nConnection: close\r\n\r\n$csv";
});

my %replication = (Eligible => 'replication', FreezeMillis => 1000);
my %clusters = (
    far => { Port => 0 + $far->port, Routing => { %replication },
        HAProxySettings => { Addresses => $lb, PoolName => 'p' } },
    near => { Routing => { %replication },
        StaticHostsSettings => { Hosts => [@at[1, 2]] } },
);

sub conf {
    my (%more) = @_;

    return encode_json({ StateFile => $t->dir . '/run/state',
        RaftDataDir => $t->dir . '/raft',
        RaftBind => '127.0.0.1:' . $t->port('raft'),
        Stores => { MySQL => { User => 'probe', Password => 'probe',
            ThrottleThreshold => 1, MetricQuery => 'select 0.25',
            InventoryRefreshMillis => 100,
            Clusters => { %clusters, %more } } } });
}

my $sluiced = $t->sluiced(conf());
$t->nginx(<<'EOC');
%%MODULES%%
worker_processes 1;
error_log %%DIR%%/error.log info;
pid %%DIR%%/nginx.pid;
events { }
sluice { state %%DIR%%/run/state; }
stream {
    upstream far { sluice far; }
    upstream near { sluice near; }
    upstream read { sluice near role=replica; }
    upstream new { sluice new; }
    server { listen 127.0.0.1:8081; proxy_pass far; }
    server { listen 127.0.0.1:8082; proxy_pass near; }
    server { listen 127.0.0.1:8083; proxy_pass read; }
    server { listen 127.0.0.1:8084; proxy_pass new; }
}
EOC

sub where { return client_at(route_client($t, $_[0])) }

# Sessions there.
sub comes {
    my ($what, $port, $want) = @_;
    my $got;

    $t->wait_for($what, sub { ($got = where($port)) eq $want }, 20);
    is($got, $want, $what);
    return;
}

sub host_of {
    my ($cluster, $at) = @_;

    return (grep { "127.0.0.1:$_->{port}" eq $at } @{ route($t, $cluster)->{hosts} })[0];
}

comes('far', 8081, $at[0]);
comes('near', 8082, $at[1]);
comes('read', 8083, $at[2]);

# A reader's host dies and comes back: its epoch is another.
$near[1]->kill;
$t->wait_for('it is gone', sub { !host_of('near', $at[2])->{replica} });
like(host_of('near', $at[2])->{text}, qr/refused|EOF/,
    'of a reader that died: that it died');
$near[1]->start;
$near[1]->sql('set global read_only = 1');
comes('it is back', 8083, $at[2]);
my $epoch = host_of('near', $at[2])->{epoch};
cmp_ok($epoch, '>', 1, 'in another epoch');

# A missed probe.
my $reader = route_client($t, 8083);
is(client_at($reader), $at[2], 'a reader');
$near[1]->stop;
sleep 0.6;
$near[1]->cont;
sleep 0.3;
is(client_at($reader), $at[2], 'half a second of silence: it lives');
is(host_of('near', $at[2])->{epoch}, $epoch, 'in its epoch');

# A reload that asks hosts another question.
$clusters{near}{Routing} = { %replication, Fall => 2, ReadOnlyOk => JSON::PP::true };
$t->write_file('sluiced.json', conf());
$sluiced->hup;
$t->wait_for('the reload', sub { $sluiced->log =~ /event=reloaded/ });
sleep 0.5;
is(host_of('near', $at[2])->{epoch}, $epoch, 'a reload keeps its epoch');
is(client_at($reader), $at[2], 'and its reader');
$clusters{near}{Routing} = { %replication };

# A restart while the provider is silent, with or without facts of its own.
my @sessions = map { route_client($t, $_) } 8081, 8082, 8083;
my @want = @at[0, 1, 2];
$t->write_file('silent', '');
$sluiced->kill;
my $again = $t->sluiced(conf(), name => 'again');
$t->wait_for('it leads', sub { $again->log =~ /event=leader_elected|event=route / ||
    host_of('near', $at[1])->{healthy} });
$near[0]->sql('set global read_only = 1');
$near[1]->sql('set global read_only = 0');
comes('another cluster moves meanwhile', 8082, $at[2]);
is(client_at($sessions[0]), $at[0], 'the session lives');
is(where(8081), $at[0], 'new ones come');
is(route($t, 'far')->{host}, $at[0], 'its hosts are as before');
unlink $silent;
$t->wait_for('ready', sub { $again->log =~ /event=ready/ }, 20);
$t->wait_for('its hosts are asked', sub { host_of('far', $at[0])->{text} eq 'writable' });
is(client_at($sessions[0]), $at[0], 'it knows the hosts: the session lives');

# A new cluster of which nobody says anything holds up no other.
$t->write_file('silent', '');
$t->write_file('again.json', conf(new => { %{ $clusters{far} } }));
$again->hup;
$t->wait_for('the reload', sub { $again->log =~ /event=reloaded/ });
$t->wait_for('the new one', sub { route($t, 'new')->{cluster} }) or diag($again->log, `@{[$t->build]}/statedump @{[$t->dir]}/run/state`);
is(route($t, 'new')->{reason}, 'which hosts it has is not known yet', 'said so');
is(route_client($t, 8084), undef, 'nobody is let in');
$near[1]->sql('set global read_only = 1');
$near[0]->sql('set global read_only = 0');
comes('others move', 8082, $at[1]);
is(client_at($sessions[0]), $at[0], 'or stay');

# The same at a start without anything.
$again->kill;
unlink $t->dir . '/run/state';
my $third = $t->sluiced(conf(new => { %{ $clusters{far} } }), name => 'third');
$t->wait_for('a state', sub { route($t, 'near')->{cluster} }, 20);
is(route($t, 'near')->{host}, $at[1], 'routes of those that are known');
is(route($t, 'far')->{host}, '', 'and not of the others');
unlink $silent;
$t->wait_for('all', sub { route($t, 'far')->{host} eq $at[0] }, 20);
is(route($t, 'far')->{host}, $at[0], 'as the nodes agreed');

$_->disconnect for grep { $_ } @sessions, $reader;

$t->expect_log(qr/sluice: |upstream|stale|no state/);
$t->done;
