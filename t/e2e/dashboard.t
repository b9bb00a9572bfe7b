#!/usr/bin/perl

# The dashboard in a real browser: what it shows, what operators do there, each
# with a question first, that it says when it is stale, and where it is only to
# be looked at. What people wrote stays text.

use warnings;
use strict;
use utf8;

use JSON::PP;
use Test::More;

use Sluice;
use Sluice::Browser;
use Sluice::Kind;
use Sluice::Route;

###############################################################################

binmode Test::More->builder->$_, ':utf8'
    for qw(output failure_output todo_output);

my $t = Sluice->new;
my $hostile = q{<img src=x onerror="document.title='broken'">};

Sluice::Kind::needed($t->build, 'raft');

my @db = map { $t->mariadb } 1 .. 2;
my @at = map { '127.0.0.1:' . $_->port } @db;

$_->sql(q{create user 'app'@'%' identified by 'app'}) for @db;
mkdir $t->dir . '/raft';

my $hosts = encode_json({ Hosts => \@at });
my $routing = encode_json({ Eligible => 'replication', Priority => \@at });
my $sluiced = $t->sluiced(<<"EOF");
{
  "RaftDataDir": "%%DIR%%/raft", "Domain": "test",
  "Stores": { "MySQL": {
    "User": "probe", "Password": "probe", "ThrottleThreshold": 1,
    "MetricQuery": "select 0.25",
    "Clusters": {
      "app": { "StaticHostsSettings": $hosts,
        "Routing": $routing },
      "plain": { "StaticHostsSettings": $hosts, "ThrottleThreshold": 0.125 }
    } } } }
EOF

my $conf = <<'EOF';
%%MODULES%%
worker_processes 2;
error_log %%DIR%%/error.log info;
events { }
sluice { state %%DIR%%/run/state; }
http {
    upstream sluiced { server unix:%%DIR%%/run/control.sock; keepalive 8; }
    set_real_ip_from 127.0.0.1;
    server {
        listen 127.0.0.1:8080;
        include %%CONF%%/nginx/freno.conf;
        include %%CONF%%/nginx/route.conf;
        set $sluice_html %%CONF%%/html;
        include %%CONF%%/nginx/dashboard.conf;
        include %%CONF%%/nginx/dashboard-operator.conf;
    }
    server {
        listen 127.0.0.1:8082;
        set $sluice_html %%CONF%%/html;
        include %%CONF%%/nginx/dashboard.conf;
    }
}
stream {
    upstream app { sluice app; }
    server { listen 127.0.0.1:8081; proxy_pass app; sluice_hold app 10s; }
}
EOF
$t->nginx($conf);

active_is($t, $at[0], 'the first host is active');

my $page = 'http://127.0.0.1:' . $t->port(8080) . '/dashboard/';
my $b = Sluice::Browser->new($t);

###############################################################################

# Where things are.

