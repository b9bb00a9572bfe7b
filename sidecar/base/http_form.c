/* The fields of a form, read as they come. */
#include "base/http_server_private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FORM_TYPE "application/x-www-form-urlencoded"
#define FORM_BUFFER_BYTES 1024 /* room for a field's name */

/* A body that nobody wants is read to its end, so that its sender gets to
 * read the answer, but not for ever. */
#define FORM_DISCARD_MAX (1024 * 1024)

/* A field's value may come in pieces. */
static void
field_append(struct http_field *f, const char *data, size_t size)
{
    f->value = realloc(f->value, f->len + size + 1);
    if (!f->value)
        abort();
    if (size > 0)
        memcpy(f->value + f->len, data, size);
    f->len += size;
    f->value[f->len] = '\0';
}

static enum MHD_Result
on_field(void *request,
         enum MHD_ValueKind kind,
         const char *name,
         const char *filename,
         const char *type,
         const char *encoding,
         const char *data,
         uint64_t offset,
         size_t size)
{
    struct http_request *r = request;

    (void)kind;
    (void)filename;
    (void)type;
    (void)encoding;
    if (size > 0 && memchr(data, '\0', size))
        return MHD_NO;
    if (offset == 0) {
        if (r->nfields == HTTP_FIELDS_MAX)
            return MHD_NO;
        r->fields[r->nfields++] = (struct http_field){.name = strdup(name)};
        if (!r->fields[r->nfields - 1].name)
            abort();
    }
    field_append(&r->fields[r->nfields - 1], data, size);
    return MHD_YES;
}

static int
takes_form(const struct http_request *r)
{
    return r->method & (HTTP_POST | HTTP_DELETE | HTTP_PATCH);
}

void
http_form_begin(struct http_request *r)
{
    const char *type = MHD_lookup_connection_value(
        r->connection, MHD_HEADER_KIND, "Content-Type");

    if (takes_form(r) && type &&
        strncasecmp(type, FORM_TYPE, strlen(FORM_TYPE)) == 0)
        r->form = MHD_create_post_processor(r->connection, FORM_BUFFER_BYTES,
                                            on_field, r);
}

enum MHD_Result
http_form_read(struct http_request *r, const char *data, size_t size)
{
    r->body_bytes += size;
    if (r->body_bytes > FORM_DISCARD_MAX)
        return MHD_NO;
    if (r->form && r->body_bytes <= HTTP_BODY_MAX && !r->bad_form &&
        MHD_post_process(r->form, data, size) != MHD_YES)
        r->bad_form = 1;
    return MHD_YES;
}

void
http_form_end(struct http_request *r)
{
    if (r->form && MHD_destroy_post_processor(r->form) != MHD_YES)
        r->bad_form = 1;
    r->form = NULL;
}

int
http_form_is_whole(struct http_request *r)
{
    int had_form = r->form != NULL;

    http_form_end(r);
    if (!takes_form(r) || r->body_bytes == 0)
        return 1;
    if (r->body_bytes > HTTP_BODY_MAX)
        http_request_fail(r, MHD_HTTP_CONTENT_TOO_LARGE,
                          "the form is larger than 16 kB\n");
    else if (!had_form)
        http_request_fail(r, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE,
                          "send the fields as " FORM_TYPE "\n");
    else if (r->bad_form)
        http_request_fail(r, MHD_HTTP_BAD_REQUEST, "the form cannot be read\n");
    return !r->response;
}

void
http_form_free(struct http_request *r)
{
    http_form_end(r);
    for (size_t i = 0; i < r->nfields; i++) {
        free(r->fields[i].name);
        free(r->fields[i].value);
    }
}

const char *
http_request_param(const struct http_request *r, const char *name)
{
    for (size_t i = 0; i < r->nfields; i++)
        if (strcmp(r->fields[i].name, name) == 0)
            return r->fields[i].value;
    return MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND,
                                       name);
}

const char *
http_request_stranger(const struct http_request *r, const char *const *known)
{
    for (size_t i = 0; i < r->nfields; i++) {
        const char *const *k = known;

        while (*k && strcmp(*k, r->fields[i].name) != 0)
            k++;
        if (!*k)
            return r->fields[i].name;
    }
    return NULL;
}
