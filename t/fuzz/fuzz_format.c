/* Any bytes as a string to escape and as a number to parse. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sluice_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                          \
    do {                                                         \
        if (!(condition)) {                                      \
            fprintf(stderr, "broken promise: %s\n", #condition); \
            abort();                                             \
        }                                                        \
    } while (0)

static void
escape(const char *s, size_t len)
{
    char *all = malloc(6 * len + 1), *half = malloc(3 * len + 1);
    size_t n = sluice_format_string(s, len, all, 6 * len);
    size_t cut = sluice_format_string(s, len, half, 3 * len);

    MUST(n >= len && n <= 6 * len);
    MUST(cut <= n && memcmp(half, all, cut) == 0);
    for (size_t i = 0; i < n; i++)
        MUST((unsigned char)all[i] >= 0x20 && !strchr("<>&", all[i]));
    free(all);
    free(half);
}

/* What was parsed is written as something that parses as the same. */
static void
parse(const char *s, size_t len)
{
    double value = 0.5, again;
    char text[SLUICE_NUMBER_SIZE];
    int rc = sluice_parse_float(s, len, &value);
    size_t n;

    MUST(rc == 0 || value == 0.5);
    if (rc != 0 || !isfinite(value))
        return;
    n = sluice_format_number(value, text);
    MUST(n >= 1 && n <= sizeof(text));
    MUST(sluice_parse_float(text, n, &again) == 0);
    MUST(memcmp(&again, &value, sizeof(value)) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *s = malloc(size); /* ASan watches its end */

    memcpy(s, data, size);
    escape(s, size);
    parse(s, size);
    free(s);
    return 0;
}
