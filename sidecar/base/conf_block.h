/*
 * NB: private to conf_*.c. One object of the configuration, read by the table
 * of keys: a value for each key that is legal there.
 */
#ifndef BASE_CONF_BLOCK_H
#define BASE_CONF_BLOCK_H

#include "base/conf.h"
#include "base/conf_table.h"
#include "base/conf_text.h"

struct conf_value {
    int line;           /* of the key in the file; 0: not written */
    int given;          /* stands: nothing is inherited */
    const char *where;  /* path of the block that gave it */
    const char *option; /* the command line gave it: its name there, or NULL */
    double number;      /* INT, NUM, BOOL */
    char *string;       /* STR: never NULL */
    struct conf_list list;
    struct conf_spot spot; /* OBJECT, when line is not 0 */
};

struct conf_block {
    struct conf_report *report; /* borrowed */
    unsigned place;
    char *path; /* "" for the top level */
    int line;
    struct conf_value values[CONF_NKEYS];
};

/* Everything at its default; path is copied. The report is borrowed. */
void conf_block_init(struct conf_block *b,
                     struct conf_report *report,
                     unsigned place,
                     const char *path);

/* 1: it is an object; 0 after an error to the report. */
int conf_is_root(const struct conf_spot *root, struct conf_report *report);

/* Reads the object; problems go to the report, and what is wrong stays at
 * its default. */
void conf_block_read(struct conf_block *b, const struct conf_spot *spot);

/* Takes a value from the command line, a string or a list of them, instead of
 * what was read. */
void conf_block_override(struct conf_block *b,
                         const struct conf_override *override);

/* Reads a child, the value of one of the parent's keys, if it is there. Its
 * path is the parent's and the key. 1: it is there. */
int conf_block_child(struct conf_block *child,
                     const struct conf_block *parent,
                     enum conf_id id,
                     unsigned place);

void conf_block_free(struct conf_block *b);

/* What a key's value is; "" where none stands. */
const char *conf_string(const struct conf_block *b, enum conf_id id);

/* A value stands; nothing is inherited. */
int conf_is_set(const struct conf_block *b, enum conf_id id);

/* Written but not read: an error that was told already. */
int conf_is_wrong(const struct conf_block *b, enum conf_id id);

/* A problem with the value of a key, at the line where it is written. */
void conf_block_problem(const struct conf_block *b,
                        enum conf_severity severity,
                        enum conf_id id,
                        const char *text);

/* The same with an item of a list. */
void conf_block_item_problem(const struct conf_block *b,
                             enum conf_severity severity,
                             enum conf_id id,
                             size_t item,
                             const char *text);

/* Reads what stands at the spot. What is wrong goes to the report, and the
 * value stays as it was (conf_value.c). */
void conf_value_read(struct conf_value *value,
                     const struct conf_key *key,
                     const struct conf_spot *spot,
                     const char *path,
                     struct conf_report *report);

/* strdup() that does not fail. */
char *conf_copy(const char *text);

/* "an object", "a string" …: never the value, which may be a password. */
const char *conf_kind(const json_t *value);

/* PARENT.KEY, or KEY where the parent is "". free() it. */
char *conf_path(const char *parent, const char *key);

/* Of two values of one name the later counts. */
void conf_report_duplicate(struct conf_report *report,
                           const char *path,
                           int line,
                           int later);

/* Frees the items and forgets them. */
void conf_list_free(struct conf_list *list);

/* Values that the cluster does not give become the global block's, or stay
 * at their default (conf_inherit.c). */
void conf_inherit(struct conf_block *cluster, const struct conf_block *global);

/* conf_validate.c: what one key's type and bounds do not say. */
void conf_validate_top(const struct conf_block *top);
void conf_validate_block(const struct conf_block *b);     /* as written */
void conf_validate_tls(const struct conf_block *cluster); /* as inherited */

void conf_validate_quarantine(const struct conf_block *cluster,
                              double threshold);

/* The same for other keys: those of the CA, certificate and key file, and
 * the one that asks for TLS. */
void conf_validate_tls_keys(const struct conf_block *b,
                            const enum conf_id files[3],
                            enum conf_id use);

/* conf_provider.c: where the cluster's hosts come from; which driver, and
 * what it needs. */
void conf_read_provider(struct conf_cluster *c, struct conf_block *cluster);
void conf_free_provider(struct conf_cluster *c);

/* Warns of duplicates in StaticHostsSettings (conf_hosts.c). */
void conf_validate_hosts(const struct conf_block *hosts, int default_port);

/* conf_backend.c: the consensus backend, and this node's names; filled in
 * when raft's are. */
void conf_validate_backend(const struct conf_block *top);
void conf_fill_backend(struct conf *c, struct conf_block *top);
void conf_free_backend(struct conf *c);

/* conf_raft.c: consensus among the nodes themselves, checked and taken over.
 * It is used where it is asked for, and no backend is. */
int conf_raft_is_used(const struct conf_block *top);
void conf_read_raft(struct conf *c, struct conf_block *top);
void conf_free_raft(struct conf *c);

/* conf_redis.c */
void conf_validate_redis(const struct conf_block *top);
void conf_fill_redis(struct conf *c, struct conf_block *top);

/*
 * conf_metrics.c: Apps and Metrics of Stores.MySQL and of a cluster. A
 * cluster's metrics are the global ones, each replaced by the cluster's of
 * its name.
 */
void conf_read_apps(struct conf_apps *apps, const struct conf_block *block);
void conf_free_apps(struct conf_apps *apps);
void conf_read_metrics(struct conf_cluster *c,
                       const struct conf_block *cluster,
                       const struct conf_block *global);
void conf_free_metrics(struct conf_cluster *c);

/* conf_routing.c; checked when the store of facts is known. */
void conf_read_routing(struct conf_cluster *c, struct conf_block *cluster);
void conf_validate_routing(const struct conf *c, const struct conf_block *top);
void conf_free_routing(struct conf_cluster *c);

/* conf_status.c: of the cluster's Routing. */
void conf_read_status(struct conf_routing *r, struct conf_block *routing);
void conf_free_status(struct conf_routing *r);

/* What MetricQuery and a metric's Query may begin with. */
int conf_is_known_query(const char *query);

/* conf_memcache.c; filled in when the clusters are. */
void conf_validate_memcache(const struct conf_block *top);
void conf_fill_memcache(struct conf *c, struct conf_block *top);
void conf_free_memcache(struct conf *c);

/* 0, or -1 with a sentence. */
int conf_validate_service_id(const char *id, char *err, size_t err_size);

/* Move the value out of the block (conf.c). */
char *conf_take_string(struct conf_block *b, enum conf_id id);
struct conf_list conf_take_list(struct conf_block *b, enum conf_id id);

/* Appends a copy. */
void conf_list_add(struct conf_list *list, const char *item, int line);

/* Warns of clusters whose names differ in case only. */
void conf_validate_cluster_names(const struct conf_block *mysql,
                                 const struct conf_member *members,
                                 size_t count);

/* 0, or -1 with a sentence. */
int conf_validate_name(const char *name, char *err, size_t err_size);

#endif
