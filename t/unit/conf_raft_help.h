/* Shared by the tests of raft's keys: top levels, and what is said of them.
 * Comes after cmocka.h. */
#ifndef CONF_RAFT_HELP_H
#define CONF_RAFT_HELP_H

#include "conf_help.h"

#define DIR "\"RaftDataDir\": \"/var/lib/sluice\""
#define SECRET "\"RaftSecret\": \"0123456789abcdef\""
#define KNOWN DIR ", " SECRET
#define BIND(address) "\"RaftBind\": \"" address "\""
#define NODES(list) "\"RaftNodes\": [" list "]"
#define THREE "\"10.0.0.1\", \"10.0.0.2\", \"10.0.0.3\""
#define SYNTAX                                                             \
    "expected HOST, HOST:PORT with a port from 1 to 65535, IPv4, IPv6 or " \
    "[IPv6]:PORT\n"

static inline void
says_and_counts(const char *members, const char *problem, const char *counts)
{
    static char json[8192], want[8192];

    snprintf(json, sizeof(json), TOP("%s"), members);
    snprintf(want, sizeof(want), "%s%s%s", *problem ? "f:2: " : "", problem,
             counts);
    says(json, want);
}

static inline void
one_error(const char *members, const char *problem)
{
    says_and_counts(members, problem, "f: 1 error, 0 warnings\n");
}

static inline void
one_warning(const char *members, const char *problem)
{
    says_and_counts(members, problem, "f: 0 errors, 1 warning\n");
}

static inline void
fine(const char *members)
{
    says_and_counts(members, "", NOTHING);
}

/* The caller frees. */
static inline struct conf *
taken(const char *members)
{
    static char json[8192];
    struct conf *c;

    snprintf(json, sizeof(json), TOP("%s"), members);
    c = parse(json);
    if (!c)
        fail_msg("%s", said);
    return c;
}

static inline void
self_is(const char *members, const char *bind, const char *self)
{
    struct conf *c = taken(members);

    assert_string_equal(c->raft.bind, bind);
    assert_string_equal(c->raft.self, self);
    conf_free(c);
}

#endif
