#!/usr/bin/perl

# What probing costs: sluiced on one core, up to 1,200 hosts in 50 clusters,
# each asked 20 times a second. Many host entries, few real servers.

use warnings;
use strict;

use Time::HiRes qw(time sleep);

use Sluice;
use Sluice::Bench;

my $SECONDS = $ENV{SECONDS} // 10;
my $PER_CLUSTER = 24;

my $t = Sluice->new;
my @servers = map {
    $t->mariadb(args => ['--bind-address=0.0.0.0', '--max-connections=2000',
        '--thread-handling=pool-of-threads'])
} 1 .. 3;
for my $server (@servers) {
    $server->sql('create table mysql.bench_value (v double)');
    $server->sql('insert into mysql.bench_value values (0)');
    $server->sql(q{grant select on mysql.bench_value to 'probe'@'%'});
}

# The servers by as many names as there are hosts: 127.0.0.0/8 is all ours.
sub fleet {
    my ($hosts, $more) = @_;
    my @clusters;

    for (my $n = 0; $n < $hosts; $n += $PER_CLUSTER) {
        my $last = $n + $PER_CLUSTER > $hosts ? $hosts : $n + $PER_CLUSTER;
        my $list = join ', ', map {
            sprintf '"127.1.%d.%d:%d"', $_ / 200, 1 + $_ % 200,
                $servers[$_ % @servers]->port
        } $n .. $last - 1;

        push @clusters,
            qq{"c$n": { "StaticHostsSettings": { "Hosts": [$list] } }};
    }
    return '{ "Stores": { "MySQL": { "User": "probe", "Password": "probe",'
        . ' "MetricQuery": "select v from mysql.bench_value",'
        . ' "ThrottleThreshold": 1, ' . $more . '"Clusters": {'
        . join(",\n", @clusters) . '} } } }';
}

sub queries {
    my $sum = 0;

    for my $server (@servers) {
        my $row = $server->dbh->selectrow_arrayref(
            q{show global status like 'Com_select'});
        $sum += $row->[1];
    }
    return $sum;
}

sub measure {
    my ($name, $hosts, $metrics, $more) = @_;
    my $s = $t->sluiced(fleet($hosts, $more), within => ['taskset', '-c', '0']);

    $t->wait_for('every host to answer', sub { $s->log =~ /event=ready/ }, 60);
    sleep 1;
    my ($cpu, $count, $since) = (cpu_seconds($s->pid), queries(), time);
    sleep $SECONDS;
    my $took = time - $since;
    $cpu = cpu_seconds($s->pid) - $cpu;
    $count = queries() - $count;
    row($name, sprintf('%.0f/s', $count / $took),
        sprintf('%.0f%%', 100 * $count / $took / $hosts / $metrics / 20),
        sprintf('%.1f us', 1e6 * $cpu / ($count || 1)),
        sprintf('%.1f%%', 100 * $cpu / $took),
        sprintf('%.1f MB', rss_bytes($s->pid) / 1e6));
    $s->kill;
}

title("probing: 20 probes a second and host, one core, $SECONDS s each");
row('hosts', 'probes/s', 'of expected', 'CPU per probe', 'of a core', 'memory');
measure('1', 1, 1, '');
measure('100 in 5 clusters', 100, 1, '');
measure('1,200 in 50 clusters', 1200, 1, '');
measure('600, two metrics', 600, 2,
    '"Metrics": { "more": { "Query": "select v + 1 from mysql.bench_value",'
    . ' "Threshold": 5 } }, ');
print "\nbars: <= 30 us per probe; memory <= 15 MB + 64 kB per host\n";
