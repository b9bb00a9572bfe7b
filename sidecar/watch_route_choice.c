/* Who is active: what the leader would change, and what an operator may. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consensus/facts.h"
#include "decide/route_step.h"
#include "watch_private.h"
#include "watch_route.h"
#include "watch_route_private.h"

/* A leader that knows of the newer epoch comes first: it may have another
 * choice to make with it. */
#define RAISE_MS 2000

/* ---- candidates ---------------------------------------------------------- */

/* The operator's word about a host, "" when there is none. */
static int
is_marked(const struct watch_route *r, const char *name, const char *word)
{
    char text[ROUTE_FACT_HOST_SIZE + 16];
    size_t len;

    len = (size_t)snprintf(text, sizeof(text), "%s=%s", name, word);
    for (const char *at = r->marks; (at = strstr(at, text)); at += len)
        if ((at == r->marks || at[-1] == ' ') &&
            (at[len] == ' ' || at[len] == '\0'))
            return 1;
    return 0;
}

/* The list's place of NAME or NAME:PORT; those not named are the last. */
static unsigned
priority_of(const struct watch *w, const struct watch_host *host)
{
    const struct conf_list *list = &w->cluster->routing.priority;
    char name[ROUTE_FACT_HOST_SIZE];

    watch_route_name(&host->id, name);
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i], host->id.name) == 0 ||
            strcmp(list->items[i], name) == 0)
            return (unsigned)i;
    return (unsigned)list->count;
}

/* Of one that is read-only and then dies: that it is dead. */
static const char *
why(const struct watch_host *host)
{
    if (!host->eligible)
        return "IgnoreHosts";
    return host->health.state == HEALTH_DOWN && host->reads.state == HEALTH_DOWN
               ? host->reads.text
               : host->health.text;
}

struct route_candidate *
watch_route_candidates(const struct watch *w, int *active)
{
    struct route_candidate *all = calloc(w->nhosts + 1, sizeof(*all));
    char(*names)[ROUTE_FACT_HOST_SIZE] = w->route->names;

    if (!all)
        abort();
    *active = -1;
    for (size_t i = 0; i < w->nhosts; i++) {
        const struct watch_host *host = w->hosts[i];

        all[i].name = names[i];
        all[i].up = host->eligible && host->health.state == HEALTH_UP;
        all[i].unknown = host->eligible && host->health.state == HEALTH_UNKNOWN;
        all[i].down = is_marked(w->route, names[i], "down");
        all[i].drained = is_marked(w->route, names[i], "drained");
        all[i].priority = priority_of(w, host);
        all[i].index = host->index;
        all[i].why = why(host);
        if (strcmp(w->route->fact.active, names[i]) == 0)
            *active = (int)i;
    }
    return all;
}

/* ---- changes ------------------------------------------------------------- */

/* Why what counts here has to be stored anew. */
static const char *
why_old(const struct watch_route *r)
{
    struct route_fact fact;

    return r->fact_text[0] == '\0' || route_fact_read(r->fact_text, &fact) == 0
               ? "the store was put back to an older epoch"
               : "what the store had could not be read";
}

static int
has_let_go(const struct watch *w)
{
    return clock_boot_ms() >=
           w->route->nobody_since_boot_ms + watch_route_lease_ms(w);
}

/* 1: there is something to store. Who waits for others to let go looks again
 * soon. */
static int
make_change(struct watch *w,
            const char *to,
            const char *reason,
            int insists,
            struct consensus_change *out)
{
    const struct route_step_rules rules = {
        .lease = watch_route_lease_ms(w) != 0,
        .let_go = has_let_go(w),
        .is_old = w->route->fact_is_old,
        .insists = insists,
    };
    struct route_fact fact;

    if (route_step(&rules, &w->route->fact, to, reason, &fact) !=
        ROUTE_STEP_GO) {
        w->route->stirred = *w->shared->stirs = 1;
        return 0;
    }
    fact.changed_ms = clock_real_ms();
    memset(out, 0, sizeof(*out));
    out->kind = CHANGE_SET;
    out->compares = 1;
    out->expected = fact_value_mark(w->route->fact_text);
    snprintf(out->key, sizeof(out->key), WATCH_ROUTE_FACT "%s", watch_name(w));
    route_fact_write(&fact, out->value);
    return 1;
}

