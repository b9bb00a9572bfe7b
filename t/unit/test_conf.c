/* A configuration as read: defaults, inheritance, freno's shapes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "conf_help.h"

static const struct conf_cluster *
cluster(const struct conf *c, const char *name)
{
    assert_non_null(c);
    for (size_t i = 0; i < c->nclusters; i++)
        if (strcmp(c->clusters[i].name, name) == 0)
            return &c->clusters[i];
    fail_msg("no cluster %s", name);
    return NULL;
}

static void
test_defaults(void **state)
{
    struct conf *c = parse(CLUSTER(HOSTS));
    const struct conf_cluster *k = cluster(c, "c");

    (void)state;
    assert_int_equal(c->listen_port, 8087);
    assert_string_equal(c->state_file, "/run/sluice/state");
    assert_int_equal(c->leader_only_probes, 0);
    assert_int_equal(c->nclusters, 1);
    assert_string_equal(k->user, "");
    assert_string_equal(k->password, "");
    assert_string_equal(k->collation, "");
    assert_string_equal(k->metric_query, "");
    assert_true(k->threshold == 0);
    assert_int_equal(k->port, 3306);
    assert_int_equal(k->cache_ms, 0);
    assert_int_equal(k->probe_interval_ms, 50);
    assert_int_equal(k->probe_timeout_ms, 300);
    assert_int_equal(k->max_age_ms, 1000);
    assert_int_equal(k->ignore_hosts_count, 0);
    assert_true(k->ignore_hosts_threshold == 0);
    assert_int_equal(k->ignore_dial_tcp_errors, 0);
    assert_int_equal(k->ignore_hosts.count, 0);
    assert_int_equal(k->tls.use, 0);
    assert_int_equal(k->tls.verify, 1);
    assert_string_equal(k->tls.ca, "");
    assert_string_equal(k->tls.cert, "");
    assert_string_equal(k->tls.key, "");
    assert_string_equal(k->inventory, "static");
    assert_int_equal(k->static_hosts.count, 1);
    assert_string_equal(k->static_hosts.items[0], "db1");
    assert_int_equal(k->static_hosts.lines[0], 3);
    conf_free(c);
}

/* Every key of a cluster, once globally and once overruled. */
static const char everything[] =
    "{\"ListenPort\": 8099, \"StateFile\": \"/tmp/s\",\n"
    "\"LeaderOnlyProbes\": true,\n"
    "\"Stores\": {\"MySQL\": {\n"
    "\"User\": \"gu\", \"Password\": \"gp\", \"Collation\": \"utf8mb4_bin\",\n"
    "\"MetricQuery\": \"select 1\", \"CacheMillis\": 10, \"Port\": 3307,\n"
    "\"ThrottleThreshold\": 1.5, \"IgnoreHostsCount\": 1,\n"
    "\"IgnoreHostsThreshold\": 5, \"IgnoreHosts\": [\"x\", \"y\"],\n"
    "\"IgnoreDialTcpErrors\": true, \"ProbeIntervalMillis\": 60,\n"
    "\"ProbeTimeoutMillis\": 400, \"MaxAgeMillis\": 2000, \"UseTLS\": true,\n"
    "\"TLSVerify\": false, \"TLSCAFile\": \"/dev/null\",\n"
    "\"Clusters\": {\n"
    "\"inherits\": {\"User\": \"\", \"Password\": \"\",\n"
    "  \"MetricQuery\": \"\",\n"
    "  \"CacheMillis\": 0, \"Port\": 0, \"ThrottleThreshold\": 0,\n"
    "  \"IgnoreHostsCount\": 0, \"IgnoreHostsThreshold\": 0,\n"
    "  \"IgnoreHosts\": [], " HOSTS "},\n"
    "\"differs\": {\"User\": \"u\", \"Password\": \"p\",\n"
    "  \"MetricQuery\": \"show global status like 'x'\",\n"
    "  \"CacheMillis\": 20, \"Port\": 3308, \"ThrottleThreshold\": 2,\n"
    "  \"IgnoreHostsCount\": 3, \"IgnoreHostsThreshold\": -1,\n"
    "  \"IgnoreHosts\": [\"z\"], \"ProbeIntervalMillis\": 70,\n"
    "  \"ProbeTimeoutMillis\": 500, \"MaxAgeMillis\": 3000,\n"
    "  \"UseTLS\": false, \"TLSVerify\": true, \"TLSCAFile\": \"\", " HOSTS
    "}}}}}";

