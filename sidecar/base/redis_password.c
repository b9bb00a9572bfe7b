/* A password in a file of its own: one line, never logged. */
#include "base/redis_password.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* How many bytes there are, up to the size; -1 with errno. */
static ssize_t
read_all(const char *file, char *buf, size_t size)
{
    int fd = open(file, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    size_t len = 0;
    ssize_t n = 0;
    int error;

    if (fd < 0)
        return -1;
    while (len < size && (n = read(fd, buf + len, size - len)) != 0) {
        if (n < 0)
            break;
        len += (size_t)n;
    }
    error = errno;
    close(fd);
    errno = error;
    return n < 0 ? -1 : (ssize_t)len;
}

int
redis_password_read(const char *file,
                    char password[REDIS_PASSWORD_SIZE],
                    char *err,
                    size_t err_size)
{
    ssize_t got = read_all(file, password, REDIS_PASSWORD_SIZE);
    size_t len = got > 0 ? (size_t)got : 0;
    const char *wrong = NULL;

    if (got < 0)
        snprintf(err, err_size, "cannot read %s: %s", file, strerror(errno));
    if (len > 0 && len < REDIS_PASSWORD_SIZE && password[len - 1] == '\n')
        len--;
    if (len > 0 && len < REDIS_PASSWORD_SIZE && password[len - 1] == '\r')
        len--;
    if (got >= 0 && len == 0)
        wrong = "is empty: expected one line with the password";
    else if (len == REDIS_PASSWORD_SIZE)
        wrong = "is too long: expected one line with the password";
    else if (memchr(password, '\n', len) || memchr(password, '\0', len))
        wrong = "has more than one line: expected one with the password";
    if (wrong)
        snprintf(err, err_size, "%s %s", file, wrong);
    if (got >= 0 && !wrong) {
        password[len] = '\0';
        return 0;
    }
    explicit_bzero(password, REDIS_PASSWORD_SIZE);
    return -1;
}
