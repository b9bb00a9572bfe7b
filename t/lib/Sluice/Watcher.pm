package Sluice::Watcher;

# A client that waits for something to happen to a host: a process with an idle
# session, which says when that ended, and one that asks until another host
# answers, and says when.

use warnings;
use strict;

use DBI;
use Exporter 'import';
use IO::Handle;
use IO::Select;
use POSIX ();
use Time::HiRes qw(sleep time);

our @EXPORT = qw(watchers ready_all begin_all said_ms);

my $PATIENCE = 40;

# Two of them at that address ("HOST:PORT"), where sessions still lead to $old.
sub watchers {
    my ($address, $old) = @_;

    return { idle => spawn(\&idle, $address, $old),
        query => spawn(\&query, $address, $old) };
}

# A process of the code, with a pipe each way.
sub spawn {
    my ($code, @args) = @_;

    pipe my $hear, my $say or die "pipe: $!\n";
    pipe my $order, my $tell or die "pipe: $!\n";
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        close $_ for $hear, $tell;
        $say->autoflush(1);
        eval { $code->($say, $order, @args); 1 } or print $say "failed: $@\n";
        POSIX::_exit(0);
    }
    close $_ for $say, $order;
    $tell->autoflush(1);
    return { pid => $pid, hear => $hear, tell => $tell };
}

sub connected {
    my ($address) = @_;
    my ($host, $port) = split /:/, $address;

    return DBI->connect("dbi:MariaDB:host=$host;port=$port"
        . ';mariadb_connect_timeout=30', 'app', 'app',
        { RaiseError => 0, PrintError => 0, AutoInactiveDestroy => 1 });
}

sub host_of {
    my ($dbh) = @_;
    my ($port) = $dbh ? $dbh->selectrow_array('select @@port') : ();

    return $port ? "127.0.0.1:$port" : '';
}

sub idle {
    my ($say, $order, $address, $old) = @_;
    my $dbh = connected($address);

    die 'a session leads to "' . host_of($dbh) . "\", not to $old\n"
        if host_of($dbh) ne $old;
    open my $socket, '<&=', $dbh->{mariadb_sockfd} or die "its socket: $!\n";
    print $say "ready\n";
    IO::Select->new($socket)->can_read($PATIENCE) or die "not cut\n";
    printf $say "%.6f\n", time;
}

sub query {
    my ($say, $order, $address, $old) = @_;

    # What a first time costs is paid.
    die "no session\n" if !host_of(connected($address));
    print $say "ready\n";
    <$order> // return;
    my $end = time + $PATIENCE;
    while (time < $end) {
        my $host = host_of(connected($address));

        if ($host && $host ne $old) {
            printf $say "%.6f\n", time;
            return;
        }
        sleep 0.002;
    }
    die "no answer\n";
}

# What it says next; it is over when that is not what is wanted.
sub heard {
    my ($watcher, $want) = @_;
    my $line = readline $watcher->{hear};

    return $1 if ($line // '') =~ /^($want)$/;
    die 'a watcher: ' . ($line // "it is gone\n");
}

sub both { return map { @$_{qw(idle query)} } @_ }

sub ready_all {
    heard($_, 'ready') for both(@_);
}

sub begin_all {
    # One that is gone is noticed when it should say something.
    local $SIG{PIPE} = 'IGNORE';

    print { $_->{query}{tell} } "go\n" for @_;
}

# Milliseconds from then until the next answer, and until the session's end.
sub said_ms {
    my ($pair, $since) = @_;
    my @ms = map { 1000 * (heard($_, '[\d.]+') - $since) } @$pair{qw(query idle)};

    waitpid $_->{pid}, 0 for both($pair);
    return @ms;
}

1;
