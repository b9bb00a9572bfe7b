/* What statedump has read, and the two ways to print it. */
#ifndef STATEDUMP_H
#define STATEDUMP_H

#include "sluice_state.h"
#include "sluice_view.h"

#define DUMP_UNKNOWN UINT64_MAX

/* All of a file, read at one moment. */
struct dump {
    const char *file;
    struct sluice_header header;
    uint64_t now_ms;
    uint64_t now_boot_ms;
    uint64_t heartbeat_age_ms; /* DUMP_UNKNOWN: none of this boot */
    uint64_t generations[SLUICE_PART_KINDS];
    struct sluice_view views[SLUICE_PART_KINDS];
    const struct sluice_view *verdicts;
    const struct sluice_view *detail;
    const struct sluice_view *rules;
    const struct sluice_view *routes;
};

/* What both formats say. */
uint64_t dump_age(const struct dump *d, uint64_t then_ms);
int dump_leads(const struct dump *d);

/* Seconds that the cluster is unhealthy elsewhere; -1: nobody says so now. */
int64_t dump_share_s(const struct dump *d, const struct sluice_cluster *c);

/* A host that has been asked and is not left out unasked has a value. */
int dump_has_value(const struct sluice_host *h);

/* To stdout. -1: it could not be made. */
int dump_json(const struct dump *d);
void dump_text(const struct dump *d);
void dump_text_routes(const struct dump *d);

#endif
