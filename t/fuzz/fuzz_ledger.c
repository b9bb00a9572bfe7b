/* Any bytes as a command for the facts and as a snapshot of them: refused with
 * a sentence, or taken, and then written as the same bytes again. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consensus/ledger.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                          \
    do {                                                         \
        if (!(condition)) {                                      \
            fprintf(stderr, "broken promise: %s\n", #condition); \
            abort();                                             \
        }                                                        \
    } while (0)

static void
must_be_a_sentence(const char *err, size_t err_size)
{
    MUST(memchr(err, '\0', err_size) && *err);
}

/* Sorted, with nothing that could not be. */
static void
must_be_sound(const struct ledger *l)
{
    for (size_t i = 0; i < l->nthrottles; i++) {
        MUST(l->throttles[i].key[0]);
        MUST(l->throttles[i].ratio >= 0 && l->throttles[i].ratio <= 1);
        MUST(i == 0 ||
             strcmp(l->throttles[i - 1].key, l->throttles[i].key) < 0);
    }
    for (size_t i = 0; i < l->nskips; i++) {
        MUST(l->skips[i].host[0]);
        MUST(i == 0 || strcmp(l->skips[i - 1].host, l->skips[i].host) < 0);
    }
}

static void
must_list(const struct ledger *l, uint64_t now_ms)
{
    struct facts f = {0};

    ledger_facts(l, now_ms, 7, 3, &f);
    MUST(f.nthrottles <= l->nthrottles && f.nskips <= l->nskips);
    for (size_t i = 0; i < f.nthrottles; i++)
        MUST(f.throttles[i].remaining_ms > 3);
    for (size_t i = 0; i < f.nskips; i++)
        MUST(f.skips[i].remaining_ms > 3);
    free(f.throttles);
    free(f.skips);
    free(f.settings);
}

static void
must_save_as(const struct ledger *l, const uint8_t *data, size_t size)
{
    size_t len;
    void *bytes = ledger_save(l, &len);

    MUST(len == size && memcmp(bytes, data, size) == 0);
    free(bytes);
}

/* What a command makes of a ledger comes back from its snapshot. */
static void
must_apply(struct ledger *l, const struct ledger_command *command)
{
    struct ledger back = {0};
    struct consensus_change stored;
    char err[160];
    size_t len;
    void *bytes;

    ledger_apply(l, l->revision + 1, command, &stored);
    MUST(stored.ratio >= 0 && stored.ratio <= 1);
    must_be_sound(l);
    must_list(l, command->now_real_ms);
    bytes = ledger_save(l, &len);
    MUST(ledger_load(&back, bytes, len, err, sizeof(err)) == 0);
    must_save_as(&back, bytes, len);
    free(bytes);
    ledger_free(&back);
}

/* Whether it was one. All that came before stay in the ledger, up to some. */
static int
try_command(const uint8_t *data, size_t size)
{
    static struct ledger l;
    unsigned char bytes[LEDGER_COMMAND_MAX];
    struct ledger_command command;
    char err[160];

    memset(err, '#', sizeof(err));
    if (ledger_decode(data, size, &command, err, sizeof(err)) != 0) {
        must_be_a_sentence(err, sizeof(err));
        return 0;
    }
    MUST(ledger_encode(&command, bytes) == size);
    MUST(memcmp(bytes, data, size) == 0);
    must_apply(&l, &command);
    if (l.nthrottles + l.nskips > 16)
        ledger_free(&l);
    return 1;
}

static void
try_snapshot(const uint8_t *data, size_t size)
{
    struct ledger l = {0};
    char err[160];

    memset(err, '#', sizeof(err));
    if (ledger_load(&l, data, size, err, sizeof(err)) != 0) {
        must_be_a_sentence(err, sizeof(err));
        MUST(!l.throttles && !l.skips && !l.settings && l.revision == 0);
        return;
    }
    must_be_sound(&l);
    must_list(&l, 1000);
    must_save_as(&l, data, size);
    ledger_free(&l);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!try_command(data, size))
        try_snapshot(data, size);
    return 0;
}
