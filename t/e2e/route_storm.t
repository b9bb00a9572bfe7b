#!/usr/bin/perl

# Hosts die and freeze by chance, one after the other, while writers go on: what
# was acknowledged is there, on the host that acknowledged it, and no session
# was at a host that its epoch has not.

use warnings;
use strict;

use DBI;
use JSON::PP;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep alarm);

use Sluice;
use Sluice::Route;

use constant { EVENTS => 20, WRITERS => 3 };

###############################################################################

my $seed = $ENV{SEED} // time;
srand $seed;
diag("SEED=$seed");

my $t = Sluice->new;
my @db = map { $t->mariadb(args => ['--innodb-flush-log-at-trx-commit=1']) } 1 .. 3;
my @at = map { '127.0.0.1:' . $_->port } @db;

$_->sql(q{create user 'app'@'%' identified by 'app'},
    q{grant all on app.* to 'app'@'%'}, 'create database app',
    'create table app.t (writer int, n int, primary key (writer, n))') for @db;

my $sluiced = $t->sluiced(encode_json({ StateFile => $t->dir . '/run/state',
    RaftDataDir => $t->dir . '/raft',
    RaftBind => '127.0.0.1:' . $t->port('raft'),
    Stores => { MySQL => { User => 'probe', Password => 'probe',
        ThrottleThreshold => 1, MetricQuery => 'select 0.25',
        Clusters => { main1 => {
            StaticHostsSettings => { Hosts => \@at },
            Routing => { Eligible => 'replication', FreezeMillis => 500 },
        } } } } }));
$t->nginx(<<'EOC');
%%MODULES%%
worker_processes 2;
error_log %%DIR%%/error.log info;
pid %%DIR%%/nginx.pid;
events { }
sluice { state %%DIR%%/run/state; }
stream {
    log_format session '$sluice_epoch $sluice_host $sluice_outcome';
    access_log %%DIR%%/sessions.log session;

    upstream main1 { sluice main1; }
    server { listen 127.0.0.1:8081; proxy_pass main1; sluice_hold main1 20s; }
}
EOC
my $first = route_client($t, 8081);
ok($first, 'writers are let in');

# Notes "N HOST" of each insert that was acknowledged, HOST as the session was
# told before. A statement that nobody answers is given up.
sub start_writer {
    my ($writer) = @_;
    my $file = $t->dir . "/writes.$writer";
    my $parent = $$;
    my $pid = fork // die "fork: $!";

    return { pid => $pid, file => $file } if $pid;
    open my $fh, '>', $file or POSIX::_exit(1);
    $fh->autoflush(1);
    my ($dbh, $host, $n) = (undef, '', 0);
    while (getppid == $parent && !-e $t->dir . '/stop') {
        $n++;
        my $done = eval {
            local $SIG{ALRM} = sub { die "late\n" };
            alarm 6;
            $dbh //= route_client($t, 8081);
            $host ||= client_at($dbh);
            my $ok = $host
                && $dbh->do("insert into app.t values ($writer, $n)");
            alarm 0;
            $ok;
        };
        alarm 0;
        if ($done) {
            print $fh "$n $host\n";
        }
        else {
            ($dbh, $host) = (undef, '');
        }
        sleep 0.004;
    }
    POSIX::_exit(0);
}

my @writers = map { start_writer($_) } 1 .. WRITERS;

sub written {
    my $count = 0;

    for my $writer (@writers) {
        open my $fh, '<', $writer->{file} or next;
        my @lines = <$fh>;
        $count += @lines;
    }
    return $count;
}

sub go_on {
    my ($what) = @_;
    my $before = written();

    ok($t->wait_for("$what: writes", sub { written() > $before + 20 }, 20),
        "$what: writes go on");
    return;
}

go_on('at first');
for my $event (1 .. EVENTS) {
    my $active = route($t)->{host};
    my $i = int rand 4;     # the active one half of the time
    my ($db) = $i == 3 ? grep { "127.0.0.1:" . $_->port eq $active } @db : $db[$i];

    $db //= $db[0];
    my $was = '127.0.0.1:' . $db->port eq $active ? 'the active one' : 'another';
    if (rand() < 0.5) {
        $db->kill;
        go_on("$event: $was is killed");
        $db->start;
    }
    else {
        my $pause = 0.1 + rand 1.2;

        $db->stop;
        sleep $pause;
        $db->cont;
        go_on(sprintf '%d: %s is frozen for %.1f s', $event, $was, $pause);
    }
}

$t->write_file('stop', '');
waitpid $_->{pid}, 0 for @writers;
undef $first;

# What was acknowledged.
my ($acknowledged, @missing) = (0);
my %rows;
for my $db (@db) {
    my $host = '127.0.0.1:' . $db->port;

    $rows{"$_->{writer} $_->{n} $host"} = 1
        for @{ $db->sql('select writer, n from app.t') };
}
for my $writer (1 .. WRITERS) {
    for (split /\n/, $t->read_file("writes.$writer")) {
        $acknowledged++;
        push @missing, "$writer $_" unless $rows{"$writer $_"};
    }
}
cmp_ok($acknowledged, '>', 20 * EVENTS, 'many writes were acknowledged');
is("@missing", '', 'and all of them are there');

# Where sessions were.
my %active = $sluiced->log =~ /event=route cluster=main1 epoch=(\d+) active=(\S+)/g;
my ($sessions, @strange) = (0);
for (split /\n/, $t->read_file('sessions.log')) {
    my ($epoch, $host) = /^(\d+) (\S+) (?:ok|severed)$/ or next;

    $sessions++;
    push @strange, $_ if ($active{$epoch} // '') ne $host;
}
cmp_ok($sessions, '>', scalar(keys %active) - 1, 'sessions of many epochs');
is(join(', ', @strange), '', 'none was at a host that was not active');
note("$acknowledged writes, $sessions sessions, ", scalar(keys %active), ' epochs');

$t->expect_log(qr/sluice: |upstream/);
$t->done;
