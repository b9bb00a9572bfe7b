/* What -t and --print-nginx show. */
#include "base/conf_print.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Keys are the operator's: one that has a newline stays on its line. */
static void
put_safe(FILE *out, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '\n')
            fputs("\\n", out);
        else if (iscntrl(c))
            fprintf(out, "\\x%02x", c);
        else
            fputc(c, out);
    }
}

static void
put_count(FILE *out, size_t count, const char *noun)
{
    fprintf(out, "%zu %s%s", count, noun, count == 1 ? "" : "s");
}

void
conf_print_report(FILE *out, const char *file, const struct conf_report *report)
{
    static const char *const names[] = {
        [CONF_NOTE] = "note",
        [CONF_WARNING] = "warning",
        [CONF_ERROR] = "error",
    };

    for (size_t i = 0; i < report->count; i++) {
        const struct conf_problem *p = &report->problems[i];

        fputs(file, out);
        if (p->line > 0)
            fprintf(out, ":%d", p->line);
        fprintf(out, ": %s: ", names[p->severity]);
        if (*p->path != '\0') {
            put_safe(out, p->path);
            fputs(": ", out);
        }
        put_safe(out, p->text);
        fputc('\n', out);
    }
    fprintf(out, "%s: ", file);
    put_count(out, report->errors, "error");
    fputs(", ", out);
    put_count(out, report->warnings, "warning");
    fputc('\n', out);
}

/* nginx reads a backslash and the quote inside quotes. */
static void
put_nginx_string(FILE *out, const char *text)
{
    if (strcspn(text, " \t;{}\"'\\#$") == strlen(text)) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static void
put_control_socket(FILE *out, const struct conf *c)
{
    char *socket = conf_control_socket(c), *path;

    if (asprintf(&path, "unix:%s", socket) < 0)
        abort();
    put_nginx_string(out, path);
    free(path);
    free(socket);
}

static void
put_redis(FILE *out, const struct conf *c)
{
    char parameter[4096];

    if (!*c->redis_address)
        return;
    fputs("    redis ", out);
    put_nginx_string(out, c->redis_address);
    if (*c->redis_user) {
        snprintf(parameter, sizeof(parameter), "user=%s", c->redis_user);
        fputc(' ', out);
        put_nginx_string(out, parameter);
    }
    if (*c->redis_password_file) {
        snprintf(parameter, sizeof(parameter), "password_file=%s",
                 c->redis_password_file);
        fputc(' ', out);
        put_nginx_string(out, parameter);
    }
    fputs(";\n", out);
}

static int
is_routed(const struct conf *c)
{
    for (size_t i = 0; i < c->nclusters; i++)
        if (c->clusters[i].routing.eligible != CONF_ELIGIBLE_NONE)
            return 1;
    return 0;
}

#define FIRST_PORT 3306

/* An upstream's name has no characters that nginx would read as more. */
static void
put_upstream(FILE *out, const char *cluster, int port, const char *role)
{
    for (const char *p = cluster; *p; p++)
        fputc(isalnum((unsigned char)*p) || *p == '-' ? *p : '_', out);
    fprintf(out, "_%d%s", port, role);
}

static void
put_route(FILE *out, const char *cluster, int port)
{
    fputs("\n    upstream ", out);
    put_upstream(out, cluster, port, "");
    fputs(" { sluice ", out);
    put_nginx_string(out, cluster);
    fputs("; }\n    upstream ", out);
    put_upstream(out, cluster, port, "_read");
    fputs(" { sluice ", out);
    put_nginx_string(out, cluster);
    fprintf(out,
            " role=replica fallback=primary; }\n"
            "    server { listen %d; proxy_pass ",
            port);
    put_upstream(out, cluster, port, "");
    fputs("; sluice_hold ", out);
    put_nginx_string(out, cluster);
    fprintf(out, " 10s; }\n    server { listen %d; proxy_pass ", port + 1);
    put_upstream(out, cluster, port, "_read");
    fputs("; }\n", out);
}

/* Two ports for each: writers, and readers. */
static void
put_routes(FILE *out, const struct conf *c)
{
    int port = FIRST_PORT;

    fputs(
        "\n"
        "stream {\n"
        "    # Of each cluster: where writers connect, and where readers do.\n"
        "    # Choose the ports.",
        out);
    for (size_t i = 0; i < c->nclusters; i++) {
        if (c->clusters[i].routing.eligible == CONF_ELIGIBLE_NONE)
            continue;
        put_route(out, c->clusters[i].name, port);
        port += 2;
    }
    fputs("}\n", out);
}

void
conf_print_nginx(FILE *out, const char *file, const struct conf *c)
{
    int routed = is_routed(c);

    fputs("# Goes with ", out);
    put_safe(out, file);
    fprintf(out,
            ".\n"
            "\n"
            "%sload_module modules/ngx_sluice_module.so;\n%s",
            routed ? "load_module modules/ngx_stream_module.so;\n" : "",
            routed ? "load_module modules/ngx_stream_sluice_module.so;\n" : "");
    fputs("\n"
          "worker_processes auto;\n"
          "\n"
          "events { }\n"
          "\n"
          "sluice {\n"
          "    state ",
          out);
    put_nginx_string(out, c->state_file);
    fputs(";\n", out);
    put_redis(out, c);
    fputs("}\n"
          "\n"
          "http {\n"
          "    upstream sluiced { server ",
          out);
    put_control_socket(out, c);
    fprintf(out,
            "; keepalive 8; }\n"
            "\n"
            "    server {\n"
            "        listen %d;\n"
            "        include sluice/freno.conf;\n"
            "%s"
            "    }\n"
            "}\n",
            c->listen_port,
            routed ? "        include sluice/route.conf;\n" : "");
    if (routed)
        put_routes(out, c);
}
