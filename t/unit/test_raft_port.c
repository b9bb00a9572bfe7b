/* The raft port among nodes: where it listens, how they meet, and whom it
 * refuses. */
#include "raft_port_help.h"

#include <ifaddrs.h>

/* ---- listening -------------------------------------------------------- */

static void
refuses_to_open(const char *bind, const char *why)
{
    char expected[512];
    struct scene s;

    begin(&s);
    strcpy(s.a.address, bind);
    assert_int_equal(node_open_as(&s.a, "", SECRET, 0), -1);
    snprintf(expected, sizeof(expected), "%s: %s", bind, why);
    assert_string_equal(s.a.text, expected);
    end(&s);
}

static void
test_bad_address(void **state)
{
    static const char *const bad[] = {
        "db1",       "db1:",      ":10008",   "db1:0",
        "db1:65536", "db1:1x",    "::1",      "[::1]",
        "[::1]10",   "[::1:10",   "[db1]:10", "[]:10",
        "::1:1",     "db1:10:10", "[::1]:-1", "db1:4294967297"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        refuses_to_open(bad[i], "expected HOST:PORT or [IPv6]:PORT with a "
                                "port from 1 to 65535");
}

static void
test_bad_place(void **state)
{
    (void)state;
    refuses_to_open("203.0.113.7:10008", "is not an address of this machine");
    refuses_to_open("nowhere:10008",
                    "cannot look nowhere up: Name or service not known");
}

static void
test_taken(void **state)
{
    char address[64];
    struct scene s;
    int fd;

    (void)state;
    fd = raw_listen(address, sizeof(address), 1);
    refuses_to_open(address, "another process listens there");
    close(fd);
    /* A connection that lingers there does not matter. */
    begin_open(&s);
    dial_and_wait(&s, s.a.address, HANDSHAKE_RAFT);
    strcpy(address, s.a.address);
    node_close(&s.a);
    run_until(&s.loop, s.a.closed);
    strcpy(s.a.address, address);
    assert_int_equal(node_open_as(&s.a, "", SECRET, 0), 0);
    end(&s);
}

/* ---- meeting ---------------------------------------------------------- */

static int
option(uv_tcp_t *stream, int level, int name)
{
    socklen_t len = sizeof(int);
    int fd, value = -1;

    assert_int_equal(uv_fileno((uv_handle_t *)stream, &fd), 0);
    assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

static void
assert_options(uv_tcp_t *stream)
{
    assert_int_equal(option(stream, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(option(stream, SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_int_equal(option(stream, IPPROTO_TCP, TCP_KEEPIDLE), 1);
    assert_int_equal(option(stream, IPPROTO_TCP, TCP_KEEPINTVL), 1);
    assert_int_equal(option(stream, IPPROTO_TCP, TCP_KEEPCNT), 3);
    assert_int_equal(option(stream, IPPROTO_TCP, TCP_USER_TIMEOUT), 1500);
}

static void
room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    static char bytes[64];

    (void)handle;
    (void)suggested;
    *buf = uv_buf_init(bytes, sizeof(bytes));
}

static void
on_word(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    assert_int_equal(n, 4);
    assert_memory_equal(buf->base, "ping", 4);
    *(int *)stream->data = 1;
}

/* What FROM says TO hears. */
static void
assert_connected(struct loop *l, uv_tcp_t *from, uv_tcp_t *to)
{
    uv_buf_t buf = uv_buf_init("ping", 4);
    int heard = 0;

    to->data = &heard;
    uv_read_start((uv_stream_t *)to, room, on_word);
    assert_int_equal(uv_try_write((uv_stream_t *)from, &buf, 1), 4);
    run_until(l, heard);
    uv_read_stop((uv_stream_t *)to);
}

static void
test_meet(void **state)
{
    struct scene s;

    (void)state;
    begin_open(&s);
    strcpy(s.b.self.store_id, "");
    s.b.self.fresh = 1;
    raft_port_set_self(s.b.port, &s.b.self);
    dial_and_wait(&s, s.a.address, HANDSHAKE_RAFT);
    assert_met(&s);
    assert_int_equal(s.a.proven.role, HANDSHAKE_RAFT);
    assert_int_equal(s.a.proven.other.fresh, 1);
    assert_string_equal(s.b.proven.other.store_id, "6f1c9a52");
    assert_options(s.a.stream);
    assert_options(s.b.stream);
    assert_connected(&s.loop, s.a.stream, s.b.stream);
    assert_connected(&s.loop, s.b.stream, s.a.stream);
    /* Nobody else has the secret in what is handed out. */
    assert_int_equal(s.a.proven.secret[0], 0);
    assert_int_equal(s.b.proven.secret[0], 0);
    end(&s);
}

/* An observer listens nowhere. */
static void
test_observer(void **state)
{
    struct scene s;

    (void)state;
    begin(&s);
    node_open(&s.a);
    s.b.self.observer = 1;
    assert_int_equal(node_open_as(&s.b, "", SECRET, 0), 0);
    dial_and_wait(&s, s.a.address, HANDSHAKE_LINK);
    assert_met(&s);
    assert_int_equal(s.a.proven.role, HANDSHAKE_LINK);
    assert_int_equal(s.a.proven.other.observer, 1);
    end(&s);
}

/* Streams outlive the port they came from. */
static void
test_stream_outlives_port(void **state)
{
    struct scene s;

    (void)state;
    begin_open(&s);
    dial_and_wait(&s, s.a.address, HANDSHAKE_RAFT);
    assert_met(&s);
    node_close(&s.a);
    node_close(&s.b);
    run_until(&s.loop, s.a.closed && s.b.closed);
    assert_connected(&s.loop, s.a.stream, s.b.stream);
    end(&s);
}

static void
meets_at(const char *host, const char *dialled)
{
    char address[64];
    struct scene s;

    begin(&s);
    if (node_open_as(&s.a, host, "", 0) != 0) {
        end(&s);
        print_message("%s\n", s.a.text);
        skip();
    }
    assert_int_equal(node_open_as(&s.b, "127.0.0.1", "", 0), 0);
    snprintf(address, sizeof(address), "%s%s", dialled,
             strrchr(s.a.address, ':'));
    dial_and_wait(&s, address, HANDSHAKE_RAFT);
    assert_met(&s);
    end(&s);
}

static void
test_name(void **state)
{
    (void)state;
    meets_at("localhost", "localhost");
}

/* The first of its addresses has nobody. */
static void
test_two_addresses(void **state)
{
    (void)state;
    meets_at("127.0.0.1", "two");
}

static void
test_ipv6(void **state)
{
    (void)state;
    meets_at("[::1]", "[::1]");
}

/* An IPv4 client of an IPv6 socket is on this machine, too. */
static void
test_mapped(void **state)
{
    (void)state;
    meets_at("[::]", "127.0.0.1");
}

/* ---- refusals --------------------------------------------------------- */

static void
test_other_secret(void **state)
{
    struct scene s;

    (void)state;
    begin(&s);
    node_open(&s.a);
    assert_int_equal(node_open_as(&s.b, "", SECRET ".", 0), 0);
    dial_and_wait(&s, s.a.address, HANDSHAKE_RAFT);
    assert_refused(&s, HANDSHAKE_SECRET_DIFFERS, "refused us: another secret");
    end(&s);
}

static void
test_other_cluster(void **state)
{
    struct scene s;

    (void)state;
    begin_open(&s);
    strcpy(s.a.self.store_id, "8e2a");
    raft_port_set_self(s.a.port, &s.a.self);
    dial_and_wait(&s, s.a.address, HANDSHAKE_RAFT);
    assert_refused(&s, HANDSHAKE_STORE_DIFFERS,
                   "refused us: member of another cluster, with facts of its "
                   "own");
    strcpy(s.a.self.domain, "dc2:production");
    raft_port_set_self(s.a.port, &s.a.self);
    dial_and_wait(&s, s.a.address, HANDSHAKE_RAFT);
    assert_refused(&s, HANDSHAKE_DOMAIN_DIFFERS, "refused us: another domain");
    end(&s);
}

static void
test_itself(void **state)
{
    struct scene s;

    (void)state;
    begin_open(&s);
    dial_and_wait(&s, s.b.address, HANDSHAKE_RAFT);
    assert_int_equal(s.b.accepted, 0);
    assert_refused(&s, HANDSHAKE_DUPLICATE_ID,
                   "refused us: the same node id: itself, or a copied data "
                   "directory");
    end(&s);
}

/* An address of this machine that is not its loopback's. 0: none. */
static int
outer_address(char *host, size_t size)
{
    struct ifaddrs *list, *at;
    int found = 0;

    assert_int_equal(getifaddrs(&list), 0);
    for (at = list; at && !found; at = at->ifa_next) {
        const struct sockaddr_in *in = (void *)at->ifa_addr;

        if (in && in->sin_family == AF_INET &&
            ntohl(in->sin_addr.s_addr) >> 24 != IN_LOOPBACKNET)
            found = !!inet_ntop(AF_INET, &in->sin_addr, host, (socklen_t)size);
    }
    freeifaddrs(list);
    return found;
}

/* Without a secret: who may be elsewhere is turned away, by either side. */
static void
test_loopback_only(void **state)
{
    static const struct {
        int server_insecure, client_insecure;
        const char *text;
    } cases[] = {
        {0, 1,
         "refused us: without a secret only nodes on one machine may "
         "meet"},
        {1, 0, "refused: without a secret only nodes on one machine may meet"},
        {1, 1, ""},
    };
    char host[64], address[80];
    struct scene s;

    (void)state;
    if (!outer_address(host, sizeof(host)))
        skip();
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        begin(&s);
        node_open_as(&s.a, "0.0.0.0", "", cases[i].server_insecure);
        node_open_as(&s.b, "", "", cases[i].client_insecure);
        snprintf(address, sizeof(address), "%s%s", host,
                 strrchr(s.a.address, ':'));
        dial_and_wait(&s, address, HANDSHAKE_RAFT);
        if (cases[i].text[0])
            assert_refused(&s, HANDSHAKE_LOOPBACK_ONLY, cases[i].text);
        else
            assert_met(&s);
        end(&s);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_address),
        cmocka_unit_test(test_bad_place),
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_meet),
        cmocka_unit_test(test_observer),
        cmocka_unit_test(test_stream_outlives_port),
        cmocka_unit_test(test_name),
        cmocka_unit_test(test_two_addresses),
        cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_mapped),
        cmocka_unit_test(test_other_secret),
        cmocka_unit_test(test_other_cluster),
        cmocka_unit_test(test_itself),
        cmocka_unit_test(test_loopback_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
