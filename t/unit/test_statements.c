/* The statements of leadership: freno's to the letter, and Sluice's. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "consensus/consensus_mysql_statements.h"

static struct consensus me = {
    .domain = (char[]){"d'c"},
    .share_domain = (char[]){"share"},
    .service_id = "me:1",
    .instance = "0123",
    .schema = {.has_share = 1},
};

static struct consensus old = {
    .domain = (char[]){"dc"},
    .share_domain = (char[]){"share"},
    .service_id = "me:1",
};

static struct sql q;

#define IS(want) assert_string_equal(q.text, want)

static void
test_lease(void **state)
{
    const struct lease_row row = {
        .exists = 1, .instance = "ab", .seq = UINT64_MAX};

    (void)state;
    statement_lease(&q, &me, LEASE_LOOK, &row);
    IS("select holder, instance, term, seq from sluice_lease where domain = "
       "'d\\'c'");
    statement_lease(&q, &me, LEASE_CREATE, &row);
    IS("insert ignore into sluice_lease (domain, holder, instance, term, seq, "
       "renewed_at) values ('d\\'c', 'me:1', '0123', 1, 1, now())");
    statement_lease(&q, &me, LEASE_TAKE, &row);
    IS("update sluice_lease set holder = 'me:1', instance = '0123', term = "
       "term + 1, seq = seq + 1, renewed_at = now() where domain = 'd\\'c' and "
       "instance = 'ab' and seq = 18446744073709551615");
    statement_lease(&q, &me, LEASE_RENEW, &row);
    IS("update sluice_lease set seq = seq + 1, renewed_at = now() where domain "
       "= 'd\\'c' and instance = '0123' and seq = 18446744073709551615");
    statement_release(&q, &me);
    IS("update sluice_lease set holder = '', instance = '', seq = seq + 1, "
       "renewed_at = now() where domain = 'd\\'c' and instance = '0123'");
}

static void
test_election(void **state)
{
    (void)state;
    statement_election(&q, &me, ELECTION_READ, "you:1");
    IS("select service_id from service_election where domain = 'd\\'c'");
    statement_election(&q, &me, ELECTION_CLAIM, "you:1");
    IS("insert ignore into service_election (domain, share_domain, service_id, "
       "last_seen_active) values ('d\\'c', 'share', 'me:1', now()) on "
       "duplicate key update service_id = if(last_seen_active < now() - "
       "interval 5 second, values(service_id), service_id), share_domain = "
       "if(service_id = values(service_id), values(share_domain), "
       "share_domain), last_seen_active = if(service_id = values(service_id), "
       "values(last_seen_active), last_seen_active)");
    statement_election(&q, &me, ELECTION_TAKE, "you:1");
    IS("update service_election set service_id = 'me:1', share_domain = "
       "'share', last_seen_active = now() where domain = 'd\\'c' and "
       "service_id = 'you:1'");
    statement_age(&q, &me);
    IS("update service_election set last_seen_active = now() - interval 10 "
       "second where domain = 'd\\'c' and service_id = 'me:1'");
}

/* The oldest schema of freno's documentation. */
static void
test_without_share_domain(void **state)
{
    (void)state;
    statement_election(&q, &old, ELECTION_CLAIM, "");
    IS("insert ignore into service_election (domain, service_id, "
       "last_seen_active) values ('dc', 'me:1', now()) on duplicate key update "
       "service_id = if(last_seen_active < now() - interval 5 second, "
       "values(service_id), service_id), last_seen_active = if(service_id = "
       "values(service_id), values(last_seen_active), last_seen_active)");
    statement_election(&q, &old, ELECTION_TAKE, "you:1");
    IS("update service_election set service_id = 'me:1', last_seen_active = "
       "now() where domain = 'dc' and service_id = 'you:1'");
}

static void
test_reader(void **state)
{
    (void)state;
    statement_read(&q, &me, READ_BEAT);
    IS("insert ignore into service_health (service_id, domain, share_domain, "
       "last_seen_active) values ('me:1', 'd\\'c', 'share', now()) on "
       "duplicate key update domain=values(domain), "
       "share_domain=values(share_domain), "
       "last_seen_active=values(last_seen_active)");
    statement_read(&q, &me, READ_SHARES);
    IS("select domain, service_id from service_election where share_domain = "
       "'share' and last_seen_active >= now() - interval 5 second and "
       "service_id != 'me:1' order by domain");
    statement_read(&q, &me, READ_SERVICES);
    IS("select service_id from service_health where domain = 'd\\'c' and "
       "last_seen_active >= now() - interval 5 second order by service_id");
    for (int step = 0; step < READ_STEPS; step++) {
        statement_read(&q, &me, (enum read_step)step);
        assert_true(q.len > 10);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lease),
        cmocka_unit_test(test_election),
        cmocka_unit_test(test_without_share_domain),
        cmocka_unit_test(test_reader),
    };
    int rc;

    mysql_target_library();
    rc = cmocka_run_group_tests_name("statements", tests, NULL, NULL);
    sql_free(&q);
    return rc;
}
