/* What -t and --print-nginx show. */
#include "base/conf_print.h"

#include <ctype.h>
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

void
conf_print_nginx(FILE *out, const char *file, const struct conf *c)
{
    fputs("# Goes with ", out);
    put_safe(out, file);
    fputs(".\n"
          "\n"
          "load_module modules/ngx_sluice_module.so;\n"
          "\n"
          "worker_processes auto;\n"
          "\n"
          "events { }\n"
          "\n"
          "sluice {\n"
          "    state ",
          out);
    put_nginx_string(out, c->state_file);
    fprintf(out,
            ";\n"
            "}\n"
            "\n"
            "http {\n"
            "    server {\n"
            "        listen %d;\n"
            "        include sluice/freno.conf;\n"
            "    }\n"
            "}\n",
            c->listen_port);
}
