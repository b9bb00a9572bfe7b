#!/usr/bin/perl

# How soon somebody's next query succeeds, and an idle session on the old host
# is cut: the active host killed, frozen, switched by hand, or out of its
# Galera cluster. Three nodes, and HAProxy with checks at the same pace, see
# the same events. For the kind of consensus that SLUICE_CONSENSUS names.

use warnings;
use strict;

use IO::Socket::UNIX;
use JSON::PP;
use Time::HiRes qw(time sleep);

use Sluice::Bench;
use Sluice::Fleet;
use Sluice::Route;
use Sluice::Watcher;

my $RUNS = $ENV{RUNS} // 20;
my @EVENTS = qw(kill freeze tuned switch galera);
my %wanted = map { $_ => 1 } split ' ', $ENV{EVENTS} // "@EVENTS";

for my $word (keys %wanted) {
    die "EVENTS: no event \"$word\"; there are @EVENTS\n"
        if !grep { $_ eq $word } @EVENTS;
}

machine(qw(nginx haproxy mariadbd), $wanted{galera} ? 'galera' : ());

my $own = Sluice->new;
my @db = map { $own->mariadb } 1, 2;
my @galera = $wanted{galera} ? $own->galera(3) : ();
my %db = map { $_->address => $_ } @db, @galera;
for my $db (@db, @galera ? $galera[0] : ()) {
    $db->sql(q{create user 'app'@'%' identified by 'app'},
        q{create user 'haproxy'@'%'});
}

###############################################################################
# The clusters: those of all hosts, how each is routed, its port on every node.

my %hosts = (app => [map { $_->address } @db],
    tuned => [map { $_->address } @db],
    @galera ? (galera => [map { $_->address } @galera]) : ());
my %port = (app => 8081, tuned => 8082, galera => 8083);
my %routing = (app => { Eligible => 'replication' },
    tuned => { Eligible => 'replication', FreezeMillis => 300 },
    galera => { Eligible => 'galera' });

sub cluster_conf {
    my ($name) = @_;

    return "\"$name\": " . encode_json({
        StaticHostsSettings => { Hosts => $hosts{$name} },
        $name eq 'tuned' ? (ProbeTimeoutMillis => 200) : (),
        Routing => $routing{$name} });
}

my $fleet = Sluice::Fleet->new(nodes => 3, workers => 2, redis => 0,
    clusters => join(",\n", map { cluster_conf($_) } sort keys %hosts),
    stream => join '', map { <<"END" } sort keys %hosts);
    upstream $_ { sluice $_; }
    server { listen 127.0.0.1:$port{$_}; proxy_pass $_; sluice_hold $_ 10s; }
END
my @nodes = 0 .. $fleet->nodes - 1;

# HAProxy asks by MySQL's handshake, or of Galera nodes what sluice-agent says.
# What is tuned for Sluice is the same hosts there.
sub in_haproxy { return $_[0] eq 'tuned' ? 'app' : $_[0] }

sub agent_port {
    my ($db) = @_;
    my $port = $own->port('agent' . $db->port);

    $own->agent('health', encode_json({ Port => $port, DB => {
        Host => '127.0.0.1', Port => $db->port, User => 'probe',
        Password => 'probe' } }), name => 'agent' . $db->port);
    return $port;
}

sub haproxy_servers {
    my ($cluster) = @_;
    my $n = 0;

    return join '', map {
        my $more = $cluster eq 'galera' ? ' port ' . agent_port($db{$_}) : '';

        $more .= ' backup' if $n++;
        "    server s$n $_ check$more\n";
    } @{ $hosts{$cluster} };
}

sub start_haproxy {
    my $text = <<"END";
global
    stats socket %%DIR%%/haproxy.sock level admin
    maxconn 1000
defaults
    mode tcp
    retries 0
    timeout connect 5s
    timeout client 1m
    timeout server 1m
    timeout check 100ms
    default-server inter 50ms fall 3 rise 2 on-marked-down shutdown-sessions
listen app
    bind 127.0.0.1:8081
    option mysql-check user haproxy
END
    $text .= haproxy_servers('app');
    $text .= "listen galera\n    bind 127.0.0.1:8083\n    option httpchk\n"
        . "    http-check send meth GET uri /\n" . haproxy_servers('galera')
        if $hosts{galera};
    $own->write_file('haproxy.cfg', $text);
    $own->spawn('haproxy', 'haproxy', '-db', '-f', $own->dir . '/haproxy.cfg');
}

sub tell_haproxy {
    my ($words) = @_;
    my $socket = IO::Socket::UNIX->new(Peer => $own->dir . '/haproxy.sock')
        or die "HAProxy's socket: $!\n";

    print $socket "$words\n";
    local $/;
    return scalar <$socket> // '';
}

###############################################################################
# Views: who watches, and where.

sub views {
    my ($cluster) = @_;
    my $leader;

    settles('a leader', sub { defined($leader = $fleet->leader) });
    my @views = map { { who => $_ == $leader ? "the leader's node" : 'other nodes',
        address => '127.0.0.1:' . $fleet->node($_)->port($port{$cluster}) } }
        @nodes;

    push @views, { who => 'HAProxy',
        address => '127.0.0.1:' . $own->port($port{ in_haproxy($cluster) }) };
    return @views;
}

