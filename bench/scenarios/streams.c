/* SPDX-License-Identifier: MIT */
/* streams.c: shapes and streams of register requests. */
#include "streams.h"

#include "catalog.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "platform/prng.h"
#include "registers/registers.h"

static_assert((uint32_t)MS_REG_COUNT_MAX <= (uint32_t)MS_STREAM_SLOT_MASK,
              "every register may be a slot of its own");
static_assert((uint32_t)MS_REQUESTS_RUN_MAX < 1u << (32 - MS_STREAM_SLOT_BITS) &&
                  (uint32_t)MS_REQUESTS_SLOTS_MAX <= (uint32_t)MS_STREAM_SLOT_MASK,
              "a recorded request fits a step");

/* The mix of allocator studies: mostly one or two, many odd sizes, a few large ones. */
#define SIZES_MIX                                                                                  \
    {                                                                                              \
        {60, 1, 2}, {30, 8, 32}, {4, 4, 4}, {4, 64, 64}, {2, 256, 256},                            \
    }

static const struct ms_shape_info infos[] = {
    {.name = "1r",
     .title = "one register, half of the file taken",
     .pages = 1,
     .is_quick = true,
     .is_timed = true},
    {.name = "8r", .title = "runs of 8, half of the file taken", .pages = 8, .is_quick = true},
    {.name = "64r", .title = "runs of 64, half of the file taken", .pages = 64},
    {.name = "mix50", .title = "mixed sizes 1 to 256, random lifetimes, 50 % full"},
    {.name = "mix75",
     .title = "mixed sizes 1 to 256, random lifetimes, 75 % full",
     .is_quick = true,
     .is_timed = true},
    {.name = "mix90", .title = "mixed sizes 1 to 256, random lifetimes, 90 % full"},
    {.name = "mix97",
     .title = "mixed sizes 1 to 256, random lifetimes, 97 % full",
     .is_full = true},
    {.name = "packets", .title = "network: 1 or 2 registers, first in first out", .is_quick = true},
    {.name = "storage", .title = "storage: 1 to 65 registers, 64 requests in flight"},
    {.name = "handover1", .title = "one thread takes single registers, another gives them back"},
    {.name = "handover8", .title = "one thread takes runs of 8, another gives them back"},
};

/* recipes[i] is what infos[i] announces. */
static const struct ms_recipe recipes[] = {
    {.pattern = MS_PATTERN_PAIR, .fill_percent = 50, .size = {{100, 1, 1}}},
    {.pattern = MS_PATTERN_PAIR, .fill_percent = 50, .size = {{100, 8, 8}}},
    {.pattern = MS_PATTERN_PAIR, .fill_percent = 50, .size = {{100, 64, 64}}},
    {.pattern = MS_PATTERN_RANDOM, .fill_percent = 50, .size = SIZES_MIX},
    {.pattern = MS_PATTERN_RANDOM, .fill_percent = 75, .size = SIZES_MIX},
    {.pattern = MS_PATTERN_RANDOM, .fill_percent = 90, .size = SIZES_MIX},
    {.pattern = MS_PATTERN_RANDOM, .fill_percent = 97, .size = SIZES_MIX},
    {.pattern = MS_PATTERN_FIFO,
     .fill_percent = 75,
     .depth_max = 512,
     .size = {{75, 1, 1}, {25, 2, 2}}},
    {.pattern = MS_PATTERN_RANDOM,
     .fill_percent = 75,
     .depth_max = 64,
     .size = {{40, 1, 1}, {20, 2, 8}, {20, 16, 17}, {10, 32, 33}, {10, 64, 65}}},
    {.pattern = MS_PATTERN_HANDOVER, .fill_percent = 50, .size = {{100, 1, 1}}},
    {.pattern = MS_PATTERN_HANDOVER, .fill_percent = 50, .size = {{100, 8, 8}}},
};

enum { RECIPES = sizeof recipes / sizeof *recipes };
static_assert(sizeof infos / sizeof *infos == RECIPES, "each shape has its recipe");

const struct ms_shape_info *ms_stream_shape(const struct ms_catalog *catalog, size_t index)
{
    const struct ms_requests *trace;

    return index < RECIPES ? &infos[index] : ms_catalog_trace(catalog, index - RECIPES, &trace);
}

bool ms_stream_recipe(const struct ms_catalog *catalog, const char *shape, struct ms_recipe *recipe)
{
    const struct ms_shape_info *info;
    const struct ms_requests *trace;

    for (size_t i = 0; i < RECIPES; i++) {
        *recipe = recipes[i];
        if (strcmp(infos[i].name, shape) == 0)
            return true;
    }
    *recipe = (struct ms_recipe){.pattern = MS_PATTERN_TRACE};
    for (size_t i = 0; (info = ms_catalog_trace(catalog, i, &trace)) != NULL; i++) {
        recipe->trace = trace;
        if (strcmp(info->name, shape) == 0)
            return true;
    }
    return false;
}

uint32_t ms_recipe_run_max(const struct ms_recipe *recipe)
{
    uint32_t most = recipe->trace ? recipe->trace->run_max : 0;

    for (size_t i = 0; i < MS_STREAM_SIZES; i++)
        if (recipe->size[i].share && recipe->size[i].last > most)
            most = recipe->size[i].last;
    return most;
}

/* ---- the stream -------------------------------------------------------------------------------
 */

static uint32_t size_draw(const struct ms_recipe *recipe, struct ms_prng *random)
{
    uint32_t ticket = ms_prng_below(random, 100);
    const struct ms_size_class *size = recipe->size;

    while (ticket >= size->share) {
        ticket -= size->share;
        size++;
    }
    return size->first + ms_prng_below(random, size->last - size->first + 1);
}

