#!/usr/bin/perl

# freno's result table against real databases: what a client gets for every
# state a cluster can be in.

use warnings;
use strict;

use JSON::PP;
use Test::More;

use Sluice;

###############################################################################

my $t = Sluice->new;
my $primary = $t->mariadb;
my $replica = $t->mariadb;

$replica->replicate_from($primary);
$primary->sql('create database app');
$primary->sql('create table app.metric (name varchar(20) primary key, v double)');
$primary->sql(q{insert into app.metric values ('zero', 0), ('quarter', 0.25),
    ('one', 1), ('high', 3.5), ('minus', -1)});
$primary->sql(q{grant select on app.* to 'probe'@'%'});

my ($p, $r) = map { '127.0.0.1:' . $_->port } $primary, $replica;
my $closed = '127.0.0.1:' . $t->port(8999);

my $conf = <<"EOF";
{
  "Stores": { "MySQL": {
    "User": "probe", "Password": "probe", "ThrottleThreshold": 1,
    "Clusters": {
      "below":    { "MetricQuery": "select v from app.metric where name = 'quarter'",
                    "StaticHostsSettings": { "Hosts": ["$p"] } },
      "equal":    { "MetricQuery": "select v from app.metric where name = 'one'",
                    "StaticHostsSettings": { "Hosts": ["$p"] } },
      "above":    { "MetricQuery": "select v from app.metric where name = 'high'",
                    "StaticHostsSettings": { "Hosts": ["$p", "$r"] } },
      "negative": { "MetricQuery": "select v from app.metric where name = 'minus'",
                    "StaticHostsSettings": { "Hosts": ["$p"] } },
      "global":   { "MetricQuery": "show global variables like 'max_connections'",
                    "ThrottleThreshold": 1000000,
                    "StaticHostsSettings": { "Hosts": ["$p"] } },
      "lag":      { "StaticHostsSettings": { "Hosts": ["$r"] } },
      "primary":  { "StaticHostsSettings": { "Hosts": ["$p"] } },
      "nohosts":  { "ThrottleThreshold": 7 },
      "ignored":  { "MetricQuery": "select 1", "IgnoreHosts": ["127.0.0.1"],
                    "StaticHostsSettings": { "Hosts": ["$p"] } },
      "refused":  { "MetricQuery": "select 1",
                    "StaticHostsSettings": { "Hosts": ["$closed"] } },
      "spared":   { "MetricQuery": "select 1", "IgnoreHostsCount": 1,
                    "StaticHostsSettings": { "Hosts": ["$closed", "$p"] } },
      "login":    { "MetricQuery": "select 1", "Password": "wrong",
                    "StaticHostsSettings": { "Hosts": ["$p"] } },
      "noname":   { "MetricQuery": "select 1",
                    "StaticHostsSettings": { "Hosts": ["no-such-host.invalid"] } },
      "twocols":  { "MetricQuery": "select 1, 2",
                    "StaticHostsSettings": { "Hosts": ["$p"] } },
      "norow":    { "MetricQuery": "select v from app.metric where name = 'x'",
                    "StaticHostsSettings": { "Hosts": ["$p"] } },
      "null":     { "MetricQuery": "select null as v",
                    "StaticHostsSettings": { "Hosts": ["$p"] } },
      "text":     { "MetricQuery": "select 'abc' as v",
                    "StaticHostsSettings": { "Hosts": ["$p"] } },
      "syntax":   { "MetricQuery": "select from",
                    "StaticHostsSettings": { "Hosts": ["$p"] } },
      "kind":     { "MetricQuery": "with x as (select 1) select * from x",
                    "StaticHostsSettings": { "Hosts": ["$p"] } },
      "threshold0": { "MetricQuery": "select 0", "ThrottleThreshold": 0.5,
                    "StaticHostsSettings": { "Hosts": ["$p"] } }
    }
  } }
}
EOF
my $sluiced = $t->sluiced($conf);

$t->nginx(<<'EOF');
%%MODULES%%
worker_processes 1;
error_log %%DIR%%/error.log info;
pid %%DIR%%/nginx.pid;
events { }
sluice { state %%DIR%%/run/state; }
http {
    access_log off;
    server {
        listen 127.0.0.1:8080;
        include %%CONF%%/nginx/freno.conf;
    }
}
EOF

$t->wait_for('ready', sub { $sluiced->log =~ /event=ready/ }, 15);
$t->wait_for('a worker with the view',
    sub { $t->get(8080, '/check/a/mysql/below')->{status} == 200 });

###############################################################################

