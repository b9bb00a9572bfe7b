package Sluice::Voters;

# The nodes that keep the facts among themselves: where each listens, and
# where it keeps what it knows. Ports are chosen before any of them starts,
# since each must be told of all.

use warnings;
use strict;

use File::Path qw(remove_tree);
use JSON::PP;

our $SECRET = 'a secret of the tests';

# The test whose directory and ports they use; their names.
sub new {
    my ($class, $t, @names) = @_;
    my $self = bless { test => $t, names => [@names] }, $class;

    $self->address($_) for @names;
    return $self;
}

sub names { return @{ $_[0]{names} } }

# Any name: one that is not among the voters waits to be added.
sub address {
    my ($self, $name) = @_;

    return '127.0.0.1:' . $self->{test}->port("raft $name");
}

sub data_dir { return "$_[0]{test}{dir}/raft-$_[1]" }

# What this one's sluiced must be told. observer => 1: it only follows.
sub conf {
    my ($self, $name, %opt) = @_;
    my @nodes = map { $self->address($_) } $self->names;

    return { Role => 'observer', RaftSecret => $SECRET, RaftNodes => \@nodes }
        if $opt{observer};
    return {
        RaftDataDir => $self->data_dir($name),
        RaftBind => $self->address($name),
        RaftSecret => $SECRET,
        @nodes > 1 ? (RaftNodes => \@nodes) : (),
    };
}

# The same as the beginning of a JSON object.
sub text {
    my ($self, $name, %opt) = @_;

    return JSON::PP->new->canonical->encode($self->conf($name, %opt)) =~
        s/^\{(.*)\}$/$1,/sr;
}

# Its disk is lost.
sub forget {
    my ($self, $name) = @_;

    remove_tree($self->data_dir($name));
    return;
}

1;
