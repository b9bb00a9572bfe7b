/* Any bytes as what a provider of hosts, another domain's leader or a host's
 * healthcheck answers: refused with a sentence and nothing found, or read to
 * the same end twice. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decide/route_fact.h"
#include "inventory/haproxy_csv.h"
#include "inventory/vitess_tablets.h"
#include "probe/status_answer.h"
#include "share/share_health.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                          \
    do {                                                         \
        if (!(condition)) {                                      \
            fprintf(stderr, "broken promise: %s\n", #condition); \
            abort();                                             \
        }                                                        \
    } while (0)

static unsigned found;

static void
on_server(void *data, const char *server)
{
    (void)data;
    MUST(strlen(server) < 256);
    MUST(strcmp(server, "BACKEND") != 0 && strcmp(server, "FRONTEND") != 0);
    found++;
}

static void
on_tablet(void *data, const char *host, uint16_t port)
{
    (void)data;
    MUST(*host != '\0' && port != 0);
    found++;
}

static int
read_csv(const char *text, size_t len, char *err, size_t size)
{
    return haproxy_csv_parse(text, len, "p", on_server, NULL, err, size);
}

static int
read_tablets(const char *text, size_t len, char *err, size_t size)
{
    char *cell = (char[]){"c"};
    const struct conf_list all = {.count = 0},
                           some = {.items = &cell, .count = 1};
    int rc = vitess_tablets_parse(text, len, &all, on_tablet, NULL, err, size);
    unsigned any = found;

    found = 0;
    if (rc == 0)
        MUST(vitess_tablets_parse(text, len, &some, on_tablet, NULL, err,
                                  size) == 0);
    MUST(found <= any);
    return rc;
}

static int
read_health(const char *text, size_t len, char *err, size_t size)
{
    struct share_health health;

    if (share_health_parse(text, len, &health, err, size) != 0)
        return -1;
    for (size_t i = 0; i < health.count; i++)
        MUST(share_health_find(&health, health.items[i].name));
    share_health_free(&health);
    return 0;
}

static void
must_agree(int (*read)(const char *, size_t, char *, size_t),
           const char *text,
           size_t len)
{
    char err[256] = "";
    unsigned first;
    int rc;

    found = 0;
    rc = read(text, len, err, sizeof(err));
    first = found;
    MUST(rc == 0 || (rc == -1 && err[0] != '\0' && found == 0));
    found = 0;
    MUST(read(text, len, err, sizeof(err)) == rc);
    MUST(found == first);
}

static int
read_status(const char *text, size_t len, char *err, size_t size)
{
    struct status_answer json, code;

    status_answer_code(len % 2 ? 200 : 503, text, len, &code);
    MUST(code.healthy == (int)(len % 2));
    status_answer_json(503, text, len, &json);
    MUST(!json.healthy && json.text[0] != '\0');
    status_answer_json(200, text, len, &json);
    MUST(json.healthy == (json.text[0] == '\0'));
    MUST(json.index == STATUS_ANSWER_NO_INDEX ||
         (json.healthy && json.index <= STATUS_ANSWER_INDEX_MAX));
    snprintf(err, size, "%s", json.text);
    return json.healthy ? 0 : -1;
}

/* What another node, or another version, put into the store. */
static void
read_facts(const char *data, size_t size)
{
    char *text = strndup(data, size);
    char written[ROUTE_FACT_SIZE];
    struct route_traffic traffic;
    struct route_fact fact, again;

    if (route_fact_read(text, &fact) == 0) {
        route_fact_write(&fact, written);
        MUST(route_fact_read(written, &again) == 0);
        MUST(again.epoch == fact.epoch);
        MUST(strcmp(again.active, fact.active) == 0);
    }
    route_traffic_read(text, &traffic);
    free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size ? size : 1); /* not terminated */

    memcpy(text, data, size);
    must_agree(read_csv, text, size);
    must_agree(read_tablets, text, size);
    must_agree(read_health, text, size);
    must_agree(read_status, text, size);
    read_facts(text, size);
    free(text);
    return 0;
}
