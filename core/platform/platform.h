/* SPDX-License-Identifier: MIT */
/*
 * platform.h: the seam to the host: threads or the simulator, clock, memory, CPU features, faults.
 * platform_threads.c implements it on a real Linux; another file may implement it as a simulator.
 * Nothing above this floor calls the operating system.
 */
#ifndef MS_PLATFORM_H
#define MS_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/atomic.h"
#include "platform/bits.h"
#include "platform/check.h"

/* --- memory for our own state --- */

/* Zeroed memory on a cache line boundary, or NULL. A fault point: see ms_fault_arm. Not for paths
 * that must be lock-free: only set-up, tear-down and tests call it. */
void *ms_alloc(size_t bytes);
void ms_free(void *memory, size_t bytes);

/* Reserves `bytes` of zeroed address space whose pages exist only once touched, or NULL. */
void *ms_reserve(size_t bytes);
/* Address space that nobody can touch but where something is mapped into it. */
void *ms_reserve_hidden(size_t bytes);
void ms_unreserve(void *memory, size_t bytes);

/* --- fault points: every taking of something can be made to fail --- */

/* Arms the calling thread: its `countdown`-th passage (0 = the next) of any fault point fails,
 * once. UINT32_MAX disarms. Tests walk countdown from 0 until a call passes untouched. */
void ms_fault_arm(uint32_t countdown);
/* Called by everything that takes something; true means: behave as if there were none left. */
bool ms_fault_here(void);
/* True when the armed fault has fired since ms_fault_arm. */
bool ms_fault_fired(void);

/* --- emulated physical memory --- */

/* A memory object of `bytes`, committed only where touched, mapped once as a whole (`base`); parts
 * of it can be mapped again elsewhere, so one page has several addresses. */
struct ms_host_memory {
    int handle; /* const after create */
    uint8_t *base;
    uint64_t bytes;
};

bool ms_host_memory_create(struct ms_host_memory *memory, uint64_t bytes);
void ms_host_memory_destroy(struct ms_host_memory *memory);
/* Maps `bytes` at `offset` of the object also at `address` (inside an ms_reserve'd range); both are
 * page-aligned. False when the host refuses. */
bool ms_host_memory_view(struct ms_host_memory *memory, uint64_t offset, void *address,
                         uint64_t bytes);
/* Views made between these two may become usable together, at the end; false: the host refuses. Only the simulator,
 * which shows the same frames again and again, has something to do. */
#ifdef MS_SIM
void ms_host_views_begin(void);
bool ms_host_views_end(void);
#else
static inline void ms_host_views_begin(void)
{
}
static inline bool ms_host_views_end(void)
{
    return true;
}
#endif
/* Undoes ms_host_memory_view: the range is reserved, zero and empty again. */
bool ms_host_memory_unview(void *address, uint64_t bytes);
/* The same, and nobody can touch the range until the next view: one call of the host instead of two. */
bool ms_host_memory_hide(void *address, uint64_t bytes);
/* Gives the host its pages back; they read as zero afterwards. */
void ms_host_memory_discard(struct ms_host_memory *memory, uint64_t offset, uint64_t bytes);
/* Makes a page-aligned range unreadable and unwritable (guard pages in tests), or usable again. */
bool ms_host_protect(void *address, size_t bytes, bool usable);

/* --- threads --- */

struct ms_thread;
typedef void ms_thread_body(void *context);

/* Starts a thread, or NULL. */
struct ms_thread *ms_thread_start(ms_thread_body *body, void *context);
void ms_thread_join(struct ms_thread *thread);
void ms_thread_yield(void);

/* One pointer per thread, owned by the kernel floor (the current virtual CPU), and what to call
 * with it when the thread ends. */
void *ms_thread_local_get(void);
void ms_thread_local_set(void *value, void (*at_exit)(void *value));

/* Sleeps while *word == seen, at most `nanoseconds` (UINT64_MAX: no limit); may wake for nothing.
 * False on time-out. Wakes wake up to `count` sleepers. Never used by a lock-free operation. */
bool ms_wait(const ms_atomic_u32 *word, uint32_t seen, uint64_t nanoseconds);
void ms_wake(const ms_atomic_u32 *word, uint32_t count);

/* The heavy side of an asymmetric fence: when it returns, every other thread of the process has
 * passed a full fence. Pairs with ms_fence_compiler() on the light side. False when the host has
 * none (then light sides must not rely on it). */
bool ms_fence_asymmetric_heavy(void);
bool ms_has_asymmetric_fence(void);

/* Nanoseconds from some fixed point; only forward. */
uint64_t ms_clock_ns(void);

/* --- what the processor can do --- */

struct ms_cpu_features {
    bool avx2;   /* with BMI1/BMI2, and the OS saves the registers */
    bool avx512; /* F, BW, DQ, VL, VBMI, VBMI2, and the OS saves the registers */
};

struct ms_cpu_features ms_cpu_features_get(void);

#endif
