/* SPDX-License-Identifier: MIT */
/*
 * cmocka.h: as much of cmocka as our tests use, for a machine that the library was not built for. What it
 * says about a failure is less; what fails is the same.
 */
#ifndef MS_CMOCKA_STAND_IN_H
#define MS_CMOCKA_STAND_IN_H

#include <inttypes.h>

typedef void ms_stand_in_test(void **state);
typedef int ms_stand_in_fixture(void **state);

struct CMUnitTest {
    const char *name;
    ms_stand_in_test *test_func;
};

/* Where a failed check jumps to. One copy: each program has one file with a main. */
extern jmp_buf ms_stand_in_failed;

__attribute__((noreturn, format(printf, 3, 4))) static inline void
ms_stand_in_fail(const char *file, int line, const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "%s:%d: ", file, line);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    longjmp(ms_stand_in_failed, 1);
}

#define fail_msg(...)      ms_stand_in_fail(__FILE__, __LINE__, __VA_ARGS__)
#define fail()             fail_msg("failed")
#define print_message(...) fprintf(stderr, __VA_ARGS__)
#define assert_true(x)                                                                             \
    do {                                                                                           \
        if (!(x))                                                                                  \
            fail_msg("not true: %s", #x);                                                          \
    } while (0)
#define assert_false(x)            assert_true(!(x))
#define assert_null(x)             assert_true((x) == NULL)
#define assert_non_null(x)         assert_true((x) != NULL)
#define assert_ptr_equal(a, b)     assert_true((uintptr_t)(a) == (uintptr_t)(b))
#define assert_ptr_not_equal(a, b) assert_true((uintptr_t)(a) != (uintptr_t)(b))
#define assert_int_equal(a, b)                                                                     \
    do {                                                                                           \
        uint64_t stand_in_a_ = (uint64_t)(a);                                                      \
        uint64_t stand_in_b_ = (uint64_t)(b);                                                      \
        if (stand_in_a_ != stand_in_b_)                                                            \
            fail_msg("%s is 0x%" PRIx64 ", %s is 0x%" PRIx64, #a, stand_in_a_, #b, stand_in_b_);   \
    } while (0)
#define assert_int_not_equal(a, b)   assert_true((uint64_t)(a) != (uint64_t)(b))
#define assert_string_equal(a, b)    assert_true(strcmp(a, b) == 0)
#define assert_memory_equal(a, b, n) assert_true(memcmp(a, b, n) == 0)
#define assert_in_range(x, low, high)                                                              \
    assert_true(ms_stand_in_is_in_range((uint64_t)(x), (uint64_t)(low), (uint64_t)(high)))

static inline int ms_stand_in_is_in_range(uint64_t x, uint64_t low, uint64_t high)
{
    return x >= low && x <= high;
}

__attribute__((weak)) jmp_buf ms_stand_in_failed;

static inline int _cmocka_run_group_tests(const char *group, const struct CMUnitTest *tests,
                                          size_t count, ms_stand_in_fixture *before,
                                          ms_stand_in_fixture *after)
{
    static size_t failed, i; /* live through longjmp */

    (void)before, (void)after;
    for (i = 0; i < count; i++) {
        void *state = NULL;
        if (setjmp(ms_stand_in_failed) == 0) {
            tests[i].test_func(&state);
            continue;
        }
        failed++;
        fprintf(stderr, "[  FAILED  ] %s\n", tests[i].name);
    }
    fprintf(stderr, "%s: %zu of %zu tests failed\n", group, failed, count);
    return failed > 0;
}

#endif
