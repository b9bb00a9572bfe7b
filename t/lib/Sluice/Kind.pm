package Sluice::Kind;

# The kinds of consensus: 'mysql', where a server keeps the facts, and 'raft',
# where the nodes do. Which one a test is run for is SLUICE_CONSENSUS; NAME.t
# is run for mysql, NAME_raft.t runs the same file for raft.

use warnings;
use strict;

use Test::More;

sub wanted { return $ENV{SLUICE_CONSENSUS} // 'mysql' }

# What this build has: raft needs its library.
sub built {
    my ($build) = @_;

    open my $fh, '<:raw', "$build/sluiced" or die "$build/sluiced: $!";
    local $/;
    return ('mysql', <$fh> =~ /\blibraft\.so\b/ ? 'raft' : ());
}

# The kind that was asked for; the test file ends here when it was not built.
sub needed {
    my ($build, $kind) = @_;

    $kind //= wanted();
    die "$kind is no kind of consensus\n" if $kind !~ /^(?:mysql|raft)$/;
    plan(skip_all => "built without $kind")
        if !grep { $_ eq $kind } built($build);
    return $kind;
}

1;
