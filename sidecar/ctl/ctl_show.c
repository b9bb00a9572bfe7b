/* Answers of the control API as tables for a terminal. */
#include "ctl/ctl_show.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/table.h"

static const char *
text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

static void
headings(struct table *t, const char *const *names)
{
    table_row(t);
    for (; *names; names++)
        table_cell(t, "%s", *names);
}

/* ---- members ---------------------------------------------------------- */

static void
add_member(struct table *t, const json_t *m)
{
    const json_t *heard = json_object_get(m, "HeardMillis");

    table_row(t);
    table_cell(t, "%s", text_of(m, "Address"));
    table_cell(t, "%s", text_of(m, "Id"));
    table_cell(t, "%s", text_of(m, "Role"));
    table_cell(t, "%s",
               json_is_true(json_object_get(m, "Leader")) ? "yes" : "no");
    if (json_is_number(heard))
        table_cell(t, "%.0f ms", json_number_value(heard));
    else
        table_cell(t, "never");
    table_cell(t, "%.0f", json_number_value(json_object_get(m, "Behind")));
}

int
ctl_show_members(const char *body, FILE *out)
{
    static const char *const names[] = {"ADDRESS", "ID",     "ROLE", "LEADER",
                                        "HEARD",   "BEHIND", NULL};
    json_t *list = json_loads(body, 0, NULL), *member;
    struct table t;
    size_t i;

    if (!json_is_array(list)) {
        json_decref(list);
        return -1;
    }
    table_init(&t, 6, json_array_size(list) + 1);
    headings(&t, names);
    json_array_foreach(list, i, member) add_member(&t, member);
    table_print(&t, out);
    table_free(&t);
    json_decref(list);
    return 0;
}

/* ---- status ----------------------------------------------------------- */

/* A list with commas, an object as "domain=leader". */
static void
print_value(FILE *to, const json_t *value)
{
    const char *name;
    json_t *item;
    size_t i;

    if (json_is_string(value))
        fputs(json_string_value(value), to);
    else if (json_is_boolean(value))
        fputs(json_is_true(value) ? "yes" : "no", to);
    json_array_foreach(value, i, item)
    {
        fputs(i ? ", " : "", to);
        print_value(to, item);
    }
    i = 0;
    json_object_foreach((json_t *)value, name, item)
    {
        fprintf(to, "%s%s=", i++ ? ", " : "", name);
        print_value(to, item);
    }
}

static void
add_value(struct table *t, const char *name, const json_t *value)
{
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);

    if (!to)
        abort();
    print_value(to, value);
    fclose(to);
    table_row(t);
    table_cell(t, "%s", name);
    table_cell(t, "%s", text);
    free(text);
}

int
ctl_show_status(const char *body, FILE *out)
{
    json_t *status = json_loads(body, 0, NULL), *value;
    const char *name;
    struct table t;

    if (!json_is_object(status)) {
        json_decref(status);
        return -1;
    }
    table_init(&t, 2, json_object_size(status) + 1);
    json_object_foreach(status, name, value) add_value(&t, name, value);
    table_print(&t, out);
    table_free(&t);
    json_decref(status);
    return 0;
}

/* ---- facts ------------------------------------------------------------ */

static void
add_expiry(struct table *t, const json_t *fact)
{
    const char *text = text_of(fact, "ExpireAt");

    table_cell(t, "%s", strncmp(text, "0001-", 5) == 0 ? "never" : text);
}

static void
add_notes(struct table *t, const json_t *fact)
{
    table_cell(t, "%s", text_of(fact, "Owner"));
    table_cell(t, "%s", text_of(fact, "Reason"));
}

static void
add_throttle(struct table *t, const char *key, const json_t *fact)
{
    const char *slash = strchr(key, '/');

    table_row(t);
    table_cell(t, "%.*s", (int)strcspn(key, "/"), key);
    table_cell(t, "%s", slash ? slash + 1 : "");
    table_cell(t, "%.15g", json_number_value(json_object_get(fact, "Ratio")));
    add_expiry(t, fact);
    add_notes(t, fact);
}

static void
add_skip(struct table *t, const char *key, const json_t *fact)
{
    table_row(t);
    table_cell(t, "%s", key);
    add_expiry(t, fact);
    add_notes(t, fact);
}

static int
show_facts(const char *body,
           FILE *out,
           const char *const *names,
           size_t columns,
           void (*add)(struct table *t, const char *key, const json_t *fact))
{
    json_t *facts = json_loads(body, 0, NULL), *fact;
    const char *key;
    struct table t;

    if (!json_is_object(facts)) {
        json_decref(facts);
        return -1;
    }
    table_init(&t, columns, json_object_size(facts) + 1);
    headings(&t, names);
    json_object_foreach(facts, key, fact) add(&t, key, fact);
    table_print(&t, out);
    table_free(&t);
    json_decref(facts);
    return 0;
}

int
ctl_show_throttled(const char *body, FILE *out)
{
    static const char *const names[] = {"APP",   "STORE",  "RATIO", "EXPIRES",
                                        "OWNER", "REASON", NULL};

    return show_facts(body, out, names, 6, add_throttle);
}

int
ctl_show_skipped(const char *body, FILE *out)
{
    static const char *const names[] = {"HOST", "EXPIRES", "OWNER", "REASON",
                                        NULL};

    return show_facts(body, out, names, 4, add_skip);
}
