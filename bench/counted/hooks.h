/* SPDX-License-Identifier: MIT */
/* hooks.h: from the compiler's hooks (hooks.c) to the books (counting.c). */
#ifndef MS_COUNTED_HOOKS_H
#define MS_COUNTED_HOOKS_H

#include "counting.h"

/* True when the access is to the state and counts. */
bool ms_counting_access(const volatile void *at, size_t bytes, bool writes);
void ms_counting_modify(const volatile void *at, size_t bytes);
void ms_counting_cas(const volatile void *at, size_t bytes, bool has_stored);

#endif
