/*
 * The writer's files: one at PATH that readers have mapped, and the next one,
 * filled beside it and then renamed over it. PATH.lock keeps a second writer
 * out; it is a file of its own because the state file is replaced.
 */
#include "sluice_state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "sluice_file.h"

__attribute__((format(printf, 3, 4))) static int
fail(char *err, size_t err_size, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(err, err_size, format, args);
    va_end(args);
    return -1;
}

static uint64_t
align_up(uint64_t n)
{
    return (n + SLUICE_FILE_ALIGN - 1) / SLUICE_FILE_ALIGN * SLUICE_FILE_ALIGN;
}

/* ---- the writer's lock ------------------------------------------------ */

/* A file of the writer's: the one at PATH, or the next one beside it. */
struct state_file {
    int fd;              /* for the doorbell */
    unsigned char *base; /* NULL: none */
    size_t size;
    dev_t dev;
    ino_t ino;
    struct sluice_capacity capacity; /* more than the header says of it */
};

struct sluice_writer {
    char *path;
    char *temp_path;
    char *lock_path;
    int lock_fd; /* -1: not locked */
    struct state_file current;
    struct state_file next;
};

static pid_t
lock_holder(int fd)
{
    char text[24];
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

    if (n <= 0)
        return 0;
    text[n] = '\0';
    return (pid_t)strtol(text, NULL, 10);
}

static int
lock_sign(int fd)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)len, 0) != len)
        return -1;
    return 0;
}

/* Is the locked file still the one that others would lock? */
static int
lock_stands(const struct sluice_writer *w)
{
    struct stat mine, there;

    return w->lock_fd >= 0 && fstat(w->lock_fd, &mine) == 0 &&
           stat(w->lock_path, &there) == 0 && mine.st_ino == there.st_ino &&
           mine.st_dev == there.st_dev;
}

static int
lock_take(struct sluice_writer *w, char *err, size_t err_size)
{
    pid_t holder;
    int fd;

    if (lock_stands(w))
        return 0;
    fd = open(w->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return fail(err, err_size, "cannot open the lock %s: %s", w->lock_path,
                    strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK)
            fail(err, err_size, "cannot lock %s: %s", w->lock_path,
                 strerror(errno));
        else if ((holder = lock_holder(fd)) > 0)
            fail(err, err_size, "another writer, pid %ld, holds the lock %s",
                 (long)holder, w->lock_path);
        else
            fail(err, err_size, "another writer holds the lock %s",
                 w->lock_path);
        close(fd);
        return -1;
    }
    if (lock_sign(fd) != 0) {
        fail(err, err_size, "cannot write the lock %s: %s", w->lock_path,
             strerror(errno));
        close(fd);
        return -1;
    }
    if (w->lock_fd >= 0)
        close(w->lock_fd);
    w->lock_fd = fd;
    return 0;
}

/* ---- the writer's files ----------------------------------------------- */

static void
file_close(struct state_file *f)
{
    if (!f->base)
        return;
    munmap(f->base, f->size);
    close(f->fd);
    memset(f, 0, sizeof(*f));
}

static void
drop_next(struct sluice_writer *w)
{
    if (!w->next.base)
        return;
    file_close(&w->next);
    unlink(w->temp_path);
}

/* BASE.<digits>.tmp, which a writer killed before its commit left behind. */
static int
is_leftover(const char *name, const char *base)
{
    size_t len = strlen(base), digits;

    if (strncmp(name, base, len) != 0 || name[len] != '.')
        return 0;
    name += len + 1;
    digits = strspn(name, "0123456789");
    return digits > 0 && strcmp(name + digits, ".tmp") == 0;
}

/* Under the lock: nobody else is preparing a file. */
static void
remove_leftovers(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    char dir[PATH_MAX];
    struct dirent *entry;
    DIR *d;

    snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path + 1) : 2,
             slash ? path : "./");
    d = opendir(dir);
    if (!d)
        return; /* creating the file will say it better */
    while ((entry = readdir(d)))
        if (is_leftover(entry->d_name, base))
            unlinkat(dirfd(d), entry->d_name, 0);
    closedir(d);
}

