/* Numbers and strings in and out, as Go's encoding/json and strconv do it. */
#include "sluice_format.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- numbers out ------------------------------------------------------ */

/* A decimal: 0.DIGITS x 10^point, no leading and no trailing zero. */
struct decimal {
    char digits[24];
    int count;
    int point;
};

static char *
put(char *at, const char *text, int len)
{
    memcpy(at, text, (size_t)len);
    return at + len;
}

static char *
put_zeros(char *at, int count)
{
    memset(at, '0', (size_t)count);
    return at + count;
}

static int
format_integer(uint64_t value, char *buf)
{
    char digits[20];
    int n = 0;

    do {
        digits[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    for (int i = 0; i < n; i++)
        buf[i] = digits[n - 1 - i];
    return n;
}

/*
 * A decimal of at most 15 digits survives the way through a double, so when
 * value is the double nearest to units / 10^places, the fewest places for
 * which that holds are the shortest decimal, and no other is as short. Both
 * operands of the division are exact, which makes its result that double.
 * 0 when 15 digits are not enough.
 */
static int
format_short(double value, char *buf)
{
    double scale = 1, units = 0;
    char digits[20], *at = buf;
    int n, places;

    for (places = 0; places < 21; places++, scale *= 10) {
        units = value * scale;
        if (units >= 1e15)
            return 0;
        units = (double)(uint64_t)(units + 0.5);
        if (units / scale == value)
            break;
    }
    if (places == 21)
        return 0;

    n = format_integer((uint64_t)units, digits);
    if (places == 0)
        return (int)(put(at, digits, n) - buf);
    if (n > places) {
        at = put(at, digits, n - places);
        *at++ = '.';
        return (int)(put(at, digits + n - places, places) - buf);
    }
    at = put_zeros(put(at, "0.", 2), places - n);
    return (int)(put(at, digits, n) - buf);
}

/* What "%.*e" printed, whatever the decimal point of the locale is. */
static void
decimal_read(struct decimal *d, const char *text)
{
    const char *e = strchr(text, 'e');

    d->count = 0;
    for (const char *p = text; p < e; p++)
        if (*p >= '0' && *p <= '9')
            d->digits[d->count++] = *p;
    d->point = (int)strtol(e + 1, NULL, 10) + 1;
}

static int
decimal_is(const struct decimal *d, double value)
{
    char text[48];

    snprintf(text, sizeof(text), "%.*se%d", d->count, d->digits,
             d->point - d->count);
    return strtod(text, NULL) == value;
}

/* The next decimal of as many digits. */
static void
decimal_up(struct decimal *d)
{
    int i = d->count - 1;

    while (i >= 0 && d->digits[i] == '9')
        d->digits[i--] = '0';
    if (i >= 0) {
        d->digits[i]++;
    } else {
        d->digits[0] = '1';
        d->point++;
    }
}

/*
 * The shortest digits that read back as value, which is finite and > 0. Below
 * the normal numbers one digit may do; elsewhere decimals of 15 differ, so
 * shorter ones are found by dropping zeros. The doubles below a power of two
 * are twice as close as those above: the nearest decimal may miss it, and the
 * next one up, though further away, still be within its reach.
 */
static void
decimal_shortest(struct decimal *d, double value)
{
    char text[48];
    int exponent, digits = value < DBL_MIN ? 1 : DBL_DIG;
    int power = frexp(value, &exponent) == 0.5;

    for (; digits <= DBL_DECIMAL_DIG; digits++) {
        snprintf(text, sizeof(text), "%.*e", digits - 1, value);
        decimal_read(d, text);
        if (decimal_is(d, value))
            break;
        if (!power)
            continue;
        decimal_up(d);
        if (decimal_is(d, value))
            break;
    }
    while (d->count > 1 && d->digits[d->count - 1] == '0')
        d->count--;
}

static char *
put_exponent(char *at, const struct decimal *d)
{
    int exponent = d->point - 1;

    *at++ = d->digits[0];
    if (d->count > 1) {
        *at++ = '.';
        at = put(at, d->digits + 1, d->count - 1);
    }
    *at++ = 'e';
    *at++ = exponent < 0 ? '-' : '+';
    return at + format_integer((uint64_t)abs(exponent), at);
}

static char *
put_plain(char *at, const struct decimal *d)
{
    if (d->point <= 0) {
        at = put_zeros(put(at, "0.", 2), -d->point);
        return put(at, d->digits, d->count);
    }
    if (d->count <= d->point)
        return put_zeros(put(at, d->digits, d->count), d->point - d->count);
    at = put(at, d->digits, d->point);
    *at++ = '.';
    return put(at, d->digits + d->point, d->count - d->point);
}

size_t
sluice_format_number(double value, char *buf)
{
    struct decimal d;
    char *at = buf;
    int n;

    if (!isfinite(value))
        return (size_t)(put(at, "null", 4) - buf);
    if (signbit(value)) {
        *at++ = '-';
        value = -value;
    }
    if (value == 0 || (value >= 1e-6 && value < 1e15)) {
        n = format_short(value, at);
        if (n > 0)
            return (size_t)(at + n - buf);
    }
    decimal_shortest(&d, value);
    if (value >= 1e-6 && value < 1e21)
        at = put_plain(at, &d);
    else
        at = put_exponent(at, &d);
    return (size_t)(at - buf);
}

/* ---- strings out ------------------------------------------------------ */

#define FORMAT_INVALID 0xffffffffu

/* The character at s and its length; FORMAT_INVALID and 1 for a byte that
 * begins none (overlong forms and surrogates are none). */
static uint32_t
utf8_next(const unsigned char *s, size_t len, size_t *width)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t c = s[0];
    size_t n;

    *width = 1;
    if (c < 0x80)
        return c;
    if (c >= 0xc2 && c < 0xe0) {
        n = 2;
        c &= 0x1f;
    } else if (c >= 0xe0 && c < 0xf0) {
        n = 3;
        c &= 0x0f;
    } else if (c >= 0xf0 && c < 0xf5) {
        n = 4;
        c &= 0x07;
    } else {
        return FORMAT_INVALID;
    }
    if (n > len)
        return FORMAT_INVALID;
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return FORMAT_INVALID;
        c = c << 6 | (s[i] & 0x3f);
    }
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return FORMAT_INVALID;
    *width = n;
    return c;
}

