package Sluice::Fleet;

# Several full nodes, each sluiced with nginx, that share a backend and a
# Redis, and a database to probe. Each node is a test directory of its own.

use warnings;
use strict;

use IO::Socket::INET;
use Time::HiRes qw(sleep time);

use Sluice;
use Sluice::Http qw(http_request);

# nodes => 3, workers => 4, redis => 1, schema => 1 (0: freno's tables only
# are the test's business), keys => extra top-level JSON of sluiced.
sub new {
    my ($class, %opt) = @_;
    my @nodes = map { Sluice->new } 1 .. $opt{nodes} // 3;
    my $first = $nodes[0];
    my $self = bless {
        nodes => \@nodes, workers => $opt{workers} // 4,
        keys => $opt{keys} // '',
    }, $class;

    $self->{db} = $first->mariadb;
    $self->{backend} = $first->mariadb(
        args => ['--innodb-flush-log-at-trx-commit=1', '--sync-binlog=1']);
    $self->make_schema if $opt{schema} // 1;
    $self->start_redis if $opt{redis} // 1;
    $self->start_node($_) for 0 .. $#nodes;
    return $self;
}

sub nodes { return @{ $_[0]{nodes} } }
sub node { return $_[0]{nodes}[$_[1]] }
sub backend { return $_[0]{backend} }
sub db { return $_[0]{db} }
sub redis { return $_[0]{redis} }
sub sluiced { return $_[0]{sluiced}[$_[1]] }

# The tables and grants that sluiced itself prints.
sub make_schema {
    my ($self) = @_;
    my ($rc, $sql) = $self->node(0)->sluiced_run('--print-schema');

    die "sluiced --print-schema: $rc\n" if $rc;
    $self->{backend}->sql('create database sluice',
        q{create user 'sluice'@'%' identified by 'backend'},
        q{grant select, insert, update, delete on sluice.* to 'sluice'@'%'},
        'use sluice');
    $sql =~ s/^\s*--.*$//mg;
    for my $statement (split /;\s*\n/, $sql) {
        next unless $statement =~ /^\s*create\s+table/i;
        $self->{backend}->sql('use sluice', $statement);
    }
}

sub start_redis {
    my ($self) = @_;
    my $t = $self->node(0);

    $self->{redis_port} //= $t->port('redis');
    $self->{redis} = $t->spawn('redis', 'redis-server', '--port',
        $self->{redis_port}, '--bind', '127.0.0.1', '--save', '',
        '--appendonly', 'no', '--dir', $t->dir, '--daemonize', 'no');
    $t->wait_for('redis', sub {
        IO::Socket::INET->new(PeerAddr => "127.0.0.1:$self->{redis_port}");
    });
    return $self->{redis};
}

sub conf {
    my ($self, $i) = @_;
    my $backend = $self->{backend}->port;
    my $db = $self->{db}->address;
    my $redis = $self->{redis_port}
        ? qq{"RedisAddress": "127.0.0.1:$self->{redis_port}",} : '';
    my $port = $self->node($i)->port(8080);

    return <<"EOF";
{
  "ListenPort": $port, "Domain": "test", $redis $self->{keys}
  "BackendMySQLHost": "127.0.0.1", "BackendMySQLPort": $backend,
  "BackendMySQLSchema": "sluice", "BackendMySQLUser": "sluice",
  "BackendMySQLPassword": "backend",
  "Stores": { "MySQL": {
    "User": "probe", "Password": "probe", "ThrottleThreshold": 1,
    "MetricQuery": "select 0.5",
    "Clusters": {
      "main1": { "StaticHostsSettings": { "Hosts": ["$db"] } },
      "other": { "StaticHostsSettings": { "Hosts": ["$db"] } }
    }
  } }
}
EOF
}

sub nginx_conf {
    my ($self, $i) = @_;
    my $redis = $self->{redis_port}
        ? "redis 127.0.0.1:$self->{redis_port};" : '';

    return <<"EOF";
%%MODULES%%
worker_processes $self->{workers};
error_log %%DIR%%/error.log info;
events { }
sluice { state %%DIR%%/run/state; $redis }
http {
    upstream sluiced { server unix:%%DIR%%/run/control.sock; keepalive 8; }
    add_header X-Worker \$pid always;
    server {
        listen 127.0.0.1:8080 reuseport;
        include %%CONF%%/nginx/freno.conf;
    }
}
EOF
}

sub start_node {
    my ($self, $i) = @_;
    my $t = $self->node($i);

    $self->start_sluiced($i);
    $t->nginx($self->nginx_conf($i));
    $t->wait_for("node $i to answer", sub {
        $t->get(8080, '/check/nobody/mysql/main1')->{status} == 200;
    }, 20);
}

sub start_sluiced {
    my ($self, $i) = @_;

    $self->{sluiced}[$i] = $self->node($i)->sluiced($self->conf($i));
    return $self->{sluiced}[$i];
}

# A request to node $i.
sub ask {
    my ($self, $i, $path, %opt) = @_;

    return $self->node($i)->get(8080, $path, %opt);
}

# The statuses that the workers of node $i give: pid => status, of all of them.
sub statuses {
    my ($self, $i, $path) = @_;
    my $t = $self->node($i);
    my %workers = map { $_ => undef } grep {
        Sluice::Nginx::title($_) !~ /shutting down/ } $t->nginx_workers;

    for (1 .. 400) {
        my $got = $self->ask($i, $path);
        my $pid = $got->{headers}{'x-worker'} // next;

        $workers{$pid} = $got->{status};
        last unless grep { !defined } values %workers;
    }
    return \%workers;
}

# Waits until every worker of every node (or of those named) says the status.
sub all_say {
    my ($self, $what, $path, $status, %opt) = @_;
    my @which = @{ $opt{nodes} // [0 .. $#{ $self->{nodes} }] };

    return $self->node(0)->wait_for("$what: $status of every worker", sub {
        for my $i (@which) {
            return 0 if grep { ($_ // 0) != $status }
                values %{ $self->statuses($i, $path) };
        }
        return 1;
    }, $opt{seconds} // 10);
}

# The index of the node that leads, once exactly one does.
sub leader {
    my ($self) = @_;
    my @leads = grep {
        (eval { $self->ask($_, '/leader-check')->{status} } // 0) == 200;
    } 0 .. $#{ $self->{nodes} };

    return @leads == 1 ? $leads[0] : undef;
}

sub done {
    my ($self) = @_;

    $_->finish for reverse $self->nodes;
    Test::More::done_testing();
}

1;
