/*
 * NB: private to conf_*.c. The text of a configuration file: jansson parses
 * it; this adds the lines, which jansson does not keep, and the duplicates,
 * of which it keeps the last.
 */
#ifndef BASE_CONF_TEXT_H
#define BASE_CONF_TEXT_H

#include <stddef.h>

#include <jansson.h>

#include "base/conf.h"

/* A value and where it begins. */
struct conf_spot {
    const char *at;
    int line;
    json_t *value; /* borrowed from the text */
};

struct conf_text {
    char *copy;
    struct conf_spot root;
};

/* One key of an object. Of keys spelled alike all have the last one's value,
 * as parsed, and each its own line. */
struct conf_member {
    char *key;
    int line; /* of the key */
    struct conf_spot spot;
};

/* The whole file, to be freed; NULL with an error in the report, which need
 * not be initialised. */
char *conf_text_file(const char *file, size_t *len, struct conf_report *report);

/*
 * 0, or -1 with an error in the report. A comma before a closing bracket and
 * content behind the first value are warnings.
 */
int conf_text_open(struct conf_text *t,
                   const char *text,
                   size_t len,
                   struct conf_report *report);

void conf_text_close(struct conf_text *t);

/* The members of an object in the file's order; freed by the other. */
struct conf_member *conf_text_members(const struct conf_spot *object,
                                      size_t *count);
void conf_text_members_free(struct conf_member *members, size_t count);

/* The line of each item of an array, json_array_size() of them; free() it. */
int *conf_text_lines(const struct conf_spot *array);

#endif