sub row { return qq{//tr[.//*[\@data-part="name"]="$at[$_[0]]"]} }

sub cluster { return qq{//section[.//h2="$_[0]"]} }

sub app_row { return cluster('app') . row($_[0]) }

sub part { return $_[0] . qq{//*[\@data-part="$_[1]"]} }

my $dialog = '//dialog[@open]';
my $yes = '//button[@id="ask-yes"]';
my $no = '//button[@id="ask-no"]';
my $stale = '//*[@id="stale"]';
my $read_only = '//*[@id="look"]';

sub field { return qq{$dialog//*[\@name="$_[0]"]} }

# Waits until it is seen, is seen no more, has such a text.

sub comes {
    my ($xpath, $what) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return ok($t->wait_for($what, sub { $b->sees($xpath) }, 60), $what);
}

sub goes {
    my ($xpath, $what) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return ok($t->wait_for($what, sub { !$b->sees($xpath) }, 60), $what);
}

sub says {
    my ($xpath, $pattern, $what) = @_;
    my $text = '';

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $t->wait_for($what, sub {
        ($text = $b->text($xpath)) =~ $pattern }, 60);
    return like($text, $pattern, $what);
}

# An order: the button, what the question says, its fields, and it is done.
sub order {
    my ($what, $button, $says, %fields) = @_;

    $b->click($button);
    comes($dialog, "$what: is asked for");
    like($b->text($dialog), $says, "$what: says what will happen");
    $b->type(field($_), $fields{$_}) for sort keys %fields;
    $b->click($yes);
    goes($dialog, "$what: done");
    return;
}

# The same, but not meant.
sub cancelled {
    my ($what, $button) = @_;

    $b->click($button);
    comes($dialog, "$what: is asked for");
    $b->click($no);
    return goes($dialog, "$what: cancelled");
}

sub route_is { return route($t, 'app')->{$_[0]} }

sub throttled { return decode_json($t->get(8080, '/throttled-apps')->{body}) }

###############################################################################

# What it shows.

$b->open($page);
comes(cluster('app'), 'a cluster is there');
is($b->title, 'Sluice at 127.0.0.1:' . $t->port(8080), 'the title');
comes(part(app_row(0), 'active'), 'the active host is marked');
ok(!$b->sees(part(app_row(1), 'active')), 'the other is not');
is($b->text(part(app_row(0), 'role')), 'primary', 'its role');
says(part(app_row(1), 'role'), qr/^replica, inactive$/, 'that of the other');
says(part(app_row(0), 'health'), qr/^healthy$/, 'its health');
like($b->text(part(app_row(0), 'why')), qr/^writable$/, 'and why');
says(part(app_row(0), 'lag'), qr/^0\.250$/, 'its lag');
says(part(app_row(0), 'age'), qr/^\d+ ms$/, 'the age of that');
like($b->text(part(cluster('app'), 'epoch')),
    qr/^1, since \d\d:\d\d:\d\d \(\d.* ago\): $at[0] is the first$/,
    'the epoch, since when and why');
like($b->text(part(cluster('app'), 'writers')), qr/^go to $at[0]$/, 'writers');
is($b->text(part(cluster('app'), 'traffic')), 'on', 'the traffic switch');
is($b->text(part(cluster('app'), 'mode')), 'automatic', 'who chooses');
says(part(cluster('app'), 'verdict'), qr/^Checks pass: lag 0\.250 of 1$/,
    'what checks are told');
says(part(cluster('plain'), 'verdict'),
    qr/^Checks wait: lag 0\.250 is over 0\.125$/, 'in another cluster');
ok(!$b->sees(part(cluster('plain'), 'writers')), 'which is not routed');
is($b->text(part(cluster('plain') . row(0), 'sessions')), '–',
    'and knows no sessions');
my @sessions = map { route_client($t, 8081) } 1 .. 3;
says(part(app_row(0), 'sessions'), qr/^3$/, 'sessions');
$_->disconnect for @sessions;
says(part(app_row(0), 'sessions'), qr/^0$/, 'and their ends');
says('//*[@id="summary"]', qr/^2 clusters · 4 hosts · 0 throttled apps$/,
    'the summary');
says('//*[@id="trouble"]', qr/^plain$/, 'which cluster to look at');
goes($stale, 'it is not stale');
ok(!$b->sees($read_only), 'nor read only');
my $before = $b->text('//*[@id="fresh"]');
says('//*[@id="fresh"]', qr/^live, (?!\Q$before\E)/, 'it lives');
ok($t->wait_for('another second', sub {
    $b->text('//*[@id="fresh"]') ne $before }, 30), 'each second anew');

# A switch.

cancelled('a switch', part(app_row(1), 'switch'));
is(route_is('host'), $at[0], 'a switch: cancelled is not done');
order('a switch', part(app_row(1), 'switch'),
    qr/Make \Q$at[1]\E active in app\?.*session on \Q$at[0]\E ends at once/s,
    reason => "a try $hostile");
is(active_is($t, $at[1], 'the switch is made')->{reason},
    "an operator switched to it: a try $hostile", 'with its reason');
comes(part(app_row(1), 'active'), 'and shown');
goes(part(app_row(0), 'active'), 'and only there');
says(part(cluster('app'), 'epoch'),
    qr/^2, since .*: an operator switched to it: a try \Q$hostile\E$/,
    'its reason is text');
says('//*[@id="done"]', qr/^Stored at .*: \Q$at[1]\E is active in app\.$/,
    'it is confirmed');

# By the keyboard alone.

my $drain = part(app_row(1), 'drain');
$b->focus($drain);
$b->keys("\x{E007}");    # Enter
comes($dialog, 'Enter asks');
is($b->script('return document.activeElement.id'), 'ask-no',
    'the focus is on what changes nothing');
$b->keys("\x{E00C}");    # Escape
goes($dialog, 'Escape cancels');
is($b->script('return document.activeElement.dataset.part'), 'drain',
    'the focus is where it was');
is(route_is('host'), $at[1], 'and nothing is changed');

# A host that is drained, taken down and brought up.

order('a drain', $drain, qr/Drain \Q$at[1]\E of app\?.*the active host/s);
active_is($t, $at[0], 'the active host is drained: another is active');
says(part(app_row(1), 'health'), qr/^drained by an operator$/, 'it is shown');
goes($drain, 'and cannot be drained again');
cancelled('a take down', part(app_row(1), 'down'));
order('a take down', part(app_row(1), 'down'), qr/Every session on \Q$at[1]\E ends/);
says(part(app_row(1), 'health'), qr/^down by an operator$/, 'down is shown');
goes(part(app_row(1), 'switch'), 'it cannot be made active');
order('a bring up', part(app_row(1), 'up'), qr/gets sessions again/);
says(part(app_row(1), 'health'), qr/^healthy$/, 'up is shown');

# What sluiced refuses.

comes(part(app_row(1), 'switch'), 'it can be made active again');
$b->click(part(app_row(1), 'switch'));
comes($dialog, 'a switch that comes too late');
is(post_form($t, '/route/app/host', "host=$at[1]&state=down")->{status}, 200,
    'somebody else was faster');
says(part(app_row(1), 'health'), qr/^down by an operator$/, 'as is shown');
$b->click($yes);
says('//*[@id="ask-error"]', qr/^\Q$at[1]\E is down: an operator said so$/,
    'the reason is shown');
ok($b->sees($dialog), 'the question is still there');
$b->click($no);
goes($dialog, 'and can be cancelled');
is(post_form($t, '/route/app/host', "host=$at[1]&state=up")->{status}, 200, 'up');

# Traffic.

my $turn = part(cluster('app'), 'turn');
cancelled('traffic off', $turn);
$b->click($turn);
comes($dialog, 'traffic off: is asked for');
$b->click($yes);
ok($b->sees($dialog), 'traffic off: not without a message');
ok(route_is('traffic'), 'traffic off: neither is done');
$b->click($no);
goes($dialog, 'traffic off: cancelled');
order('traffic off', $turn, qr/Every session of app ends at once/,
    message => "back soon $hostile");
says(part(cluster('app'), 'traffic'),
    qr/^off since \d\d:\d\d:\d\d: back soon \Q$hostile\E$/,
    'traffic off: with the message, which is text');
ok(!route_is('traffic'), 'traffic off: is done');
says(part(cluster('app'), 'writers'), qr/^nobody is let in: traffic is off$/,
    'and what that means');
says('//*[@id="trouble"]', qr/^app\s+plain$/, 'it is one to look at');
$b->click('//*[@id="trouble"]/a[.="app"]');
is($b->script('return document.querySelector(":target").textContent'), 'app',
    'to which a link leads');
says($turn, qr/^Turn traffic on…$/, 'it can be turned on');
order('traffic on', $turn, qr/let in again/);
says(part(cluster('app'), 'traffic'), qr/^on$/, 'it is on');

# By hand.

my $by_hand = part(cluster('app'), 'by-hand');
cancelled('by hand', $by_hand);
order('by hand', $by_hand, qr/Nobody moves the active host any more/);
says(part(cluster('app'), 'mode'), qr/^by hand: only an operator/, 'by hand');
order('automatically', $by_hand, qr/moves again/);
says(part(cluster('app'), 'mode'), qr/^automatic$/, 'automatically');

# Throttles.

my $odd = 'a b%41?#&é';
my $throttle = '//button[@id="throttle"]';
cancelled('a throttle', $throttle);
is_deeply(throttled(), {}, 'a throttle: cancelled is not done');
order('a throttle', $throttle, qr/checks are refused/, app => $odd,
    percent => 50, ttl => 30, owner => 'me', reason => $hostile);
my $rule = throttled()->{$odd} // {};
is($rule->{Ratio}, 0.5, 'a throttle: its ratio');
is("$rule->{Owner} $rule->{Reason}", "me $hostile", 'a throttle: owner, reason');
my $row = qq{//tr[.//*[\@data-part="app"]="$odd"]};
comes($row, 'a throttle: shown');
says(part($row, 'reason'), qr/^\Q$hostile\E$/, 'a throttle: its reason is text');
is($b->text(part($row, 'owner')), 'me', 'a throttle: its owner');
is($b->text(part($row, 'refused')), '50 %', 'a throttle: its share');
like($b->text(part($row, 'ends')), qr/^in (29|30) min$/, 'a throttle: its end');
is($b->text(part($row, 'cluster')), 'all', 'a throttle: of all clusters');
$b->click($throttle);
comes($dialog, 'another throttle');
$b->type(field('app'), 'reports');
$b->type(field('ttl'), '');
$b->click(field('store_name') . '/option[.="plain"]');
$b->click($yes);
goes($dialog, 'another throttle: done');
my $second = '//tr[.//*[@data-part="app"]="reports"]';
says(part($second, 'cluster'), qr/^plain$/, 'another throttle: of a cluster');
is($b->text(part($second, 'ends')), 'never', 'another throttle: for ever');
ok($t->wait_for('a refusal', sub {
    $t->get(8080, '/check/reports/mysql/plain')->{status} == 417 }),
    'it is refused there');
is($t->get(8080, '/check/reports/mysql/app')->{status}, 200, 'and only there');
cancelled('a lift', part($second, 'lift'));
order('a lift', part($second, 'lift'), qr/Lift the throttle of reports in plain\?/);
goes($second, 'a lift: it is gone');
order('a lift', part($row, 'lift'), qr/Lift the throttle of \Q$odd\E\?/);
goes($row, 'a lift: so is the odd one');
is_deeply(throttled(), {}, 'none is throttled any more');

is($b->script('return document.images.length'), 0, 'nobody made an image');
like($b->title, qr/^Sluice at/, 'and no script but ours ran');

# Stale.

order('a throttle', $throttle, qr/checks are refused/, app => 'kept',
    owner => 'somebody');
my $kept = part('//tr[.//*[@data-part="app"]="kept"]', 'owner');
says($kept, qr/^somebody$/, 'a throttle that stays');
$sluiced->stop;
says($stale, qr/^Stale: sluiced is silent since \d\d:\d\d:\d\d\. This is how/,
    'sluiced is frozen: said');
like($b->title, qr/^Stale: /, 'the title says it');
is($b->text('//*[@id="fresh"]'), 'stale', 'it does not say it lives');
ok($b->sees(app_row(0)), 'what was known is still there');
my $old = $b->text(part(app_row(0), 'age'));
ok($t->wait_for('older', sub { $b->text(part(app_row(0), 'age')) ne $old }, 30),
    'and gets older');
is($b->text($kept), 'somebody', 'who throttled is not forgotten');
$sluiced->cont;
goes($stale, 'it goes on: not stale any more');
$sluiced->kill;
says($stale, qr/^Stale: sluiced is silent/, 'sluiced is killed: said');
$b->click($turn);
comes($dialog, 'an order without sluiced');
like($b->text($dialog), qr/what this page shows is stale/, 'says it, too');
$b->type(field('message'), 'x');
$b->click($yes);
says('//*[@id="ask-error"]', qr/^sluiced does not answer: /, 'and is refused');
$b->click($no);
$sluiced->launch;
goes($stale, 'sluiced is back');
$t->nginx_stop;
says($stale, qr/^Stale: nginx does not answer: .* This is how it was at [\d:]+\.$/,
    'nginx is gone: said');
$t->nginx($conf);
goes($stale, 'nginx is back');

# Whose orders are not taken.

sub look_only {
    my ($url, $says, $what) = @_;

    $b->open($url);
    says($read_only, $says, "$what: said");
    comes(app_row(0), "$what: hosts are there to see");
    is(scalar(grep { $b->sees($_) } $turn, $throttle, part(app_row(0), 'drain'),
        part(app_row(1), 'switch')), 0, "$what: no orders");
    return;
}

is($b->script('return document.body.dataset.may'), 'act', 'orders are taken');
$b->command('Network.enable');
$b->command('Network.setExtraHTTPHeaders', headers => { 'X-Real-IP' => '10.9.9.9' });
look_only($page, qr/^Read only: orders are not taken from you \(403\)\.$/,
    'from another address');
$b->command('Network.setExtraHTTPHeaders', headers => {});
look_only('http://127.0.0.1:' . $t->port(8082) . '/dashboard',
    qr/^Read only: this page takes no orders here\.$/,
    'without what is the operator\'s');

# Narrow, light and dark.

for my $scheme (qw(light dark)) {
    $b->scheme($scheme);
    for my $width (320, 400, 1280) {
        $b->width($width);
        $b->open($page);
        comes(part(app_row(1), 'switch'), "$scheme, $width wide");
        cmp_ok($b->script('return document.documentElement.scrollWidth'), '<=',
            $width, "$scheme, $width wide: fits");
    }
}
is(join("\n", $b->complaints), '', 'the browser has no complaints');
$b->quit;

# What keeps other sites out, whatever the browser.

sub send_to {
    my ($path, %opt) = @_;

    return $t->get(8080, "/dashboard/do/$path", method => 'POST',
        body => 'mode=manual', %opt, headers => {
            'Content-Type' => 'application/x-www-form-urlencoded',
            %{ $opt{headers} // {} } })->{status};
}

my %ours = ('Sluice-Request' => 1);
is(send_to('route/app/mode'), 403, 'a form of another site');
is(send_to('route/app/mode', headers => { Origin => 'http://evil.example', %ours,
    'Sec-Fetch-Site' => 'cross-site' }), 403, 'a script of another site');
is(send_to('throttle-app/x', method => 'GET', headers => \%ours), 403,
    'GET changes nothing');
is(send_to('route/app/mode', headers => { 'X-Real-IP' => '10.9.9.9', %ours }),
    403, 'another address');
is(send_to($_, headers => \%ours), 404, "$_ is not passed on")
    for 'consensus/members', 'route/app/nosuch', 'skip-host/db1', 'nosuch';
is(route_is('manual') ? 'manual' : 'automatic', 'automatic', 'nothing changed');
is(send_to('route/app/mode', headers => \%ours), 200, 'ours is');
is_deeply([keys %{ throttled() }], ['kept'], 'nobody else was throttled');

for my $file ('', 'dashboard.js', 'dashboard.css', 'icon.svg') {
    my $got = $t->get(8080, "/dashboard/$file");
    my $headers = $got->{headers};

    is($got->{status}, 200, "/dashboard/$file");
    like($headers->{'content-security-policy'},
        qr/^default-src 'none';.* frame-ancestors 'none'$/, 'its policy');
    is("$headers->{'x-content-type-options'} $headers->{'x-frame-options'}",
        'nosniff DENY', 'what else it forbids');
    unlike($got->{body}, qr{innerHTML|outerHTML|insertAdjacentHTML|\beval\b
        |document\.write|https?://(?!www\.w3\.org/2000/svg)}x,
        'it makes no markup of text, and needs nothing from elsewhere');
}
is($t->get(8080, '/dashboard/nosuch')->{status}, 404, 'no such file');
is($t->get(8080, '/dashboard/status')->{headers}{'cache-control'}, 'no-store',
    'the state is in no cache');
is($t->get(8080, '/dashboard/throttled-apps', method => 'POST')->{status}, 403,
    'a list is not changed');

$t->expect_log(qr/sluice: |upstream|control\.sock|access forbidden/);
$t->done;
