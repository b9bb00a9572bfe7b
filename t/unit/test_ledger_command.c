/* The ledger's commands as bytes: what goes in comes out, the rest is refused
 * with a sentence. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <math.h>

#include <cmocka.h>

#include "ledger_help.h"

/* The sentence, or "": it was taken. */
static const char *
decode(const void *bytes, size_t len, struct ledger_command *c)
{
    static char err[ERR_SIZE];
    unsigned char *own = malloc(len ? len : 1);
    int rc;

    memset(err, '#', sizeof(err));
    if (len)
        memcpy(own, bytes, len);
    rc = ledger_decode(own, len, c, err, sizeof(err));
    free(own);
    if (rc == 0)
        return "";
    assert_non_null(memchr(err, '\0', sizeof(err)));
    assert_true(err[0] != '\0');
    return err;
}

static void
assert_there_and_back(const struct ledger_command *c)
{
    unsigned char bytes[LEDGER_COMMAND_MAX], again[LEDGER_COMMAND_MAX];
    struct ledger_command back;
    size_t len = ledger_encode(c, bytes);

    assert_true(len > 0 && len % 8 == 0 && len <= LEDGER_COMMAND_MAX);
    memset(&back, '#', sizeof(back));
    assert_string_equal(decode(bytes, len, &back), "");
    assert_int_equal(back.kind, c->kind);
    assert_true(back.now_real_ms == c->now_real_ms);
    assert_int_equal(back.change.kind, c->change.kind);
    assert_string_equal(back.change.key, c->change.key);
    assert_true(back.change.ratio == c->change.ratio);
    assert_true(back.change.ttl_ms == c->change.ttl_ms);
    assert_string_equal(back.change.owner, c->change.owner);
    assert_string_equal(back.change.reason, c->change.reason);
    assert_string_equal(back.store_id, c->store_id);
    assert_int_equal(ledger_encode(&back, again), len);
    assert_memory_equal(bytes, again, len);
}

/* The longest of everything. */
static struct ledger_command
longest(void)
{
    struct ledger_command c = throttle_of("", 1, FACT_NEVER, UINT64_MAX);

    memset(c.change.key, 'k', sizeof(c.change.key) - 1);
    memset(c.change.owner, 'o', sizeof(c.change.owner) - 1);
    memset(c.change.reason, 'r', sizeof(c.change.reason) - 1);
    return c;
}

static struct ledger_command
set_of(const char *name, const char *value, uint64_t expected)
{
    struct ledger_command c = change_of(CHANGE_SET, name, 0, 1000);

    strcpy(c.change.value, value);
    c.change.compares = expected != 0;
    c.change.expected = expected;
    return c;
}

static void
test_there_and_back(void **state)
{
    struct ledger_command c[] = {
        throttle_of("app/cluster1", 0.1, 60000, 1795239642250),
        throttle_of("a", CHANGE_RATIO_KEEP, FACT_NEVER, 0),
        throttle_of("a", 0, 1, UINT64_MAX),
        throttle_of("a", 1, 1, 1),
        change_of(CHANGE_UNTHROTTLE, "app", 0, 1000),
        change_of(CHANGE_SKIP, "db1", 60000, 1000),
        change_of(CHANGE_RECOVER, "db1", 0, 1000),
        found_of("6f1c9a52"),
        found_of("this id has thirty-nine bytes, the most"),
        {.kind = LEDGER_SETTLED, .now_real_ms = 5},
        longest(),
        set_of("route/main1", "epoch=1", 0),
        set_of("route/main1", "", fact_value_mark("epoch=1")),
        set_of("a", "b", 1),
        longest(),
    };

    (void)state;
    c[14].change.kind = CHANGE_SET;
    c[14].change.ratio = 0;
    c[14].change.ttl_ms = 0;
    memset(c[14].change.value, 'v', FACT_VALUE_SIZE - 1);
    c[3].change.owner[0] = '\0';
    c[3].change.reason[0] = '\0';
    for (size_t i = 0; i < sizeof(c) / sizeof(*c); i++)
        assert_there_and_back(&c[i]);
}

