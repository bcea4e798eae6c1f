/* SPDX-License-Identifier: MIT */
/*
 * test_memory.h: a memory with a thread inside it, for tests of this floor: MDL routines find their
 * memory through the calling thread's CPU.
 */
#ifndef MS_TEST_MEMORY_H
#define MS_TEST_MEMORY_H

#include "kernel/kernel.h"
#include "memory/physmem.h"
#include "platform/test.h"

struct test_memory {
    struct ms_memory *memory;
    struct ms_kernel *kernel;
};

static inline struct test_memory test_memory_enter(void)
{
    struct ms_memory_config config = ms_memory_config_default();
    struct test_memory t = {.memory = ms_memory_create(&config),
                            .kernel = ms_alloc(sizeof *t.kernel)};

    assert_non_null(t.memory);
    assert_non_null(t.kernel);
    ms_kernel_init(t.kernel, NULL, t.memory);
    ms_cpu_enter(t.kernel);
    return t;
}

/* Also checks that no frame and no view was left behind. */
static inline void test_memory_leave(struct test_memory *t)
{
    assert_int_equal(ms_frames_taken(t->memory), 0);
    assert_true(ms_page_set_audit(&t->memory->frames));
    assert_int_equal(ms_page_set_count(&t->memory->window.pages), 1);
    assert_int_equal(ms_load_relaxed(&t->memory->window.runs), 0);
    ms_cpu_leave();
    ms_free(t->kernel, sizeof *t->kernel);
    ms_memory_destroy(t->memory);
}

#endif
