/* What a stopped voter holds, and the way out when a majority is lost. */
#include "consensus/raft_recover.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consensus/consensus_raft_dir.h"
#include "consensus/consensus_raft_engine.h"
#include "consensus/consensus_raft_transport.h"

struct recovery {
    const struct conf *conf;
    struct loop loop;
    struct raft_dir dir;
    struct ledger ledger;
    struct transport *transport;
    struct engine *engine;
    char why[512];
};

/* ---- libraft, without taking part ------------------------------------- */

static void
on_applied(void *data, uint64_t index, const void *bytes, size_t len)
{
    (void)data;
    (void)index;
    (void)bytes;
    (void)len;
}

static void
on_restored(void *data)
{
    (void)data;
}

static void
on_leadership(void *data,
              uint64_t until_boot_ms,
              uint64_t proven_mono_ms,
              uint64_t proven_boot_ms)
{
    (void)data;
    (void)until_boot_ms;
    (void)proven_mono_ms;
    (void)proven_boot_ms;
}

static void
on_failed(void *data, const char *why)
{
    struct recovery *r = data;

    snprintf(r->why, sizeof(r->why), "%s", why);
}

static void
on_closed(void *data)
{
    struct recovery *r = data;

    transport_free(r->transport);
}

static int
open_engine(struct recovery *r)
{
    const struct engine_events events = {r, on_applied, on_restored,
                                         on_leadership, on_failed};

    r->transport = transport_new(&r->loop, NULL);
    r->engine = engine_open(&r->loop, r->dir.raft, r->dir.id,
                            r->conf->raft.self, transport_raft(r->transport),
                            &r->ledger, &events, r->why, sizeof(r->why));
    if (r->engine)
        return 0;
    transport_free(r->transport);
    return -1;
}

/* No message is sent meanwhile: the loop runs only to close. */
static void
close_engine(struct recovery *r)
{
    engine_close(r->engine, on_closed, r);
    uv_run(&r->loop.uv, UV_RUN_DEFAULT);
    ledger_free(&r->ledger);
}

/* ---- what it holds ---------------------------------------------------- */

static void
show(const struct recovery *r, FILE *out)
{
    const struct raft_dir *d = &r->dir;
    size_t count = engine_member_count(r->engine);
    struct engine_member members[count + 1];

    fprintf(out, "node     %016" PRIx64 "\naddress  %s\nstore    %s\n", d->id,
            d->address, d->store_id[0] ? d->store_id : "(none yet)");
    fprintf(out, "term     %" PRIu64 "\nindex    %" PRIu64 "\n",
            engine_last_term(r->engine), engine_last(r->engine));
    engine_members(r->engine, members);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s  %016" PRIx64 "  %s%s\n", i ? "       " : "members",
                members[i].id, members[i].address,
                members[i].id == d->id ? "  (this node)" : "");
}

static int
look(struct recovery *r, FILE *out)
{
    int rc;

    if (open_engine(r) != 0)
        return -1;
    rc = engine_start(r->engine, r->why, sizeof(r->why));
    if (rc == 0)
        show(r, out);
    close_engine(r);
    return rc;
}

/* ---- the way out ------------------------------------------------------ */

/* Another node, of another store from now on: whoever comes back from the old
 * cluster is refused, and its orders count no more. Should this be cut short
 * between the two files, the new node is in no list of members, and waits. */
static int
rewrite(struct recovery *r)
{
    struct raft_dir *d = &r->dir;
    int rc;

    raft_dir_begin_anew(d, r->conf->raft.self);
    if (raft_dir_save(d, r->why, sizeof(r->why)) != 0 || open_engine(r) != 0)
        return -1;
    rc = engine_rewrite(r->engine, r->why, sizeof(r->why));
    close_engine(r);
    return rc;
}

static int
recover(struct recovery *r, int yes, FILE *out)
{
    if (!r->dir.logged) {
        snprintf(r->why, sizeof(r->why), "%s: nothing was ever stored there",
                 r->conf->raft.data_dir);
        return -1;
    }
    if (look(r, out) != 0)
        return -1;
    if (!yes) {
        fputs("\nOf the nodes that are left take the one with the highest "
              "term, and of those the highest index.\nStop all of them, and "
              "on that one repeat this with --yes: it becomes a cluster of "
              "its own.\n",
              out);
        return 0;
    }
    if (rewrite(r) != 0)
        return -1;
    fputs("\nThis node is now a cluster of its own. Start it; give the others "
          "an empty RaftDataDir, start them, and add\neach by sluicectl "
          "members add ADDRESS.\n",
          out);
    return 0;
}

int
raft_recover_main(const struct conf *conf, int yes, FILE *out)
{
    struct recovery r = {.conf = conf};
    int rc;

    if (conf->raft.data_dir[0] == '\0' || conf->raft.observer) {
        fputs("sluiced: --raft-recover: RaftDataDir is not set, or this is an "
              "observer\n",
              stderr);
        return 1;
    }
    if (raft_dir_open(&r.dir, conf, r.why, sizeof(r.why)) != 0) {
        fprintf(stderr, "sluiced: %s\n", r.why);
        return 1;
    }
    if (loop_init(&r.loop) != 0)
        abort();
    rc = recover(&r, yes, out);
    loop_close(&r.loop);
    raft_dir_close(&r.dir);
    if (rc != 0)
        fprintf(stderr, "sluiced: %s\n", r.why);
    return rc == 0 ? 0 : 1;
}
