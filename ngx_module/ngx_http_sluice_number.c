
/*
 * What is said of a number in a path that is none.
 */


#include "ngx_http_sluice.h"

#include "sluice_format.h"


ngx_int_t
ngx_http_sluice_bad_number(ngx_http_request_t *r, char *parser,
    ngx_str_t *text, ngx_uint_t range)
{
    char       *said;
    u_char     *quoted;
    size_t      i, len, size;
    ngx_buf_t  *b;

    /* quoted as a string, and the quoted string again for JSON */

    quoted = ngx_pnalloc(r->pool, 2 * text->len + 2);
    if (quoted == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    len = 0;
    quoted[len++] = '"';

    for (i = 0; i < text->len; i++) {
        if (text->data[i] == '"' || text->data[i] == '\\') {
            quoted[len++] = '\\';
        }

        quoted[len++] = text->data[i];
    }

    quoted[len++] = '"';

    size = 6 * len;

    b = ngx_create_temp_buf(r->pool, size + ngx_strlen(parser)
                            + sizeof("{\"StatusCode\":500,\"Message\":\"strconv"
                                     ".: parsing : value out of range\"}\n"));
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    said = range ? "value out of range" : "invalid syntax";

    b->last = ngx_sprintf(b->last, "{\"StatusCode\":500,\"Message\":"
                          "\"strconv.%s: parsing ", parser);
    b->last += sluice_format_string((char *) quoted, len, (char *) b->last,
                                    size);
    b->last = ngx_sprintf(b->last, ": %s\"}\n", said);

    return ngx_http_sluice_send(r, NGX_HTTP_INTERNAL_SERVER_ERROR,
                                NGX_HTTP_SLUICE_JSON, b);
}
