/* Names in paths and forms of HTTP. */
#include "base/http_escape.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *
http_escape(const char *text)
{
    char *escaped = malloc(3 * strlen(text) + 1), *to = escaped;

    if (!escaped)
        abort();
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c < 0x80 && (isalnum(c) || strchr("-._~", c)))
            *to++ = (char)c;
        else
            to += sprintf(to, "%%%02X", c);
    }
    *to = '\0';
    return escaped;
}

void
http_escape_field(char **form, const char *name, const char *value)
{
    char *escaped, *longer;

    if (!value)
        return;
    escaped = http_escape(value);
    if (asprintf(&longer, "%s%s%s=%s", *form ? *form : "", *form ? "&" : "",
                 name, escaped) < 0)
        abort();
    free(escaped);
    free(*form);
    *form = longer;
}
