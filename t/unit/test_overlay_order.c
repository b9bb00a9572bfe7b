/*
 * Three workers of one node, orders that come late, twice, in any order or
 * never, orders that were never committed, facts that are read now and then,
 * workers that notice it sooner or later: no worker ever shows an older order
 * of an app after a newer one, and in the end all show what the store has.
 */
#include "overlay_help.h"

#define RUNS 10000
#define STEPS 200
#define WORKERS 3
#define KEYS 4
#define LAG_MS 1000 /* the most that a worker is behind its node's facts */

static const char *const keys[KEYS] = {"archiver", "archiver/main1", "copier",
                                       "x"};

/* A change as the store committed it; its revision is its place. */
struct change {
    int key;
    enum sluice_order_kind kind;
};

struct worker {
    struct sluice_facts facts;
    struct sluice_order inbox[2 * STEPS];
    unsigned ninbox;
    uint64_t shown[KEYS]; /* revision last shown */
};

static struct {
    uint64_t now_ms;
    struct change changes[STEPS + 1]; /* [1] is revision 1 */
    uint64_t revision;
    struct sluice_facts reading; /* begun, not yet published */
    struct sluice_facts facts;   /* in the state file */
    uint64_t facts_since_ms;
    struct sluice_overlay *overlay;
    struct worker workers[WORKERS];
} node;

static struct {
    unsigned long from_overlay, from_facts, never_committed, full, applied;
} tally;

static unsigned
below(unsigned n)
{
    return (unsigned)rand() % n;
}

/* ---- what can happen -------------------------------------------------- */

static void
send_to_some(const struct sluice_order *order)
{
    struct worker *w;

    for (int i = 0; i < WORKERS; i++)
        for (unsigned times = below(4); times > 1; times--) { /* 0, 1 or 2 */
            w = &node.workers[i];
            if (w->ninbox < 2 * STEPS)
                w->inbox[w->ninbox++] = *order;
        }
}

static struct sluice_order
some_order(uint64_t revision)
{
    return order_of(below(2) ? SLUICE_ORDER_THROTTLE : SLUICE_ORDER_UNTHROTTLE,
                    revision, keys[below(KEYS)]);
}

static void
commit(void)
{
    struct sluice_order order = some_order(++node.revision);
    struct change *c = &node.changes[node.revision];

    c->kind = order.kind;
    for (c->key = 0; strcmp(keys[c->key], order.key) != 0;)
        c->key++;
    send_to_some(&order);
}

/* It fails to commit after somebody was told. An expiry marks it: what is
 * committed here never expires. */
static void
almost_commit(void)
{
    struct sluice_order order = some_order(node.revision + 1 + below(3));

    order.remaining_ms = 1000000;
    send_to_some(&order);
}

static void
deliver(struct worker *w)
{
    unsigned i = below(w->ninbox + 1);
    int rc;

    if (i == w->ninbox)
        return;
    rc = sluice_overlay_apply(node.overlay, &w->inbox[i], &w->facts,
                              node.now_ms);
    tally.applied += rc > 0;
    tally.full += rc < 0;
    w->inbox[i] = w->inbox[--w->ninbox];
}

static void
begin_read(void)
{
    node.reading = facts_of(node.revision, node.now_ms);
}

static void
end_read(void)
{
    if (node.reading.read_mono_ms <= node.facts.read_mono_ms)
        return;
    node.facts = node.reading;
    node.facts_since_ms = node.now_ms;
}

static void
all_workers_look(void)
{
    for (int i = 0; i < WORKERS; i++)
        node.workers[i].facts = node.facts;
}

static void
pass_time(void)
{
    uint64_t ms = below(8) ? below(300) : below(8000);

    if (node.now_ms + ms - node.facts_since_ms > LAG_MS)
        all_workers_look();
    node.now_ms += ms;
}

/* ---- what is shown ---------------------------------------------------- */

static uint64_t
changed_in_facts(const struct sluice_facts *facts, int key)
{
    uint64_t revision = facts->revision;

    while (revision > 0 && node.changes[revision].key != key)
        revision--;
    return revision;
}

