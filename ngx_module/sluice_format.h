/*
 * Numbers and strings as Go's encoding/json writes them, because freno's
 * clients parse (and some compare) its bodies. Pure.
 */
#ifndef SLUICE_FORMAT_H
#define SLUICE_FORMAT_H

#include <stddef.h>

/*
 * The shortest decimal that reads back as the same double: plain for
 * 1e-6 <= |x| < 1e21, otherwise an exponent without zero padding ("2.5e-7",
 * "1e+21"), "1" never "1.0". NaN and infinities cannot be written in JSON:
 * they give "null". Returns the length, at most SLUICE_NUMBER_SIZE; buf is
 * not terminated.
 */
#define SLUICE_NUMBER_SIZE 32
size_t sluice_format_number(double value, char *buf);

/*
 * The inside of a JSON string: quotes, backslash and control characters
 * escaped, < > & as \u003c \u003e \u0026, U+2028/9 likewise, each byte of
 * invalid UTF-8 as \ufffd. Stops before a character that no longer fits in
 * `size`. Returns the bytes written; 6 x len always fits.
 */
size_t sluice_format_string(const char *s, size_t len, char *buf, size_t size);

/*
 * A non-negative or negative decimal, or hexadecimal float in Go's
 * strconv.ParseFloat syntax (".5", "5.", "1e-1", "0x1p-2", "1_0", "inf",
 * "nan"). 0 and *value; -1: syntax; -2: out of range.
 */
int sluice_parse_float(const char *s, size_t len, double *value);

#endif
