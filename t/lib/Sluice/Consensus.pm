package Sluice::Consensus;

# One node of consensus without the rest of sluiced: consensus_tool, its
# commands and what it says; and the two schemas that freno's documentation
# has had.

use warnings;
use strict;

use POSIX qw(_exit setsid);
use Time::HiRes qw(sleep time);

use Sluice::Daemon;
use Sluice::Kind;
use Sluice::Voters;

our @ISA = ('Sluice::Daemon');

# As freno's documentation had it first, and as it has it now.
our @TWO_TABLES = (
"CREATE TABLE service_election (
  domain varchar(32) NOT NULL,
  share_domain varchar(32) NOT NULL,
  service_id varchar(128) NOT NULL,
  last_seen_active timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (domain),
  KEY share_domain_idx (share_domain,last_seen_active)
);",
"CREATE TABLE throttled_apps (
  app_name varchar(128) NOT NULL,
\tthrottled_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  expires_at TIMESTAMP NOT NULL,
\tratio DOUBLE,
  PRIMARY KEY (app_name)
);");

our @THREE_TABLES = ($TWO_TABLES[0],
"CREATE TABLE throttled_apps (
  app_name varchar(128) NOT NULL,
\tthrottled_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  expires_at TIMESTAMP,
\tratio DOUBLE,
  PRIMARY KEY (app_name)
);",
"CREATE TABLE skipped_hosts (
   host_name varchar(128) NOT NULL,
   skipped_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
   expires_at TIMESTAMP NOT NULL,

   PRIMARY KEY (host_name)
);");

# The oldest of all, before domains could share.
our @OLDEST_TABLES = (
"CREATE TABLE service_election (
  domain varchar(32) NOT NULL,
  service_id varchar(128) NOT NULL,
  last_seen_active timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (domain)
);", $TWO_TABLES[1]);

my $ACCOUNT = q{'daemon'@'%'};

# A database with these tables, and an account with just freno's privileges
# on each of them.
sub prepare {
    my ($db, @tables) = @_;

    $db->sql('create database freno_backend', 'use freno_backend',
        "create user $ACCOUNT identified by 'secret'");
    $db->sql($_) for @tables;
    my @names = map { $_->{name} } @{ $db->sql(
        q{select table_name name from information_schema.tables
          where table_schema = 'freno_backend'}) };
    $db->sql("grant SELECT, INSERT, DELETE, UPDATE on freno_backend.$_ "
        . "to $ACCOUNT") for @names;
    return $db;
}

