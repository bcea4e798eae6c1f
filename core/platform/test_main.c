/* SPDX-License-Identifier: MIT */
/*
 * test_main.c: runs the tests that MS_TEST registered. With arguments, only those whose name
 * contains one of them, behind --but all others; a filter that matches nothing is an error. --list prints the
 * names.
 */
#include "platform/test.h"

enum { TESTS_MAX = 4096 };

static struct CMUnitTest tests[TESTS_MAX];
static size_t tests_count;

void ms_test_register(const char *name, void (*run)(void **state))
{
    if (tests_count == TESTS_MAX) {
        fprintf(stderr, "test_main: more than %d tests in one program: raise TESTS_MAX\n",
                TESTS_MAX);
        abort();
    }
    tests[tests_count++] = (struct CMUnitTest){.name = name, .test_func = run};
}

static bool is_named(const char *name, int filters, char **filter)
{
    for (int i = 0; i < filters; i++)
        if (strstr(name, filter[i]))
            return true;
    return false;
}

int main(int argc, char **argv)
{
    bool is_but = argc > 2 && strcmp(argv[1], "--but") == 0;
    char **filter = argv + 1 + is_but;
    int filters = argc - 1 - is_but;
    size_t kept = 0;

    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (size_t i = 0; i < tests_count; i++)
            puts(tests[i].name);
        return 0;
    }
    for (size_t i = 0; i < tests_count; i++)
        if (filters == 0 || is_named(tests[i].name, filters, filter) != is_but)
            tests[kept++] = tests[i];
    if (kept == 0 || (is_but && kept == tests_count)) {
        fprintf(stderr, "%s: no test matches; --list prints the names\n", argv[0]);
        return 2;
    }
    return _cmocka_run_group_tests("mapstorm", tests, kept, NULL, NULL) != 0;
}
