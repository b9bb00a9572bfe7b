/*
 * The layout of the state file: the contract between sluiced, which writes it,
 * and everything that reads it (nginx workers, statedump, the next sluiced).
 *
 *   header                         128 bytes
 *   part[nparts]                   part_stride bytes each, every one with its
 *                                  own generation: who needs verdicts does not
 *                                  copy host detail
 *   slot 0, slot 1 of each part    an image: sections of equal records
 *
 * Rules that let an old reader meet a new writer, and the reverse:
 *
 *   - another major is another file: readers refuse it;
 *   - a minor only adds: parts, section kinds, members at a record's end,
 *     flags. Readers skip kinds they do not know and read
 *     min(stride, own size) bytes of a record; what is missing is zero, so
 *     zero must always mean "not said";
 *   - no pointers, no enums, no bit fields, no long, no time_t: fixed widths,
 *     every hole written out, host byte order (the file never travels).
 *
 * Times are milliseconds. "mono" is CLOCK_MONOTONIC (which is what nginx's
 * ngx_current_msec counts), "boot" CLOCK_BOOTTIME, "real" CLOCK_REALTIME.
 * Strings are NUL-terminated UTF-8; readers terminate them again.
 */
#ifndef SLUICE_ABI_H
#define SLUICE_ABI_H

#include <stddef.h>
#include <stdint.h>

/* Eight bytes with the last one: no NUL comes after it. */
#define SLUICE_MAGIC "SLUICE\0\1"
#define SLUICE_MAGIC_SIZE 8
#define SLUICE_MAJOR 1
#define SLUICE_MINOR 3

/* Part kinds. */
#define SLUICE_PART_VERDICTS 1 /* what a check needs: small, changes often */
#define SLUICE_PART_DETAIL 2   /* hosts: large, for humans and tools */
#define SLUICE_PART_RULES 3    /* who is throttled: changes seldom; minor 1 */
#define SLUICE_PART_ROUTES 4   /* where sessions go; minor 3 */
#define SLUICE_PART_KINDS 4    /* how many of them this build knows */

/* Section kinds. */
#define SLUICE_SECTION_NODE 1      /* struct sluice_node, one; VERDICTS */
#define SLUICE_SECTION_CLUSTERS 2  /* struct sluice_cluster; VERDICTS */
#define SLUICE_SECTION_HOSTS 3     /* struct sluice_host; DETAIL */
#define SLUICE_SECTION_FACTS 4     /* struct sluice_facts, one; RULES */
#define SLUICE_SECTION_THROTTLES 5 /* struct sluice_throttle; RULES */
/* Since minor 2. */
#define SLUICE_SECTION_METRICS 6      /* struct sluice_metric; VERDICTS */
#define SLUICE_SECTION_APPS 7         /* struct sluice_app; RULES */
#define SLUICE_SECTION_INVENTORIES 8  /* struct sluice_inventory; DETAIL */
#define SLUICE_SECTION_HOST_METRICS 9 /* struct sluice_host_metric; DETAIL */
#define SLUICE_SECTION_COUNTERS 10    /* struct sluice_counter; DETAIL */
/* Since minor 3. */
#define SLUICE_SECTION_ROUTES 11      /* struct sluice_route; ROUTES */
#define SLUICE_SECTION_ROUTE_HOSTS 12 /* struct sluice_route_host; ROUTES */

struct sluice_header {
    unsigned char magic[SLUICE_MAGIC_SIZE]; /* written last at creation */
    uint16_t major;
    uint16_t minor;
    uint32_t header_size; /* parts begin here */
    uint32_t nparts;
    uint32_t part_stride;
    uint64_t file_size;    /* bytes; a shorter file is truncated */
    uint64_t born_real_ms; /* for humans, and to tell incarnations apart */
    uint32_t pid;          /* of the writer */
    uint32_t cluster_capacity;
    uint32_t host_capacity;
    uint32_t throttle_capacity; /* minor 1 */
    uint32_t metric_capacity;   /* minor 2 */
    uint32_t app_capacity;      /* minor 2 */
    uint64_t heartbeat_mono_ms; /* atomic; own cache line */
    uint8_t reserved1[56];
};

struct sluice_part {
    uint32_t kind;
    uint32_t pad0;
    uint64_t offset;    /* of slot 0 in the file; slot 1 follows it */
    uint64_t slot_size; /* bytes, a multiple of 64 */
    uint8_t reserved0[40];
    uint64_t generation; /* atomic; 0: nothing yet; current slot: & 1 */
    uint8_t reserved1[56];
};

