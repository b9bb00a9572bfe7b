/*
 * One node of consensus without the rest of sluiced, for tests:
 *
 *   consensus_tool CONF [SERVICE_ID]
 *
 * Commands come on stdin, one a line; everything that happens goes to stdout,
 * one line each: MILLISECONDS (CLOCK_BOOTTIME) EVENT WORDS.
 *
 *   throttle ID KEY RATIO|keep TTL_MS|never [OWNER REASON]
 *   unthrottle ID KEY | skip ID HOST TTL_MS|never | recover ID HOST
 *   set ID NAME VALUE|- [EXPECTED|-]: '-' is none; '_' in a value a blank
 *   burst ID COUNT   hint REVISION   status   quit
 *   random ID COUNT SEED: so many changes of all kinds, some dozens of them
 *      under way at any time; each is said before it is asked for. No facts
 *      are said meanwhile.
 *   members | add ADDRESS | remove WHO | replace WHO BY
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/connector.h"
#include "base/loop.h"
#include "consensus/consensus.h"

#define WORDS_MAX 8
#define RANDOM_UNDER_WAY 64

static struct {
    struct loop loop;
    struct connector *connector;
    struct conf *conf;
    const struct consensus_driver *driver;
    struct consensus *consensus;
    uv_pipe_t input;
    uv_signal_t term;
    char line[65536];
    size_t len;
    int closing;

    /* random */
    char random_id[64];
    uint64_t random_state;
    int random_begun, random_ended, random_count;
} tool;

__attribute__((format(printf, 1, 2))) static void
say(const char *format, ...)
{
    va_list args;

    printf("%" PRIu64 " ", clock_boot_ms());
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

/* ---- what happens ----------------------------------------------------- */

static void
print_remaining(int64_t remaining_ms)
{
    if (remaining_ms == FACT_NEVER)
        printf("never");
    else
        printf("%" PRId64, remaining_ms);
}

static void
print_setting(const struct fact_setting *s)
{
    printf(" setting=%s,", s->name);
    for (const char *c = s->value; *c; c++)
        putchar(*c == ' ' || *c == '\n' ? '_' : *c);
}

static void
on_facts(void *data, const struct facts *f)
{
    (void)data;
    if (tool.random_ended < tool.random_count)
        return;
    printf("%" PRIu64 " facts revision=%" PRIu64 " store=%s age=%" PRIu64,
           clock_boot_ms(), f->revision, f->store_id,
           clock_mono_ms() - f->read_mono_ms);
    for (size_t i = 0; i < f->nthrottles; i++) {
        const struct fact_throttle *t = &f->throttles[i];

        printf(" throttle=%s,%g,", t->key, t->ratio);
        print_remaining(t->remaining_ms);
        printf(",%s,%s", t->owner, t->reason);
    }
    for (size_t i = 0; i < f->nskips; i++) {
        const struct fact_skip *s = &f->skips[i];

        printf(" skip=%s,", s->host);
        print_remaining(s->remaining_ms);
        printf(",%s,%s", s->owner, s->reason);
    }
    for (size_t i = 0; i < f->nsettings; i++)
        print_setting(&f->settings[i]);
    putchar('\n');
    fflush(stdout);
}

static void
on_leadership(void *data, uint64_t until_ms)
{
    (void)data;
    say("lease until=%" PRIu64, until_ms);
}

static void
on_failed(void *data, const char *why)
{
    (void)data;
    say("failed text=%s", why);
}

static const char *const outcomes[] = {"done", "refused", "unknown"};
static const char *const kinds[] = {"throttle", "unthrottle", "skip", "recover",
                                    "set"};

static void
on_done(void *data,
        enum consensus_outcome outcome,
        const struct consensus_change *stored,
        uint64_t revision,
        const char *text)
{
    char *id = data;

    printf("%" PRIu64 " change id=%s outcome=%s revision=%" PRIu64
           " kind=%s key=%s ratio=%g ttl=",
           clock_boot_ms(), id, outcomes[outcome], revision,
           kinds[stored->kind], stored->key, stored->ratio);
    print_remaining(stored->ttl_ms);
    printf(" owner=%s text=%s\n", stored->owner, text);
    fflush(stdout);
    free(id);
}

static void
on_members(void *data,
           enum consensus_outcome outcome,
           const struct consensus_member *members,
           size_t count,
           const char *text)
{
    static const char *const roles[] = {"voter", "catching", "waiting",
                                        "observer"};

    (void)data;
    printf("%" PRIu64 " members outcome=%s list=", clock_boot_ms(),
           outcomes[outcome]);
    for (size_t i = 0; i < count; i++) {
        const struct consensus_member *m = &members[i];

        printf("%s%s,%s,%s,%d,%" PRId64 ",%" PRIu64, i ? ";" : "", m->id,
               m->address, roles[m->role], m->leads, m->heard_ms, m->behind);
    }
    printf(" text=%s\n", text ? text : "");
    fflush(stdout);
}

static void
on_member_changed(void *data, enum consensus_outcome outcome, const char *text)
{
    (void)data;
    say("member outcome=%s text=%s", outcomes[outcome], text ? text : "");
}

static void
print_list(const char *name, const struct conf_list *list)
{
    printf(" %s=", name);
    for (size_t i = 0; i < list->count; i++)
        printf("%s%s", i ? "," : "", list->items[i]);
}

static void
print_status(void)
{
    struct consensus_status s;

    tool.driver->status(tool.consensus, &s);
    printf("%" PRIu64 " status id=%s leader=%s state=%s healthy=%d leads=%d "
           "domain=%s share=%s",
           clock_boot_ms(), s.service_id, s.leader, s.state, s.healthy, s.leads,
           s.domain, s.share_domain);
    print_list("services", &s.healthy_services);
    print_list("shares", &s.share_domains);
    print_list("leaders", &s.share_leaders);
    putchar('\n');
    fflush(stdout);
}

/* ---- commands --------------------------------------------------------- */

static void
copy(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from ? from : "");
}

