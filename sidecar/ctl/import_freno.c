/* Takes over what a running freno throttles and skips. */
#include "ctl/import_freno.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/http_escape.h"
#include "base/http_fetch.h"
#include "ctl/ask.h"
#include "ctl/freno_list.h"

#define FRENO_MS 10000
#define BUILT_IN "abusing-app" /* which freno throttles at every start */

enum given { GIVEN, LEFT_OUT, UNKNOWN_STORE, REFUSED, NGIVEN };

struct import {
    const char *url;
    const char *socket;
    FILE *out;
    FILE *err;
    struct freno_list throttles;
    struct freno_list skips;
    size_t counts[NGIVEN];
};

/* ---- reading ---------------------------------------------------------- */

typedef int (*parse_fn)(const char *json,
                        size_t len,
                        int64_t now_ms,
                        struct freno_list *list,
                        char *err,
                        size_t err_size);

/* The time by which freno's answer is to be read: freno's own, for its clock
 * may not be ours. */
static int64_t
time_of(const struct http_fetched *got)
{
    struct timespec now;

    if (got->date_ms > 0)
        return got->date_ms;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int
is_text(const char *body)
{
    for (; *body; body++)
        if (iscntrl((unsigned char)*body) && !isspace((unsigned char)*body))
            return 0;
    return 1;
}

/* What is there instead of a list, as far as it is for a terminal. */
static void
say_status(struct import *i, const char *url, const struct http_fetched *got)
{
    fprintf(i->err, "sluiced: %s: HTTP %u", url, got->status);
    if (is_text(got->body) && *got->body)
        fprintf(i->err, ": %.*s",
                (int)(strcspn(got->body, "\r\n") > 200
                          ? 200
                          : strcspn(got->body, "\r\n")),
                got->body);
    fputs("\n", i->err);
}

static int
read_list(struct import *i,
          const char *path,
          parse_fn parse,
          struct freno_list *list)
{
    struct http_fetch what = {.timeout_ms = FRENO_MS};
    struct http_fetched got;
    char *url, text[512];
    int rc;

    if (asprintf(&url, "%s%s", i->url, path) < 0)
        abort();
    what.url = url;
    rc = http_fetch(&what, &got, text, sizeof(text));
    if (rc != 0) {
        fprintf(i->err, "sluiced: %s\n", text);
    } else if (got.status != 200) {
        say_status(i, url, &got);
        rc = -1;
    } else {
        rc = parse(got.body, got.len, time_of(&got), list, text, sizeof(text));
        if (rc != 0)
            fprintf(i->err, "sluiced: %s: this is no list of freno's: %s\n",
                    url, text);
    }
    http_fetched_free(&got);
    free(url);
    return rc;
}

/* ---- giving ----------------------------------------------------------- */

static void
print_name(struct import *i, const char *kind, const struct freno_entry *e)
{
    fprintf(i->out, "%s %s%s%s: ", kind, e->name, e->store ? "/" : "",
            e->store ? e->store : "");
}

static void
print_given(struct import *i, const struct freno_entry *e, int throttle)
{
    if (throttle)
        fprintf(i->out, "ratio %.15g, ", e->ratio);
    if (e->minutes == FRENO_NEVER)
        fputs("no end\n", i->out);
    else
        fprintf(i->out, "%lld minute%s\n", (long long)e->minutes,
                e->minutes == 1 ? "" : "s");
}

/* A throttle without a time has no end; a skip would have an hour. */
static char *
make_form(const struct freno_entry *e, int throttle)
{
    char *form = NULL, number[32];

    if (throttle) {
        snprintf(number, sizeof(number), "%.17g", e->ratio);
        http_escape_field(&form, "ratio", number);
    }
    http_escape_field(&form, "store_name", e->store);
    http_escape_field(&form, "owner", e->owner);
    http_escape_field(&form, "reason", e->reason);
    snprintf(number, sizeof(number), "%lld",
             e->minutes == FRENO_NEVER ? FRENO_MINUTES_MAX
                                       : (long long)e->minutes);
    if (!throttle || e->minutes != FRENO_NEVER)
        http_escape_field(&form, "ttl", number);
    return form;
}

/* -1: sluiced cannot take anything now. */
static int
take_answer(struct import *i,
            const struct freno_entry *e,
            int throttle,
            const struct answer *a)
{
    if (a->status == 200) {
        i->counts[GIVEN]++;
        print_given(i, e, throttle);
        return 0;
    }
    if (a->status == 404 && e->store) {
        i->counts[UNKNOWN_STORE]++;
        fprintf(i->out, "not given: %s\n", a->message);
        return 0;
    }
    i->counts[REFUSED]++;
    fprintf(i->out, "not given: %s\n", a->message);
    if (a->status != 0 && a->status != 503)
        return 0;
    fprintf(i->err,
            "sluiced: %s\n"
            "sluiced: stopped; repeat it when that is mended\n",
            a->message);
    return -1;
}

static int
give(struct import *i, const struct freno_entry *e, int throttle)
{
    char *name = http_escape(e->name), *path;
    char *form = make_form(e, throttle);
    struct answer answer;
    int rc;

    if (asprintf(&path, "/%s/%s", throttle ? "throttle-app" : "skip-host",
                 name) < 0)
        abort();
    ask(i->socket, path, form, &answer);
    rc = take_answer(i, e, throttle, &answer);
    answer_free(&answer);
    free(path);
    free(form);
    free(name);
    return rc;
}

static int
give_all(struct import *i, const struct freno_list *list, int throttle)
{
    int rc = 0;

    for (size_t n = 0; n < list->count && rc == 0; n++) {
        const struct freno_entry *e = &list->entries[n];
        int built_in = throttle && strcmp(e->name, BUILT_IN) == 0 && !e->store;

        print_name(i, throttle ? "throttle" : "skip", e);
        if (!built_in && e->minutes > 0) {
            rc = give(i, e, throttle);
        } else {
            i->counts[LEFT_OUT]++;
            fprintf(i->out, "left out: %s\n",
                    built_in ? "freno's own" : "expired");
        }
        fflush(i->out);
    }
    return rc;
}

/* ---- all of it -------------------------------------------------------- */

/* Before the first change: whether it could be taken at all. */
static int
check_sluiced(struct import *i)
{
    struct answer answer;
    int rc = 0;

    ask(i->socket, "/throttled-apps", NULL, &answer);
    if (answer.status != 200) {
        fprintf(i->err, "sluiced: %s\n", answer.message);
        rc = -1;
    }
    answer_free(&answer);
    return rc;
}

static int
run(struct import *i)
{
    int rc;

    if (read_list(i, "/throttled-apps", freno_throttles, &i->throttles) != 0 ||
        read_list(i, "/skipped-hosts", freno_skips, &i->skips) != 0 ||
        check_sluiced(i) != 0) {
        fputs("sluiced: nothing was changed\n", i->err);
        return 1;
    }
    rc = give_all(i, &i->throttles, 1);
    if (rc == 0)
        rc = give_all(i, &i->skips, 0);
    fprintf(i->out,
            "%zu given to sluiced, %zu left out, %zu of an unknown store, %zu "
            "refused\n",
            i->counts[GIVEN], i->counts[LEFT_OUT], i->counts[UNKNOWN_STORE],
            i->counts[REFUSED]);
    return i->counts[UNKNOWN_STORE] + i->counts[REFUSED] > 0;
}

int
import_freno(const char *url, const char *socket, FILE *out, FILE *err)
{
    struct import i = {.socket = socket, .out = out, .err = err};
    size_t len = strlen(url);
    char *trimmed;
    int rc;

    if (strncasecmp(url, "http://", 7) != 0 &&
        strncasecmp(url, "https://", 8) != 0) {
        fprintf(err, "sluiced: --import-freno %s: expected http://HOST:PORT\n",
                url);
        return 1;
    }
    while (len > 0 && url[len - 1] == '/')
        len--;
    trimmed = strndup(url, len);
    if (!trimmed)
        abort();
    i.url = trimmed;
    rc = run(&i);
    freno_list_free(&i.throttles);
    freno_list_free(&i.skips);
    free(trimmed);
    return rc;
}
