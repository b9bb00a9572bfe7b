/* Who is silent to all: what is asked, what the answers mean. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "decide/witness.h"

#define FREEZE 1000

static struct witness w;
static struct witness_answer answer;
static uint64_t now_ms;
static char number[] = "0000000000000001";

static int
setup(void **state)
{
    (void)state;
    memset(&w, 0, sizeof(w));
    memset(&answer, 0, sizeof(answer));
    now_ms = 50000;
    return 0;
}

static enum witness_step
look(const char *host, uint64_t since_ms)
{
    number[15]++;
    return witness_look(&w, host, since_ms, FREEZE, &answer, number, now_ms);
}

static void
answered(uint64_t ago_ms)
{
    strcpy(answer.number, w.question.number);
    answer.ago_ms = ago_ms;
}

static void
test_silent_to_all(void **state)
{
    (void)state;
    assert_int_equal(look("a:1", 7), WITNESS_ASK);
    assert_string_equal(w.question.host, "a:1");
    assert_string_equal(w.question.number, number);
    assert_int_equal(look("a:1", 7), WITNESS_WAIT);
    answered(FREEZE / 2 + 1);
    assert_int_equal(look("a:1", 7), WITNESS_AGREES);
    answered(0);
    assert_int_equal(look("a:1", 7), WITNESS_AGREES);
    assert_int_equal(look("a:1", 8), WITNESS_ASK); /* another silence */
    answered(UINT64_MAX);
    assert_int_equal(look("a:1", 8), WITNESS_AGREES);
    assert_int_equal(look("b:1", 8), WITNESS_ASK);
}

static void
test_heard_elsewhere(void **state)
{
    (void)state;
    assert_int_equal(look("a:1", 7), WITNESS_ASK);
    answered(FREEZE / 2);
    assert_int_equal(look("a:1", 7), WITNESS_WAIT);
    now_ms += WITNESS_AGAIN_MS - 1;
    assert_int_equal(look("a:1", 7), WITNESS_WAIT);
    now_ms++;
    assert_int_equal(look("a:1", 7), WITNESS_ASK);
    assert_int_equal(look("a:1", 7), WITNESS_WAIT); /* an old answer */
    answered(1200);
    assert_int_equal(look("a:1", 7), WITNESS_AGREES);
}

static void
test_nobody_answers(void **state)
{
    (void)state;
    assert_int_equal(look("a:1", 7), WITNESS_ASK);
    strcpy(answer.number, "00000000000000ff");
    now_ms += WITNESS_WAIT_MS - 1;
    assert_int_equal(look("a:1", 7), WITNESS_WAIT);
    now_ms++;
    assert_int_equal(look("a:1", 7), WITNESS_AGREES);
    answered(0); /* too late */
    assert_int_equal(look("a:1", 7), WITNESS_AGREES);
}

static void
test_texts(void **state)
{
    static const char *const none[] = {
        "",       "number=",  "number=x host=a", "number=1 host=",
        "host=a", "number=1", "number=1 heard=", "number=1 heard=x",
        "heard=1"};
    struct witness_question q = {"00ff", "db1:3306"}, q2;
    struct witness_answer a = {"00ff", 12}, a2;
    char text[ROUTE_FACT_SIZE];

    (void)state;
    witness_question_write(&q, text);
    assert_string_equal(text, "number=00ff host=db1:3306");
    assert_int_equal(witness_question_read(text, &q2), 0);
    assert_memory_equal(&q, &q2, sizeof(q));
    memset(q.host, 'h', sizeof(q.host) - 1);
    witness_question_write(&q, text);
    assert_int_equal(witness_question_read(text, &q2), 0);
    assert_memory_equal(&q, &q2, sizeof(q));
    witness_answer_write(&a, text);
    assert_string_equal(text, "number=00ff heard=12");
    assert_int_equal(witness_answer_read(text, &a2), 0);
    assert_string_equal(a2.number, a.number);
    assert_true(a2.ago_ms == a.ago_ms);
    a.ago_ms = UINT64_MAX;
    witness_answer_write(&a, text);
    assert_string_equal(text, "number=00ff heard=never");
    assert_int_equal(witness_answer_read(text, &a2), 0);
    assert_string_equal(a2.number, a.number);
    assert_true(a2.ago_ms == a.ago_ms);
    for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
        assert_int_equal(witness_question_read(none[i], &q), -1);
        assert_string_equal(q.host, "");
        assert_int_equal(witness_answer_read(none[i], &a), -1);
        assert_string_equal(a.number, "");
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_silent_to_all, setup),
        cmocka_unit_test_setup(test_heard_elsewhere, setup),
        cmocka_unit_test_setup(test_nobody_answers, setup),
        cmocka_unit_test_setup(test_texts, setup),
    };

    return cmocka_run_group_tests_name("witness", tests, NULL, NULL);
}
