/* NB: private to conf_*.c. ${NAME} in values, by freno's two rules. Pure but
 * for getenv(). */
#ifndef BASE_CONF_ENV_H
#define BASE_CONF_ENV_H

#include <stddef.h>

/* The name in the first ${NAME} of the text, which may be empty; NULL: there
 * is none. free() it. */
char *conf_env_name(const char *text);

/* The rule of most keys: a value that contains ${NAME} becomes the variable's
 * value, whole; "" when that is not set. NULL: it contains none. free() it. */
char *conf_env_whole(const char *text);

/*
 * The rule of HAProxySettings.Addresses: each ${NAME} is replaced in place,
 * also those that a replacement brings. NULL with a sentence in err when a
 * variable is not set, or empty, or when there is no end. free() it.
 */
char *conf_env_in_place(const char *text, char *err, size_t err_size);

#endif
