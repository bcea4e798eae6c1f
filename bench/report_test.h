/* SPDX-License-Identifier: MIT */
/* report_test.h: what the tests of reports share: the stored result, and text from a printer. */
#ifndef MS_REPORT_TEST_H
#define MS_REPORT_TEST_H

#include "emit.h"
#include "platform/test.h"

/* bench/testdata/run.json; the caller frees it. */
struct ms_result *run_read(void);
/* What a printer prints; the caller frees it. */
char *printed(const struct ms_result *r, ms_printer *print, size_t *length);
/* How often `needle` occurs. */
size_t occurrences(const char *text, const char *needle);

#endif
