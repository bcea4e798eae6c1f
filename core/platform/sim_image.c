/* SPDX-License-Identifier: MIT */
/*
 * sim_image.c: subjects that are dear to make are made once; then each execution begins with a copy.
 *
 * Idea        while an image is in use, what ms_alloc gives (and small ms_reserves) comes from one
 *             arena, a block behind the other. Keeping an image copies the arena's used part; using it
 *             again copies that back, whatever was done meanwhile: plain data, atomics, blocks given
 *             back, executions that broke off anywhere. All images share the arena's addresses, so it
 *             stays in the cache, and a subject has the same addresses each time.
 * Large blocks (physical memory, windows) are the host's and belong to their image for its life. Of those
 *             only atomics come back, by a journal of what each held. Their plain bytes are the owner's
 *             business.
 * Freed       blocks are not given out again in the same execution; they are filled with a pattern, so
 *             whoever still uses one sees nonsense with any compiler, and the address sanitizer says so
 */
#include "platform/sim_state.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    IMAGES_MAX = 512,
    OWNERS_MAX = 64,
    BLOCKS_MAX = 8192, /* of one image */
    LARGE_MAX = 64,    /* blocks beside the arena, of one image */
    GAP = MS_CACHE_LINE,
    EDGES_MAX = 64,    /* an even number */
    ZERO_LEAST = 1024, /* zero bytes in a row that are worth an edge */
    JOURNAL_MAX = 1 << 16,
    FREED_MAX = 256, /* given back in one execution and remembered one by one */
    FREED = 0xDD,
};

struct block {
    uint32_t at;
    uint32_t bytes;
};

struct image {
    const void *owner; /* NULL: none */
    uint32_t number;
    uint32_t blocks;
    struct block *block; /* ascending; behind them the copies: of the arena, of the owner's range */
    size_t used;
    uint32_t edge[EDGES_MAX]; /* of what is zero, by turns where it begins and ends */
    uint32_t edges;
    void *own;
    size_t own_bytes;
    void *local_value; /* main's */
    struct sim_range large[LARGE_MAX];
    uint32_t large_count;
};

static struct image images[IMAGES_MAX];
static uint32_t image_count;
static struct image *current; /* NULL: memory is the host's */
static bool is_making;

uint8_t *sim_arena;
static size_t arena_used, arena_high; /* now; the most since the last copy */
static uint32_t arena_held;           /* blocks that this execution took and has not given back */
static struct block blocks[BLOCKS_MAX];
static uint32_t block_count; /* while an image is made */

/* Which bytes of the arena the address sanitizer lets through: as this image was kept, but for the blocks that
 * were given back since and what was taken behind its end. So little is told to it for each execution. */
static const struct image *poisoned_for; /* NULL: nobody's */
static struct block freed[FREED_MAX];
static uint32_t freed_count; /* above FREED_MAX: more than are remembered */

/* What atomics in the image's large blocks held before, oldest first. No others: stacks and memory that the
 * execution took are somebody else's by the time of the undoing. */
static struct {
    void *address;
    uint64_t value;
    enum ms_sim_width width;
} journal[JOURNAL_MAX];
static uint32_t journal_count;

__attribute__((weak)) void __asan_poison_memory_region(void const volatile *memory, size_t bytes);
__attribute__((weak)) void __asan_unpoison_memory_region(void const volatile *memory, size_t bytes);

static void poison(const void *memory, size_t bytes)
{
    if (__asan_poison_memory_region)
        __asan_poison_memory_region(memory, bytes);
}

static void unpoison(const void *memory, size_t bytes)
{
    if (__asan_unpoison_memory_region)
        __asan_unpoison_memory_region(memory, bytes);
}

/* The library's would ask the sanitizer's shadow about each byte of what is nobody's at this moment. */
SIM_UNWATCHED static void block_fill(uint8_t *memory, uint8_t byte, size_t lines)
{
    typedef uint8_t part __attribute__((vector_size(16), may_alias));
    part value = (part){0} + byte;

    for (part *at = (part *)(void *)memory; lines > 0; lines--, at += 4) {
        at[0] = at[1] = at[2] = at[3] = value;
        __asm__ volatile(
            ""
            :
            :
            : "memory"); /* or compilers see what it is, and call the library all the same */
    }
}

/* --- the arena ----------------------------------------------------------------------------------- */

