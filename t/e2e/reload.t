#!/usr/bin/perl

# 100 nginx reloads in a row under load, one connection per request: no failed
# check, and the workers of the last reload hold no more than those of an
# early one.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time);

use Sluice;

###############################################################################

# Ages are generous: it is the reloads that are on trial, not a busy machine.
my $t = Sluice->new;
my $db = $t->mariadb;
my $port = $db->port;

$t->sluiced(<<"EOF");
{
  "Stores": { "MySQL": {
    "User": "probe", "Password": "probe", "ThrottleThreshold": 1,
    "MetricQuery": "select 0.5",
    "ProbeTimeoutMillis": 5000, "MaxAgeMillis": 20000,
    "Clusters": { "main1": { "StaticHostsSettings": { "Hosts": ["127.0.0.1:$port"] } } }
  } }
}
EOF

$t->nginx(<<'EOF');
%%MODULES%%
worker_processes 2;
error_log %%DIR%%/error.log notice;
pid %%DIR%%/nginx.pid;
events { }
sluice { state %%DIR%%/run/state; max_age 10s; }
http {
    access_log off;
    keepalive_timeout 0;
    server {
        listen 127.0.0.1:8080;
        include %%CONF%%/nginx/freno.conf;
    }
}
EOF

$t->wait_for('the first 200',
    sub { $t->get(8080, '/check/app/mysql/main1')->{status} == 200 });

# Open descriptors of the newest worker.
sub descriptors {
    my ($worker) = sort { $b <=> $a } $t->nginx_workers;
    my @fds = glob "/proc/$worker/fd/*";

    return scalar @fds;
}

# The load: a child that checks until told to stop, and counts.
pipe my $results, my $write or die;
my $child = fork // die;
if (!$child) {
    my ($stop, %count) = (0);

    $SIG{TERM} = sub { $stop = 1 };
    until ($stop) {
        my $got = eval { $t->get(8080, '/check/app/mysql/main1') };
        my $said = $got ? $got->{status} : 'failed';
        $said .= "($got->{body})" if $got && $said != 200;
        $count{$said}++;
    }
    syswrite $write, join ' ', map { "$_=$count{$_}" } sort keys %count;
    require POSIX;
    POSIX::_exit(0);
}
close $write;

my ($early, $reloads, $end) = (0, 0, time + 90);
while ($reloads < 100 && time < $end) {
    $t->reload;
    $early = descriptors() if ++$reloads == 5;
}
kill 'TERM', $child;
my $line = <$results> // '';
waitpid $child, 0;

is($reloads, 100, '100 reloads');
like($line, qr/^200=\d+$/, "only 200s under them: $line");
my ($count) = $line =~ /200=(\d+)/;
cmp_ok($count // 0, '>', 500, 'and many of them');
cmp_ok(descriptors(), '<=', $early, 'no descriptor leaked');
$t->wait_for('old workers to leave', sub { scalar($t->nginx_workers) == 2 }, 20);
pass('old workers left');

$t->done;