static void
test_all_keys(void **state)
{
    struct conf *c = parse(everything);
    const struct conf_cluster *k = cluster(c, "differs");

    (void)state;
    assert_int_equal(c->listen_port, 8099);
    assert_string_equal(c->state_file, "/tmp/s");
    assert_int_equal(c->leader_only_probes, 1);
    assert_string_equal(k->user, "u");
    assert_string_equal(k->password, "p");
    assert_string_equal(k->collation, "utf8mb4_bin");
    assert_string_equal(k->metric_query, "show global status like 'x'");
    assert_true(k->threshold == 2);
    assert_int_equal(k->port, 3308);
    assert_int_equal(k->cache_ms, 20);
    assert_int_equal(k->probe_interval_ms, 70);
    assert_int_equal(k->probe_timeout_ms, 500);
    assert_int_equal(k->max_age_ms, 3000);
    assert_int_equal(k->ignore_hosts_count, 3);
    assert_true(k->ignore_hosts_threshold == -1);
    assert_int_equal(k->ignore_dial_tcp_errors, 1);
    assert_int_equal(k->ignore_hosts.count, 1);
    assert_string_equal(k->ignore_hosts.items[0], "z");
    assert_int_equal(k->tls.use, 0);
    assert_int_equal(k->tls.verify, 1);
    assert_string_equal(k->tls.ca, "");
    conf_free(c);
}

/* freno's rule: 0 and "" in a cluster are not values. */
static void
test_zero_inherits(void **state)
{
    struct conf *c = parse(everything);
    const struct conf_cluster *k = cluster(c, "inherits");

    (void)state;
    assert_string_equal(k->user, "gu");
    assert_string_equal(k->password, "gp");
    assert_string_equal(k->collation, "utf8mb4_bin");
    assert_string_equal(k->metric_query, "select 1");
    assert_true(k->threshold == 1.5);
    assert_int_equal(k->port, 3307);
    assert_int_equal(k->cache_ms, 10);
    assert_int_equal(k->probe_interval_ms, 60);
    assert_int_equal(k->probe_timeout_ms, 400);
    assert_int_equal(k->max_age_ms, 2000);
    assert_int_equal(k->ignore_hosts_count, 1);
    assert_true(k->ignore_hosts_threshold == 5);
    assert_int_equal(k->ignore_dial_tcp_errors, 1);
    assert_int_equal(k->ignore_hosts.count, 2);
    assert_string_equal(k->ignore_hosts.items[1], "y");
    assert_int_equal(k->tls.use, 1);
    assert_int_equal(k->tls.verify, 0);
    assert_string_equal(k->tls.ca, "/dev/null");
    conf_free(c);
}

/* 0 everywhere is the default, not 0. */
static void
test_zero_everywhere(void **state)
{
    struct conf *c =
        parse("{\"Stores\": {\"MySQL\": {\"Port\": 0,\n"
              "\"Clusters\": {\"c\": {\"Port\": 0, " HOSTS "}}}}}");

    (void)state;
    assert_int_equal(cluster(c, "c")->port, 3306);
    conf_free(c);
}

static void
test_case_of_keys(void **state)
{
    struct conf *c = parse("{\"LISTENPORT\": 81, \"stores\": {\"mysql\": {"
                           "\"throttlethreshold\": 3, \"clusters\": {\"C\": {"
                           "\"statichostssettings\": {\"hosts\": [\"h\"]}},"
                           "\"c\": {\"PORT\": 5, " HOSTS "}}}}}");

    (void)state;
    assert_non_null(
        strstr(said, "f:1: warning: Stores.MySQL.Clusters.c: differs from C on "
                     "line 1 in case only: they are two clusters\n"));
    assert_non_null(strstr(said, "f: 0 errors, 1 warning\n"));
    assert_int_equal(c->listen_port, 81);
    assert_int_equal(c->nclusters, 2); /* names of clusters keep their case */
    assert_string_equal(c->clusters[0].name, "C");
    assert_true(c->clusters[0].threshold == 3);
    assert_int_equal(cluster(c, "c")->port, 5);
    conf_free(c);
}

static void
test_null_is_not_there(void **state)
{
    struct conf *c;

    (void)state;
    c = parse(CLUSTER("\"Port\": null, \"IgnoreHosts\": null, \"UseTLS\": null,"
                      "\"MetricQuery\": null, \"HAProxySettings\": null,"
                      "\"ThrottleThreshold\": null, " HOSTS));
    assert_string_equal(strstr(said, "f: 0"), NOTHING);
    assert_int_equal(cluster(c, "c")->port, 3306);
    assert_string_equal(cluster(c, "c")->inventory, "static");
    conf_free(c);
    says("{\"Stores\": null, \"RaftNodes\": null}",
         "f: warning: Stores.MySQL.Clusters: no clusters: every check answers "
         "404\nf: 0 errors, 1 warning\n");
}