/* How large a slot must be for its part. 0: more than an image can address. */
static uint64_t
slot_size(uint32_t kind, struct sluice_capacity capacity)
{
    const struct sluice_section verdicts[] = {
        {.count = 1, .stride = sizeof(struct sluice_node)},
        {.count = capacity.clusters, .stride = sizeof(struct sluice_cluster)},
        {.count = capacity.metrics, .stride = sizeof(struct sluice_metric)},
    };
    const struct sluice_section detail[] = {
        {.count = capacity.hosts, .stride = sizeof(struct sluice_host)},
        {.count = capacity.host_metrics,
         .stride = sizeof(struct sluice_host_metric)},
        {.count = capacity.inventories,
         .stride = sizeof(struct sluice_inventory)},
        {.count = capacity.counters, .stride = sizeof(struct sluice_counter)},
    };
    const struct sluice_section rules[] = {
        {.count = 1, .stride = sizeof(struct sluice_facts)},
        {.count = capacity.throttles, .stride = sizeof(struct sluice_throttle)},
        {.count = capacity.apps, .stride = sizeof(struct sluice_app)},
    };
    const struct sluice_section routes[] = {
        {.count = capacity.routes, .stride = sizeof(struct sluice_route)},
        {.count = capacity.route_hosts,
         .stride = sizeof(struct sluice_route_host)},
    };
    uint64_t size;

    if (kind == SLUICE_PART_VERDICTS)
        size = sluice_image_size(3, verdicts);
    else if (kind == SLUICE_PART_DETAIL)
        size = sluice_image_size(4, detail);
    else if (kind == SLUICE_PART_RULES)
        size = sluice_image_size(3, rules);
    else
        size = sluice_image_size(2, routes);
    size = align_up(size);
    return size <= UINT32_MAX ? size : 0;
}

/* Everything of the header and the parts but the magic and the atomics. */
static int
layout(struct sluice_capacity capacity,
       struct sluice_header *h,
       struct sluice_part *parts)
{
    struct timespec now;
    uint64_t at = sizeof(*h) + SLUICE_PART_KINDS * sizeof(*parts);

