/* The ledger's snapshots: all of it comes back, anything else is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <math.h>

#include <cmocka.h>

#include "consensus/facts.h"
#include "consensus/pack.h"
#include "ledger_help.h"

/* The sentence, or "": it was taken. */
static const char *
load(struct ledger *l, const void *bytes, size_t len)
{
    static char err[ERR_SIZE];
    unsigned char *own = malloc(len ? len : 1);
    int rc;

    memset(err, '#', sizeof(err));
    if (len)
        memcpy(own, bytes, len);
    rc = ledger_load(l, own, len, err, sizeof(err));
    free(own);
    if (rc == 0)
        return "";
    assert_non_null(memchr(err, '\0', sizeof(err)));
    assert_true(err[0] != '\0');
    return err;
}

static void
assert_there_and_back(const struct ledger *l)
{
    struct ledger back = {0};
    size_t len;
    void *bytes = ledger_save(l, &len);

    assert_int_equal(len % 8, 0);
    fill(&back, 5); /* which goes */
    assert_string_equal(load(&back, bytes, len), "");
    free(bytes);
    assert_true(same(l, &back));
    assert_true(back.revision == l->revision);
    assert_string_equal(back.store_id, l->store_id);
    assert_int_equal(back.settled, l->settled);
    assert_int_equal(back.nthrottles, l->nthrottles);
    assert_int_equal(back.nskips, l->nskips);
    for (size_t i = 0; i < l->nthrottles; i++)
        assert_memory_equal(&back.throttles[i].ratio, &l->throttles[i].ratio,
                            sizeof(double) + sizeof(uint64_t));
    /* And goes on as the other would. */
    if (l->revision < UINT64_MAX)
        for (char key[] = "a"; *key <= 'z'; ++*key)
            apply(&back, throttle_of(key, 1, FACT_NEVER, 1000));
    ledger_free(&back);
}

static void
test_many_sizes(void **state)
{
    (void)state;
    for (int count = 0; count < 2000; count += 1 + count / 3) {
        struct ledger l = {0};

        if (count > 0)
            fill(&l, count);
        l.settled = count % 2;
        assert_there_and_back(&l);
        ledger_free(&l);
    }
}

static void
test_the_longest(void **state)
{
    struct ledger l = {0};
    struct ledger_command c = throttle_of("", 1, FACT_NEVER, UINT64_MAX);

    (void)state;
    memset(c.change.owner, 'o', sizeof(c.change.owner) - 1);
    memset(c.change.reason, 'r', sizeof(c.change.reason) - 1);
    memset(c.change.key, 'k', sizeof(c.change.key) - 1);
    for (char first = 'a'; first <= 'z'; first++) {
        c.change.key[0] = first;
        c.change.kind = CHANGE_SKIP;
        apply(&l, c);
        c.change.kind = CHANGE_THROTTLE;
        apply(&l, c);
    }
    apply(&l, found_of("this id has thirty-nine bytes, the most"));
    l.revision = UINT64_MAX;
    assert_there_and_back(&l);
    ledger_free(&l);
}

/* An end is a time, not what is left of it. (With freno's raft, a skip of the
 * default hour begins it anew whenever a process does, on each node apart.) */
static void
test_no_end_moves(void **state)
{
    struct ledger l = {0};
    struct facts f = {0};

    (void)state;
    apply(&l, change_of(CHANGE_SKIP, "db1", 60000, 1000));
    apply(&l, throttle_of("app", 1, 60000, 1000));
    for (int round = 0; round < 100; round++) {
        size_t len;
        void *bytes = ledger_save(&l, &len);

        assert_string_equal(load(&l, bytes, len), "");
        free(bytes);
        assert_int_equal(l.skips[0].expires_real_ms, 61000);
        assert_int_equal(l.throttles[0].expires_real_ms, 61000);
        ledger_facts(&l, 1000 + 600 * round, 0, 0, &f);
        assert_int_equal(f.skips[0].remaining_ms, 60000 - 600 * round);
        assert_int_equal(f.throttles[0].remaining_ms, 60000 - 600 * round);
    }
    ledger_facts(&l, 61000, 0, 0, &f);
    assert_int_equal(f.nskips, 0);
    assert_int_equal(l.nskips, 1);
    ledger_free(&l);
    facts_free(&f);
}

#define DAMAGED "this snapshot of the facts is cut short or damaged"
#define NONE "this is no snapshot of the facts"

