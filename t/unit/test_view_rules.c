/* A view of rules: facts and throttles, and which images are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sluice_state.h"
#include "sluice_view.h"

/* An image of facts and throttles that each test may spoil. */
struct image {
    size_t size;
    struct sluice_image *head;
    struct sluice_section *sections;
    struct sluice_facts *facts;
    struct sluice_throttle *throttles;
};

static struct image
image_of(uint32_t nthrottles)
{
    const struct sluice_section sections[] = {
        {.kind = SLUICE_SECTION_FACTS,
         .count = 1,
         .stride = sizeof(struct sluice_facts)},
        {.kind = SLUICE_SECTION_THROTTLES,
         .count = nthrottles,
         .stride = sizeof(struct sluice_throttle)},
    };
    struct image i = {.size = sluice_image_size(2, sections)};

    i.head = malloc(i.size); /* not one byte more: ASan watches the end */
    assert_non_null(i.head);
    sluice_image_begin(i.head, 1234, 2, sections);
    i.sections = (struct sluice_section *)(i.head + 1);
    i.facts = sluice_image_records(i.head, SLUICE_SECTION_FACTS);
    i.throttles = sluice_image_records(i.head, SLUICE_SECTION_THROTTLES);
    i.facts->revision = 47;
    for (uint32_t n = 0; n < nthrottles; n++) {
        snprintf(i.throttles[n].key, SLUICE_KEY_SIZE, "app%u", n);
        i.throttles[n].ratio = 1;
        i.throttles[n].expires_mono_ms = n;
    }
    return i;
}

static void
assert_loads(struct sluice_view *v, const struct image *i)
{
    char err[256] = "";

    if (sluice_view_load(v, i->head, i->size, err, sizeof(err)) != 0)
        fail_msg("refused: %s", err);
}

/* The view holds a good image; the spoilt one must leave it as it is. */
static void
assert_refused(const struct image *spoilt, const char *reason)
{
    struct image good = image_of(1);
    struct sluice_view v = {0};
    char err[256] = "";

    assert_loads(&v, &good);
    assert_int_equal(
        sluice_view_load(&v, spoilt->head, spoilt->size, err, sizeof(err)), -1);
    assert_string_equal(err, reason);
    assert_int_equal(v.nthrottles, 1);
    assert_non_null(sluice_view_throttle(&v, "app0", 4));
    sluice_view_free(&v);
    free(good.head);
}

/* ---- what arrives ----------------------------------------------------- */

static void
test_everything_arrives(void **state)
{
    (void)state;
    struct image i = image_of(2);
    struct sluice_view v = {0};
    const struct sluice_throttle *t;

    i.facts->read_mono_ms = 1200;
    i.facts->flags = SLUICE_FACTS_UNKNOWN | 0x80;
    strcpy(i.facts->store_id, "6f1c9a52");
    strcpy(i.facts->redis_channel, "sluice:6f1c9a52");
    strcpy(i.throttles[1].key, "archiver/main1");
    i.throttles[1].ratio = 0.25;
    i.throttles[1].expires_mono_ms = 99000;
    assert_loads(&v, &i);
    assert_true(v.facts.revision == 47 && v.facts.read_mono_ms == 1200);
    assert_int_equal(v.facts.flags, SLUICE_FACTS_UNKNOWN | 0x80);
    assert_string_equal(v.facts.store_id, "6f1c9a52");
    assert_string_equal(v.facts.redis_channel, "sluice:6f1c9a52");
    t = sluice_view_throttle(&v, "archiver/main1-", 14);
    assert_non_null(t);
    assert_true(t->ratio == 0.25 && t->expires_mono_ms == 99000);
    assert_null(sluice_view_throttle(&v, "archiver", 8));
    assert_null(sluice_view_throttle(&v, "archiver/main1", 15));
    assert_null(sluice_view_throttle(&v, "", 0));
    assert_int_equal(v.nclusters + v.nhosts, 0);
    sluice_view_free(&v);
    assert_null(sluice_view_throttle(&v, "archiver/main1", 14));
    free(i.head);
}

static void
test_zeros_are_no_rules(void **state)
{
    (void)state;
    const struct sluice_image empty = {.size = sizeof(empty)};
    const struct sluice_facts none = {0};
    struct image i = image_of(1);
    struct sluice_view v = {0};
    char err[256];

    assert_loads(&v, &i);
    assert_int_equal(
        sluice_view_load(&v, &empty, sizeof(empty), err, sizeof(err)), 0);
    assert_memory_equal(&v.facts, &none, sizeof(none));
    assert_int_equal(v.nthrottles, 0);
    assert_null(sluice_view_throttle(&v, "app0", 4));
    sluice_view_free(&v);
    free(i.head);
}

