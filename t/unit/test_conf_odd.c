/* Thousands of odd files: whatever is read, the promises of the interface
 * hold. Made from one good file, always the same ones. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/conf_table.h"
#include "conf_help.h"

static const char sample[] =
    "{ \"ListenPort\": 8087, \"StateFile\": \"/tmp/s\", \"Domain\": \"${D}\",\n"
    "\"RaftNodes\": [\"a\", \"b\",], \"LeaderOnlyProbes\": false,\n"
    "\"Stores\": {\"MySQL\": {\n"
    "\"User\": \"u\", \"Password\": \"hunter2\",\n"
    "\"MetricQuery\": \"select 1\",\n"
    "\"ThrottleThreshold\": 1.5, \"IgnoreHosts\": [\"x\"], \"UseTLS\": true,\n"
    "\"Clusters\": {\n"
    "\"main1\": {\"ThrottleThreshold\": 0.8, \"Port\": 3307,\n"
    "  \"StaticHostsSettings\": {\"Hosts\": [\"db1\", \"db2:3308\"]}},\n"
    "\"main2\": {\"HAProxySettings\": {\"Addresses\": \"http://lb/\",\n"
    "  \"PoolName\": \"p\"}}\n"
    "} } } }\n";

/* Pieces that mean something somewhere. */
static const char *const pieces[] = {
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "null",
    "true",
    "-1",
    "0",
    "1e5",
    "\"\"",
    "{}",
    "[]",
    "\n",
    "\"Port\":",
    "\"Clusters\":{",
    "\"a\":",
    "${",
    "${X}",
    "\\u0000",
    "\\ud800",
    "\xff",
    "1e999",
    "99999999999999999999",
};

static uint64_t seed;

static size_t
pick(size_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(seed >> 33) % n;
}

static int
lines_of(const char *text, size_t len)
{
    int lines = 1;

    for (size_t i = 0; i < len; i++)
        lines += text[i] == '\n';
    return lines;
}

static void
check_problems(const struct conf_report *r, int lines)
{
    size_t errors = 0, warnings = 0;

    for (size_t i = 0; i < r->count; i++) {
        const struct conf_problem *p = &r->problems[i];

        assert_true(p->line >= 0 && p->line <= lines);
        assert_true(i == 0 || p[-1].line <= p->line);
        assert_non_null(p->path);
        assert_true(*p->text != '\0');
        assert_null(strstr(p->text, "hunter2"));
        errors += p->severity == CONF_ERROR;
        warnings += p->severity == CONF_WARNING;
    }
    assert_int_equal(errors, r->errors);
    assert_int_equal(warnings, r->warnings);
}

static void
check_cluster(const struct conf_cluster *k)
{
    assert_in_range(strlen(k->name), 1, 63);
    assert_null(strchr(k->name, '/'));
    assert_true(k->threshold >= 0);
    assert_in_range(k->port, 1, 65535);
    assert_in_range(k->probe_interval_ms, 10, 60000);
    assert_in_range(k->probe_timeout_ms, 10, 60000);
    assert_true(k->max_age_ms > 0 && k->cache_ms >= 0);
    assert_true(k->ignore_hosts_count >= 0);
    assert_non_null(k->user);
    assert_non_null(k->password);
    assert_non_null(k->collation);
    assert_non_null(k->metric_query);
    assert_non_null(k->tls.ca);
    if (k->inventory && strcmp(k->inventory, "static") == 0)
        assert_true(k->static_hosts.count > 0);
    if (k->inventory && strcmp(k->inventory, "haproxy") == 0)
        assert_true(k->haproxy.urls.count > 0);
    if (k->inventory && strcmp(k->inventory, "proxysql") == 0)
        assert_true(k->proxysql.addresses.count > 0);
    assert_non_null(k->haproxy.pool);
    assert_non_null(k->proxysql.password);
    assert_non_null(k->vitess.keyspace);
    assert_in_range(k->vitess.timeout_ms, 1000, 3600000);
    for (size_t i = 0; i < k->static_hosts.count; i++)
        assert_non_null(k->static_hosts.items[i]);
}

