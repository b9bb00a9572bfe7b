package Sluice::Demo;

# What tests of util/demo share: the addresses that it leaves, and what of it
# still runs.

use warnings;
use strict;

use Exporter 'import';

our @EXPORT = qw(demo_env processes);

# DIR/env.
sub demo_env {
    my ($dir) = @_;

    open my $fh, '<', "$dir/env" or return {};
    return { map { /^(\w+)=(\S+)$/ ? ($1, $2) : () } <$fh> };
}

# Processes that name the directory in command line or environment.
sub processes {
    my ($dir) = @_;
    my @found;

    for my $proc (glob '/proc/[0-9]*') {
        my $text = '';

        for my $file ("$proc/cmdline", "$proc/environ") {
            open my $fh, '<', $file or next;
            local $/;
            $text .= <$fh> // '';
        }
        push @found, $proc if $text =~ m{\Q$dir\E(?:/|\0|$)};
    }
    return @found;
}

1;
