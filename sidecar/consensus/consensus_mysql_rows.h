/* NB: private to consensus_mysql*.c. What the server answers, taken out of its
 * rows. ROWS may be NULL: none. */
#ifndef CONSENSUS_MYSQL_ROWS_H
#define CONSENSUS_MYSQL_ROWS_H

#include <mysql.h>

#include "base/mysql_target.h"
#include "consensus/consensus.h"
#include "consensus/schema.h"

void rows_schema(MYSQL_RES *rows, struct schema *found);

/* How many could not be used. */
unsigned rows_throttles(MYSQL_RES *rows, struct facts *f);
unsigned rows_skips(MYSQL_RES *rows, struct facts *f);

unsigned rows_settings(MYSQL_RES *rows, struct facts *f);
void rows_notes(MYSQL_RES *rows, struct facts *f);

/* A column instead of what is in the list. */
void rows_list(MYSQL_RES *rows, unsigned column, struct conf_list *list);
void rows_list_clear(struct conf_list *list);

/* A store without Sluice's tables has no id: nodes that spell it alike agree
 * on this one. */
void rows_bare_store_id(const struct mysql_target *t, char id[STORE_ID_SIZE]);

#endif
