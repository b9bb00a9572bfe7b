#!/usr/bin/perl

# The test library's own promises: what every test asserts does fail, and
# nothing outlives a test, however it ends.

use warnings;
use strict;

use POSIX qw(WNOHANG);
use Test::More;

use Sluice;

###############################################################################

my $t = Sluice->new;

my $begin = <<'EOP';
use warnings;
use strict;
use Test::More;
use Time::HiRes qw(sleep);
use Sluice;
$| = 1;
my $t = Sluice->new;
pass('something');
sub nginx {
    $t->nginx(<<'EOC');
%%MODULES%%
worker_processes 2;
error_log %%DIR%%/error.log info;
events { }
http { access_log off; server { listen 127.0.0.1:8080; return 204; } }
EOC
    print "# dir ", $t->dir, "\n";
}
EOP

sub perl_of {
    my ($code) = @_;
    my $file = $t->dir . '/inner.pl';

    open my $fh, '>', $file or die;
    print $fh $begin, $code;
    close $fh;
    return ($^X, '-I' . $t->root . '/t/lib', $file);
}

# Runs a test of its own: its exit status and what it said.
sub inner {
    my ($code) = @_;
    my ($status, $out, $err) = $t->run_command(perl_of($code));

    return ($status, $out . $err);
}

sub fails {
    my ($what, $says, $code) = @_;
    my ($status, $out) = inner($code);

    isnt($status, 0, "$what: the test fails");
    like($out, $says, "$what: and says why");
}

my ($status, $out) = inner('nginx(); $t->done;');
is($status, 0, 'all is well: the test passes') or diag($out);

my ($dir) = $out =~ /^# dir (\S+)/m;
ok(!-e $dir, 'its directory is gone');

($status, $out) = inner(<<'EOP');
nginx();
my ($worker) = $t->nginx_workers;
$t->kill_worker($worker);
$t->wait_for('another', sub { !grep { $_ == $worker } $t->nginx_workers });
$t->wait_for('the log', sub { $t->read_file('error.log') =~ /on signal 9/ });
$t->done;
EOP
is($status, 0, 'a worker killed on purpose: the test passes') or diag($out);

fails('a worker died', qr/exited on signal 9/, <<'EOP');
nginx();
kill 'KILL', ($t->nginx_workers)[0];
$t->wait_for('the log', sub { $t->read_file('error.log') =~ /on signal/ });
$t->done;
EOP

fails('an alert', qr/\[alert\] 1#1: open socket/, <<'EOP');
$t->write_file('error.log', "x [alert] 1#1: open socket #3 left\n");
$t->done;
EOP

fails('a sanitizer report', qr/ERROR: LeakSanitizer/, <<'EOP');
$t->write_file('sanitizer.nginx.1', "ERROR: LeakSanitizer\n");
$t->done;
EOP

fails('a daemon that ended', qr/brief ended by itself/, <<'EOP');
my $daemon = $t->spawn('brief', 'true');
$daemon->wait_dead;
$t->done;
EOP

fails('a child of it', qr/parent left process \d+ behind/, <<'EOP');
my $daemon = $t->spawn('parent', 'sh', '-c', 'sleep 1000 & exit 0');
$daemon->wait_dead;
$t->done;
EOP

fails('nginx that cannot start', qr/nginx on|unknown directive/, <<'EOP');
$t->nginx("nonsense; events { }\nhttp { server { listen 127.0.0.1:8080; } }\n");
EOP

fails('a condition that never comes', qr/waiting for godot/, <<'EOP');
$t->wait_for('godot', sub { 0 }, 0.1);
$t->done;
EOP

fails('an error', qr/went wrong/, 'nginx(); die "went wrong\n";');

# However it ends, what it started does.
for my $signal (qw(INT TERM KILL)) {
    my $daemon = $t->spawn("inner-$signal",
        perl_of('nginx(); sleep 100; $t->done;'));

    $t->wait_for('nginx in it', sub { $daemon->log =~ /^# dir \S+\n/m });
    my ($dir) = $daemon->log =~ /^# dir (\S+)/m;
    open my $fh, '<', "$dir/nginx.pid" or die "$dir/nginx.pid: $!";
    chomp(my $nginx = <$fh>);
    ok(kill(0, $nginx), "SIG$signal: nginx runs in it");

    $daemon->signal($signal);
    $daemon->wait_dead;
    $daemon->kill;
    ok($t->wait_for('nginx to go', sub { !kill 0, $nginx }),
        "SIG$signal: nginx is gone");
    ok(!-e $dir, "SIG$signal: so is the directory") if $signal ne 'KILL';
    system 'rm', '-rf', $dir;
}

$t->done;
