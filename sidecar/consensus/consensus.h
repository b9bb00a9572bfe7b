/*
 * Who leads, and the facts all nodes of a domain agree on. One driver per
 * store (consensus_KIND.c); everything is asynchronous and answered in the
 * loop, nothing blocks it.
 */
#ifndef CONSENSUS_CONSENSUS_H
#define CONSENSUS_CONSENSUS_H

#include <stddef.h>
#include <stdint.h>

#include "base/conf.h"
#include "base/loop.h"

#define FACT_NAME_SIZE 129 /* varchar(128) of freno's tables */
#define FACT_NOTE_SIZE 257
#define FACT_VALUE_SIZE 1025
#define STORE_ID_SIZE 40

#define FACT_NEVER INT64_MAX /* remaining_ms: does not expire */

struct connector;

struct fact_throttle {
    char key[FACT_NAME_SIZE]; /* "app", or "app/cluster" */
    double ratio;             /* [0..1] */
    int64_t remaining_ms;     /* from facts.read_mono_ms on; FACT_NEVER */
    char owner[FACT_NAME_SIZE];
    char reason[FACT_NOTE_SIZE];
};

struct fact_skip {
    char host[FACT_NAME_SIZE]; /* host name without port, as freno's */
    int64_t remaining_ms;
    char owner[FACT_NAME_SIZE];
    char reason[FACT_NOTE_SIZE];
};

/* A name with a text, which does not expire: what nodes agree on about a
 * cluster's route. Never "". */
struct fact_setting {
    char name[FACT_NAME_SIZE];
    char value[FACT_VALUE_SIZE];
};

/* Of a setting's value, "" for one that is not there: to change it only if it
 * still is what was read (facts.c). */
uint64_t fact_value_mark(const char *value);

/* A consistent read of everything. Expired entries are not in it. */
struct facts {
    uint64_t revision;     /* fetched before the rows; 0: the store has none */
    uint64_t read_mono_ms; /* begin of the read */
    uint64_t read_boot_ms; /* the same by CLOCK_BOOTTIME */
    char store_id[STORE_ID_SIZE];    /* random, names the store */
    struct fact_throttle *throttles; /* sorted by key */
    size_t nthrottles;
    struct fact_skip *skips; /* sorted by host */
    size_t nskips;
    struct fact_setting *settings; /* sorted by name */
    size_t nsettings;
};

enum consensus_change_kind {
    CHANGE_THROTTLE,
    CHANGE_UNTHROTTLE,
    CHANGE_SKIP,
    CHANGE_RECOVER,
    CHANGE_SET
};

#define CHANGE_RATIO_KEEP (-1.0) /* keep an existing ratio, or 1 */

/* A change asked for; the key is a throttle's, a host's or a setting's. */
struct consensus_change {
    enum consensus_change_kind kind;
    char key[FACT_NAME_SIZE];
    double ratio;   /* CHANGE_THROTTLE: [0..1] or CHANGE_RATIO_KEEP */
    int64_t ttl_ms; /* THROTTLE, SKIP: > 0, or FACT_NEVER */
    char owner[FACT_NAME_SIZE];
    char reason[FACT_NOTE_SIZE];

    /* SET. With `compares` only if fact_value_mark of what is there is
     * `expected`; else it is refused, and nothing changed. */
    char value[FACT_VALUE_SIZE]; /* "": it goes */
    int compares;
    uint64_t expected;
    int lost; /* within a store: compared in vain */
};

/* Why a change with `compares` was refused, in vain. */
#define CONSENSUS_LOST_WHY \
    "somebody else changed it meanwhile; look at it again"
#define CONSENSUS_LOST "nothing changed: " CONSENSUS_LOST_WHY

enum consensus_outcome {
    CONSENSUS_DONE,    /* committed: durable */
    CONSENSUS_REFUSED, /* nothing changed; text says why */
    CONSENSUS_UNKNOWN  /* the commit's answer was lost: may or may not have
                          been stored, repeat it */
};

/* What was stored, as committed: ratio filled in, revision assigned. */
typedef void (*consensus_done_cb)(void *data,
                                  enum consensus_outcome outcome,
                                  const struct consensus_change *stored,
                                  uint64_t revision,
                                  const char *text);

/* For /consensus/status, in freno's words. Strings live as long as the
 * consensus and change only in the loop. */
struct consensus_status {
    const char *service_id;
    const char *leader; /* "" unknown */
    const char *state;  /* "Leader", "Healthy", "Unhealthy" */
    int healthy;
    int leads;  /* by freno's election row */
    int others; /* there are other nodes that can be asked */
    const char *domain;
    const char *share_domain;
    struct conf_list healthy_services; /* of the domain; count 0: unknown */
    struct conf_list share_domains;    /* "domain" … */
    struct conf_list share_leaders;    /* … and its leader's service id */
};

