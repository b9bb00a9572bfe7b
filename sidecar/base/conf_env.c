/* Environment variables in the configuration. */
#include "base/conf_env.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A variable that names itself would go on for ever. */
#define ENV_ROUNDS_MAX 100
#define ENV_LENGTH_MAX 65536

/* The first "${" that has its "}" on the same line: *end is that bracket. */
static const char *
find(const char *text, const char **end)
{
    for (text = strstr(text, "${"); text; text = strstr(text + 1, "${")) {
        *end = text + strcspn(text, "}\n");
        if (**end == '}')
            return text;
    }
    return NULL;
}

char *
conf_env_name(const char *text)
{
    const char *end, *start = find(text, &end);
    char *name;

    if (!start)
        return NULL;
    name = strndup(start + 2, (size_t)(end - start - 2));
    if (!name)
        abort();
    return name;
}

char *
conf_env_whole(const char *text)
{
    char *name = conf_env_name(text);
    const char *value;
    char *copy;

    if (!name)
        return NULL;
    value = getenv(name);
    copy = strdup(value ? value : "");
    if (!copy)
        abort();
    free(name);
    return copy;
}

/* The text with its first ${NAME} replaced; takes the text. */
static char *
replace(char *text, const char *start, const char *end, const char *value)
{
    char *out;

    if (asprintf(&out, "%.*s%s%s", (int)(start - text), text, value, end + 1) <
        0)
        abort();
    free(text);
    return out;
}

char *
conf_env_in_place(const char *text, char *err, size_t err_size)
{
    char *out = strdup(text);

    if (!out)
        abort();
    for (int round = 0; round < ENV_ROUNDS_MAX; round++) {
        char *name = conf_env_name(out);
        const char *end, *start, *value;

        if (!name)
            return out;
        value = getenv(name);
        if (!value || *value == '\0') {
            snprintf(err, err_size, "unknown environment variable ${%s}", name);
            free(name);
            free(out);
            return NULL;
        }
        free(name);
        start = find(out, &end);
        out = replace(out, start, end, value);
        if (strlen(out) > ENV_LENGTH_MAX)
            break;
    }
    snprintf(err, err_size,
             "environment variables name each other, or exceed 64 KiB");
    free(out);
    return NULL;
}
