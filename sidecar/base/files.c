/* How many files and sockets this process may have open. */
#include "base/files.h"

#include <sys/resource.h>

#include "base/log.h"

/* Login shells and systemd give 1024 as the soft limit, for programs that use
 * select(), which is not one of our calls. */
void
files_raise_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

void
files_check_limit(size_t hosts)
{
    struct rlimit limit;
    rlim_t needed = (rlim_t)hosts + FILES_BESIDE_HOSTS;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed)
        return;
    log_warn("too_few_files", log_int("limit", (int64_t)limit.rlim_cur),
             log_int("needed", (int64_t)needed),
             log_int("hosts", (int64_t)hosts),
             log_str("advice", "hosts beyond the limit will be in error: raise "
                               "the hard limit (ulimit -Hn, LimitNOFILE=)"));
}
