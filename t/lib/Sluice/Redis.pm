package Sluice::Redis;

# A real redis-server of a test, and the fan-out without the rest of sluiced.

use warnings;
use strict;

use IO::Socket::INET;

use Sluice::Consensus;
use Sluice::Daemon;

our @ISA = ('Sluice::Daemon');

# name => 'redis', conf => lines of redis.conf.
sub start {
    my ($class, $t, %opt) = @_;
    my $name = $opt{name} // 'redis';
    my $port = $t->port($name);
    my $conf = $t->write_file("$name.conf", <<"EOC");
bind 127.0.0.1
port $port
unixsocket %%DIR%%/$name.sock
dir %%DIR%%
save ""
@{[ $opt{conf} // '' ]}
EOC
    my $self = $t->add(bless {
        name => "redis-server $name", port => $port, dead => 1, test => $t,
        socket => $t->dir . "/$name.sock", log => $t->dir . "/$name.log",
        start => ['redis-server', $conf],
    }, $class);

    return $self->again;
}

# Starts (again), on the same port.
sub again {
    my ($self) = @_;

    $self->launch;
    $self->{test}->wait_for($self->{name}, sub {
        IO::Socket::INET->new(PeerAddr => $self->address);
    });
    return $self;
}

sub address { return "127.0.0.1:$_[0]{port}" }
sub socket { return $_[0]{socket} }

# redis-cli's answer. Options of redis-cli come first.
sub ask {
    my ($self, @words) = @_;
    my ($rc, $out, $err) = $self->{test}->run_command('redis-cli',
        '-p', $self->{port}, '--no-auth-warning', @words);

    return $out . $err;
}

# The fan-out with these keys of the configuration.
package Sluice::Fanout;

our @ISA = ('Sluice::Consensus');

sub start {
    my ($class, $t, $name, %keys) = @_;
    my $self = bless {
        name => "fan-out $name", log => "$t->{dir}/$name.log", dead => 1,
        start => ["$t->{build}/tools/fanout_tool",
            conf($t, "$name.json", %keys)],
        env => $t->sanitizer_env($name, 1), test => $t,
    }, $class;

    $self->launch;
    return $t->add($self);
}

# Writes a configuration; its path.
sub conf {
    my ($t, $file, %keys) = @_;
    my $text = join '', map { qq("$_": "$keys{$_}", ) } sort keys %keys;

    return $t->write_file($file, qq({ $text "Stores": {} }\n));
}

# How often the log has the event, with the words.
sub logged {
    my ($self, $event, $words) = @_;

    return scalar grep { /event=\Q$event\E\b/ && (!$words || /$words/) }
        split /\n/, $self->log;
}

# Waits for the event, logged COUNT times.
sub wait_logged {
    my ($self, $event, $words, $count) = @_;

    return $self->wait_for("event=$event " . ($words // ''), sub {
        $self->logged($event, $words) >= ($count // 1);
    });
}

# Orders of a kind.
sub orders {
    my ($self, $kind) = @_;

    return grep { $_->{kind} eq $kind } $self->events('order');
}

1;
