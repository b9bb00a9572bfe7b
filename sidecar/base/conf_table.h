/*
 * NB: private to conf_*.c. Every key there is, in alphabetical order: where
 * it is legal, its type, its default and its bounds. The one place to look,
 * and to add to.
 */
#ifndef BASE_CONF_TABLE_H
#define BASE_CONF_TABLE_H

#include <float.h>
#include <stddef.h>
#include <stdint.h>

/* Where a key may stand. */
enum conf_place {
    CONF_TOP = 0x01,
    CONF_STORES = 0x02,  /* Stores */
    CONF_MYSQL = 0x04,   /* Stores.MySQL */
    CONF_CLUSTER = 0x08, /* Stores.MySQL.Clusters.NAME */
    CONF_BLOCK = CONF_MYSQL | CONF_CLUSTER,
    CONF_HAPROXY = 0x10, /* HAProxySettings of a cluster; and so on */
    CONF_PROXYSQL = 0x20,
    CONF_VITESS = 0x40,
    CONF_STATIC = 0x80,
    CONF_APP = 0x100,     /* Apps.NAME of a block */
    CONF_METRIC = 0x200,  /* Metrics.NAME of a block */
    CONF_ROUTING = 0x400, /* Routing of a cluster */
    CONF_WEB = CONF_HAPROXY | CONF_VITESS,

    /* Of sluice-agent's file, which is another. */
    CONF_AGENT = 0x800,        /* its top level */
    CONF_AGENTDB = 0x1000,     /* DB */
    CONF_ENDPOINT = 0x2000,    /* SidecarEndpoint */
    CONF_ENDPOINTTLS = 0x4000, /* SidecarEndpoint.TLS */
    CONF_AGENT_FILE =
        CONF_AGENT | CONF_AGENTDB | CONF_ENDPOINT | CONF_ENDPOINTTLS
};

enum conf_type {
    CONF_STR,
    CONF_INT,
    CONF_NUM,
    CONF_BOOL,
    CONF_LIST, /* of strings */
    CONF_OBJECT
};

enum conf_flags {
    CONF_PLAIN = 0,
    CONF_ENV = 0x1,   /* ${NAME} makes the value, or item, the variable's */
    CONF_GO = 0x2,    /* of Go's runtime, which is not here: ignored */
    CONF_EXACT = 0x4, /* written is written: 0, false and "" too do not
                         inherit (with freno's own keys they do) */
    CONF_FILE = 0x8   /* names a file that must be readable */
};

#define CONF_INT_MAX 2147483647.0
#define CONF_UINT_MAX 4294967295.0
#define CONF_DAY_MS 86400000.0

/*
 * STR(place, key, default, flags)   BOOL(place, key, default, flags)
 * INT(place, key, default, least, most, flags)   NUM() the same
 * LIST(place, key, flags)   OBJECT(place, key, flags)
 *
 * IgnoreHostsThreshold may be negative, for freno takes that as "none", and a
 * cluster can unset a global one only so. HttpCheckPort -1 is "no check".
 */
