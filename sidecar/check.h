/*
 * What an operator asks before trusting a configuration: -t and -t --probe.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>

#include "base/conf.h"

/* Adds what only the inventories can know: host strings that are none. */
void check_inventories(const struct conf *conf, struct conf_report *report);

/* Warns of a host that is the consensus backend, by address: may look names
 * up, and wait for that (check_backend.c). */
void check_backend(const struct conf *conf, struct conf_report *report);

/* Asks every host once and prints cluster, host, answer and time. Returns
 * how many gave no value. */
size_t check_probe(const struct conf *conf, FILE *out);

#endif
