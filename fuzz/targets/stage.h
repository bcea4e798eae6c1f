/* SPDX-License-Identifier: MIT */
/*
 * stage.h: what the targets that need a whole machine share: physical memory, a kernel, the DMA floor,
 * made once per set-up and brought back for each execution.
 */
#ifndef FUZZ_STAGE_H
#define FUZZ_STAGE_H

#include "../fuzz.h"

#include <string.h>

#include "adapter/adapter.h"
#include "controller/controller.h"

struct stage {
    struct ms_memory *memory;
    struct ms_kernel kernel;
    struct ms_dma *dma;
    DEVICE_OBJECT pdo;
};

/* True: all from `stage` to what was kept is as it was then, whatever the last execution did. False: it is
 * there for the first time; the target makes it, with stage_memory and stage_dma, and keeps it. A number
 * for each set-up that makes another machine. */
static inline bool stage_ready(struct stage *s, uint32_t number)
{
    if (ms_sim_image_use(s, number))
        return true;
    s->memory = NULL;
    s->dma = NULL;
    return false;
}

/* `end`: the first thing behind the stage that each execution sets anew. */
static inline void stage_keep(struct stage *s, void *end)
{
    ms_sim_image_keep(s, (size_t)((uint8_t *)end - (uint8_t *)s));
}

/* Bytes in pages are nobody's state, so no image brings them back. Where a page's old bytes could be
 * noticed, or hide something, they are these: never what somebody would have written. */
static inline void stage_pages_fill(const struct stage *s, uint64_t pfn, uint64_t pages)
{
    memset(ms_memory_byte(s->memory, (ms_pa){pfn << MS_PAGE_SHIFT}), 0xB5, pages * MS_PAGE_BYTES);
}

/* True when the memory is new: the target then takes its frames. */
static inline bool stage_memory(struct stage *s)
{
    struct ms_memory_config config = ms_memory_config_default();

    if (s->memory)
        return false;
    s->memory = ms_memory_create(&config);
    ms_require(s->memory != NULL);
    return true;
}

/* The actors have been in the machine for long: each has its CPU. Entering is not what is tried here,
 * and its shared word would multiply the interleavings. */
static inline void stage_dma(struct stage *s, const struct ms_dma_config *config, uint32_t actors)
{
    ms_kernel_init(&s->kernel, NULL, s->memory);
    s->dma = ms_dma_create(&s->kernel, s->memory, config);
    ms_require(s->dma != NULL);
    ms_cpu_enter(&s->kernel);
    ms_fetch_or_relaxed(&s->kernel.taken, ((UINT64_C(1) << actors) - 1) << 1); /* see stage_cpu */
}

static inline void stage_cpu(struct stage *s, uint32_t actor)
{
    if (!ms_thread_local_get())
        ms_thread_local_set(&s->kernel.cpu[actor + 1], NULL);
}

static inline uint32_t stage_strategy_index(uint32_t index)
{
    uint32_t count = 0;

    while (ms_strategies[count])
        count++;
    return index % count;
}

static inline const struct ms_reg_ops *stage_strategy(uint32_t index)
{
    return ms_strategies[stage_strategy_index(index)];
}

/* For `tell_setting` of targets whose first setting is the strategy. */
static inline const char *stage_strategy_tell(uint32_t setting, uint32_t value)
{
    return setting == 0 ? stage_strategy(value)->name : NULL;
}

/* Numbers that sit at an edge: a class and a small step off it. */
static inline uint64_t stage_edge(const uint64_t *classes, uint32_t count, uint8_t operand)
{
    static const int8_t steps[8] = {0, 0, 0, 0, 1, -1, 2, -2};

    return classes[operand % count] + (uint64_t)(int64_t)steps[operand / 32];
}

#endif