static void
test_cut_short_at_every_length(void **state)
{
    struct ledger l = {0}, kept = {0}, copy = {0};
    unsigned char *bytes;
    size_t len;

    (void)state;
    fill(&l, 7);
    fill(&kept, 3);
    fill(&copy, 3);
    bytes = ledger_save(&l, &len);
    for (size_t cut = 0; cut < len; cut++)
        assert_string_equal(load(&kept, bytes, cut), cut < 8 ? NONE : DAMAGED);
    assert_string_equal(load(&kept, NULL, 0), NONE);
    bytes = realloc(bytes, len + 16);
    memset(bytes + len, 0, 16);
    for (size_t more = 1; more <= 16; more++)
        assert_string_equal(load(&kept, bytes, len + more), DAMAGED);
    assert_true(same(&kept, &copy)); /* as it was */
    assert_string_equal(load(&kept, bytes, len), "");
    assert_true(same(&kept, &l));
    free(bytes);
    ledger_free(&l);
    ledger_free(&kept);
    ledger_free(&copy);
}

/* A snapshot by hand, of what ledger_save would never write. */
struct snapshot {
    const char *magic;
    uint16_t version, flags;
    uint32_t nthrottles, nskips;
    const char *keys[2];
    double ratio;
    uint64_t throttle_ends, skip_ends;
    const char *hosts[2];
    uint8_t pad;
};

static const struct snapshot good = {
    .magic = "SLLEDGER",
    .version = 1,
    .flags = 1,
    .nthrottles = 2,
    .nskips = 2,
    .keys = {"a", "b"},
    .ratio = 0.5,
    .throttle_ends = 1000,
    .skip_ends = INT64_MAX,
    .hosts = {"db1", "db2"},
};

static size_t
write_snapshot(const struct snapshot *s, unsigned char bytes[512])
{
    struct pack p;

    pack_init(&p, bytes, 512);
    pack_bytes(&p, s->magic, 8);
    pack_u16(&p, s->version);
    pack_u16(&p, s->flags);
    pack_u64(&p, 47);
    pack_text(&p, "store");
    pack_u32(&p, s->nthrottles);
    pack_u32(&p, s->nskips);
    for (int i = 0; i < 2; i++) {
        pack_text(&p, s->keys[i]);
        pack_double(&p, s->ratio);
        pack_u64(&p, s->throttle_ends);
        pack_text(&p, "me");
        pack_text(&p, "why");
    }
    for (int i = 0; i < 2; i++) {
        pack_text(&p, s->hosts[i]);
        pack_u64(&p, s->skip_ends);
        pack_text(&p, "me");
        pack_text(&p, "why");
    }
    pack_pad8(&p);
    bytes[p.len - 1] |= s->pad;
    assert_int_equal(p.failed, 0);
    return p.len;
}

static const char *
load_snapshot(const struct snapshot *s)
{
    unsigned char bytes[512];
    struct ledger l = {0};
    const char *why = load(&l, bytes, write_snapshot(s, bytes));

    if (*why)
        assert_null(l.throttles);
    ledger_free(&l);
    return why;
}

/* The good one with something else in a member. */
#define LOAD_WITH(member, value)    \
    ({                              \
        struct snapshot odd = good; \
        odd.member = value;         \
        load_snapshot(&odd);        \
    })

static const char *
load_keys(const char *first, const char *second)
{
    struct snapshot s = good;

    s.keys[0] = first;
    s.keys[1] = second;
    return load_snapshot(&s);
}

static const char *
load_hosts(const char *first, const char *second)
{
    struct snapshot s = good;

    s.hosts[0] = first;
    s.hosts[1] = second;
    return load_snapshot(&s);
}

static void
test_the_bytes(void **state)
{
    unsigned char by_hand[512];
    struct ledger l = {0};
    size_t len = write_snapshot(&good, by_hand), saved_len;
    unsigned char *saved;

    (void)state;
    assert_string_equal(load(&l, by_hand, len), "");
    assert_int_equal(l.revision, 47);
    assert_int_equal(l.settled, 1);
    assert_string_equal(l.store_id, "store");
    assert_string_equal(l.throttles[1].key, "b");
    assert_true(l.throttles[1].ratio == 0.5);
    assert_string_equal(l.skips[1].reason, "why");
    assert_true(l.skips[0].expires_real_ms == INT64_MAX);
    saved = ledger_save(&l, &saved_len);
    assert_int_equal(saved_len, len);
    assert_memory_equal(saved, by_hand, len);
    free(saved);
    ledger_free(&l);
}

static void
test_out_of_order(void **state)
{
    (void)state;
    assert_string_equal(LOAD_WITH(ratio, 1), "");
    assert_string_equal(load_keys("b", "a"),
                        "the snapshot's throttle \"a\" is not in order");
    assert_string_equal(load_keys("a", "a"),
                        "the snapshot's throttle \"a\" is not in order");
    assert_string_equal(load_keys("", "a"),
                        "the snapshot's throttle \"\" is not in order");
    assert_string_equal(load_keys("z", "\xc3\xa4"), "");
    assert_string_equal(load_hosts("db2", "db1"),
                        "the snapshot's skip \"db1\" is not in order");
    assert_string_equal(load_hosts("db1", "db1"),
                        "the snapshot's skip \"db1\" is not in order");
    assert_string_equal(load_hosts("", "db1"),
                        "the snapshot's skip \"\" is not in order");
}

