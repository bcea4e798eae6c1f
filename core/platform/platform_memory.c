/* SPDX-License-Identifier: MIT */
/*
 * platform_memory.c: memory of the host: the same for real threads and for the simulator.
 *
 * Every taking is a fault point. In the simulator memory that changes hands forgets its past: what
 * another thread did to the former owner's bytes must not look like a race with the next one's.
 */
#include "platform/platform.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef MS_SIM
#include "platform/sim_state.h"

/* What an execution that broke off leaves behind cannot be taken down in order: it is dropped as a
 * whole. So everything taken is remembered, with the image it belongs to. */
enum taken_kind { TAKEN_ALLOC, TAKEN_RESERVE, TAKEN_HOST };
enum {
    TAKEN_MAX = 16384,
    SMALL_BYTES = 32 * 1024 /* reserves up to here are copied with an image */
};

static struct {
    void *memory;
    size_t bytes;
    int handle;
    enum taken_kind kind;
    uint32_t image;
} taken[TAKEN_MAX];
static uint32_t taken_count;
static uint32_t late_count; /* of them, those that an execution took beside its image */

static void *remember(void *memory, size_t bytes, enum taken_kind kind, int handle)
{
    if (memory) {
        ms_require(taken_count < TAKEN_MAX);
        taken[taken_count].memory = memory;
        taken[taken_count].bytes = bytes;
        taken[taken_count].handle = handle;
        taken[taken_count].kind = kind;
        taken[taken_count].image = sim_image_owner();
        late_count += taken[taken_count++].image == SIM_IMAGE_LATE;
    }
    return memory;
}

/* False: it stays, for the image it belongs to will be used again. */
static bool forget(const void *memory, size_t bytes)
{
    bool is_given_back = true;

    /* What is in the arena was never remembered here. */
    for (uint32_t i = sim_image_holds(memory) ? 0 : taken_count; memory && i-- > 0;)
        if (taken[i].memory == memory) {
            is_given_back = taken[i].image == sim_image_owner() || taken[i].image == SIM_IMAGE_NONE;
            if (!is_given_back)
                break;
            late_count -= taken[i].image == SIM_IMAGE_LATE;
            taken[i] = taken[--taken_count];
            break;
        }
    if (sim.current) {
        sim_memory_forget(memory, bytes);
        sim_race_forget(memory, bytes);
    }
    return is_given_back;
}

uint32_t sim_memory_ranges_of(uint32_t image, struct sim_range *ranges, uint32_t max)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < taken_count; i++)
        if (taken[i].image == image) {
            ms_require(count < max);
            ranges[count++] = (struct sim_range){taken[i].memory, taken[i].bytes};
        }
    return count;
}

/* Large memory goes. True: it stays mapped, for the next one (sim_spare.c); else nothing is shown there any more. */
static bool is_kept_mapped(void *memory, uint64_t bytes)
{
    if (sim_spare_give(memory, bytes))
        return true;
    sim_view_forget(memory, bytes);
    return false;
}

void sim_memory_drop_of(uint32_t image)
{
    for (uint32_t i = taken_count; i-- > 0;) {
        if (image == SIM_IMAGE_LATE && late_count == 0)
            return;
        if (taken[i].image != image)
            continue;
        late_count -= image == SIM_IMAGE_LATE;
        if (taken[i].kind == TAKEN_ALLOC)
            free(taken[i].memory);
        else if (!is_kept_mapped(taken[i].memory, taken[i].bytes)) {
            munmap(taken[i].memory, taken[i].bytes);
            if (taken[i].kind == TAKEN_HOST)
                close(taken[i].handle);
        }
        taken[i] = taken[--taken_count];
    }
}

uint32_t ms_sim_memory_held(void)
{
    uint32_t count = late_count + sim_image_held();

    for (uint32_t i = 0; i < taken_count; i++)
        count += taken[i].image == SIM_IMAGE_NONE;
    return count;
}

void ms_sim_memory_drop(void)
{
    ms_sim_image_leave();
    sim_memory_drop_of(SIM_IMAGE_NONE);
}
#else
enum taken_kind { TAKEN_ALLOC, TAKEN_RESERVE, TAKEN_HOST };

static bool is_kept_mapped(void *memory, uint64_t bytes)
{
    (void)memory, (void)bytes;
    return false;
}

static void *remember(void *memory, size_t bytes, enum taken_kind kind, int handle)
{
    (void)bytes, (void)kind, (void)handle;
    return memory;
}

static bool forget(const void *memory, size_t bytes)
{
    (void)memory, (void)bytes;
    return true;
}
#endif

