/* SPDX-License-Identifier: MIT */
/*
 * check.c: where a broken invariant ends.
 */
#include <stdio.h>
#include <stdlib.h>

#include "platform/check.h"

_Noreturn void ms_check_failed(const char *expression, const char *file, int line,
                               const char *function)
{
    fprintf(stderr, "mapstorm: broken invariant: %s\n  in %s, %s:%d\n", expression, function, file,
            line);
    fflush(stderr);
    abort();
}
