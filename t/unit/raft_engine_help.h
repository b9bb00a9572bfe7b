/* One engine on a directory, with a transport that reaches nobody. Comes after
 * cmocka.h. */
#ifndef RAFT_ENGINE_HELP_H
#define RAFT_ENGINE_HELP_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/later.h"
#include "consensus/consensus_raft_engine.h"
#include "ledger_help.h"
#include "tempdir.h"

/* ---- a transport ------------------------------------------------------ */

struct nobody {
    struct raft_uv_transport raft;
    struct loop *loop;
    raft_uv_transport_close_cb close_cb;
    struct raft_uv_connect *connecting[8];
    raft_uv_connect_cb connect_cbs[8];
    int count;
};

static inline int
nobody_init(struct raft_uv_transport *t, raft_id id, const char *address)
{
    (void)t;
    (void)id;
    (void)address;
    return 0;
}

static inline int
nobody_listen(struct raft_uv_transport *t, raft_uv_accept_cb cb)
{
    (void)t;
    (void)cb;
    return 0;
}

/* Until the end. */
static inline int
nobody_connect(struct raft_uv_transport *t,
               struct raft_uv_connect *req,
               raft_id id,
               const char *address,
               raft_uv_connect_cb cb)
{
    struct nobody *n = t->impl;

    (void)id;
    (void)address;
    assert_true(n->count < 8);
    n->connecting[n->count] = req;
    n->connect_cbs[n->count++] = cb;
    return 0;
}

static inline void
nobody_closed(void *data)
{
    struct nobody *n = data;

    n->close_cb(&n->raft);
}

static inline void
nobody_close(struct raft_uv_transport *t, raft_uv_transport_close_cb cb)
{
    struct nobody *n = t->impl;

    n->close_cb = cb;
    while (n->count > 0) {
        n->count--;
        n->connect_cbs[n->count](n->connecting[n->count], NULL, RAFT_CANCELED);
    }
    later(n->loop, nobody_closed, n);
}

/* ---- a voter ---------------------------------------------------------- */

#define VOTER_ID 0xabcu
#define VOTER_ADDRESS "db1:10008"

struct voter {
    struct loop loop;
    struct nobody nobody;
    struct ledger ledger;
    struct engine *engine;
    char err[512];

    int applied, restored, failed, closed, handed_over;
    uint64_t applied_index; /* of the last */
    uint64_t until_ms;      /* as told last */
    char why[512];          /* it failed */
};

static inline void
voter_on_applied(void *data, uint64_t index, const void *bytes, size_t len)
{
    struct voter *v = data;
    struct ledger_command command;

    v->applied++;
    assert_true(index > v->applied_index);
    assert_int_equal(v->ledger.revision, index);
    assert_int_equal(
        ledger_decode(bytes, len, &command, v->err, sizeof(v->err)), 0);
    v->applied_index = index;
}

static inline void
voter_on_restored(void *data)
{
    struct voter *v = data;

    v->restored++;
}

static inline void
voter_on_leadership(void *data,
                    uint64_t until_boot_ms,
                    uint64_t proven_mono_ms,
                    uint64_t proven_boot_ms)
{
    struct voter *v = data;

    assert_true((until_boot_ms == 0) == (proven_mono_ms == 0));
    assert_true(until_boot_ms == 0 ||
                until_boot_ms <= clock_boot_ms() + ENGINE_LEASE_MS);
    assert_true(proven_mono_ms <= clock_mono_ms());
    assert_true(until_boot_ms == 0 ||
                until_boot_ms == proven_boot_ms + ENGINE_LEASE_MS);
    v->until_ms = until_boot_ms;
}

static inline void
voter_on_failed(void *data, const char *why)
{
    struct voter *v = data;

    v->failed++;
    snprintf(v->why, sizeof(v->why), "%s", why);
}

static inline void
voter_on_closed(void *data)
{
    struct voter *v = data;

    v->closed++;
}

