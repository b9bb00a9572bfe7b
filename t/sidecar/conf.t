#!/usr/bin/perl

# sluiced -t: what an operator reads about a bad file, to the letter, and the
# exit status; --print-nginx; wrong use of the command line.

use warnings;
use strict;

use Test::More;

use Sluice;

###############################################################################

my $t = Sluice->new;
my $file = $t->dir . '/sluiced.json';
my $alone = "$file: note: neither RaftDataDir nor BackendMySQLHost is set: "
    . "this node leads itself\n";

# Runs -t over the text: status, and what was said without the file's name
# and without the note that every small file gets.
sub verdict {
    my ($text) = @_;

    $t->write_file('sluiced.json', $text);
    my ($rc, $out, $err) = $t->sluiced_run('-t', '-c', $file);
    is($out, '', 'nothing on stdout') if $out ne '';
    $err =~ s/^\Q$alone\E//m;
    $err =~ s/^\Q$file\E//mg;
    return ($rc, $err);
}

sub refused {
    my ($name, $text, $want) = @_;
    my ($rc, $said) = verdict($text);

    is($said, $want, $name);
    is($rc, 1, "$name: exit status 1");
}

sub accepted {
    my ($name, $text, $want) = @_;
    my ($rc, $said) = verdict($text);

    is($said, $want, $name);
    is($rc, 0, "$name: exit status 0");
}

sub cluster {
    my ($members) = @_;

    return qq({"Stores": {"MySQL": {"Clusters": {\n"main1": {$members}}}}});
}

my $hosts = '"StaticHostsSettings": {"Hosts": ["db1", "db2:3307"]}';
my $main1 = 'Stores.MySQL.Clusters.main1';

###############################################################################
# Good files

