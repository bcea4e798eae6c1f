/* SPDX-License-Identifier: MIT */
#include "kernel/kernel.h"
#include "platform/test.h"

static struct ms_kernel *kernel_new(void)
{
    struct ms_kernel *kernel = ms_alloc(sizeof *kernel);

    assert_non_null(kernel);
    ms_kernel_init(kernel, NULL, NULL);
    return kernel;
}

MS_TEST(a_thread_keeps_its_cpu_and_leaves_it_clean)
{
    struct ms_kernel *kernel = kernel_new();
    struct ms_cpu *cpu = ms_cpu_enter(kernel);
    KIRQL old;

    assert_int_equal(cpu->index, 0);
    assert_ptr_equal(ms_cpu_enter(kernel), cpu);
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    assert_int_equal(old, PASSIVE_LEVEL);
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    ms_cpu_leave();
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    assert_null(ms_cpu_current());
    assert_int_equal(ms_cpu_enter(kernel)->irql, PASSIVE_LEVEL);
    ms_cpu_leave();
    ms_free(kernel, sizeof *kernel);
}

MS_TEST(entering_another_machine_leaves_the_first)
{
    struct ms_kernel *a = kernel_new(), *b = kernel_new();

    ms_cpu_enter(a);
    ms_cpu_enter(b);
    assert_true(ms_load_relaxed(&a->taken) == 0);
    assert_true(ms_load_relaxed(&b->taken) == 1);
    assert_true(ms_kernel_is_quiet(b));
    ms_cpu_leave();
    ms_free(a, sizeof *a);
    ms_free(b, sizeof *b);
}

static void enter_and_end(void *context)
{
    ms_cpu_enter(context);
}

MS_TEST(a_thread_that_ends_gives_its_cpu_back)
{
    struct ms_kernel *kernel = kernel_new();

    ms_thread_join(ms_thread_start(enter_and_end, kernel));
    assert_true(ms_load_relaxed(&kernel->taken) == 0);
    ms_free(kernel, sizeof *kernel);
}

MS_TEST(a_thread_beyond_the_last_cpu_works_without_one)
{
    struct ms_kernel *kernel = kernel_new();

    ms_init(&kernel->taken, UINT64_MAX);
    assert_int_equal(ms_cpu_enter(kernel)->index, MS_CPU_NONE);
    ms_cpu_leave();
    assert_true(ms_load_relaxed(&kernel->taken) == UINT64_MAX);
    ms_free(kernel, sizeof *kernel);
}
