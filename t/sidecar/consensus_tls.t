#!/usr/bin/perl

# A backend behind TLS: leadership and changes through it, a certificate that
# is not the server's, an account that only TLS lets in, a server that freezes.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(sleep);

use Sluice;
use Sluice::Consensus;

###############################################################################

my $t = Sluice->new;
my $dir = $t->dir;

sub openssl {
    my ($rc, $out, $err) = $t->run_command('openssl', @_);

    die "openssl @_: $err" if $rc;
    return;
}

for my $name (qw(server other)) {
    openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', 2,
        '-subj', "/CN=$name", '-addext', 'subjectAltName=IP:127.0.0.1',
        '-keyout', "$dir/$name.key", '-out', "$dir/$name.pem");
    chmod 0644, "$dir/$name.key";
}

my $db = $t->mariadb(args => ["--ssl-cert=$dir/server.pem", "--ssl-key=$dir/server.key"]);
Sluice::Consensus::prepare($db, Sluice::Consensus::schema($t));
$db->sql(q{alter user 'daemon'@'%' require ssl});

sub node {
    my ($name, %conf) = @_;

    return Sluice::Consensus->start($t, $db, name => $name, conf => \%conf);
}

###############################################################################

my %tls = (BackendUseTLS => 'true', BackendTLSCAFile => qq("$dir/server.pem"));
my ($a, $b) = map { node($_, %tls) } qw(a b);
is($a->change('throttle app 0.5 never')->{outcome}, 'done', 'a change over TLS');
ok($b->throttles->{app}, 'read over TLS');
ok($t->wait_for('a leader', sub { grep { $_->acts } $a, $b }), 'a lease over TLS');

# Its idle connections are cut: nobody notices.
$db->dbh->do("kill $_->{id}") for @{ $db->sql(q{select id from
    information_schema.processlist where user = 'daemon'}) };
is($a->change('throttle cut 1 never')->{outcome}, 'done', 'cut: done all the same');

my $plain = node('plain');
$plain->wait_for('refusal', sub { $plain->log =~ /event=backend_away .*Error 1045/ });
is($plain->change('throttle no 1 never')->{outcome}, 'refused', 'without TLS: refused');
my $wrong = node('wrong', %tls, BackendTLSCAFile => qq("$dir/other.pem"));
$wrong->wait_for('refusal', sub { $wrong->log =~ /event=backend_away / });
like($wrong->log, qr/event=backend_away .*(?:certificate|SSL)/i, 'another certificate: told');
is($wrong->change('throttle no 1 never')->{outcome}, 'refused', 'another certificate: refused');
my $trust = node('trust', BackendUseTLS => 'true', BackendTLSVerify => 'false');
is($trust->change('throttle trusted 1 never')->{outcome}, 'done', 'whatever certificate');
$_->term for $plain, $wrong, $trust;

$db->stop;
my $frozen = $a->change('throttle frozen 1 never');
is($frozen->{outcome}, 'refused', 'frozen: refused');
$_->wait_for('lapse', sub { !$a->acts && !$b->acts }) for $a, $b;
$db->cont;
$t->wait_for('a leader', sub { grep { $_->acts } $a, $b });
is($a->wait_for('change', sub {
    my $c = $a->change('throttle back 1 never');
    $c->{outcome} eq 'done' && $c->{outcome};
}), 'done', 'back: done');
is_deeply([Sluice::Consensus::overlaps($a, $b)], [], 'two never acted at once');

$t->done;

###############################################################################
