/* The verdict on a Galera node: every combination of what it looks at, the
 * words, and the JSON byte for byte. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/galera_health.h"

static const struct galera_rules defaults = {.available_when_donor = 1};

/* "NAME VALUE, NAME VALUE" on top of a healthy node. */
static struct galera_facts
facts(const char *rows)
{
    struct galera_facts f;
    char copy[512], *save = NULL;

    galera_facts_init(&f);
    snprintf(copy, sizeof(copy),
             "wsrep_local_state 4, wsrep_local_index 0, wsrep_ready ON, "
             "wsrep_cluster_status Primary, read_only OFF%s%s",
             *rows ? ", " : "", rows);
    for (char *row = strtok_r(copy, ",", &save); row;
         row = strtok_r(NULL, ",", &save)) {
        char *name = row + strspn(row, " "), *value = strchr(name, ' ');

        *value++ = '\0';
        galera_facts_row(&f, name, value);
    }
    return f;
}

static void
judged(const struct galera_facts *f, int healthy, const char *text)
{
    struct galera_verdict v;

    galera_judge(f, &defaults, &v);
    assert_string_equal(v.text, text);
    assert_int_equal(v.healthy, healthy);
}

static void
says(const char *rows, int healthy, const char *text)
{
    struct galera_facts f = facts(rows);

    judged(&f, healthy, text);
}

static void
test_words(void **state)
{
    (void)state;
    says("", 1, "synced");
    says("unknown 7", 1, "synced");
    says("wsrep_local_state 0", 0, "Unrecognized state: 0");
    says("wsrep_local_state 1", 0, "joining");
    says("wsrep_local_state 2", 1, "synced");
    says("wsrep_local_state 3", 0, "joined");
    says("wsrep_local_state 5", 0, "Unrecognized state: 5");
    says("wsrep_local_state 4x", 0, "Unrecognized state: 0");
    says("read_only ON", 0, "read-only");
    says("read_only 1", 0, "read-only");
    says("read_only NO_LOCK_NO_ADMIN", 0, "read-only");
    says("wsrep_cluster_status non-Primary", 0,
         "wsrep_cluster_status is non-Primary");
    says("wsrep_cluster_status ", 0, "wsrep_cluster_status is not set");
    says("wsrep_ready OFF", 0, "wsrep_ready is OFF");
    says("wsrep_local_index 18446744073709551615", 0,
         "wsrep_local_index is undefined");
    says("wsrep_local_index -1", 0, "wsrep_local_index is undefined");
    says("wsrep_local_index 99999999999999999999", 0,
         "wsrep_local_index is undefined");
    says("wsrep_local_index 18446744073709551614", 1, "synced");
    says("pxc_maint_mode DISABLED", 1, "synced");
    says("pxc_maint_mode MAINTENANCE", 0,
         "maintenance: pxc_maint_mode is MAINTENANCE");
    says("pxc_maint_mode SHUTDOWN", 0,
         "maintenance: pxc_maint_mode is SHUTDOWN");
}

static void
test_nothing_known(void **state)
{
    struct galera_facts f;

    (void)state;
    galera_facts_init(&f);
    judged(&f, 0,
           "wsrep_local_state variable not set (possibly not a galera db)");
    galera_facts_row(&f, "WSREP_LOCAL_STATE", "4"); /* and nothing else */
    judged(&f, 0, "wsrep_cluster_status is not set");
    galera_facts_row(&f, "WSREP_CLUSTER_STATUS", "primary");
    judged(&f, 0, "wsrep_ready is OFF");
    galera_facts_row(&f, "WSREP_READY", "on");
    judged(&f, 0, "wsrep_local_index is undefined");
    galera_facts_row(&f, "WSREP_LOCAL_INDEX", "2");
    judged(&f, 1, "synced");
    f.maintenance_file = 1;
    judged(&f, 0, "maintenance: MaintenanceFile exists");
}

/* The lower bits say which of the things that must be so are not. */
enum {
    READ_ONLY = 0x01,
    NOT_READY = 0x02,
    NOT_PRIMARY = 0x04,
    NO_INDEX = 0x08,
    MAINT_MODE = 0x10,
    MAINT_FILE = 0x20,
    EVERYTHING = 0x40
};

static struct galera_facts
broken(int galera_state, int what)
{
    struct galera_facts f = facts("");

    f.state = galera_state;
    f.read_only = what & READ_ONLY ? 1 : 0;
    f.ready = !(what & NOT_READY);
    if (what & NOT_PRIMARY)
        strcpy(f.cluster_status, "Disconnected");
    if (what & NO_INDEX)
        f.index = GALERA_NO_INDEX;
    strcpy(f.maint_mode, what & MAINT_MODE ? "MAINTENANCE" : "DISABLED");
    f.maintenance_file = what & MAINT_FILE ? 1 : 0;
    return f;
}