static void
test_what_cannot_be(void **state)
{
    static const double ratios[] = {-1, -0.5, 1.5, INFINITY, NAN};

    (void)state;
    for (size_t i = 0; i < sizeof(ratios) / sizeof(*ratios); i++)
        assert_string_equal(LOAD_WITH(ratio, ratios[i]),
                            "the snapshot's throttle \"a\" cannot be");
    assert_string_equal(LOAD_WITH(throttle_ends, 1ull << 63),
                        "the snapshot's throttle \"a\" cannot be");
    assert_string_equal(LOAD_WITH(skip_ends, UINT64_MAX),
                        "the snapshot's skip \"db1\" cannot be");
    assert_string_equal(LOAD_WITH(magic, "SLLEDGE2"), NONE);
    assert_string_equal(LOAD_WITH(version, 0), DAMAGED);
    assert_string_equal(LOAD_WITH(pad, 1), DAMAGED);
}

/* Memory is taken for what is there, whatever the head says. */
static void
test_counts_that_are_wrong(void **state)
{
    static const uint32_t counts[] = {0, 1, 3, 0xffff, 0x7fffffff, UINT32_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
        assert_true(LOAD_WITH(nthrottles, counts[i])[0] != '\0');
        assert_string_equal(LOAD_WITH(nskips, counts[i]), DAMAGED);
    }
}

#define NEWER(what)                                           \
    "a newer sluiced wrote this snapshot of the facts (" what \
    "): this sluiced must be upgraded"

static void
test_a_newer_sluiced(void **state)
{
    unsigned char bytes[512];
    struct ledger l = {0};
    size_t len = write_snapshot(&good, bytes);

    (void)state;
    assert_string_equal(LOAD_WITH(version, 2), NEWER("format 2"));
    assert_string_equal(LOAD_WITH(version, 65535), NEWER("format 65535"));
    assert_string_equal(LOAD_WITH(flags, 2), DAMAGED); /* where are they? */
    assert_string_equal(LOAD_WITH(flags, 4), NEWER("flags 4"));
    assert_string_equal(LOAD_WITH(flags, 0x8001), NEWER("flags 32769"));
    bytes[8] = 2;
    assert_int_equal(ledger_load(&l, bytes, len, (char[4]){"###"}, 4), -1);
    assert_int_equal(ledger_load(&l, bytes, len, NULL, 0), -1);
}

static void
put(struct ledger *l, const char *name, const char *value)
{
    struct ledger_command c = change_of(CHANGE_SET, name, 0, 1000);

    snprintf(c.change.value, sizeof(c.change.value), "%s", value);
    apply(l, c);
}

static void
test_settings(void **state)
{
    struct ledger l = {0}, back = {0};
    char err[ERR_SIZE] = "", longest[FACT_VALUE_SIZE];
    size_t len, again_len, plain_len;
    void *bytes, *again, *plain;

    (void)state;
    apply(&l, throttle_of("app", 1, FACT_NEVER, 1000));
    plain = ledger_save(&l, &plain_len);
    memset(longest, 'v', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    put(&l, "b", longest);
    put(&l, "a", "1");
    bytes = ledger_save(&l, &len);
    assert_int_equal(ledger_load(&back, bytes, len, err, sizeof(err)), 0);
    assert_int_equal(back.nsettings, 2);
    assert_string_equal(back.settings[0].name, "a");
    assert_string_equal(back.settings[1].value, longest);
    again = ledger_save(&back, &again_len);
    assert_int_equal(again_len, len);
    assert_memory_equal(again, bytes, len);
    for (size_t cut = 8; cut < len; cut += 8)
        assert_int_equal(ledger_load(&back, bytes, len - cut, err, sizeof(err)),
                         -1);
    free(again);
    free(bytes);

    /* Without any, an older sluiced reads it, too. */
    put(&l, "a", "");
    put(&l, "b", "");
    l.revision = 1;
    again = ledger_save(&l, &again_len);
    assert_int_equal(again_len, plain_len);
    assert_memory_equal(again, plain, plain_len);
    free(again);
    free(plain);
    ledger_free(&l);
    ledger_free(&back);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_sizes),
        cmocka_unit_test(test_the_longest),
        cmocka_unit_test(test_no_end_moves),
        cmocka_unit_test(test_cut_short_at_every_length),
        cmocka_unit_test(test_the_bytes),
        cmocka_unit_test(test_out_of_order),
        cmocka_unit_test(test_what_cannot_be),
        cmocka_unit_test(test_counts_that_are_wrong),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_a_newer_sluiced),
    };

    return cmocka_run_group_tests_name("ledger_save", tests, NULL, NULL);
}
