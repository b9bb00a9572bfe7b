#!/usr/bin/perl

# Who may die, and what then: a replica, sluiced, an nginx worker; killed and
# frozen. Bounds are generous here; util/bench has the real ones.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time);

use Sluice;

###############################################################################

my $t = Sluice->new;
my @db = map { $t->mariadb } 1 .. 2;
my $hosts = join ', ', map { '"127.0.0.1:' . $_->port . '"' } @db;

my $conf = <<"EOF";
{
  "Stores": { "MySQL": {
    "User": "probe", "Password": "probe", "ThrottleThreshold": 1,
    "MetricQuery": "select 0.5",
    "Clusters": {
      "both": { "StaticHostsSettings": { "Hosts": [$hosts] } },
      "one":  { "IgnoreHostsCount": 1, "StaticHostsSettings": { "Hosts": [$hosts] } }
    }
  } }
}
EOF
my $sluiced = $t->sluiced($conf);

$t->nginx(<<'EOF');
%%MODULES%%
worker_processes 2;
error_log %%DIR%%/error.log info;
pid %%DIR%%/nginx.pid;
events { }
sluice { state %%DIR%%/run/state; max_age 1s; }
http {
    access_log off;
    server {
        listen 127.0.0.1:8080;
        include %%CONF%%/nginx/freno.conf;
    }
}
EOF

sub status { return $t->get(8080, "/check/app/mysql/$_[0]")->{status} }
sub reason {
    return $t->get(8080, "/check/app/mysql/$_[0]")->{headers}{'sluice-reason'};
}

sub both_say {
    my ($what, $both, $one) = @_;

    $t->wait_for("$what: both $both, one $one",
        sub { status('both') == $both && status('one') == $one });
    pass("$what: both $both, one $one");
}

both_say('all alive', 200, 200);

# A replica killed: an EOF, then refused connections.
$db[1]->kill;
both_say('a database killed', 500, 200);
like($t->get(8080, '/check/app/mysql/both')->{body}, qr/connection refused|EOF/,
    'killed: the error says so');
$db[1]->start;
both_say('started again', 200, 200);

# Frozen: the connection stands, no answer comes.
$db[1]->stop;
both_say('a database frozen', 500, 200);
$db[1]->cont;
both_say('a database thawed', 200, 200);

# All of them: never a 200 once max_age has passed.
$_->stop for @db;
my $since = time;
$t->wait_for('no 200 with every database frozen',
    sub { status('both') != 200 && status('one') != 200 }, 1.5);
cmp_ok(time - $since, '<', 1.5, 'no 200 soon after');
my %seen;
my $end = time + 2;
while (time < $end) {
    $seen{status($_)}++ for qw(both one);
}
is_deeply([sort keys %seen], [500], 'nothing but 500 while they are frozen');
$_->cont for @db;
both_say('all thawed', 200, 200);

# sluiced frozen: its data serves until max_age.
$sluiced->stop;
$since = time;
$t->wait_for('500 while sluiced is frozen', sub { status('both') == 500 });
cmp_ok(time - $since, '<', 2.5, 'within the bound');
is(reason('both'), 'stale', 'frozen sluiced: stale');
ok($t->wait_for('a frozen sluiced to be no leader',
    sub { $t->get(8080, '/leader-check')->{status} == 404 }, 1),
    'frozen sluiced: no leader within another second');
$sluiced->cont;
both_say('sluiced thawed', 200, 200);
is($t->get(8080, '/leader-check')->{status}, 200, 'thawed: leader again');

# sluiced killed, and another one.
$sluiced->kill;
$t->wait_for('500 with sluiced killed', sub { status('both') == 500 });
is(reason('both'), 'stale', 'killed sluiced: stale');
$sluiced = $t->sluiced($conf);
both_say('another sluiced', 200, 200);

# A worker killed, and one frozen: the other answers on, a new one comes.
my ($victim, $other) = $t->nginx_workers;
$t->kill_worker($victim);
both_say('a worker killed', 200, 200);
$t->wait_for('a new worker', sub { scalar($t->nginx_workers) == 2 });
pass('nginx started another worker');

$t->done;
