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

#include "kernel/io_space.h"
#include "kernel/rule.h"
#include "platform/platform.h"
#include "wdm.h"

struct ms_machine; /* opaque here: floors above own it */
struct ms_memory;  /* likewise; MDL routines find their memory through the current CPU */
struct ms_dma;     /* likewise: what IoGetDmaAdapter opens adapters of */
struct ms_wdf;     /* likewise: the objects that handles of the framework name */

/* Threads inside one machine at a time that have a CPU of their own. */
#ifdef MS_SIM
/* One for each of its fibers, its main and one more: pools keep a stock for each, which is brought back and
 * walked in every execution. */
enum { MS_CPUS_MAX = 10 };
#else
enum { MS_CPUS_MAX = 64 };
#endif
#define MS_CPUS_ALL (UINT64_MAX >> (64 - MS_CPUS_MAX)) /* a bit for each */
#define MS_CPU_NONE UINT32_MAX /* a thread beyond these: works, but owns no private stock */

struct ms_kernel;

/* One virtual CPU; owner: the thread that entered. */
struct ms_cpu {
    struct ms_kernel *kernel; /* const while entered */
    uint32_t index;           /* const: 0 .. MS_CPUS_MAX-1, or MS_CPU_NONE */
    KIRQL irql;               /* owner */
    uint32_t locks;           /* owner; spin locks that this thread holds */
    uint32_t depth;           /* owner; > 0: inside a callback of the interface (adapter floor) */
    uint32_t completing;      /* owner; > 0: inside a completion routine, too */
    uint32_t visit;           /* owner; another number for each thread that enters here */
    uint64_t deferred[5];     /* owner; what the adapter floor postponed to the outermost call */
    uint64_t failed; /* owner, beyond MS_CPUS_MAX; the adapter whose refusal it remembers */
} __attribute__((aligned(MS_CACHE_LINE)));

/* What runs later on a thread of its own; see dpc.c. Fields: whoever holds the lock. */
struct ms_late {
    KSPIN_LOCK lock;
    void *first; /* KDPC or work item */
    void *last;
    KTIMER *timers;     /* earliest first; of the DPC thread */
    ms_atomic_u32 rung; /* changes when there is something new: the thread sleeps on it */
    ms_atomic_u32 stop;
    struct ms_thread *thread; /* NULL: nothing was ever queued */
    ms_thread_body *body;     /* its */
    struct ms_kernel *kernel; /* const after init */
};

/* All virtual CPUs of a machine. */
struct ms_kernel {
    struct ms_machine *machine; /* const after init */
    struct ms_memory *memory;   /* const after init */
    struct ms_dma *dma;         /* const after ms_dma_create; NULL: there is none */
    struct ms_wdf *wdf;         /* const after ms_wdf_create; NULL: there is none */
    ms_rule_watch *watch;       /* const while threads are inside; see rule.h */
    void *watch_context;
    ms_atomic_u64 rules_broken;
    ms_atomic_u64 taken;      /* bit i: cpu[i] belongs to a thread */
    struct ms_late dpcs;      /* DPCs and timers, at DISPATCH_LEVEL */
    struct ms_late works;     /* work items, at PASSIVE_LEVEL */
    ms_atomic_u32 unfinished; /* hb:late-idle; of both: queued, or running */
    struct ms_io_space io_space;
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

/* Ends the threads for DPCs, timers and work items, after what is queued has run, and what that queued. Nobody else
 * queues any more. The kernel may be used again after. */
void ms_kernel_stop(struct ms_kernel *kernel);

/* The moment of our clock, in nanoseconds, that a driver's time means (negative: from now on). */
uint64_t ms_moment_of(LARGE_INTEGER time);
/* Signals an event or a timer and wakes who waits; what it was before. */
LONG ms_object_signal(DISPATCHER_HEADER *header);
/* Puts a timer into its place in the list. Under the queue's lock. */
void ms_timer_link(struct ms_late *late, KTIMER *timer, uint64_t due);

#endif
