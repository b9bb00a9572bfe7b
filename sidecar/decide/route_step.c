/* One step, or two. */
#include "decide/route_step.h"

#include <stdio.h>
#include <string.h>

static int
is_under_way(const struct route_fact *now, const char *to)
{
    return now->active[0] == '\0' && strcmp(now->next, to) == 0;
}

static void
leave(const char *to, const char *why, struct route_fact *out)
{
    snprintf(out->next, sizeof(out->next), "%s", to);
    snprintf(out->reason, sizeof(out->reason), "%s", why);
}

static void
arrive(const struct route_fact *now,
       const char *to,
       const char *why,
       struct route_fact *out)
{
    snprintf(out->active, sizeof(out->active), "%s", to);
    snprintf(out->reason, sizeof(out->reason), "%s",
             is_under_way(now, to) ? now->reason : why);
}

enum route_step
route_step(const struct route_step_rules *rules,
           const struct route_fact *now,
           const char *to,
           const char *why,
           struct route_fact *out)
{
    int nobody = now->active[0] == '\0' && !rules->is_old;

    memset(out, 0, sizeof(*out));
    out->epoch = now->epoch + 1;
    if (!rules->lease || *to == '\0')
        arrive(now, to, why, out);
    else if (!nobody)
        leave(to, why, out);
    else if (rules->let_go)
        arrive(now, to, why, out);
    else if (rules->insists && !is_under_way(now, to))
        leave(to, why, out);
    else
        return ROUTE_STEP_NONE;
    return ROUTE_STEP_GO;
}
