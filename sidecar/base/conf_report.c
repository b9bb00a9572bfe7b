/* The list of everything there is to say about a configuration file. */
#include "base/conf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *
format_text(const char *format, va_list args)
{
    char *text;

    if (vasprintf(&text, format, args) < 0)
        abort();
    return text;
}

static void
grow(struct conf_report *report)
{
    if (report->count < report->capacity)
        return;
    report->capacity = report->capacity ? 2 * report->capacity : 16;
    report->problems =
        realloc(report->problems, report->capacity * sizeof(*report->problems));
    if (!report->problems)
        abort();
}

/* Takes the text. Behind all problems of the same and of earlier lines. */
static void
insert(struct conf_report *report,
       enum conf_severity severity,
       int line,
       const char *path,
       char *text)
{
    struct conf_problem *p;
    size_t at = report->count;

    grow(report);
    while (at > 0 && report->problems[at - 1].line > line)
        at--;
    p = &report->problems[at];
    memmove(p + 1, p, (report->count - at) * sizeof(*p));
    p->severity = severity;
    p->line = line;
    p->path = strdup(path);
    p->text = text;
    if (!p->path)
        abort();
    report->count++;
    report->errors += severity == CONF_ERROR;
    report->warnings += severity == CONF_WARNING;
}

void
conf_report_add(struct conf_report *report,
                enum conf_severity severity,
                int line,
                const char *path,
                const char *format,
                ...)
{
    va_list args;

    va_start(args, format);
    insert(report, severity, line, path, format_text(format, args));
    va_end(args);
}

static int
is_said(const struct conf_report *report,
        enum conf_severity severity,
        int line,
        const char *path,
        const char *text)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct conf_problem *p = &report->problems[i];

        if (p->line == line && p->severity == severity &&
            strcmp(p->path, path) == 0 && strcmp(p->text, text) == 0)
            return 1;
    }
    return 0;
}

void
conf_report_add_once(struct conf_report *report,
                     enum conf_severity severity,
                     int line,
                     const char *path,
                     const char *format,
                     ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = format_text(format, args);
    va_end(args);
    if (is_said(report, severity, line, path, text))
        free(text);
    else
        insert(report, severity, line, path, text);
}

void
conf_report_free(struct conf_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        free(report->problems[i].path);
        free(report->problems[i].text);
    }
    free(report->problems);
    memset(report, 0, sizeof(*report));
}
