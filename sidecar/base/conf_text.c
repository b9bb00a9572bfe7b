/*
 * From a file's text to values with lines. The walk over the text is no
 * parser: it only skips strings and counts brackets, over text that jansson
 * has accepted.
 */
#include "base/conf_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t)16 << 20) /* more is some other file */

struct cursor {
    const char *at;
    int line;
};

static int
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void
skip_space(struct cursor *cur)
{
    for (; is_space(*cur->at); cur->at++)
        cur->line += *cur->at == '\n';
}

/* From the opening quote to behind the closing one. */
static const char *
string_end(const char *at)
{
    for (at++; *at != '\0' && *at != '"'; at++)
        if (*at == '\\' && at[1] != '\0')
            at++;
    return *at == '"' ? at + 1 : at;
}

static void
skip_brackets(struct cursor *cur)
{
    int depth = 0;

    while (*cur->at != '\0') {
        switch (*cur->at) {
        case '"':
            cur->at = string_end(cur->at);
            continue;
        case '{':
        case '[':
            depth++;
            break;
        case '}':
        case ']':
            depth--;
            break;
        case '\n':
            cur->line++;
        }
        cur->at++;
        if (depth == 0)
            return;
    }
}

static void
skip_value(struct cursor *cur)
{
    if (*cur->at == '{' || *cur->at == '[')
        skip_brackets(cur);
    else if (*cur->at == '"')
        cur->at = string_end(cur->at);
    else
        cur->at += strcspn(cur->at, ",]} \t\r\n");
}

/* ---- before and after jansson ----------------------------------------- */

/* Makes a blank of every comma that ends an object or an array. One that has
 * no value before it stays, for jansson to refuse. */
static void
blank_commas(char *at)
{
    char *comma = NULL;
    char before = '[';

    while (*at != '\0') {
        char c = *at;

        if (is_space(c)) {
            at++;
            continue;
        }
        if ((c == '}' || c == ']') && comma)
            *comma = ' ';
        comma = c == ',' && !strchr("[{:,", before) ? at : NULL;
        before = c;
        at = c == '"' ? (char *)string_end(at) : at + 1;
    }
}

static void
warn_of_commas(const char *text,
               const char *copy,
               size_t used,
               struct conf_report *report)
{
    int line = 1;

    for (size_t i = 0; i < used; i++) {
        line += text[i] == '\n';
        if (text[i] != copy[i])
            conf_report_add(report, CONF_WARNING, line, "",
                            "a comma before a closing bracket is not JSON; "
                            "ignored");
    }
}

static void
warn_of_rest(const char *copy, size_t used, struct conf_report *report)
{
    struct cursor cur = {.at = copy, .line = 1};

    for (; cur.at < copy + used; cur.at++)
        cur.line += *cur.at == '\n';
    skip_space(&cur);
    if (*cur.at != '\0')
        conf_report_add(report, CONF_WARNING, cur.line, "",
                        "content after the end of the configuration; ignored");
}

/* jansson quotes the text near the error, which may be a password, and does
 * not mention the comma that most often is what was forgotten. */
static void
report_syntax(json_error_t *error, struct conf_report *report)
{
    char *near = strstr(error->text, " near ");
    int comma = strncmp(error->text, "'}'", 3) == 0 ||
                strncmp(error->text, "']'", 3) == 0;

    if (near)
        *near = '\0';
    conf_report_add(report, CONF_ERROR, error->line, "",
                    "not JSON: %s%s near column %d", comma ? "',' or " : "",
                    error->text, error->column);
}

