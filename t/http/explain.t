#!/usr/bin/perl

# Why a check is answered as it is: /explain, and /sluice/status for all
# clusters. Neither counts as a check.

use warnings;
use strict;

use JSON::PP;
use Test::More;

use Sluice;
use Sluice::Orders;
use Sluice::Redis;
use Sluice::State;

###############################################################################

my $t = Sluice->new;

mkdir $t->dir . '/run';
my $redis = Sluice::Redis->start($t);
my $state = Sluice::State->new($t->dir . '/run/state', clusters => [
    { name => 'c', value => 0.25, age => 50, share => 0, healthy => 400 },
    { name => 'over', value => 2, share => 7 },
    { name => 'd"', error => 'No hosts found', healthy => undef },
], metrics => [
    { cluster => 'c', name => 'threads', value => 5, threshold => 10,
        scope => 'primary', age => 60 },
    { cluster => 'c', name => 'conns', error => 'gone', threshold => 9,
        scope => 'replicas' },
    { cluster => 'over', name => 'old', value => 1, valid_for => -1,
        age => 900 },
], apps => [
    { app => 'archiver', threshold => 5 },
    { app => 'archiver', cluster => 'c', threshold => 0.125 },
], facts => { revision => 10, channel => 'chan' }, throttles => [
    { key => 'ruled', ratio => 0.5, expires => 61_500 },
    { key => 'ruled/c' },
    { key => 'gone', expires => -1 },
    { key => 'freed' },
], hosts => [
    { cluster => 'c', name => 'db1', address => '10.0.0.1', value => 0.25,
        role => 'primary', age => 70, took => 900 },
    { cluster => 'c', name => 'db2', port => 3307, status => 'excluded',
        excluded => 'quarantined', value => 90, role => 'replica',
        text => 'lags' },
    { cluster => 'c', name => 'db3', status => 'excluded',
        excluded => 'skipped', text => 'skipped' },
    { cluster => 'c', name => 'db4', status => 'pending' },
    { cluster => 'over', name => 'db5', status => 'error', text => 'refused' },
], host_metrics => [
    { cluster => 'c', host => 'db2', port => 3307, metric => 'threads',
        status => 'error', text => 'no such variable' },
    { cluster => 'c', host => 'db1', metric => 'threads', value => 5,
        age => 80 },
    { cluster => 'c', host => 'db1', metric => 'conns', status => 'error',
        text => 'gone' },
    { cluster => 'over', host => 'db1', metric => 'conns', value => 3 },
], inventories => [
    { cluster => 'c', provider => 'haproxy', answered => 3000, failures => 2,
        hosts => 4, error => 'no answer' },
    { cluster => 'd"', provider => '' },
])->replace;
my $orders = Sluice::Orders->new($redis->address, revision => 10);

$t->nginx(<<"EOC");
%%MODULES%%
worker_processes 1;
error_log %%DIR%%/error.log info;
events { }
sluice {
    state %%DIR%%/run/state;
    max_age 30s;
    redis @{[ $redis->address ]};
}
http {
    log_format sluice '\$uri [\$sluice_status]';
    access_log %%DIR%%/access.log sluice;
    server {
        listen 127.0.0.1:8080;
        include %%CONF%%/nginx/freno.conf;
    }
}
EOC
Sluice::Orders::wait_connected($t);

my ($true, $false) = (JSON::PP::true, JSON::PP::false);

# all of it

my $got = $t->get(8080, '/explain/app/mysql/c');
is($got->{status}, 200, 'status');
is($got->{headers}{'content-type'}, 'application/json', 'type');
is($got->{headers}{'content-length'}, length $got->{body}, 'length');
is($got->{headers}{'sluice-reason'}, undef, 'it is no check');
like($got->{body}, qr/\}\n\z/, 'a line');

my $e = decode_json($got->{body});
is_deeply([@$e{qw/App StoreType StoreName Metric/}], ['app', 'mysql', 'c', ''],
    'what was asked');
is_deeply($e->{Verdict}, { StatusCode => 500, Reason => 'metric-error',
    Value => 0, Threshold => 9, Message => 'conns: gone', Metric => 'conns',
    AgeMs => age($e->{Verdict}{AgeMs}, 0) }, 'the verdict');
is_deeply($e->{LowPriority}, { Asked => $false, RefusedForMs => 0 }, 'low');
is_deeply($e->{Throttles}, [], 'no throttle');
is_deeply($e->{Threshold}, { Value => 1, From => 'cluster' }, 'threshold');
is_deeply($e->{Node}, { NoState => '', Ready => $true, Leader => $true,
    LeaderOnly => $false, FactsUnknown => $false, NoDetail => '',
    MaxAgeMs => 30000, HeartbeatAgeMs => age($e->{Node}{HeartbeatAgeMs}, 0) },
    'the node');

