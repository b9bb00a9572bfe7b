#!/usr/bin/perl

# Who comes to Redis how: user, password file, unix socket; what is refused is
# one clear line, and the password is in none.

use warnings;
use strict;

use Test::More;

use Sluice;
use Sluice::Redis;

###############################################################################

my $t = Sluice->new;
my $redis = Sluice::Redis->start($t, conf => <<'EOF');
user default on >s3cret ~* &* +@all
user sluice on >s3cret resetchannels &sluice:* -@all +auth +publish +subscribe
user mute on >s3cret resetchannels &sluice:* -@all +auth +subscribe
user deaf on >s3cret resetchannels &sluice:* -@all +auth +publish
user stranger on >s3cret resetchannels &other:* -@all +auth +publish +subscribe
EOF
my $right = $t->write_file('right', "s3cret\n");
my $wrong = $t->write_file('wrong', "n0t s3cret\n");
my $serial = 0;

sub fanout {
    my (%keys) = @_;
    my $fanout = Sluice::Fanout->start($t, 'fanout' . ++$serial,
        RedisAddress => $redis->address, %keys);

    $fanout->say('store s1 1');
    return $fanout;
}

# Those who get in.
for my $case (
    ['a password', RedisPasswordFile => $right],
    ['a user with just the rights it needs', RedisUser => 'sluice',
        RedisPasswordFile => $right],
    ['the same by a unix socket', RedisAddress => 'unix:' . $redis->socket,
        RedisUser => 'sluice', RedisPasswordFile => $right],
    ['the same by name', RedisAddress => "localhost:$redis->{port}",
        RedisUser => 'sluice', RedisPasswordFile => $right],
    )
{
    my ($what, %keys) = @$case;
    my $fanout = fanout(%keys);

    $fanout->wait_logged('redis_connected');
    $fanout->wait_for('a beat', sub { $fanout->orders('beat') });
    is($fanout->logged('redis_unavailable'), 0, "$what: gets in");
    is($fanout->term, 0, "$what: ends in order");
}

# And those who do not.
for my $case (
    ['no password', qr/NOAUTH .*advice="set RedisPasswordFile"/],
    ['a wrong password', qr/WRONGPASS .*RedisUser and RedisPasswordFile/,
        RedisPasswordFile => $wrong],
    ['a wrong user', qr/WRONGPASS/, RedisUser => 'nobody',
        RedisPasswordFile => $right],
    ['no right to publish', qr/role=publisher .*NOPERM .*needs \+auth/,
        RedisUser => 'mute', RedisPasswordFile => $right],
    ['no right to subscribe', qr/role=subscriber .*NOPERM .*needs \+auth/,
        RedisUser => 'deaf', RedisPasswordFile => $right],
    ['no right to the channel', qr/NOPERM .*&sluice:\*/,
        RedisUser => 'stranger', RedisPasswordFile => $right],
    ['a socket that is not there', qr/No such file or directory/,
        RedisAddress => 'unix:/no/such/socket'],
    )
{
    my ($what, $words, %keys) = @$case;
    my $fanout = fanout(%keys);
    my $before = connections();

    $fanout->wait_logged('redis_unavailable', $words);
    $t->wait_for('more attempts', sub { connections() > $before + 3 })
        unless $keys{RedisAddress};
    is($fanout->logged('redis_unavailable', $words), 1, "$what: is said once");
    is($fanout->logged('redis_connected'), 0, "$what: not connected");
    is($fanout->term, 0, "$what: ends in order");
}

# A password that changes is read anew.
my $file = $t->write_file('changing', "not yet\n");
my $fanout = fanout(RedisPasswordFile => $file);
$fanout->wait_logged('redis_unavailable', 'WRONGPASS');
unlink $file;
$fanout->wait_logged('redis_unavailable', 'cannot read .*changing');
$t->write_file('changing', "s3cret\n");
$fanout->wait_logged('redis_connected');
pass('a password that changes is read anew');

for my $n (1 .. $serial) {
    unlike($t->read_file("fanout$n.log"), qr/s3cret/, "log $n: no password");
}

$t->done;

###############################################################################

# All that Redis ever accepted.
sub connections {
    my ($n) = $redis->ask('-a', 's3cret', 'info', 'stats')
        =~ /^total_connections_received:(\d+)/m;

    return $n;
}
