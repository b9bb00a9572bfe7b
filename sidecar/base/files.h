/* How many files and sockets this process may have open. */
#ifndef BASE_FILES_H
#define BASE_FILES_H

#include <stddef.h>

/* What sluiced needs beside one socket for each host: the loop, the state
 * file, the connector's threads, a reload. */
#define FILES_BESIDE_HOSTS 128

/* Raises the soft limit to the hard one, which an ordinary process may. Once,
 * at start. */
void files_raise_limit(void);

/* Logs a warning when the limit is too low for that many hosts. */
void files_check_limit(size_t hosts);

#endif