my $c = $e->{Cluster};
my @m = @{$c->{Metrics}};
is_deeply(\@m, [
    { Name => 'lag', Scope => 'all', Status => 'value', Value => 0.25,
        Threshold => 1, AgeMs => age($m[0]{AgeMs}, 50), Stale => $false,
        Error => '' },
    { Name => 'conns', Scope => 'replicas', Status => 'error',
        Value => undef, Threshold => 9, AgeMs => age($m[1]{AgeMs}, 0),
        Stale => $false, Error => 'gone' },
    { Name => 'threads', Scope => 'primary', Status => 'value', Value => 5,
        Threshold => 10, AgeMs => age($m[2]{AgeMs}, 60), Stale => $false,
        Error => '' },
], 'metrics');
age($c->{HealthyAgeMs}, 400);
is($c->{ShareDomainSeconds}, 0, 'healthy elsewhere');
is_deeply($c->{Inventory}, { Provider => 'haproxy', Failures => 2, Hosts => 4,
    Error => 'no answer', AgeMs => age($c->{Inventory}{AgeMs}, 3000) },
    'inventory');

my @h = @{$c->{Hosts}};
is_deeply(\@h, [
    { Name => 'db1', Port => 3306, Address => '10.0.0.1', Role => 'primary',
        Status => 'value', Value => 0.25, AgeMs => age($h[0]{AgeMs}, 70),
        Excluded => '', Text => '', Metrics => [
            { Name => 'conns', Status => 'error', Value => undef,
                AgeMs => age($h[0]{Metrics}[0]{AgeMs}, 0), Text => 'gone' },
            { Name => 'threads', Status => 'value', Value => 5,
                AgeMs => age($h[0]{Metrics}[1]{AgeMs}, 80), Text => '' },
        ] },
    { Name => 'db2', Port => 3307, Address => '', Role => 'replica',
        Status => 'excluded', Value => 90, AgeMs => age($h[1]{AgeMs}, 0),
        Excluded => 'quarantined', Text => 'lags', Metrics => [
            { Name => 'threads', Status => 'error', Value => undef,
                AgeMs => age($h[1]{Metrics}[0]{AgeMs}, 0),
                Text => 'no such variable' }] },
    { Name => 'db3', Port => 3306, Address => '', Role => '',
        Status => 'excluded', Value => undef, AgeMs => age($h[2]{AgeMs}, 0),
        Excluded => 'skipped', Text => 'skipped', Metrics => [] },
    { Name => 'db4', Port => 3306, Address => '', Role => '',
        Status => 'pending', Value => undef, AgeMs => undef, Excluded => '',
        Text => '', Metrics => [] },
], 'hosts');

# what a check takes, this takes too, and says the same

for my $case (
    ['app', 'over', ''], ['app', 'over', 'metric=lag'], ['freno', 'over', ''],
    ['app', 'c', 'metric=lag'], ['app', 'c', 'metric=threads'],
    ['archiver', 'c', 'metric=lag'], ['app', 'd%22', ''], ['', 'c', ''],
    ['ruled', 'c', ''], ['app', 'nosuch', ''], ['app', 'c', 'metric=nosuch'],
) {
    my ($app, $cluster, $args) = @$case;
    my $check = $t->get(8080, "/check/$app/mysql/$cluster?$args");
    my $v = explained($app, $cluster, $args)->{Verdict};
    my $name = "$app $cluster $args";

    is($v->{Reason}, $check->{headers}{'sluice-reason'}, "$name: reason");
    is($v->{Metric}, $check->{headers}{'sluice-metric'} // '',
        "$name: metric");
    my $body = decode_json($check->{body});
    is_deeply([@$v{sort keys %$body}], [@$body{sort keys %$body}],
        "$name: body") unless $v->{Reason} eq 'stale';
}

$e = explained('app', 'over', '');
is($e->{Cluster}{ShareDomainSeconds}, 7, 'unhealthy elsewhere');
is($e->{Cluster}{Inventory}, undef, 'nothing known of its inventory');
is($e->{Cluster}{Metrics}[1]{Stale}, $true, 'an old metric');
is_deeply([map { $_->{Text} } @{$e->{Cluster}{Hosts}}], ['refused'],
    'its own hosts only');
