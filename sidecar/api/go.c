/* Go's strconv and fmt, as far as freno's error texts show them. */
#include "api/go.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sluice_format.h"

#define GO_QUOTED_SIZE 512

/* ---- quotes ----------------------------------------------------------- */

/* The length of the UTF-8 character at s; 0 when there is none, or one that
 * does not print. */
static size_t
printable(const char *s)
{
    const unsigned char *u = (const unsigned char *)s;
    char out[8];
    size_t len = u[0] < 0x80 ? 1 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;

    if (len == 1)
        return u[0] >= 0x20 && u[0] != 0x7f;
    if (strnlen(s, len) < len || (u[0] == 0xc2 && u[1] < 0xa0))
        return 0;
    /* What JSON takes as it is is a character. */
    return sluice_format_string(s, len, out, sizeof(out)) == len &&
                   memcmp(s, out, len) == 0
               ? len
               : 0;
}

static int
quote_byte(char c, char *out, size_t size)
{
    static const char plain[] = "\a\b\f\n\r\t\v\"\\";
    static const char names[] = "abfnrtv\"\\";
    const char *at = memchr(plain, c, sizeof(plain) - 1);

    if (at)
        return snprintf(out, size, "\\%c", names[at - plain]);
    return snprintf(out, size, "\\x%02x", (unsigned char)c);
}

void
go_quote(const char *text, char *buf, size_t size)
{
    size_t used = 0, len;
    char piece[8];

    buf[used++] = '"';
    while (*text) {
        len = *text == '"' || *text == '\\' ? 0 : printable(text);
        if (len > 0)
            memcpy(piece, text, len);
        else
            len = (size_t)quote_byte(*text, piece, sizeof(piece));
        if (used + len + 2 > size)
            break;
        memcpy(buf + used, piece, len);
        used += len;
        text += piece[0] == '\\' ? 1 : len;
    }
    buf[used++] = '"';
    buf[used] = '\0';
}

/* ---- numbers ---------------------------------------------------------- */

static int
refuse(const char *function,
       const char *text,
       const char *why,
       char *err,
       size_t err_size)
{
    char quoted[GO_QUOTED_SIZE];

    go_quote(text, quoted, sizeof(quoted));
    snprintf(err, err_size, "strconv.%s: parsing %s: %s", function, quoted,
             why);
    return -1;
}

/* 0; -1: not a number; -2: beyond 64 bits, whatever may follow. */
static int
parse_digits(const char *s, uint64_t *value)
{
    uint64_t n = 0;

    if (*s == '\0')
        return -1;
    for (; *s; s++) {
        if (*s < '0' || *s > '9')
            return -1;
        if (n > (UINT64_MAX - (uint64_t)(*s - '0')) / 10)
            return -2;
        n = n * 10 + (uint64_t)(*s - '0');
    }
    *value = n;
    return 0;
}

int
go_parse_int(const char *text, int64_t *value, char *err, size_t err_size)
{
    int negative = text[0] == '-', rc;
    uint64_t n = 0, most = (uint64_t)INT64_MAX + (negative ? 1 : 0);

    rc = parse_digits(text + (negative || text[0] == '+'), &n);
    if (rc == -1)
        return refuse("ParseInt", text, "invalid syntax", err, err_size);
    if (rc == -2 || n > most)
        return refuse("ParseInt", text, "value out of range", err, err_size);
    *value = negative ? (int64_t)(0 - n) : (int64_t)n;
    return 0;
}

int
go_parse_float(const char *text, double *value, char *err, size_t err_size)
{
    int rc = sluice_parse_float(text, strlen(text), value);

    if (rc == 0)
        return 0;
    return refuse("ParseFloat", text,
                  rc == -2 ? "value out of range" : "invalid syntax", err,
                  err_size);
}

void
go_format_float(double value, char buf[GO_FLOAT_SIZE])
{
    int digits = 1, exponent = 0;

    if (!isfinite(value)) {
        strcpy(buf, isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
        return;
    }
    for (; digits <= 17; digits++) {
        snprintf(buf, GO_FLOAT_SIZE, "%.*e", digits - 1, value);
        exponent = atoi(strchr(buf, 'e') + 1);
        if (strtod(buf, NULL) == value)
            break;
    }
    if (exponent >= -4 && exponent < 6)
        snprintf(buf, GO_FLOAT_SIZE, "%.*f",
                 digits > exponent + 1 ? digits - exponent - 1 : 0, value);
}