uint32_t sim_image_held(void)
{
    return current && !is_making ? arena_held : 0;
}

uint32_t sim_image_owner(void)
{
    return !current    ? SIM_IMAGE_NONE
           : is_making ? (uint32_t)(current - images) + 1
                       : SIM_IMAGE_LATE;
}

void *sim_image_alloc(size_t bytes)
{
    size_t rounded = ms_round_up(bytes ? bytes : 1, MS_CACHE_LINE);
    uint8_t *memory;

    if (!current || bytes > rounded || rounded > SIM_ARENA_BYTES - GAP - arena_used)
        return NULL;
    memory = sim_arena + arena_used;
    if (is_making) {
        if (block_count == BLOCKS_MAX)
            return NULL;
        blocks[block_count++] = (struct block){(uint32_t)arena_used, (uint32_t)rounded};
    }
    arena_held += !is_making;
    arena_used += rounded + GAP;
    if (arena_used > arena_high)
        arena_high = arena_used;
    unpoison(memory, rounded);
    block_fill(memory, 0, rounded / MS_CACHE_LINE);
    return memory;
}

void sim_image_free(void *memory, size_t bytes)
{
    size_t rounded = ms_round_up(bytes ? bytes : 1, MS_CACHE_LINE);

    block_fill(memory, FREED, rounded / MS_CACHE_LINE);
    poison(memory, rounded);
    if (current && !is_making && (size_t)((uint8_t *)memory - sim_arena) >= current->used)
        arena_held--;
    if (freed_count < FREED_MAX)
        freed[freed_count] =
            (struct block){(uint32_t)((uint8_t *)memory - sim_arena), (uint32_t)rounded};
    freed_count += freed_count <= FREED_MAX;
    for (uint32_t i = block_count; is_making && i-- > 0;)
        if (sim_arena + blocks[i].at == memory) {
            blocks[i] = blocks[--block_count];
            break;
        }
}

/* --- the journal --------------------------------------------------------------------------------- */

static bool is_in_large(const void *address)
{
    for (uint32_t i = 0; i < current->large_count; i++)
        if ((uintptr_t)address - (uintptr_t)current->large[i].memory < current->large[i].bytes)
            return true;
    return false;
}

void sim_image_note(void *address, enum ms_sim_width width)
{
    if (!current || is_making || journal_count == JOURNAL_MAX || !is_in_large(address))
        return;
    journal[journal_count].address = address;
    journal[journal_count].width = width;
    journal[journal_count++].value = sim_raw_read(address, width);
}

static bool journal_undo(void)
{
    bool is_whole = journal_count < JOURNAL_MAX;

    while (journal_count > 0) {
        journal_count--;
        if (journal[journal_count].width == MS_SIM_U32)
            *(volatile uint32_t *)journal[journal_count].address =
                (uint32_t)journal[journal_count].value;
        else
            *(volatile uint64_t *)journal[journal_count].address = journal[journal_count].value;
    }
    return is_whole;
}

/* --- images -------------------------------------------------------------------------------------- */

static void image_drop(struct image *image)
{
    sim_memory_drop_of((uint32_t)(image - images) + 1);
    free(image->block);
    if (poisoned_for == image)
        poisoned_for = NULL;
    *image = (struct image){0};
}

void ms_sim_image_leave(void)
{
    ms_require(!sim.is_active);
    if (!current)
        return;
    sim_memory_drop_of(SIM_IMAGE_LATE);
    /* One that was never kept, or that changed more than the journal holds, is made anew. */
    if (!journal_undo() || is_making)
        image_drop(current);
    ms_thread_local_set(NULL, NULL);
    current = NULL;
    is_making = false;
}

typedef uint64_t line __attribute__((vector_size(32), aligned(1), may_alias));

/* Lines that are looked at together: what an execution changed is little, and most of the time here is for what is the
 * same. Written out: compilers make three times as many instructions of a loop over them. */
enum { TOGETHER = 8, STRETCH = TOGETHER * sizeof(line) };