static size_t
escape_unicode(uint32_t c, char *out)
{
    static const char hex[] = "0123456789abcdef";

    out[0] = '\\';
    out[1] = 'u';
    out[2] = hex[c >> 12 & 15];
    out[3] = hex[c >> 8 & 15];
    out[4] = hex[c >> 4 & 15];
    out[5] = hex[c & 15];
    return 6;
}

static size_t
escape_char(char c, char *out)
{
    out[0] = '\\';
    out[1] = c;
    return 2;
}

/* How c is written when not as itself; 0: as itself. */
static size_t
escape(uint32_t c, char *out)
{
    switch (c) {
    case '"':
    case '\\':
        return escape_char((char)c, out);
    case '\n':
        return escape_char('n', out);
    case '\r':
        return escape_char('r', out);
    case '\t':
        return escape_char('t', out);
    case '<':
    case '>':
    case '&':
    case 0x2028:
    case 0x2029:
        return escape_unicode(c, out);
    case FORMAT_INVALID:
        return escape_unicode(0xfffd, out);
    default:
        return c < 0x20 ? escape_unicode(c, out) : 0;
    }
}

size_t
sluice_format_string(const char *s, size_t len, char *buf, size_t size)
{
    size_t i = 0, used = 0, width, n;
    char escaped[6];
    const char *from;

    while (i < len) {
        n = escape(utf8_next((const unsigned char *)s + i, len - i, &width),
                   escaped);
        from = n ? escaped : s + i;
        if (n == 0)
            n = width;
        if (n > size - used)
            break;
        memcpy(buf + used, from, n);
        used += n;
        i += width;
    }
    return used;
}

/* ---- numbers in ------------------------------------------------------- */

/* More digits than any double needs to be rounded correctly; what follows
 * them only matters by being zero or not. */
#define PARSE_DIGITS 800
#define PARSE_EXPONENT_MAX 100000

/* The number without sign, point and underscores: strtod then reads a whole
 * number with an exponent and never looks for a locale's decimal point. */
struct parse {
    const char *at;
    const char *end;
    int hex;
    int digits; /* kept in text */
    int any;    /* a digit was seen, be it a zero */
    long exponent;
    char text[PARSE_DIGITS + 32];
};

static int
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