static void
test_environment(void **state)
{
    struct conf *c;

    (void)state;
    setenv("CONF_T_USER", "alice", 1);
    setenv("CONF_T_PW", "s3cr3t ${CONF_T_USER}", 1);
    unsetenv("CONF_T_NONE");
    c = parse("{\"Stores\": {\"MySQL\": {\"User\": \"${CONF_T_USER}\",\n"
              "\"Password\": \"${CONF_T_PW}\",\n"
              "\"MetricQuery\": \"select '${CONF_T_USER}'\",\n"
              "\"Clusters\": {\n\"c\": {\"User\": \"x${CONF_T_NONE}y\",\n"
              "\"Password\": \"p${CONF_T_USER}q${CONF_T_NONE}\", " HOSTS
              "},\n\"d\": {" HOSTS "}}}}}");
    assert_string_equal(cluster(c, "d")->user, "alice");
    assert_string_equal(cluster(c, "d")->password, "s3cr3t ${CONF_T_USER}");
    assert_string_equal(cluster(c, "d")->metric_query,
                        "select '${CONF_T_USER}'");
    assert_string_equal(cluster(c, "c")->user, "alice"); /* "" inherits */
    assert_string_equal(cluster(c, "c")->password, "alice");
    assert_string_equal(
        strstr(said, "f:5"),
        "f:5: warning: " C ".User: environment variable CONF_T_NONE is not "
        "set: the value is empty\n"
        "f:5: warning: " C ".User: the whole value becomes that of "
        "CONF_T_NONE; what stands around it is dropped\n"
        "f:6: warning: " C ".Password: the whole value becomes that of "
        "CONF_T_USER; what stands around it is dropped\n"
        "f: 0 errors, 3 warnings\n");
    assert_null(strstr(said, "s3cr3t"));
    conf_free(c);
}

/* The shape of a freno user's file, with raft, memcache and HAProxy. */
static const char freno_haproxy[] =
    "{\n"
    "  \"ListenPort\": 9777,\n"
    "  \"DefaultRaftPort\": 9888,\n"
    "  \"RaftDataDir\": \"/var/lib/freno\",\n"
    "  \"RaftBind\": \"10.0.0.1\",\n"
    "  \"RaftNodes\": [\"10.0.0.1\", \"10.0.0.2\", \"10.0.0.3\"], "
    "\"RaftSecret\": \"0123456789abcdef\",\n"
    "  \"MemcacheServers\": [\"mc1:11211\", \"mc2:11211\"],\n"
    "  \"MemcachePath\": \"throttle\",\n"
    "  \"EnableProfiling\": false,\n"
    "  \"Stores\": {\n"
    "    \"MySQL\": {\n"
    "      \"User\": \"monitor\",\n"
    "      \"Password\": \"${CONF_T_PW}\",\n"
    "      \"MetricQuery\": \"select unix_timestamp(now(6)) - "
    "unix_timestamp(ts) from meta.heartbeat order by ts desc limit 1\",\n"
    "      \"CacheMillis\": 0,\n"
    "      \"ThrottleThreshold\": 1.0,\n"
    "      \"IgnoreHosts\": [\"-backup\", \":3307\"],\n"
    "      \"VitessCells\": [\"zone1\"],\n"
    "      \"Clusters\": {\n"
    "        \"prod4\": {\n"
    "          \"ThrottleThreshold\": 0.8,\n"
    "          \"HttpCheckPort\": 9222, \"HttpCheckPath\": \"/health\",\n"
    "          \"HAProxySettings\": {\n"
    "            \"Addresses\": \"http://lb1:1001/x,lb2:1001\",\n"
    "            \"PoolName\": \"prod4-reads\",\n"
    "          }\n"
    "        },\n"
    "        \"sharded\": {\n"
    "          \"VitessSettings\": {\"API\": \"http://vtctld/api\",\n"
    "            \"Keyspace\": \"main\", \"Shard\": \"80-\",\n"
    "            \"Cells\": [\"zone2\"], \"TimeoutSecs\": 3}\n"
    "        },\n"
    "        \"pooled\": {\n"
    "          \"ProxySQLSettings\": {\"Addresses\": [\"p1:6032\"],\n"
    "            \"User\": \"stats\", \"Password\": \"stats\",\n"
    "            \"HostgroupID\": 11, \"IgnoreServerTTLSecs\": 20}\n"
    "        },\n"
    "        \"local\": {\"StaticHostsSettings\": {\n"
    "          \"Hosts\": [\"127.0.0.1:22293\",\n"
    "                    \"127.0.0.1:22294\"]}}\n"
    "      }\n"
    "    }\n"
    "  }\n"
    "}\n";