__attribute__((always_inline)) SIM_UNWATCHED static inline size_t
stretches_copy_back(uint8_t *to, const uint8_t *from, size_t bytes)
{
    size_t done = 0;

    for (; done + STRETCH <= bytes; done += STRETCH) {
        line *now = (line *)(void *)(to + done);
        const line *was = (const line *)(const void *)(from + done);
        line differs = (now[0] ^ was[0]) | (now[1] ^ was[1]) | (now[2] ^ was[2]) |
                       (now[3] ^ was[3]) | (now[4] ^ was[4]) | (now[5] ^ was[5]) |
                       (now[6] ^ was[6]) | (now[7] ^ was[7]);
        if ((differs[0] | differs[1] | differs[2] | differs[3]) != 0)
            for (size_t k = 0; k < TOGETHER; k++)
                now[k] = was[k];
    }
    return done;
}

/* What was zero needs no copy to be looked at: half as much goes through the cache. */
__attribute__((always_inline)) SIM_UNWATCHED static inline void stretches_clear(uint8_t *to,
                                                                                size_t bytes)
{
    for (size_t done = 0; done < bytes; done += STRETCH) {
        line *now = (line *)(void *)(to + done);
        line any = now[0] | now[1] | now[2] | now[3] | now[4] | now[5] | now[6] | now[7];
        if ((any[0] | any[1] | any[2] | any[3]) != 0)
            for (size_t k = 0; k < TOGETHER; k++)
                now[k] = (line){0};
    }
}

/* The same with what most processors can; chosen once. */
#if defined(__x86_64__)
__attribute__((target("avx2"))) SIM_UNWATCHED static size_t
stretches_copy_back_wide(uint8_t *to, const uint8_t *from, size_t bytes)
{
    return stretches_copy_back(to, from, bytes);
}

__attribute__((target("avx2"))) SIM_UNWATCHED static void stretches_clear_wide(uint8_t *to,
                                                                               size_t bytes)
{
    stretches_clear(to, bytes);
}
#endif

static bool is_wide(void)
{
#if defined(__x86_64__)
    static int known = -1;

    if (known < 0)
        known = ms_cpu_features_get().avx2;
    return known;
#else
    return false;
#endif
}

/* Most of a subject is as it was: stretches that are the same are not written. And a library's copy of this size
 * may take an instruction that some processors are ten times slower with, for some distances between the two. */
SIM_UNWATCHED static void lines_copy_back(uint8_t *to, const uint8_t *from, size_t bytes)
{
    size_t done;

#if defined(__x86_64__)
    if (is_wide())
        done = stretches_copy_back_wide(to, from, bytes);
    else
#endif
        done = stretches_copy_back(to, from, bytes);
    for (; done + sizeof(line) <= bytes; done += sizeof(line))
        *(line *)(void *)(to + done) = *(const line *)(const void *)(from + done);
    for (; done < bytes; done++)
        to[done] = from[done];
}

static void lines_clear(uint8_t *to, size_t bytes)
{
#if defined(__x86_64__)
    if (is_wide()) {
        stretches_clear_wide(to, bytes);
        return;
    }
#endif
    stretches_clear(to, bytes);
}

/* Where the image is zero for whole stretches: between each edge of odd number and the next. Short gaps are copied,
 * and what comes behind the last edge. */
static void edges_find(struct image *image, const uint8_t *copy)
{
    uint32_t zero = 0; /* bytes at the end of what was looked at */

    image->edges = 0;
    for (uint32_t at = 0; at + STRETCH <= image->used && image->edges < EDGES_MAX; at += STRETCH) {
        uint64_t words[STRETCH / sizeof(uint64_t)];
        bool is_zero = true;
        memcpy(words, copy + at, STRETCH);
        for (uint32_t i = 0; i < STRETCH / sizeof(uint64_t); i++)
            is_zero &= words[i] == 0;
        zero = is_zero ? zero + STRETCH : 0;
        if (zero == ZERO_LEAST) {
            image->edge[image->edges++] = at + STRETCH - ZERO_LEAST;
            image->edge[image->edges++] = at + STRETCH;
        } else if (zero > ZERO_LEAST) {
            image->edge[image->edges - 1] = at + STRETCH;
        }
    }
}

static void arena_copy_back(const struct image *image, const uint8_t *copy)
{
    uint32_t at = 0;

    for (uint32_t i = 0; i < image->edges; i += 2) {
        lines_copy_back(sim_arena + at, copy + at, image->edge[i] - at);
        lines_clear(sim_arena + image->edge[i], image->edge[i + 1] - image->edge[i]);
        at = image->edge[i + 1];
    }
    lines_copy_back(sim_arena + at, copy + at, image->used - at);
}

