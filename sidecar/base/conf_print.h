/* The configuration and its problems, written for people. */
#ifndef BASE_CONF_PRINT_H
#define BASE_CONF_PRINT_H

#include <stdio.h>

#include "base/conf.h"

/*
 * "FILE:LINE: error: PATH: text" for each problem, warnings and notes alike,
 * and at last "FILE: N errors, N warnings".
 */
void conf_print_report(FILE *out,
                       const char *file,
                       const struct conf_report *report);

/* The nginx.conf that goes with the configuration in FILE. */
void conf_print_nginx(FILE *out, const char *file, const struct conf *c);

#endif