$e = explained('app', 'd%22', '');
is($e->{Cluster}{ShareDomainSeconds}, undef, 'nobody said anything');
is($e->{Cluster}{HealthyAgeMs}, undef, 'never healthy');
is($e->{Cluster}{Metrics}[0]{Error}, 'No hosts found', 'error');
is($e->{Cluster}{Inventory}{AgeMs}, undef, 'an inventory never answered');

# thresholds of apps

is_deeply(explained('archiver', 'c', '')->{Threshold},
    { Value => 0.125, From => 'app in this cluster' }, 'app in the cluster');
is_deeply(explained('archiver', 'over', '')->{Threshold},
    { Value => 5, From => 'app in all clusters' }, 'app in all');

# throttles, from the file and from Redis

is_deeply(explained('ruled', 'c', '')->{Throttles}, [
    { Key => 'ruled/c', Ratio => 1, ExpiresInSeconds => undef,
        From => 'state' },
    { Key => 'ruled', Ratio => 0.5, From => 'state',
        ExpiresInSeconds => seconds(explained('ruled', 'c', '')) },
], 'both rules');
is_deeply([map { $_->{Key} } @{explained('ruled', 'over', '')->{Throttles}}],
    ['ruled'], 'that of the app');
is_deeply(explained('gone', 'c', '')->{Throttles}, [], 'expired');
is(scalar @{explained('freed', 'c', '')->{Throttles}}, 1, 'not yet freed');
$orders->unthrottle('freed');
$orders->throttle('heard', ratio => 0.25, remaining => 0);
$t->wait_for('the order', sub {
    @{explained('heard', 'c', '')->{Throttles}} });
is_deeply(explained('heard', 'c', '')->{Throttles}, [{ Key => 'heard',
    Ratio => 0.25, ExpiresInSeconds => undef, From => 'redis' }], 'heard');
is_deeply(explained('freed', 'c', '')->{Throttles}, [], 'freed by Redis');

# low priority

is($t->get(8080, '/check/app/mysql/over?metric=lag')->{status}, 429, 'over');
$e = explained('app', 'over', 'p=low&metric=lag');
is($e->{LowPriority}{Asked}, $true, 'asked with p=low');
SKIP: {
    skip 'a slow machine', 3 if $e->{LowPriority}{RefusedForMs} == 0;
    cmp_ok($e->{LowPriority}{RefusedForMs}, '<=', 1000, 'refused that long');
    is($e->{Verdict}{Reason}, 'low-priority', 'and refused');
    is($e->{Verdict}{StatusCode}, 417, 'by 417');
}
$t->wait_for('the mark to go', sub {
    explained('app', 'over', '')->{LowPriority}{RefusedForMs} == 0 });

# it marks, counts and remembers nothing

is(explained('app', 'over', 'metric=lag')->{Verdict}{StatusCode}, 429, 'it is refused');
is(explained('app', 'over', '')->{LowPriority}{RefusedForMs}, 0, 'no mark');
$state->publish(clusters => [{ name => 'new', value => 2 },
    @{$state->{clusters}}]);
my $counters = $t->get(8080, '/sluice/counters')->{body};
is(explained('never', $_, '')->{Verdict}{StatusCode} > 0, 1, "explained $_")
    for 'new', 'c', 'nosuch';
