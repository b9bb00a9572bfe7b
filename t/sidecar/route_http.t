#!/usr/bin/perl

# Routes by what healthchecks answer over HTTP: nginx and stand-ins that answer
# in every way there is, before one real database that is many hosts.

use warnings;
use strict;

use JSON::PP;
use Test::More;
use Time::HiRes qw(time sleep);

use Sluice;
use Sluice::Inventory qw(stand_in);
use Sluice::Route;

###############################################################################

my $t = Sluice->new;
my $dir = $t->dir;
my $db = $t->mariadb(args => ['--bind-address=127.0.0.1,127.0.0.2']);
$db->sql(q{create user 'app'@'%' identified by 'app'});
my ($port, $nobody) = ($db->port, $t->port('nobody'));
my @at = map { "127.0.0.$_:$port" } 1, 2;

sub status_json {
    my ($index, $healthy, $state, $comment) = @_;

    return sprintf '{"wsrep_local_state":%d,"wsrep_local_state_comment":"%s",'
        . qq("wsrep_local_index":%s,"healthy":%s}\n), $state // 4,
        $comment // 'Synced', $index, $healthy;
}

# What a host answers from now on.
sub says {
    my ($host, @status) = @_;

    $t->write_file("$host.new", status_json(@status));
    rename "$dir/$host.new", "$dir/$host" or die "$host: $!";
    return;
}

sub http_answer {
    my ($status, $body) = @_;

    return "HTTP/1.1 $status\r\nContent-Length: ${\length $body}\r\n"
        . "Connection: close\r\n\r\n$body";
}

sub certificate {
    my ($name, $for) = @_;
    my ($rc, undef, $err) = $t->run_command(qw(openssl req -x509 -newkey
        rsa:2048 -nodes -days 2 -subj), "/CN=$name", '-addext',
        "subjectAltName=$for", '-keyout', "$dir/$name.key", '-out',
        "$dir/$name.pem");

    die "openssl: $err" if $rc;
    return "$dir/$name.pem";
}

my $named = certificate('named', 'DNS:galera.example');
my $numbered = certificate('numbered', 'IP:127.0.0.1');
says('one', 1, 'true');
says('two', 0, 'true');
says('synced', 7, 'true');
$t->write_file('huge', status_json(0, 'true') . ' ' x 70000);
$t->write_file('htpasswd', "reader:{PLAIN}s3cret\n");

# One bad answer of five.
my $asked = 0;
my ($blips, $paths) = stand_in($t, 'blips', sub {
    return ++$asked % 5 ? http_answer('200 OK', status_json(0, 'true'))
        : http_answer('503 No', 'joining');
});
my ($hang) = stand_in($t, 'hang', sub { return });
my ($mute) = stand_in($t, 'mute', sub { return });
my ($garbage) = stand_in($t, 'garbage', sub { return "hello\r\n\r\n" });

$t->nginx(<<'EOC');
%%MODULES%%
worker_processes 1;
error_log %%DIR%%/error.log info;
pid %%DIR%%/nginx.pid;
events { }
sluice { state %%DIR%%/run/state; }
stream {
    upstream two { sluice two; }
    upstream read { sluice two role=replica; }
    upstream inactive { sluice two role=inactive; }
    server { listen 127.0.0.1:8081; proxy_pass two; }
    server { listen 127.0.0.1:8082; proxy_pass read; }
    server { listen 127.0.0.1:8083; proxy_pass inactive; }
}
http {
    access_log %%DIR%%/access.log;
    server {
        listen 127.0.0.1:8201;
        location = /api/v1/status { alias %%DIR%%/one; }
        location = /synced { alias %%DIR%%/synced; }
        location = /huge { alias %%DIR%%/huge; }
        location = /503 { return 503 '{"wsrep_local_state_comment":"Joined","healthy":false}'; }
        location = /201 { return 201 '{"healthy":true}'; }
        location = /noindex { return 200 '{"healthy":true}'; }
        location = /undefined { return 200 '{"healthy":true,"wsrep_local_index":18446744073709551615}'; }
        location = /text { return 200 'synced'; }
        location = /moved { return 302 /synced; }
        location = /round { return 302 /round; }
        location = /guarded {
            auth_basic Health;
            auth_basic_user_file %%DIR%%/htpasswd;
            alias %%DIR%%/synced;
        }
    }
    server {
        listen 127.0.0.2:%%PORT_8201%%;
        location = /api/v1/status { alias %%DIR%%/two; }
    }
    server {
        listen 127.0.0.1:8202 ssl;
        ssl_certificate %%DIR%%/named.pem;
        ssl_certificate_key %%DIR%%/named.key;
        location = /api/v1/status { alias %%DIR%%/synced; }
    }
    server {
        listen 127.0.0.1:8203 ssl;
        ssl_certificate %%DIR%%/numbered.pem;
        ssl_certificate_key %%DIR%%/numbered.key;
        location = /api/v1/status { alias %%DIR%%/synced; }
    }
}
EOC