/* 1: accepted. */
static int
check(const char *text, size_t len)
{
    struct conf_report report;
    struct conf *c = conf_parse(text, len, NULL, &report);
    int accepted = c != NULL;

    assert_int_equal(accepted, report.errors == 0);
    check_problems(&report, lines_of(text, len));
    if (c) {
        assert_in_range(c->listen_port, 1, 65535);
        assert_true(*c->state_file != '\0');
        for (size_t i = 0; i < c->nclusters; i++) {
            check_cluster(&c->clusters[i]);
            assert_true(i == 0 || strcmp(c->clusters[i - 1].name,
                                         c->clusters[i].name) < 0);
        }
    }
    conf_free(c);
    conf_report_free(&report);
    return accepted;
}

static void
test_sample(void **state)
{
    (void)state;
    assert_int_equal(check(sample, strlen(sample)), 1);
}

static void
test_cut_anywhere(void **state)
{
    size_t len = strlen(sample);

    (void)state;
    for (size_t i = 0; i < len - 1; i++)
        assert_int_equal(check(sample, i), 0);
}

static void
test_one_byte_changed(void **state)
{
    static const char bytes[] = "\0\"\\{}[],:x1- \n\xff";
    char copy[sizeof(sample)];
    int accepted = 0;

    (void)state;
    for (size_t i = 0; i < strlen(sample); i++) {
        for (size_t k = 0; k < sizeof(bytes) - 1; k++) {
            memcpy(copy, sample, sizeof(sample));
            copy[i] = bytes[k];
            accepted += check(copy, strlen(sample));
        }
    }
    assert_true(accepted > 100); /* not all of it is refused */
}

static size_t
insert(char *text, size_t len, const char *piece)
{
    size_t at = pick(len + 1), add = strlen(piece);

    memmove(text + at + add, text + at, len - at);
    memcpy(text + at, piece, add);
    return len + add;
}

static size_t
cut(char *text, size_t len)
{
    size_t at = pick(len), n = 1 + pick(8);

    if (at + n > len)
        n = len - at;
    memmove(text + at, text + at + n, len - at - n);
    return len - n;
}

static void
test_pieces_moved(void **state)
{
    char copy[sizeof(sample) + 1024];

    (void)state;
    seed = 1;
    for (int round = 0; round < 20000; round++) {
        size_t len = strlen(sample);

        memcpy(copy, sample, len);
        for (size_t n = 1 + pick(4); n > 0; n--)
            len = pick(3)
                      ? insert(copy, len,
                               pieces[pick(sizeof(pieces) / sizeof(*pieces))])
                      : cut(copy, len);
        check(copy, len);
    }
}

/* Every key with every kind of value, in every place. */
static void
test_every_key_and_kind(void **state)
{
    static const char *const values[] = {
        "null",    "true", "false", "0",         "-1",       "1",
        "70000",   "0.5",  "\"\"",  "\"x\"",     "\"${X}\"", "[]",
        "[\"a\"]", "[1]",  "{}",    "{\"a\":1}",
    };
    static const char *const shapes[] = {
        "{%s}",
        "{\"Stores\":{%s}}",
        "{\"Stores\":{\"MySQL\":{%s}}}",
        "{\"Stores\":{\"MySQL\":{\"Clusters\":{%s}}}}",
        "{\"Stores\":{\"MySQL\":{\"Clusters\":{\"c\":{%s}}}}}",
        "{\"Stores\":{\"MySQL\":{\"Clusters\":{\"c\":{\"HAProxySettings\":{%s}}"
        "}}}}",
        "{\"Stores\":{\"MySQL\":{\"Clusters\":{\"c\":{\"VitessSettings\":{%s}}}"
        "}}}",
        "{\"Stores\":{\"MySQL\":{\"Clusters\":{\"c\":{\"StaticHostsSettings\":{"
        "%s}}}}}}",
    };
    char json[512], member[128];

    (void)state;
    for (int id = 0; id < CONF_NKEYS; id++) {
        for (size_t v = 0; v < sizeof(values) / sizeof(*values); v++) {
            snprintf(member, sizeof(member), "\"%s\":%s", conf_keys[id].name,
                     values[v]);
            for (size_t s = 0; s < sizeof(shapes) / sizeof(*shapes); s++) {
                snprintf(json, sizeof(json), shapes[s], member);
                check(json, strlen(json));
            }
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sample),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_one_byte_changed),
        cmocka_unit_test(test_pieces_moved),
        cmocka_unit_test(test_every_key_and_kind),
    };

    return cmocka_run_group_tests_name("conf_odd", tests, NULL, NULL);
}
