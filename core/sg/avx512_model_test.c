/* SPDX-License-Identifier: MIT */
/*
 * avx512_model_test.c: the very source of the AVX-512 coalescer, compiled over a model of the
 * instructions in plain C, so that every test of this floor also runs it where no processor can.
 */
#define MS_SG_AVX512_MODEL
#define ms_sg_avx512 ref_avx512_real
#include "sg/coalesce_avx512.c"
#undef ms_sg_avx512

#include "sg/test_reference.h"

const struct ms_sg_variant ref_avx512_model = {
    .name = "avx512-model",
    .coalesce = avx512_coalesce,
    .count = avx512_count,
};

MS_TEST(the_model_has_the_variant_s_own_functions)
{
    assert_ptr_equal(ref_avx512_real.coalesce, ref_avx512_model.coalesce);
    assert_ptr_equal(ref_avx512_real.count, ref_avx512_model.count);
}