/* The beginning of a slot; nsections descriptors follow. */
struct sluice_image {
    uint64_t published_mono_ms;
    uint64_t size; /* bytes of the image, a multiple of 8 */
    uint32_t nsections;
    uint32_t section_stride;
    uint64_t reserved0;
};

struct sluice_section {
    uint32_t kind;
    uint32_t count;
    uint32_t stride; /* a multiple of 8 */
    uint32_t offset; /* from the beginning of the image */
};

/* sluice_node.flags */
#define SLUICE_NODE_READY 0x1u       /* checks can be answered */
#define SLUICE_NODE_LEADER_ONLY 0x2u /* LeaderOnlyProbes: followers say 404 */

/* sluice_node.leader_until_boot_ms: no consensus, every node leads itself */
#define SLUICE_LEADER_ALWAYS UINT64_MAX

struct sluice_node {
    uint64_t leader_until_boot_ms; /* 0: not the leader */
    uint32_t flags;
    uint32_t pad0;
};

#define SLUICE_NAME_SIZE 64
#define SLUICE_ERROR_SIZE 256
#define SLUICE_HOST_NAME_SIZE 256
#define SLUICE_ADDRESS_SIZE 48

/* sluice_cluster.status */
#define SLUICE_METRIC_NONE 0  /* no metric yet: 404 with the threshold */
#define SLUICE_METRIC_VALUE 1 /* value is set */
#define SLUICE_METRIC_ERROR 2 /* error is set */

/* sluice_cluster.flags (minor 2): value is the last there was, also when the
 * status is another */
#define SLUICE_CLUSTER_HAD_VALUE 0x1u

struct sluice_cluster {
    char name[SLUICE_NAME_SIZE]; /* unique in the section, not empty */
    double value;
    double threshold;
    uint64_t sampled_mono_ms; /* start of the oldest probe that counts */
    uint64_t valid_until_mono_ms;
    uint64_t healthy_mono_ms; /* last time value <= threshold; 0: never */
    uint64_t healthy_real_ms; /* the same moment */
    uint32_t status;
    uint32_t pad0;
    char error[SLUICE_ERROR_SIZE];

    /* Minor 2: for how long, of all leaders that share our domain, the worst
     * was unhealthy in the metric of this name, and until when that counts. */
    uint64_t share_until_mono_ms; /* 0: nobody said anything */
    uint32_t share_unhealthy_s;
    uint32_t flags; /* SLUICE_CLUSTER_* */
};

/* A further metric of a cluster (minor 2). Its own one, of MetricQuery, is in
 * struct sluice_cluster and is called SLUICE_METRIC_OWN. */
#define SLUICE_METRIC_OWN "lag"

/* sluice_metric.scope: whose values count */
#define SLUICE_SCOPE_ALL 0
#define SLUICE_SCOPE_PRIMARY 1
#define SLUICE_SCOPE_REPLICAS 2

struct sluice_metric {
    char cluster[SLUICE_NAME_SIZE];
    char name[SLUICE_NAME_SIZE]; /* unique in its cluster, not empty */
    double value;
    double threshold;
    uint64_t sampled_mono_ms;
    uint64_t valid_until_mono_ms;
    uint32_t status; /* as sluice_cluster.status */
    uint32_t scope;
    char error[SLUICE_ERROR_SIZE];
};

/* sluice_host.status */
#define SLUICE_HOST_PENDING 0 /* no answer yet */
#define SLUICE_HOST_VALUE 1
#define SLUICE_HOST_ERROR 2    /* text says which */
#define SLUICE_HOST_EXCLUDED 3 /* not probed or not counted; text says why */

struct sluice_host {
    char cluster[SLUICE_NAME_SIZE];
    char name[SLUICE_HOST_NAME_SIZE];  /* as configured, without port */
    char address[SLUICE_ADDRESS_SIZE]; /* IP literal; "" while unknown */
    double value;
    uint64_t sampled_mono_ms; /* start of the probe that gave value or error */
    uint32_t took_us;         /* how long that probe took */
    uint32_t status;
    uint16_t port;
    uint8_t pad0[6];
    char text[SLUICE_ERROR_SIZE];
    uint32_t role;     /* minor 2 */
    uint32_t excluded; /* minor 2: why, when status is EXCLUDED */
};

/* sluice_host.role */
#define SLUICE_ROLE_PRIMARY 1 /* read_only is off */
#define SLUICE_ROLE_REPLICA 2

/* sluice_host.excluded */
#define SLUICE_EXCLUDED_IGNORED 1     /* IgnoreHosts; never probed */
#define SLUICE_EXCLUDED_SKIPPED 2     /* by an operator */
#define SLUICE_EXCLUDED_HTTP 3        /* its HTTP check answered 404 */
#define SLUICE_EXCLUDED_QUARANTINED 4 /* QuarantineLagSeconds; value is set */

