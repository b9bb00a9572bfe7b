#!/usr/bin/perl

# A disk that is full, or may not be written to. A node that cannot write ends:
# who leads hands over, the others go on, and nothing that was answered is
# lost. With room again it catches up.

use warnings;
use strict;

use Test::More;

use Sluice;
use Sluice::Consensus;
use Sluice::RaftNode;

###############################################################################

$ENV{SLUICE_CONSENSUS} = 'raft';
my $t = Sluice->new;
my $store = Sluice::Consensus::store($t, qw(a b c));
my $disk = $store->data_dir('b');
my $mounted;

# Not in another's sight, where that can be.
sub mount_disk {
    my ($dir, $size) = @_;

    mkdir $dir or die "$dir: $!";
    return system("mount -t tmpfs -o size=$size tmpfs '$dir' 2>/dev/null") == 0;
}

END {
    my $status = $?;

    if ($t && $t->{pid} == $$) {
        $_->kill for @{ $t->{daemons} };
        system "umount -l '$_' 2>/dev/null" for @{ $mounted // [] };
    }
    $? = $status;
}

if ($> != 0 || !mount_disk($disk, '48m')) {
    plan(skip_all => 'only root may mount a small disk');
}
push @$mounted, $disk;

sub fill {
    my ($dir) = @_;

    open my $fh, '>>:raw', "$dir/filler" or die $!;
    while (syswrite $fh, "\1" x 65536) { }
    while (syswrite $fh, "\1" x 512) { }
    close $fh;
    return;
}

# Somebody else who takes what becomes free, but for what a snapshot needs.
sub keep_full {
    my ($dir) = @_;

    return $t->spawn('filler' . ++$t->{fillers}, $^X, '-e', <<'END', $dir);
open my $fh, '>>:raw', "$ARGV[0]/filler" or die $!;
while (1) {
    while (syswrite $fh, "\1" x 65536) { }
    truncate $fh, (-s $fh) - 128 * 1024;
    select undef, undef, undef, 0.02;
}
END
}

sub make_room {
    my ($dir) = @_;

    unlink "$dir/filler" or die $!;
    return;
}

# Of what it gives up libraft frees not all.
my $lenient = $t->write_file('lenient', "leak:libraft.so\nleak:engine_apply\n");
my %env = (LSAN_OPTIONS => "suppressions=$lenient:print_suppressions=0");

###############################################################################
# Three nodes, one of them with little room

my ($a, $c) = my @others = map {
    Sluice::Consensus->start($t, $store, name => $_)
} qw(a c);
my $b = Sluice::RaftNode->new($t, $store, 'b', env => \%env);

sub ready {
    my ($what, @which) = @_;

    return $t->wait_for("$what: changes", sub {
        !grep { $_->change('unthrottle nobody')->{outcome} ne 'done' } @which;
    }, 30);
}

sub all_vote {
    my ($what) = @_;

    return $t->wait_for("$what: three voters", sub {
        3 == grep { $_->{role} eq 'voter' && $_->{heard} >= 0
            && $_->{heard} < 1000 && $_->{behind} < 100 } $a->members;
    }, 20);
}

# Until b leads, or does not, whoever leads is killed.
sub let_lead {
    my ($what, $wanted) = @_;

    for (1 .. 60) {
        my $leads = $t->wait_for("$what: a leader", sub {
            ($b->leads && $b) || (grep { $_->acts } @others)[0];
        }, 20) or return 0;
        return 1 if ($leads == $b) == $wanted;
        $leads->kill;
        $t->wait_for("$what: another leader", sub {
            $b->leads || grep { $_ != $leads && $_->acts } @others;
        }, 20);
        $leads == $b ? $b->start : $leads->launch;
        ready($what, @others);
        $b->ready($what);
        all_vote($what);
    }
    return 0;
}

# What was answered last of each name, by the number of the change; and names
# of which a later change may have been made.
sub answered {
    my ($node, $from) = @_;
    my (%last, %begun, %perhaps);

    open my $fh, '<', $node->{log} or die $!;
    seek $fh, $from, 0;
    while (<$fh>) {
        if (/ begun id=(\S+)\.(\d+) kind=(\S+) key=(\S+) ratio=\S+ ttl=(\S+)/) {
            $begun{"$1.$2"} = { n => $2, kind => $3, key => $4, ttl => $5 };
        } elsif (/ change id=(\S+) outcome=(\w+)/) {
            my $change = $begun{$1} // next;

            $last{ $change->{key} } = $change if $2 eq 'done';
            $perhaps{ $change->{key} } = $change->{n} if $2 eq 'unknown';
        }
    }
    return (\%last, \%perhaps);
}

sub lost {
    my ($facts, $last, $perhaps) = @_;
    my %owner;

    for (@{ $facts->{list}{throttle} // [] }, @{ $facts->{list}{skip} // [] }) {
        my ($key, $owner) = /^([^,]+),.*,([^,]*),[^,]*$/;

        $owner{$key} = $owner =~ /\.(\d+)$/ ? $1 : 0;
    }
    return map { "$_: $last->{$_}{n} was answered, " . ($owner{$_} // 'none') }
        grep {
            my $change = $last->{$_};
            my $lasts = $change->{ttl} eq 'never' || $change->{ttl} > 100_000;
            my $sets = $change->{kind} =~ /^(throttle|skip)$/;

            ($perhaps->{$_} // 0) < $change->{n} && (
                $sets ? $lasts && ($owner{$_} // -1) < $change->{n}
                : defined $owner{$_} && $owner{$_} < $change->{n});
        } sort keys %$last;
}

sub fills_up {
    my ($what, $leads) = @_;

    ok(let_lead($what, $leads), "$what: the node with little room");
    ok(all_vote($what), "$what: three voters");
    my $from = -s $a->{log};
    # Segments are reserved, and a new one is needed for each snapshot: it
    # takes some until one cannot be had.
    my $filler = keep_full($disk);
    for (1 .. 6) {
        $a->random(9000, $_ + 10 * $leads) if $b->daemon->alive;
    }
    $filler->kill;
    fill($disk);
    is($b->ended($what), 1, "$what: it ends, with status 1");
    like($b->log, qr/event=raft_failed error="[^"]*no room left/,
        "$what: it says why");
    ok(ready($what, @others), "$what: the others go on");
    my $leader = $t->wait_for("$what: another leads", sub {
        (grep { $_->acts } @others)[0];
    }, 20);
    ok($leader, "$what: another leads");
    my ($last, $perhaps) = answered($a, $from);
    cmp_ok(scalar(keys %$last), '>', 200, "$what: much was answered");
    $_->change('throttle after 1 never') for @others;
    is(join("\n", lost($_->facts, $last, $perhaps)), '',
        "$what: $_->{name} lost nothing of it") for @others;

    # Still full: it says so, and nothing more happens.
    $b->start;
    is($b->ended("$what, still full"), 1, "$what: still full, it does not start");
    like($b->log, qr/event=not_started .*no room left|raft_failed .*no room left/,
        "$what: still full, it says so");

    make_room($disk);
    $b->start;
    ok($b->ready("$what, with room"), "$what: with room it starts");
    ok(all_vote("$what, with room"), "$what: and catches up");
    my $mark = "mark$leads";
    is($others[1]->change("throttle $mark 1 never")->{outcome}, 'done', 'a mark');
    $t->wait_for('the mark', sub { grep { $_ eq $mark } $b->throttled });
    my @known = $t->wait_for('the facts', sub {
        my @b = $b->throttled;
        my @a = sort keys %{ $a->throttles };

        # What ends between the two looks is another matter.
        "@a" eq "@b" && @a;
    });
    ok($known[0], "$what: and knows what the others know");
    return;
}

ok(ready('at first', @others), 'three nodes');
ok($b->ready('at first'), 'of which one is sluiced');
fills_up('as a follower', 0);
fills_up('as the leader', 1);

# Nobody of the others was in trouble.
is(scalar(grep { !$_->alive } @others), 0, 'the others live');

###############################################################################
# One node

my $alone = Sluice::Voters->new($t, 'alone');
my $small = $alone->data_dir('alone');

ok(mount_disk($small, '40m'), 'another small disk');
push @$mounted, $small;
fill($small);
my $one = Sluice::RaftNode->new($t, $alone, 'alone', env => \%env);
is($one->ended('full at first'), 1, 'full at the first start: status 1');
like($one->log, qr/event=not_started .*no room left: raft needs \d+ MiB/,
    'full at the first start: it says so');
make_room($small);
$one->start;
ok($one->ready('with room'), 'with room it starts');
ok($one->says('/throttle-app/kept', 200), 'and takes a change');
$one->kill;

fill($small);
$one->start;
is($one->ended('full later'), 1, 'full at a later start: status 1');
like($one->log, qr/event=not_started .*no room left/,
    'full at a later start: it says so');
make_room($small);
$one->start;
ok($one->ready('with room again'), 'with room again it starts');
is(join(' ', $one->throttled), 'kept', 'and nothing was damaged');
$one->kill;

is(system("mount -o remount,ro '$small'"), 0, 'a disk that became read-only');
$one->start;
is($one->ended('read-only'), 1, 'read-only: status 1');
like($one->log, qr/event=not_started .*the disk is read-only/,
    'read-only: it says so');
is(system("mount -o remount,rw '$small'"), 0, 'and writable again');
$one->start;
ok($one->ready('writable'), 'writable again it starts');
is(join(' ', $one->throttled), 'kept', 'and nothing was damaged');


# It stops in order, whatever of its files is being closed just then.
for (1 .. 10) {
    is($one->daemon->term, 0, 'SIGTERM: exit status 0');
    $one->start;
    $one->ready('again');
}

$t->done;
