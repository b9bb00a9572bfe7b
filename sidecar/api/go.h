/*
 * Numbers and quotes as Go has them: freno's error texts are Go's, and some
 * clients show them. Pure.
 */
#ifndef API_GO_H
#define API_GO_H

#include <stddef.h>
#include <stdint.h>

/* strconv.ParseInt(text, 10, 64). 0 and *value; -1 with its error's text. */
int go_parse_int(const char *text, int64_t *value, char *err, size_t err_size);

/* strconv.ParseFloat(text, 64), likewise. */
int go_parse_float(const char *text, double *value, char *err, size_t err_size);

/* %v of a float64: "2", "-0.1", "1e+06", "NaN", "+Inf". */
#define GO_FLOAT_SIZE 32
void go_format_float(double value, char buf[GO_FLOAT_SIZE]);

/* strconv.Quote, cut short where buf ends. */
void go_quote(const char *text, char *buf, size_t size);

#endif
