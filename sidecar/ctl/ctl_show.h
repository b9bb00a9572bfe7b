/* Answers of the control API as tables for a terminal. */
#ifndef CTL_CTL_SHOW_H
#define CTL_CTL_SHOW_H

#include <stdio.h>

/* Each prints the body of one answer. -1: it is not what was expected. */
int ctl_show_members(const char *body, FILE *out);
int ctl_show_status(const char *body, FILE *out);
int ctl_show_throttled(const char *body, FILE *out);
int ctl_show_skipped(const char *body, FILE *out);

#endif
