/* Commands: proposed, and answered when they are committed and applied. */
#include "consensus/consensus_raft_engine_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/later.h"

struct proposal {
    struct raft_apply req;
    struct engine *engine;
    uint64_t boot_ms;
    uint64_t mono_ms;
    engine_apply_cb cb;
    void *data;
};

static void
on_applied(struct raft_apply *req, int status, void *result)
{
    struct proposal *p = req->data;
    struct engine *e = p->engine;
    char text[256];

    (void)result;
    if (--e->proposals == 0 && e->draining)
        engine_drained(e);
    if (status == 0) {
        engine_proven(e, p->boot_ms, p->mono_ms);
        if (e->proposals == 0)
            engine_spread(e);
        p->cb(p->data, CONSENSUS_DONE, &e->stored, e->ledger->revision, "");
    } else {
        snprintf(text, sizeof(text),
                 "may or may not have been stored, repeat it: %s",
                 raft_strerror(status));
        p->cb(p->data, CONSENSUS_UNKNOWN, &e->stored, 0, text);
    }
    free(p);
}

/* NULL: what the ledger would not take. */
static struct raft_buffer
encode(const struct ledger_command *command)
{
    unsigned char bytes[LEDGER_COMMAND_MAX];
    struct raft_buffer buf = {.len = ledger_encode(command, bytes)};

    if (buf.len == 0)
        return buf;
    buf.base = raft_malloc(buf.len);
    if (!buf.base)
        abort();
    memcpy(buf.base, bytes, buf.len);
    return buf;
}

static void
refuse(void *data)
{
    struct proposal *p = data;
    struct consensus_change none = {0};

    p->cb(p->data, CONSENSUS_REFUSED, &none, 0,
          "nothing changed: this node does not lead");
    free(p);
}

void
engine_apply(struct engine *e,
             const struct ledger_command *command,
             engine_apply_cb cb,
             void *data)
{
    struct proposal *p = calloc(1, sizeof(*p));
    struct raft_buffer buf;

    if (!p)
        abort();
    *p = (struct proposal){.engine = e,
                           .boot_ms = clock_boot_ms(),
                           .mono_ms = clock_mono_ms(),
                           .cb = cb,
                           .data = data};
    p->req.data = p;
    if (!engine_acts(e) || e->leaving || e->failed) {
        later(e->loop, refuse, p);
        return;
    }
    buf = encode(command);
    if (buf.base && raft_apply(&e->raft, &p->req, &buf, 1, on_applied) == 0) {
        e->proposals++;
        return;
    }
    raft_free(buf.base);
    later(e->loop, refuse, p);
}