accepted('a good file', cluster($hosts), ": 0 errors, 0 warnings\n");
accepted('every spelling of hosts', cluster('"StaticHostsSettings": {"Hosts":
    ["db1", "db1.example.com:1", "10.0.0.1", "10.0.0.1:3307", "fd00::1",
    "[fd00::2]", "[fd00::3]:3307"]}'), ": 0 errors, 0 warnings\n");

for my $sample (glob $t->root . '/conf/sluiced*.json') {
    local $ENV{SLUICE_PASSWORD} = 'x';
    local $ENV{SLUICE_RAFT_SECRET} = 'sixteen bytes at least';
    local $ENV{MONITOR_PASSWORD} = 'y';
    my ($rc, $out, $err) = $t->sluiced_run('-t', '-c', $sample);

    is($rc, 0, "$sample is good");
    like($err, qr/: 0 errors, 0 warnings\n\z/, "$sample: nothing to say");
}

# Files that freno takes are taken.
accepted('a trailing comma', cluster("$hosts,\n"), <<'END');
:2: warning: a comma before a closing bracket is not JSON; ignored
: 0 errors, 1 warning
END
accepted('content behind', cluster($hosts) . "\n\nmore", <<'END');
:4: warning: content after the end of the configuration; ignored
: 0 errors, 1 warning
END
accepted('an unknown key', cluster(qq($hosts,\n"ThrotleThreshhold": 1)), <<END);
:3: warning: $main1.ThrotleThreshhold: unknown key, ignored; the nearest known one is ThrottleThreshold
: 0 errors, 1 warning
END
accepted('a key twice', cluster(qq("port": 1,\n"Port": 2,\n$hosts)), <<END);
:2: warning: $main1.Port: line 3 says it again; line 2 is ignored
: 0 errors, 1 warning
END
accepted('a key of Go\'s runtime', qq({"EnableProfiling": true,
"Stores": {"MySQL": {"Clusters": {"c": {$hosts}}}}}), <<'END');
:1: note: EnableProfiling: not used: there is no Go runtime to profile
: 0 errors, 0 warnings
END
accepted('an unknown kind of query',
    cluster(qq("MetricQuery": "update x set y = 1", $hosts)), <<END);
:2: warning: $main1.MetricQuery: expected a query that begins with SELECT or SHOW GLOBAL, or "" for the replica status: every check will answer 500, Unsupported metrics query type
: 0 errors, 1 warning
END
accepted('no hosts', cluster(''), <<END);
:2: warning: $main1: no hosts: checks answer 404
: 0 errors, 1 warning
END
accepted('no clusters', '{}', <<'END');
: warning: Stores.MySQL.Clusters: no clusters: every check answers 404
: 0 errors, 1 warning
END
accepted('two sources of hosts', cluster(qq("HAProxySettings": {"PoolName":
    "p", "Host": "lb", "Port": 80},\n$hosts)), <<END);
:4: warning: $main1.StaticHostsSettings: a second source of hosts, ignored: they come from haproxy
: 0 errors, 1 warning
END
accepted('a host twice', cluster(qq("Port": 3307,
    "StaticHostsSettings": {"Hosts": ["db1",\n"db1:3307"]})), <<END);
:4: warning: $main1.StaticHostsSettings.Hosts[1]: db1:3307 stands on line 3 already; it counts once
: 0 errors, 1 warning
END

# All of freno's providers in one file, with what the environment says.
{
    local @ENV{qw(T_USER T_PW T_LB T_CELL)} = qw(u p lb1:1001 zone1);
    accepted('every provider', <<'EOF', ": 0 errors, 0 warnings\n");
{
  "ListenPort": 9777, "DataCenter": "dc1", "Environment": "prod",
  "MemcacheServers": ["mc1:11211", "mc2"], "MemcachePath": "freno",
  "EnableProfiling": false,
  "Stores": { "MySQL": {
    "User": "${T_USER}", "Password": "${T_PW}", "CacheMillis": 100,
    "MetricQuery": "select ts from meta.heartbeat", "ThrottleThreshold": 1.0,
    "IgnoreHosts": ["-backup"], "HttpCheckPort": 1234, "HttpCheckPath": "up",
    "ProxySQLAddresses": ["p1:6032"], "ProxySQLUser": "r",
    "ProxySQLPassword": "s", "VitessCells": ["${T_CELL}"],
    "Clusters": {
      "local": { "StaticHostsSettings": { "Hosts": ["h1", "h2:3307"] } },
      "pool1": { "HttpCheckPort": -1, "IgnoreHostsCount": 1,
        "HAProxySettings": { "Host": "lb0", "Port": 80, "PoolName": "p" } },
      "pool2": { "HAProxySettings": {
        "Addresses": "${T_LB},https://u:p@lb2/x", "PoolName": "p" } },
      "pool3": { "ProxySQLSettings": { "HostgroupID": 3 } },
      "pool4": { "ProxySQLSettings": { "Addresses": ["p2:6032"], "User": "a",
        "Password": "b", "HostgroupID": 4, "IgnoreServerTTLSecs": 5 } },
      "shard": { "VitessSettings": { "API": "http://vtctld:15000/api/",
        "Keyspace": "k", "Shard": "-80", "TimeoutSecs": 3 } }
    }
  } }
}
EOF
}

###############################################################################
# Bad files

refused('an empty file', '', <<'END');
: error: the file is empty: expected a JSON object
: 1 error, 0 warnings
END
refused('broken JSON', qq({\n"ListenPort": 1\n"DataCenter": "x"}), <<'END');
:3: error: not JSON: ',' or '}' expected near column 12
: 1 error, 0 warnings
END
refused('half a file', substr(cluster($hosts), 0, 60), <<'END');
:2: error: not JSON: premature end of input near column 24
: 1 error, 0 warnings
END
refused('not an object', '[]', <<'END');
:1: error: expected an object, found a list
: 1 error, 0 warnings
END
refused('wrong types', cluster(qq(
"Port": "3306",
"ThrottleThreshold": "1",
"IgnoreHosts": "x",
"UseTLS": 1,
"User": 5, $hosts)), <<END);
:3: error: $main1.Port: expected an integer, found a string
:4: error: $main1.ThrottleThreshold: expected a number, found a string
:5: error: $main1.IgnoreHosts: expected a list of strings, found a string
:6: error: $main1.UseTLS: expected true or false, found an integer
:7: error: $main1.User: expected a string, found an integer
: 5 errors, 0 warnings
END
refused('out of bounds', qq({"ListenPort": 65536,
"Stores": {"MySQL": {"ThrottleThreshold": -1, "ProbeIntervalMillis": -50,
"CacheMillis": -1, "Clusters": {"main1": {"Port": -1, $hosts}}}}}), <<END);
:1: error: ListenPort: 65536 is out of range: expected 1 to 65535
:2: error: Stores.MySQL.ThrottleThreshold: -1 is out of range: expected 0 or more
:2: error: Stores.MySQL.ProbeIntervalMillis: -50 is out of range: expected 10 to 60000
:3: error: Stores.MySQL.CacheMillis: -1 is out of range: expected 0 to 86400000
:3: error: $main1.Port: -1 is out of range: expected 0 to 65535
: 5 errors, 0 warnings
END
refused('an empty list of hosts',
    cluster('"StaticHostsSettings": {"Hosts": []}'), <<END);
:2: error: $main1.StaticHostsSettings.Hosts: empty host list: expected at least one HOST or HOST:PORT
: 1 error, 0 warnings
END
refused('null as a cluster', '{"Stores": {"MySQL": {"Clusters":
{"main1": null}}}}', <<END);
:2: error: $main1: expected an object, found null
: 1 error, 0 warnings
END
refused('bad names of clusters', '{"Stores": {"MySQL": {"Clusters": {
"": {},
"a/b": {},
"' . 'x' x 64 . '": {}}}}}', <<END);
:2: error: Stores.MySQL.Clusters.: the name of a cluster is empty
:3: error: Stores.MySQL.Clusters.a/b: the name of a cluster has a '/' or a control character, which no check could ask for
:4: error: Stores.MySQL.Clusters.@{[ 'x' x 64 ]}: the name of a cluster has 64 bytes: expected at most 63
: 3 errors, 0 warnings
END
refused('a backend without a schema', qq({"BackendMySQLHost": "db",
"Stores": {"MySQL": {"Clusters": {"main1": {$hosts}}}}}), <<'END');
:1: error: BackendMySQLHost: BackendMySQLSchema must be set when BackendMySQLHost is specified
: 1 error, 0 warnings
END
accepted('a backend', qq({"BackendMySQLHost": "db", "BackendMySQLSchema": "freno",
"Domain": "dc1/prod", "ShareDomain": "prod", "BackendUseTLS": true,
"Stores": {"MySQL": {"Clusters": {"main1": {$hosts}}}}}), <<'END');
: 0 errors, 0 warnings
END
refused('names too long for the backend', qq({"Domain":
"@{[ 'x' x 33 ]}", "ShareDomain": "@{[ 'x' x 33 ]}",
"Stores": {"MySQL": {"Clusters": {"main1": {$hosts}}}}}), <<'END');
:1: error: Domain: 33 bytes: expected at most 32
:2: error: ShareDomain: 33 bytes: expected at most 32
: 2 errors, 0 warnings
END
accepted('a backend that is the patient', qq({"BackendMySQLHost": "localhost",
"BackendMySQLPort": 3307, "BackendMySQLSchema": "freno",
"Stores": {"MySQL": {"Port": 3307, "Clusters": {
"by-address": {"StaticHostsSettings": {"Hosts": ["db1", "127.0.0.1"]}},
"by-name": {"StaticHostsSettings": {"Hosts": ["localhost:3307"]}},
"other-port": {"StaticHostsSettings": {"Hosts": ["localhost:3306"]}}}}}}), <<'END');
:4: warning: Stores.MySQL.Clusters.by-address.StaticHostsSettings.Hosts[1]: is the consensus backend, BackendMySQLHost, too: who decides over this cluster then depends on it; give consensus a mariadbd of its own
:5: warning: Stores.MySQL.Clusters.by-name.StaticHostsSettings.Hosts[0]: is the consensus backend, BackendMySQLHost, too: who decides over this cluster then depends on it; give consensus a mariadbd of its own
: 0 errors, 2 warnings
END
delete $ENV{SLUICE_T_NONE};
refused('an unset variable of HAProxy', cluster('"HAProxySettings":
{"PoolName": "p", "Addresses": "http://${SLUICE_T_NONE}/"}'), <<END);
:3: error: $main1.HAProxySettings.Addresses: unknown environment variable \${SLUICE_T_NONE}
: 1 error, 0 warnings
END
refused('files for TLS', cluster(qq("UseTLS": true, "TLSCAFile": "/no/ca.pem",
"TLSCertFile": "/dev/null", $hosts)), <<END);
:2: error: $main1.TLSCAFile: cannot read /no/ca.pem: No such file or directory
:3: error: $main1.TLSCertFile: TLSKeyFile must be set when TLSCertFile is specified
: 2 errors, 0 warnings
END

for my $host ('db1:', 'db1:0', 'db1:65536', 'db 1', '', 'a:b:c', '[::1', '_') {
    my ($rc, $said) = verdict(cluster(qq("StaticHostsSettings":
{"Hosts": ["db1",\n"$host"]})));

    is($rc, 1, "host '$host': exit status 1");
    like($said, qr/^:4: error: \Q$main1\E\.StaticHostsSettings\.Hosts/m,
        "host '$host': file, line and key");
}

# No password, whatever is wrong around it.
for my $text ('{"Password": "hunter2" "x"}', '{"Password" "hunter2"}',
    '{"Stores": {"MySQL": {"Password": ["hunter2"]}}}')
{
    unlike((verdict($text))[1], qr/hunter2/, 'no password is shown');
}

###############################################################################
# Files that are none

my ($rc, $out, $err) = $t->sluiced_run('-t', '-c', '/no/such/file');
is($rc, 1, 'missing file: exit status 1');
is($err, <<'END', 'missing file');
/no/such/file: error: cannot read: No such file or directory
/no/such/file: 1 error, 0 warnings
END
($rc, $out, $err) = $t->sluiced_run('-t', '-c', $t->dir);
is($rc, 1, 'a directory: exit status 1');
like($err, qr/: error: cannot read: Is a directory$/m, 'a directory');

# The same in the log of a start.
$t->write_file('sluiced.json', cluster(qq("Port": -1, $hosts)));
($rc, $out, $err) = $t->sluiced_run('-c', $file);
is($rc, 1, 'a bad file: no start');
like($err, qr/level=error event=config file=\S+ line=2 key=\Q$main1\E\.Port problem="-1 is out of range: expected 0 to 65535"/,
    'a bad file: the log says why');

###############################################################################
# freno's flags for raft stand instead of the file's keys

$t->write_file('sluiced.json', cluster($hosts));
($rc, $out, $err) = $t->sluiced_run('-t', '-c', $file, '-raft-datadir', '/d',
    '--raft-bind=127.0.0.1:1', '--raft-nodes', '127.0.0.1:1,127.0.0.1:2');
is($rc, 1, '--raft-nodes: exit status 1');
like($err, qr/^\Q$file\E: error: --raft-nodes: 2 entries: /m,
    'a problem names the option');
($rc, $out, $err) = $t->sluiced_run('-t', '-c', $file, '-raft-datadir', '/d',
    '--raft-nodes=127.0.0.1');
is("$rc $err", "0 $file: 0 errors, 0 warnings\n", '--raft-datadir');

###############################################################################
# --print-nginx, and the command line

$t->write_file('sluiced.json', qq({"ListenPort": 8099,
"StateFile": "@{[ $t->dir ]}/run/state",
"Stores": {"MySQL": {"Clusters": {"main1": {$hosts}}}}}));
($rc, $out, $err) = $t->sluiced_run('--print-nginx', '-c', $file);
is($rc, 0, '--print-nginx: exit status 0');
is($err, '', '--print-nginx: nothing else');
like($out, qr/^sluice \{\n    state \Q@{[ $t->dir ]}\E\/run\/state;\n\}$/m,
    '--print-nginx: the state file');
like($out, qr/^        listen 8099;$/m, '--print-nginx: ListenPort');
like((($t->sluiced_run('--print-nginx', '-http-port', '8100', '-c', $file))[1]),
    qr/^        listen 8100;$/m, '--print-nginx: --http-port');

# nginx takes what was printed, once it knows where things are.
my $conf = $out;
my $modules = $t->build . '/nginx';
$conf =~ s{modules/ngx_sluice}{$modules/ngx_sluice};
$conf =~ s{include sluice/}{include %%CONF%%/nginx/};
$conf =~ s{listen 8099}{listen 127.0.0.1:8099};
($rc, $out) = $t->nginx_test($conf);
is($rc, 0, '--print-nginx: nginx -t takes it') or diag($out);

# Clusters that are routed have ports in it.
$t->write_file('sluiced.json', qq({"ListenPort": 8099, "RaftDataDir": "/tmp",
"StateFile": "@{[ $t->dir ]}/run/state",
"Stores": {"MySQL": {"Clusters": {"main1": {$hosts, "Routing": {"Eligible": "galera"}},
"plain": {$hosts}, "od; {d}": {$hosts, "Routing": {"Eligible": "replication"}}}}}}));
($rc, $out, $err) = $t->sluiced_run('--print-nginx', '-c', $file);
is("$rc $err", '0 ', '--print-nginx with routes: exit status 0, nothing else');
like($out, qr/^    server \{ listen 3306; proxy_pass main1_3306; sluice_hold main1 10s; \}\n    server \{ listen 3307; proxy_pass main1_3306_read; \}$/m,
    '--print-nginx with routes: writers and readers');
like($out, qr/^    upstream od___d__3308 \{ sluice "od; \{d\}"; \}$/m,
    '--print-nginx with routes: an odd name');
unlike($out, qr/plain/, '--print-nginx with routes: none that is not routed');
$conf = $out;
$conf =~ s{modules/ngx_(stream_)?sluice}{"$modules/ngx_" . ($1 // '') . 'sluice'}ge;
$conf =~ s{modules/ngx_stream_module}{/usr/lib/nginx/modules/ngx_stream_module};
$conf =~ s{include sluice/}{include %%CONF%%/nginx/}g;
$conf =~ s{listen (8099|33\d\d)}{listen 127.0.0.1:$1}g;
($rc, $out) = $t->nginx_test($conf);
is($rc, 0, '--print-nginx with routes: nginx -t takes it') or diag($out);

$t->write_file('sluiced.json', '{');
($rc, $out, $err) = $t->sluiced_run('--print-nginx', '-c', $file);
is($rc, 1, '--print-nginx of a bad file: exit status 1');
is($out, '', '--print-nginx of a bad file: no nginx.conf');
like($err, qr/:1: error: not JSON/, '--print-nginx of a bad file: says why');

# The tables: those of conf/schema.sql, or for the schema and the account that
# a file names.
($rc, $out, $err) = $t->sluiced_run('--print-schema');
open my $schema, '<', $t->root . '/conf/schema.sql' or die "schema.sql: $!";
is($out, join('', <$schema>), '--print-schema: conf/schema.sql');
is("$rc $err", '0 ', '--print-schema: exit status 0, nothing else');
$t->write_file('sluiced.json', qq({"BackendMySQLHost": "db",
"BackendMySQLSchema": "fr`eno", "BackendMySQLUser": "o'neil",
"Stores": {"MySQL": {"Clusters": {"main1": {$hosts}}}}}));
($rc, $out, $err) = $t->sluiced_run('--print-schema', '-c', $file);
is("$rc $err", '0 ', '--print-schema of a file: exit status 0');
like($out, qr/^GRANT SELECT, INSERT, UPDATE, DELETE ON `fr``eno`\.sluice_lease TO 'o''neil'\@'%';$/m,
    '--print-schema of a file: its schema and account');
$t->write_file('sluiced.json', '{');
($rc, $out, $err) = $t->sluiced_run('--print-schema', '-c', $file);
is("$rc $out", '1 ', '--print-schema of a bad file: exit status 1');

for my $use (['--frobnicate'], ['-t', 'file'], ['--probe'], ['-c'],
    ['--log-level', 'loud'], ['--http-port', '0'], ['-t', '--print-nginx'], ['-t', '--print-schema'],
    ['--raft-bind'], ['--force-leadership'], ['--enable-profiling'], ['--yes'],
    ['--import-freno'], ['-t', '--raft-recover'])
{
    ($rc, $out, $err) = $t->sluiced_run(@$use);
    is($rc, 2, "@$use: exit status 2");
    like($err, qr/^sluiced: .+\nusage: sluiced /, "@$use: a reason, and usage");
    is($out, '', "@$use: nothing on stdout");
}
for my $use (['-h'], ['--help'], ['-V'], ['--version'], ['-version']) {
    ($rc, $out, $err) = $t->sluiced_run(@$use);
    is($rc, 0, "@$use: exit status 0");
    like($out, qr/^(?:usage: )?sluiced /, "@$use: on stdout");
}

$t->done;

###############################################################################