/* Until the condition holds; fails after 20 s. */
#define run_until(v, condition)                    \
    do {                                           \
        uint64_t end_ms = clock_mono_ms() + 20000; \
                                                   \
        while (!(condition)) {                     \
            if (clock_mono_ms() > end_ms)          \
                fail_msg("not: %s", #condition);   \
            uv_run(&(v)->loop.uv, UV_RUN_ONCE);    \
        }                                          \
    } while (0)

static inline void
run_for(struct voter *v, unsigned ms)
{
    uint64_t end_ms = clock_mono_ms() + ms;

    while (clock_mono_ms() < end_ms) {
        uv_run(&v->loop.uv, UV_RUN_NOWAIT);
        usleep(500);
    }
}

static inline int
voter_open_as(struct voter *v, const char *dir, const char *address)
{
    struct engine_events events = {.data = v,
                                   .applied = voter_on_applied,
                                   .restored = voter_on_restored,
                                   .leadership = voter_on_leadership,
                                   .failed = voter_on_failed};

    memset(v, 0, sizeof(*v));
    assert_int_equal(loop_init(&v->loop), 0);
    v->nobody = (struct nobody){.loop = &v->loop,
                                .raft = {.init = nobody_init,
                                         .listen = nobody_listen,
                                         .connect = nobody_connect,
                                         .close = nobody_close}};
    v->nobody.raft.impl = &v->nobody;
    v->engine = engine_open(&v->loop, dir, VOTER_ID, address, &v->nobody.raft,
                            &v->ledger, &events, v->err, sizeof(v->err));
    return v->engine ? 0 : -1;
}

static inline void
voter_open(struct voter *v, const char *dir)
{
    if (voter_open_as(v, dir, VOTER_ADDRESS) != 0)
        fail_msg("%s", v->err);
}

static inline void
voter_start(struct voter *v)
{
    if (engine_start(v->engine, v->err, sizeof(v->err)) != 0)
        fail_msg("%s", v->err);
}

/* On an empty directory, until it leads. */
static inline void
voter_found(struct voter *v, const char *dir)
{
    voter_open(v, dir);
    if (engine_bootstrap(v->engine, v->err, sizeof(v->err)) != 0)
        fail_msg("%s", v->err);
    voter_start(v);
    run_until(v, engine_acts(v->engine));
}

static inline void
voter_reopen(struct voter *v, const char *dir)
{
    voter_open(v, dir);
    voter_start(v);
    run_until(v, engine_acts(v->engine));
}

/* The ledger stays, for who looks. */
static inline void
voter_close(struct voter *v)
{
    if (v->engine)
        engine_close(v->engine, voter_on_closed, v);
    run_until(v, !v->engine || v->closed);
    v->engine = NULL;
    loop_close(&v->loop);
    assert_false(loop_left_open());
    assert_true(v->closed <= 1);
}

/* ---- directories ------------------------------------------------------ */

static char dir[300]; /* fresh for each test */

static inline int
setup(void **state)
{
    static unsigned n;
    char name[32];

    (void)state;
    snprintf(name, sizeof(name), "raft%u", n++);
    snprintf(dir, sizeof(dir), "%s", tempdir_path(name));
    return mkdir(dir, 0700);
}

#define test(name) cmocka_unit_test_setup(name, setup)

/* ---- commands --------------------------------------------------------- */

struct answer {
    int count;
    enum consensus_outcome outcome;
    struct consensus_change stored;
    uint64_t revision;
    char text[256];
};

static inline void
on_answer(void *data,
          enum consensus_outcome outcome,
          const struct consensus_change *stored,
          uint64_t revision,
          const char *text)
{
    struct answer *a = data;

    a->count++;
    a->outcome = outcome;
    a->stored = *stored;
    a->revision = revision;
    snprintf(a->text, sizeof(a->text), "%s", text);
}

static inline void
propose(struct voter *v, struct ledger_command command, struct answer *a)
{
    int before = a->count;

    engine_apply(v->engine, &command, on_answer, a);
    assert_int_equal(a->count, before); /* never from within */
}

static inline struct answer
propose_and_wait(struct voter *v, struct ledger_command command)
{
    struct answer a = {0};

    propose(v, command, &a);
    run_until(v, a.count);
    return a;
}

static inline struct answer
done(struct voter *v, struct ledger_command command)
{
    struct answer a;

    run_until(v, engine_acts(v->engine)); /* the machine may be slow */
    a = propose_and_wait(v, command);
    assert_int_equal(a.outcome, CONSENSUS_DONE);
    assert_string_equal(a.text, "");
    return a;
}

static inline void
refused(struct voter *v, struct ledger_command command)
{
    uint64_t revision = v->ledger.revision;
    struct answer a = propose_and_wait(v, command);

    assert_int_equal(a.outcome, CONSENSUS_REFUSED);
    assert_int_equal(a.revision, 0);
    assert_memory_equal(a.text, "nothing changed: ", 17);
    assert_int_equal(v->ledger.revision, revision);
}

#endif