static void
assert_providers(const struct conf *c)
{
    const struct conf_haproxy *haproxy = &cluster(c, "prod4")->haproxy;
    const struct conf_proxysql *proxysql = &cluster(c, "pooled")->proxysql;
    const struct conf_vitess *vitess = &cluster(c, "sharded")->vitess;

    assert_string_equal(cluster(c, "prod4")->inventory, "haproxy");
    assert_int_equal(cluster(c, "prod4")->inventory_refresh_ms, 10000);
    assert_string_equal(haproxy->pool, "prod4-reads");
    assert_int_equal(haproxy->urls.count, 2);
    assert_string_equal(haproxy->urls.items[0], "http://lb1:1001/x");
    assert_string_equal(haproxy->urls.items[1], "http://lb2:1001");
    assert_string_equal(cluster(c, "pooled")->inventory, "proxysql");
    assert_int_equal(proxysql->addresses.count, 1);
    assert_string_equal(proxysql->user, "stats");
    assert_int_equal(proxysql->hostgroup, 11);
    assert_int_equal(proxysql->ignore_s, 20);
    assert_string_equal(cluster(c, "sharded")->inventory, "vitess");
    assert_string_equal(vitess->api, "http://vtctld/api");
    assert_string_equal(vitess->keyspace, "main");
    assert_string_equal(vitess->shard, "80-");
    assert_int_equal(vitess->cells.count, 1);
    assert_string_equal(vitess->cells.items[0], "zone2");
    assert_int_equal(vitess->timeout_ms, 3000);
}

static void
test_freno_file(void **state)
{
    struct conf *c;

    (void)state;
    setenv("CONF_T_PW", "pw", 1);
    c = parse(freno_haproxy);
    assert_int_equal(c->nclusters, 4);
    assert_int_equal(c->listen_port, 9777);
    assert_string_equal(c->clusters[0].name, "local"); /* sorted */
    assert_string_equal(c->clusters[3].name, "sharded");
    assert_string_equal(cluster(c, "local")->inventory, "static");
    assert_int_equal(cluster(c, "local")->static_hosts.lines[1], 40);
    assert_providers(c);
    assert_true(cluster(c, "prod4")->threshold == 0.8);
    assert_int_equal(cluster(c, "prod4")->http_check_port, 9222);
    assert_string_equal(cluster(c, "prod4")->http_check_path, "/health");
    assert_int_equal(cluster(c, "sharded")->ignore_hosts.count, 2);
    assert_string_equal(c->raft.self, "10.0.0.1:9888");
    assert_string_equal(c->memcache.path, "throttle");
    assert_int_equal(c->memcache.servers.count, 2);
    assert_string_equal(c->memcache.servers.items[1], "mc2:11211");
    assert_string_equal(
        said, "f:25: warning: a comma before a closing bracket is not JSON; "
              "ignored\n"
              "f: 0 errors, 1 warning\n");
    conf_free(c);
}

/* freno's keys of the MySQL backend, and what it makes of them. */
static void
test_freno_mysql_backend(void **state)
{
    static const char file[] =
        "{\"BackendMySQLHost\": \"${CONF_T_HOST}\", \"ListenPort\": 8123,\n"
        "\"BackendMySQLPort\": 3310, \"BackendMySQLSchema\": \"freno\",\n"
        "\"BackendMySQLUser\": \"u\", \"BackendMySQLPassword\": \"p\",\n"
        "\"Domain\": \"d/e\", \"ShareDomain\": \"e\", \"DataCenter\": \"d\",\n"
        "\"Environment\": \"e\", \"BackendMySQLCollation\": \"x\",\n"
        "\"BackendUseTLS\": true, \"BackendTLSCAFile\": \"/dev/null\",\n"
        "\"Stores\": {\"MySQL\": {\"Clusters\": {\"c\": {" HOSTS "}}}}}";
    char host[256], id[300];
    struct conf *c;

    (void)state;
    setenv("CONF_T_HOST", "db.backend", 1);
    says(file, NOTHING);
    c = parse(file);
    assert_string_equal(c->backend.host, "db.backend");
    assert_int_equal(c->backend.port, 3310);
    assert_string_equal(c->backend.schema, "freno");
    assert_string_equal(c->backend.user, "u");
    assert_string_equal(c->backend.password, "p");
    assert_string_equal(c->backend.collation, "x");
    assert_true(c->backend.tls.use && c->backend.tls.verify);
    assert_string_equal(c->backend.tls.ca, "/dev/null");
    assert_string_equal(c->backend.tls.cert, "");
    assert_string_equal(c->domain, "d/e");
    assert_string_equal(c->share_domain, "e");
    assert_int_equal(gethostname(host, sizeof(host)), 0);
    snprintf(id, sizeof(id), "%s:8123", host);
    assert_string_equal(c->service_id, id);
    conf_set_listen_port(c, 81);
    snprintf(id, sizeof(id), "%s:81", host);
    assert_string_equal(c->service_id, id);
    assert_int_equal(c->listen_port, 81);
    conf_free(c);
}

