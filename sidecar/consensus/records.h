/*
 * Arrays of structs that begin with their name, a char[FACT_NAME_SIZE],
 * sorted by it byte for byte. The array and its count are the caller's; begin
 * with NULL and 0, end with free. Pure.
 */
#ifndef CONSENSUS_RECORDS_H
#define CONSENSUS_RECORDS_H

#include <stddef.h>

/* Where the first is whose name is not below this one; count: all are. */
size_t
records_place(const void *records, size_t count, size_t size, const char *name);

/* NULL: none has that name. */
void *
records_find(const void *records, size_t count, size_t size, const char *name);

/* A copy into which records_insert may insert. */
void *records_copy(const void *records, size_t count, size_t size);

/* Makes a zeroed record there. Returns the array, which may have moved. */
void *records_insert(void *records, size_t *count, size_t size, size_t at);

/* Nothing happens when none has that name. */
void
records_remove(void *records, size_t *count, size_t size, const char *name);

#endif