is($t->get(8080, '/sluice/counters')->{body}, $counters, 'nothing counted');
unlike($t->get(8080, '/recent-apps')->{body}, qr/never/, 'nobody remembered');
$t->wait_for('the log', sub { $t->read_file('access.log') =~ m{/explain/never} });
unlike($t->read_file('access.log'), qr{/explain/\S* \[\d}, 'no variables');

# names are what they are

$e = decode_json($t->get(8080, '/explain/a%22%3c%0a/mysql/c')->{body});
is($e->{App}, qq(a"<\n), 'an odd app');
$e = decode_json($t->get(8080, '/explain/app/redis/c')->{body});
is($e->{Verdict}{Reason}, 'no-such-metric', 'another store type');
is_deeply([@$e{qw/Cluster Threshold/}], [undef, undef], 'of which nothing is '
    . 'known');
is(explained('app', 'nosuch', '')->{Cluster}, undef, 'an unknown cluster');
is(explained('x' x 2000, 'x' x 2000, '')->{Verdict}{StatusCode}, 404,
    'long names');

# wrong use

is($t->get(8080, $_)->{status}, 404, $_) for '/explain', '/explain/',
    '/explain/app', '/explain/app/mysql', '/explain/app/mysql/',
    '/explain/app/mysql/c/', '/explain/app/mysql/c/5';
$got = $t->get(8080, '/explain/app/mysql/c', method => 'POST');
is($got->{status}, 405, 'POST');
is($got->{headers}{allow}, 'GET, HEAD', 'what is allowed');
$got = $t->head(8080, '/explain/app/mysql/nosuch');
is($got->{status}, 200, 'HEAD');
is($got->{body}, '', 'HEAD has no body');

# all clusters

$got = $t->get(8080, '/sluice/status');
is($got->{status}, 200, 'status page');
my $s = decode_json($got->{body});
is_deeply([sort keys %{$s->{Clusters}}], ['c', 'd"', 'new', 'over'],
    'status page: clusters');
is($s->{Node}{Ready}, $true, 'status page: node');
is($s->{Clusters}{c}{Inventory}{Provider}, 'haproxy',
    'status page: inventory');
is($s->{Clusters}{c}{Hosts}[1]{Excluded}, 'quarantined',
    'status page: excluded');
is($s->{Clusters}{c}{Hosts}[0]{Role}, 'primary', 'status page: role');
is($s->{Clusters}{over}{ShareDomainSeconds}, 7, 'status page: share domain');
is($s->{Clusters}{c}{Metrics}[2]{Name}, 'threads', 'status page: metrics');
is($t->get(8080, '/sluice/status', method => 'POST')->{status}, 405,
    'status page: POST');

# many hosts, the detail's next generation

$state->publish_detail(hosts => [map { { cluster => 'c', name => "db$_",
    text => 'x' x 255, value => $_ } } 1 .. 64]);
$e = explained('app', 'c', '');
is(scalar @{$e->{Cluster}{Hosts}}, 64, 'many hosts');
is($e->{Cluster}{Hosts}[63]{Value}, 64, 'the last of them');

# detail that cannot be read takes nothing else away, and comes back

$state->publish_detail(hosts => [{ cluster => 'c', name => 'db1',
    value => 'nan' }]);
for (1 .. 2) {
    $e = explained('app', 'c', 'metric=lag');
    is($e->{Node}{NoDetail}, 'host db1:3306: value is not a number',
        'broken detail');
    is_deeply($e->{Cluster}{Hosts}, [], 'broken detail: no hosts');
    is($e->{Verdict}{StatusCode}, 200, 'broken detail: the verdict');
}
$state->publish_detail(hosts => [{ cluster => 'c', name => 'db1' }]);
is(scalar @{explained('app', 'c', '')->{Cluster}{Hosts}}, 1, 'good again');

# files of minor 0 and 1, an old state, none

for my $minor (0, 1) {
    $state->replace(minor => $minor, metrics => [], apps => [],
        host_metrics => undef, inventories => undef,
        $minor ? (facts => {}, throttles => [{ key => 'ruled' }])
        : (facts => undef, throttles => undef));
    $t->wait_for("minor $minor", sub {
        @{explained('app', 'c', '')->{Cluster}{Metrics}} == 1 });
    $e = explained('ruled', 'c', '');
    is(scalar @{$e->{Throttles}}, $minor, "minor $minor: throttles");
    is($e->{Cluster}{Hosts}[0]{Role}, '', "minor $minor: role");
    is($e->{Cluster}{Inventory}, undef, "minor $minor: inventory");
}

$state->stop_beating->beat(Sluice::State::mono_ms() - 60_000);
$e = explained('app', 'c', '');
is($e->{Verdict}{Reason}, 'stale', 'a heart that has stopped');
cmp_ok($e->{Node}{HeartbeatAgeMs}, '>=', 60_000, 'its age');

$state->remove;
$t->wait_for('no state', sub { explained('app', 'c', '')->{Node}{NoState} });
$e = explained('app', 'c', '');
is($e->{Verdict}{Reason}, 'no-state', 'no state');
like($e->{Node}{NoState}, qr/no such file/, 'why');
like($e->{Node}{NoDetail}, qr/no such file/, 'and no detail');
is($e->{Cluster}, undef, 'no cluster');
is_deeply(decode_json($t->get(8080, '/sluice/status')->{body})->{Clusters},
    {}, 'status page: no clusters');

$t->expect_log(qr/sluice: /);
$t->done;

###############################################################################

sub explained {
    my ($app, $cluster, $args) = @_;

    return decode_json(
        $t->get(8080, "/explain/$app/mysql/$cluster?$args")->{body});
}

# An age that is at least so many ms; itself.

sub age {
    my ($age, $least) = @_;

    ok(defined $age && $age >= $least && $age < $least + 60_000,
        "an age of $least ms and more") or diag($age // 'undef');
    return $age;
}

sub seconds {
    my ($e) = @_;
    my $left = $e->{Throttles}[1]{ExpiresInSeconds};

    ok($left > 0 && $left <= 62, 'a rule that expires');
    return $left;
}