/* Takes and gives in turn; the slot is the same, so its register is warm. */
static void stream_pair(const struct ms_recipe *recipe, struct ms_stream *stream)
{
    for (uint32_t i = 0; i < MS_STREAM_STEPS; i += 2) {
        stream->step[i] = recipe->size[0].first << MS_STREAM_SLOT_BITS;
        stream->step[i + 1] = 0;
    }
    stream->fill = 0;
}

/* The oldest run makes room for the newest. */
static void stream_fifo(const struct ms_recipe *recipe, struct ms_stream *stream,
                        struct ms_prng *random, uint32_t target, uint32_t depth)
{
    uint32_t slots = target / recipe->size[1].last;

    if (depth && slots > depth)
        slots = depth;
    if (slots == 0)
        slots = 1;
    for (uint32_t i = 0; i < MS_STREAM_STEPS; i++)
        stream->step[i] = i % slots | size_draw(recipe, random) << MS_STREAM_SLOT_BITS;
    stream->fill = slots < MS_STREAM_STEPS ? slots : MS_STREAM_STEPS - 1;
}

/* The slots of a stream under construction: live ones first, free ones behind. */
struct crowd {
    uint32_t *slot;
    uint32_t *run;
    uint32_t live;
    uint32_t sum;
};

/* Ends a random live run; returns its slot. */
static uint32_t crowd_end(struct crowd *crowd, struct ms_prng *random)
{
    uint32_t pick = ms_prng_below(random, crowd->live);
    uint32_t slot = crowd->slot[pick];

    crowd->sum -= crowd->run[slot];
    crowd->live--;
    crowd->slot[pick] = crowd->slot[crowd->live];
    crowd->slot[crowd->live] = slot;
    return slot;
}

static uint32_t crowd_begin(struct crowd *crowd, uint32_t run)
{
    uint32_t slot = crowd->slot[crowd->live++];

    crowd->run[slot] = run;
    crowd->sum += run;
    return slot;
}

/* Random runs end until the next one fits under the target. */
static bool stream_random(const struct ms_recipe *recipe, struct ms_stream *stream,
                          struct ms_prng *random, uint32_t target, uint32_t depth)
{
    struct crowd crowd = {.slot = calloc(stream->slots, sizeof *crowd.slot),
                          .run = calloc(stream->slots, sizeof *crowd.run)};
    bool is_made = crowd.slot && crowd.run;
    uint32_t at = 0;

    stream->fill = 0;
    for (uint32_t i = 0; is_made && i < stream->slots; i++)
        crowd.slot[i] = i;
    while (is_made && at < MS_STREAM_STEPS) {
        uint32_t run = size_draw(recipe, random);

        if (run > target)
            run = target;
        while (at < MS_STREAM_STEPS &&
               (crowd.sum + run > target || (depth && crowd.live == depth))) {
            if (stream->fill == 0)
                stream->fill = at;
            stream->step[at++] = crowd_end(&crowd, random);
        }
        if (at < MS_STREAM_STEPS)
            stream->step[at++] = crowd_begin(&crowd, run) | run << MS_STREAM_SLOT_BITS;
    }
    free(crowd.run);
    free(crowd.slot);
    return is_made;
}

bool ms_stream_open(struct ms_stream *stream, const struct ms_recipe *recipe, uint32_t registers,
                    uint32_t threads)
{
    *stream = (struct ms_stream){.slots = registers / threads + 1};
    for (uint32_t i = 0; recipe->trace && i < recipe->trace->threads; i++)
        if (recipe->trace->thread[i].slots > stream->slots)
            stream->slots = recipe->trace->thread[i].slots;
    stream->step = calloc(MS_STREAM_STEPS, sizeof *stream->step);
    return stream->step != NULL;
}

void ms_stream_drop(struct ms_stream *stream)
{
    free(stream->step);
    stream->step = NULL;
}

/* Over and over: where the trace begins again a slot may still hold a run, which then goes back. More
 * threads than were recorded share them. */
static void stream_replay(const struct ms_requests *trace, struct ms_stream *stream,
                          uint32_t thread)
{
    const struct ms_requests_thread *recorded = &trace->thread[thread % trace->threads];

    for (uint32_t i = 0; i < MS_STREAM_STEPS; i++) {
        struct ms_request request = recorded->step[i % recorded->steps];

        stream->step[i] = request.slot | request.run << MS_STREAM_SLOT_BITS;
    }
    stream->fill =
        recorded->steps < MS_STREAM_STEPS ? recorded->steps : (uint32_t)MS_STREAM_STEPS - 1;
}

bool ms_stream_make(struct ms_stream *stream, const struct ms_recipe *recipe, uint32_t registers,
                    uint32_t threads, uint32_t thread, uint64_t seed)
{
    struct ms_prng random = {seed};
    uint32_t target = registers * recipe->fill_percent / 100 / threads;
    uint32_t depth = (recipe->depth_max + threads - 1) / threads;

    if (target == 0)
        target = 1;
    switch (recipe->pattern) {
    case MS_PATTERN_PAIR:
    case MS_PATTERN_HANDOVER: /* the shadow replays it as pairs */
        stream_pair(recipe, stream);
        return true;
    case MS_PATTERN_FIFO:
        stream_fifo(recipe, stream, &random, target, depth);
        return true;
    case MS_PATTERN_TRACE:
        stream_replay(recipe->trace, stream, thread);
        return true;
    case MS_PATTERN_RANDOM:
        break;
    }
    return stream_random(recipe, stream, &random, target, depth);
}
