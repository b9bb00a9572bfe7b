package Sluice::MariaDB;

# A real mariadbd with its own data directory, copied from a template that is
# made once.

use warnings;
use strict;

use DBI;
use Fcntl qw(:flock);
use Time::HiRes qw(sleep time);

use Sluice::Daemon;

our @ISA = ('Sluice::Daemon');

my @OPTIONS = (
    '--bind-address=127.0.0.1', '--log-bin=mysql-bin', '--log-slave-updates=ON',
    '--gtid-strict-mode=ON', '--binlog-format=ROW', '--relay-log=relay-bin',
    '--innodb-buffer-pool-size=16M', '--innodb-log-file-size=8M',
    '--innodb-log-buffer-size=2M', '--innodb-flush-log-at-trx-commit=0',
    '--key-buffer-size=1M', '--aria-pagecache-buffer-size=1M',
    '--performance-schema=OFF', '--max-connections=100',
    '--table-open-cache=64', '--skip-name-resolve',
    '--report-host=127.0.0.1',
);

my $server_id = 0;

sub run_quietly {
    my ($log, @command) = @_;
    my $pid = fork // die "fork: $!";

    if (!$pid) {
        open STDOUT, '>>', $log;
        open STDERR, '>&', \*STDOUT;
        exec { $command[0] } @command or POSIX::_exit(127);
    }
    waitpid $pid, 0;
    die "@command failed, see $log\n" if $?;
}

# The template's directory; whoever needs it first makes it. $cache is where
# built things live.
sub template {
    my ($cache) = @_;
    my $dir = "$cache/mariadb-template";

    open my $lock, '>>', "$dir.lock" or die "$dir.lock: $!";
    flock $lock, LOCK_EX;
    return $dir if -e "$dir/complete";
    run_quietly("$dir.log", 'rm', '-rf', $dir);
    mkdir "$dir.temp";
    local $ENV{TMPDIR} = "$dir.temp";
    run_quietly("$dir.log", 'mariadb-install-db', '--no-defaults',
        ($> == 0 ? ('--user=root') : ()), "--datadir=$dir",
        '--auth-root-authentication-method=normal', '--skip-test-db',
        '--skip-name-resolve', '--innodb-log-file-size=8M');
    open my $done, '>', "$dir/complete" or die "$dir: $!";
    return $dir;
}

# What makes it a node of a Galera cluster, the first one or (join => the port
# of one that is in it) a further one. Its ports: for the group, for changes it
# missed, for all data.
sub galera_options {
    my ($ports, $join) = @_;
    my ($port, $ist, $sst) = @$ports;
    my $library = '/usr/lib/galera/libgalera_smm.so';

    die "$library is missing: run util/deps test\n" unless -e $library;
    return ('--wsrep-on=ON', "--wsrep-provider=$library",
        '--wsrep-cluster-address=gcomm://' . ($join ? "127.0.0.1:$join" : ''),
        "--wsrep-sst-receive-address=127.0.0.1:$sst",
        "--wsrep-node-name=node$port", "--wsrep-node-address=127.0.0.1:$port",
        '--wsrep-provider-options=' . join(';', 'base_host=127.0.0.1',
            "base_port=$port", "gmcast.listen_addr=tcp://127.0.0.1:$port",
            "ist.recv_addr=127.0.0.1:$ist", 'gcache.size=8M'),
        '--innodb-autoinc-lock-mode=2');
}

