/* Rules to hold checks against: a view of throttles, an overlay and dice that
 * do as the test says. */
#ifndef RULES_HELP_H
#define RULES_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sluice_state.h"
#include "sluice_throttle.h"

static struct sluice_view rules_view;

/* Made like any view, by loading an image. */
static inline void
rules_load(const struct sluice_facts *facts,
           const struct sluice_throttle *throttles,
           uint32_t nthrottles)
{
    const struct sluice_section sections[] = {
        {.kind = SLUICE_SECTION_FACTS,
         .count = 1,
         .stride = sizeof(struct sluice_facts)},
        {.kind = SLUICE_SECTION_THROTTLES,
         .count = nthrottles,
         .stride = sizeof(struct sluice_throttle)},
    };
    size_t size = sluice_image_size(2, sections);
    void *image = malloc(size);
    char err[256] = "";

    sluice_image_begin(image, 1, 2, sections);
    memcpy(sluice_image_records(image, SLUICE_SECTION_FACTS), facts,
           sizeof(*facts));
    if (nthrottles > 0)
        memcpy(sluice_image_records(image, SLUICE_SECTION_THROTTLES), throttles,
               nthrottles * sizeof(*throttles));
    if (sluice_view_load(&rules_view, image, size, err, sizeof(err)) != 0)
        fail_msg("refused: %s", err);
    free(image);
}

/* What the overlay says of which key; nothing of any other. */
struct heard {
    const char *key; /* NULL ends a list */
    int kind;
    double ratio;
    uint64_t expires_mono_ms;
};

struct rules_data {
    const struct heard *heard;
    const double *dice; /* thrown in this order, then again */
    unsigned ndice;
    unsigned thrown;
};

static inline int
rules_overlay(void *data,
              const char *key,
              size_t len,
              double *ratio,
              uint64_t *expires_mono_ms)
{
    const struct rules_data *d = data;

    for (const struct heard *h = d->heard; h && h->key; h++) {
        if (strlen(h->key) != len || memcmp(h->key, key, len) != 0)
            continue;
        *ratio = h->ratio;
        *expires_mono_ms = h->expires_mono_ms;
        return h->kind;
    }
    return SLUICE_OVERLAY_NOTHING;
}

static inline double
rules_dice(void *data)
{
    struct rules_data *d = data;

    return d->dice[d->thrown++ % d->ndice];
}

static inline struct sluice_text
text(const char *s)
{
    return (struct sluice_text){s, strlen(s)};
}

#endif
