/* sluicectl compare: the same checks to a running freno and to Sluice. */
#ifndef CTL_CTL_COMPARE_H
#define CTL_CTL_COMPARE_H

#include <stdio.h>

/* argv[0] is the word itself. Returns the exit status: 0 they agreed, 1 they
 * differed, 2 wrong usage or neither could be asked. */
int ctl_compare(int argc, char **argv);

void ctl_compare_usage(FILE *out);

#endif
