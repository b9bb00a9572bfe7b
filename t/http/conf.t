#!/usr/bin/perl

# What an operator may get wrong in nginx.conf, and what nginx -t says to it.

use warnings;
use strict;

use Test::More;

use Sluice;
use Sluice::State;

###############################################################################

my $t = Sluice->new;

mkdir $t->dir . '/run';
my $state = Sluice::State->new($t->dir . '/run/state')->replace;

my $block = 'sluice { state %%DIR%%/run/state; }';
my $takes = 'the "sluice" block takes "state PATH;", "max_age TIME;", '
    . '"zone SIZE;" and "redis ADDRESS [user=NAME] [password_file=PATH];", '
    . 'each once in ';

# The good ones: each says nothing.

for my $case (
    ['block', $block, 'location /check/ { sluice_check; }'],
    ['empty block', 'sluice { state %%DIR%%/run/state; }', ''],
    ['both', 'sluice { max_age 500ms; state %%DIR%%/run/state; }', ''],
    ['relative path', 'sluice { state run/state; }', ''],
    ['zone', 'sluice { state %%DIR%%/run/state; zone 1m; }', ''],
    map({ ["redis $_", "sluice { state %%DIR%%/run/state; redis $_; }", ''] }
        '127.0.0.1', '127.0.0.1:6379', '[::1]:6379', 'localhost',
        'unix:/no/redis.sock', 'unix:run/redis.sock',
        'localhost password_file=' . $t->write_file('pw1', "secret\r\n"),
        'localhost user=u password_file=' . $t->write_file('pw2', 'x' x 1023)),
    ['no block, no use', '', ''],
    ['parameters', $block, 'location /a/ { sluice_check read if_exists; }'
        . 'location /b/ { sluice_check if_exists read; }'],
    ['explain', $block, 'location /explain/ { sluice_explain; }'],
    ['^~', $block, 'location ^~ /check/ { sluice_check; }'],
    ['status anywhere', $block, 'location = /a { sluice_status ok; }'
        . 'location ~ ^/b { sluice_status help; }'
        . 'location @c { sluice_status leader; }'],
    ['limit_except', $block, 'location /check/ { sluice_check;'
        . 'limit_except GET { deny all; } }'],
) {
    my ($name, $main, $server) = @$case;
    my ($status, $out) = $t->nginx_test(conf($main, $server));

    is($status, 0, "$name accepted");
    unlike($out, qr/\[(warn|emerg|error|alert)\]/, "$name without a word");
}

# The block may stand below what needs it, and the default is used.

my ($status, $out) = $t->nginx_test(conf('',
    'location /check/ { sluice_check; }') . "sluice { }\n");
is($status, 0, 'block at the end');

# A missing state is a warning.

($status, $out) =
    $t->nginx_test(conf('sluice { state %%DIR%%/no/state; }', ''));
is($status, 0, 'missing state accepted');
my $warning = 'no such file; checks answer 500 until sluiced has written it';
like($out, qr/\[warn\] .*sluice: ".*\/no\/state": no state: $warning/,
    'missing state');

# The bad ones: name, main level, server level, what is said, line.

