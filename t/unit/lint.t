#!/usr/bin/perl

# The rules of the house hold.

use warnings;
use strict;

use Test::More tests => 1;

my $out = `util/lint 2>&1`;

is($?, 0, 'util/lint has no complaints') or diag($out);