# The row of freno's table, GET; HEAD must agree.
sub row {
    my ($path, $status, $value, $threshold, $message) = @_;
    my $got = $t->get(8080, $path);
    my $head = $t->head(8080, $path);

    $message = ref $message ? $message : quotemeta $message;
    like($got->{body},
        qr/^\{"StatusCode":$status,"Value":$value,"Threshold":$threshold,"Message":"$message"\}\n\z/,
        "$path body");
    is($got->{status}, $status, "$path GET");
    is($head->{status}, $status, "$path HEAD");
}

row('/check/a/mysql/below', 200, '0\.25', 1, '');
row('/check/a/mysql/equal', 200, 1, 1, '');
row('/check/a/mysql/above', 429, '3\.5', 1, 'Threshold exceeded');
row('/check/a/mysql/negative', 200, -1, 1, '');
row('/check/a/mysql/global', 200, qr/\d+/, 1000000, '');
row('/check/a/mysql/lag', 200, 0, 1, '');
row('/check/a/mysql/primary', 200, 0, 1, '');
row('/check/a/mysql/nohosts', 404, 0, 7, 'No such metric');
row('/check/a/mysql/unknown', 404, 0, 0, 'No such metric');
row('/check/a/pgsql/below', 404, 0, 0, 'No such metric');
row('/check//mysql/below', 417, '0\.25', 1, 'no app indicated');
row('/check//mysql/unknown', 417, 0, 0, 'no app indicated');
row('/check/a/mysql/ignored', 500, 0, 1, 'No hosts found');
row('/check/a/mysql/refused', 500, 0, 1,
    "dial tcp $closed: connect: connection refused");
row('/check/a/mysql/spared', 200, 1, 1, '');
row('/check/a/mysql/login', 500, 0, 1,
    qr/Error 1045: Access denied for user 'probe'\@'[^']+' \(using password: YES\)/);
row('/check/a/mysql/noname', 500, 0, 1,
    qr/dial tcp: lookup no-such-host\.invalid: no such host/);
row('/check/a/mysql/twocols', 500, 0, 1,
    'sql: expected 2 destination arguments in Scan, not 1');
row('/check/a/mysql/norow', 500, 0, 1, 'sql: no rows in result set');
row('/check/a/mysql/null', 500, 0, 1,
    qr/sql: Scan error on column index 0, name \\"v\\": converting NULL to float64 is unsupported/);
row('/check/a/mysql/text', 500, 0, 1,
    qr/sql: Scan error on column index 0, name \\"v\\": converting driver\.Value type \[\]uint8 \(\\"abc\\"\) to a float64: invalid syntax/);
row('/check/a/mysql/syntax', 500, 0, 1, qr/Error 1064: .*/);
row('/check/a/mysql/kind', 500, 0, 1,
    'Unsupported metrics query type: with x as (select 1) select * from x');

# if-exists: 404 becomes 200, nothing else changes.
row('/check-if-exists/a/mysql/unknown', 200, 0, 0, 'No such metric');
row('/check-if-exists/a/mysql/nohosts', 200, 0, 7, 'No such metric');
row('/check-if-exists/a/pgsql/below', 200, 0, 0, 'No such metric');
row('/check/a/pgsql/below', 404, 0, 0, 'No such metric');
row('/check-if-exists/a/mysql/above', 429, '3\.5', 1, 'Threshold exceeded');
row('/check-if-exists/a/mysql/norow', 500, 0, 1, 'sql: no rows in result set');
row('/check-if-exists//mysql/below', 417, '0\.25', 1, 'no app indicated');

# read: the caller's threshold, when it is above 0.
row('/check-read/a/mysql/above/3.5', 200, '3\.5', '3\.5', '');
row('/check-read/a/mysql/above/3.4', 429, '3\.5', '3\.4', 'Threshold exceeded');
row('/check-read/a/mysql/below/0.1', 429, '0\.25', '0\.1', 'Threshold exceeded');
row('/check-read/a/mysql/below/0', 200, '0\.25', 1, '');
row('/check-read/a/mysql/below/-5', 200, '0\.25', 1, '');
row('/check-read/a/mysql/below/NaN', 200, '0\.25', 1, '');
row('/check-read/a/mysql/unknown/0.5', 404, 0, '0\.5', 'No such metric');
row('/check-read/a/mysql/norow/0.5', 500, 0, '0\.5', 'sql: no rows in result set');
row('/check-read-if-exists/a/mysql/unknown/0.5', 200, 0, '0\.5', 'No such metric');
row('/check-read-if-exists/a/mysql/above/0.5', 429, '3\.5', '0\.5',
    'Threshold exceeded');