static int64_t
ttl(const char *word)
{
    return !word || strcmp(word, "never") == 0 ? FACT_NEVER : atoll(word);
}

static void
change_then(const char *id,
            const struct consensus_change *c,
            consensus_done_cb cb)
{
    char *copied = strdup(id ? id : "");

    if (!copied)
        abort();
    tool.driver->change(tool.consensus, c, cb, copied);
}

static void
change(const char *id, const struct consensus_change *c)
{
    change_then(id, c, on_done);
}

static void
throttle(char **w)
{
    struct consensus_change c = {.kind = CHANGE_THROTTLE, .ttl_ms = ttl(w[4])};

    copy(c.key, sizeof(c.key), w[2]);
    c.ratio = !w[3] || strcmp(w[3], "keep") == 0 ? CHANGE_RATIO_KEEP
                                                 : strtod(w[3], NULL);
    copy(c.owner, sizeof(c.owner), w[4] ? w[5] : NULL);
    copy(c.reason, sizeof(c.reason), w[4] && w[5] ? w[6] : NULL);
    change(w[1], &c);
}

static void
other_change(char **w, enum consensus_change_kind kind)
{
    struct consensus_change c = {.kind = kind, .ttl_ms = ttl(w[3])};

    copy(c.key, sizeof(c.key), w[2]);
    change(w[1], &c);
}

static const char *
value_of(char *word)
{
    if (!word || strcmp(word, "-") == 0)
        return "";
    for (char *c = word; *c; c++)
        if (*c == '_')
            *c = ' ';
    return word;
}

static void
set(char **w)
{
    struct consensus_change c = {.kind = CHANGE_SET, .compares = w[3] && w[4]};

    copy(c.key, sizeof(c.key), w[2]);
    copy(c.value, sizeof(c.value), value_of(w[3]));
    if (c.compares)
        c.expected = fact_value_mark(value_of(w[4]));
    change(w[1], &c);
}

static void
burst(char **w)
{
    struct consensus_change c = {
        .kind = CHANGE_THROTTLE, .ttl_ms = FACT_NEVER, .ratio = 1};

    for (int i = 0; i < atoi(w[2] ? w[2] : "0"); i++) {
        snprintf(c.key, sizeof(c.key), "burst%d", i);
        change(w[1], &c);
    }
}

