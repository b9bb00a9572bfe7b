/* A password in a file of its own: one line, never logged. */
#ifndef BASE_REDIS_PASSWORD_H
#define BASE_REDIS_PASSWORD_H

#include <stddef.h>

#define REDIS_PASSWORD_SIZE 1024

/* The file's text without the newline that ends it, NUL-terminated. 0, or -1
 * with what is wrong in err. Never waits, whatever kind of file it is. */
int redis_password_read(const char *file,
                        char password[REDIS_PASSWORD_SIZE],
                        char *err,
                        size_t err_size);

#endif
