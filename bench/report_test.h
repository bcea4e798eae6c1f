/* SPDX-License-Identifier: MIT */
/* report_test.h: what the tests of reports share: the stored result, and text from a printer. */
#ifndef MS_REPORT_TEST_H
#define MS_REPORT_TEST_H

#include "emit.h"
#include "platform/test.h"

/* bench/testdata/run.json; the caller frees it. */
static inline struct ms_result *run_read(void)
{
    struct ms_problem problem = {0};
    struct ms_result *r = ms_result_read(MS_TEST_DATA "/run.json", &problem);

    if (!r)
        fail_msg("%s", problem.text);
    return r;
}

/* What a printer prints; the caller frees it. */
static inline char *printed(const struct ms_result *r, ms_printer *print, size_t *length)
{
    char *text = NULL;
    size_t own;
    FILE *out = open_memstream(&text, length ? length : &own);

    assert_non_null(out);
    assert_true(print(r, out));
    fclose(out);
    return text;
}

/* How often `needle` occurs. */
static inline size_t occurrences(const char *text, const char *needle)
{
    size_t count = 0;

    for (; (text = strstr(text, needle)) != NULL; text++)
        count++;
    return count;
}

#endif
