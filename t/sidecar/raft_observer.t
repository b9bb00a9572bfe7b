#!/usr/bin/perl

# Observers know the facts, how new they are and who leads, pass changes on, and
# are nobody's voters. With no leader they keep what they knew, and nothing
# that a node says who was asleep takes it back.

use warnings;
use strict;

use Test::More;

use Sluice;
use Sluice::Consensus;
use Sluice::Kind;
use Sluice::Voters;

###############################################################################

my $MANY = 20;

my $t = Sluice->new;
Sluice::Kind::needed($t->build, 'raft');
my @names = qw(a b c);
my $voters = Sluice::Voters->new($t, @names);
my %voter = map {
    $_ => Sluice::Consensus->start($t, $voters, name => $_,
        conf => { Domain => '"prod"' })
} @names;

sub observe {
    my ($name) = @_;

    return Sluice::Consensus->start($t, $voters, name => $name,
        observer => 1, id => $name, conf => { Domain => '"prod"' });
}

sub leader {
    my @among = @_ ? @_ : @names;

    return $t->wait_for('a leader', sub {
        (grep { $voter{$_}->alive && $voter{$_}->acts } @among)[0];
    }, 20);
}

sub done {
    my ($what, $node, $words) = @_;

    return ok($t->wait_for("a change: $what", sub {
        $node->change($words)->{outcome} eq 'done';
    }, 20), $what);
}

sub knows {
    my ($what, $node, @apps) = @_;
    my $got = '';

    $t->wait_for("the facts: $what", sub {
        $got = join ' ', sort keys %{ $node->throttles };
        $got eq "@apps";
    }, 20);
    return is($got, "@apps", $what);
}

###############################################################################

$t->wait_for('all to be voters', sub {
    3 == grep { $_->{role} eq 'voter' } $voter{a}->members;
}, 20);
done('a change', $voter{a}, 'throttle app1 0.5 never');

my $o = observe('o');
knows('an observer knows the facts', $o, 'app1');
is($o->throttles->{app1}[1], 0.5, '… as they are');
my $status = $o->status;
is($status->{id}, 'o', 'its service id is its own');
is($status->{state}, 'Observer', 'its state is Observer');
is($status->{leader}, $voters->address(leader()), 'it knows who leads');
is($status->{healthy}, 1, 'it is healthy');
is($status->{leads}, 0, 'it does not lead');

# New within a second, whether or not something changed.
{
    my $from = () = $o->events('facts');

    $t->wait_for('more facts', sub { $o->events('facts') >= $from + 12 }, 20);
    my @begins = map { $_->{ms} - $_->{age} } $o->events('facts');
    my ($longest) = sort { $b <=> $a }
        map { $begins[$_] - $begins[$_ - 1] } $from .. $#begins;
    cmp_ok($longest, '<', 1000, 'its facts are never a second old');
}

done('through an observer', $o, 'throttle app2 1 never');
knows('all know that', $_, qw(app1 app2)) for values %voter, $o;
done('another voter', $voter{leader()}, 'throttle app3 1 never');
knows('it hears of that', $o, qw(app1 app2 app3));

my %role = map { ($_->{address} || 'o') => $_->{role} } $o->members;
is_deeply(\%role, { o => 'observer',
    map { $voters->address($_) => 'voter' } @names },
    'in the list of members it is an observer');
is($o->change_members('add o')->{outcome}, 'refused', 'it cannot be added');

# Settings come to it with the facts, and go through it under a compare.
sub settings_are {
    my ($what, $node, $want) = @_;
    my $got = '';

    $t->wait_for("settings: $what", sub {
        my $s = $node->settings;
        $got = join ' ', map { "$_=$s->{$_}" } sort keys %$s;
        $got eq $want;
    }, 20);
    return is($got, $want, $what);
}

done('a setting through a voter', $voter{a}, 'set route/main1 one -');
settings_are('the observer has it', $o, 'route/main1=one');
like($o->change('set route/main1 two other')->{text},
    qr/somebody else changed it meanwhile/, 'it is not what it compares with');
done('a setting through the observer', $o, 'set route/main1 two one');
settings_are('all have that', $_, 'route/main1=two') for values %voter, $o;
{
    my $late = observe('late');

    settings_are('and who comes later', $late, 'route/main1=two');
    $late->kill;
}