static char *
copy_text(const char *text, size_t len)
{
    char *copy = malloc(len + 1);

    if (!copy)
        abort();
    memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

int
conf_text_open(struct conf_text *t,
               const char *text,
               size_t len,
               struct conf_report *report)
{
    struct cursor cur;
    json_error_t error;
    json_t *root;

    t->copy = copy_text(text, len);
    t->root.value = NULL;
    blank_commas(t->copy);
    cur = (struct cursor){.at = t->copy, .line = 1};
    skip_space(&cur);
    if (cur.at == t->copy + len) {
        conf_report_add(report, CONF_ERROR, 0, "",
                        "the file is empty: expected a JSON object");
        return -1;
    }
    root = json_loadb(t->copy, len, JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK,
                      &error);
    if (!root) {
        report_syntax(&error, report);
        return -1;
    }
    warn_of_commas(text, t->copy, (size_t)error.position, report);
    warn_of_rest(t->copy, (size_t)error.position, report);
    t->root = (struct conf_spot){cur.at, cur.line, root};
    return 0;
}

void
conf_text_close(struct conf_text *t)
{
    json_decref(t->root.value);
    free(t->copy);
}

/* ---- lines ------------------------------------------------------------ */

/* The cursor stands at the key's opening quote. Escapes are jansson's. */
static char *
read_key(struct cursor *cur)
{
    const char *end = string_end(cur->at);
    json_t *string =
        json_loadb(cur->at, (size_t)(end - cur->at), JSON_DECODE_ANY, NULL);
    char *key = string ? strdup(json_string_value(string)) : NULL;

    if (!key)
        abort();
    json_decref(string);
    cur->at = end;
    return key;
}

static void
read_member(struct cursor *cur, json_t *object, struct conf_member *m)
{
    m->line = cur->line;
    m->key = read_key(cur);
    skip_space(cur);
    cur->at++; /* the colon */
    skip_space(cur);
    m->spot.at = cur->at;
    m->spot.line = cur->line;
    m->spot.value = json_object_get(object, m->key);
    skip_value(cur);
}

struct conf_member *
conf_text_members(const struct conf_spot *object, size_t *count)
{
    struct cursor cur = {object->at + 1, object->line};
    struct conf_member *members = NULL;
    size_t capacity = 0;

    *count = 0;
    for (;;) {
        skip_space(&cur);
        if (*cur.at == ',') {
            cur.at++;
            continue;
        }
        if (*cur.at != '"')
            return members;
        if (*count == capacity) {
            capacity = capacity ? 2 * capacity : 16;
            members = realloc(members, capacity * sizeof(*members));
            if (!members)
                abort();
        }
        read_member(&cur, object->value, &members[(*count)++]);
    }
}

void
conf_text_members_free(struct conf_member *members, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(members[i].key);
    free(members);
}

int *
conf_text_lines(const struct conf_spot *array)
{
    struct cursor cur = {array->at + 1, array->line};
    size_t count = json_array_size(array->value);
    int *lines = calloc(count ? count : 1, sizeof(*lines));

    if (!lines)
        abort();
    for (size_t i = 0; i < count; i++) {
        skip_space(&cur);
        if (*cur.at == ',') {
            cur.at++;
            skip_space(&cur);
        }
        lines[i] = cur.line;
        skip_value(&cur);
    }
    return lines;
}

/* ---- the file --------------------------------------------------------- */

char *
conf_text_file(const char *file, size_t *len, struct conf_report *report)
{
    FILE *in = fopen(file, "re");
    char *text = malloc(FILE_MAX + 1);
    int error = in ? 0 : errno;

    if (!text)
        abort();
    memset(report, 0, sizeof(*report));
    *len = in ? fread(text, 1, FILE_MAX + 1, in) : 0;
    if (in && ferror(in))
        error = errno;
    if (error)
        conf_report_add(report, CONF_ERROR, 0, "", "cannot read: %s",
                        strerror(error));
    else if (*len > FILE_MAX)
        conf_report_add(report, CONF_ERROR, 0, "", "longer than %zu MiB",
                        FILE_MAX >> 20);
    if (in)
        fclose(in);
    if (report->errors == 0)
        return text;
    free(text);
    return NULL;
}