void *ms_alloc(size_t bytes)
{
    void *memory = NULL;
    size_t rounded = ms_round_up(bytes ? bytes : 1, MS_CACHE_LINE);

    if (bytes > rounded || ms_fault_here())
        return NULL;
#ifdef MS_SIM
    void *copied = sim_image_alloc(bytes);
    if (copied)
        return copied;
#endif
    if (posix_memalign(&memory, MS_CACHE_LINE, rounded) != 0)
        return NULL;
    return remember(memset(memory, 0, rounded), rounded, TAKEN_ALLOC, -1);
}

void ms_free(void *memory, size_t bytes)
{
    if (!memory || !forget(memory, bytes))
        return;
#ifdef MS_SIM
    if (sim_image_holds(memory)) {
        sim_image_free(memory, bytes);
        return;
    }
#endif
    free(memory);
}

#ifdef MS_SIM
/* What images own stays with them: only what comes and goes is worth keeping for the next one. */
static bool is_passing(void)
{
    return sim_image_owner() == SIM_IMAGE_NONE || sim_image_owner() == SIM_IMAGE_LATE;
}
#endif

static void *reserve(size_t bytes, bool is_usable)
{
    /* Addresses, and that nobody can use them: either may be refused. */
    if (ms_fault_here() || (!is_usable && ms_fault_here()))
        return NULL;
#ifdef MS_SIM
    void *copied = is_usable && bytes <= SMALL_BYTES ? sim_image_alloc(bytes) : NULL;
    if (copied)
        return copied;
    void *spare = is_passing() ? sim_spare_take(bytes, !is_usable) : NULL;
    if (spare)
        return remember(spare, bytes, TAKEN_RESERVE, -1);
#endif
    void *memory = mmap(NULL, bytes, is_usable ? PROT_READ | PROT_WRITE : PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : remember(memory, bytes, TAKEN_RESERVE, -1);
}

void *ms_reserve(size_t bytes)
{
    return reserve(bytes, true);
}

void *ms_reserve_hidden(size_t bytes)
{
    return reserve(bytes, false);
}

void ms_unreserve(void *memory, size_t bytes)
{
    if (!memory || !forget(memory, bytes))
        return;
#ifdef MS_SIM
    if (sim_image_holds(memory)) {
        sim_image_free(memory, bytes);
        return;
    }
#endif
    ms_require(is_kept_mapped(memory, bytes) || munmap(memory, bytes) == 0);
}

bool ms_host_memory_create(struct ms_host_memory *memory, uint64_t bytes)
{
    if (ms_fault_here())
        return false;
#ifdef MS_SIM
    if (is_passing() && sim_spare_memory_take(memory, bytes)) {
        remember(memory->base, bytes, TAKEN_HOST, memory->handle);
        return true;
    }
#endif
    memory->handle = memfd_create("mapstorm physical memory", MFD_CLOEXEC);
    if (memory->handle < 0)
        return false;
    if (ftruncate(memory->handle, (off_t)bytes) != 0)
        goto undo_handle;
    memory->base =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, memory->handle, 0);
    if (memory->base == MAP_FAILED)
        goto undo_handle;
    memory->bytes = bytes;
    remember(memory->base, bytes, TAKEN_HOST, memory->handle);
    return true;

undo_handle:
    close(memory->handle);
    return false;
}

void ms_host_memory_destroy(struct ms_host_memory *memory)
{
    if (forget(memory->base, memory->bytes) && !is_kept_mapped(memory->base, memory->bytes)) {
        ms_require(munmap(memory->base, memory->bytes) == 0);
        close(memory->handle);
    }
    memory->base = NULL;
}

bool ms_host_memory_view(struct ms_host_memory *memory, uint64_t offset, void *address,
                         uint64_t bytes)
{
    ms_assert(offset + bytes <= memory->bytes);
    if (ms_fault_here())
        return false;
#ifdef MS_SIM
    return sim_view_show(memory, offset, address, bytes);
#else
    return mmap(address, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE,
                memory->handle, (off_t)offset) == address;
#endif
}

bool ms_host_memory_unview(void *address, uint64_t bytes)
{
#ifdef MS_SIM
    sim_view_forget(address, bytes);
#endif
    return mmap(address, bytes, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == address;
}

bool ms_host_memory_hide(void *address, uint64_t bytes)
{
#ifdef MS_SIM
    if (sim_view_hide(address, bytes))
        return true;
#endif
    return mmap(address, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE,
                -1, 0) == address;
}

void ms_host_memory_discard(struct ms_host_memory *memory, uint64_t offset, uint64_t bytes)
{
    /* A failure only keeps the pages: the caller may not rely on zeros from a host without holes.
     */
    if (fallocate(memory->handle, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
                  (off_t)bytes) != 0)
        memset(memory->base + offset, 0, bytes);
#ifdef MS_SIM
    sim_spare_discarded(memory->base);
#endif
}

bool ms_host_protect(void *address, size_t bytes, bool usable)
{
    return mprotect(address, bytes, usable ? PROT_READ | PROT_WRITE : PROT_NONE) == 0;
}
