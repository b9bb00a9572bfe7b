/* statedump: what the state file says, for humans and (--json) for scripts. */
#include "statedump.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/loop.h"

#define DUMP_FILE "/run/sluice/state"
#define DUMP_TRIES 1000 /* at a writer that is faster than we are */

/* ---- reading ---------------------------------------------------------- */

/* A part that was never published is an empty view. */
static int
read_part(struct dump *d,
          const struct sluice_map *m,
          uint32_t kind,
          char *err,
          size_t err_size)
{
    const struct timespec nap = {.tv_nsec = 1000000};
    size_t size = sluice_map_slot_size(m, kind);
    uint64_t generation = 0;
    void *image;
    int rc = 0;

    if (sluice_map_generation(m, kind) == 0)
        return 0;
    image = aligned_alloc(64, size);
    if (!image) {
        snprintf(err, err_size, "no memory for %zu bytes", size);
        return -1;
    }
    for (int i = 0; i < DUMP_TRIES && generation == 0; i++) {
        if (i > 0)
            nanosleep(&nap, NULL);
        generation = sluice_map_snapshot(m, kind, image);
    }
    if (generation == 0) {
        snprintf(err, err_size, "part %u changes too fast to be read", kind);
        rc = -1;
    } else {
        rc = sluice_view_load(&d->views[kind - 1], image, size, err, err_size);
    }
    d->generations[kind - 1] = generation;
    free(image);
    return rc;
}

static int
dump_read(struct dump *d, const char *file, char *err, size_t err_size)
{
    struct sluice_map m = {0};
    int rc = 0;

    memset(d, 0, sizeof(*d));
    d->file = file;
    d->verdicts = &d->views[SLUICE_PART_VERDICTS - 1];
    d->detail = &d->views[SLUICE_PART_DETAIL - 1];
    d->rules = &d->views[SLUICE_PART_RULES - 1];
    d->routes = &d->views[SLUICE_PART_ROUTES - 1];
    if (sluice_map_open(&m, file, err, err_size) != 0)
        return -1;
    memcpy(&d->header, sluice_map_header(&m),
           offsetof(struct sluice_header, heartbeat_mono_ms));
    for (uint32_t kind = 1; kind <= SLUICE_PART_KINDS && rc == 0; kind++)
        rc = read_part(d, &m, kind, err, err_size);
    d->now_ms = clock_mono_ms();
    d->now_boot_ms = clock_boot_ms();
    d->heartbeat_age_ms =
        sluice_heartbeat_age(sluice_map_heartbeat(&m), d->now_ms);
    sluice_map_close(&m);
    return rc;
}

static void
dump_free(struct dump *d)
{
    for (int i = 0; i < SLUICE_PART_KINDS; i++)
        sluice_view_free(&d->views[i]);
}

/* ---- options ---------------------------------------------------------- */

static int
usage(FILE *to)
{
    fprintf(to, "usage: statedump [--json] [FILE]\n"
                "Prints a state file of sluiced (default " DUMP_FILE ").\n");
    return to == stdout ? 0 : 2;
}

int
main(int argc, char **argv)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *file;
    struct dump d;
    char err[512];
    int option, json = 0, rc = 0;

    while ((option = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
        if (option == 'h')
            return usage(stdout);
        if (option != 'j')
            return usage(stderr);
        json = 1;
    }
    if (argc - optind > 1)
        return usage(stderr);
    file = optind < argc ? argv[optind] : DUMP_FILE;
    if (dump_read(&d, file, err, sizeof(err)) != 0) {
        fprintf(stderr, "statedump: %s: %s\n", file, err);
        rc = 1;
    } else if (json) {
        rc = dump_json(&d) != 0;
    } else {
        dump_text(&d);
    }
    dump_free(&d);
    if (rc == 0 && (fflush(stdout) != 0 || ferror(stdout))) {
        perror("statedump: cannot write");
        rc = 1;
    }
    return rc;
}
