package Sluice::Route;

# What tests of routes share: the state file's word about one, and clients.

use warnings;
use strict;

use DBI;
use Exporter 'import';
use JSON::PP;
use Test::More ();

our @EXPORT = qw(route active_is route_client client_at post_form);

# The route of that cluster (or the only one), as statedump has it; host is the
# active one's address.
sub route {
    my ($t, $cluster) = @_;
    my $text = `@{[ $t->build ]}/statedump --json @{[ $t->dir ]}/run/state 2>&1`;
    my $dump = eval { decode_json($text) } // { routes => [] };
    my ($route) = grep { !defined $cluster || $_->{cluster} eq $cluster }
        @{ $dump->{routes} };

    $route //= { hosts => [] };
    $route->{host} = defined $route->{active}
        ? "127.0.0.1:$route->{hosts}[$route->{active}]{port}" : '';
    return $route;
}

# Waits for it; the route then.
sub active_is {
    my ($t, $want, $what) = @_;
    my $route = {};

    $t->wait_for("$what: $want", sub { ($route = route($t))->{host} eq $want });
    Test::More::is($route->{host}, $want, $what)
        or Test::More::diag(Test::More::explain($route));
    return $route;
}

# A connection as "app" to nginx's port, or nothing (DBI->errstr).
sub route_client {
    my ($t, $port) = @_;

    return DBI->connect('dbi:MariaDB:host=127.0.0.1;port=' . $t->port($port)
        . ';mariadb_connect_timeout=20', 'app', 'app',
        { RaiseError => 0, PrintError => 0 });
}

# Where it leads; '' when it is over, or never was.
sub client_at {
    my ($dbh) = @_;
    my ($port) = $dbh ? $dbh->selectrow_array('select @@port') : ();

    return $port ? "127.0.0.1:$port" : '';
}

sub post_form {
    my ($t, $path, $form, %opt) = @_;

    return $t->get(8080, $path, method => 'POST', body => $form,
        headers => { 'Content-Type' => 'application/x-www-form-urlencoded' },
        %opt);
}

1;