/* clang-format off */
#define CONF_KEYS(STR, INT, NUM, BOOL, LIST, OBJECT)                           \
    STR(HAPROXY, Addresses, "", PLAIN)                                         \
    LIST(PROXYSQL, Addresses, PLAIN)                                           \
    STR(ROUTING, Agreement, "static", EXACT)                                   \
    STR(VITESS, API, "", PLAIN)                                                \
    OBJECT(BLOCK, Apps, PLAIN)                                                 \
    STR(ROUTING, AvailableWhenDonor, "auto", EXACT)                            \
    BOOL(AGENT, AvailableWhenDonor, 1, EXACT)                                  \
    BOOL(ROUTING, AvailableWhenReadOnly, 0, EXACT)                             \
    BOOL(AGENT, AvailableWhenReadOnly, 0, EXACT)                               \
    STR(TOP, BackendMySQLCollation, "", PLAIN)                                 \
    STR(TOP, BackendMySQLHost, "", ENV)                                        \
    STR(TOP, BackendMySQLPassword, "", ENV)                                    \
    INT(TOP, BackendMySQLPort, 3306, 1, 65535, PLAIN)                          \
    STR(TOP, BackendMySQLSchema, "", ENV)                                      \
    STR(TOP, BackendMySQLUser, "", ENV)                                        \
    STR(TOP, BackendTLSCAFile, "", EXACT | CONF_FILE)                          \
    STR(TOP, BackendTLSCertFile, "", EXACT | CONF_FILE)                        \
    STR(TOP, BackendTLSKeyFile, "", EXACT | CONF_FILE)                         \
    BOOL(TOP, BackendTLSVerify, 1, EXACT)                                      \
    BOOL(TOP, BackendUseTLS, 0, EXACT)                                         \
    INT(BLOCK, CacheMillis, 0, 0, CONF_DAY_MS, PLAIN)                          \
    STR(WEB, CAFile, "", EXACT | CONF_FILE)                                    \
    LIST(VITESS, Cells, PLAIN)                                                 \
    STR(ENDPOINTTLS, Certificate, "", PLAIN)                                   \
    STR(ROUTING, Choice, "sticky", EXACT)                                      \
    OBJECT(MYSQL, Clusters, PLAIN)                                             \
    STR(MYSQL, Collation, "", PLAIN)                                           \
    STR(TOP, DataCenter, "", ENV)                                              \
    OBJECT(AGENT, DB, PLAIN)                                                   \
    INT(TOP, DefaultRaftPort, 0, 0, 65535, PLAIN)                              \
    STR(TOP, Domain, "", ENV)                                                  \
    STR(ROUTING, Eligible, "", PLAIN)                                          \
    BOOL(ENDPOINTTLS, Enabled, 0, PLAIN)                                       \
    BOOL(TOP, EnableProfiling, 0, GO)                                          \
    STR(TOP, Environment, "", ENV)                                             \
    INT(ROUTING, Fall, 1, 1, 100, EXACT)                                       \
    INT(ROUTING, FreezeMillis, 1000, 20, 60000, EXACT)                         \
    OBJECT(CLUSTER, HAProxySettings, PLAIN)                                    \
    STR(HAPROXY, Host, "", PLAIN)                                              \
    STR(AGENT, Host, "0.0.0.0", PLAIN)                                         \
    STR(AGENTDB, Host, "127.0.0.1", ENV)                                       \
    INT(PROXYSQL, HostgroupID, 0, 0, CONF_UINT_MAX, PLAIN)                     \
    LIST(STATIC, Hosts, PLAIN)                                                 \
    STR(BLOCK, HttpCheckPath, "", PLAIN)                                       \
    INT(BLOCK, HttpCheckPort, 0, -1, 65535, PLAIN)                             \
    BOOL(MYSQL, IgnoreDialTcpErrors, 0, PLAIN)                                 \
    LIST(BLOCK, IgnoreHosts, PLAIN)                                            \
    INT(BLOCK, IgnoreHostsCount, 0, 0, CONF_INT_MAX, PLAIN)                    \
    NUM(BLOCK, IgnoreHostsThreshold, 0, -DBL_MAX, DBL_MAX, PLAIN)              \
    INT(PROXYSQL, IgnoreServerTTLSecs, 0, 0, CONF_UINT_MAX, PLAIN)             \
    INT(BLOCK, InventoryRefreshMillis, 10000, 100, CONF_DAY_MS, EXACT)         \
    STR(VITESS, Keyspace, "", PLAIN)                                           \
    BOOL(TOP, LeaderOnlyProbes, 0, PLAIN)                                      \
    INT(TOP, ListenPort, 8087, 1, 65535, PLAIN)                                \
    STR(AGENT, MaintenanceFile, "", PLAIN)                                     \
    INT(BLOCK, MaxAgeMillis, 1000, 1, CONF_DAY_MS, EXACT)                      \
    STR(TOP, MemcachePath, "freno", EXACT)                                     \
    LIST(TOP, MemcacheServers, PLAIN)                                          \
    STR(BLOCK, MetricQuery, "", PLAIN)                                         \
    OBJECT(BLOCK, Metrics, PLAIN)                                              \
    OBJECT(AGENT, Monit, PLAIN)                                                \
    STR(AGENT, MyCnfPath, "", PLAIN)                                           \
    OBJECT(STORES, MySQL, PLAIN)                                               \
    STR(AGENT, MysqldPath, "", PLAIN)                                          \
    STR(BLOCK, Password, "", ENV)                                              \
    STR(PROXYSQL, Password, "", ENV)                                           \
    STR(AGENTDB, Password, "", ENV)                                            \
    STR(ENDPOINT, Password, "", ENV)                                           \
    STR(HAPROXY, PoolName, "", PLAIN)                                          \
    INT(BLOCK, Port, 3306, 0, 65535, PLAIN)                                    \
    INT(HAPROXY, Port, 0, 0, 65535, PLAIN)                                     \
    INT(AGENT, Port, 8080, 1, 65535, PLAIN)                                    \
    INT(AGENTDB, Port, 3306, 1, 65535, PLAIN)                                  \
    LIST(ROUTING, Priority, PLAIN)                                             \
    STR(ENDPOINTTLS, PrivateKey, "", PLAIN)                                    \
    INT(BLOCK, ProbeIntervalMillis, 50, 10, 60000, EXACT)                      \
    INT(BLOCK, ProbeTimeoutMillis, 300, 10, 60000, EXACT)                      \
    BOOL(ENDPOINT, ProtectStatus, 0, PLAIN)                                    \
    LIST(MYSQL, ProxySQLAddresses, PLAIN)                                      \
    STR(MYSQL, ProxySQLPassword, "", ENV)                                      \
    OBJECT(CLUSTER, ProxySQLSettings, PLAIN)                                   \
    STR(MYSQL, ProxySQLUser, "", ENV)                                          \
    NUM(BLOCK, QuarantineLagSeconds, 0, 0, DBL_MAX, EXACT)                     \
    STR(METRIC, Query, "", PLAIN)                                              \
    INT(AGENT, QueryTimeoutMillis, 1000, 10, 60000, PLAIN)                     \
    STR(TOP, RaftBind, "127.0.0.1:10008", PLAIN)                               \
    STR(TOP, RaftDataDir, "", PLAIN)                                           \
    BOOL(TOP, RaftInsecure, 0, PLAIN)                                          \
    LIST(TOP, RaftNodes, PLAIN)                                                \
    STR(TOP, RaftSecret, "", ENV)                                              \
    STR(TOP, RedisAddress, "", PLAIN)                                          \
    STR(TOP, RedisPasswordFile, "", PLAIN)                                     \
    STR(TOP, RedisUser, "", PLAIN)                                             \
    INT(ROUTING, Rise, 2, 1, 100, EXACT)                                       \
    STR(TOP, Role, "", PLAIN)                                                  \
    OBJECT(CLUSTER, Routing, PLAIN)                                            \
    STR(METRIC, Scope, "all", PLAIN)                                           \
    STR(VITESS, Shard, "", PLAIN)                                              \
    STR(TOP, ShareDomain, "", ENV)                                             \
    OBJECT(AGENT, SidecarEndpoint, PLAIN)                                      \
    STR(AGENTDB, Socket, "", PLAIN)                                            \
    STR(TOP, StateFile, "/run/sluice/state", EXACT)                            \
    OBJECT(CLUSTER, StaticHostsSettings, PLAIN)                                \
    STR(ROUTING, StatusCAFile, "", EXACT | CONF_FILE)                          \
    STR(ROUTING, StatusEndpoint, "", PLAIN)                                    \
    INT(ROUTING, StatusIntervalMillis, 200, 10, 60000, EXACT)                  \
    STR(ROUTING, StatusKind, "json", EXACT)                                    \
    STR(ROUTING, StatusPassword, "", ENV)                                      \
    INT(ROUTING, StatusPort, 9200, 1, 65535, EXACT)                            \
    STR(ROUTING, StatusServerName, "", PLAIN)                                  \
    BOOL(ROUTING, StatusTLS, 0, EXACT)                                         \
    STR(ROUTING, StatusUser, "", ENV)                                          \
    OBJECT(TOP, Stores, PLAIN)                                                 \
    NUM(METRIC, Threshold, 0, 0, DBL_MAX, EXACT)                               \
    NUM(BLOCK, ThrottleThreshold, 0, 0, DBL_MAX, PLAIN)                        \
    NUM(APP, ThrottleThreshold, 0, 0, DBL_MAX, EXACT)                          \
    INT(VITESS, TimeoutSecs, 0, 0, CONF_UINT_MAX, PLAIN)                       \
    OBJECT(ENDPOINT, TLS, PLAIN)                                               \
    STR(BLOCK, TLSCAFile, "", EXACT | CONF_FILE)                               \
    STR(BLOCK, TLSCertFile, "", EXACT | CONF_FILE)                             \
    STR(BLOCK, TLSKeyFile, "", EXACT | CONF_FILE)                              \
    BOOL(BLOCK, TLSVerify, 1, EXACT)                                           \
    STR(BLOCK, User, "", ENV)                                                  \
    STR(PROXYSQL, User, "", ENV)                                               \
    STR(AGENTDB, User, "", ENV)                                                \
    STR(ENDPOINT, Username, "", ENV)                                           \
    BOOL(BLOCK, UseTLS, 0, EXACT)                                              \
    LIST(MYSQL, VitessCells, ENV)                                              \
    OBJECT(CLUSTER, VitessSettings, PLAIN)                                     \
    INT(ROUTING, WriterLeaseMillis, 3000, 1000, 60000, EXACT)
/* clang-format on */

#define CONF_ID(place, key, ...) CONF_##place##_##key,
enum conf_id {
    CONF_KEYS(CONF_ID, CONF_ID, CONF_ID, CONF_ID, CONF_ID, CONF_ID) CONF_NKEYS
};
#undef CONF_ID

struct conf_key {
    const char *name;
    unsigned places; /* enum conf_place */
    enum conf_type type;
    unsigned flags; /* enum conf_flags */
    double least, most;
    double number;      /* the default of INT, NUM, BOOL */
    const char *string; /* and of STR */
};

/* By enum conf_id. */
extern const struct conf_key conf_keys[CONF_NKEYS];

/* Case does not matter. -1: no such key in this place (or, with several
 * places, in none of them). */
int conf_key_find(const char *name, unsigned places);

/* "Stores.MySQL.Clusters.NAME" and the like, for messages; of several places
 * the first. */
const char *conf_place_name(unsigned places);

/* The key of this place that is spelled most like the name (conf_nearest.c). */
const char *conf_nearest(const char *name, unsigned place);

/* Insertions, deletions, replacements and swaps of neighbours that make one
 * word of the other; case does not count, nor what follows 63 bytes. */
unsigned conf_distance(const char *a, const char *b);

#endif
