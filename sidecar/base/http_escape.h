/* Names in paths and forms of HTTP. Pure. */
#ifndef BASE_HTTP_ESCAPE_H
#define BASE_HTTP_ESCAPE_H

/* For a path or a form: everything but letters, digits and -._~ as %XX.
 * free() it. */
char *http_escape(const char *text);

/* Appends NAME=VALUE to *form, which is NULL at first; a NULL value is
 * nothing. free() the form. */
void http_escape_field(char **form, const char *name, const char *value);

#endif