/* state x donor x read_only x ready x primary x index x maintenance. */
static void
test_whole_matrix(void **state)
{
    struct galera_verdict v;
    int healthy = 0;

    (void)state;
    for (int s = -1; s <= 5; s++) {
        for (int what = 0; what < EVERYTHING; what++) {
            struct galera_facts f = broken(s, what);

            for (int r = 0; r < 4; r++) {
                struct galera_rules rules = {r & 1, r & 2 ? 1 : 0};
                int tolerated = r & 2 ? READ_ONLY : 0;
                int want =
                    (s == GALERA_SYNCED || (s == GALERA_DONOR && r & 1)) &&
                    (what & ~tolerated) == 0;

                galera_judge(&f, &rules, &v);
                assert_int_equal(v.healthy, want);
                assert_int_equal(strcmp(v.text, "synced") == 0, want);
                assert_true(v.text[0] != '\0');
                healthy += v.healthy;
            }
        }
    }
    /* synced: 4 rules, and 2 with read_only; a donor half of that */
    assert_int_equal(healthy, 4 + 2 + 2 + 1);
}

/* galera-healthcheck's own reasons come before ours, and in its order. */
static void
test_order(void **state)
{
    struct galera_facts f = broken(GALERA_JOINED, EVERYTHING - 1);
    static const char *const texts[] = {
        "read-only",
        "wsrep_cluster_status is Disconnected",
        "wsrep_ready is OFF",
        "wsrep_local_index is undefined",
        "maintenance: pxc_maint_mode is MAINTENANCE",
        "maintenance: MaintenanceFile exists",
        "synced",
    };
    static const int mended[] = {READ_ONLY, NOT_PRIMARY, NOT_READY,
                                 NO_INDEX,  MAINT_MODE,  MAINT_FILE};
    int what = EVERYTHING - 1;

    (void)state;
    judged(&f, 0, "joined");
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        f = broken(GALERA_SYNCED, what);
        judged(&f, i == 6, texts[i]);
        if (i < 6)
            what &= ~mended[i];
    }
}

static void
test_donor_may_be_refused(void **state)
{
    const struct galera_rules rules = {0, 0};
    struct galera_facts f = facts("wsrep_local_state 2");
    struct galera_verdict v;

    (void)state;
    galera_judge(&f, &rules, &v);
    assert_int_equal(v.healthy, 0);
    assert_string_equal(v.text, "not synced");
}

static void
json_is(const char *rows, const char *want)
{
    struct galera_facts f = facts(rows);
    struct galera_verdict v;
    char json[GALERA_JSON_SIZE];

    galera_judge(&f, &defaults, &v);
    galera_json(&f, &v, json);
    assert_string_equal(json, want);
}

static void
test_json(void **state)
{
    (void)state;
    json_is("",
            "{\"wsrep_local_state\":4,\"wsrep_local_state_comment\":\"Synced\","
            "\"wsrep_local_index\":0,\"healthy\":true}\n");
    json_is("wsrep_local_state 2, wsrep_local_index 12",
            "{\"wsrep_local_state\":2,\"wsrep_local_state_comment\":"
            "\"Donor/Desynced\",\"wsrep_local_index\":12,\"healthy\":true}\n");
    json_is("read_only ON",
            "{\"wsrep_local_state\":4,\"wsrep_local_state_comment\":\"Synced\","
            "\"wsrep_local_index\":0,\"healthy\":false}\n");
    json_is("wsrep_local_state 0, wsrep_local_index 18446744073709551615",
            "{\"wsrep_local_state\":0,\"wsrep_local_state_comment\":"
            "\"Initialized\",\"wsrep_local_index\":18446744073709551615,"
            "\"healthy\":false}\n");
    json_is("wsrep_local_state 1",
            "{\"wsrep_local_state\":1,\"wsrep_local_state_comment\":"
            "\"Joining\",\"wsrep_local_index\":0,\"healthy\":false}\n");
    json_is("wsrep_local_state 3",
            "{\"wsrep_local_state\":3,\"wsrep_local_state_comment\":"
            "\"Joined\",\"wsrep_local_index\":0,\"healthy\":false}\n");
    json_is("wsrep_local_state 9",
            "{\"wsrep_local_state\":9,\"wsrep_local_state_comment\":"
            "\"Unrecognized state: 9\",\"wsrep_local_index\":0,"
            "\"healthy\":false}\n");
}

/* Whatever a server says fits. */
static void
test_long_words(void **state)
{
    char word[600];
    struct galera_facts f = facts("");

    (void)state;
    memset(word, 'x', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    galera_facts_row(&f, word, word);
    galera_facts_row(&f, "pxc_maint_mode", word);
    word[31] = '\0';
    assert_string_equal(f.maint_mode, word);
    galera_facts_row(&f, "wsrep_cluster_status", word);
    galera_facts_row(&f, "wsrep_local_state", "18446744073709551615");
    assert_int_equal(f.state, 0xffff);
    galera_facts_row(&f, "wsrep_local_state", "");
    assert_int_equal(f.state, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_nothing_known),
        cmocka_unit_test(test_whole_matrix),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_donor_may_be_refused),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_long_words),
    };

    return cmocka_run_group_tests_name("galera_health", tests, NULL, NULL);
}
