/* SPDX-License-Identifier: MIT */
/*
 * avx512_model.c: the very source of the AVX-512 coalescer over a model of its instructions in plain C,
 * for the targets: the fuzzers run on processors without those instructions too. Its test beside the
 * source does the same.
 */
#define MS_SG_AVX512_MODEL
#define ms_sg_avx512 fuzz_sg_avx512_model
#include "sg/coalesce_avx512.c"
