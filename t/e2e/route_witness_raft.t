#!/usr/bin/perl

# route_witness.t with raft.

use warnings;
use strict;

$ENV{SLUICE_CONSENSUS} = 'raft';
exec 't/lib/run', __FILE__ =~ s/_raft//r or die "t/lib/run: $!";
