#!/usr/bin/perl

# A disk that gives back something else than was written: no torn end of the
# log, which is mended, but damage in its middle, in a snapshot, in the
# metadata. sluiced does not start, names the file, and leaves all as it is.

use warnings;
use strict;

use File::Path qw(remove_tree);
use Test::More;

use Sluice;
use Sluice::Consensus;
use Sluice::RaftFiles;

###############################################################################

$ENV{SLUICE_CONSENSUS} = 'raft';
my $t = Sluice->new;
my $store = Sluice::Consensus::store($t, 'one');
my $data_dir = $store->data_dir('one');
my $files = Sluice::RaftFiles->new($data_dir);

# Several closed segments, and a snapshot in front of most of them.
my $node = Sluice::Consensus->start($t, $store, name => 'one');
for my $count (9000, 500, 500) {
    $node->random($count, $count);
    $node->kill;
    $node->launch;
}
$t->wait_for('changes in the end', sub {
    $node->change('throttle end 1 never')->{outcome} eq 'done';
});
my $revision = $node->facts->{revision};
is($node->term, 0, 'it stops');

my @closed = $files->closed;
my ($snapshot) = reverse $files->snapshots;
cmp_ok(scalar @closed, '>=', 2, 'closed segments: ' . join ' ', @closed);
ok($snapshot, 'a snapshot: ' . ($snapshot // ''));
system('cp', '-a', $data_dir, "$t->{dir}/whole") == 0 or die 'cp';

my $conf = '{ ' . $store->text('one') . <<'END';
  "Stores": { "MySQL": { "Clusters": {} } } }
END

sub fresh {
    remove_tree($data_dir);
    system('cp', '-a', "$t->{dir}/whole", $data_dir) == 0 or die 'cp';
}

# Everything, with what is not libraft's.
sub state_of_disk {
    open my $node_json, '<', "$data_dir/sluice/node.json" or die $!;

    return { %{ $files->digests }, 'node.json' => join '', <$node_json> };
}

# Of what it gives up reading libraft frees not all.
my $lenient = $t->write_file('lenient', "leak:libraft.so\n");
my $starts = 0;

# The log of a sluiced that ended by itself; its exit status.
sub try_to_start {
    my $sluiced = $t->sluiced($conf, name => 'sluiced' . ++$starts,
        env => { LSAN_OPTIONS => "suppressions=$lenient:print_suppressions=0" });

    $sluiced->{expected} = 1;
    $t->wait_for('the end', sub { !$sluiced->alive }, 10);
    my $status = $sluiced->alive ? -1 : $sluiced->{status} >> 8;
    $sluiced->kill;
    return ($sluiced->log, $status);
}

sub refuses {
    my ($what, $name, $damage) = @_;

    fresh();
    $damage->();
    my $before = state_of_disk();
    for my $turn ($starts ? 'once' : ('once', 'again')) {
        my ($log, $status) = try_to_start();
        my ($line) = grep { /event=not_started/ } split /\n/, $log;

        is($status, 1, "$what: it ends with 1 ($turn)");
        like($line // $log, qr/\Q$name\E/, "$what: and names $name");
        is_deeply(state_of_disk(), $before, "$what: and nothing was touched");
    }
    return;
}

sub middle { return int((-s $files->path($_[0])) / 2) }

refuses('a segment in the middle of the log', $closed[-2], sub {
    $files->flip($closed[-2], middle($closed[-2]));
}) if @closed > 1;
refuses('the beginning of a segment', $closed[-1], sub {
    $files->flip($closed[-1], 0);
});
refuses('the last segment that was closed', $closed[-1], sub {
    $files->flip($closed[-1], middle($closed[-1]));
});
refuses('a segment cut short', $closed[-1], sub {
    truncate $files->path($closed[-1]), middle($closed[-1]) or die $!;
});
refuses('a segment that is missing', $closed[-1], sub {
    unlink $files->path($closed[-2]) or die $!;
}) if @closed > 2;
refuses('a snapshot', $snapshot, sub {
    $files->flip($snapshot, middle($snapshot));
});
refuses('the beginning of a snapshot', $snapshot, sub {
    $files->flip($snapshot, 1);
});
refuses('a snapshot cut short', $snapshot, sub {
    truncate $files->path($snapshot), middle($snapshot) or die $!;
});
refuses('what a snapshot is of', "$snapshot.meta", sub {
    $files->flip("$snapshot.meta", middle("$snapshot.meta"));
});
refuses('the beginning of that', "$snapshot.meta", sub {
    $files->flip("$snapshot.meta", 0);
});
refuses('metadata', 'metadata1', sub { $files->flip('metadata1', 0) });
refuses('metadata of one version', 'metadata', sub {
    system('cp', map { $files->path("metadata$_") } 1, 2) == 0 or die 'cp';
});
refuses('node.json', 'node.json', sub {
    open my $fh, '+<', "$data_dir/sluice/node.json" or die $!;
    seek $fh, 5, 0;
    print $fh "\xff";
});
refuses('no node.json', 'node.json', sub {
    rename "$data_dir/sluice/node.json", "$data_dir/sluice/elsewhere" or die $!;
    open my $fh, '>', "$data_dir/sluice/node.json" or die $!;
});

# And with the whole files, all is as it was.
fresh();
$node->launch;
$t->wait_for('changes after all', sub {
    $node->change('unthrottle nobody')->{outcome} eq 'done';
});
cmp_ok($node->facts->{revision}, '>=', $revision, 'undamaged: it goes on');
ok($node->throttles->{end}, 'and knows its facts');

$t->done;
