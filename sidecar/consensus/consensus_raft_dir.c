/* The data directory of a voter: whose it is, and whether it will do. */
#include "consensus/consensus_raft_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <jansson.h>
#include <openssl/rand.h>

#include "base/log.h"

#define NODE_VERSION 1
#define NODE_FILE "node.json"
#define DAMAGED                                                               \
    "is damaged: restore it, or give this node an empty RaftDataDir and let " \
    "it replace itself"

/* libraft reserves a segment of this size, and another one in advance. */
#define SEGMENT_BYTES (8 * 1024 * 1024)

#define TMPFS 0x01021994
#define RAMFS 0x858458f6

static int
fail(char *err, size_t err_size, const char *path, const char *what)
{
    snprintf(err, err_size, "%s: %s", path, what);
    return -1;
}

static int
fail_errno(char *err, size_t err_size, const char *path)
{
    const char *what = strerror(errno);

    if (errno == EROFS)
        what = "the disk is read-only: raft must write there";
    else if (errno == ENOSPC || errno == EDQUOT)
        what = "no room left: raft needs 24 MiB there, and more as it grows";
    else if (errno == EOPNOTSUPP || errno == ENOSYS)
        what = "this filesystem cannot reserve space or write it through: "
               "give RaftDataDir a directory on a local disk";
    return fail(err, err_size, path, what);
}

/* "" when it would be too long, which no call takes for a path. */
static void
join(char path[RAFT_DIR_PATH_SIZE], const char *dir, const char *name)
{
    if (snprintf(path, RAFT_DIR_PATH_SIZE, "%s/%s", dir, name) >=
        RAFT_DIR_PATH_SIZE)
        path[0] = '\0';
}

/* ---- the filesystem --------------------------------------------------- */

static int
make_dir(const char *path, char *err, size_t err_size)
{
    struct stat st;

    if (mkdir(path, 0700) == 0)
        return 0;
    if (errno != EEXIST)
        return fail_errno(err, err_size, path);
    if (stat(path, &st) != 0)
        return fail_errno(err, err_size, path);
    if (!S_ISDIR(st.st_mode))
        return fail(err, err_size, path, "is not a directory");
    return 0;
}

static int
sync_dir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc;

    if (fd < 0)
        return -1;
    rc = fsync(fd);
    close(fd);
    return rc;
}

/* What raft will do there, once, before anybody relies on it. */
static int
try_file(const struct raft_dir *d, char *err, size_t err_size)
{
    char path[RAFT_DIR_PATH_SIZE];
    int fd, rc;

    join(path, d->path, "probe");
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_errno(err, err_size, path);
    rc = posix_fallocate(fd, 0, SEGMENT_BYTES);
    if (rc == 0 && (pwrite(fd, "sluice", 6, 0) != 6 || fdatasync(fd) != 0))
        rc = errno;
    close(fd);
    unlink(path);
    if (rc == 0 && sync_dir(d->path) != 0)
        rc = errno;
    errno = rc;
    return rc == 0 ? 0 : fail_errno(err, err_size, d->path);
}

static void
warn_of_memory(const struct raft_dir *d)
{
    struct statfs fs;

    if (statfs(d->path, &fs) == 0 && ((unsigned long)fs.f_type == TMPFS ||
                                      (unsigned long)fs.f_type == RAMFS))
        log_warn("raft_data_dir", log_str("path", d->path),
                 log_str("problem", "is in memory: a reboot forgets every "
                                    "throttle"));
}

