/* Forms: read in pieces, bounded, refused when they are none. */
#include "http_fixture.h"

/* ---- forms ------------------------------------------------------------ */

static const char *
post(struct fixture *f, const char *type, const char *body, size_t stated)
{
    static char *request;
    const char *got;

    if (asprintf(&request,
                 "POST /echo/form?a=query&b=query HTTP/1.1\r\nHost: t\r\n"
                 "Connection: close\r\nContent-Type: %s\r\n"
                 "Content-Length: %zu\r\n\r\n%s",
                 type, stated, body) < 0)
        abort();
    got = ask(f, request);
    free(request);
    return got;
}

#define FORM "application/x-www-form-urlencoded"

static const char *
post_form(struct fixture *f, const char *body)
{
    return post(f, FORM, body, strlen(body));
}

static void
test_form(void **state)
{
    struct fixture f;
    const char *got;

    (void)state;
    open_default(&f);
    got = post_form(&f, "a=x+y%26&a=second");
    assert_string_equal(http_help_body(got),
                        "form a=4:x y& b=query stranger=- header=-\n");
    got = post_form(&f, "a=&zz=1");
    assert_string_equal(http_help_body(got),
                        "form a=0: b=query stranger=zz header=-\n");
    got = post(&f, FORM "; charset=utf-8", "b=1", 3);
    assert_string_equal(http_help_body(got),
                        "form a=5:query b=1 stranger=- header=-\n");
    got = post(&f, "text/json", "", 0);
    assert_string_equal(http_help_body(got),
                        "form a=5:query b=query stranger=- header=-\n");
    finish(&f);
}

static void
test_form_large(void **state)
{
    struct fixture f;
    char *body = malloc(HTTP_BODY_MAX + 2);
    const char *got;

    (void)state;
    open_default(&f);
    memset(body, 'x', HTTP_BODY_MAX + 1);
    memcpy(body, "a=", 2);
    body[HTTP_BODY_MAX] = '\0';
    got = post_form(&f, body);
    assert_begins(http_help_body(got), "form a=16382:xxxxx");
    body[HTTP_BODY_MAX] = 'x';
    body[HTTP_BODY_MAX + 1] = '\0';
    assert_begins(post_form(&f, body), "HTTP/1.1 413 ");
    free(body);

    body = calloc(1, 3 << 20);
    memset(body, 'x', (3 << 20) - 1);
    assert_string_equal(post_form(&f, body), "");
    free(body);
    finish(&f);
}

static void
test_form_bad(void **state)
{
    struct fixture f;
    char many[256] = "";

    (void)state;
    open_default(&f);
    assert_begins(post(&f, "application/json", "{}", 2), "HTTP/1.1 415 ");
    assert_begins(post(&f, "multipart/form-data; boundary=x", "--x--", 5),
                  "HTTP/1.1 415 ");
    assert_begins(post_form(&f, "a=%00"), "HTTP/1.1 400 ");
    for (int i = 0; i <= HTTP_FIELDS_MAX; i++)
        snprintf(many + strlen(many), sizeof(many) - strlen(many), "f%d=1&", i);
    assert_begins(post_form(&f, many), "HTTP/1.1 400 ");
    finish(&f);
}

static void
test_form_of_delete(void **state)
{
    struct fixture f;
    const char *got;

    (void)state;
    open_default(&f);
    got = ask(&f, "DELETE /echo/d HTTP/1.1\r\nHost: t\r\n"
                  "Connection: close\r\nContent-Type: " FORM "\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n"
                  "2\r\na=\r\n1\r\n5\r\n0\r\n\r\n");
    assert_string_equal(http_help_body(got),
                        "d a=1:5 b=- stranger=- header=-\n");
    finish(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form),
        cmocka_unit_test(test_form_large),
        cmocka_unit_test(test_form_bad),
        cmocka_unit_test(test_form_of_delete),
    };
    int failed;

    tempdir_make();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    tempdir_remove();
    return failed;
}