# The leader dies.
my $first = leader();
my @rest = grep { $_ ne $first } @names;
$voter{$first}->kill;
my $second = leader(@rest);
done('through the observer, with another leader', $o,
    'throttle app4 1 never');
$t->wait_for('another leader in its status', sub {
    $o->status->{leader} eq $voters->address(leader(@rest));
}, 20);
is($o->status->{leader}, $voters->address($second), 'it follows the next one');
$voter{$first}->launch;
knows('who was dead knows', $voter{$first}, map { "app$_" } 1 .. 4);

# One who slept through some changes is the only one there to talk to.
my $leader = leader();
my ($sleeper, $other) = grep { $_ ne $leader } @names;
$voter{$sleeper}->stop;
done('while one sleeps', $o, "throttle late$_ 1 never") for 1 .. 5;
my @apps = ((map { "app$_" } 1 .. 4), (map { "late$_" } 1 .. 5));
knows('it knows all', $o, @apps);
$voter{$_}->kill for $leader, $other;
my $before = () = $o->events('facts');
$voter{$sleeper}->cont;
$t->wait_for('a status without a leader', sub {
    my $s = $o->status;
    $s->{healthy} == 0 && $s->{leader} eq '';
}, 20);
is($o->status->{state}, 'Observer', 'without a leader it is an observer still');
# It was linked to the one that is left when that one could tell it.
my $lonely = observe('lonely');
is($o->change('throttle nothing 1 never')->{outcome}, 'refused',
    'without a leader it takes no changes');
is($lonely->change('throttle nothing 1 never')->{outcome}, 'refused',
    'nor does one that has just come');
is_deeply([map { scalar @{ $_->{list}{throttle} } }
    ($o->events('facts'))[$before - 1 .. $o->events('facts') - 1]],
    [(9) x ($o->events('facts') - $before + 1)],
    'nothing that it knew is taken back');
is(scalar(() = $lonely->events('facts')), 0,
    'and who knew nothing knows nothing');
is($lonely->status->{state}, 'Observer', '… and says what it is');

$voter{$_}->launch for $leader, $other;
knows('a majority is back', $_, @apps) for $o, $lonely;
my @revisions = map { $_->{revision} } $o->events('facts');
is_deeply(\@revisions, [sort { $a <=> $b } @revisions],
    'its facts never went back');

# Many at once.
my @many = map { observe("o$_") } 1 .. $MANY;
knows("one of $MANY", $_, @apps) for @many;
done('through one of many', $many[0], 'throttle zoo 1 never');
knows("one of $MANY: the change", $_, @apps, 'zoo') for @many, $o;
is(scalar(grep { $_->{role} eq 'observer' } $many[1]->members), $MANY + 2,
    'all are in the list');
is(scalar(grep { $_->{role} eq 'voter' } $many[1]->members), 3,
    'and the voters are three');
is_deeply([map { $_->leases } @many, $o, $lonely], [], 'none of them ever led');

# As sluiced says it.
{
    my $keys = $voters->text('x', observer => 1);

    $t->sluiced(<<"END");
{
  $keys "Domain": "prod",
  "Stores": { "MySQL": {
    "User": "probe", "Password": "probe", "ThrottleThreshold": 1,
    "MetricQuery": "select 1",
    "Clusters": { "main1": { "StaticHostsSettings":
      { "Hosts": ["127.0.0.1:1"] } } }
  } }
}
END
    $t->nginx(<<'END');
%%MODULES%%
worker_processes 1;
error_log %%DIR%%/error.log info;
events { }
sluice { state %%DIR%%/run/state; }
http {
    server { listen 127.0.0.1:8080; include %%CONF%%/nginx/freno.conf; }
}
END
    my $app = '/check/zoo/mysql/main1';

    ok($t->wait_for('a refusal', sub {
        $t->get(8080, $app)->{status} == 417 }, 20), 'nginx refuses an app');
    like($t->get(8080, '/consensus/state')->{body}, qr/^"?Observer"?$/m,
        'the state that it shows is Observer');
    is($t->get(8080, '/leader-check')->{status}, 404, 'it is no leader');
    is($t->get(8080, '/unthrottle-app/zoo')->{status}, 200,
        'it takes a change');
    ok($t->wait_for('no refusal', sub {
        $t->get(8080, $app)->{status} != 417 }, 20), 'nginx knows of it');
}

is_deeply([Sluice::Consensus::overlaps(values %voter)], [],
    'never did two act at once');

$t->done;
