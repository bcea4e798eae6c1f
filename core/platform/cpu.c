/* SPDX-License-Identifier: MIT */
/*
 * cpu.c: what this processor and its operating system let us use. __builtin_cpu_supports asks CPUID
 * and XGETBV, so a feature counts only when the OS saves its registers.
 */
#include "platform/platform.h"

struct ms_cpu_features ms_cpu_features_get(void)
{
    struct ms_cpu_features features = {false, false};

#if defined(__x86_64__)
    __builtin_cpu_init();
    features.avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
                    __builtin_cpu_supports("bmi2");
    features.avx512 = features.avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi") &&
                      __builtin_cpu_supports("avx512vbmi2");
#endif
    return features;
}