my %tls = (StatusTLS => JSON::PP::true);
my ($web, $named_port, $numbered_port) = map { 0 + $t->port($_) }
    8201, 8202, 8203;
my %code = (StatusKind => 'status');

# What one host is asked for, what is known of it then, and 1: it is active.
my %odd = (
    synced => [{ StatusEndpoint => '/synced' }, 'healthy, index 7', 1],
    unhealthy => [{ StatusEndpoint => '503' }, 'it says unhealthy: Joined'],
    created => [{ StatusEndpoint => '201' }, 'it answered 201'],
    noindex => [{ StatusEndpoint => 'noindex' }, 'healthy', 1],
    undefined => [{ StatusEndpoint => 'undefined' },
        'wsrep_local_index is undefined'],
    text => [{ StatusEndpoint => 'text' }, 'its answer is no object of JSON'],
    text_code => [{ %code, StatusEndpoint => 'text' }, 'healthy', 1],
    missing => [{ StatusEndpoint => 'missing' }, qr/^it answered 404: <html>/],
    moved => [{ StatusEndpoint => 'moved' }, 'healthy, index 7', 1],
    moved_code => [{ %code, StatusEndpoint => 'moved' },
        qr/^it answered 302: <html>/],
    unhealthy_code => [{ %code, StatusEndpoint => '503' },
        qr/^it answered 503: \{/],
    round => [{ StatusEndpoint => 'round' },
        "silent for 2500 ms: 127.0.0.1:$web: more than 5 redirects"],
    huge => [{ StatusEndpoint => 'huge' }, "silent for 2500 ms: "
        . "127.0.0.1:$web: the answer is longer than 65536 bytes"],
    garbage => [{ StatusPort => port_of($garbage) },
        qr/^silent for 2500 ms: \Q$garbage\E: /],
    hang => [{ StatusPort => port_of($hang) },
        qr/^silent for 2500 ms(: \Q$hang\E: no whole answer within 700 ms)?$/],
    nobody => [{ StatusPort => 0 + $nobody }, "silent for 2500 ms: "
        . "127.0.0.1:$nobody: cannot connect: Connection refused"],
    stranger => [{ StatusEndpoint => 'guarded' },
        qr/^it answered 401: <html>/],
    impostor => [{ StatusEndpoint => 'guarded', StatusUser => 'reader',
        StatusPassword => 'guess' }, qr/^it answered 401: <html>/],
    reader => [{ StatusEndpoint => 'guarded', StatusUser => 'reader',
        StatusPassword => 's3cret' }, 'healthy, index 7', 1],
    tls => [{ %tls, StatusPort => $named_port, StatusCAFile => $named,
        StatusServerName => 'galera.example' }, 'healthy, index 7', 1],
    tls_address => [{ %tls, StatusPort => $numbered_port,
        StatusCAFile => $numbered }, 'healthy, index 7', 1],
    tls_no_name => [{ %tls, StatusPort => $named_port,
        StatusCAFile => $named }, qr/^silent for 2500 ms: \Q127.0.0.1:$named_port\E: its certificate is not trusted: /],
    tls_other_name => [{ %tls, StatusPort => $named_port,
        StatusCAFile => $named, StatusServerName => 'other.example' },
        qr/its certificate is not trusted: .*other\.example/],
    tls_other_ca => [{ %tls, StatusPort => $named_port,
        StatusCAFile => $numbered, StatusServerName => 'galera.example' },
        qr/its certificate is not trusted: /],
    tls_no_ca => [{ %tls, StatusPort => $numbered_port },
        qr/its certificate is not trusted: /],
    no_tls => [{ %tls, StatusPort => $web },
        qr/^silent for 2500 ms: \Q127.0.0.1:$web\E: /],
    blips => [{ StatusPort => port_of($blips), Fall => 2,
        StatusIntervalMillis => 50 }, 'healthy, index 0', 1],
);

sub port_of { return 0 + ($_[0] =~ /:(\d+)$/)[0] }

sub cluster {
    my ($hosts, %routing) = @_;

    return { StaticHostsSettings => { Hosts => $hosts }, Routing => { Eligible => 'http', StatusPort => $web, %routing } };
}

sub conf {
    my (%two) = @_;

    return encode_json({ StateFile => "$dir/run/state",
        RaftDataDir => "$dir/raft",
        RaftBind => '127.0.0.1:' . $t->port('raft'),
        Stores => { MySQL => { User => 'probe', Password => 'probe',
            ThrottleThreshold => 1, MetricQuery => 'select 0.25',
            ProbeIntervalMillis => 500, ProbeTimeoutMillis => 700,
            Clusters => {
                no_account => { %{ cluster([$at[0]],
                    StatusEndpoint => 'synced') }, Password => 'guess' },
                seldom => cluster([$at[0]], StatusEndpoint => 'synced',
                    StatusIntervalMillis => 20000, FreezeMillis => 30000),
                mute => cluster([$mute], StatusEndpoint => 'synced',
                    StatusIntervalMillis => 50000, FreezeMillis => 60000),
                two => { %{ cluster(\@at) }, ProbeIntervalMillis => 50, %two },
                dead => cluster(["127.0.0.1:$nobody"],
                    StatusEndpoint => 'synced'),
                map { $_ => cluster([$at[0]], FreezeMillis => 2500,
                    StatusIntervalMillis => 1000, %{ $odd{$_}[0] }) } keys %odd,
            } } } });
}

# -t --probe asks healthchecks, too.
my ($rc, $said) = $t->sluiced_run('-t', '--probe', '-c',
    $t->write_file('probe.json', conf()));
is($rc, 1, '-t --probe: some are not healthy');
like($said, qr/^synced\t\Q$at[0]\E\t0\.25\t[\d.]+ ms\nsynced\t\Q$at[0]\E\thealthcheck: healthy, index 7\t[\d.]+ ms$/m,
    '-t --probe: healthy');
like($said, qr/^noindex\t\Q$at[0]\E\thealthcheck: healthy\t/m,
    '-t --probe: no index');
like($said, qr/^unhealthy\t\Q$at[0]\E\thealthcheck: it says unhealthy: Joined\t/m,
    '-t --probe: unhealthy');
like($said, qr/^nobody\t\Q$at[0]\E\thealthcheck: 127.0.0.1:$nobody: cannot connect/m,
    '-t --probe: nobody there');

my $sluiced = $t->sluiced(conf());

###############################################################################
# One host, and one way to answer.

sub is_as_said {
    my ($route, $text, $is_active) = @{$_[0]};
    my $got = $route->{hosts}[0]{text} // '';

    return ($is_active xor !defined $route->{active})
        && (ref $text ? $got =~ $text : $got eq $text);
}

# All clusters' routes, by name.
sub routes {
    my $text = `@{[ $t->build ]}/statedump --json $dir/run/state 2>&1`;

    return map { $_->{cluster} => $_ } @{ decode_json($text)->{routes} };
}

my %routes;
$t->wait_for('what is known', sub {
    sleep 0.2;
    %routes = routes();
    !grep { !is_as_said([$routes{$_}, @{ $odd{$_} }[1, 2]]) } keys %odd;
}, 20);
for my $name (sort keys %odd) {
    my (undef, $text, $is_active) = @{ $odd{$name} };

    ok(is_as_said([$routes{$name}, $text, $is_active]), "$name: "
        . ($is_active ? 'active' : 'nobody is active') . ", $text")
        or diag(explain($routes{$name}));
    is(!!$routes{$name}{hosts}[0]{healthy}, !!$is_active,
        "$name: healthy or not");
}

# Nobody at the database's port, whatever its healthcheck says.
my $route;
$t->wait_for('the dead database is known', sub {
    (($route = route($t, 'dead'))->{hosts}[0]{text} // '') =~ /refused/ });
like($route->{hosts}[0]{text}, qr/^dial tcp .*refused/,
    'a dead database is dead');
is($route->{host}, '', 'and nobody is active');

unlike($sluiced->log, qr/event=host_healthy cluster=dead /,
    'and it never was alive');

# Its healthcheck is heard before its database, and seldom asked.
$t->wait_for('the mute one', sub { defined route($t, 'mute')->{active} }, 3);
is(route($t, 'mute')->{host}, $mute, 'what a healthcheck said first counts');

# The database lets nobody in, whom its healthcheck does not need.
is(route($t, 'no_account')->{host}, $at[0], 'without an account it is active');

unlike($sluiced->log, qr/s3cret|guess/, 'no password in the log');
like($sluiced->log, qr/event=host_unhealthy cluster=round host=127/,
    'the log has it');

# One bad answer is none where it takes two.
$t->wait_for('many answers', sub {
    (() = $t->read_file('blips.paths') =~ /\n/g) > 30 }, 20);
unlike($sluiced->log, qr/event=host_unhealthy cluster=blips /,
    'Fall 2: one bad answer changes nothing');

###############################################################################
# Two hosts.

sub healthy_is {
    my ($host, $want, $what) = @_;

    $t->wait_for($what, sub {
        $want == !!route($t, 'two')->{hosts}[$host]{healthy} });
    return;
}

sub active_at {
    my ($host, $what) = @_;
    my $got;

    $t->wait_for($what, sub {
        $got = route($t, 'two');
        defined $got->{active} && $got->{active} == $host;
    }) or diag(explain($got));
    is($got->{active}, $host, $what);
    return $got;
}

sub where {
    my ($name) = @_;
    my $client = route_client($t, $name);

    return $client && ($client->selectrow_array(
        q{select substring_index(user(), '@', 1)}))[0];
}

$route = active_at(1, 'the lowest index is active');
is($route->{hosts}[1]{text}, 'healthy, index 0', 'and says so');
my $session;
$t->wait_for('a session', sub { ($session = route_client($t, 8081)) });
is(where(8082), 'app', 'readers get in');
is(where(8083), 'app', 'reports get in');

# It says that it must not: the other, and it stays.
says('two', 0, 'false', 2, 'Donor/Desynced');
$route = active_at(0, 'it says unhealthy: the other is active');
is($route->{reason}, "$at[1]: it says unhealthy: Donor/Desynced",
    'and its words are the reason');
is(client_at($session), '', 'its sessions are cut');
says('two', 0, 'true');
healthy_is(1, 1, 'it is back');
active_at(0, 'and does not take over');

# Switchboard's rule, after a reload.
sub reload {
    my (%two) = @_;
    my $before = () = $sluiced->log =~ /event=reloaded/g;

    $t->write_file('sluiced.json', conf(%two));
    $sluiced->hup;
    $t->wait_for('a reload', sub {
        $before < (() = $sluiced->log =~ /event=reloaded/g) });
    return;
}

reload(%{ cluster(\@at, Choice => 'lowest-index') });
active_at(1, 'lowest-index: it takes over');
says('one', 0, 'true');
says('two', 1, 'true');
active_at(0, 'and the other, when the indices are');
$t->write_file('one.new', '{"healthy":true}');
rename "$dir/one.new", "$dir/one" or die;
active_at(1, 'who says no index comes last');
says('one', 0, 'true');
active_at(0, 'until it does');

# By SQL, and back: nobody moves, and nothing is read that was freed.
reload(StaticHostsSettings => { Hosts => \@at },
    Routing => { Eligible => 'replication' });
$t->wait_for('asked by SQL', sub {
    2 == grep { $_->{text} eq 'writable' } @{ route($t, 'two')->{hosts} } });
is(route($t, 'two')->{active}, 0, 'by SQL: nobody moves');
reload(%{ cluster(\@at, StatusIntervalMillis => 100) });
$t->wait_for('asked by HTTP', sub {
    2 == grep { $_->{text} =~ /^healthy/ } @{ route($t, 'two')->{hosts} } });
is(route($t, 'two')->{active}, 0, 'by HTTP: nobody moves');

# At another place.
reload(%{ cluster(\@at, StatusEndpoint => 'synced') });
$t->wait_for('asked elsewhere', sub {
    $route = route($t, 'two');
    $route->{hosts}[1]{text} =~ /^it answered 404/
        && $route->{hosts}[0]{text} eq 'healthy, index 7' });
is($route->{active}, 0, 'elsewhere: nobody moves');
reload(%{ cluster(\@at) });
healthy_is(1, 1, 'asked where it was');

# The database is gone, and its healthcheck is content.
my $since = time;
$db->kill;
$t->wait_for('nobody is active', sub { !defined route($t, 'two')->{active} });
note(sprintf '%.0f ms after the death', 1000 * (time - $since));
like(route($t, 'two')->{hosts}[0]{text}, qr/refused/, 'it says why');
$t->wait_for('one that is seldom asked is dead', sub {
    !defined route($t, 'seldom')->{active} }, 5);
$db->start;
$t->wait_for('somebody is', sub { defined route($t, 'two')->{active} });
like($t->read_file('access.log'), qr{"GET /api/v1/status HTTP/1.1" 200 .* "sluice"},
    'it was asked as the file says');

$t->expect_log(qr/sluice: |upstream/);
$t->done;
