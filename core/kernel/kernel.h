/* SPDX-License-Identifier: MIT */
/*
 * kernel.h: the sliver of NT that DMA code touches: virtual CPUs, IRQL, and what later joins them.
 *
 * A thread that enters a machine becomes one of its virtual CPUs until it leaves or ends. The CPU
 * is what private stock, per-processor counters and IRQL belong to. The one thread-local of the
 * project is the current CPU; a thread may be in one machine at a time and changes machines by
 * entering the other.
 */
#ifndef MS_KERNEL_H
#define MS_KERNEL_H

#include "platform/platform.h"
#include "wdm.h"

struct ms_machine; /* opaque here: floors above own it */
struct ms_memory;  /* likewise; MDL routines find their memory through the current CPU */

enum {
    MS_CPUS_MAX = 64, /* threads inside one machine at a time that have a CPU of their own */
};
#define MS_CPU_NONE UINT32_MAX /* a thread beyond these: works, but owns no private stock */

struct ms_kernel;

/* One virtual CPU; owner: the thread that entered. */
struct ms_cpu {
    struct ms_kernel *kernel; /* const while entered */
    uint32_t index;           /* const: 0 .. MS_CPUS_MAX-1, or MS_CPU_NONE */
    KIRQL irql;               /* owner */
    uint32_t depth;           /* owner; > 0: inside a callback of the interface (adapter floor) */
    uint64_t deferred[5];     /* owner; what the adapter floor postponed to the outermost call */
} __attribute__((aligned(MS_CACHE_LINE)));

/* All virtual CPUs of a machine. */
struct ms_kernel {
    struct ms_machine *machine; /* const after init */
    struct ms_memory *memory;   /* const after init */
    ms_atomic_u64 taken;        /* bit i: cpu[i] belongs to a thread */
    struct ms_cpu cpu[MS_CPUS_MAX];
};

/* Single-threaded. */
void ms_kernel_init(struct ms_kernel *kernel, struct ms_machine *machine, struct ms_memory *memory);

/* The calling thread's CPU in `kernel`; the first call takes one (lock-free), later ones find it.
 */
struct ms_cpu *ms_cpu_enter(struct ms_kernel *kernel);

/* The CPU the calling thread is on, or NULL when it is in no machine. Wait-free. */
struct ms_cpu *ms_cpu_current(void);

/* Gives the calling thread's CPU back; nothing when it has none. Threads that end do so by
 * themselves. Private stock stays with the CPU's number: the next thread to enter there finds it,
 * and draining reaches it. */
void ms_cpu_leave(void);

/* True when nobody is on a CPU of this kernel but, at most, the calling thread. */
bool ms_kernel_is_quiet(const struct ms_kernel *kernel);

#endif
