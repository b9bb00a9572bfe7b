/* Reads one value: its type, its bounds, its environment variable. */
#include "base/conf_block.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/conf_env.h"

char *
conf_copy(const char *text)
{
    char *copy = strdup(text);

    if (!copy)
        abort();
    return copy;
}

const char *
conf_kind(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a number with a point or an exponent";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    case JSON_NULL:
        break;
    }
    return "null";
}

/* A key of a block, and where it was found. */
struct place {
    struct conf_report *report;
    const struct conf_key *key;
    struct conf_value *value;
    const char *path;
    int line;
};

#define problem(p, severity, ...) \
    conf_report_add((p)->report, severity, (p)->line, (p)->path, __VA_ARGS__)

static void
wrong_type(const struct place *p, const char *expected, const json_t *found)
{
    problem(p, CONF_ERROR, "expected %s, found %s", expected, conf_kind(found));
}

/* An own copy with ${NAME} replaced, where the key allows that. */
static char *
expand(const struct place *p, const char *text)
{
    char *name = (p->key->flags & CONF_ENV) ? conf_env_name(text) : NULL;
    size_t len;

    if (!name)
        return conf_copy(text);
    len = strlen("${}") + strlen(name);
    if (!getenv(name))
        problem(p, CONF_WARNING,
                "environment variable %s is not set: the value is empty", name);
    if (strlen(text) != len)
        problem(p, CONF_WARNING,
                "the whole value becomes that of %s; what stands around it is "
                "dropped",
                name);
    free(name);
    return conf_env_whole(text);
}

/* Opens without waiting, for a name may be that of a pipe. */
static void
check_file(const struct place *p, const char *file)
{
    int fd = open(file, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    int error = fd < 0 ? errno : 0;
    struct stat st;

    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
        error = EISDIR;
    if (error)
        problem(p, CONF_ERROR, "cannot read %s: %s", file, strerror(error));
    if (fd >= 0)
        close(fd);
}

static void
read_string(const struct place *p, const json_t *json)
{
    if (!json_is_string(json)) {
        wrong_type(p, "a string", json);
        return;
    }
    free(p->value->string);
    p->value->string = expand(p, json_string_value(json));
    p->value->given = *p->value->string != '\0';
    if ((p->key->flags & CONF_FILE) && *p->value->string != '\0')
        check_file(p, p->value->string);
}

static int
in_bounds(const struct place *p, double number)
{
    const struct conf_key *key = p->key;

    if (number >= key->least && number <= key->most)
        return 1;
    if (key->most == DBL_MAX)
        problem(p, CONF_ERROR, "%.15g is out of range: expected %.15g or more",
                number, key->least);
    else
        problem(p, CONF_ERROR, "%.15g is out of range: expected %.15g to %.15g",
                number, key->least, key->most);
    return 0;
}

static void
read_number(const struct place *p, const json_t *json)
{
    int integer = p->key->type == CONF_INT;

    if (integer ? !json_is_integer(json) : !json_is_number(json)) {
        wrong_type(p, integer ? "an integer" : "a number", json);
        return;
    }
    if (!in_bounds(p, json_number_value(json)))
        return;
    p->value->number = json_number_value(json);
    p->value->given = p->value->number != 0;
}

static void
read_bool(const struct place *p, const json_t *json)
{
    if (!json_is_boolean(json)) {
        wrong_type(p, "true or false", json);
        return;
    }
    p->value->number = json_is_true(json);
    p->value->given = json_is_true(json);
}

static void
read_item(const struct place *p, size_t i, const json_t *json)
{
    struct conf_list *list = &p->value->list;
    struct place item = *p;
    char *path;

    if (asprintf(&path, "%s[%zu]", p->path, i) < 0)
        abort();
    item.path = path;
    item.line = list->lines[i];
    if (json_is_string(json)) {
        list->items[i] = expand(&item, json_string_value(json));
    } else {
        wrong_type(&item, "a string", json);
        list->items[i] = conf_copy("");
    }
    free(path);
}

static void
read_list(const struct place *p, const struct conf_spot *spot)
{
    struct conf_list *list = &p->value->list;
    size_t count = json_array_size(spot->value);

    if (!json_is_array(spot->value)) {
        wrong_type(p, "a list of strings", spot->value);
        return;
    }
    list->lines = conf_text_lines(spot);
    list->items = calloc(count ? count : 1, sizeof(*list->items));
    if (!list->items)
        abort();
    list->count = count;
    for (size_t i = 0; i < count; i++)
        read_item(p, i, json_array_get(spot->value, i));
    p->value->given = count > 0;
}

static void
read_object(const struct place *p, const struct conf_spot *spot)
{
    if (!json_is_object(spot->value)) {
        wrong_type(p, "an object", spot->value);
        return;
    }
    p->value->spot = *spot;
    p->value->given = 1;
}

void
conf_value_read(struct conf_value *value,
                const struct conf_key *key,
                const struct conf_spot *spot,
                const char *path,
                struct conf_report *report)
{
    const struct place p = {report, key, value, path, value->line};

    switch (key->type) {
    case CONF_STR:
        read_string(&p, spot->value);
        break;
    case CONF_INT:
    case CONF_NUM:
        read_number(&p, spot->value);
        break;
    case CONF_BOOL:
        read_bool(&p, spot->value);
        break;
    case CONF_LIST:
        read_list(&p, spot);
        break;
    case CONF_OBJECT:
        read_object(&p, spot);
        break;
    }
    if (key->flags & CONF_EXACT)
        value->given = 1;
}

void
conf_list_add(struct conf_list *list, const char *item, int line)
{
    size_t n = list->count + 1;

    list->items = realloc(list->items, n * sizeof(*list->items));
    list->lines = realloc(list->lines, n * sizeof(*list->lines));
    if (!list->items || !list->lines)
        abort();
    list->items[list->count] = conf_copy(item);
    list->lines[list->count++] = line;
}

void
conf_list_free(struct conf_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    free(list->lines);
    memset(list, 0, sizeof(*list));
}
