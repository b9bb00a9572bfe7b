/*
 * May sessions go to this Galera node? galera-healthcheck's rules and words,
 * and what its successor and we look at besides. Pure.
 */
#ifndef AGENT_GALERA_HEALTH_H
#define AGENT_GALERA_HEALTH_H

#include <stddef.h>
#include <stdint.h>

/* A node that is in no component has this wsrep_local_index. */
#define GALERA_NO_INDEX UINT64_MAX

enum galera_state {
    GALERA_NO_STATE = -1, /* the variable is not there: no Galera */
    GALERA_INITIALIZED,
    GALERA_JOINING,
    GALERA_DONOR, /* or desynced */
    GALERA_JOINED,
    GALERA_SYNCED
};

#define GALERA_WORD_SIZE 32

/* What the server said. */
struct galera_facts {
    int state; /* enum galera_state, or another number */
    uint64_t index;
    int ready;
    char cluster_status[GALERA_WORD_SIZE]; /* "Primary" */
    int read_only;
    char maint_mode[GALERA_WORD_SIZE]; /* pxc_maint_mode; "": there is none */
    int maintenance_file;              /* it is there: not the server said so */
};

struct galera_rules {
    int available_when_donor;
    int available_when_read_only;
};

#define GALERA_TEXT_SIZE 128

struct galera_verdict {
    int healthy;
    char text[GALERA_TEXT_SIZE]; /* "synced", or why not */
};

/* Nothing known: the server did not say anything yet. */
void galera_facts_init(struct galera_facts *f);

/* One row of SHOW STATUS or SHOW VARIABLES; others than ours are skipped. */
void
galera_facts_row(struct galera_facts *f, const char *name, const char *value);

void galera_judge(const struct galera_facts *f,
                  const struct galera_rules *rules,
                  struct galera_verdict *verdict);

/* galera-healthcheck's JSON, with its line's end; of a node that has a
 * state. */
#define GALERA_JSON_SIZE 256
void galera_json(const struct galera_facts *f,
                 const struct galera_verdict *verdict,
                 char json[GALERA_JSON_SIZE]);

#endif