for my $case (
    ['no block', '', 'location /check/ { sluice_check; }',
        'directive "sluice_check" in %%FILE%%:10 needs a "sluice" block: '
        . 'add "sluice { state /run/sluice/state; }" at the main level, '
        . 'beside "events"'],
    ['no block, status', '', 'location = /a { sluice_status leader; }',
        'directive "sluice_status" in %%FILE%%:10 needs a "sluice" block: '
        . 'add "sluice { state /run/sluice/state; }" at the main level, '
        . 'beside "events"'],

    # sluice
    ['two blocks', "$block\n$block", '', '"sluice" directive is duplicate: '
        . 'write all of it in one block in %%FILE%%:6'],
    ['block with an argument', 'sluice x { }', '',
        'invalid number of arguments in "sluice" directive in %%FILE%%:5'],
    ['block without braces', 'sluice;', '',
        'directive "sluice" has no opening "{" in %%FILE%%:5'],
    ['block in http', '', 'sluice { }',
        '"sluice" directive is not allowed here in %%FILE%%:10'],
    ['unknown in the block', 'sluice { slab 8m; }', '',
        qr/unknown directive "slab" in/],
    ['unknown, what is known', 'sluice { stat /x; }', '',
        $takes . '%%FILE%%:5'],
    ['events in the block', 'sluice { events { } }', '',
        $takes . '%%FILE%%:5'],
    ['block not closed', 'sluice { state /x;', '',
        $takes . '%%FILE%%:'],

    # state, max_age
    ['state twice', 'sluice { state /a; state /b; }', '',
        '"state" directive is duplicate in %%FILE%%:5'],
    ['state without path', 'sluice { state; }', '',
        'invalid number of arguments in "state" directive in %%FILE%%:5'],
    ['state of two', 'sluice { state /a /b; }', '', $takes . '%%FILE%%:5'],
    ['state empty', 'sluice { state ""; }', '',
        '"" cannot be the state file: write the path of a file, such as '
        . '"/run/sluice/state" in %%FILE%%:5'],
    ['state a directory', 'sluice { state /run/sluice/; }', '',
        '"/run/sluice/" cannot be the state file: write the path of a file, '
        . 'such as "/run/sluice/state" in %%FILE%%:5'],
    ['state outside', 'state /a;', '',
        '"state" directive is not allowed here in %%FILE%%:5'],
    ['max_age twice', 'sluice { max_age 1s; max_age 2s; }', '',
        '"max_age" directive is duplicate in %%FILE%%:5'],
    ['max_age 0', 'sluice { max_age 0; }', '', 'invalid max_age "0": write '
        . 'a time above zero, such as "1s" or "500ms" in %%FILE%%:5'],
    ['max_age word', 'sluice { max_age soon; }', '',
        'invalid max_age "soon": write a time above zero, such as "1s" or '
        . '"500ms" in %%FILE%%:5'],
    ['max_age negative', 'sluice { max_age -1s; }', '',
        'invalid max_age "-1s"'],
    ['max_age empty', 'sluice { max_age ""; }', '', 'invalid max_age ""'],

    # zone
    map({ ["zone $_", "sluice { zone $_; }", '', "zone \"$_\" is too small: "
        . 'write at least "1m" in %%FILE%%:5' ] }
        '0', '1023k', '1048575'),
    map({ ["zone '$_'", "sluice { zone '$_'; }", '', "invalid zone \"$_\": "
        . 'write a size, such as "8m" in %%FILE%%:5' ] }
        '', 'large', '-1m', '8mb', '99999999999999999999'),
    ['zone twice', 'sluice { zone 8m; zone 8m; }', '',
        '"zone" directive is duplicate in %%FILE%%:5'],

    # redis
    ['redis twice', 'sluice { redis 127.0.0.1; redis 127.0.0.1; }', '',
        '"redis" directive is duplicate in %%FILE%%:5'],
    ['redis without address', 'sluice { redis; }', '', $takes . '%%FILE%%:5'],
    map({ ["redis $_->[0]", "sluice { redis $_->[1]; }", '', "$_->[2] in redis "
        . qq("$_->[1]": write "HOST[:PORT]" or "unix:PATH" in %%FILE%%:5) ] }
        ['port', '127.0.0.1:70000', 'invalid port'],
        ['port a word', '127.0.0.1:redis', 'invalid port'],
        ['without host', ':6379', 'no host'],
        ['unix without path', 'unix:', 'no path in the unix domain socket'],
        ['an URI', '127.0.0.1:6379/0', 'invalid host'],
        ['unknown', 'no-such-host.invalid', 'host not found']),
    map({ ["redis $_->[0]", "sluice { redis 127.0.0.1 $_->[1]; }", '',
        'invalid or repeated parameter "' . $_->[2] . '": write "redis ADDRESS '
        . '[user=NAME] [password_file=PATH];" in %%FILE%%:5' ] }
        ['password', 'password=x', 'password=x'],
        ['user empty', 'user=', 'user='],
        ['user twice', 'user=a user=b', 'user=b'],
        ['file empty', 'password_file=', 'password_file='],
        ['port apart', '6379', '6379']),
    ['redis user alone', 'sluice { redis 127.0.0.1 user=a; }', '',
        '"redis" directive has a user without a password: add '
        . '"password_file=PATH" in %%FILE%%:5'],
    ['redis no file', 'sluice { redis 127.0.0.1 password_file=/no/such; }', '',
        qr{password_file "/no/such" failed \(2: No such file}],
    map({ ["redis password $_->[0]",
        "sluice { redis 127.0.0.1 password_file=$_->[1]; }", '',
        qr/password_file "[^"]+": expected one line with the password, of 1 to/] }
        ['empty', $t->write_file('empty', '')],
        ['newline', $t->write_file('newline', "\n")],
        ['two lines', $t->write_file('two', "a\nb\n")],
        ['NUL', $t->write_file('nul', "a\0b\n")],
        ['too long', $t->write_file('long', 'x' x 1024)],
        ['a device', '/dev/null']),

    # sluice_check
    ['check, unknown parameter', $block,
        'location /check/ { sluice_check write; }',
        'invalid or repeated parameter "write": write '
        . '"sluice_check [read] [if_exists];" in %%FILE%%:10'],
    ['check, parameter twice', $block,
        'location /check/ { sluice_check read read; }',
        'invalid or repeated parameter "read"'],
    ['check twice', $block, 'location /check/ { sluice_check; sluice_check; }',
        '"sluice_check" directive is duplicate: a location holds one '
        . '"sluice_check", one "sluice_explain" or one "sluice_status" in %%FILE%%:10'],
    ['check and status', $block,
        'location /check/ { sluice_check; sluice_status ok; }',
        '"sluice_status" directive is duplicate: a location holds one '
        . '"sluice_check", one "sluice_explain" or one "sluice_status" in %%FILE%%:10'],
    ['check and another handler', $block,
        'location /check/ { stub_status; sluice_check; }',
        '"sluice_check" directive cannot share a location with another '
        . 'handler in %%FILE%%:10'],
    map({ ["check in $_->[0]", $block, $_->[1],
        '"sluice_check" directive needs a plain prefix location that ends '
        . 'with a slash: write "location /check/ { sluice_check; }" '
        . 'in %%FILE%%:10' ] }
        ['a location without slash', 'location /check { sluice_check; }'],
        ['an exact location', 'location = /check/ { sluice_check; }'],
        ['a regex location', 'location ~ ^/check/ { sluice_check; }'],
        ['a caseless location', 'location ~* /check/ { sluice_check; }'],
        ['a named location', 'location @check/ { sluice_check; }']),
    map({ ["check in $_->[0]", $block, $_->[1],
        '"sluice_check" directive is not allowed here: it stands in a '
        . 'location, outside "if" and "limit_except" in %%FILE%%:10' ] }
        ['server', 'sluice_check;'],
        ['if in server', 'if ($arg_a) { sluice_check; }'],
        ['if', 'location /check/ { if ($arg_a) { sluice_check; } }'],
        ['limit_except',
            'location /check/ { limit_except GET { sluice_check; } }']),
    ['check at the main level', "$block\nsluice_check;", '',
        '"sluice_check" directive is not allowed here in %%FILE%%:6'],

    # sluice_explain
    ['explain, a parameter', $block,
        'location /explain/ { sluice_explain all; }',
        '"sluice_explain" directive takes no parameters: write '
        . '"sluice_explain;" in %%FILE%%:10'],
    ['explain and check', $block,
        'location /explain/ { sluice_explain; sluice_check; }',
        '"sluice_check" directive is duplicate: a location holds one '
        . '"sluice_check", one "sluice_explain" or one "sluice_status" in '
        . '%%FILE%%:10'],
    map({ ["explain in $_->[0]", $block, $_->[1],
        '"sluice_explain" directive needs a plain prefix location that ends '
        . 'with a slash: write "location /explain/ { sluice_explain; }" '
        . 'in %%FILE%%:10' ] }
        ['a location without slash', 'location /explain { sluice_explain; }'],
        ['an exact location', 'location = /explain/ { sluice_explain; }'],
        ['a regex location', 'location ~ ^/explain/ { sluice_explain; }'],
        ['a named location', 'location @explain/ { sluice_explain; }']),
    ['explain in server', $block, 'sluice_explain;',
        '"sluice_explain" directive is not allowed here: it stands in a '
        . 'location, outside "if" and "limit_except" in %%FILE%%:10'],
    ['explain without block', '', 'location /explain/ { sluice_explain; }',
        'directive "sluice_explain" in %%FILE%%:10 needs a "sluice" block: '
        . 'add "sluice { state /run/sluice/state; }" at the main level, '
        . 'beside "events"'],

    # sluice_status
    map({ ["status $_->[0]", $block, "location = /s { sluice_status$_->[1]; }",
        '"sluice_status" directive needs one of these words: "ok", '
        . '"hostname", "leader", "ready", "aggregated_metrics", "metrics_health", '
        . '"recent_apps", "counters", "state", "vars", "help" in %%FILE%%:10' ] }
        ['without word', ''], ['unknown', ' lag'], ['two words', ' ok help'],
        ['empty word', ' ""'], ['prefix', ' o']),
    ['status in server', $block, 'sluice_status ok;',
        '"sluice_status" directive is not allowed here: it stands in a '
        . 'location, outside "if" and "limit_except" in %%FILE%%:10'],
) {
    my ($name, $main, $server, $said) = @$case;
    my ($status, $out) = $t->nginx_test(conf($main, $server));

    isnt($status, 0, "$name refused");

    if (ref $said) {
        like($out, $said, "$name, what is said");
        next;
    }

    my ($before, $after) = split /%%FILE%%/, $said;
    my $file = $said =~ /%%FILE%%/ ? qr/\S+?\.conf\Q$after\E/ : qr//;
    like($out, qr/\[emerg\] .*\Q$before\E$file/, "$name, what is said");
}

# Modules loaded out of order.

my ($stream, $sluice, $ours) = grep { /load_module/ }
    split /(?<=;)\s*/, $t->expand('%%MODULES%%');

($status, $out) = $t->nginx_test(join "\n", $stream, $ours, $sluice,
    'events { }', '');
isnt($status, 0, 'stream_sluice before sluice');
like($out, qr/stream_sluice_module.so" failed .*undefined symbol: \w*sluice/,
    'names what is missing');

($status, $out) = $t->nginx_test(join "\n", $sluice, 'events { }', '');
is($status, 0, 'sluice without stream');

$t->expect_log(qr/\[emerg\]/);
$t->done;

###############################################################################

# Line 5 is the main level's, line 10 (without lines more there) the server's.

sub conf {
    my ($main, $server) = @_;
    (my $modules = $t->expand('%%MODULES%%')) =~ s/\s*\n\s*/ /g;

    return <<"EOC";
$modules
error_log stderr info;
pid %%DIR%%/test.pid;
events { }
$main
http {
    access_log off;
    server {
        listen 127.0.0.1:8080;
        $server
    }
}
EOC
}