static void
test_domain_of_parts(void **state)
{
    struct conf *c;

    (void)state;
    c = parse(TOP("\"DataCenter\": \"d\", \"Environment\": \"e\""));
    assert_string_equal(c->domain, "d:e");
    conf_free(c);
    c = parse(CLUSTER(HOSTS));
    assert_string_equal(c->domain, ":");
    assert_string_equal(c->share_domain, "");
    assert_string_equal(c->backend.host, "");
    assert_int_equal(c->backend.port, 3306);
    assert_true(!c->backend.tls.use && c->backend.tls.verify);
    conf_free(c);
}

static void
test_load(void **state)
{
    char name[] = "/tmp/test_conf.XXXXXX";
    struct conf_report report;
    struct conf *c;
    int fd = mkstemp(name);

    (void)state;
    assert_int_equal(write(fd, everything, strlen(everything)),
                     (ssize_t)strlen(everything));
    c = conf_load(name, NULL, &report);
    assert_non_null(c);
    assert_int_equal(c->nclusters, 2);
    conf_free(c);
    conf_report_free(&report);
    assert_int_equal(ftruncate(fd, (17 << 20)), 0); /* zeroes */
    assert_null(conf_load(name, NULL, &report));
    assert_string_equal(report.problems[0].text, "longer than 16 MiB");
    conf_report_free(&report);
    close(fd);
    unlink(name);
}

static void
test_load_unreadable(void **state)
{
    struct conf_report report;

    (void)state;
    assert_null(conf_load("/nonexistent/x", NULL, &report));
    assert_int_equal(report.count, 1);
    assert_int_equal(report.errors, 1);
    assert_int_equal(report.problems[0].line, 0);
    assert_string_equal(report.problems[0].path, "");
    assert_string_equal(report.problems[0].text,
                        "cannot read: No such file or directory");
    conf_report_free(&report);
    assert_null(conf_load("/", NULL, &report));
    assert_string_equal(report.problems[0].text, "cannot read: Is a directory");
    conf_report_free(&report);
    conf_report_free(&report); /* empty now */
    conf_free(NULL);
}

/* As somebody who is not root, whoever runs the test. */
static void
test_load_forbidden(void **state)
{
    char name[] = "/tmp/test_conf.XXXXXX";
    int fd = mkstemp(name), status;
    pid_t pid;

    (void)state;
    assert_int_equal(fchmod(fd, 0), 0);
    pid = fork();
    if (pid == 0) {
        struct conf_report report = {0};
        int ok = geteuid() != 0 || setuid(65534) == 0;

        ok = ok && !conf_load(name, NULL, &report) &&
             strcmp(report.problems[0].text,
                    "cannot read: Permission denied") == 0;
        conf_report_free(&report);
        _exit(ok ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(fd);
    unlink(name);
}

static void
test_same(void **state)
{
    struct conf_tls a = {.use = 1, .verify = 1, .ca = "ca"}, b = a;

    (void)state;
    assert_true(conf_same("x", "x"));
    assert_true(conf_same(NULL, ""));
    assert_false(conf_same("x", NULL));
    assert_true(conf_same_tls(&a, &b));
    b.key = "";
    assert_true(conf_same_tls(&a, &b));
    b.key = "key";
    assert_false(conf_same_tls(&a, &b));
    b = a;
    b.verify = 0;
    assert_false(conf_same_tls(&a, &b));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_all_keys),
        cmocka_unit_test(test_zero_inherits),
        cmocka_unit_test(test_zero_everywhere),
        cmocka_unit_test(test_case_of_keys),
        cmocka_unit_test(test_null_is_not_there),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_freno_file),
        cmocka_unit_test(test_freno_mysql_backend),
        cmocka_unit_test(test_domain_of_parts),
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_load_unreadable),
        cmocka_unit_test(test_load_forbidden),
        cmocka_unit_test(test_same),
    };

    return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
