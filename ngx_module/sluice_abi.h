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
#define SLUICE_MINOR 1

/* Part kinds. */
#define SLUICE_PART_VERDICTS 1 /* what a check needs: small, changes often */
#define SLUICE_PART_DETAIL 2   /* hosts: large, for humans and tools */
#define SLUICE_PART_RULES 3    /* who is throttled: changes seldom; minor 1 */
#define SLUICE_PART_KINDS 3    /* how many of them this build knows */

/* Section kinds. */
#define SLUICE_SECTION_NODE 1      /* struct sluice_node, one; VERDICTS */
#define SLUICE_SECTION_CLUSTERS 2  /* struct sluice_cluster; VERDICTS */
#define SLUICE_SECTION_HOSTS 3     /* struct sluice_host; DETAIL */
#define SLUICE_SECTION_FACTS 4     /* struct sluice_facts, one; RULES */
#define SLUICE_SECTION_THROTTLES 5 /* struct sluice_throttle; RULES */

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
    uint64_t reserved0;
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

#define SLUICE_ASSERT_AT(type, member, at)                \
    _Static_assert(offsetof(struct type, member) == (at), \
                   #type "." #member " moved: that is a new major")

_Static_assert(sizeof(struct sluice_header) == 128, "header");
SLUICE_ASSERT_AT(sluice_header, major, 8);
SLUICE_ASSERT_AT(sluice_header, file_size, 24);
SLUICE_ASSERT_AT(sluice_header, pid, 40);
SLUICE_ASSERT_AT(sluice_header, throttle_capacity, 52);
SLUICE_ASSERT_AT(sluice_header, heartbeat_mono_ms, 64);

_Static_assert(sizeof(struct sluice_part) == 128, "part");
SLUICE_ASSERT_AT(sluice_part, offset, 8);
SLUICE_ASSERT_AT(sluice_part, generation, 64);

_Static_assert(sizeof(struct sluice_image) == 32, "image");
_Static_assert(sizeof(struct sluice_section) == 16, "section");

_Static_assert(sizeof(struct sluice_node) == 16, "node, minor 0");
_Static_assert(sizeof(struct sluice_cluster) == 376, "cluster, minor 0");
SLUICE_ASSERT_AT(sluice_cluster, value, 64);
SLUICE_ASSERT_AT(sluice_cluster, status, 112);
SLUICE_ASSERT_AT(sluice_cluster, error, 120);

_Static_assert(sizeof(struct sluice_host) == 656, "host, minor 0");
SLUICE_ASSERT_AT(sluice_host, value, 368);
SLUICE_ASSERT_AT(sluice_host, port, 392);
SLUICE_ASSERT_AT(sluice_host, text, 400);

_Static_assert(sizeof(struct sluice_facts) == 192, "facts, minor 1");
SLUICE_ASSERT_AT(sluice_facts, store_id, 16);
SLUICE_ASSERT_AT(sluice_facts, redis_channel, 56);
SLUICE_ASSERT_AT(sluice_facts, flags, 184);

_Static_assert(sizeof(struct sluice_throttle) == 152, "throttle, minor 1");
SLUICE_ASSERT_AT(sluice_throttle, ratio, 136);

#endif
