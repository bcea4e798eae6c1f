/* SPDX-License-Identifier: MIT */
/*
 * cpu.c: threads become virtual CPUs of a machine, and IRQL, which belongs to them.
 *
 * Idea        one 64-bit word has a bit per CPU; entering sets the lowest clear bit, leaving
 *             clears it.
 * Invariants  I1 cpu[i] is touched only by the thread whose CAS set bit i, until it clears it
 * Ordering    hb:cpu-handover leave clears the bit with release; enter takes it with acquire, so
 *             the next thread sees the last one's plain writes (its private stock among them)
 * ABA         harmless: the word alone says who is in; nothing is inferred from its history
 * Progress    enter and leave are lock-free: a failed CAS means another thread entered or left
 */
#include "kernel/kernel.h"

void ms_kernel_init(struct ms_kernel *kernel, struct ms_machine *machine, struct ms_memory *memory)
{
    kernel->machine = machine;
    kernel->memory = memory;
    kernel->dma = NULL;
    kernel->wdf = NULL;
    ms_rules_watch(kernel, NULL, NULL);
    ms_init(&kernel->rules_broken, 0);
    ms_init(&kernel->taken, 0);
    kernel->dpcs = kernel->works = (struct ms_late){.kernel = kernel};
    ms_init(&kernel->unfinished, 0);
    for (uint32_t i = 0; i < MS_CPUS_MAX; i++)
        kernel->cpu[i] = (struct ms_cpu){.kernel = kernel, .index = i, .irql = PASSIVE_LEVEL};
}

static uint32_t cpu_claim(struct ms_kernel *kernel)
{
    uint64_t seen = ms_load_relaxed(&kernel->taken); /* a guess: the CAS decides */

    while (~seen & MS_CPUS_ALL) {
        uint32_t index = ms_bit_lowest(~seen);
        /* hb:cpu-handover, acquire: the last owner's plain writes to cpu[index] precede ours. */
        if (ms_cas_acquire(&kernel->taken, &seen, seen | (UINT64_C(1) << index)))
            return index;
    }
    return MS_CPU_NONE;
}

static void cpu_at_thread_exit(void *value)
{
    struct ms_cpu *cpu = value;

    cpu->irql = PASSIVE_LEVEL;
    if (cpu->index == MS_CPU_NONE) {
        ms_free(cpu, sizeof *cpu);
        return;
    }
    /* hb:cpu-handover, release: see cpu_claim. */
    ms_fetch_and_release(&cpu->kernel->taken, ~(UINT64_C(1) << cpu->index));
}

struct ms_cpu *ms_cpu_current(void)
{
    return ms_thread_local_get();
}

void ms_cpu_leave(void)
{
    struct ms_cpu *cpu = ms_cpu_current();

    if (!cpu)
        return;
    ms_thread_local_set(NULL, NULL);
    cpu_at_thread_exit(cpu);
}

static struct ms_cpu *cpu_enter_new(struct ms_kernel *kernel)
{
    struct ms_cpu *cpu;

    ms_cpu_leave(); /* a thread is in one machine at a time */
    uint32_t index = cpu_claim(kernel);
    if (index != MS_CPU_NONE) {
        cpu = &kernel->cpu[index];
        cpu->visit++;
    } else {
        /* More threads than CPUs: this one gets IRQL of its own and no private stock. */
        cpu = ms_alloc(sizeof *cpu);
        ms_require(cpu != NULL);
        *cpu = (struct ms_cpu){.kernel = kernel, .index = MS_CPU_NONE, .irql = PASSIVE_LEVEL};
    }
    ms_thread_local_set(cpu, cpu_at_thread_exit);
    return cpu;
}

struct ms_cpu *ms_cpu_enter(struct ms_kernel *kernel)
{
    struct ms_cpu *cpu = ms_cpu_current();

    if (MS_LIKELY(cpu && cpu->kernel == kernel))
        return cpu;
    return cpu_enter_new(kernel);
}

bool ms_kernel_is_quiet(const struct ms_kernel *kernel)
{
    struct ms_cpu *cpu = ms_cpu_current();
    uint64_t own =
        cpu && cpu->kernel == kernel && cpu->index != MS_CPU_NONE ? UINT64_C(1) << cpu->index : 0;

    /* Relaxed: a question about this moment. Who goes on to take the kernel down is ordered behind the others'
     * leaving by what told him of it: he joined them, or they said so. */
    return (ms_load_relaxed(&kernel->taken) & ~own) == 0;
}

KIRQL KeGetCurrentIrql(VOID)
{
    struct ms_cpu *cpu = ms_cpu_current();

    return cpu ? cpu->irql : PASSIVE_LEVEL;
}

KIRQL KfRaiseIrql(KIRQL NewIrql)
{
    struct ms_cpu *cpu = ms_cpu_current();
    KIRQL old = KeGetCurrentIrql();

    if (cpu)
        cpu->irql = NewIrql;
    return old;
}

KIRQL KeRaiseIrqlToDpcLevel(VOID)
{
    return KfRaiseIrql(DISPATCH_LEVEL);
}

VOID KeLowerIrql(KIRQL NewIrql)
{
    struct ms_cpu *cpu = ms_cpu_current();

    if (cpu)
        cpu->irql = NewIrql;
}
