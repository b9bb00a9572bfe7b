#!/usr/bin/perl

# Any order: nginx before sluiced, sluiced removed and replaced, its directory
# gone and back, the machine booted in reverse. No reload anywhere.

use warnings;
use strict;

use File::Path qw(remove_tree);
use Test::More;

use Sluice;

###############################################################################

my $t = Sluice->new;
my $db = $t->mariadb;
my $port = $db->port;

sub conf {
    my ($value) = @_;

    return <<"EOF";
{
  "Stores": { "MySQL": {
    "User": "probe", "Password": "probe", "ThrottleThreshold": 1,
    "MetricQuery": "select $value",
    "Clusters": { "main1": { "StaticHostsSettings": { "Hosts": ["127.0.0.1:$port"] } } }
  } }
}
EOF
}

my $nginx = <<'EOF';
%%MODULES%%
worker_processes 1;
error_log %%DIR%%/error.log info;
pid %%DIR%%/nginx.pid;
events { }
sluice { state %%DIR%%/run/state; }
http {
    access_log off;
    server {
        listen 127.0.0.1:8080;
        include %%CONF%%/nginx/freno.conf;
    }
}
EOF

sub check { return $t->get(8080, '/check/app/mysql/main1') }

sub becomes {
    my ($what, $status, $value) = @_;

    $t->wait_for("$what: $status", sub {
        my $got = check();
        $got->{status} == $status
            && (!defined $value || $got->{body} =~ /"Value":\Q$value\E,/);
    });
    pass("$what: $status");
}

# nginx first: neither the file nor its directory is there.
ok(!-e $t->dir . '/run', 'no directory yet');
$t->nginx($nginx);
is(check()->{status}, 500, 'nginx alone: 500');
is(check()->{headers}{'sluice-reason'}, 'no-state', 'nginx alone: no-state');
is($t->get(8080, '/leader-check')->{status}, 404, 'nginx alone: no leader');
is($t->get(8080, '/lb-check')->{status}, 200, 'nginx alone: lb-check');

my $sluiced = $t->sluiced(conf('0.25'));
becomes('sluiced came', 200, '0.25');

# Stopped and replaced by one that knows another number: the old verdict may
# stand until the new one has its own, nothing else in between.
$sluiced->term;
$sluiced = $t->sluiced(conf('0.5'));
my %seen;
$t->wait_for('the new number', sub {
    my $got = check();

    $seen{$got->{status}}++;
    $got->{body} =~ /"Value":0.5,/;
});
is_deeply([keys %seen], [200], 'a restart refuses nobody');

# The file removed under a living sluiced: put back.
unlink $t->dir . '/run/state' or die $!;
$t->wait_for('the file to come back', sub { -e $t->dir . '/run/state' });
becomes('file put back', 200, '0.5');

# The whole directory.
remove_tree($t->dir . '/run');
$t->wait_for('the directory to come back', sub { -e $t->dir . '/run/state' });
becomes('directory put back', 200, '0.5');
ok($sluiced->alive, 'sluiced lived through it');

# sluiced gone with its directory, as after a package was removed.
$sluiced->kill;
remove_tree($t->dir . '/run');
becomes('all gone', 500);
is(check()->{headers}{'sluice-reason'}, 'no-state', 'all gone: no-state');
$sluiced = $t->sluiced(conf('0.75'));
becomes('installed again', 200, '0.75');

# The reverse order, with the database last.
$t->nginx_stop;
$sluiced->kill;
remove_tree($t->dir . '/run');
$db->kill;
$sluiced = $t->sluiced(conf('0.1'));
$t->nginx($nginx);
becomes('no database yet', 500);
$db->start;
becomes('database last', 200, '0.1');

$t->done;
