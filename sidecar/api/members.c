/* The members of a store that the nodes themselves keep. */
#include "api/api_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static void
say_none(struct http_request *r)
{
    api_say(r, 503, "no-members",
            "only nodes that keep the store themselves are members: set "
            "RaftDataDir, without BackendMySQLHost, and restart sluiced");
}

/* ---- showing ---------------------------------------------------------- */

static const char *
role_name(enum consensus_role role)
{
    static const char *const names[] = {
        [MEMBER_VOTER] = "voter",
        [MEMBER_CATCHING] = "catching",
        [MEMBER_WAITING] = "waiting",
        [MEMBER_OBSERVER] = "observer",
    };

    return names[role];
}

static int
by_address(const void *one, const void *two)
{
    const struct consensus_member *const *a = one, *const *b = two;
    int order = strcmp((*a)->address, (*b)->address);

    return order ? order : strcmp((*a)->id, (*b)->id);
}

static void
add_member(struct body *b, const struct consensus_member *m)
{
    body_add(b, "{\"Id\":");
    body_string(b, m->id);
    body_add(b, ",\"Address\":");
    body_string(b, m->address);
    body_add(b, ",\"Role\":");
    body_string(b, role_name(m->role));
    body_add(b, ",\"Leader\":");
    body_bool(b, m->leads);
    body_add(b, ",\"HeardMillis\":");
    if (m->heard_ms < 0)
        body_add(b, "null");
    else
        body_number(b, (double)m->heard_ms);
    body_add(b, ",\"Behind\":");
    body_number(b, (double)m->behind);
    body_add(b, "}");
}

static void
show(struct http_request *r,
     const struct consensus_member *members,
     size_t count)
{
    const struct consensus_member **sorted = calloc(count + 1, sizeof(*sorted));
    struct body b = {0};

    if (!sorted)
        abort();
    for (size_t i = 0; i < count; i++)
        sorted[i] = &members[i];
    qsort(sorted, count, sizeof(*sorted), by_address);
    body_add(&b, "[");
    for (size_t i = 0; i < count; i++) {
        body_add(&b, i ? "," : "");
        add_member(&b, sorted[i]);
    }
    body_add(&b, "]\n");
    api_show(r, API_JSON, &b);
    body_free(&b);
    free(sorted);
}

static void
on_members(void *data,
           enum consensus_outcome outcome,
           const struct consensus_member *members,
           size_t count,
           const char *text)
{
    struct http_request *r = data;

    if (outcome == CONSENSUS_DONE)
        show(r, members, count);
    else
        api_say(r, 503, "refused",
                text && text[0] ? text : "the leader did not answer");
}

void
api_members(void *api, struct http_request *r)
{
    const struct api *a = api;

    if (!a->hooks.members ||
        a->hooks.members(a->hooks.data, on_members, r) != 0)
        say_none(r);
}

/* ---- changing --------------------------------------------------------- */

struct asked {
    struct http_request *request;
    struct consensus_member_change change;
};

static void
log_change(const struct consensus_member_change *c, const char *text)
{
    static const char *const kinds[] = {
        [MEMBER_ADD] = "add",
        [MEMBER_REMOVE] = "remove",
        [MEMBER_REPLACE] = "replace",
    };

    log_info("members_changed", log_str("change", kinds[c->kind]),
             log_str("who", c->who), log_str("by", c->whom),
             log_str("result", text));
}

static void
on_changed(void *data, enum consensus_outcome outcome, const char *text)
{
    struct asked *asked = data;

    if (outcome == CONSENSUS_DONE) {
        text = text && text[0] ? text : "OK";
        log_change(&asked->change, text);
        api_say(asked->request, 200, NULL, text);
    } else {
        api_say_failed(asked->request, outcome, asked->change.who, text);
    }
    free(asked);
}

/* What there is none longer than can be no member. */
static int
take(char to[MEMBER_ADDRESS_SIZE], const char *word)
{
    if (word[0] == '\0' || strlen(word) >= MEMBER_ADDRESS_SIZE)
        return -1;
    strcpy(to, word);
    return 0;
}

/* NULL, or what was expected. */
static const char *
read_change(const struct http_request *r, struct consensus_member_change *c)
{
    const char *add = http_request_param(r, "add");
    const char *remove = http_request_param(r, "remove");
    const char *replace = http_request_param(r, "replace");
    const char *by = http_request_param(r, "by");

    *c = (struct consensus_member_change){.kind = MEMBER_ADD};
    if (!!add + !!remove + !!replace != 1 || !replace != !by)
        return "expected one of add=ADDRESS, remove=ID_OR_ADDRESS, and "
               "replace=ID_OR_ADDRESS with by=ADDRESS";
    if (remove)
        c->kind = MEMBER_REMOVE;
    else if (replace)
        c->kind = MEMBER_REPLACE;
    if (take(c->who, add      ? add
                     : remove ? remove
                              : replace) != 0 ||
        (by && take(c->whom, by) != 0))
        return "an id has 16 hexadecimal digits, and an address 1 to 271 "
               "bytes: NAME:PORT, as /consensus/members shows it";
    return NULL;
}

void
api_change_members(void *api, struct http_request *r)
{
    static const char *const fields[] = {"add", "remove", "replace", "by",
                                         NULL};
    const struct api *a = api;
    const char *wrong;
    struct asked *asked;

    if (!api_may_change(r, fields))
        return;
    asked = calloc(1, sizeof(*asked));
    if (!asked)
        abort();
    asked->request = r;
    wrong = read_change(r, &asked->change);
    if (wrong) {
        api_say(r, 400, NULL, wrong);
        free(asked);
    } else if (!a->hooks.change_members ||
               a->hooks.change_members(a->hooks.data, &asked->change,
                                       on_changed, asked) != 0) {
        say_none(r);
        free(asked);
    }
}
