/* What must not be called from within whoever asks for it. */
#ifndef BASE_LATER_H
#define BASE_LATER_H

#include "base/loop.h"

/* Calls fn(data) from the loop, once, soon. It cannot be taken back: data
 * lives until then. */
void later(struct loop *loop, void (*fn)(void *data), void *data);

#endif
