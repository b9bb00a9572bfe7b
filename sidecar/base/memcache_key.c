/* Keys and values of memcache. */
#include "base/memcache_key.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *
memcache_key(const char *path, const char *cluster)
{
    char *key;

    if (asprintf(&key, "%s/mysql/%s", path, cluster) < 0)
        abort();
    return key;
}

int
memcache_key_is_good(const char *key)
{
    size_t len = strlen(key);

    for (const char *c = key; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f)
            return 0;
    return len > 0 && len <= MEMCACHE_KEY_MAX;
}

size_t
memcache_value(char text[MEMCACHE_VALUE_SIZE], uint64_t real_ms, double value)
{
    return (size_t)snprintf(text, MEMCACHE_VALUE_SIZE, "%" PRIu64 ":%.6f",
                            real_ms, value);
}