/* Nodes of different versions read each other's logs: this must not change. */
static void
test_the_bytes(void **state)
{
    static const unsigned char expected[] =
        "\1\1\xe8\3\0\0\0\0\0\0"    /* version, kind, time */
        "\0\3\0app"                 /* throttle */
        "\0\0\0\0\0\0\xe0\x3f"      /* 0.5 */
        "\x60\xea\0\0\0\0\0\0"      /* 60000 */
        "\2\0me\4\0work\0\0\0\0\0"; /* and the padding */
    struct ledger_command c = throttle_of("app", 0.5, 60000, 1000);
    unsigned char bytes[LEDGER_COMMAND_MAX];

    (void)state;
    strcpy(c.change.owner, "me");
    strcpy(c.change.reason, "work");
    assert_int_equal(ledger_encode(&c, bytes), 48);
    assert_memory_equal(bytes, expected, 48);
}

/* What a kind has no use for does not get into the log. */
static void
test_what_is_not_written(void **state)
{
    struct ledger_command c = change_of(CHANGE_UNTHROTTLE, "a", -1, 1), back;
    unsigned char bytes[LEDGER_COMMAND_MAX];

    (void)state;
    c.change.ratio = NAN;
    strcpy(c.store_id, "other");
    assert_string_equal(decode(bytes, ledger_encode(&c, bytes), &back), "");
    assert_true(back.change.ratio == 0);
    assert_int_equal(back.change.ttl_ms, 0);
    assert_string_equal(back.store_id, "");
    c.change.kind = CHANGE_SKIP;
    c.change.ttl_ms = 9;
    assert_string_equal(decode(bytes, ledger_encode(&c, bytes), &back), "");
    assert_true(back.change.ratio == 0);
    assert_int_equal(back.change.ttl_ms, 9);
    c.kind = LEDGER_FOUND;
    assert_string_equal(decode(bytes, ledger_encode(&c, bytes), &back), "");
    assert_string_equal(back.change.key, "");
    assert_string_equal(back.store_id, "other");
}

static void
assert_refused(const struct ledger_command *c, const char *why)
{
    unsigned char bytes[LEDGER_COMMAND_MAX];
    char err[ERR_SIZE], tiny[4];

    assert_int_equal(ledger_check(c, err, sizeof(err)), -1);
    assert_string_equal(err, why);
    assert_int_equal(ledger_encode(c, bytes), 0);
    memset(tiny, '#', sizeof(tiny));
    assert_int_equal(ledger_check(c, tiny, sizeof(tiny)), -1);
    assert_int_equal(tiny[3], '\0');
    assert_int_equal(ledger_check(c, NULL, 0), -1);
}

static void
assert_change_refused(enum consensus_change_kind kind,
                      const char *key,
                      double ratio,
                      int64_t ttl_ms,
                      const char *why)
{
    struct ledger_command c = change_of(kind, key, ttl_ms, 1000);

    c.change.ratio = ratio;
    assert_refused(&c, why);
}

static void
test_changes_that_are_none(void **state)
{
    static const double ratios[] = {NAN,  INFINITY, -INFINITY,         -0.5,
                                    -1.5, -1e-9,    1.0000000000000002};
    struct ledger_command c = longest();

    (void)state;
    for (int kind = CHANGE_THROTTLE; kind <= CHANGE_SET; kind++)
        assert_change_refused(kind, "", 1, 1, "the name is empty");
    for (size_t i = 0; i < sizeof(ratios) / sizeof(*ratios); i++)
        assert_change_refused(CHANGE_THROTTLE, "a", ratios[i], 1,
                              "ratio must be in [0..1] range");
    for (int64_t ttl_ms = -1; ttl_ms <= 0; ttl_ms++) {
        assert_change_refused(CHANGE_THROTTLE, "a", 1, ttl_ms,
                              "the time it is for has passed");
        assert_change_refused(CHANGE_SKIP, "a", 0, ttl_ms,
                              "the time it is for has passed");
    }
    assert_change_refused(CHANGE_SKIP, "a", 0, INT64_MIN,
                          "the time it is for has passed");
    assert_change_refused(5, "a", 0, 1, "there is no such change");
    assert_change_refused(-1, "a", 0, 1, "there is no such change");
    c.change.key[FACT_NAME_SIZE - 1] = 'k';
    assert_refused(&c, "the name is too long");
    c = longest();
    c.change.owner[FACT_NAME_SIZE - 1] = 'o';
    assert_refused(&c, "the owner is too long");
    c = longest();
    c.change.reason[FACT_NOTE_SIZE - 1] = 'r';
    assert_refused(&c, "the reason is too long");
    c = longest();
    c.change.kind = CHANGE_SET;
    memset(c.change.value, 'v', FACT_VALUE_SIZE);
    assert_refused(&c, "the value is too long");
}

