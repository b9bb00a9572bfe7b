package Sluice::Inventory;

# What tests of inventories share: a sluiced with clusters, an nginx before
# it, and what both know of the hosts.

use warnings;
use strict;

use Exporter 'import';
use IO::Socket::INET;
use IO::Select;
use JSON::PP;
use POSIX ();
use Test::More ();

our @EXPORT = qw(start_sluiced start_nginx cluster_hosts hosts_are status
    status_is provider stand_in);

my $RUN = 'run/state';

# clusters: name => { keys }; more: keys of Stores.MySQL.
sub start_sluiced {
    my ($t, $clusters, %more) = @_;
    my $conf = encode_json({
        StateFile => $t->dir . "/$RUN",
        Stores => { MySQL => {
            User => 'probe', Password => 'probe', ThrottleThreshold => 1,
            InventoryRefreshMillis => 100, MetricQuery => 'select 0.25',
            %more, Clusters => $clusters,
        } },
    });

    return $t->sluiced($conf);
}

sub start_nginx {
    my ($t) = @_;

    return $t->nginx(<<'EOF');
%%MODULES%%
worker_processes 1;
error_log %%DIR%%/error.log info;
pid %%DIR%%/nginx.pid;
events { }
sluice { state %%DIR%%/run/state; }
http {
    access_log off;
    upstream sluiced { server unix:%%DIR%%/run/control.sock; keepalive 8; }
    server {
        listen 127.0.0.1:8080;
        include %%CONF%%/nginx/freno.conf;
    }
}
EOF
}

sub dump_json {
    my ($t) = @_;
    my $text = `@{[ $t->build ]}/statedump --json @{[ $t->dir ]}/$RUN 2>/dev/null`;

    return $text ? decode_json($text) : {};
}

# "a:1 b:2", in order; those left out have a '!'.
sub cluster_hosts {
    my ($t, $cluster) = @_;

    return join ' ', sort map {
        "$_->{name}:$_->{port}" . ($_->{status} eq 'excluded' ? '!' : '')
    } grep { $_->{cluster} eq $cluster } @{ dump_json($t)->{hosts} // [] };
}

sub hosts_are {
    my ($t, $cluster, $want, $what) = @_;
    my $got = '';

    $t->wait_for("$what: hosts of $cluster are $want", sub {
        ($got = cluster_hosts($t, $cluster)) eq $want;
    }) or Test::More::diag("they are $got");
    Test::More::is($got, $want, $what);
}

sub provider {
    my ($t, $cluster) = @_;
    my ($found) = grep { $_->{cluster} eq $cluster }
        @{ dump_json($t)->{inventories} // [] };

    return $found;
}

sub status { return $_[0]->get(8080, "/check/app/mysql/$_[1]")->{status} }

sub status_is {
    my ($t, $cluster, $want, $what) = @_;
    my $got;

    $t->wait_for("$what: $cluster answers $want", sub {
        ($got = status($t, $cluster)) == $want;
    });
    Test::More::is($got, $want, $what);
}

# A provider by HTTP that answers each request by what the code, given the
# request's path, returns: the raw answer, or undef for none at all. It writes
# the paths to FILE.
sub stand_in {
    my ($t, $name, $code) = @_;
    my $port = $t->port($name);
    my $file = $t->dir . "/$name.paths";
    my $listener = IO::Socket::INET->new(LocalAddr => "127.0.0.1:$port",
        Listen => 64, ReuseAddr => 1) or die "listen: $!";
    my $parent = $$;
    my $pid = fork // die "fork: $!";

    if ($pid) {
        close $listener;
        push @{ $t->{stand_ins} }, Sluice::Inventory::Child->new($pid);
        return ("127.0.0.1:$port", $file);
    }
    $SIG{PIPE} = 'IGNORE';
    $SIG{TERM} = 'DEFAULT';
    serve($listener, $file, $code, $parent);
    POSIX::_exit(0);
}

sub serve {
    my ($listener, $file, $code, $parent) = @_;
    my @silent;
    my $select = IO::Select->new($listener);

    while (getppid() == $parent) {
        $select->can_read(0.5) or next;
        my $client = $listener->accept or next;
        my $request = '';

        while ($request !~ /\r\n\r\n/) {
            last unless $client->sysread($request, 4096, length $request);
        }
        my ($path) = $request =~ m{^GET (\S+) };
        open my $fh, '>>', $file or die "$file: $!";
        print $fh "$path\n";
        close $fh;
        my $answer = $code->($path, $request);
        if (defined $answer) {
            $client->syswrite($answer);
            close $client;
        }
        else {
            push @silent, $client;
        }
    }
}

package Sluice::Inventory::Child;

# Ends with the test.
sub new { return bless { pid => $_[1], owner => $$ }, $_[0] }

sub DESTROY {
    my ($self) = @_;

    return if $$ != $self->{owner};
    local ($?, $!);
    kill 'KILL', $self->{pid};
    waitpid $self->{pid}, 0;
}

1;
