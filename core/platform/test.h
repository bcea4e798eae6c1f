/* SPDX-License-Identifier: MIT */
/*
 * test.h: tests are sentences. MS_TEST(a_full_pool_refuses) { ... } registers itself; test_main.c
 * hands all of a program's tests to cmocka, which runs them and reports. Checks are cmocka's:
 * assert_int_equal, assert_true, assert_ptr_equal, assert_memory_equal ...
 */
#ifndef MS_TEST_H
#define MS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Called before main by each MS_TEST; single-threaded. */
void ms_test_register(const char *name, void (*run)(void **state));

#define MS_TEST(name)                                                                              \
    static void name(void **state);                                                                \
    __attribute__((constructor)) static void register_##name(void)                                 \
    {                                                                                              \
        ms_test_register(#name, name);                                                             \
    }                                                                                              \
    static void name(__attribute__((unused)) void **state)

/* Like assert_int_equal, for an NTSTATUS: prints it in hexadecimal. */
#define assert_status(got, want)                                                                   \
    do {                                                                                           \
        uint32_t status_got_ = (uint32_t)(got);                                                    \
        uint32_t status_want_ = (uint32_t)(want);                                                  \
        if (status_got_ != status_want_)                                                           \
            fail_msg("%s is 0x%08X, wanted %s = 0x%08X", #got, status_got_, #want, status_want_);  \
    } while (0)

#endif