/* What a host said of a further metric (minor 2). */
struct sluice_host_metric {
    char cluster[SLUICE_NAME_SIZE];
    char metric[SLUICE_NAME_SIZE];
    char host[SLUICE_HOST_NAME_SIZE];
    double value;
    uint64_t sampled_mono_ms;
    uint32_t status; /* as sluice_host.status */
    uint16_t port;
    uint8_t pad0[2];
    char text[SLUICE_ERROR_SIZE];
};

/* Where a cluster's hosts come from (minor 2). */
#define SLUICE_PROVIDER_SIZE 16
struct sluice_inventory {
    char cluster[SLUICE_NAME_SIZE];
    char provider[SLUICE_PROVIDER_SIZE]; /* "haproxy"; "": it has none */
    uint64_t answered_mono_ms;           /* 0: it never did */
    uint32_t failures; /* refreshes in a row that failed; 0: the last did not */
    uint32_t hosts;    /* of the last answer, ignored ones too */
    char error[SLUICE_ERROR_SIZE]; /* of the last failure, "" without one */
};

/* What sluiced counts, by the names that freno's /debug/vars has (minor 2). */
#define SLUICE_COUNTER_TEXT_SIZE 128
struct sluice_counter {
    char name[SLUICE_NAME_SIZE]; /* unique, not empty */
    double value;
    char text[SLUICE_COUNTER_TEXT_SIZE]; /* a string instead of the value */
};

#define SLUICE_STORE_ID_SIZE 40
#define SLUICE_CHANNEL_SIZE 128
#define SLUICE_KEY_SIZE 136

/* sluice_facts.flags */
#define SLUICE_FACTS_UNKNOWN 0x1u /* there is a store, never read here: 500 */

/* What the rules are: a consistent read of the store of facts. No record, or
 * one of zeros: no store, and no rules. */
struct sluice_facts {
    uint64_t revision;     /* 0: the store has none */
    uint64_t read_mono_ms; /* begin of the read */
    char store_id[SLUICE_STORE_ID_SIZE];
    char redis_channel[SLUICE_CHANNEL_SIZE]; /* "": no Redis */
    uint32_t flags;
    uint32_t pad0;
};

struct sluice_throttle {
    char key[SLUICE_KEY_SIZE]; /* "app" or "app/cluster"; unique, not empty */
    double ratio;              /* of checks denied, [0..1] */
    uint64_t expires_mono_ms;  /* 0: never */
};

/* An app with a threshold of its own (minor 2). */
struct sluice_app {
    char cluster[SLUICE_NAME_SIZE]; /* "": in those that say nothing */
    char app[SLUICE_KEY_SIZE];      /* not empty; unique with the cluster */
    double threshold;               /* >= 0, instead of the cluster's */
};

/* sluice_route.flags */
#define SLUICE_ROUTE_ACTIVE 0x1u      /* there is an active host */
#define SLUICE_ROUTE_TRAFFIC_OFF 0x2u /* nobody is let in; message says why */
#define SLUICE_ROUTE_MANUAL 0x4u      /* nobody moves it but an operator */

/* sluice_route.writers_until_boot_ms: the last choice stands for ever. Else it
 * is never further away than that: a file that outlived its machine's uptime
 * says nothing. */
#define SLUICE_WRITERS_ALWAYS UINT64_MAX
#define SLUICE_WRITERS_MAX_MS 60000u

/* A cluster whose sessions are routed (minor 3). */
struct sluice_route {
    char cluster[SLUICE_NAME_SIZE]; /* unique, not empty */
    uint64_t epoch; /* of the writers: a session of another one must end */
    uint64_t writers_until_boot_ms; /* then all of them must; 0: over */
    uint64_t changed_real_ms;       /* when the epoch came; 0: never */
    uint64_t traffic_real_ms;       /* last turn of the switch; 0: never */
    uint32_t first_host; /* its hosts, in the order of the configuration, */
    uint32_t nhosts;     /* among the records of SLUICE_SECTION_ROUTE_HOSTS */
    uint32_t active;     /* which of them; only with SLUICE_ROUTE_ACTIVE */
    uint32_t flags;      /* SLUICE_ROUTE_* */
    char reason[SLUICE_ERROR_SIZE];  /* why the epoch came, or why there is no
                                        active host */
    char message[SLUICE_ERROR_SIZE]; /* of the traffic switch */
};

