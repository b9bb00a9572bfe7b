#!/usr/bin/perl

# What answers at RedisAddress is no Redis, or none that wants us: sluiced
# says so in one line, no worker is harmed, throttles are answered as fast and
# reach the workers by the store. Then a real one comes.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time);

use Sluice;
use Sluice::Fleet;

###############################################################################

my $fleet = FakeRedis->new(nodes => 1, workers => 2);
my $t = $fleet->node(0);
my $sluiced = $fleet->sluiced(0);

for my $case (
    [closes => qr/without an answer|reset by peer/],
    [http => qr/does not speak Redis' protocol/],
    [mysql => qr/does not speak Redis' protocol/],
    [loading => qr/says: LOADING/],
    [noauth => qr/says: NOAUTH .*set RedisPasswordFile/],
    [chatty => qr/answers otherwise than Redis does/],
    [endless => qr/more than 65536 bytes/],
    [hangs => qr/said nothing within 2000 ms/],
    )
{
    my ($mode, $words) = @$case;
    # It began with the first.
    my $before = $mode eq 'closes' ? 0 : lines();

    $t->write_file('mode', $mode);
    $t->wait_for("$mode: said", sub {
        grep { /$words/ } (lines_since($before));
    }, 20);

    # The app of its own: what was throttled before does not matter.
    my $since = time;
    my $got = $fleet->ask(0, "/throttle-app/$mode");
    my $took = time - $since;
    is($got->{status}, 200, "$mode: a throttle is stored");
    cmp_ok($took, '<', 1, "$mode: and answered soon");
    $fleet->all_say($mode, "/check/$mode/mysql/main1", 417, seconds => 3);
    $fleet->all_say($mode, '/check/nobody/mysql/main1', 200, seconds => 3);
    # What was under way when the mode changed may have ended otherwise.
    my @said = lines_since($before);
    cmp_ok(scalar @said, '<=', 5, "$mode: no flood of lines");
}

$fleet->{fake}->kill;
$fleet->Sluice::Fleet::start_redis;
$t->wait_for('a real Redis', sub { $sluiced->log =~ /event=redis_connected/ }, 20);
pass('a real Redis is found');
is($fleet->ask(0, '/throttle-app/last')->{status}, 200, 'a throttle');
$fleet->all_say('the last', '/check/last/mysql/main1', 417);

$fleet->done;

###############################################################################

sub lines { return grep { /event=redis_unavailable/ } split /\n/, $sluiced->log }

sub lines_since {
    my ($count) = @_;
    my @lines = lines();

    return @lines[$count .. $#lines];
}

###############################################################################
# Something at Redis' address: the file "mode" says what.

package FakeRedis;

our @ISA;

BEGIN { @ISA = ('Sluice::Fleet') }

sub start_redis {
    my ($self) = @_;
    my $t = $self->node(0);

    $self->{redis_port} = $t->port('redis');
    $t->write_file('mode', 'closes');
    my $script = $t->write_file('fake.pl', <<'END');
use warnings;
use strict;

use IO::Select;
use IO::Socket::INET;

my ($port, $file) = @ARGV;
my %greeting = (mysql => "J\0\0\0\n5.5.5-10.11.6-MariaDB\0",
    chatty => "+OK ready\r\n+OK\r\n:1\r\n*1\r\n:1\r\n" x 3);
my %answer = (http => "HTTP/1.1 400 Bad Request\r\n\r\n",
    loading => "-LOADING Redis is loading the dataset in memory\r\n",
    noauth => "-NOAUTH Authentication required.\r\n",
    endless => "\$900000000\r\n" . 'x' x 200_000);
my $listener = IO::Socket::INET->new(LocalAddr => "127.0.0.1:$port",
    Listen => 64, ReuseAddr => 1) or die "listen: $!";
my $select = IO::Select->new($listener);
my $mode = '';

$SIG{PIPE} = 'IGNORE';
while (1) {
    my @ready = $select->can_read(0.02);

    open my $fh, '<', $file or die;
    my $now = <$fh> // $mode;
    if ($now ne $mode) {
        $mode = $now;
        $_ == $listener or $select->remove($_), close $_ for $select->handles;
        next;
    }
    for my $socket (@ready) {
        if ($socket != $listener) {
            my $n = sysread $socket, my $got, 65536;

            $n and syswrite $socket, $answer{$mode} // '';
            $n and $mode ne 'http' or $select->remove($socket), close $socket;
        } elsif (my $client = $listener->accept) {
            $client->blocking(0);
            syswrite $client, $greeting{$mode} // '';
            $mode eq 'closes' ? close $client : $select->add($client);
        }
    }
}
END
    $self->{fake} = $t->spawn('fake', $^X, $script, $self->{redis_port},
        $t->dir . '/mode');
    $t->wait_for('the fake', sub {
        IO::Socket::INET->new(PeerAddr => "127.0.0.1:$self->{redis_port}");
    });
}
