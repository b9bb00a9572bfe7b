/* The choice of the active host. */
#include "decide/route.h"

#include <stdio.h>
#include <string.h>

static int
may_serve(const struct route_candidate *host)
{
    return host->up && !host->down;
}

/* < 0: a goes before b. Equal ones keep the order of the configuration. */
static int
order(const struct route_candidate *a, const struct route_candidate *b)
{
    if (a->drained != b->drained)
        return a->drained ? 1 : -1;
    if (a->priority != b->priority)
        return a->priority < b->priority ? -1 : 1;
    if (a->index != b->index)
        return a->index < b->index ? -1 : 1;
    return 0;
}

static int
first(const struct route_candidate *hosts, size_t count)
{
    int best = -1;

    for (size_t i = 0; i < count; i++)
        if (may_serve(&hosts[i]) &&
            (best < 0 || order(&hosts[i], &hosts[best]) < 0))
            best = (int)i;
    return best;
}

static int
any_unknown(const struct route_candidate *hosts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (hosts[i].unknown && !hosts[i].down)
            return 1;
    return 0;
}

static int
stays(const struct route_rules *rules,
      const struct route_candidate *hosts,
      size_t count,
      int active)
{
    int best;

    if (active < 0)
        return rules->manual || any_unknown(hosts, count);
    if (rules->manual)
        return 1;
    if (hosts[active].unknown && !hosts[active].down)
        return 1;
    if (!may_serve(&hosts[active]))
        return 0;
    best = first(hosts, count);
    if (rules->lowest_index)
        return best == active || any_unknown(hosts, count);
    return !hosts[active].drained || hosts[best].drained;
}

static void
say_why(const struct route_rules *rules,
        const struct route_candidate *hosts,
        int before,
        struct route_choice *out)
{
    const struct route_candidate *was = before < 0 ? NULL : &hosts[before];

    if (!was)
        snprintf(out->reason, sizeof(out->reason), "%s is the first",
                 hosts[out->active].name);
    else if (was->down)
        snprintf(out->reason, sizeof(out->reason),
                 "%s: an operator took it down", was->name);
    else if (!was->up)
        snprintf(out->reason, sizeof(out->reason), "%s: %s", was->name,
                 was->why);
    else if (was->drained)
        snprintf(out->reason, sizeof(out->reason), "%s: an operator drains it",
                 was->name);
    else
        snprintf(out->reason, sizeof(out->reason), "%s goes before %s%s",
                 hosts[out->active].name, was->name,
                 rules->lowest_index ? " by its index" : "");
}

void
route_choose(const struct route_rules *rules,
             const struct route_candidate *hosts,
             size_t count,
             int active,
             struct route_choice *out)
{
    memset(out, 0, sizeof(*out));
    out->active = active;
    if (stays(rules, hosts, count, active))
        return;
    out->active = first(hosts, count);
    out->moves = out->active != active;
    if (out->moves)
        say_why(rules, hosts, active, out);
}

int
route_inactive(const struct route_candidate *hosts, size_t count, int active)
{
    int last = -1;

    for (size_t i = 0; i < count; i++)
        if ((int)i != active && may_serve(&hosts[i]) && !hosts[i].drained &&
            (last < 0 || order(&hosts[i], &hosts[last]) >= 0))
            last = (int)i;
    if (last < 0 && active >= 0 && may_serve(&hosts[active]))
        return active;
    return last;
}
