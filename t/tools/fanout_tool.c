/*
 * The fan-out without the rest of sluiced, for tests:
 *
 *   fanout_tool CONF
 *
 * Commands come on stdin, one a line; every order that is heard goes to
 * stdout, one line each: MILLISECONDS (CLOCK_BOOTTIME) order WORDS.
 *
 *   store ID REVISION   throttle KEY REVISION   burst COUNT REVISION
 *   reload CONF   quit
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/loop.h"
#include "publish/fanout.h"

static struct {
    struct loop loop;
    struct fanout *fanout;
    char store_id[SLUICE_STORE_ID_SIZE];
    uv_pipe_t input;
    uv_signal_t term;
    char line[4096];
    size_t len;
    int closing;
} tool;

static void
on_order(void *data, const struct sluice_order *order)
{
    static const char *const kinds[] = {"throttle", "unthrottle", "skip",
                                        "recover",  "beat",       "hint"};

    (void)data;
    printf("%" PRIu64 " order kind=%s revision=%" PRIu64
           " store=%s key=%s ratio=%g remaining=%" PRIu64 "\n",
           clock_boot_ms(), kinds[order->kind], order->revision,
           order->store_id, order->key, order->ratio, order->remaining_ms);
    fflush(stdout);
}

static struct conf *
load(const char *file)
{
    struct conf_report report;
    struct conf *conf = conf_load(file, NULL, &report);

    conf_report_free(&report);
    if (!conf) {
        fprintf(stderr, "fanout_tool: %s cannot be used\n", file);
        exit(1);
    }
    return conf;
}

/* ---- commands --------------------------------------------------------- */

static void
throttle(const char *key, uint64_t revision)
{
    struct sluice_order order = {.kind = SLUICE_ORDER_THROTTLE,
                                 .revision = revision,
                                 .ratio = 0.5,
                                 .remaining_ms = 60000};

    memcpy(order.store_id, tool.store_id, sizeof(order.store_id));
    snprintf(order.key, sizeof(order.key), "%s", key);
    fanout_publish(tool.fanout, &order);
}

static void
burst(const char *count, uint64_t revision)
{
    char key[32];

    for (int i = 0; i < atoi(count); i++) {
        snprintf(key, sizeof(key), "burst%d", i);
        throttle(key, revision + (uint64_t)i);
    }
}

static void
store(const char *id, uint64_t revision)
{
    snprintf(tool.store_id, sizeof(tool.store_id), "%.39s", id);
    fanout_set_store(tool.fanout, tool.store_id, revision);
    printf("%" PRIu64 " store channel=%s\n", clock_boot_ms(),
           fanout_channel(tool.fanout));
    fflush(stdout);
}

static void
reload(const char *file)
{
    struct conf *conf = load(file);

    fanout_reload(tool.fanout, conf);
    conf_free(conf);
}

static void
quit(void)
{
    if (tool.closing)
        return;
    tool.closing = 1;
    uv_close((uv_handle_t *)&tool.input, NULL);
    uv_close((uv_handle_t *)&tool.term, NULL);
    fanout_close(tool.fanout);
}

static void
run(const char *line)
{
    char word[16] = "", text[256] = "";
    uint64_t n = 0;

    sscanf(line, "%15s %255s %" SCNu64, word, text, &n);
    if (strcmp(word, "store") == 0)
        store(text, n);
    else if (strcmp(word, "throttle") == 0)
        throttle(text, n);
    else if (strcmp(word, "burst") == 0)
        burst(text, n);
    else if (strcmp(word, "reload") == 0)
        reload(text);
    else if (strcmp(word, "quit") == 0)
        quit();
    else
        fprintf(stderr, "fanout_tool: unknown command %s\n", word);
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

int
main(int argc, char **argv)
{
    struct conf *conf;

    if (argc != 2) {
        fprintf(stderr, "usage: fanout_tool CONF\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    conf = load(argv[1]);
    if (loop_init(&tool.loop) != 0)
        return 1;
    tool.fanout = fanout_open(&tool.loop, conf, on_order, NULL);
    conf_free(conf);
    uv_pipe_init(&tool.loop.uv, &tool.input, 0);
    uv_pipe_open(&tool.input, STDIN_FILENO);
    uv_read_start((uv_stream_t *)&tool.input, room, on_input);
    uv_signal_init(&tool.loop.uv, &tool.term);
    uv_signal_start(&tool.term, on_term, SIGTERM);
    uv_run(&tool.loop.uv, UV_RUN_DEFAULT);
    loop_close(&tool.loop);
    return 0;
}
