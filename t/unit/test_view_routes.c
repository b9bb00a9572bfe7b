/* A view's routes: what arrives, what is found, and which images are
 * refused. */
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

/* Two routes with three hosts and one, that each test may spoil. */
static struct {
    size_t size;
    struct sluice_image *head;
    struct sluice_route *routes;
    struct sluice_route_host *hosts;
} image;

static int
setup(void **state)
{
    const struct sluice_section sections[] = {
        {SLUICE_SECTION_ROUTES, 2, sizeof(struct sluice_route), 0},
        {SLUICE_SECTION_ROUTE_HOSTS, 4, sizeof(struct sluice_route_host), 0},
    };

    (void)state;
    image.size = sluice_image_size(2, sections);
    image.head = malloc(image.size); /* not one byte more */
    assert_non_null(image.head);
    sluice_image_begin(image.head, 1234, 2, sections);
    image.routes = sluice_image_records(image.head, SLUICE_SECTION_ROUTES);
    image.hosts = sluice_image_records(image.head, SLUICE_SECTION_ROUTE_HOSTS);
    for (int n = 0; n < 4; n++) {
        snprintf(image.hosts[n].name, SLUICE_HOST_NAME_SIZE, "db%d", n);
        image.hosts[n].port = 3306;
    }
    strcpy(image.routes[0].cluster, "main");
    image.routes[0].epoch = 7;
    image.routes[0].nhosts = 3;
    image.routes[0].active = 2;
    image.routes[0].flags = SLUICE_ROUTE_ACTIVE;
    image.routes[0].writers_until_boot_ms = 1000;
    strcpy(image.routes[1].cluster, "main1");
    image.routes[1].first_host = 3;
    image.routes[1].nhosts = 1;
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    free(image.head);
    return 0;
}

static struct sluice_view
loaded(void)
{
    struct sluice_view v = {0};
    char err[256] = "";

    if (sluice_view_load(&v, image.head, image.size, err, sizeof(err)) != 0)
        fail_msg("refused: %s", err);
    return v;
}

static void
assert_refused(const char *reason)
{
    struct sluice_view v = {0};
    char err[256] = "";

    assert_int_equal(
        sluice_view_load(&v, image.head, image.size, err, sizeof(err)), -1);
    assert_string_equal(err, reason);
    assert_null(v.routes);
    assert_null(v.route_hosts);
}

static void
test_routes_are_found_with_their_hosts(void **state)
{
    struct sluice_view v = loaded();
    const struct sluice_route *r = sluice_view_route(&v, "main1x", 5);

    (void)state;
    assert_non_null(r);
    assert_string_equal(r->cluster, "main1");
    assert_string_equal(sluice_view_route_hosts(&v, r)[0].name, "db3");
    r = sluice_view_route(&v, "main", 4);
    assert_int_equal(r->epoch, 7);
    assert_string_equal(sluice_view_route_hosts(&v, r)[1].name, "db1");
    assert_null(sluice_view_route(&v, "mai", 3));
    assert_null(sluice_view_route(&v, "", 0));
    sluice_view_free(&v);
}

static void
test_who_is_active(void **state)
{
    struct sluice_view v = loaded();
    struct sluice_route *r = &v.routes[0];

    (void)state;
    assert_string_equal(sluice_view_active(&v, r, 999)->name, "db2");
    assert_null(sluice_view_active(&v, r, 1000)); /* writers are over */
    r->writers_until_boot_ms = 1000 + SLUICE_WRITERS_MAX_MS;
    assert_non_null(sluice_view_active(&v, r, 1000));
    assert_null(sluice_view_active(&v, r, 999)); /* of another uptime */
    r->writers_until_boot_ms = 1000;
    r->flags |= SLUICE_ROUTE_TRAFFIC_OFF;
    assert_null(sluice_view_active(&v, r, 999));
    r->flags = 0;
    assert_null(sluice_view_active(&v, r, 999));
    r->flags = SLUICE_ROUTE_ACTIVE;
    r->writers_until_boot_ms = SLUICE_WRITERS_ALWAYS;
    assert_string_equal(sluice_view_active(&v, r, UINT64_MAX - 1)->name, "db2");
    sluice_view_free(&v);
}

static void
test_strings_are_terminated(void **state)
{
    struct sluice_view v;

    (void)state;
    memset(image.routes[1].cluster, 'c', SLUICE_NAME_SIZE);
    memset(image.routes[1].reason, 'r', SLUICE_ERROR_SIZE);
    memset(image.routes[1].message, 'm', SLUICE_ERROR_SIZE);
    memset(image.hosts[3].name, 'n', SLUICE_HOST_NAME_SIZE);
    memset(image.hosts[3].address, 'a', SLUICE_ADDRESS_SIZE);
    memset(image.hosts[3].label, 'l', SLUICE_LABEL_SIZE);
    memset(image.hosts[3].text, 't', SLUICE_ERROR_SIZE);
    v = loaded();
    assert_int_equal(strlen(v.routes[1].cluster), SLUICE_NAME_SIZE - 1);
    assert_int_equal(strlen(v.routes[1].reason), SLUICE_ERROR_SIZE - 1);
    assert_int_equal(strlen(v.routes[1].message), SLUICE_ERROR_SIZE - 1);
    assert_int_equal(strlen(v.route_hosts[3].name), SLUICE_HOST_NAME_SIZE - 1);
    assert_int_equal(strlen(v.route_hosts[3].address), SLUICE_ADDRESS_SIZE - 1);
    assert_int_equal(strlen(v.route_hosts[3].label), SLUICE_LABEL_SIZE - 1);
    assert_int_equal(strlen(v.route_hosts[3].text), SLUICE_ERROR_SIZE - 1);
    sluice_view_free(&v);
}

static void
test_what_is_refused(void **state)
{
    (void)state;
    image.routes[1].cluster[0] = '\0';
    assert_refused("route 1 has no cluster");
    strcpy(image.routes[1].cluster, "main");
    assert_refused("route main stands in the image twice");
    strcpy(image.routes[1].cluster, "main1");
    image.hosts[2].name[0] = '\0';
    assert_refused("routed host 2 has no name");
    strcpy(image.hosts[2].name, "db2");
    image.hosts[2].lag_s = NAN;
    assert_refused("routed host db2:3306: lag is no number of 0 or more");
    image.hosts[2].lag_s = -1;
    assert_refused("routed host db2:3306: lag is no number of 0 or more");
    image.hosts[2].lag_s = 0;
    image.routes[1].nhosts = 2;
    assert_refused("route main1: hosts 3 to 5 of 4");
    image.routes[1].nhosts = UINT32_MAX;
    assert_refused("route main1: hosts 3 to 2 of 4");
    image.routes[1].first_host = 5;
    image.routes[1].nhosts = 0;
    assert_refused("route main1: hosts 5 to 5 of 4");
    image.routes[1].first_host = 4;
    image.routes[0].active = 3;
    assert_refused("route main: host 3 of 3 is active");
    image.routes[0].flags = 0;
    struct sluice_view v = loaded();
    sluice_view_free(&v);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_routes_are_found_with_their_hosts),
        TEST(test_who_is_active),
        TEST(test_strings_are_terminated),
        TEST(test_what_is_refused),
    };

    return cmocka_run_group_tests_name("view, routes", tests, NULL, NULL);
}
