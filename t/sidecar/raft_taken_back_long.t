#!/usr/bin/perl

# raft_taken_back.t with a long log.

use warnings;
use strict;

$ENV{LONG} = 1;
exec 't/lib/run', __FILE__ =~ s/_long//r or die "t/lib/run: $!";
