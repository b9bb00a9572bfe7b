#!/usr/bin/perl

# statedump: where sessions go.

use warnings;
use strict;

use JSON::PP;
use Test::More;

use Sluice;
use Sluice::State;

###############################################################################

my $t = Sluice->new;
my $file = $t->dir . '/state';
my $state = Sluice::State->new($file, clusters => [{ name => 'main1' }],
    routes => [
        { cluster => 'main1', epoch => 7, active => 1, reason => 'db1 is dead',
            changed_real_ms => 1700000000123, hosts => [
                { name => 'db1', flags => ['down'], text => 'refused' },
                { name => '::1', port => 3307, address => '::1', lag => 0.5,
                    label => 'second', flags => [qw/healthy replica/],
                    epoch => 4 } ] },
        { cluster => 'main2', traffic => 0, message => "go\e away",
            writers_for => -5, manual => 1, hosts => [
                { name => 'db9', flags => [qw/inactive drained/] } ] },
        { cluster => 'main3', writers_for => 5000, hosts => [] },
    ])->replace;

sub statedump { return $t->run_command($t->build . '/statedump', @_) }

my ($rc, $out, $err) = statedump($file);
is($rc, 0, 'exit status 0') or diag($err);
like($out, qr/^routes +generation 1, /m, 'the part') or diag($out);
like($out, qr/^main1 +7 +\[::1\]:3307 +always +on +automatic +db1 is dead$/m,
    'a route');
like($out, qr/^main2 +1 +- +over +off +manual +go\? away$/m,
    'one that is switched off');
like($out, qr/^main3 +1 +- +[\d]+ ms +on +automatic$/m, 'one that will end');
like($out, qr/^db1:3306 +main1 +127.0.0.1 +1 +unhealthy, down +- +\S+ m?s +refused$/m,
    'a host');
like($out, qr/^\[::1\]:3307 +main1 +::1 +4 +healthy, replica +0\.5 /m,
    'a replica');
like($out, qr/^db9:3306 +main2 +127.0.0.1 +1 +unhealthy, inactive, drained /m,
    'another cluster\'s');

($rc, $out) = statedump('--json', $file);
is($rc, 0, 'json: exit status 0');
my $routes = decode_json($out)->{routes};
is_deeply([map { @$_{qw/cluster epoch active reason message/} } @$routes],
    ['main1', 7, 1, 'db1 is dead', '', 'main2', 1, undef, '', "go\e away",
        'main3', 1, undef, '', ''], 'json: routes');
is_deeply([map { [@$_{qw/traffic manual/}] } @$routes],
    [[JSON::PP::true, JSON::PP::false], [JSON::PP::false, JSON::PP::true],
        [JSON::PP::true, JSON::PP::false]], 'json: switches');
is($routes->[0]{writers_for_ms}, undef, 'json: for ever');
is($routes->[1]{writers_for_ms}, 0, 'json: over');
cmp_ok($routes->[2]{writers_for_ms}, '>', 0, 'json: for a while');
is($routes->[0]{changed_real_ms}, 1700000000123, 'json: since when');
my ($one, $two) = @{ $routes->[0]{hosts} };
is_deeply([@$one{qw/name port lag_s text/}], ['db1', 3306, undef, 'refused'],
    'json: a host');
is_deeply([@$two{qw/label epoch lag_s address/}], ['second', 4, 0.5, '::1'],
    'json: another');
is_deeply([grep { $two->{$_} } qw/healthy replica inactive down drained/],
    [qw/healthy replica/], 'json: its state');

Sluice::State->new($file, minor => 2, clusters => [{ name => 'main1' }])
    ->replace;
($rc, $out) = statedump('--json', $file);
is($rc, 0, 'minor 2: exit status 0');
is_deeply(decode_json($out)->{routes}, [], 'minor 2: no routes');

$t->done;
