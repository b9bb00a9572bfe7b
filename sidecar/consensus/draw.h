/* What is drawn at random to tell one thing from all others. */
#ifndef CONSENSUS_DRAW_H
#define CONSENSUS_DRAW_H

#include <stddef.h>

/* An even number of hexadecimal digits, terminated: digits + 1 bytes. Without
 * randomness the process ends. */
void draw_hex(char *text, size_t digits);

#endif