/* ---- random changes ---------------------------------------------------- */

static unsigned
draw(unsigned below)
{
    uint64_t *x = &tool.random_state;

    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return (unsigned)((*x >> 32) % below);
}

/* For ever, for hours, or for about as long as the test runs. */
static int64_t
draw_ttl(void)
{
    unsigned which = draw(10);

    if (which < 4)
        return FACT_NEVER;
    return which < 8 ? 3600000 + draw(3600000) : 300 + draw(5000);
}

static void
draw_change(struct consensus_change *c)
{
    unsigned which = draw(100);
    int throttles = which < 65;

    memset(c, 0, sizeof(*c));
    if (throttles)
        c->kind = which < 45 ? CHANGE_THROTTLE : CHANGE_UNTHROTTLE;
    else
        c->kind = which < 90 ? CHANGE_SKIP : CHANGE_RECOVER;
    snprintf(c->key, sizeof(c->key), throttles ? "app%u" : "host%u",
             draw(throttles ? 250 : 100));
    c->ratio = draw(5) < 2 ? CHANGE_RATIO_KEEP : draw(100) / 100.0;
    c->ttl_ms = draw_ttl();
    snprintf(c->owner, sizeof(c->owner), "%s.%d", tool.random_id,
             tool.random_begun);
}

static void
say_begun(const struct consensus_change *c)
{
    printf("%" PRIu64 " begun id=%s kind=%s key=%s ratio=%g ttl=",
           clock_boot_ms(), c->owner, kinds[c->kind], c->key,
           c->ratio == CHANGE_RATIO_KEEP ? -1 : c->ratio);
    print_remaining(c->ttl_ms);
    putchar('\n');
    fflush(stdout);
}

static void random_more(void);

static void
on_random_done(void *data,
               enum consensus_outcome outcome,
               const struct consensus_change *stored,
               uint64_t revision,
               const char *text)
{
    on_done(data, outcome, stored, revision, text);
    if (++tool.random_ended == tool.random_count)
        say("random id=%s", tool.random_id);
    random_more();
}

static void
random_more(void)
{
    struct consensus_change c;

    while (!tool.closing && tool.random_begun < tool.random_count &&
           tool.random_begun - tool.random_ended < RANDOM_UNDER_WAY) {
        tool.random_begun++;
        draw_change(&c);
        say_begun(&c);
        change_then(c.owner, &c, on_random_done);
    }
}

static void
random_begin(char **w)
{
    copy(tool.random_id, sizeof(tool.random_id), w[1]);
    tool.random_begun = tool.random_ended = 0;
    tool.random_count = w[1] && w[2] ? atoi(w[2]) : 0;
    tool.random_state =
        0x9e3779b97f4a7c15u * (1 + strtoull(w[3] ? w[3] : "0", NULL, 10));
    random_more();
}

/* ---- more commands ----------------------------------------------------- */

static void
members(void)
{
    if (tool.driver->members)
        tool.driver->members(tool.consensus, on_members, NULL);
    else
        on_members(NULL, CONSENSUS_REFUSED, NULL, 0, "it has none");
}

static void
change_members(char **w, enum consensus_member_change_kind kind)
{
    struct consensus_member_change c = {.kind = kind};

    copy(c.who, sizeof(c.who), w[1]);
    copy(c.whom, sizeof(c.whom), w[1] ? w[2] : NULL);
    if (tool.driver->change_members)
        tool.driver->change_members(tool.consensus, &c, on_member_changed,
                                    NULL);
    else
        on_member_changed(NULL, CONSENSUS_REFUSED, "it has no members");
}

static void
on_stopped(void *data)
{
    (void)data;
    say("closed");
    connector_free(tool.connector);
}

static void
quit(void)
{
    if (tool.closing)
        return;
    tool.closing = 1;
    say("closing");
    uv_close((uv_handle_t *)&tool.input, NULL);
    uv_close((uv_handle_t *)&tool.term, NULL);
    tool.driver->close(tool.consensus, on_stopped, NULL);
}

