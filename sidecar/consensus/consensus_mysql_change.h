/* NB: private to consensus_mysql*.c. What a change becomes in the store;
 * pure. */
#ifndef CONSENSUS_MYSQL_CHANGE_H
#define CONSENSUS_MYSQL_CHANGE_H

#include <stddef.h>

#include "consensus/consensus.h"
#include "consensus/consensus_mysql_sql.h"
#include "consensus/schema.h"

/* Makes of what was asked what will be stored: an end in the past is an end
 * now, one that no timestamp can hold is none, and notes need their table. */
void change_prepare(struct consensus_change *s, const struct schema *schema);

/* Why it cannot be stored; "" when it can be tried. */
void change_judge(const struct consensus_change *s,
                  const struct schema *schema,
                  char *why,
                  size_t size);

/* The row of the revision, if there is none, and with it the store's id. */
void change_store_sql(struct sql *q);

/* The entry as it is, locked. */
void change_old_sql(struct sql *q, const struct consensus_change *s);

void change_row_sql(struct sql *q,
                    const struct consensus_change *s,
                    const struct schema *schema);
void change_note_sql(struct sql *q, const struct consensus_change *s);

#endif
