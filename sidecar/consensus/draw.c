/* Random names. */
#include "consensus/draw.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/rand.h>

void
draw_hex(char *text, size_t digits)
{
    unsigned char byte;

    *text = '\0';
    for (size_t i = 0; i < digits; i += 2) {
        if (RAND_bytes(&byte, 1) != 1)
            abort();
        sprintf(text + i, "%02x", byte);
    }
}
