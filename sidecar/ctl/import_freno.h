/* sluiced --import-freno: takes over what a running freno throttles and
 * skips. */
#ifndef CTL_IMPORT_FRENO_H
#define CTL_IMPORT_FRENO_H

#include <stdio.h>

/* Reads both lists at the URL, whole, then gives each entry to the sluiced at
 * that socket, with the time it has left; may be repeated. Prints a line for
 * each. Returns the exit status: 0 when sluiced has everything that it should
 * have. */
int import_freno(const char *url, const char *socket, FILE *out, FILE *err);

#endif