static void
test_commands_that_are_none(void **state)
{
    struct ledger_command c = found_of("");

    (void)state;
    assert_refused(&c, "the id of the store is empty");
    memset(c.store_id, 'x', sizeof(c.store_id));
    assert_refused(&c, "the id of the store is too long");
    for (int kind = -1; kind <= 4; kind++) {
        c.kind = kind;
        if (kind <= 0 || kind > LEDGER_SETTLED)
            assert_refused(&c, "there is no such command");
    }
}

#define DAMAGED "this command for the facts is cut short or damaged"

static void
test_cut_short_at_every_length(void **state)
{
    struct ledger_command commands[] = {
        longest(), found_of("6f1c9a52"), {.kind = LEDGER_SETTLED}};
    struct ledger_command kept = found_of("kept"), c = kept;
    unsigned char bytes[LEDGER_COMMAND_MAX + 16];

    (void)state;
    for (int i = 0; i < 3; i++) {
        size_t len = ledger_encode(&commands[i], bytes);

        for (size_t cut = 1; cut < len; cut++)
            assert_true(decode(bytes, cut, &c)[0] != '\0');
        assert_string_equal(decode(bytes, 0, &c),
                            "this is no command for the facts");
        /* Nor may there be more. */
        memset(bytes + len, 0, 16);
        for (size_t more = 1; more <= 16; more++)
            assert_string_equal(decode(bytes, len + more, &c), DAMAGED);
        assert_memory_equal(&c, &kept, sizeof(c));
    }
    assert_string_equal(decode(NULL, 0, &c),
                        "this is no command for the facts");
}

static void
test_damaged_bytes(void **state)
{
    static const struct {
        size_t at;
        unsigned char byte;
        const char *why;
    } rows[] = {
        {0, 0, "this is no command for the facts"},
        {1, 0, DAMAGED}, /* 0 has no fields: all of it would be padding */
        {11, 0, DAMAGED},
        {11, 200, DAMAGED}, /* the name would go beyond the end */
        {13, 0, DAMAGED},   /* a NUL within the name */
        {23, 0xff, "ratio must be in [0..1] range"},
        {23, 0x40, "ratio must be in [0..1] range"},
        {31, 0x80, "the time it is for has passed"},
        {32, 0, DAMAGED},
        {47, 1, DAMAGED}, /* the padding */
    };
    struct ledger_command made = throttle_of("app", 0.5, 60000, 1000), c;
    unsigned char bytes[LEDGER_COMMAND_MAX];
    unsigned char byte;
    size_t len;

    (void)state;
    strcpy(made.change.owner, "me");
    strcpy(made.change.reason, "work");
    len = ledger_encode(&made, bytes);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        byte = bytes[rows[i].at];
        bytes[rows[i].at] = rows[i].byte;
        assert_string_equal(decode(bytes, len, &c), rows[i].why);
        bytes[rows[i].at] = byte;
    }
    assert_string_equal(decode(bytes, len, &c), "");
}

#define NEWER(what)                             \
    "a newer sluiced wrote this command (" what \
    "): this sluiced must be upgraded"

static void
test_a_newer_sluiced(void **state)
{
    struct ledger_command made = throttle_of("app", 0.5, 60000, 1000), c;
    unsigned char bytes[LEDGER_COMMAND_MAX];
    size_t len = ledger_encode(&made, bytes);

    (void)state;
    bytes[0] = 2;
    assert_string_equal(decode(bytes, len, &c), NEWER("format 2"));
    assert_string_equal(decode(bytes, 1, &c), NEWER("format 2"));
    bytes[0] = 255;
    assert_string_equal(decode(bytes, len, &c), NEWER("format 255"));
    bytes[0] = 1;
    bytes[1] = 4;
    assert_string_equal(decode(bytes, len, &c), NEWER("kind 4"));
    bytes[1] = LEDGER_CHANGE;
    bytes[10] = 5;
    assert_string_equal(decode(bytes, len, &c), NEWER("change 5"));
    /* With little room for it too. */
    assert_int_equal(ledger_decode(bytes, len, &c, (char[4]){"###"}, 4), -1);
    assert_int_equal(ledger_decode(bytes, len, &c, NULL, 0), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_the_bytes),
        cmocka_unit_test(test_what_is_not_written),
        cmocka_unit_test(test_changes_that_are_none),
        cmocka_unit_test(test_commands_that_are_none),
        cmocka_unit_test(test_cut_short_at_every_length),
        cmocka_unit_test(test_damaged_bytes),
        cmocka_unit_test(test_a_newer_sluiced),
    };

    return cmocka_run_group_tests_name("ledger_command", tests, NULL, NULL);
}