is($t->get(8080, '/check-read/a/mysql/below/abc')->{body},
    qq({"StatusCode":500,"Message":"strconv.ParseFloat: parsing \\"abc\\": invalid syntax"}\n),
    'bad threshold');

# Replication stopped is an error, not lag 0; a replica that never was one and
# is read-only neither.
$replica->sql('stop slave');
$t->wait_for('replication not running', sub {
    $t->get(8080, '/check/a/mysql/lag')->{body} =~
        /"StatusCode":500,.*"replication not running; Slave_IO_Running=No, Slave_SQL_Running=No"/;
});
row('/check/a/mysql/lag', 500, 0, 1,
    'replication not running; Slave_IO_Running=No, Slave_SQL_Running=No');
$replica->sql('start slave');
$t->wait_for('lag back', sub {
    $t->get(8080, '/check/a/mysql/lag')->{status} == 200;
});
$replica->sql('stop slave');
$replica->sql('reset slave all');
$replica->sql('set global read_only = 1');
$t->wait_for('empty status on a read-only host', sub {
    $t->get(8080, '/check/a/mysql/lag')->{body} =~
        /"StatusCode":500,.*read_only/;
});
pass('an empty replica status on a read-only host is an error');

# The value follows the database, both ways.
for my $case ([9, 429], [0.5, 200], [1.001, 429], [1, 200]) {
    my ($value, $status) = @$case;

    $primary->sql("update app.metric set v = $value where name = 'quarter'");
    $t->wait_for("$value is $status", sub {
        my $got = $t->get(8080, '/check/a/mysql/below');
        $got->{status} == $status && $got->{body} =~ /"Value":\Q$value\E,/;
    });
    pass("$value gives $status");
}

# What freno's metrics say of it, by sluiced's probes and nginx's checks. Detail
# comes once a second.
$t->wait_for('figures of the probes', sub {
    my $v = vars();
    ($v->{'probes.latency.count'} // 0) > 40
        && $v->{'probes.latency.one-minute'} > 0;
}, 15);
my $vars = vars();
is($vars->{'probes.latency.count'}, $vars->{'probes.total'}, 'each is timed');
cmp_ok($vars->{'probes.error'}, '>', 0, 'errors');
cmp_ok($vars->{'probes.error'}, '<', $vars->{'probes.total'}, 'but not only');
cmp_ok($vars->{'probes.latency.max'}, '>', 1000, 'more than a microsecond');
cmp_ok($vars->{'probes.latency.max'}, '<', 60e9, 'less than a minute');
cmp_ok($vars->{'probes.latency.min'}, '<=',
    $vars->{'probes.latency.50-percentile'}, 'min and median');
cmp_ok($vars->{'probes.latency.50-percentile'}, '<=',
    $vars->{'probes.latency.999-percentile'}, 'median and the slowest');
is($vars->{'aggregated.mysql.above'}, 3.5, 'a value');
is($vars->{'aggregated.mysql.norow'}, undef, 'never a value');
is($vars->{'check.mysql.below.seconds_since_healthy'}, 0, 'healthy');
is($vars->{'check.mysql.above.seconds_since_healthy'}, undef, 'it never was');
is($vars->{'check.a.mysql.norow.error'}, $vars->{'check.a.mysql.norow.total'},
    'all are errors');
is($vars->{'check.a.mysql.above.error'},
    $vars->{'check.a.mysql.above.total'} - 2, 'all but those of a high threshold');
is($vars->{'check.a.mysql.norow.internal-error'},
    $vars->{'check.a.mysql.norow.total'}, 'of ours');
is($vars->{'check.a.mysql.above.internal-error'}, undef, 'of the database');

# The last good value stays, also over a start of sluiced.
$primary->sql('drop table app.metric');
$t->wait_for('an error', sub {
    $t->get(8080, '/check/a/mysql/above')->{status} == 500 });
is(vars()->{'aggregated.mysql.above'}, 3.5, 'the last value stays');
my $total = vars()->{'probes.total'};
$sluiced->kill;
$sluiced = $t->sluiced($conf);
$t->wait_for('figures anew', sub {
    my $now = vars()->{'probes.total'};
    $now && $now < $total });
is($t->get(8080, '/check/a/mysql/above')->{status}, 500, 'still an error');
is(vars()->{'aggregated.mysql.above'}, 3.5, 'the last value is still there');

$t->done;

###############################################################################

sub vars { return decode_json($t->get(8080, '/debug/vars')->{body}) }