static void
run(char *line)
{
    char *w[WORDS_MAX + 1] = {NULL}, *save = NULL;

    for (int i = 0; i < WORDS_MAX; i++)
        if (!(w[i] = strtok_r(i ? NULL : line, " ", &save)))
            break;
    if (!w[0])
        return;
    if (strcmp(w[0], "throttle") == 0)
        throttle(w);
    else if (strcmp(w[0], "unthrottle") == 0)
        other_change(w, CHANGE_UNTHROTTLE);
    else if (strcmp(w[0], "skip") == 0)
        other_change(w, CHANGE_SKIP);
    else if (strcmp(w[0], "recover") == 0)
        other_change(w, CHANGE_RECOVER);
    else if (strcmp(w[0], "set") == 0)
        set(w);
    else if (strcmp(w[0], "burst") == 0)
        burst(w);
    else if (strcmp(w[0], "random") == 0)
        random_begin(w);
    else if (strcmp(w[0], "hint") == 0)
        tool.driver->hint(tool.consensus, strtoull(w[1], NULL, 10));
    else if (strcmp(w[0], "status") == 0)
        print_status();
    else if (strcmp(w[0], "members") == 0)
        members();
    else if (strcmp(w[0], "add") == 0)
        change_members(w, MEMBER_ADD);
    else if (strcmp(w[0], "remove") == 0)
        change_members(w, MEMBER_REMOVE);
    else if (strcmp(w[0], "replace") == 0)
        change_members(w, MEMBER_REPLACE);
    else if (strcmp(w[0], "quit") == 0)
        quit();
    else
        say("unknown command %s", w[0]);
}

/* ---- life ------------------------------------------------------------- */

static void
room(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    (void)handle;
    (void)size;
    *buf = uv_buf_init(tool.line + tool.len,
                       (unsigned)(sizeof(tool.line) - tool.len));
}

static void
on_input(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    char *end;

    (void)stream;
    (void)buf;
    if (n < 0) {
        quit();
        return;
    }
    tool.len += (size_t)n;
    while (!tool.closing && (end = memchr(tool.line, '\n', tool.len))) {
        size_t used = (size_t)(end - tool.line) + 1;

        *end = '\0';
        run(tool.line);
        tool.len -= used;
        memmove(tool.line, tool.line + used, tool.len);
    }
}

static void
on_term(uv_signal_t *handle, int signum)
{
    (void)handle;
    (void)signum;
    quit();
}

static void
start(const char *service_id)
{
    const struct consensus_events events = {
        .facts = on_facts,
        .leadership = on_leadership,
        .failed = on_failed,
    };
    const char *missing = NULL;
    char err[256];

    if (service_id) {
        free(tool.conf->service_id);
        tool.conf->service_id = strdup(service_id);
    }
    tool.driver = consensus_driver_for(tool.conf, &missing);
    if (!tool.driver) {
        fprintf(stderr, "consensus_tool: %s\n",
                missing ? missing : "the configuration names no store");
        exit(missing ? 3 : 1);
    }
    tool.connector = connector_new(&tool.loop);
    tool.consensus = tool.driver->open(&tool.loop, tool.connector, tool.conf,
                                       &events, NULL, err, sizeof(err));
    if (!tool.consensus) {
        fprintf(stderr, "consensus_tool: %s\n", err);
        exit(1);
    }
    uv_pipe_init(&tool.loop.uv, &tool.input, 0);
    uv_pipe_open(&tool.input, STDIN_FILENO);
    uv_read_start((uv_stream_t *)&tool.input, room, on_input);
    uv_signal_init(&tool.loop.uv, &tool.term);
    uv_signal_start(&tool.term, on_term, SIGTERM);
}

int
main(int argc, char **argv)
{
    struct conf_report report;

    if (argc < 2) {
        fprintf(stderr, "usage: consensus_tool CONF [SERVICE_ID]\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    mysql_target_library();
    tool.conf = conf_load(argv[1], NULL, &report);
    if (!tool.conf || loop_init(&tool.loop) != 0) {
        fprintf(stderr, "consensus_tool: %s cannot be used\n", argv[1]);
        return 1;
    }
    conf_report_free(&report);
    start(argv[2]);
    uv_run(&tool.loop.uv, UV_RUN_DEFAULT);
    loop_close(&tool.loop);
    conf_free(tool.conf);
    return 0;
}
