/* SPDX-License-Identifier: MIT */
/*
 * targets.c: the list of all targets. A file of its own, because an engine's program has one target only, and
 * nothing of core that this one does not reach: an engine looks at every counter after each execution.
 */
#include "fuzz.h"

const struct fuzz_target *const fuzz_targets[] = {
#define FUZZ_TARGET(name) &fuzz_target_##name,
#include "targets.def"
#undef FUZZ_TARGET
    NULL,
};
