/* Reads one object: finds its keys in the table, duplicates and strangers. */
#include "base/conf_block.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *
conf_path(const char *parent, const char *key)
{
    char *path;

    if (asprintf(&path, "%s%s%s", parent, *parent ? "." : "", key) < 0)
        abort();
    return path;
}

void
conf_report_duplicate(struct conf_report *report,
                      const char *path,
                      int line,
                      int later)
{
    conf_report_add(report, CONF_WARNING, line, path,
                    "line %d says it again; line %d is ignored", later, line);
}

/* ---- the members ------------------------------------------------------ */

/* Of the same file. */
static unsigned
all_places(const struct conf_block *b)
{
    return b->place & CONF_AGENT_FILE ? CONF_AGENT_FILE : ~CONF_AGENT_FILE;
}

static void
unknown_key(struct conf_block *b, const struct conf_member *m)
{
    char *path = conf_path(b->path, m->key);
    int elsewhere = conf_key_find(m->key, all_places(b));

    if (elsewhere >= 0)
        conf_report_add(b->report, CONF_WARNING, m->line, path,
                        "has no meaning here, ignored; it belongs to %s",
                        conf_place_name(conf_keys[elsewhere].places));
    else
        conf_report_add(b->report, CONF_WARNING, m->line, path,
                        "unknown key, ignored; the nearest known one is %s",
                        conf_nearest(m->key, b->place));
    free(path);
}

static void
read_member(struct conf_block *b, enum conf_id id, const struct conf_member *m)
{
    const struct conf_key *key = &conf_keys[id];
    char *path;

    if (json_is_null(m->spot.value)) /* freno: as if it were not there */
        return;
    path = conf_path(b->path, key->name);
    b->values[id].line = m->line;
    conf_value_read(&b->values[id], key, &m->spot, path, b->report);
    if ((key->flags & CONF_GO) && b->values[id].number != 0)
        conf_report_add(b->report, CONF_NOTE, m->line, path,
                        "not used: there is no Go runtime to profile");
    free(path);
}

/* Of keys spelled alike but for case the last one counts. */
static void
duplicate_key(struct conf_block *b,
              const char *key,
              const struct conf_member *m,
              const struct conf_member *last)
{
    char *path = conf_path(b->path, key);

    conf_report_duplicate(b->report, path, m->line, last->line);
    free(path);
}

int
conf_is_root(const struct conf_spot *root, struct conf_report *report)
{
    if (json_is_object(root->value))
        return 1;
    conf_report_add(report, CONF_ERROR, root->line, "",
                    "expected an object, found %s", conf_kind(root->value));
    return 0;
}

void
conf_block_read(struct conf_block *b, const struct conf_spot *spot)
{
    const struct conf_member *last[CONF_NKEYS] = {NULL};
    struct conf_member *members;
    size_t count;

    b->line = spot->line;
    members = conf_text_members(spot, &count);
    for (size_t i = 0; i < count; i++) {
        int id = conf_key_find(members[i].key, b->place);

        if (id >= 0)
            last[id] = &members[i];
    }
    for (size_t i = 0; i < count; i++) {
        int id = conf_key_find(members[i].key, b->place);

        if (id < 0)
            unknown_key(b, &members[i]);
        else if (last[id] != &members[i])
            duplicate_key(b, conf_keys[id].name, &members[i], last[id]);
        else
            read_member(b, (enum conf_id)id, &members[i]);
    }
    conf_text_members_free(members, count);
}

/* ---- the block -------------------------------------------------------- */

void
conf_block_init(struct conf_block *b,
                struct conf_report *report,
                unsigned place,
                const char *path)
{
    memset(b, 0, sizeof(*b));
    b->report = report;
    b->place = place;
    b->path = conf_copy(path);
    for (int id = 0; id < CONF_NKEYS; id++) {
        const char *string = conf_keys[id].string;

        b->values[id].where = b->path;
        b->values[id].number = conf_keys[id].number;
        b->values[id].string = conf_copy(string ? string : "");
    }
}

/* "a, b" to the list of both. */
static void
split(struct conf_list *list, const char *text)
{
    size_t count = 1;

    for (const char *c = text; *c; c++)
        count += *c == ',';
    list->items = calloc(count, sizeof(*list->items));
    list->lines = calloc(count, sizeof(*list->lines));
    if (!list->items || !list->lines)
        abort();
    for (;;) {
        size_t blanks = strspn(text, " \t");
        size_t len = strcspn(text += blanks, ",");
        char *item = strndup(text, len);

        if (!item)
            abort();
        while (len > 0 && (item[len - 1] == ' ' || item[len - 1] == '\t'))
            item[--len] = '\0';
        list->items[list->count++] = item;
        text += strcspn(text, ",");
        if (*text++ == '\0')
            return;
    }
}

void
conf_block_override(struct conf_block *b, const struct conf_override *override)
{
    int id = conf_key_find(override->key, b->place);
    struct conf_value *value;

    if (!override->text || override->text[0] == '\0')
        return;
    if (id < 0)
        abort();
    value = &b->values[id];
    value->line = 0;
    value->given = 1;
    value->option = override->option;
    if (conf_keys[id].type == CONF_LIST) {
        conf_list_free(&value->list);
        split(&value->list, override->text);
    } else {
        free(value->string);
        value->string = conf_copy(override->text);
    }
}

int
conf_block_child(struct conf_block *child,
                 const struct conf_block *parent,
                 enum conf_id id,
                 unsigned place)
{
    const struct conf_value *value = &parent->values[id];
    char *path = conf_path(parent->path, conf_keys[id].name);

    conf_block_init(child, parent->report, place, path);
    free(path);
    if (!value->given)
        return 0;
    conf_block_read(child, &value->spot);
    child->line = value->line;
    return 1;
}

void
conf_block_free(struct conf_block *b)
{
    for (int id = 0; id < CONF_NKEYS; id++) {
        free(b->values[id].string);
        conf_list_free(&b->values[id].list);
    }
    free(b->path);
}

const char *
conf_string(const struct conf_block *b, enum conf_id id)
{
    return b->values[id].string;
}

int
conf_is_set(const struct conf_block *b, enum conf_id id)
{
    return b->values[id].given;
}

int
conf_is_wrong(const struct conf_block *b, enum conf_id id)
{
    return b->values[id].line > 0 && !b->values[id].given;
}

/* What problems with the value name: the option, where that gave it. */
static char *
value_path(const struct conf_value *value, enum conf_id id)
{
    return value->option ? conf_copy(value->option)
                         : conf_path(value->where, conf_keys[id].name);
}

void
conf_block_problem(const struct conf_block *b,
                   enum conf_severity severity,
                   enum conf_id id,
                   const char *text)
{
    const struct conf_value *value = &b->values[id];
    char *path = value_path(value, id);

    conf_report_add_once(b->report, severity, value->line, path, "%s", text);
    free(path);
}

void
conf_block_item_problem(const struct conf_block *b,
                        enum conf_severity severity,
                        enum conf_id id,
                        size_t item,
                        const char *text)
{
    const struct conf_value *value = &b->values[id];
    char *list = value_path(value, id), *path;

    if (asprintf(&path, "%s[%zu]", list, item) < 0)
        abort();
    conf_report_add(b->report, severity, value->list.lines[item], path, "%s",
                    text);
    free(path);
    free(list);
}
