/* What an operator who wrote an unknown key may have meant. */
#include "base/conf_table.h"

#include <ctype.h>
#include <string.h>

#define WORD_MAX 63

static unsigned
least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static int
same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Optimal string alignment; three rows of the usual table are enough. */
unsigned
conf_distance(const char *a, const char *b)
{
    unsigned rows[3][WORD_MAX + 1];
    size_t alen = strnlen(a, WORD_MAX), blen = strnlen(b, WORD_MAX);

    for (size_t j = 0; j <= blen; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= alen; i++) {
        const unsigned *above = rows[(i - 1) % 3], *above2 = rows[(i + 1) % 3];
        unsigned *row = rows[i % 3];

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= blen; j++) {
            row[j] = above[j - 1] + !same(a[i - 1], b[j - 1]);
            row[j] = least(row[j], least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) &&
                same(a[i - 2], b[j - 1]))
                row[j] = least(row[j], above2[j - 2] + 1);
        }
    }
    return rows[alen % 3][blen];
}

const char *
conf_nearest(const char *name, unsigned place)
{
    const char *nearest = "";
    unsigned best = 2 * WORD_MAX;

    for (int id = 0; id < CONF_NKEYS; id++) {
        unsigned distance;

        if (!(conf_keys[id].places & place))
            continue;
        distance = conf_distance(name, conf_keys[id].name);
        if (distance < best) {
            best = distance;
            nearest = conf_keys[id].name;
        }
    }
    return nearest;
}
