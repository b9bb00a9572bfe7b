/* Consensus among the nodes themselves: who they are, which of them this one
 * is, and whether strangers could be another. */
#include "base/conf_block.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/raft_address.h"

#define DATA_DIR_MAX 900 /* libraft adds the names of its files */
#define NODES_MAX 5

/* What the keys say, while it is put together. */
struct raft {
    struct conf_block *top;
    struct raft_address bind;
    struct raft_address nodes[NODES_MAX];
    size_t nnodes;
    int observer;
};

static const struct conf_value *
value(const struct raft *r, enum conf_id id)
{
    return &r->top->values[id];
}

static void
problem(const struct raft *r,
        enum conf_severity severity,
        enum conf_id id,
        const char *text)
{
    conf_block_problem(r->top, severity, id, text);
}

/* With an entry of RaftNodes. */
static void
node_problem(const struct raft *r, size_t i, const char *text)
{
    conf_block_item_problem(r->top, CONF_ERROR, CONF_TOP_RaftNodes, i, text);
}

/* ---- whether it is used ----------------------------------------------- */

static int
is_observer(const struct conf_block *top)
{
    return strcmp(top->values[CONF_TOP_Role].string, "observer") == 0;
}

int
conf_raft_is_used(const struct conf_block *top)
{
    return !top->values[CONF_TOP_BackendMySQLHost].given &&
           (top->values[CONF_TOP_RaftDataDir].given || is_observer(top));
}

