/* Differences: brief ones, and those that last. */
#include "ctl/compare_tally.h"

static enum compare_news
agree(struct compare_tally *tally)
{
    int told = tally->told;

    tally->same++;
    tally->brief += tally->since_ms != 0 && !told;
    tally->since_ms = 0;
    tally->told = 0;
    return told ? COMPARE_AGREE : COMPARE_NOTHING;
}

static enum compare_news
differ(struct compare_tally *tally, uint64_t now_ms, uint64_t patience_ms)
{
    if (tally->since_ms == 0)
        tally->since_ms = now_ms;
    if (tally->told || now_ms - tally->since_ms < patience_ms)
        return COMPARE_NOTHING;
    tally->told = 1;
    tally->lasting++;
    return COMPARE_DIFFER;
}

enum compare_news
compare_tally_add(struct compare_tally *tally,
                  unsigned one,
                  unsigned other,
                  uint64_t now_ms,
                  uint64_t patience_ms)
{
    tally->asked++;
    tally->away[0] += one == 0;
    tally->away[1] += other == 0;
    if (one == 0 || other == 0)
        return COMPARE_NOTHING;
    return one == other ? agree(tally) : differ(tally, now_ms, patience_ms);
}

uint64_t
compare_tally_differ_ms(const struct compare_tally *tally, uint64_t now_ms)
{
    return tally->since_ms == 0 ? 0 : now_ms - tally->since_ms;
}
