/*
 * What all nodes agree on about a cluster's route, as text: the value of a
 * setting. Pure.
 */
#ifndef DECIDE_ROUTE_FACT_H
#define DECIDE_ROUTE_FACT_H

#include <stddef.h>
#include <stdint.h>

#define ROUTE_FACT_SIZE 1025 /* a setting's value */
#define ROUTE_FACT_HOST_SIZE 272
#define ROUTE_FACT_TEXT_SIZE 256

/* "route/CLUSTER": where the writers go. */
struct route_fact {
    uint64_t epoch;
    uint64_t changed_ms;               /* CLOCK_REALTIME */
    char active[ROUTE_FACT_HOST_SIZE]; /* NAME:PORT; "": nobody */
    char next[ROUTE_FACT_HOST_SIZE];   /* who is to be, once all have let go of
                                          the former one; "": not said */
    char reason[ROUTE_FACT_TEXT_SIZE];
};

/* "traffic/CLUSTER": the switch. Without it traffic is on. */
struct route_traffic {
    int off;
    uint64_t changed_ms;
    char message[ROUTE_FACT_TEXT_SIZE];
};

/* Texts are cut where they do not fit; line breaks become blanks. */
void route_fact_write(const struct route_fact *fact, char out[ROUTE_FACT_SIZE]);
void route_traffic_write(const struct route_traffic *traffic,
                         char out[ROUTE_FACT_SIZE]);

/* 0; -1: the text is none, and *fact all zeros. What a later version puts at
 * the end of the first line is skipped. */
int route_fact_read(const char *text, struct route_fact *fact);
int route_traffic_read(const char *text, struct route_traffic *traffic);

#endif
