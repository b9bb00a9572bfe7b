/* Questions to a running sluiced, on its control socket. */
#ifndef CTL_ASK_H
#define CTL_ASK_H

#include <stddef.h>

#define ASK_MESSAGE_SIZE 1536

struct answer {
    unsigned status;                /* 0: sluiced was not reached */
    char *body;                     /* "" when it was not reached */
    char message[ASK_MESSAGE_SIZE]; /* a sentence: sluiced's own, or why not */
};

/* POST with a form, GET without one (NULL). Fills in all of the answer. */
void ask(const char *socket,
         const char *path,
         const char *form,
         struct answer *answer);

void answer_free(struct answer *answer);

#endif
