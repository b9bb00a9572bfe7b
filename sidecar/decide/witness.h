/*
 * A host that is silent here may be heard by others: whoever lost only its own
 * way to it must move nobody. So before a silent host is given up the other
 * nodes are asked, by a setting that all read, and the first one answers by
 * another. Pure; times are CLOCK_MONOTONIC milliseconds.
 */
#ifndef DECIDE_WITNESS_H
#define DECIDE_WITNESS_H

#include <stddef.h>
#include <stdint.h>

#include "decide/route_fact.h"

#define WITNESS_NUMBER_SIZE 17 /* 16 hexadecimal digits */
#define WITNESS_WAIT_MS 500    /* for an answer; then silence decides */
#define WITNESS_AGAIN_MS \
    1000 /* one that is heard elsewhere is asked for anew */

/* "ask/CLUSTER": who is asked for. */
struct witness_question {
    char number[WITNESS_NUMBER_SIZE]; /* random */
    char host[ROUTE_FACT_HOST_SIZE];  /* NAME:PORT */
};

/* "seen/CLUSTER": what the first one knows. */
struct witness_answer {
    char number[WITNESS_NUMBER_SIZE];
    uint64_t ago_ms; /* when it heard the host last; UINT64_MAX: never */
};

void witness_question_write(const struct witness_question *q,
                            char out[ROUTE_FACT_SIZE]);
void witness_answer_write(const struct witness_answer *a,
                          char out[ROUTE_FACT_SIZE]);

/* 0; -1: the text is none, and all is zero. */
int witness_question_read(const char *text, struct witness_question *q);
int witness_answer_read(const char *text, struct witness_answer *a);

enum witness_step {
    WITNESS_ASK,   /* w->question is to be stored */
    WITNESS_WAIT,  /* for an answer, or somebody hears it */
    WITNESS_AGREES /* others do not hear it, or nobody answers */
};

/* {0} is a fresh start. */
struct witness {
    struct witness_question question;
    uint64_t since_ms; /* of the silence it is about */
    uint64_t asked_ms;
    enum { WITNESS_NONE, WITNESS_ASKED, WITNESS_HEARD, WITNESS_SILENT } state;
};

/*
 * The host is silent since since_ms, for freeze_ms at least. ANSWER is what
 * "seen/CLUSTER" says. A new question has the NUMBER.
 */
enum witness_step witness_look(struct witness *w,
                               const char *host,
                               uint64_t since_ms,
                               unsigned freeze_ms,
                               const struct witness_answer *answer,
                               const char *number,
                               uint64_t now_ms);

#endif