# dir, port, cache, args => [], within => what goes before the command;
# galera => its three ports for other nodes; join => that of one it joins, data
# => that one's, so that it needs no more than what it missed.
sub new {
    my ($class, %opt) = @_;
    my $dir = $opt{dir};
    my $data = "$dir/data";

    mkdir $dir or die "$dir: $!";
    mkdir "$dir/temp" or die "$dir/temp: $!";
    run_quietly("$dir/log", 'cp', '-a', $opt{data} // template($opt{cache}),
        $data);
    # Where rsync's daemon, which is nobody, says that nothing is missing.
    chmod 0777, $data if $opt{join};
    $server_id++;
    my $self = bless {
        name => "mariadbd on $opt{port}", port => $opt{port}, dir => $dir,
        log => "$dir/log", dead => 1,
        galera => ($opt{galera} // [])->[0],
        start => [
            @{ $opt{within} // [] },
            (-x '/usr/sbin/mariadbd' ? '/usr/sbin/mariadbd' : 'mariadbd'),
            '--no-defaults', ($> == 0 ? ('--user=root') : ()),
            "--datadir=$data", "--port=$opt{port}", "--socket=$dir/sock",
            # A starting server removes what looks like its temporary tables,
            # in a common directory those of others.
            "--tmpdir=$dir/temp",
            "--pid-file=$dir/pid", "--server-id=$server_id",
            "--report-port=$opt{port}", @OPTIONS,
            $opt{galera} ? galera_options(@opt{qw(galera join)}) : (),
            @{ $opt{args} // [] },
        ],
    }, $class;

    return $self if $opt{later};
    $self->start;
    $self->wait_galera if $opt{galera};
    $self->sql(q{create user 'probe'@'%' identified by 'probe'});
    $self->sql(q{grant slave monitor on *.* to 'probe'@'%'});
    # The accounts are this server's own: a replica has them already.
    $self->sql('reset master') unless $opt{galera};
    return $self;
}

sub port { return $_[0]{port} }
sub socket { return "$_[0]{dir}/sock" }
sub address { return "127.0.0.1:$_[0]{port}" }

# Starts (again), on the same port and data.
sub start {
    my ($self) = @_;

    $self->launch;
    my $end = time + 30;
    until (eval { $self->dbh; 1 }) {
        die "mariadbd does not start, see $self->{log}: $@\n" . $self->log
            if time > $end || !$self->alive;
        sleep 0.01;
    }
    return $self;
}

# Until the node takes statements.
sub wait_galera {
    my ($self) = @_;
    my $end = time + 30;

    until (eval { $self->sql("show status like 'wsrep_ready'")->[0]{Value} eq 'ON' }) {
        die "no Galera node, see $self->{log}\n" . $self->log if time > $end;
        sleep 0.01;
    }
    return $self;
}

sub kill {
    my ($self) = @_;

    $self->SUPER::kill;
    delete $self->{dbh};
    return $self;
}

sub dbh {
    my ($self) = @_;

    # A handle of the parent must not be used, nor closed, by a child.
    if (!$self->{dbh} || $self->{dbh_pid} != $$ || !$self->{dbh}->ping) {
        $self->{dbh} = DBI->connect(
            "dbi:MariaDB:mariadb_socket=$self->{dir}/sock", 'root', '',
            { RaiseError => 1, PrintError => 0, AutoInactiveDestroy => 1 });
        $self->{dbh_pid} = $$;
    }
    return $self->{dbh};
}

# Runs statements; of the last one, when it has rows, the rows as hashes.
sub sql {
    my ($self, @statements) = @_;
    my $rows;

    for (@statements) {
        my $sth = $self->dbh->prepare($_);
        $sth->execute;
        $rows = $sth->{NUM_OF_FIELDS} ? $sth->fetchall_arrayref({}) : undef;
    }
    return $rows;
}

sub replicate_from {
    my ($self, $primary) = @_;
    my $port = $primary->port;

    $primary->sql(q{set sql_log_bin = 0},
        q{create user if not exists 'repl'@'%' identified by 'repl'},
        q{grant replication slave on *.* to 'repl'@'%'},
        q{set sql_log_bin = 1});
    $self->sql(q{set global gtid_slave_pos = ''},
        qq{change master to master_host = '127.0.0.1', master_port = $port,
           master_user = 'repl', master_password = 'repl',
           master_use_gtid = slave_pos, master_connect_retry = 1,
           master_heartbeat_period = 1},
        'start slave');
    my $end = time + 20;
    until ($self->replicates) {
        die 'replication does not start: '
            . join(' ', map { $_ // '' } %{ $self->sql('show slave status')->[0] })
            . "\n" if time > $end;
        sleep 0.01;
    }
    return $self;
}

sub replicates {
    my ($self) = @_;
    my ($row) = @{ $self->sql('show slave status') // [] };

    return $row && $row->{Slave_IO_Running} eq 'Yes'
        && $row->{Slave_SQL_Running} eq 'Yes'
        && defined $row->{Seconds_Behind_Master}
        && $row->{Seconds_Behind_Master} == 0;
}

1;