# The tables that sluiced --print-schema prints.
sub schema {
    my ($t) = @_;
    my ($rc, $out) = $t->sluiced_run('--print-schema');

    die "--print-schema failed\n" if $rc;
    return grep { /^CREATE TABLE/ } map { s/^(?:\s|--.*\n)+//r }
        split /;\n/, $out;
}

# Where nodes of these names can agree, of the kind that the test is run for:
# what start() wants.
sub store {
    my ($t, @names) = @_;

    return Sluice::Voters->new($t, @names)
        if Sluice::Kind::needed($t->build) eq 'raft';
    return prepare($t->mariadb(args => ['--innodb-flush-log-at-trx-commit=1']),
        schema($t));
}

# On a database, or as one of the voters; a voter's id is its address. within
# => what goes before the command, conf => further keys, observer => 1.
sub start {
    my ($class, $t, $store, %opt) = @_;
    my $name = $opt{name} // 'node' . ++$t->{nodes};
    my $votes = $store->isa('Sluice::Voters') && !$opt{observer};
    my $more = join '', map { qq("$_": $opt{conf}{$_},\n) }
        sort keys %{ $opt{conf} // {} };
    my $keys = $votes || $opt{observer} ? $store->text($name, %opt)
        : mysql_keys($opt{port} // $store->port);
    my $conf = $t->write_file("$name.json", <<"END");
{
$keys
$more "Stores": {"MySQL": {"Clusters": {}}}
}
END
    my $self = bless {
        name => "consensus $name", log => "$t->{dir}/$name.log", dead => 1,
        start => [@{ $opt{within} // [] },
            "$t->{build}/tools/consensus_tool", $conf,
            $votes ? () : $opt{id} // $name],
        env => $t->sanitizer_env($name, 1), test => $t, changes => 0,
        votes => $votes,
    }, $class;

    $self->launch;
    return $t->add($self);
}

sub mysql_keys {
    my ($port) = @_;

    return <<"END";
"BackendMySQLHost": "127.0.0.1", "BackendMySQLPort": $port,
"BackendMySQLSchema": "freno_backend", "BackendMySQLUser": "daemon",
"BackendMySQLPassword": "secret",
END
}

# Its stdin is ours to write to.
sub launch {
    my ($self) = @_;

    pipe my $read, my $write or die "pipe: $!";
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        setsid();
        close $write;
        open STDIN, '<&', $read or _exit(126);
        open STDOUT, '>>', $self->{log} or _exit(126);
        open STDERR, '>&', \*STDOUT;
        @ENV{ keys %{ $self->{env} } } = values %{ $self->{env} };
        exec { $self->{start}[0] } @{ $self->{start} } or _exit(127);
    }
    close $read;
    $write->autoflush(1);
    @$self{qw(pid dead expected input)} = ($pid, 0, 0, $write);
    return $self;
}

sub say {
    my ($self, $command) = @_;
    my $input = $self->{input};

    local $SIG{PIPE} = 'IGNORE';
    return print $input "$command\n";
}

# Of every line about that: { ms => …, key => value … }. A line is read once.
sub events {
    my ($self, $event) = @_;

    open my $fh, '<', $self->{log} or return;
    seek $fh, $self->{read} // 0, 0;
    while (my $line = <$fh>) {
        last if $line !~ /\n\z/;
        $self->{read} = tell $fh;
        push @{ $self->{events}{$1} }, parse($line) if $line =~ /^\d+ (\w+)/;
    }
    return @{ $self->{events}{$event} // [] };
}

sub parse {
    my ($line) = @_;
    my ($ms, $rest) = $line =~ /^(\d+) \w+ ?(.*)$/;
    my %event = (ms => $ms, line => $line);

    $event{text} = $1 if $rest =~ s/ ?\btext=(.*)$//;
    push @{ $event{list}{$1} }, $2 while $rest =~ /\b(throttle|skip|setting)=(\S*)/g;
    $event{$1} = $2 while $rest =~ /\b(\w+)=(\S*)/g;
    return \%event;
}

sub last_event {
    my ($self, $event) = @_;

    return ($self->events($event))[-1];
}

sub wait_for {
    my ($self, $what, $code, $seconds) = @_;

    return $self->{test}->wait_for("$what of $self->{name}", $code,
        $seconds // 20);
}

# A change, and what became of it.
sub begin {
    my ($self, $words) = @_;
    my $id = 'c' . ++$self->{changes};

    $words =~ s/^(\w+) ?/$1 $id /;
    $self->say($words);
    return $id;
}

sub outcome {
    my ($self, $id) = @_;

    return $self->wait_for("outcome of $id", sub {
        (grep { $_->{id} eq $id } $self->events('change'))[0];
    });
}

sub change {
    my ($self, $words) = @_;

    return $self->outcome($self->begin($words));
}

# Seconds that many thousands of changes may take: each waits for a disk, and
# there are slow ones.
our $MANY = 600;

# So many changes of all kinds, answered; what was said of each is passed over.
sub random {
    my ($self, $count, $seed) = @_;
    my $id = 'random' . ++$self->{changes};

    open my $fh, '+>>', $self->{log} or die "$self->{log}: $!";
    seek $fh, 0, 2;
    $self->say("random $id $count $seed");
    $self->wait_for("$count changes", sub {
        my $ended = 0;

        while (my $line = <$fh>) {
            $ended ||= $line =~ /^\d+ random id=$id$/;
        }
        seek $fh, 0, 1;
        return $ended;
    }, $MANY);
    return $self->pass_over;
}

# What it said until now is no event.
sub pass_over {
    my ($self) = @_;

    $self->{read} = -s $self->{log};
    return $self;
}

# Says it, and waits for the next event of that name.
sub next_event {
    my ($self, $event, $words) = @_;
    my $seen = () = $self->events($event);

    $self->say($words);
    return $self->wait_for($words, sub {
        my @all = $self->events($event);
        @all > $seen && $all[-1];
    });
}

sub status { return $_[0]->next_event('status', 'status') }

# Each a hash; none when it says why not.
sub members {
    my ($self) = @_;
    my $list = $self->next_event('members', 'members')->{list};

    return map {
        my %member;

        @member{qw(id address role leads heard behind)} = split /,/;
        \%member;
    } split /;/, $list;
}

# Waits until each of the nodes has a vote; where a server keeps the facts
# there are none to wait for.
sub all_in {
    my (@nodes) = @_;

    return 1 if !$nodes[0]{votes};
    return $nodes[0]->wait_for('all to have a vote', sub {
        @nodes == grep { $_->{role} eq 'voter' } $nodes[0]->members;
    }, 20);
}

# "add ADDRESS", "remove WHO", "replace WHO BY", and what became of it.
sub change_members { return $_[0]->next_event('member', $_[1]) }

# Facts of a read that began after now.
sub facts {
    my ($self) = @_;
    my $now = boot_ms();

    return $self->wait_for('facts', sub {
        my $f = $self->last_event('facts');
        $f && $f->{ms} - $f->{age} > $now && $f;
    });
}

# "key,ratio,remaining,owner,reason" by key, and the same of skips.
sub throttles { return by_name($_[0]->facts->{list}{throttle}) }

# value by name; a blank is a '_'.
sub settings {
    my ($self) = @_;

    return { map { split /,/, $_, 2 } @{ $self->facts->{list}{setting} // [] } };
}

sub skips { return by_name($_[0]->facts->{list}{skip}) }

sub by_name {
    my ($list) = @_;

    return { map { my @f = split /,/, $_, -1; $f[0] => \@f } @{ $list // [] } };
}

# Milliseconds of CLOCK_BOOTTIME, as the tool prints them.
sub boot_ms { return int 1000 * Time::HiRes::clock_gettime(7) }

sub leases { return $_[0]->events('lease') }

# 1 while it may act, by what it was told last.
sub acts {
    my ($self) = @_;
    my $last = $self->last_event('lease');

    return $last && $last->{until} > boot_ms() ? 1 : 0;
}

# Spans [from, until] in which it could have acted, by all it was ever told.
sub spans {
    my ($self) = @_;
    my @spans;

    for my $lease ($self->leases) {
        my $open = @spans && !$spans[-1][2] && $spans[-1][1] >= $lease->{ms};

        if ($lease->{until} == 0) {
            @{ $spans[-1] }[1, 2] = ($lease->{ms}, 1)
                if $open && $lease->{ms} < $spans[-1][1];
        } elsif ($open) {
            $spans[-1][1] = $lease->{until};
        } else {
            push @spans, [$lease->{ms}, $lease->{until}];
        }
    }
    return @spans;
}

# Pairs of spans of different nodes that have a moment in common.
sub overlaps {
    my (@nodes) = @_;
    my @found;

    for my $i (0 .. $#nodes) {
        for my $j ($i + 1 .. $#nodes) {
            for my $a ($nodes[$i]->spans) {
                push @found, "@$a[0, 1] and @$_[0, 1]"
                    for grep { $a->[0] < $_->[1] && $_->[0] < $a->[1] }
                    $nodes[$j]->spans;
            }
        }
    }
    return @found;
}

1;
