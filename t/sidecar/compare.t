#!/usr/bin/perl

# sluicectl compare: a freno and a Sluice that say the same, differ for a
# moment, differ for long, or are away; wrong usage.

use warnings;
use strict;

use Test::More;

use Sluice;
use Sluice::Inventory;

###############################################################################

my $t = Sluice->new;
my $ctl = $t->build . '/sluicectl';

# Each answers what its file says, for the cluster "odd"; 200 otherwise.
sub peer {
    my ($name, $more) = @_;
    my $file = $t->dir . "/$name.status";

    $t->write_file("$name.status", 200);
    return (stand_in($t, $name, sub {
        my ($path) = @_;
        my $status = 200;

        if ($path eq '/aggregated-metrics') {
            my $body = "{\"mysql/main1\":\"0.1\",\"mysql/odd\":\"1\"$more}";

            return "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: "
                . length($body) . "\r\n\r\n$body";
        }
        if ($path =~ m{/odd$}) {
            open my $fh, '<', $file or return '';
            $status = <$fh>;
        }
        return "HTTP/1.1 $status X\r\nContent-Length: 0\r\n"
            . "Connection: close\r\n\r\n";
    }));
}

my ($freno, $asked) = peer('freno', '');
my ($sluice) = peer('sluice', ',"mysql/main1/threads":"5"');

sub say_status {
    my ($name, $status) = @_;

    $t->write_file("$name.new", $status);
    rename $t->dir . "/$name.new", $t->dir . "/$name.status";
}

sub compare {
    return $t->run_command($ctl, 'compare', @_);
}

my @both = ('--with', "http://$freno", '--url', "http://$sluice/");
my ($rc, $out, $err) = compare(@both, '--for', '0.02', '--every', 100);
is($rc, 0, 'they agree');
is($err, '', 'nothing on stderr');
like($out, qr/^main1 +(\d+) +\1 +0 +0 +0 +0$/m, 'counted');
like($out, qr/^odd +\d+ /m, 'both clusters');
unlike($out, qr/threads/, 'no further metric');
open my $fh, '<', $asked or die;
like(do { local $/; <$fh> }, qr{^/check/sluice-compare/mysql/odd$}m,
    'asked as an app of its own');

say_status('sluice', 429);
($rc, $out) = compare(@both, qw(--for 0.02 --every 50 --patience 300 odd));
is($rc, 1, 'they differ');
like($out, qr/^20\d\d-\d\d-\d\dT[\d:]+Z odd: freno 200, Sluice 429, for 0\.[345] s$/m,
    'which is told once');
is(scalar(() = $out =~ /freno 200/g), 1, 'only once');
unlike($out, qr/^main1/m, 'only the cluster that was named');
($rc, $out) = compare(@both, qw(--for 0.02 --every 100 --patience 60000 odd));
is($rc, 0, 'not for long enough');

# Until Ctrl-C: a difference and its end.
my $running = $t->spawn('compare', $ctl, 'compare', @both, '--every', 50,
    '--patience', 200, '--app', 'other', 'odd');
$t->wait_for('the difference', sub { $running->log =~ /Sluice 429/ });
say_status('sluice', 200);
$t->wait_for('its end', sub { $running->log =~ /odd: both 200 again, after/ });
$running->signal('INT');
$t->wait_for('the summary', sub { $running->log =~ /^odd +\d+ +\d+ +0 +1 /m });
ok($running->log =~ /^odd +\d+ +\d+ +0 +1 +0 +0$/m, 'a summary at the end');
is($running->wait_dead ? $running->{status} >> 8 : -1, 1, 'exit status 1');
$running->{expected} = 1;

my $nobody = '127.0.0.1:' . $t->port('nobody');
($rc, $out) = compare('--with', "http://$nobody", '--url', "http://$sluice",
    qw(--for 0.005 --every 100 odd));
is($rc, 0, 'freno is away: no difference');
like($out, qr/^odd +(\d+) +0 +0 +0 +\1 +0$/m, 'but counted');
($rc, $out, $err) = compare('--with', "http://$nobody", '--url',
    "http://$nobody", qw(--for 0.005 odd));
is($rc, 2, 'nobody answers');
($rc, $out, $err) = compare('--with', "http://$nobody", '--url',
    "http://u:secret\@$sluice");
is($rc, 2, 'no list of clusters');
like($err, qr/^sluicectl: \Q$nobody\E: /, 'and why');
($rc, $out, $err) = compare('--with', "http://u:secret\@$nobody", '--url',
    "http://$sluice");
is($rc, 2, 'as before');
like($err, qr/^sluicectl: \Q$nobody\E: /, 'a password is not told');

for (['--with', [], qr/--with: expected freno's URL/],
    ['--for x', [@both, '--for', 'x'], qr/--for: expected minutes/],
    ['--for -1', [@both, '--for', '-1'], qr/--for: expected minutes/],
    ['--every 1', [@both, '--every', '1'], qr/--every: expected milliseconds/],
    ['--patience x', [@both, '--patience', 'x'], qr/--patience: expected/],
    ['--what', [@both, '--what'], qr/--what: unknown option/],
    ['--for', [@both, '--for'], qr/--for: a value is missing/]) {
    my ($name, $args, $want) = @$_;

    ($rc, $out, $err) = compare(@$args);
    is($rc, 2, "$name: exit status 2");
    like($err, $want, "$name: said");
}

$t->done;