struct consensus_events {
    /* Facts were read (also when nothing changed: read_mono_ms did). The
     * facts are the callee's only during the call. */
    void (*facts)(void *data, const struct facts *facts);

    /* May act until then, by CLOCK_BOOTTIME; 0: may not. Called at every
     * renewal and at the loss. */
    void (*leadership)(void *data, uint64_t until_boot_ms);

    /* Leads in everybody's eyes, freno's too, until then; 0: does not. Never
     * longer than it may act, where there is a lease. NULL: nobody asks. */
    void (*leads)(void *data, uint64_t until_boot_ms);

    /* This process can take part no longer (a full disk …) and has handed
     * over what it could: it should say so and exit. Once. NULL: it cannot
     * happen. */
    void (*failed)(void *data, const char *why);
};

/* ---- members: of stores that the nodes themselves keep ---------------- */

#define MEMBER_ID_SIZE 17       /* 16 hexadecimal digits */
#define MEMBER_ADDRESS_SIZE 272 /* name:port */

enum consensus_role {
    MEMBER_VOTER,    /* elects, keeps every fact */
    MEMBER_CATCHING, /* to be a voter, once it has the facts */
    MEMBER_WAITING,  /* no member: asks to be added */
    MEMBER_OBSERVER  /* follows, never votes */
};

struct consensus_member {
    char id[MEMBER_ID_SIZE]; /* random, of its data directory */
    char address[MEMBER_ADDRESS_SIZE];
    enum consensus_role role;
    int leads;
    int64_t heard_ms; /* ago, by the leader; -1: not since it leads */
    uint64_t behind;  /* entries that the leader has and it has not */
};

enum consensus_member_change_kind {
    MEMBER_ADD,    /* one that is waiting, by its address */
    MEMBER_REMOVE, /* by id or address */
    MEMBER_REPLACE /* remove one, add the other, in the order that is safe */
};

struct consensus_member_change {
    enum consensus_member_change_kind kind;
    char who[MEMBER_ADDRESS_SIZE];  /* id or address; REPLACE: goes */
    char whom[MEMBER_ADDRESS_SIZE]; /* REPLACE: comes; may be the same
                                       address, of a new data directory */
};

/* The members as the leader knows them, those waiting too; theirs only during
 * the call. CONSENSUS_DONE, or REFUSED with a sentence in text and none. */
typedef void (*consensus_members_cb)(void *data,
                                     enum consensus_outcome outcome,
                                     const struct consensus_member *members,
                                     size_t count,
                                     const char *text);

/* A sentence in text, with DONE too: what was done. */
typedef void (*consensus_member_change_cb)(void *data,
                                           enum consensus_outcome outcome,
                                           const char *text);

struct consensus;

struct consensus_driver {
    const char *name;

    /* NULL with a sentence in err when the configuration cannot work. A store
     * that is away is no error: the driver goes on trying, by itself. */
    struct consensus *(*open)(struct loop *loop,
                              struct connector *connector,
                              const struct conf *conf,
                              const struct consensus_events *events,
                              void *data,
                              char *err,
                              size_t err_size);

    /* Commits, then calls back, once, in the loop, never from within. */
    void (*change)(struct consensus *c,
                   const struct consensus_change *change,
                   consensus_done_cb cb,
                   void *data);

    /* Somebody heard of a newer revision: read soon. */
    void (*hint)(struct consensus *c, uint64_t revision);

    void (*status)(const struct consensus *c, struct consensus_status *out);

    /* Both NULL where the store is somebody else's. Answered once, in the
     * loop, never from within, whichever node is asked. */
    void (*members)(struct consensus *c, consensus_members_cb cb, void *data);
    void (*change_members)(struct consensus *c,
                           const struct consensus_member_change *change,
                           consensus_member_change_cb cb,
                           void *data);

    /* Steps down (hands leadership over at once) and frees itself, then calls
     * `closed`; bounded in time (300 ms). Pending changes are answered
     * before. */
    void (*close)(struct consensus *c, void (*closed)(void *data), void *data);
};

extern const struct consensus_driver consensus_mysql;
#ifdef SLUICE_RAFT
extern const struct consensus_driver consensus_raft;
#endif

/* The driver that the configuration asks for; NULL: none, this node leads
 * itself, or (*missing set to its name) one that was not built in. As with
 * freno, BackendMySQLHost goes before RaftDataDir. */
const struct consensus_driver *consensus_driver_for(const struct conf *conf,
                                                    const char **missing);

#endif