static int
take_lock(struct raft_dir *d, char *err, size_t err_size)
{
    char path[RAFT_DIR_PATH_SIZE];

    join(path, d->path, "lock");
    d->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (d->lock < 0)
        return fail_errno(err, err_size, path);
    if (flock(d->lock, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        return fail(err, err_size, d->path,
                    "another sluiced uses this RaftDataDir");
    return fail_errno(err, err_size, path);
}

/* ---- who this node is ------------------------------------------------- */

static void
draw_id(struct raft_dir *d)
{
    do {
        if (RAND_bytes((unsigned char *)&d->id, sizeof(d->id)) != 1)
            abort();
    } while (d->id == 0);
}

static int
text_of(const json_t *node, const char *key, char *text, size_t size)
{
    const char *value = json_string_value(json_object_get(node, key));

    if (!value || strlen(value) >= size)
        return -1;
    strcpy(text, value);
    return 0;
}

static int
read_id(const json_t *node, uint64_t *id)
{
    char text[MEMBER_ID_SIZE];

    if (text_of(node, "id", text, sizeof(text)) != 0 ||
        strspn(text, "0123456789abcdef") != MEMBER_ID_SIZE - 1)
        return -1;
    *id = strtoull(text, NULL, 16);
    return *id != 0 ? 0 : -1;
}

static int
read_node(struct raft_dir *d,
          const json_t *node,
          const char *path,
          char *err,
          size_t err_size)
{
    json_int_t version = json_integer_value(json_object_get(node, "version"));
    char domain[CONF_DOMAIN_MAX + 1], text[256];

    if (version > NODE_VERSION)
        return fail(err, err_size, path,
                    "a newer sluiced wrote this: upgrade this one");
    if (version != NODE_VERSION || read_id(node, &d->id) != 0 ||
        text_of(node, "domain", domain, sizeof(domain)) != 0 ||
        text_of(node, "store", d->store_id, sizeof(d->store_id)) != 0 ||
        text_of(node, "address", d->address, sizeof(d->address)) != 0)
        return fail(err, err_size, path, DAMAGED);
    if (strcmp(domain, d->domain) != 0) {
        snprintf(text, sizeof(text),
                 "belongs to a cluster of domain \"%s\", and Domain is \"%s\"",
                 domain, d->domain);
        return fail(err, err_size, path, text);
    }
    d->alone = json_is_true(json_object_get(node, "alone"));
    d->anew = json_is_true(json_object_get(node, "anew"));
    return 0;
}

static int
load_node(struct raft_dir *d, char *err, size_t err_size)
{
    char path[RAFT_DIR_PATH_SIZE];
    json_error_t error;
    json_t *node;
    int rc;

    join(path, d->path, NODE_FILE);
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        if (d->logged)
            return fail(err, err_size, path,
                        "is missing, and there are raft's files beside it: "
                        "restore it, or give this node an empty RaftDataDir");
        draw_id(d);
        return raft_dir_save(d, err, err_size);
    }
    node = json_load_file(path, 0, &error);
    if (!node)
        return fail(err, err_size, path, error.line < 0 ? error.text : DAMAGED);
    rc = read_node(d, node, path, err, err_size);
    json_decref(node);
    return rc;
}

static int
write_file(const char *path, const char *text)
{
    size_t len = strlen(text);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int rc = 0;

    if (fd < 0)
        return -1;
    errno = ENOSPC; /* that is why, when only a part is written */
    if (write(fd, text, len) != (ssize_t)len || fsync(fd) != 0)
        rc = -1;
    if (close(fd) != 0)
        rc = -1;
    return rc;
}

int
raft_dir_save(const struct raft_dir *d, char *err, size_t err_size)
{
    char path[RAFT_DIR_PATH_SIZE], fresh[RAFT_DIR_PATH_SIZE];
    char id[MEMBER_ID_SIZE], *text;
    json_t *node;
    int rc;

    snprintf(id, sizeof(id), "%016" PRIx64, d->id);
    node = json_pack("{s:i, s:s, s:s, s:s, s:s, s:b, s:b}", "version",
                     NODE_VERSION, "id", id, "domain", d->domain, "store",
                     d->store_id, "address", d->address, "alone", d->alone,
                     "anew", d->anew);
    text = node ? json_dumps(node, JSON_INDENT(2)) : NULL;
    json_decref(node);
    if (!text)
        return fail(err, err_size, d->path, "Domain is no UTF-8");
    join(path, d->path, NODE_FILE);
    join(fresh, d->path, NODE_FILE ".new");
    rc = write_file(fresh, text);
    free(text);
    if (rc != 0 || rename(fresh, path) != 0 || sync_dir(d->path) != 0)
        return fail_errno(err, err_size, path);
    return 0;
}

/* ---- opening ---------------------------------------------------------- */

static void
leave_freno_alone(const char *data_dir)
{
    char path[RAFT_DIR_PATH_SIZE];

    join(path, data_dir, "freno-raft.db");
    if (access(path, F_OK) == 0)
        log_info("freno_files", log_str("path", path),
                 log_str("advice",
                         "left alone; sluiced --import-freno URL takes over "
                         "what a running freno has throttled"));
}

/* libraft's two files of its term and vote: without a log a node is no
 * member, and promised nothing. */
static int
is_metadata(const char *name)
{
    return strncmp(name, "metadata", strlen("metadata")) == 0;
}

/* A founding that was cut short leaves them, and libraft founds nothing where
 * they are. */
static void
drop_metadata(const char *path)
{
    char file[RAFT_DIR_PATH_SIZE];

    join(file, path, "metadata1");
    unlink(file);
    join(file, path, "metadata2");
    unlink(file);
}

/* libraft begins each file under such a name, and removes it at its start. */
static int
is_unfinished(const char *name)
{
    return strncmp(name, "tmp-", strlen("tmp-")) == 0;
}

/* Something of a log: 1 or 0. -1, with errno: nobody can tell, and a log that
 * is only out of reach must not be taken for a lost one. */
static int
has_files(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    int found = 0;

    if (!dir)
        return -1;
    while (!found && (errno = 0, entry = readdir(dir)))
        found = entry->d_name[0] != '.' && !is_metadata(entry->d_name) &&
                !is_unfinished(entry->d_name);
    if (!found && errno != 0)
        found = -1;
    closedir(dir);
    return found;
}

static int
look_for_log(struct raft_dir *d, char *err, size_t err_size)
{
    d->logged = has_files(d->raft);
    return d->logged < 0 ? fail_errno(err, err_size, d->raft) : 0;
}

static int
open_dirs(struct raft_dir *d, const char *data_dir, char *err, size_t err_size)
{
    char longest[RAFT_DIR_PATH_SIZE];

    join(d->path, data_dir, "sluice");
    join(d->raft, d->path, "raft");
    join(longest, data_dir, "sluice/" NODE_FILE ".new");
    if (longest[0] == '\0')
        return fail(err, err_size, data_dir, "the path is too long");
    if (make_dir(data_dir, err, err_size) != 0 ||
        make_dir(d->path, err, err_size) != 0 ||
        make_dir(d->raft, err, err_size) != 0)
        return -1;
    leave_freno_alone(data_dir);
    return 0;
}

/* What it was is lost with its log: it is another node now. */
static int
begin_empty(struct raft_dir *d, char *err, size_t err_size)
{
    drop_metadata(d->raft);
    d->alone = 0;
    if (d->store_id[0] == '\0')
        return 0;
    log_warn("raft_log_lost", log_str("path", d->raft),
             log_str("advice", "this node begins anew, under a new id"));
    draw_id(d);
    d->store_id[0] = '\0';
    d->anew = 0;
    return raft_dir_save(d, err, err_size);
}

void
raft_dir_begin_anew(struct raft_dir *d, const char *address)
{
    draw_id(d);
    d->store_id[0] = '\0';
    d->alone = d->anew = 1;
    snprintf(d->address, sizeof(d->address), "%s", address);
}

int
raft_dir_open(struct raft_dir *d,
              const struct conf *conf,
              char *err,
              size_t err_size)
{
    memset(d, 0, sizeof(*d));
    d->lock = -1;
    snprintf(d->domain, sizeof(d->domain), "%s", conf->domain);
    snprintf(d->address, sizeof(d->address), "%s", conf->raft.self);
    if (open_dirs(d, conf->raft.data_dir, err, err_size) == 0 &&
        take_lock(d, err, err_size) == 0 &&
        look_for_log(d, err, err_size) == 0 &&
        try_file(d, err, err_size) == 0 && load_node(d, err, err_size) == 0 &&
        (d->logged || begin_empty(d, err, err_size) == 0)) {
        warn_of_memory(d);
        return 0;
    }
    raft_dir_close(d);
    return -1;
}

void
raft_dir_close(struct raft_dir *d)
{
    if (d->lock >= 0)
        close(d->lock);
    d->lock = -1;
}
