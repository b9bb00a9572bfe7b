/* Who leads in freno's eyes: reading, renewing and taking the row. */
#include "consensus/election.h"

#include <stdio.h>
#include <string.h>

void
election_init(struct election *e, const char *id)
{
    memset(e, 0, sizeof(*e));
    snprintf(e->id, sizeof(e->id), "%s", id);
}

void
election_enter(struct election *e, const char *former, uint64_t now_ms)
{
    e->may_own = 1;
    snprintf(e->former, sizeof(e->former), "%s", former);
    e->write_due_ms = now_ms;
}

void
election_leave(struct election *e)
{
    e->may_own = 0;
    e->wrote = 0;
    e->until_ms = 0;
    e->former[0] = '\0';
}

static int
is_former(const struct election *e)
{
    return e->former[0] != '\0' && strcmp(e->leader, e->former) == 0 &&
           strcmp(e->leader, e->id) != 0;
}

enum election_step
election_next(const struct election *e, uint64_t now_ms)
{
    if (!e->may_own || e->wrote || now_ms < e->write_due_ms)
        return ELECTION_READ;
    return is_former(e) ? ELECTION_TAKE : ELECTION_CLAIM;
}

uint64_t
election_due_ms(const struct election *e)
{
    if (e->may_own && !e->wrote && e->write_due_ms < e->read_due_ms)
        return e->write_due_ms;
    return e->read_due_ms;
}

void
election_wrote(struct election *e, uint64_t started_ms)
{
    e->wrote = 1;
    e->wrote_ms = started_ms;
    e->write_due_ms = started_ms + ELECTION_WRITE_MS;
    e->read_due_ms = started_ms;
}

/* Only what we wrote ourselves makes us lead: another process may go by the
 * same service id. */
void
election_read(struct election *e, const char *service_id, uint64_t started_ms)
{
    int ours = strcmp(service_id, e->id) == 0;

    snprintf(e->leader, sizeof(e->leader), "%s", service_id);
    if (ours && e->wrote)
        e->until_ms = e->wrote_ms + ELECTION_TRUST_MS;
    else if (!ours)
        e->until_ms = 0;
    e->wrote = 0;
    e->read_due_ms = started_ms + ELECTION_READ_MS;
    /* To take from a Sluice node, or to try again, costs nothing. */
    if (e->may_own && !ours)
        e->write_due_ms = is_former(e) ? started_ms : e->read_due_ms;
}

void
election_failed(struct election *e, uint64_t now_ms)
{
    e->wrote = 0;
    e->leader[0] = '\0';
    e->write_due_ms = now_ms + ELECTION_READ_MS;
    e->read_due_ms = now_ms + ELECTION_READ_MS;
}

uint64_t
election_until(const struct election *e, uint64_t now_ms)
{
    return now_ms < e->until_ms ? e->until_ms : 0;
}

int
election_leads(const struct election *e, uint64_t now_ms)
{
    return election_until(e, now_ms) != 0;
}
