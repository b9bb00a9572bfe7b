/* The server's place in the file system: modes, stale sockets, neighbours. */
#include <sys/stat.h>

#include "http_fixture.h"

/* ---- the socket's place ----------------------------------------------- */

static void
test_mode(void **state)
{
    mode_t old = umask(0);
    struct fixture f;
    struct stat st;

    (void)state;
    open_default(&f);
    assert_int_equal(lstat(f.path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    finish(&f);
    umask(0777);
    open_default(&f);
    assert_int_equal(lstat(f.path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    finish(&f);
    umask(old);
}

static void
refused(struct fixture *f, const char *path, const char *why)
{
    struct http_options options = {.routes = routes};
    char err[256];

    assert_null(http_server_open(&f->loop, path, &options, err, sizeof(err)));
    assert_has(err, why);
    assert_begins(err, path);
}

static void
test_place_taken(void **state)
{
    char path[300];
    struct fixture f;
    FILE *file;

    (void)state;
    open_default(&f);
    refused(&f, f.path, "another process answers there");
    assert_begins(ask(&f, "GET /now" LAST), "HTTP/1.1 200 ");

    snprintf(path, sizeof(path), "%s", tempdir_path("file"));
    file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    refused(&f, path, "is not a socket");
    assert_int_equal(access(path, F_OK), 0);

    refused(&f, tempdir_path("no/such/directory"), "No such file");
    memset(path, 'x', sizeof(path));
    path[108] = '\0';
    refused(&f, path, "may have 107 bytes");
    finish(&f);
}

static void
test_stale_socket(void **state)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct fixture f;

    (void)state;
    strncpy(a.sun_path, tempdir_path("control.sock"), sizeof(a.sun_path) - 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(fd, 1), 0);
    close(fd);
    open_default(&f);
    assert_begins(ask(&f, "GET /now" LAST), "HTTP/1.1 200 ");
    finish(&f);
}

/* What came in our socket's place stays when we go. */
static void
test_place_lost(void **state)
{
    struct fixture f;
    FILE *file;

    (void)state;
    open_default(&f);
    assert_int_equal(unlink(f.path), 0);
    file = fopen(f.path, "w");
    assert_non_null(file);
    fclose(file);
    finish(&f);
    assert_int_equal(unlink(f.path), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mode),
        cmocka_unit_test(test_place_taken),
        cmocka_unit_test(test_stale_socket),
        cmocka_unit_test(test_place_lost),
    };
    int failed;

    tempdir_make();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    tempdir_remove();
    return failed;
}