/* sluice_route_host.flags */
#define SLUICE_ROUTE_HEALTHY 0x1u  /* it could be the active host */
#define SLUICE_ROUTE_REPLICA 0x2u  /* role=replica may go there */
#define SLUICE_ROUTE_INACTIVE 0x4u /* role=inactive goes there */
#define SLUICE_ROUTE_DOWN 0x8u     /* an operator said so */
#define SLUICE_ROUTE_DRAINED 0x10u /* likewise: what is there may stay */
#define SLUICE_ROUTE_HAS_LAG 0x20u /* lag_s is set */

#define SLUICE_LABEL_SIZE 64

struct sluice_route_host {
    char name[SLUICE_HOST_NAME_SIZE];  /* as configured, without port */
    char address[SLUICE_ADDRESS_SIZE]; /* IP literal; "" while unknown */
    char label[SLUICE_LABEL_SIZE];     /* what people call it; or "" */
    uint64_t epoch; /* of its replica and inactive sessions */
    double lag_s;
    uint64_t sampled_mono_ms; /* start of the last check of its health */
    uint32_t flags;           /* SLUICE_ROUTE_* of hosts */
    uint16_t port;
    uint8_t pad0[2];
    char text[SLUICE_ERROR_SIZE]; /* why it is healthy, or is not */
};

#define SLUICE_ASSERT_AT(type, member, at)                \
    _Static_assert(offsetof(struct type, member) == (at), \
                   #type "." #member " moved: that is a new major")

_Static_assert(sizeof(struct sluice_header) == 128, "header");
SLUICE_ASSERT_AT(sluice_header, major, 8);
SLUICE_ASSERT_AT(sluice_header, file_size, 24);
SLUICE_ASSERT_AT(sluice_header, pid, 40);
SLUICE_ASSERT_AT(sluice_header, throttle_capacity, 52);
SLUICE_ASSERT_AT(sluice_header, metric_capacity, 56);
SLUICE_ASSERT_AT(sluice_header, heartbeat_mono_ms, 64);

_Static_assert(sizeof(struct sluice_part) == 128, "part");
SLUICE_ASSERT_AT(sluice_part, offset, 8);
SLUICE_ASSERT_AT(sluice_part, generation, 64);

_Static_assert(sizeof(struct sluice_image) == 32, "image");
_Static_assert(sizeof(struct sluice_section) == 16, "section");

_Static_assert(sizeof(struct sluice_node) == 16, "node, minor 0");
_Static_assert(sizeof(struct sluice_cluster) == 392, "cluster, minor 2");
SLUICE_ASSERT_AT(sluice_cluster, value, 64);
SLUICE_ASSERT_AT(sluice_cluster, status, 112);
SLUICE_ASSERT_AT(sluice_cluster, error, 120);
SLUICE_ASSERT_AT(sluice_cluster, share_until_mono_ms, 376);

_Static_assert(sizeof(struct sluice_host) == 664, "host, minor 2");
SLUICE_ASSERT_AT(sluice_host, value, 368);
SLUICE_ASSERT_AT(sluice_host, port, 392);
SLUICE_ASSERT_AT(sluice_host, text, 400);
SLUICE_ASSERT_AT(sluice_host, role, 656);

_Static_assert(sizeof(struct sluice_facts) == 192, "facts, minor 1");
SLUICE_ASSERT_AT(sluice_facts, store_id, 16);
SLUICE_ASSERT_AT(sluice_facts, redis_channel, 56);
SLUICE_ASSERT_AT(sluice_facts, flags, 184);

_Static_assert(sizeof(struct sluice_throttle) == 152, "throttle, minor 1");
SLUICE_ASSERT_AT(sluice_throttle, ratio, 136);

_Static_assert(sizeof(struct sluice_metric) == 424, "metric, minor 2");
_Static_assert(sizeof(struct sluice_host_metric) == 664,
               "host metric, minor 2");
_Static_assert(sizeof(struct sluice_inventory) == 352, "inventory, minor 2");
_Static_assert(sizeof(struct sluice_counter) == 200, "counter, minor 2");
_Static_assert(sizeof(struct sluice_app) == 208, "app, minor 2");

_Static_assert(sizeof(struct sluice_route) == 624, "route, minor 3");
SLUICE_ASSERT_AT(sluice_route, first_host, 96);
SLUICE_ASSERT_AT(sluice_route, reason, 112);
_Static_assert(sizeof(struct sluice_route_host) == 656, "route host, minor 3");
SLUICE_ASSERT_AT(sluice_route_host, epoch, 368);
SLUICE_ASSERT_AT(sluice_route_host, port, 396);
SLUICE_ASSERT_AT(sluice_route_host, text, 400);

#endif
