package Sluice::Fleet;

# Several full nodes, each sluiced with nginx, that share a Redis, a database to
# probe and what they agree on: by a backend (mysql), or among themselves
# (raft). Each node is a test directory of its own.

use warnings;
use strict;

use IO::Socket::INET;
use JSON::PP;
use Time::HiRes qw(sleep time);

use Sluice;
use Sluice::Http qw(http_request);
use Sluice::Kind;
use Sluice::Voters;

# nodes => 3, workers => 4, redis => 1, schema => 1 (0: freno's tables only
# are the test's business), keys => extra top-level JSON of sluiced, clusters
# => JSON of further ones, stream => what nginx has there, kind =>
# SLUICE_CONSENSUS. There are no two voters: with raft two nodes are three.
sub new {
    my ($class, %opt) = @_;
    my $first = Sluice->new;
    my $kind = Sluice::Kind::needed($first->build, $opt{kind});
    my $count = $opt{nodes} // 3;
    my @nodes = ($first, map { Sluice->new }
        2 .. ($kind eq 'raft' ? $count | 1 : $count));
    my $self = bless {
        nodes => \@nodes, workers => $opt{workers} // 4,
        keys => $opt{keys} // '', kind => $kind,
        clusters => $opt{clusters} ? ",\n$opt{clusters}" : '',
        stream => $opt{stream} ? "stream {\n$opt{stream}\n}\n" : '',
    }, $class;

    $self->{db} = $first->mariadb;
    if ($kind eq 'mysql') {
        $self->{backend} = $first->mariadb(
            args => ['--innodb-flush-log-at-trx-commit=1', '--sync-binlog=1']);
        $self->make_schema if $opt{schema} // 1;
    } else {
        $self->{voters} = Sluice::Voters->new($first, 0 .. $#nodes);
    }
    $self->start_redis if $opt{redis} // 1;
    $self->start_all;
    return $self;
}

sub kind { return $_[0]{kind} }
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
    my $store = $self->store_conf($i);
    my $db = $self->{db}->address;
    my $redis = $self->{redis_port}
        ? qq{"RedisAddress": "127.0.0.1:$self->{redis_port}",} : '';
    my $port = $self->node($i)->port(8080);

    return <<"EOF";
{
  "ListenPort": $port, "Domain": "test", $redis $self->{keys}
  $store
  "Stores": { "MySQL": {
    "User": "probe", "Password": "probe", "ThrottleThreshold": 1,
    "MetricQuery": "select 0.5",
    "Clusters": {
      "main1": { "StaticHostsSettings": { "Hosts": ["$db"] } },
      "other": { "StaticHostsSettings": { "Hosts": ["$db"] } }$self->{clusters}
    }
  } }
}
EOF
}

sub store_conf {
    my ($self, $i) = @_;

    return $self->{voters}->text($i) if $self->{voters};
    my $backend = $self->{backend}->port;
    return <<"EOF";
"BackendMySQLHost": "127.0.0.1", "BackendMySQLPort": $backend,
  "BackendMySQLSchema": "sluice", "BackendMySQLUser": "sluice",
  "BackendMySQLPassword": "backend",
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
        include %%CONF%%/nginx/route.conf;
    }
}
$self->{stream}
EOF
}

# A voter has nothing to say before others are there.
sub start_all {
    my ($self) = @_;
    my @all = 0 .. $#{ $self->{nodes} };

    if ($self->{kind} eq 'mysql') {
        $self->start_node($_) for @all;
    } else {
        $self->start_sluiced($_) for @all;
        $self->start_nginx($_) for @all;
        $self->settle($_) for @all;
    }
    return;
}

sub start_node {
    my ($self, $i) = @_;

    $self->start_sluiced($i);
    return $self->start_nginx($i);
}

sub start_nginx {
    my ($self, $i) = @_;
    my $t = $self->node($i);

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

###############################################################################
# What the nodes agree on

# Nothing that keeps facts is left for node $keep, by kill -9: the backend is
# gone, or the other nodes, so that there is no majority. Which nodes still
# have a sluiced.
sub lose_backend {
    my ($self, $keep) = @_;
    my @all = 0 .. $#{ $self->{nodes} };

    if ($self->{kind} eq 'mysql') {
        $self->{backend}->kill;
        return @all;
    }
    $self->{lost} = [grep { $_ != $keep } @all];
    $self->sluiced($_)->kill for @{ $self->{lost} };
    return $keep;
}

sub restore_backend {
    my ($self) = @_;

    if ($self->{kind} eq 'mysql') {
        $self->{backend}->start;
    } else {
        $self->start_sluiced($_) for @{ delete $self->{lost} };
    }
    return;
}

# The same, but frozen.
sub freeze_backend {
    my ($self, $keep) = @_;
    my @all = 0 .. $#{ $self->{nodes} };
    my $mysql = $self->{kind} eq 'mysql';

    $self->{frozen} = [$mysql ? $self->{backend}
        : map { $self->sluiced($_) } grep { $_ != $keep } @all];
    $_->stop for @{ $self->{frozen} };
    return $mysql ? @all : $keep;
}

sub thaw_backend {
    my ($self) = @_;

    $_->cont for @{ delete $self->{frozen} };
    return;
}

# Everything that keeps facts or changes them, by kill -9.
sub kill_all {
    my ($self) = @_;

    $self->sluiced($_)->kill for 0 .. $#{ $self->{nodes} };
    $self->{backend}->kill if $self->{kind} eq 'mysql';
    return;
}

# What must run to look at what is stored: with raft that is sluiced.
sub start_to_look {
    my ($self) = @_;

    if ($self->{kind} eq 'mysql') {
        $self->{backend}->start;
    } else {
        $self->start_sluiced($_) for 0 .. $#{ $self->{nodes} };
    }
    return;
}

# The keys of the throttles that count, from where they are kept.
sub stored_throttles {
    my ($self) = @_;

    return map { $_->{app_name} } @{ $self->{backend}->sql(
        'select app_name from sluice.throttled_apps
         where expires_at is null or expires_at > now()') }
        if $self->{kind} eq 'mysql';
    my $list = $self->node(0)->wait_for("a leader's list", sub {
        my $leader = $self->leader // die "nobody leads\n";
        my $got = $self->ask($leader, '/throttled-apps');

        $got->{status} == 200 && decode_json($got->{body});
    }, 20);
    return keys %$list;
}

# Waits until node $i takes changes: with raft another leader may have to be
# found first.
sub settle {
    my ($self, $i) = @_;

    return if $self->{kind} eq 'mysql';
    $self->node($i)->wait_for("node $i to take changes", sub {
        $self->ask($i, '/unthrottle-app/nobody')->{status} == 200;
    }, 20);
    return;
}

###############################################################################

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

# Ends everything, as it is: for those who measure.
sub stop {
    my ($self) = @_;

    for my $t ($self->nodes) {
        $_->kill for @{ $t->{daemons} };
    }
    return;
}

sub done {
    my ($self) = @_;

    $_->finish for reverse $self->nodes;
    Test::More::done_testing();
}

1;