static void
test_each_of_many_is_found(void **state)
{
    (void)state;
    struct image i = image_of(5000);
    struct sluice_view v = {0};
    const struct sluice_throttle *t;
    char key[16];

    assert_loads(&v, &i);
    for (uint32_t n = 0; n < 5100; n++) {
        int len = snprintf(key, sizeof(key), "app%u", n);

        t = sluice_view_throttle(&v, key, (size_t)len);
        if (n >= 5000)
            assert_null(t);
        else
            assert_true(t && t->expires_mono_ms == n);
    }
    sluice_view_free(&v);
    free(i.head);
}

static void
test_strings_are_terminated(void **state)
{
    (void)state;
    struct image i = image_of(1);
    struct sluice_view v = {0};

    memset(i.throttles[0].key, 'k', SLUICE_KEY_SIZE);
    memset(i.facts->store_id, 'i', SLUICE_STORE_ID_SIZE);
    memset(i.facts->redis_channel, 'c', SLUICE_CHANNEL_SIZE);
    assert_loads(&v, &i);
    assert_int_equal(strlen(v.throttles[0].key), SLUICE_KEY_SIZE - 1);
    assert_int_equal(strlen(v.facts.store_id), SLUICE_STORE_ID_SIZE - 1);
    assert_int_equal(strlen(v.facts.redis_channel), SLUICE_CHANNEL_SIZE - 1);
    sluice_view_free(&v);
    free(i.head);
}

/* As an older minor would have written them. */
static void
test_what_a_shorter_record_lacks_is_zero(void **state)
{
    (void)state;
    struct image i = image_of(1);
    struct sluice_view v = {0};

    i.facts->flags = SLUICE_FACTS_UNKNOWN;
    i.throttles[0].expires_mono_ms = 77;
    i.sections[0].stride = offsetof(struct sluice_facts, flags);
    i.sections[1].stride = offsetof(struct sluice_throttle, expires_mono_ms);
    assert_loads(&v, &i);
    assert_true(v.facts.revision == 47);
    assert_int_equal(v.facts.flags, 0);
    assert_true(v.throttles[0].ratio == 1);
    assert_true(v.throttles[0].expires_mono_ms == 0);
    sluice_view_free(&v);
    free(i.head);
}

/* ---- what is refused -------------------------------------------------- */

static void
test_one_record_of_facts_or_none(void **state)
{
    (void)state;
    struct image i = image_of(2);

    i.sections[0].count = 0;
    assert_refused(&i, "0 records of facts, expected one");
    i.sections[0].count = 2;
    i.sections[0].stride = 8;
    assert_refused(&i, "2 records of facts, expected one");
    free(i.head);
}

static void
test_a_spoilt_throttle_is_refused(void **state)
{
    (void)state;
    const double ratios[] = {NAN, INFINITY, -INFINITY, 1.0001, -0.0001};
    struct image i = image_of(3);

    for (size_t n = 0; n < sizeof(ratios) / sizeof(ratios[0]); n++) {
        i.throttles[1].ratio = ratios[n];
        assert_refused(&i, "throttle app1: ratio outside [0..1]");
    }
    i.throttles[1].ratio = 0;
    i.throttles[2].key[0] = '\0';
    assert_refused(&i, "throttle 2 has no key");
    strcpy(i.throttles[2].key, "app0");
    assert_refused(&i, "throttle app0 stands in the image twice");
    i.sections[1].count = 4;
    assert_refused(&i, "section 5: 4 records of 152 bytes at 256 are outside "
                       "the image of 712 bytes");
    i.sections[1].kind = SLUICE_SECTION_FACTS;
    assert_refused(&i, "section 4 stands in the image twice");
    free(i.head);
}

static void
test_no_spoilt_byte_does_harm(void **state)
{
    (void)state;
    struct image i = image_of(2);
    unsigned char *bytes = (unsigned char *)i.head, was;
    const struct sluice_throttle *t;
    struct sluice_view v = {0};
    char err[256];

    for (size_t at = 0; at < i.size; at++) {
        was = bytes[at];
        for (unsigned value = 0; value < 256; value += 5) {
            bytes[at] = (unsigned char)value;
            if (sluice_view_load(&v, bytes, i.size, err, sizeof(err)) != 0) {
                assert_true(err[0] != '\0' && strlen(err) < sizeof(err));
                continue;
            }
            for (uint32_t n = 0; n < v.nthrottles; n++) {
                t = &v.throttles[n];
                assert_ptr_equal(
                    sluice_view_throttle(&v, t->key, strlen(t->key)), t);
                assert_true(t->ratio >= 0 && t->ratio <= 1);
            }
        }
        bytes[at] = was;
    }
    sluice_view_free(&v);
    free(i.head);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_arrives),
        cmocka_unit_test(test_zeros_are_no_rules),
        cmocka_unit_test(test_each_of_many_is_found),
        cmocka_unit_test(test_strings_are_terminated),
        cmocka_unit_test(test_what_a_shorter_record_lacks_is_zero),
        cmocka_unit_test(test_one_record_of_facts_or_none),
        cmocka_unit_test(test_a_spoilt_throttle_is_refused),
        cmocka_unit_test(test_no_spoilt_byte_does_harm),
    };

    return cmocka_run_group_tests_name("view rules", tests, NULL, NULL);
}
