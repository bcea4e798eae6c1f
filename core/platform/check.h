/* SPDX-License-Identifier: MIT */
/*
 * check.h: the third kind of wrong: we. ms_assert stops the program when an invariant of ours
 * broke; the world's faults are NTSTATUS values and the driver's are rules (see style in
 * core/README.md).
 *
 * Asserts are on in every build but the measured one (CMAKE_BUILD_TYPE=Release defines
 * MS_MEASURED); results say which. ms_audit is for walks over whole structures: test and fuzz
 * builds only.
 */
#ifndef MS_CHECK_H
#define MS_CHECK_H

#include <assert.h>
#include <stdbool.h>

/* Prints the broken invariant and aborts. Never returns. */
_Noreturn void ms_check_failed(const char *expression, const char *file, int line,
                               const char *function);

/* Always on: for what must stop even a measured run (double free of a register, torn state). */
#define ms_require(e) ((e) ? (void)0 : ms_check_failed(#e, __FILE__, __LINE__, __func__))

#ifdef MS_MEASURED
#define MS_ASSERTS_ON 0
#define ms_assert(e)  ((void)sizeof(!(e)))
#else
#define MS_ASSERTS_ON 1
#define ms_assert(e)  ms_require(e)
#endif

#define MS_LIKELY(e)   __builtin_expect(!!(e), 1)
#define MS_UNLIKELY(e) __builtin_expect(!!(e), 0)
#define MS_CACHE_LINE  64
/* The value is made here, and made once: clang keeps base and index of an address apart, in two registers,
 * and adds them again at each use. */
#define MS_ONE_VALUE(value) __asm__("" : "+r"(value))

#endif
