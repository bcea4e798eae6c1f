/* SPDX-License-Identifier: MIT */
/* tools_test.c: what the tests of reports share. */
#include "report_test.h"
struct ms_result *run_read(void)
{
    struct ms_problem problem = {0};
    struct ms_result *r = ms_result_read(MS_TEST_DATA "/run.json", &problem);

    if (!r)
        fail_msg("%s", problem.text);
    return r;
}

char *printed(const struct ms_result *r, ms_printer *print, size_t *length)
{
    char *text = NULL;
    size_t own;
    FILE *out = open_memstream(&text, length ? length : &own);

    assert_non_null(out);
    assert_true(print(r, out));
    fclose(out);
    return text;
}

size_t occurrences(const char *text, const char *needle)
{
    size_t count = 0;

    for (; (text = strstr(text, needle)) != NULL; text++)
        count++;
    return count;
}
