/*
 * What is written to memcache, as freno writes it (freno b3fbe7e,
 * go/throttle/throttler.go; its library is bradfitz/gomemcache). Pure.
 */
#ifndef BASE_MEMCACHE_KEY_H
#define BASE_MEMCACHE_KEY_H

#include <stddef.h>
#include <stdint.h>

#define MEMCACHE_KEY_MAX 250
#define MEMCACHE_VALUE_SIZE 352 /* the longest double has 316 bytes */

/* PATH/mysql/CLUSTER; free() it. */
char *memcache_key(const char *path, const char *cluster);

/* 1: memcached takes it. */
int memcache_key_is_good(const char *key);

/* "1700000000123:0.250000": when, by CLOCK_REALTIME, and what. Returns the
 * length. */
size_t
memcache_value(char text[MEMCACHE_VALUE_SIZE], uint64_t real_ms, double value);

#endif