static int
parse_is_digit(const struct parse *p, char c)
{
    int l = lower(c);

    return (c >= '0' && c <= '9') || (p->hex && l >= 'a' && l <= 'f');
}

static int
parse_sign(struct parse *p)
{
    if (p->at == p->end || (*p->at != '+' && *p->at != '-'))
        return 0;
    return *p->at++ == '-' ? -1 : 1;
}

static int
parse_word(const struct parse *p, const char *word)
{
    const char *s = p->at;

    while (s < p->end && *word && lower(*s) == *word) {
        s++;
        word++;
    }
    return s == p->end && *word == '\0';
}

/* An underscore stands between two digits, or between 0x and a digit. */
static int
parse_underscores(const struct parse *p, const char *begin)
{
    const char *s;

    for (s = begin; s < p->end; s++) {
        if (*s != '_')
            continue;
        if (s == begin || s + 1 == p->end || !parse_is_digit(p, s[1]))
            return -1;
        if (!parse_is_digit(p, s[-1]) &&
            !(p->hex && s - begin == 2 && lower(s[-1]) == 'x'))
            return -1;
    }
    return 0;
}

static void
parse_digit(struct parse *p, char c, int after_point)
{
    int step = p->hex ? 4 : 1;

    p->any = 1;
    if (p->digits == 0 && c == '0') {
        p->exponent -= after_point ? step : 0;
    } else if (p->digits < PARSE_DIGITS) {
        p->text[2 + p->digits++] = c;
        p->exponent -= after_point ? step : 0;
    } else {
        if (c != '0' && p->text[1 + PARSE_DIGITS] == '0')
            p->text[1 + PARSE_DIGITS] = '1';
        p->exponent += after_point ? 0 : step;
    }
}

static int
parse_mantissa(struct parse *p)
{
    int point = 0;

    for (; p->at < p->end; p->at++) {
        if (*p->at == '.') {
            if (point)
                return -1;
            point = 1;
        } else if (parse_is_digit(p, *p->at)) {
            parse_digit(p, *p->at, point);
        } else if (*p->at != '_') {
            break;
        }
    }
    return p->any ? 0 : -1;
}

static int
parse_exponent(struct parse *p)
{
    long exponent = 0;
    int sign, digits = 0;

    if (p->at == p->end)
        return p->hex ? -1 : 0; /* 0x1 is an integer's syntax */
    if (lower(*p->at++) != (p->hex ? 'p' : 'e'))
        return -1;
    sign = parse_sign(p);
    for (; p->at < p->end; p->at++) {
        if (*p->at == '_')
            continue;
        if (*p->at < '0' || *p->at > '9')
            return -1;
        digits = 1;
        if (exponent < PARSE_EXPONENT_MAX)
            exponent = exponent * 10 + (*p->at - '0');
    }
    p->exponent += sign < 0 ? -exponent : exponent;
    return digits ? 0 : -1;
}

static int
parse_special(const struct parse *p, int sign, double *value)
{
    if (parse_word(p, "inf") || parse_word(p, "infinity")) {
        *value = sign < 0 ? -INFINITY : INFINITY;
        return 1;
    }
    if (sign == 0 && parse_word(p, "nan")) {
        *value = NAN;
        return 1;
    }
    return 0;
}

int
sluice_parse_float(const char *s, size_t len, double *value)
{
    struct parse p = {.at = s};
    const char *begin;
    double number = 0;
    int sign;

    if (len == 0)
        return -1;
    p.end = s + len;
    sign = parse_sign(&p);
    if (parse_special(&p, sign, value))
        return 0;
    begin = p.at;
    if (p.end - p.at >= 2 && p.at[0] == '0' && lower(p.at[1]) == 'x') {
        p.hex = 1;
        p.at += 2;
    }
    if (parse_underscores(&p, begin) != 0 || parse_mantissa(&p) != 0 ||
        parse_exponent(&p) != 0)
        return -1;

    if (p.digits > 0) {
        p.text[0] = '0';
        p.text[1] = p.hex ? 'x' : '0';
        snprintf(p.text + 2 + p.digits, 24, "%c%ld", p.hex ? 'p' : 'e',
                 p.exponent);
        number = strtod(p.text, NULL);
        if (isinf(number))
            return -2;
    }
    *value = sign < 0 ? -number : number;
    return 0;
}