    memset(h, 0, sizeof(*h));
    memset(parts, 0, SLUICE_PART_KINDS * sizeof(*parts));
    for (uint32_t i = 0; i < SLUICE_PART_KINDS; i++) {
        parts[i].kind = i + 1;
        parts[i].offset = at;
        parts[i].slot_size = slot_size(parts[i].kind, capacity);
        if (parts[i].slot_size == 0)
            return -1;
        at += 2 * parts[i].slot_size;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    h->major = SLUICE_MAJOR;
    h->minor = SLUICE_MINOR;
    h->header_size = sizeof(*h);
    h->nparts = SLUICE_PART_KINDS;
    h->part_stride = sizeof(*parts);
    h->file_size = at;
    h->born_real_ms =
        (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    h->pid = (uint32_t)getpid();
    h->cluster_capacity = capacity.clusters;
    h->host_capacity = capacity.hosts;
    h->throttle_capacity = capacity.throttles;
    h->metric_capacity = capacity.metrics;
    h->app_capacity = capacity.apps;
    return 0;
}

/* Reserves the space really: a hole on a full tmpfs would be SIGBUS later. */
static int
file_create(struct state_file *f, const char *path, size_t size)
{
    struct stat st;
    int rc;

    f->size = size;
    f->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (f->fd < 0)
        return -1;
    f->base = MAP_FAILED;
    rc = fchmod(f->fd, 0644) == 0 ? 0 : errno; /* whatever the umask is */
    if (rc == 0)
        rc = posix_fallocate(f->fd, 0, (off_t)size);
    if (rc == 0 && fstat(f->fd, &st) != 0)
        rc = errno;
    if (rc == 0)
        f->base =
            mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
    if (f->base == MAP_FAILED) {
        rc = rc ? rc : errno;
        close(f->fd);
        unlink(path);
        f->base = NULL;
        errno = rc;
        return -1;
    }
    f->dev = st.st_dev;
    f->ino = st.st_ino;
    return 0;
}

static int
prepare(struct sluice_writer *w,
        struct sluice_capacity capacity,
        char *err,
        size_t err_size)
{
    struct sluice_part parts[SLUICE_PART_KINDS];
    struct sluice_header header;

    drop_next(w);
    if (layout(capacity, &header, parts) != 0)
        return fail(err, err_size,
                    "no room for %u clusters, %u hosts and %u throttles in"
                    " one state file",
                    capacity.clusters, capacity.hosts, capacity.throttles);
    if (lock_take(w, err, err_size) != 0)
        return -1;
    remove_leftovers(w->path);
    if (file_create(&w->next, w->temp_path, header.file_size) != 0)
        return fail(err, err_size, "cannot create %s of %llu bytes: %s",
                    w->temp_path, (unsigned long long)header.file_size,
                    strerror(errno));
    w->next.capacity = capacity;
    memcpy(w->next.base, &header, sizeof(header));
    memcpy(w->next.base + sizeof(header), parts, sizeof(parts));
    if (w->current.base)
        sluice_file_beat(w->next.base, sluice_file_heartbeat(w->current.base));
    memcpy(w->next.base, SLUICE_MAGIC, SLUICE_MAGIC_SIZE);
    return 0;
}

/* ---- writer ----------------------------------------------------------- */

static char *
path_with(const char *path, const char *suffix)
{
    size_t size = strlen(path) + strlen(suffix) + 1;
    char *text = malloc(size);

    if (text)
        snprintf(text, size, "%s%s", path, suffix);
    return text;
}

struct sluice_writer *
sluice_writer_create(const char *path,
                     struct sluice_capacity capacity,
                     char *err,
                     size_t err_size)
{
    struct sluice_writer *w = calloc(1, sizeof(*w));
    char suffix[32];

    snprintf(suffix, sizeof(suffix), ".%ld.tmp", (long)getpid());
    if (w) {
        w->lock_fd = -1;
        w->path = path_with(path, "");
        w->temp_path = path_with(path, suffix);
        w->lock_path = path_with(path, ".lock");
    }
    if (!w || !w->path || !w->temp_path || !w->lock_path) {
        fail(err, err_size, "no memory");
    } else if (prepare(w, capacity, err, err_size) == 0) {
        return w;
    }
    sluice_writer_close(w);
    return NULL;
}

int
sluice_writer_commit(struct sluice_writer *w, char *err, size_t err_size)
{
    if (!w->next.base)
        return fail(err, err_size, "no state file was prepared");
    if (rename(w->temp_path, w->path) != 0) {
        fail(err, err_size, "cannot rename %s to %s: %s", w->temp_path, w->path,
             strerror(errno));
        drop_next(w);
        return -1;
    }
    file_close(&w->current);
    w->current = w->next;
    memset(&w->next, 0, sizeof(w->next));
    return 0;
}

int
sluice_writer_resize(struct sluice_writer *w,
                     struct sluice_capacity capacity,
                     char *err,
                     size_t err_size)
{
    return prepare(w, capacity, err, err_size);
}

/* The file that is being filled. */
static const struct state_file *
target(const struct sluice_writer *w)
{
    return w->next.base ? &w->next : &w->current;
}

struct sluice_capacity
sluice_writer_capacity(const struct sluice_writer *w)
{
    return target(w)->capacity; /* zeros where there is no file */
}

int
sluice_writer_publish(struct sluice_writer *w,
                      uint32_t kind,
                      const void *image,
                      size_t size)
{
    const struct state_file *f = target(w);

    return f->base ? sluice_file_publish(f->base, kind, image, size) : -1;
}

void
sluice_writer_heartbeat(struct sluice_writer *w, uint64_t now_mono_ms)
{
    if (w->current.base)
        sluice_file_beat(w->current.base, now_mono_ms);
    if (w->next.base)
        sluice_file_beat(w->next.base, now_mono_ms);
}

void
sluice_writer_ring(struct sluice_writer *w)
{
    if (w->current.base)
        futimens(w->current.fd, NULL);
}

int
sluice_writer_lost(const struct sluice_writer *w)
{
    struct stat st;

    return !w->current.base || stat(w->path, &st) != 0 ||
           st.st_ino != w->current.ino || st.st_dev != w->current.dev;
}

void
sluice_writer_close(struct sluice_writer *w)
{
    if (!w)
        return;
    drop_next(w);
    file_close(&w->current);
    if (w->lock_fd >= 0)
        close(w->lock_fd);
    free(w->path);
    free(w->temp_path);
    free(w->lock_path);
    free(w);
}