/* What may be touched: the image's blocks, and nothing else of the arena. */
static void poison_restore(const struct image *image)
{
    size_t at = 0;

    if (!__asan_poison_memory_region)
        return;
    if (poisoned_for == image && freed_count <= FREED_MAX) {
        for (uint32_t i = 0; i < freed_count; i++)
            if (freed[i].at < image->used)
                unpoison(sim_arena + freed[i].at, freed[i].bytes);
        at = image->used;
    } else {
        unpoison(sim_arena, image->used);
        for (uint32_t i = 0; i < image->blocks; i++) {
            poison(sim_arena + at, image->block[i].at - at);
            at = image->block[i].at + image->block[i].bytes;
        }
    }
    if (arena_high > at)
        poison(sim_arena + at, arena_high - at);
    poisoned_for = image;
    freed_count = 0;
}

static void image_restore(const struct image *image)
{
    const uint8_t *copy = (const uint8_t *)(image->block + image->blocks);

    arena_copy_back(image, copy);
    poison_restore(image);
    arena_used = arena_high = image->used;
    arena_held = 0;
    lines_copy_back(image->own, copy + image->used, image->own_bytes);
    ms_thread_local_set(image->local_value, NULL);
}

/* What an owner keeps, also when its images had to make room for those of others. */
static struct {
    const void *owner;
    void *own;
    size_t bytes;
} owns[OWNERS_MAX];
static uint32_t own_count;

static void own_note(const void *owner, void *own, size_t bytes)
{
    uint32_t i = 0;

    while (i < own_count && owns[i].owner != owner)
        i++;
    ms_require(i < OWNERS_MAX);
    own_count += i == own_count;
    owns[i].owner = owner;
    owns[i].own = own;
    owns[i].bytes = bytes;
}

/* Whatever of this owner was kept before: each of its subjects is made from nothing. */
static void own_clear(const void *owner)
{
    for (uint32_t i = 0; i < own_count; i++)
        if (owns[i].owner == owner)
            memset(owns[i].own, 0, owns[i].bytes);
}

bool ms_sim_image_use(const void *owner, uint32_t number)
{
    ms_sim_image_leave();
    for (uint32_t i = 0; i < image_count; i++)
        if (images[i].owner == owner && images[i].number == number) {
            current = &images[i];
            image_restore(current);
            return true;
        }
    if (!sim_arena) {
        sim_arena = mmap(NULL, SIM_ARENA_BYTES, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        ms_require(sim_arena != MAP_FAILED);
    }
    own_clear(owner);
    uint32_t place = 0;
    while (place < image_count && images[place].owner)
        place++;
    if (place == IMAGES_MAX) { /* rather all anew than to remember which was used when */
        while (place-- > 0)
            image_drop(&images[place]);
        image_count = place = 0;
    }
    if (place == image_count)
        image_count++;
    current = &images[place];
    *current = (struct image){.owner = owner, .number = number};
    is_making = true;
    block_count = 0;
    arena_used = GAP;
    poison(sim_arena, arena_high);
    poisoned_for = NULL;
    freed_count = 0;
    return false;
}

static int block_order(const void *a, const void *b)
{
    return ((const struct block *)a)->at < ((const struct block *)b)->at ? -1 : 1;
}

void ms_sim_image_keep(void *own, size_t own_bytes)
{
    size_t table = block_count * sizeof *blocks;

    ms_require(current && is_making && !sim.is_active);
    uint8_t *copy = malloc(table + arena_used + own_bytes);
    ms_require(copy != NULL);
    current->block = (struct block *)(void *)copy;
    current->blocks = block_count;
    current->used = arena_used;
    current->own = own;
    current->own_bytes = own_bytes;
    own_note(current->owner, own, own_bytes);
    current->local_value = ms_thread_local_get();
    current->large_count = sim_memory_ranges_of(sim_image_owner(), current->large, LARGE_MAX);
    qsort(blocks, block_count, sizeof *blocks, block_order);
    unpoison(sim_arena, arena_used);
    memcpy(copy, blocks, table);
    memcpy(copy + table, sim_arena, arena_used);
    memcpy(copy + table + arena_used, own, own_bytes);
    edges_find(current, copy + table);
    is_making = false;
    sim.time = 0; /* as when it comes back */
    image_restore(current);
}
