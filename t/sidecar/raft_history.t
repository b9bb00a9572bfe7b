#!/usr/bin/perl

# One node that keeps the facts by itself, killed again and again in the
# middle of many changes, also with a torn end of its log: in the end it knows
# what was answered, no less and no more. SEED repeats a history, CHANGES makes
# it longer.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(sleep);

use Sluice;
use Sluice::Consensus;
use Sluice::RaftFiles;

###############################################################################

my $CHANGES = $ENV{CHANGES} // 100_000;
my $KILLS = 10;
my $SEED = srand($ENV{SEED} // time);

$ENV{SLUICE_CONSENSUS} = 'raft';
my $t = Sluice->new;
my $store = Sluice::Consensus::store($t, 'one');
my $files = Sluice::RaftFiles->new($store->data_dir('one'));
my $node = Sluice::Consensus->start($t, $store, name => 'one');

note("SEED=$SEED");

###############################################################################
# What may be there: name => [state...], a state being [ratio, owner, from, to]
# with the moments (CLOCK_BOOTTIME) between which it ends, or nothing at all.
# There are several where a change was asked for and not answered.

my %may;          # by kind: throttle, skip
my %under_way;    # id => change
my ($acknowledged, $log, @wrong) = (0);

my %makes = (throttle => 'throttle', unthrottle => 'throttle',
    skip => 'skip', recover => 'skip');

sub ends {
    my ($change, $from, $to) = @_;

    return $change->{ttl} eq 'never' ? ('never', 'never')
        : ($from + $change->{ttl}, $to + $change->{ttl});
}

# What becomes of the state by a change that was made between the two moments.
sub after {
    my ($state, $change, $from, $to) = @_;
    my $kind = $change->{kind};

    return undef if $kind eq 'unthrottle' || $kind eq 'recover';
    my @end = ends($change, $from, $to);

    return [1, $change->{id}, @end] if $kind eq 'skip';
    return [$change->{ratio}, $change->{id}, @end] if $change->{ratio} >= 0;
    my $gone = !$state || ($state->[3] ne 'never' && $state->[3] < $from);
    my $there = $state && ($state->[2] eq 'never' || $state->[2] > $to);

    return map { [$_, $change->{id}, @end] } $gone ? () : $state->[0],
        $there ? () : 1;
}

sub states {
    my ($change) = @_;

    return $may{ $makes{ $change->{kind} } }{ $change->{key} } //= [undef];
}

sub done {
    my ($change, $from, $to, $stored_ratio) = @_;
    my $states = states($change);
    my @after = map { after($_, $change, $from, $to) } @$states;

    if ($change->{kind} eq 'throttle') {
        @after = grep { $_->[0] == $stored_ratio } @after;
        push @wrong, "$change->{id}: ratio $stored_ratio stored" if !@after;
    }
    @$states = ($after[0]);
    return;
}

sub perhaps_done {
    my ($change, $from, $to) = @_;
    my $states = states($change);

    push @$states, map { after($_, $change, $from, $to) } @$states;
    return;
}

# What the tool has said since last time.
sub hear {
    my $partial = '';

    while (my $line = <$log>) {
        if ($line !~ /\n\z/) {
            seek $log, -length $line, 1;
            last;
        }
        if ($line =~ /^(\d+) begun id=(\S+) kind=(\w+) key=(\S+) ratio=(\S+) ttl=(\w+)/) {
            $under_way{$2} = { ms => $1, id => $2, kind => $3, key => $4,
                ratio => $5, ttl => $6 };
        } elsif ($line =~ /^(\d+) change id=(r\S+) outcome=(\w+) .* ratio=(\S+) ttl/) {
            my $change = delete $under_way{$2} // next;

            push @wrong, $line if $3 ne 'done';
            $acknowledged++;
            done($change, $change->{ms}, $1, $4);
        }
    }
    seek $log, 0, 1;    # the end may move
    return;
}

# In the order in which they were asked for.
sub give_up {
    my ($ms) = @_;
    my @ids = map { $_->[1] } sort { $a->[0] <=> $b->[0] }
        map { /\.(\d+)$/ ? [$1, $_] : () } keys %under_way;

    perhaps_done($_, $_->{ms}, $ms) for delete @under_way{@ids};
    return scalar @ids;
}

# What is said to be there, of one kind: [ratio, owner, end].
sub seen {
    my ($facts, $kind) = @_;
    my $by_name = Sluice::Consensus::by_name($facts->{list}{$kind});
    my %seen;

    for my $key (keys %$by_name) {
        my @f = @{ $by_name->{$key} };
        my ($ratio, $remaining, $owner) =
            $kind eq 'skip' ? (1, @f[1, 2]) : @f[1, 2, 3];

        $seen{$key} = [$ratio, $owner, $remaining eq 'never' ? 'never'
            : $facts->{ms} - $facts->{age} + $remaining];
    }
    return \%seen;
}

# Moments of two clocks, and of a process that had to wait.
my $SLACK = 2000;

sub fits {
    my ($state, $seen, $now) = @_;

    if (!$seen) {
        return !$state || ($state->[2] ne 'never' && $state->[2] < $now + $SLACK);
    }
    return 0 if !$state || $state->[0] != $seen->[0] || $state->[1] ne $seen->[1];
    return $seen->[2] eq $state->[2]
        if $seen->[2] eq 'never' || $state->[2] eq 'never';
    return $seen->[2] > $state->[2] - $SLACK && $seen->[2] < $state->[3] + $SLACK;
}

sub differences {
    my ($facts) = @_;
    my @differ;

    for my $kind (qw(throttle skip)) {
        my $seen = seen($facts, $kind);

        for my $key (keys %{ $may{$kind} }) {
            my $found = delete $seen->{$key};

            push @differ, "$kind $key: " . ($found ? "@$found" : 'none') . ', not '
                . join ' or ', map { $_ ? "@$_" : 'none' } @{ $may{$kind}{$key} }
                if !grep { fits($_, $found, $facts->{ms}) } @{ $may{$kind}{$key} };
        }
        push @differ, map { "$kind $_: nobody asked for it" } keys %$seen;
    }
    return join "\n", @differ;
}

sub is_known {
    my ($when) = @_;

    return is(differences($node->facts), '', "$when: knows what was answered");
}

sub takes_changes {
    my ($when) = @_;

    return $t->wait_for("$when: changes", sub {
        $node->change('unthrottle nobody')->{outcome} eq 'done';
    }, 20);
}

sub end_of_default {
    my $facts = $node->facts;
    my ($skip) = grep { /^dflt,/ } @{ $facts->{list}{skip} // [] };

    return 0 if !$skip;
    return $facts->{ms} - $facts->{age} + (split /,/, $skip)[1];
}

###############################################################################

ok(takes_changes('at first'), 'one node takes changes');
is($node->change('skip dflt 3600000')->{outcome}, 'done', 'a skip for an hour');
my $default_end = end_of_default();
ok($default_end, 'and when it ends');
push @{ $may{skip}{dflt} }, [1, '', $default_end, $default_end];
my $odd = q{quotes'"\\} . "\xc3\xa9";
is($node->change("set route/main1 $odd -")->{outcome}, 'done', 'a setting');

open $log, '<', $node->{log} or die "$node->{log}: $!";
my ($torn, $unanswered, $refused) = (0, 0, 0);
my @how = qw(garbage half end);

for my $kill (1 .. $KILLS) {
    my $left = $CHANGES - $acknowledged;
    my $until = $acknowledged + $left / ($KILLS + 1 - $kill) * (0.5 + rand 0.8);

    $node->say("random r$kill $left " . int rand 1e9);
    $t->wait_for("changes before kill $kill", sub {
        hear();
        $acknowledged >= $until || ($acknowledged >= $CHANGES && !%under_way);
    }, $Sluice::Consensus::MANY);
    $node->kill;
    hear();
    $unanswered += give_up(Sluice::Consensus::boot_ms());
    $node->pass_over;
    $torn += $files->tear($how[$kill % 3]) if $kill % 4;
    $node->launch;
    last if !takes_changes("kill $kill");
    is_known("kill $kill");
}
cmp_ok($torn, '>=', 6, 'several times the end of the log was torn');
cmp_ok($unanswered, '>', 0, "$unanswered changes were not answered");

my $left = $CHANGES - $acknowledged;
if ($left > 0) {
    $node->say("random rest $left " . int rand 1e9);
    $t->wait_for('the rest', sub {
        hear();
        $acknowledged >= $CHANGES && !%under_way;
    }, $Sluice::Consensus::MANY);
    $node->pass_over;
}
cmp_ok($acknowledged, '>=', $CHANGES, "$acknowledged changes were answered");
is(join("\n", @wrong), '', 'each of them as it should be');
is_known('in the end');

###############################################################################
# Named after what freno did.

cmp_ok(scalar($files->snapshots), '>=', 1, 'snapshots were taken');
cmp_ok($files->first_index, '>', 1, 'and the log begins behind the first change');
my $before = $node->facts;
$node->kill;
$node->launch;
takes_changes('a restart');
is_known('B9: a snapshot holds every fact');
is($node->facts->{store}, $before->{store}, 'B9: it is the same store');
cmp_ok($node->facts->{revision}, '>=', $before->{revision}, 'B9: which went on');
my $end = end_of_default();
ok(abs($end - $default_end) < $SLACK,
    "B16: a skip for an hour ends when it did before: $end, $default_end");

is_deeply($node->settings, { 'route/main1' => $odd },
    'a setting from before the snapshot is there');
is($node->change('set route/main1 new other')->{outcome}, 'refused',
    '… and is compared with');
is($node->change("set route/main1 new $odd")->{outcome}, 'done', '… as it is');

is($node->term, 0, 'SIGTERM: exit status 0');
$t->done;
