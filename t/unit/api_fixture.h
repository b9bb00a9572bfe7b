/* The control API on a socket, with a store that does as it is told. */
#ifndef API_FIXTURE_H
#define API_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "api/api.h"
#include "http_help.h"
#include "tempdir.h"

#define ASKED_MAX 128
#define OK_BODY "{\"StatusCode\":200,\"Message\":\"OK\"}\n"
#define FORM "application/x-www-form-urlencoded"

/* A change that the store was asked for. */
struct asked_change {
    struct consensus_change change;
    consensus_done_cb cb;
    void *cb_data;
};

struct asked_members {
    struct consensus_member_change change; /* of a change of theirs */
    consensus_members_cb list_cb;          /* or the list is asked for */
    consensus_member_change_cb change_cb;
    void *cb_data;
};

struct fixture {
    struct conf_memcache memcache;
    struct loop loop;
    struct api *api;
    char path[256];

    int holds; /* changes are not answered */
    int no_store;
    enum consensus_outcome outcome;
    const char *text;
    struct asked_change asked[ASKED_MAX];
    size_t nasked;
    uv_idle_t soon; /* answers come in the loop, never from within */
    size_t answered;

    const struct facts *facts;
    struct consensus_status status;

    int no_members;
    const struct consensus_member *members;
    size_t nmembers;
    struct asked_members asked_members; /* one at a time */
    size_t nasked_members;
};

static inline void
fixture_answer(struct fixture *f, size_t i)
{
    struct asked_change *a = &f->asked[i];

    a->cb(a->cb_data, f->outcome,
          f->outcome == CONSENSUS_DONE ? &a->change : NULL, 7, f->text);
}

static inline void
fixture_answer_members(struct fixture *f)
{
    struct asked_members *a = &f->asked_members;
    int done = f->outcome == CONSENSUS_DONE;

    if (a->list_cb)
        a->list_cb(a->cb_data, f->outcome, done ? f->members : NULL,
                   done ? f->nmembers : 0, f->text);
    if (a->change_cb)
        a->change_cb(a->cb_data, f->outcome, f->text);
    a->list_cb = NULL;
    a->change_cb = NULL;
}

static inline void
fixture_soon(uv_idle_t *idle)
{
    struct fixture *f = idle->data;

    while (f->answered < f->nasked)
        fixture_answer(f, f->answered++);
    fixture_answer_members(f);
    uv_idle_stop(idle);
}

static inline void
fixture_change(void *data,
               const struct consensus_change *change,
               consensus_done_cb cb,
               void *cb_data)
{
    struct fixture *f = data;

    assert_true(f->nasked < ASKED_MAX);
    f->asked[f->nasked++] = (struct asked_change){*change, cb, cb_data};
    if (!f->holds)
        uv_idle_start(&f->soon, fixture_soon);
}

static inline const struct facts *
fixture_facts(void *data)
{
    return ((struct fixture *)data)->facts;
}

static inline int
fixture_status(void *data, struct consensus_status *out)
{
    struct fixture *f = data;

    *out = f->status;
    return f->no_store ? -1 : 0;
}

static inline int
fixture_cluster(void *data, const char *name)
{
    (void)data;
    return strcmp(name, "main1") == 0 || strcmp(name, "main2") == 0;
}

static inline int
fixture_members(void *data, consensus_members_cb cb, void *cb_data)
{
    struct fixture *f = data;

    if (f->no_members)
        return -1;
    f->asked_members =
        (struct asked_members){.list_cb = cb, .cb_data = cb_data};
    f->nasked_members++;
    if (!f->holds)
        uv_idle_start(&f->soon, fixture_soon);
    return 0;
}

static inline int
fixture_change_members(void *data,
                       const struct consensus_member_change *change,
                       consensus_member_change_cb cb,
                       void *cb_data)
{
    struct fixture *f = data;

    if (f->no_members)
        return -1;
    f->asked_members = (struct asked_members){
        .change = *change, .change_cb = cb, .cb_data = cb_data};
    f->nasked_members++;
    if (!f->holds)
        uv_idle_start(&f->soon, fixture_soon);
    return 0;
}

static inline const struct conf_memcache *
fixture_memcache(void *data)
{
    struct fixture *f = data;

    return &f->memcache;
}

static inline void
fixture_open(struct fixture *f)
{
    struct api_hooks hooks = {
        .data = f,
        .change = fixture_change,
        .facts = fixture_facts,
        .status = fixture_status,
        .memcache = fixture_memcache,
        .cluster_exists = fixture_cluster,
        .members = fixture_members,
        .change_members = fixture_change_members,
    };
    char err[256] = "";

    memset(f, 0, sizeof(*f));
    f->status = (struct consensus_status){
        .service_id = "vm:1",
        .leader = "vm:1",
        .state = "Leader",
        .domain = "",
        .share_domain = "",
    };
    snprintf(f->path, sizeof(f->path), "%s", tempdir_path("control.sock"));
    unlink(f->path); /* of a test that failed */
    assert_int_equal(loop_init(&f->loop), 0);
    uv_idle_init(&f->loop.uv, &f->soon);
    f->soon.data = f;
    f->api = api_open(&f->loop, f->path, &hooks, err, sizeof(err));
    assert_string_equal(err, "");
    assert_non_null(f->api);
}

static inline void
fixture_close(struct fixture *f)
{
    api_close(f->api);
    uv_close((uv_handle_t *)&f->soon, NULL);
    loop_close(&f->loop);
}

/* A request with further header lines, each ended by CRLF, and a body. */
static inline const char *
fixture_ask(struct fixture *f,
            const char *method,
            const char *path,
            const char *headers,
            const char *body)
{
    const char *got;
    char *request;

    if (asprintf(&request,
                 "%s %s HTTP/1.1\r\nHost: t\r\nConnection: close\r\n"
                 "%sContent-Length: %zu\r\n\r\n%s",
                 method, path, headers, strlen(body), body) < 0)
        abort();
    got = http_help_ask(&f->loop, f->path, request);
    free(request);
    return got;
}

static inline const char *
get(struct fixture *f, const char *path)
{
    return fixture_ask(f, "GET", path, "", "");
}

static inline const char *
post(struct fixture *f, const char *path, const char *form)
{
    return fixture_ask(f, "POST", path,
                       form[0] ? "Content-Type: " FORM "\r\n" : "", form);
}

static inline void
assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%.500s\" has no \"%s\"", text, part);
}

static inline void
assert_status(const char *answer, int status)
{
    char line[32];

    snprintf(line, sizeof(line), "HTTP/1.1 %d ", status);
    if (strncmp(answer, line, strlen(line)) != 0)
        fail_msg("\"%.500s\" is not %d", answer, status);
}

/* A generic answer, to the byte. */
static inline void
assert_says(const char *answer, int status, const char *message)
{
    char body[1200];

    assert_status(answer, status);
    assert_has(answer, "\r\nContent-Type: application/json\r\n");
    snprintf(body, sizeof(body), "{\"StatusCode\":%d,\"Message\":\"%s\"}\n",
             status, message);
    assert_string_equal(http_help_body(answer), body);
}

/* The one change since the last look. */
static inline const struct consensus_change *
asked_for(struct fixture *f, enum consensus_change_kind kind, const char *key)
{
    assert_int_equal(f->nasked, 1);
    f->nasked = f->answered = 0;
    assert_int_equal(f->asked[0].change.kind, kind);
    assert_string_equal(f->asked[0].change.key, key);
    return &f->asked[0].change;
}

#endif