/* Where a move that is under way goes; -1: there is none, or it cannot. */
static int
next_of(const struct watch *w, const struct route_candidate *all)
{
    const struct route_fact *fact = &w->route->fact;

    if (fact->active[0] != '\0' || fact->next[0] == '\0')
        return -1;
    for (size_t i = 0; i < w->nhosts; i++)
        if (strcmp(all[i].name, fact->next) == 0)
            return all[i].up && !all[i].down ? (int)i : -1;
    return -1;
}

static void
choose(struct watch *w,
       const struct route_candidate *all,
       int active,
       struct route_choice *choice)
{
    struct watch_route *r = w->route;
    const struct route_rules rules = {
        .lowest_index = w->cluster->routing.lowest_index, .manual = r->manual};
    int next = next_of(w, all);

    memset(choice, 0, sizeof(*choice));
    choice->active = -1;
    if (next >= 0) {
        choice->active = next;
        choice->moves = 1;
    } else if (active < 0 && r->fact.active[0] != '\0') {
        if (!rules.manual)
            route_choose(&rules, all, w->nhosts, -1, choice);
        snprintf(choice->reason, sizeof(choice->reason),
                 "%.100s is no host of the cluster any more", r->fact.active);
        choice->moves = 1;
    } else {
        route_choose(&rules, all, w->nhosts, active, choice);
    }
    if (!choice->moves && r->fact_is_old) {
        snprintf(choice->reason, sizeof(choice->reason), "%s", why_old(r));
        choice->moves = 1;
    }
}

/* Would it be given up for its silence alone? */
static int
is_silent(const struct watch *w, const struct route_candidate *all, int active)
{
    return active >= 0 && w->hosts[active]->eligible &&
           w->hosts[active]->health.silent && !all[active].down &&
           !all[active].drained;
}

int
watch_route_decide(struct watch *w, int others, struct consensus_change *out)
{
    struct route_candidate *all;
    struct route_choice choice;
    int active, changes = 0;

    if (!w->route->known || !w->known)
        return 0;
    all = watch_route_candidates(w, &active);
    choose(w, all, active, &choice);
    if (choice.moves && others && is_silent(w, all, active))
        changes = watch_route_ask(w, w->hosts[active], out);
    if (choice.moves && changes == 0)
        changes =
            make_change(w, choice.active < 0 ? "" : all[choice.active].name,
                        choice.reason, 0, out);
    free(all);
    return changes > 0;
}

int
watch_route_raise(struct watch *w,
                  uint64_t now_ms,
                  struct consensus_change *out)
{
    const struct watch_route *r = w->route;

    if (!r->known || !r->fact_is_old || now_ms - r->old_since_ms < RAISE_MS)
        return 0;
    return make_change(w, r->fact.active, why_old(r), 0, out);
}

static const struct route_candidate *
find(const struct route_candidate *all, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(all[i].name, name) == 0)
            return &all[i];
    return NULL;
}

int
watch_route_switch(struct watch *w,
                   const char *host,
                   const char *why,
                   struct consensus_change *out,
                   char *err,
                   size_t err_size)
{
    int active;
    struct route_candidate *all = watch_route_candidates(w, &active);
    const struct route_candidate *to = find(all, w->nhosts, host);
    char reason[ROUTE_REASON_SIZE];
    int rc = -1;

    if (!w->route->known)
        snprintf(err, err_size, "what the nodes agree on is not known yet");
    else if (!to)
        snprintf(err, err_size, "%s is no host of the cluster: write NAME:PORT",
                 host);
    else if (to->down)
        snprintf(err, err_size, "%s is down: an operator said so", host);
    else if (!to->up)
        snprintf(err, err_size, "%s cannot take writers: %s", host, to->why);
    else if (active >= 0 && to == &all[active])
        snprintf(err, err_size, "%s is the active host", host);
    else if (w->cluster->routing.lowest_index && !w->route->manual)
        snprintf(err, err_size,
                 "with Choice lowest-index it would not stay: make the mode "
                 "manual first");
    else
        rc = 0;
    if (rc == 0) {
        snprintf(reason, sizeof(reason), "an operator switched to it%s%.150s",
                 *why ? ": " : "", why);
        if (!make_change(w, host, reason, 1, out)) {
            snprintf(err, err_size,
                     "it goes there already, as soon as all nodes have let go "
                     "of the former host");
            rc = -1;
        }
    }
    free(all);
    return rc;
}