static void
look_at(struct worker *w, int key)
{
    struct sluice_overlay_order found;
    int kind = sluice_overlay_find(node.overlay, keys[key], strlen(keys[key]),
                                   &w->facts, &found);
    uint64_t revision = found.revision;

    if (kind == SLUICE_OVERLAY_NOTHING) {
        revision = changed_in_facts(&w->facts, key);
        tally.from_facts++;
    } else if (found.expires_mono_ms != 0) {
        assert_true(w->facts.read_mono_ms <=
                    found.heard_mono_ms + SLUICE_OVERLAY_TRUST_MS);
        tally.never_committed++;
        return;
    } else {
        assert_in_range(revision, 1, node.revision);
        assert_int_equal(node.changes[revision].key, key);
        assert_int_equal(kind == SLUICE_OVERLAY_THROTTLE,
                         node.changes[revision].kind == SLUICE_ORDER_THROTTLE);
        tally.from_overlay++;
    }
    if (revision < w->shown[key])
        fail_msg("%s: revision %lu after %lu", keys[key],
                 (unsigned long)revision, (unsigned long)w->shown[key]);
    w->shown[key] = revision;
}

static void
look_everywhere(void)
{
    for (int i = 0; i < WORKERS; i++)
        for (int key = 0; key < KEYS; key++)
            look_at(&node.workers[i], key);
}

static void
assert_all_show_the_store(void)
{
    struct sluice_overlay_order found;
    struct worker *w = node.workers;

    for (; w < node.workers + WORKERS; w++)
        for (int key = 0; key < KEYS; key++) {
            assert_int_equal(sluice_overlay_find(node.overlay, keys[key],
                                                 strlen(keys[key]), &w->facts,
                                                 &found),
                             SLUICE_OVERLAY_NOTHING);
            assert_true(w->facts.revision == node.revision);
        }
}

/* ---- runs ------------------------------------------------------------- */

static void
step(void)
{
    struct worker *w = &node.workers[below(WORKERS)];

    switch (below(14)) {
    case 0:
    case 1:
        commit();
        break;
    case 2:
        if (below(4) == 0)
            almost_commit();
        break;
    case 3:
        begin_read();
        break;
    case 4:
        end_read();
        break;
    case 5:
        w->facts = node.facts;
        break;
    case 6:
    case 7:
        pass_time();
        break;
    default:
        deliver(w);
    }
}

static void
begin(void)
{
    memset(&node, 0, sizeof(node));
    node.now_ms = node.facts_since_ms = 100000;
    node.facts = facts_of(0, node.now_ms);
    node.overlay = overlay_of(1 + below(6));
    all_workers_look();
}

static void
end(void)
{
    node.now_ms += SLUICE_OVERLAY_TRUST_MS + 1;
    begin_read();
    end_read();
    all_workers_look();
    look_everywhere();
    assert_all_show_the_store();
    /* what was on its way comes all the same; what was never committed may
     * be believed once more, for as long */
    for (int i = 0; i < WORKERS; i++)
        while (node.workers[i].ninbox > 0)
            deliver(&node.workers[i]);
    look_everywhere();
    node.now_ms += SLUICE_OVERLAY_TRUST_MS + 1;
    begin_read();
    end_read();
    all_workers_look();
    assert_all_show_the_store();
    free(node.overlay);
}

static void
test_no_worker_goes_back(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= RUNS; seed++) {
        srand(seed);
        begin();
        for (int i = 0; i < STEPS; i++) {
            step();
            look_everywhere();
        }
        end();
    }
    print_message("# shown: %lu from the overlay, %lu from the facts, %lu"
                  " never committed; %lu applied, %lu times full\n",
                  tally.from_overlay, tally.from_facts, tally.never_committed,
                  tally.applied, tally.full);
    assert_true(tally.from_overlay > RUNS * 10ul);
    assert_true(tally.from_facts > RUNS * 10ul);
    assert_true(tally.never_committed > RUNS);
    assert_true(tally.applied > RUNS);
    assert_true(tally.full > 100);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_worker_goes_back),
    };

    return cmocka_run_group_tests_name("overlay order", tests, NULL, NULL);
}