# All of them lead to that host, and every host may follow it.
sub rests {
    my ($cluster, $host) = @_;
    my $count = @{ $hosts{$cluster} };

    settles("$cluster at $host", sub {
        for (map { route($fleet->node($_), $cluster) } @nodes) {
            return 0 if $_->{host} ne $host
                || $count != grep { $_->{healthy} } @{ $_->{hosts} };
        }
        return 1;
    }, 60);
    my $name = in_haproxy($cluster);
    settles("HAProxy: $name at $host", sub {
        my @up = tell_haproxy('show stat') =~ /^$name,s\d+,.*?,UP,/mg;

        @up == $count
            && client_at(route_client($own, $port{$name})) eq $host;
    }, 60);
}

# By an operator's word, through that node, or the one that leads.
sub switch_to {
    my ($cluster, $host, $node) = @_;

    $node //= $fleet->leader // die "nobody leads\n";
    my $got = post_form($fleet->node($node), "/route/$cluster/switch",
        "host=$host");

    die "switch: $got->{status} $got->{body}\n" if $got->{status} != 200
        && $got->{body} !~ /\Q$host\E is the active host/;
}

# One event; of each watcher what it saw is added to %$seen. $happen is given
# what has the clients ask from then on, and returns when it happened.
sub run {
    my ($cluster, $happen, $undo, $seen) = @_;
    my ($old, $next) = @{ $hosts{$cluster} };

    settles("$cluster takes a switch", sub { switch_to($cluster, $old); 1 });
    rests($cluster, $old);
    my @views = views($cluster);
    $_->{pair} = watchers($_->{address}, $old) for @views;
    ready_all(map { $_->{pair} } @views);
    # Not in step with the probes.
    sleep 0.05 + rand 0.05;
    my $since = $happen->(sub { begin_all(map { $_->{pair} } @views); time },
        $db{$old}, $next);
    for my $view (@views) {
        my ($query, $cut) = said_ms($view->{pair}, $since);

        push @{ $seen->{$view->{who}}{query} }, $query;
        push @{ $seen->{$view->{who}}{cut} }, $cut;
    }
    $undo->($db{$old});
}

sub ms { return sprintf '%.1f / %.1f ms', median(@_), (spread(@_))[1] }

# $bars: who => the most milliseconds that a query, and a cut, may take.
sub event {
    my ($title, $cluster, $happen, $undo, $bars) = @_;
    my %seen;

    run($cluster, $happen, $undo, \%seen) for 1 .. $RUNS;
    print "\n$title\n";
    wide('', 'next query: med / max', 'x HAProxy', 'idle cut: med / max', 'bar');
    my $peer = median(@{ $seen{HAProxy}{query} // [] });
    for my $who (grep { $seen{$_} } "the leader's node", 'other nodes',
        'HAProxy')
    {
        my ($query, $cut) = @{ $seen{$who} }{qw(query cut)};
        my $bar = $bars->{$who};
        my $most = (spread(@$query, @$cut))[1];

        wide($who, ms(@$query),
            $peer && $who ne 'HAProxy'
                ? sprintf('%.2f', median(@$query) / $peer) : '', ms(@$cut),
            $bar ? "max <= $bar ms: " . holds($most <= $bar) : '');
    }
}

sub wide {
    my @cells = map { $_ // '' } @_[0 .. 4];

    print sprintf('  %-20s %-24s %-10s %-24s %s', @cells) =~ s/ +$//r, "\n";
}

###############################################################################

start_haproxy();
title($fleet->kind . ": $RUNS runs each, 3 nodes; HAProxy: inter 50ms, "
    . 'timeout check 100ms, fall 3, shutdown-sessions');

sub all_bars { return { map { $_ => $_[0] } "the leader's node", 'other nodes' } }

event('killed (kill -9; another is writable)', 'app',
    \&kill_host, sub { $_[0]->start },
    { "the leader's node" => 50, 'other nodes' => 100 }) if $wanted{kill};
event('frozen (SIGSTOP), FreezeMillis 1000', 'app',
    \&freeze_host, sub { $_[0]->cont },
    all_bars(1200)) if $wanted{freeze};
event('frozen (SIGSTOP), FreezeMillis 300, ProbeTimeoutMillis 200', 'tuned',
    \&freeze_host, sub { $_[0]->cont },
    all_bars(400)) if $wanted{tuned};
event("switched by hand (HAProxy: state maint)", 'app', \&switch_by_hand,
    sub { tell_haproxy('set server app/s1 state ready') }, {})
    if $wanted{switch};
event('Galera: it lost its group, from when it says so itself (HAProxy: httpchk'
    . ' of sluice-agent)', 'galera', \&lose_group, sub {
        $_[0]->sql(q{set global wsrep_provider_options = 'gmcast.isolate=0'});
        $_[0]->wait_galera;
    }, {}) if $wanted{galera};

$fleet->stop;

# Only the signal: that it is reaped takes time.
sub kill_host {
    my ($begin, $db) = @_;

    $db->{expected} = 1;
    my $since = $begin->();
    $db->signal('KILL');
    $db->kill;
    return $since;
}

sub freeze_host {
    my ($begin, $db) = @_;
    my $since = $begin->();

    $db->signal('STOP');
    return $since;
}

sub switch_by_hand {
    my ($begin, $db, $next) = @_;
    my $leader = $fleet->leader;
    my $since = $begin->();

    tell_haproxy('set server app/s1 state maint');
    switch_to('app', $next, $leader);
    return $since;
}

# Galera gives up a neighbour after seconds: that is its time, not ours.
sub lose_group {
    my ($begin, $db) = @_;
    my $dbh = $db->dbh;

    $dbh->do(q{set global wsrep_provider_options = 'gmcast.isolate=1'});
    for (1 .. 20_000) {
        my @row = $dbh->selectrow_array(q{show status like 'wsrep_ready'});

        return $begin->() if $row[1] eq 'OFF';
        sleep 0.001;
    }
    die "the node keeps its group\n";
}
