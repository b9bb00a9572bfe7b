/*
 * Throttled apps: the orders that say so as messages, and the rules that a
 * check is held against. Pure.
 */
#ifndef SLUICE_THROTTLE_H
#define SLUICE_THROTTLE_H

#include "sluice_view.h"

struct sluice_text {
    const char *data;
    size_t len;
};

/* ---- orders ----------------------------------------------------------- */

enum sluice_order_kind {
    SLUICE_ORDER_THROTTLE,   /* key, ratio, remaining */
    SLUICE_ORDER_UNTHROTTLE, /* key */
    SLUICE_ORDER_SKIP,       /* key is a host; remaining */
    SLUICE_ORDER_RECOVER,    /* key is a host */
    SLUICE_ORDER_BEAT,       /* each second: the revision reached */
    SLUICE_ORDER_HINT,       /* something else changed: read the facts */
    SLUICE_ORDER_MAX
};

struct sluice_order {
    enum sluice_order_kind kind;
    uint64_t revision;                   /* 0: the store has none */
    char store_id[SLUICE_STORE_ID_SIZE]; /* "": the store has none */
    char key[SLUICE_KEY_SIZE];
    double ratio;          /* [0..1] */
    uint64_t remaining_ms; /* from hearing on; 0: never expires */
};

#define SLUICE_ORDER_KEY_MAX 128 /* bytes, as names in the store's tables */
#define SLUICE_ORDER_TEXT_MAX 512

/*
 * As a message of one line, without newline and not terminated:
 *
 *   sluice1 STORE REVISION KIND RATIO REMAINING_MS KEY
 *
 * KIND is throttle, unthrottle, skip, recover, beat or hint; STORE is "-" when
 * there is none; the key comes last and may have blanks, but no control
 * characters; what a kind does not have is 0, or empty. Returns the length,
 * or 0 when the order is not valid or does not fit: a buffer of
 * SLUICE_ORDER_TEXT_MAX holds any.
 */
size_t
sluice_order_write(const struct sluice_order *order, char *buf, size_t size);

/* 0; or -1 with a sentence in err, and *order as it was. text may be anything
 * and need not be terminated. */
int sluice_order_read(const char *text,
                      size_t len,
                      struct sluice_order *order,
                      char *err,
                      size_t err_size);

/* ---- rules ------------------------------------------------------------ */

/* What an overlay knows of a key that the view does not know yet. */
#define SLUICE_OVERLAY_NOTHING 0 /* the view has the last word */
#define SLUICE_OVERLAY_THROTTLE 1
#define SLUICE_OVERLAY_UNTHROTTLE 2

struct sluice_rules {
    const struct sluice_view *view; /* of the RULES part; NULL: none */

    /* NULL: no overlay. *ratio and *expires_mono_ms (0: never) are set for
     * THROTTLE. key is not terminated. */
    int (*overlay)(void *data,
                   const char *key,
                   size_t len,
                   double *ratio,
                   uint64_t *expires_mono_ms);

    /* [0..1), anew each time; NULL: a die that always denies, unless the
     * ratio is 0. */
    double (*dice)(void *data);
    void *data;
};

struct sluice_rule {
    double ratio;
    uint64_t expires_mono_ms; /* 0: never */
    int heard;                /* by the overlay; else the view has it */
};

/* 1 and *rule when there is one that stands for app/store, or, with an empty
 * store, for the app. One that has expired does not stand. */
int sluice_throttle_rule(const struct sluice_rules *rules,
                         struct sluice_text app,
                         struct sluice_text store,
                         uint64_t now_mono_ms,
                         struct sluice_rule *rule);

/* 1 when the app's check of the store is to be denied: by the rule for
 * app/store or by that for app, each with a die of its own. */
int sluice_throttle_denies(const struct sluice_rules *rules,
                           struct sluice_text app,
                           struct sluice_text store,
                           uint64_t now_mono_ms);

/* 1 when there is a store of facts whose rules are not known here. */
int sluice_rules_unknown(const struct sluice_rules *rules);

#endif
