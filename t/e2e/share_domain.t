#!/usr/bin/perl

# Domains that share their health: a check is refused here while a metric of
# its name is unhealthy at another domain's leader, as freno's leaders do it
# with each other. The other leader is a row in freno's table, and a peer that
# answers as this node itself does, or worse.

use warnings;
use strict;

use JSON::PP;
use Test::More;
use Time::HiRes qw(time);

use Sluice;
use Sluice::Fleet;
use Sluice::Http qw(http_request);
use Sluice::Inventory ();

###############################################################################

my $fleet = Sluice::Fleet->new(nodes => 1, workers => 1, redis => 0,
    kind => 'mysql', keys => '"ShareDomain": "shared",');
my $t = $fleet->node(0);
my $mood = $t->dir . '/mood';
my $own = '127.0.0.1:' . $t->port(8080);

sub set_mood { $t->write_file('mood.new', $_[0]); rename "$mood.new", $mood }

set_mood(0);
my ($peer, $paths) = Sluice::Inventory::stand_in($t, 'peer', sub {
    open my $fh, '<', $mood or return '';
    my $seconds = <$fh>;

    return undef if $seconds eq 'silent';
    return "HTTP/1.1 200 OK\r\n\r\n<html>" if $seconds eq 'html';
    # What this node says of itself is what the other one says, too.
    my $body = http_request($own, '/metrics-health')->{body};
    $body =~ s/("mysql\/main1":.*?"SecondsSinceLastHealthy":)\d+/$1$seconds/;
    return "HTTP/1.1 200 OK\r\nContent-Length: " . length($body)
        . "\r\nConnection: close\r\n\r\n$body";
});

# Another domain's leader, alive or not.
sub lead {
    my ($id, $seconds_ago) = @_;

    $fleet->backend->sql('use sluice', "replace into service_election (domain,
        share_domain, service_id, last_seen_active) values ('dc2', 'shared',
        '$id', now() - interval $seconds_ago second)");
}

sub becomes {
    my ($what, $status, $path, $alive) = @_;
    my ($got, $since) = ('', time);

    $t->wait_for("$what: $status", sub {
        lead($peer, 0) if $alive // 1;
        ($got = $fleet->ask(0, $path))->{status} == $status;
    }, 15);
    is($got->{status}, $status, $what);
    return ($got, time - $since);
}

my $path = '/check/app/mysql/main1';
becomes('nobody else', 200, $path, 0);
lead($peer, 0);
$t->wait_for('the peer to be asked', sub { lead($peer, 0); -s $paths });
open my $asked, '<', $paths or die;
is(<$asked>, "/metrics-health\n", 'the peer is asked for its health');
becomes('a healthy peer', 200, $path);
my $status = decode_json($fleet->ask(0, '/consensus/status')->{body});
is_deeply($status->{ShareDomainServices}, { dc2 => $peer },
    'the status shows it');

set_mood(7);
my ($got, $took) = becomes('an unhealthy peer', 429, $path);
my $verdict = decode_json($got->{body});
is($verdict->{Message}, 'Threshold exceeded', 'its message is freno\'s');
cmp_ok($verdict->{Value}, '<=', $verdict->{Threshold}, 'and its values');
is($got->{headers}{'sluice-reason'}, 'share-domain', 'the reason says why');
is($fleet->ask(0, '/check/freno/mysql/main1')->{status}, 200,
    'freno itself is exempt');
is($fleet->ask(0, '/check-read/app/mysql/main1/99')->{status}, 429,
    'check-read is not');
is($fleet->ask(0, '/check/app/mysql/other')->{status}, 200,
    'another metric is another');
is($fleet->ask(0, "$path?p=low")->{status}, 429,
    'low priority is not refused for it');
like($fleet->ask(0, '/metrics-health')->{body},
    qr/"mysql\/main1":\{[^}]*"SecondsSinceLastHealthy":0\}/,
    'nor does our own health suffer');

set_mood(0);
becomes('the peer is healthy again', 200, $path);
set_mood(1);
becomes('one second is enough', 429, $path);
set_mood('silent');
becomes('a peer that falls silent counts for nothing', 200, $path);
set_mood(3);
becomes('unhealthy once more', 429, $path);
set_mood('html');
becomes('nor does one that talks nonsense', 200, $path);
like($fleet->sluiced(0)->log, qr/event=share_domain_unreachable peer=\Q$peer\E /,
    'which is said');

set_mood(3);
becomes('unhealthy once more', 429, $path);
lead($peer, 3600);
becomes('who leads no longer counts for nothing', 200, $path, 0);

$t->done;
