/*
 * The configuration: freno's JSON file with freno's keys (and Sluice's own in
 * the same spelling), read, substituted, inherited and validated.
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include <stddef.h>
#include <stdint.h>

struct conf_list {
    char **items;
    int *lines; /* where each stands in the file */
    size_t count;
};

struct conf_tls {
    int use;    /* UseTLS */
    int verify; /* TLSVerify: certificate and host name, default true */
    char *ca;   /* TLSCAFile; "" = the system's */
    char *cert; /* TLSCertFile; "" = none */
    char *key;  /* TLSKeyFile; "" = none */
};

/* Whose values count, as struct sluice_metric has it. */
enum conf_scope { CONF_SCOPE_ALL, CONF_SCOPE_PRIMARY, CONF_SCOPE_REPLICAS };

/* A metric beside the cluster's own. */
struct conf_metric {
    char *name;  /* at most SLUICE_NAME_SIZE - 1 bytes, never CONF_METRIC_OWN */
    char *query; /* SELECT or SHOW GLOBAL */
    double threshold; /* >= 0 */
    enum conf_scope scope;
};

/* What Metrics calls the metric of MetricQuery and ThrottleThreshold. */
#define CONF_METRIC_OWN "lag"
#define CONF_METRICS_MAX 8

/* An app with a threshold of its own. */
struct conf_app {
    char *name;
    double threshold; /* >= 0 */
};

struct conf_apps {
    struct conf_app *items; /* sorted by name */
    size_t count;
};

/* Where hosts come from, as the provider says; of each cluster one is used.
 * Lists are in the file's order. */
struct conf_haproxy {
    char *pool;
    struct conf_list urls; /* http or https, perhaps with credentials; those
                              of Host and Port, or of Addresses */
    char *ca;              /* of https; "" = the system's */
};

struct conf_proxysql {
    struct conf_list addresses; /* of its admin interface: HOST[:PORT] */
    char *user;
    char *password;
    uint32_t hostgroup;
    uint32_t ignore_s; /* how long a server that was not ONLINE is left out */
};

struct conf_vitess {
    char *api; /* http or https URL of vtctld */
    char *keyspace;
    char *shard;
    struct conf_list cells; /* none: all */
    unsigned timeout_ms;
    char *ca;
};

/* What makes a host one that writers may go to. */
enum conf_eligible {
    CONF_ELIGIBLE_NONE, /* the cluster's sessions are not routed */
    CONF_ELIGIBLE_GALERA,
    CONF_ELIGIBLE_HTTP,       /* its galera-healthcheck says so */
    CONF_ELIGIBLE_REPLICATION /* the writable one */
};

/* AUTO: unless wsrep_sst_method is rsync, which stops the donor. */
enum conf_donor { CONF_DONOR_AUTO, CONF_DONOR_YES, CONF_DONOR_NO };

/* Where each host's galera-healthcheck is asked, with CONF_ELIGIBLE_HTTP. */
struct conf_status {
    int only_code; /* 200 is healthy; otherwise the JSON says it */
    int port;
    char *endpoint; /* a path without the '/' before it */
    int interval_ms;
    int tls;
    char *ca;          /* "" = the system's */
    char *server_name; /* of its certificate; "" = the host's */
    char *user;        /* "" = none is needed */
    char *password;
};

struct conf_routing {
    enum conf_eligible eligible;
    struct conf_status status;
    int lowest_index; /* Switchboard's rule; 0: the active host stays */
    enum conf_donor donor;
    int read_only_ok;
    unsigned rise, fall;       /* answers in a row, >= 1 */
    int freeze_ms;             /* silence that is a death */
    int lease;                 /* writers only with a proof that is no older */
    int writer_lease_ms;       /* than that; up to SLUICE_WRITERS_MAX_MS */
    struct conf_list priority; /* NAME or NAME:PORT; the first goes first,
                                  those not named are last */
    int line;
};

struct conf_cluster {
    char *name; /* at most SLUICE_NAME_SIZE - 1 bytes */
    char *user;
    char *password;
    char *collation;
    char *metric_query; /* "" = replica status */
    double threshold;   /* >= 0 */
    int port;
    int cache_ms;
    int probe_interval_ms;
    int probe_timeout_ms;
    int max_age_ms;
    int ignore_hosts_count;
    double ignore_hosts_threshold;
    int ignore_dial_tcp_errors;
    struct conf_list ignore_hosts;
    struct conf_tls tls;
    enum conf_scope scope;       /* of its own metric */
    struct conf_metric *metrics; /* the others, sorted by name */
    size_t nmetrics;
    struct conf_apps apps;   /* said here; others as conf.apps says */
    double quarantine_lag_s; /* 0: nobody is left out */
    int http_check_port;     /* 0: none */
    char *http_check_path;   /* as written; a '/' comes before it */
    const char *inventory;   /* driver name: "haproxy", "proxysql",
                                "vitess", "static"; NULL: none */
    int inventory_refresh_ms;
    struct conf_list static_hosts; /* as written */
    struct conf_haproxy haproxy;
    struct conf_proxysql proxysql;
    struct conf_vitess vitess;
    struct conf_routing routing;
};

