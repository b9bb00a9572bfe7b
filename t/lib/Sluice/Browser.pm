package Sluice::Browser;

# A real browser, Debian's chromium without a window, driven by WebDriver: JSON
# over HTTP to chromedriver. What it finds is named by XPath.

use warnings;
use strict;

use HTTP::Tiny;
use JSON::PP;
use MIME::Base64 qw(decode_base64);

use Sluice::Daemon;

my $ELEMENT = 'element-6066-11e4-a52e-4f735466cecf';

# Started and ready; it ends with the test, or by quit.
sub new {
    my ($class, $t) = @_;
    my $port = $t->port('chromedriver');
    my $self = bless { test => $t, base => "http://127.0.0.1:$port",
        http => HTTP::Tiny->new(timeout => 60, proxy => undef,
            http_proxy => undef, https_proxy => undef) }, $class;

    $self->{driver} = $t->add(Sluice::Daemon->new(name => 'chromedriver',
        log => $t->dir . '/chromedriver.log', env => { HOME => $t->dir },
        start => ['chromedriver', "--port=$port"]));
    $t->wait_for('chromedriver', sub {
        $self->{http}->get("$self->{base}/status")->{success} }, 60)
        or die $self->{driver}->log;
    my $session = $self->ask(POST => '/session', { capabilities => {
        alwaysMatch => { 'goog:chromeOptions' => { args => [$self->args],
            binary => '/usr/bin/chromium' } } } });
    $self->{base} .= "/session/$session->{sessionId}";
    return $self;
}

# By a pipe it ends with chromedriver, however that ends.
sub args {
    my ($self) = @_;

    return ('--headless=new', '--remote-debugging-pipe', '--disable-gpu',
        '--disable-dev-shm-usage', '--no-first-run', '--disable-breakpad',
        '--disable-background-networking', '--disable-component-update',
        '--disable-sync', '--hide-scrollbars', '--window-size=1280,900',
        '--user-data-dir=' . $self->{test}->dir . '/browser',
        $> == 0 ? '--no-sandbox' : ());
}

# The value of the answer; dies with what the driver says is wrong.
sub ask {
    my ($self, $method, $path, $body) = @_;
    my $got = $self->{http}->request($method, $self->{base} . $path, {
        headers => { 'Content-Type' => 'application/json' },
        $method eq 'POST' ? (content => encode_json($body // {})) : () });
    my $value = (eval { decode_json($got->{content}) } // {})->{value};

    return $value if $got->{success};
    my $what = ref $value ? "$value->{error}: $value->{message}" : $got->{content};
    die "$method $path: $got->{status} " . $what =~ s/\n.*//sr . "\n";
}

sub open { return $_[0]->ask(POST => '/url', { url => $_[1] }) }

sub title { return $_[0]->ask(GET => '/title') }

# What the function body, with arguments, returns.
sub script {
    my ($self, $script, @args) = @_;

    return $self->ask(POST => '/execute/sync',
        { script => $script, args => \@args });
}

# Of Chromium's own protocol.
sub command {
    my ($self, $command, %params) = @_;

    return $self->ask(POST => '/goog/cdp/execute',
        { cmd => $command, params => \%params });
}

sub find {
    my ($self, $xpath) = @_;

    return map { $_->{$ELEMENT} } @{ $self->ask(POST => '/elements',
        { using => 'xpath', value => $xpath }) };
}

# The one that is seen.
sub the {
    my ($self, $xpath) = @_;
    my @seen = grep { $self->ask(GET => "/element/$_/displayed") }
        $self->find($xpath);

    die scalar(@seen), " elements are $xpath\n" if @seen != 1;
    return $seen[0];
}

sub sees { return scalar eval { $_[0]->the($_[1]) } ? 1 : 0 }

# As it is seen.
sub text {
    my ($self, $xpath) = @_;

    return $self->ask(GET => '/element/' . $self->the($xpath) . '/text');
}

sub click {
    my ($self, $xpath) = @_;

    return $self->ask(POST => '/element/' . $self->the($xpath) . '/click');
}

# Instead of what stands there.
sub type {
    my ($self, $xpath, $text) = @_;
    my $at = '/element/' . $self->the($xpath);

    $self->ask(POST => "$at/clear");
    return $self->ask(POST => "$at/value", { text => "$text" });
}

sub focus {
    my ($self, $xpath) = @_;

    return $self->script('arguments[0].focus()',
        { $ELEMENT => $self->the($xpath) });
}

# To where the focus is.
sub keys {
    my ($self, @keys) = @_;

    return $self->ask(POST => '/actions', { actions => [{ type => 'key',
        id => 'keyboard', actions => [map {
            { type => 'keyDown', value => $_ }, { type => 'keyUp', value => $_ }
        } @keys] }] });
}

# What the console shows: of scripts that failed, and of what CSP refused.
sub complaints {
    my ($self) = @_;

    return grep { !/Failed to load resource/ } map { $_->{message} }
        @{ $self->ask(POST => '/se/log', { type => 'browser' }) };
}

sub scheme {
    my ($self, $scheme) = @_;

    return $self->command('Emulation.setEmulatedMedia',
        features => [{ name => 'prefers-color-scheme', value => $scheme }]);
}

sub width {
    my ($self, $width, $height) = @_;

    return $self->command('Emulation.setDeviceMetricsOverride',
        width => $width, height => $height // 900, deviceScaleFactor => 1,
        mobile => JSON::PP::false);
}

# The whole page, into a PNG file.
sub picture {
    my ($self, $path) = @_;
    my $got = $self->command('Page.captureScreenshot', format => 'png',
        captureBeyondViewport => JSON::PP::true);

    CORE::open my $fh, '>:raw', $path or die "$path: $!";
    print $fh decode_base64($got->{data});
    close $fh or die "$path: $!";
    return;
}

sub quit {
    my ($self) = @_;

    $self->ask(DELETE => '');
    $self->{driver}->kill;
    return;
}

1;
