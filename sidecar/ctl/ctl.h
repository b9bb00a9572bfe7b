/* sluicectl: what an operator asks of the sluiced on this machine. */
#ifndef CTL_CTL_H
#define CTL_CTL_H

/* main() of sluicectl, which is sluiced under that name: 0 done, 1 refused or
 * not reached, 2 wrong usage. */
int ctl_main(int argc, char **argv, const char *version);

#endif