/* The consensus backend in MySQL. */
struct conf_backend {
    char *host; /* "" = there is none */
    int port;
    char *schema;
    char *user;
    char *password;
    char *collation;
    struct conf_tls tls;
};

/* Consensus among the nodes themselves. Addresses are HOST:PORT or
 * [IPv6]:PORT: DefaultRaftPort, else 10008, stands where none is written.
 * There are none where it is not used, as beside BackendMySQLHost. */
struct conf_raft {
    char *data_dir; /* RaftDataDir; "" = none */
    char *bind;     /* RaftBind: where this node listens */
    char *self;     /* what the others call it: its entry of RaftNodes; without
                       RaftNodes RaftBind; "" = an observer */
    struct conf_list nodes; /* RaftNodes: one, three or five voters; 0: one */
    char *secret;           /* RaftSecret; "" = none */
    int insecure;           /* RaftInsecure: no secret, and not loopback only */
    int observer;           /* Role: observer */
};

/* Where each cluster's value is written besides. */
struct conf_memcache {
    char *path;               /* keys are PATH/mysql/CLUSTER; may be "" */
    struct conf_list servers; /* HOST[:PORT], 11211 where none is written */
};

#define CONF_DOMAIN_MAX 32 /* varchar(32) of freno's tables */
#define CONF_RAFT_ADDRESS_MAX 255
#define CONF_RAFT_SECRET_MIN 16
#define CONF_RAFT_SECRET_MAX 255
#define CONF_SERVICE_ID_MAX 128

struct conf {
    int listen_port;
    struct conf_backend backend;
    struct conf_raft raft;
    char *domain;        /* Domain, or DataCenter:Environment */
    char *share_domain;  /* "" = none */
    char *service_id;    /* host name:ListenPort; of a raft voter raft.self */
    char *state_file;    /* StateFile */
    char *redis_address; /* "" = no Redis */
    char *redis_user;
    char *redis_password_file;
    struct conf_memcache memcache;
    int leader_only_probes;
    struct conf_apps apps;         /* in clusters that do not name the app */
    struct conf_cluster *clusters; /* sorted by name */
    size_t nclusters;
};

enum conf_severity { CONF_NOTE, CONF_WARNING, CONF_ERROR };

/* One thing to say about the file. */
struct conf_problem {
    enum conf_severity severity;
    int line;   /* 1-based; 0: the file as a whole */
    char *path; /* "Stores.MySQL.Clusters.main1.Port", "" for the whole */
    char *text; /* what is wrong and what was expected; never a credential */
};

struct conf_report {
    struct conf_problem *problems; /* in the file's order of lines */
    size_t count;
    size_t capacity;
    size_t errors;
    size_t warnings;
};

/* What a layer above knows of a configuration's correctness: adds to the
 * report. Called also when there are errors already; what they are about may
 * then have its default. */
typedef void (*conf_check)(const struct conf *c, struct conf_report *report);

/*
 * Reads FILE. Every problem found, by `check` too (NULL: none), goes into the
 * report (also with success: warnings and notes), which need not be
 * initialised. NULL when there is at least one error. The caller frees both.
 */
struct conf *
conf_load(const char *file, conf_check check, struct conf_report *report);

/* A key of the top level as the command line says it, before which the file's
 * value steps back. Of a list the items, with commas. */
struct conf_override {
    const char *option; /* as problems name it: "--raft-bind" */
    const char *key;
    const char *text; /* "" or NULL: the file's value stands, as with freno */
};

struct conf *conf_load_with(const char *file,
                            const struct conf_override *overrides,
                            size_t count,
                            conf_check check,
                            struct conf_report *report);

/* The same from text already in memory. */
struct conf *conf_parse(const char *text,
                        size_t len,
                        conf_check check,
                        struct conf_report *report);
struct conf *conf_parse_with(const char *text,
                             size_t len,
                             const struct conf_override *overrides,
                             size_t count,
                             conf_check check,
                             struct conf_report *report);

/* Instead of ListenPort; a service id that has it follows. */
void conf_set_listen_port(struct conf *c, int port);

/* Where the control API is: control.sock beside the state file. free() it. */
char *conf_control_socket(const struct conf *c);

/* The same text (NULL is ""), the same TLS: what a reload may keep. */
int conf_same(const char *a, const char *b);
int conf_same_list(const struct conf_list *a, const struct conf_list *b);
int conf_same_tls(const struct conf_tls *a, const struct conf_tls *b);

/* NULL is another than any. */
int conf_same_status(const struct conf_status *a, const struct conf_status *b);

/* NULL is allowed. */
void conf_free(struct conf *c);

/* Adds a problem at its place among the lines: for checks that need more
 * than this file, as those of host strings. */
void conf_report_add(struct conf_report *report,
                     enum conf_severity severity,
                     int line,
                     const char *path,
                     const char *format,
                     ...) __attribute__((format(printf, 5, 6)));

/* The same, unless the report says exactly that already. */
void conf_report_add_once(struct conf_report *report,
                          enum conf_severity severity,
                          int line,
                          const char *path,
                          const char *format,
                          ...) __attribute__((format(printf, 5, 6)));

void conf_report_free(struct conf_report *report);

#endif