/* freno's files have its raft keys also where the backend is MySQL. */
static void
check_unused(const struct raft *r)
{
    static const enum conf_id others[] = {
        CONF_TOP_DefaultRaftPort, CONF_TOP_RaftBind,   CONF_TOP_RaftInsecure,
        CONF_TOP_RaftNodes,       CONF_TOP_RaftSecret, CONF_TOP_Role};
    enum conf_id asks =
        is_observer(r->top) ? CONF_TOP_Role : CONF_TOP_RaftDataDir;

    if (value(r, asks)->given) {
        problem(r, CONF_WARNING, asks,
                "BackendMySQLHost wins, as with freno; raft is not used");
        return;
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        if (value(r, others[i])->given)
            problem(r, CONF_WARNING, others[i],
                    "has no effect without RaftDataDir");
}

/* ---- single values ---------------------------------------------------- */

static void
check_data_dir(const struct raft *r)
{
    const char *dir = value(r, CONF_TOP_RaftDataDir)->string;
    char text[128];

    if (*dir == '\0')
        return;
    if (r->observer) {
        problem(r, CONF_WARNING, CONF_TOP_RaftDataDir,
                "has no effect: an observer keeps nothing");
        return;
    }
    for (const char *c = dir; *c; c++) {
        if (iscntrl((unsigned char)*c)) {
            problem(r, CONF_ERROR, CONF_TOP_RaftDataDir,
                    "expected a path without control characters");
            return;
        }
    }
    if (strlen(dir) > DATA_DIR_MAX) {
        snprintf(text, sizeof(text), "%zu bytes: expected at most %d",
                 strlen(dir), DATA_DIR_MAX);
        problem(r, CONF_ERROR, CONF_TOP_RaftDataDir, text);
    } else if (*dir != '/') {
        problem(r, CONF_WARNING, CONF_TOP_RaftDataDir,
                "a relative path: which directory that is depends on where "
                "this program is started");
    }
}

static void
check_secret(const struct raft *r)
{
    size_t len = strlen(value(r, CONF_TOP_RaftSecret)->string);
    char text[128];

    if (len == 0 ||
        (len >= CONF_RAFT_SECRET_MIN && len <= CONF_RAFT_SECRET_MAX))
        return;
    snprintf(text, sizeof(text), "%zu bytes: expected %d to %d", len,
             CONF_RAFT_SECRET_MIN, CONF_RAFT_SECRET_MAX);
    problem(r, CONF_ERROR, CONF_TOP_RaftSecret, text);
}

static void
check_role(const struct raft *r)
{
    const char *role = value(r, CONF_TOP_Role)->string;

    if (*role != '\0' && strcmp(role, "voter") != 0 && !is_observer(r->top))
        problem(r, CONF_ERROR, CONF_TOP_Role,
                "expected \"voter\", which \"\" is too, or \"observer\"");
}

/* ---- addresses -------------------------------------------------------- */

static uint16_t
default_port(const struct raft *r)
{
    double port = value(r, CONF_TOP_DefaultRaftPort)->number;

    return port > 0 ? (uint16_t)port : RAFT_PORT;
}

static int
read_bind(struct raft *r)
{
    char err[256];

    if (r->observer || /* which nobody connects to */
        raft_address_parse(value(r, CONF_TOP_RaftBind)->string, default_port(r),
                           &r->bind, err, sizeof(err)) == 0)
        return 0;
    problem(r, CONF_ERROR, CONF_TOP_RaftBind, err);
    return -1;
}

static int
check_count(const struct raft *r, size_t count)
{
    char text[256];

    if (count <= 1 || count == 3 || count == NODES_MAX)
        return 0;
    if (count > NODES_MAX)
        snprintf(text, sizeof(text),
                 "%zu entries: expected none, 1, 3 or %d; further nodes can "
                 "be observers",
                 count, NODES_MAX);
    else
        snprintf(text, sizeof(text),
                 "%zu entries: expected none, 1, 3 or %d: %zu of %zu must be "
                 "there to elect a leader, so no more failures are survived "
                 "than with one less",
                 count, NODES_MAX, count / 2 + 1, count);
    problem(r, CONF_ERROR, CONF_TOP_RaftNodes, text);
    return -1;
}

static int
check_duplicate(const struct raft *r, size_t i)
{
    char text[CONF_RAFT_ADDRESS_MAX + 64];

    for (size_t j = 0; j < i; j++) {
        const struct raft_address *a = &r->nodes[i], *b = &r->nodes[j];

        if (strcmp(a->text, b->text) != 0 &&
            !(raft_address_same_ip(a, b) && a->port == b->port))
            continue;
        snprintf(text, sizeof(text), "%s is RaftNodes[%zu] already", a->text,
                 j);
        node_problem(r, i, text);
        return -1;
    }
    return 0;
}

static int
read_node(struct raft *r, size_t i)
{
    const struct conf_list *list = &value(r, CONF_TOP_RaftNodes)->list;
    char err[256];

    if (raft_address_parse(list->items[i], default_port(r), &r->nodes[i], err,
                           sizeof(err)) != 0) {
        node_problem(r, i, err);
        return -1;
    }
    if (raft_address_is_wildcard(&r->nodes[i])) {
        node_problem(r, i,
                     "expected an address that the others can connect "
                     "to");
        return -1;
    }
    return check_duplicate(r, i);
}

static int
read_nodes(struct raft *r)
{
    size_t count = value(r, CONF_TOP_RaftNodes)->list.count;
    int rc = check_count(r, count);

    if (rc != 0)
        return rc;
    for (size_t i = 0; i < count; i++)
        rc |= read_node(r, i);
    r->nnodes = count;
    if (rc == 0 && r->observer && count == 0) {
        problem(r, CONF_ERROR, CONF_TOP_Role,
                "an observer needs RaftNodes, to know whom to ask");
        rc = -1;
    }
    return rc;
}

/* ---- who may be a node ------------------------------------------------ */

static void
format_open(const struct raft_address *a, char *text, size_t size)
{
    snprintf(text, size,
             "%s is not of this machine alone: set RaftSecret, the same on "
             "every node (or RaftInsecure: true, in a network that you trust)",
             a->text);
}

static void
check_trust(const struct raft *r)
{
    char text[CONF_RAFT_ADDRESS_MAX + 256];

    if (value(r, CONF_TOP_RaftSecret)->given) {
        if (value(r, CONF_TOP_RaftInsecure)->given)
            problem(r, CONF_WARNING, CONF_TOP_RaftInsecure,
                    "has no effect: RaftSecret is set");
        return;
    }
    if (value(r, CONF_TOP_RaftInsecure)->given)
        return;
    if (!r->observer && !raft_address_is_loopback(&r->bind)) {
        format_open(&r->bind, text, sizeof(text));
        problem(r, CONF_ERROR, CONF_TOP_RaftBind, text);
        return;
    }
    for (size_t i = 0; i < r->nnodes; i++) {
        if (raft_address_is_loopback(&r->nodes[i]))
            continue;
        format_open(&r->nodes[i], text, sizeof(text));
        node_problem(r, i, text);
        return;
    }
}

/* ---- which of them we are --------------------------------------------- */

static void
self_unknown(const struct raft *r)
{
    char text[NODES_MAX * (CONF_RAFT_ADDRESS_MAX + 2) + 512];
    size_t used;

    used = (size_t)snprintf(text, sizeof(text),
                            "%s does not tell which entry of RaftNodes this "
                            "node is: set it to one of",
                            r->bind.text);
    for (size_t i = 0; i < r->nnodes; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s %s",
                                 i ? "," : "", r->nodes[i].text);
    problem(r, CONF_ERROR, CONF_TOP_RaftBind, text);
}

/* Whether it surely is none of them: a name could be that of an address. */
static int
is_newcomer(const struct raft *r)
{
    if (raft_address_is_wildcard(&r->bind))
        return 0;
    for (size_t i = 0; i < r->nnodes; i++)
        if ((r->nodes[i].family == 0) != (r->bind.family == 0))
            return 0;
    return 1;
}

static void
warn_newcomer(const struct raft *r)
{
    char text[CONF_RAFT_ADDRESS_MAX + 128];

    snprintf(text, sizeof(text),
             "%s is none of RaftNodes: this node waits until it is added to "
             "their cluster",
             r->bind.text);
    problem(r, CONF_WARNING, CONF_TOP_RaftBind, text);
}

/* Another port is that of a forwarding, or a mistake. */
static void
check_port(const struct raft *r, const struct raft_address *self)
{
    char text[2 * CONF_RAFT_ADDRESS_MAX + 128];

    if (self->port == r->bind.port)
        return;
    snprintf(text, sizeof(text),
             "listens on %s, while the other nodes connect to %s, as RaftNodes "
             "says",
             r->bind.text, self->text);
    problem(r, CONF_WARNING, CONF_TOP_RaftBind, text);
}

static char *
self_of(const struct raft *r)
{
    const struct raft_address *self;

    if (r->observer)
        return conf_copy("");
    if (r->nnodes == 0 && raft_address_is_wildcard(&r->bind)) {
        problem(r, CONF_ERROR, CONF_TOP_RaftBind,
                "stands for every address: set RaftNodes, so that the others "
                "know what to call this node, or one address here");
        return conf_copy("");
    }
    self = r->nnodes == 0 ? &r->bind
                          : raft_address_find(&r->bind, r->nodes, r->nnodes);
    if (!self && is_newcomer(r)) {
        warn_newcomer(r);
        self = &r->bind;
    }
    if (!self) {
        self_unknown(r);
        return conf_copy("");
    }
    check_port(r, self);
    return conf_copy(self->text);
}

/* ---- what becomes of it ----------------------------------------------- */

static void
fill_nodes(struct conf_list *nodes, struct raft *r)
{
    struct conf_list *list = &r->top->values[CONF_TOP_RaftNodes].list;

    *nodes = *list;
    memset(list, 0, sizeof(*list));
    for (size_t i = 0; i < r->nnodes; i++) {
        free(nodes->items[i]);
        nodes->items[i] = conf_copy(r->nodes[i].text);
    }
}

static void
read_used(struct conf_raft *out, struct raft *r)
{
    int rc;

    r->observer = out->observer = is_observer(r->top);
    check_data_dir(r);
    rc = read_bind(r);
    rc |= read_nodes(r);
    if (rc != 0)
        return;
    check_trust(r);
    free(out->self);
    out->self = self_of(r);
    free(out->bind);
    out->bind = conf_copy(r->bind.text);
    fill_nodes(&out->nodes, r);
}

void
conf_read_raft(struct conf *c, struct conf_block *top)
{
    struct raft r = {.top = top};

    c->raft.bind = conf_copy("");
    c->raft.self = conf_copy("");
    check_role(&r);
    check_secret(&r);
    if (conf_raft_is_used(top))
        read_used(&c->raft, &r);
    else
        check_unused(&r);
    c->raft.data_dir = c->raft.observer
                           ? conf_copy("")
                           : conf_take_string(top, CONF_TOP_RaftDataDir);
    c->raft.secret = conf_take_string(top, CONF_TOP_RaftSecret);
    c->raft.insecure = top->values[CONF_TOP_RaftInsecure].number != 0;
}

void
conf_free_raft(struct conf *c)
{
    free(c->raft.data_dir);
    free(c->raft.bind);
    free(c->raft.self);
    if (c->raft.secret)
        explicit_bzero(c->raft.secret, strlen(c->raft.secret));
    free(c->raft.secret);
    conf_list_free(&c->raft.nodes);
}
