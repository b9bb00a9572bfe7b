/* What statedump's tables are made of. */
#ifndef STATEDUMP_TABLE_H
#define STATEDUMP_TABLE_H

#include <stdint.h>

#include "base/table.h"

/* A table with its head. */
void dump_begin_table(struct table *t,
                      size_t ncolumns,
                      size_t nrows,
                      const char *const *head);

/* "-" for DUMP_UNKNOWN. */
void dump_cell_duration(struct table *t, uint64_t ms);

/* "-" when it is not known. */
void dump_cell_number(struct table *t, int is_known, double value);

/* NAME:PORT, an IPv6 one in brackets. */
void dump_cell_host(struct table *t, const char *name, uint16_t port);

#endif
