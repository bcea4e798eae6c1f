/* SPDX-License-Identifier: MIT */
/*
 * failure: which threads had a synchronous request refused last, so that the FreeAdapterObject they call all the
 * same releases nobody else's grant (FRE-08, FRE-18).
 *
 * Idea        an adapter has a word for each CPU: the name of the thread there, if it failed. A name is the CPU's
 *             number and how many threads were there before, so the next thread inherits nothing. A request
 *             carries its asker's name, and whoever grants it forgets the asker's failure.
 *             A thread beyond the CPUs has no such word: it remembers the last adapter that refused it, by the
 *             name of its domain, which no other ever has; of what others grant it meanwhile it learns nothing,
 *             which costs one no-op.
 * Ordering    none: a word is written by its own thread, and by who grants what that thread asked for; nothing is
 *             published by it, and a grant beside a failure is neither before nor after it
 * ABA         a name comes again after 2^26 threads on one CPU; what it leads to is one no-op
 * Progress    wait-free
 */
#include "adapter/grant.h"

enum { CPU_BITS = 6 };
static_assert(MS_CPUS_MAX <= 1 << CPU_BITS, "a CPU's number fits beside its visit");

uint32_t ms_asker_of(const struct ms_cpu *cpu)
{
    if (cpu->index >= MS_CPUS_MAX)
        return 0; /* it has no word of its own */
    return (cpu->visit % (UINT32_MAX >> CPU_BITS) + 1) << CPU_BITS | cpu->index;
}

/* What a thread beyond the CPUs calls the adapter. */
static uint64_t name_of(const struct ms_adapter *adapter)
{
    return ms_load_relaxed(&adapter->home);
}

void ms_failure_note(struct ms_adapter *adapter, struct ms_cpu *cpu)
{
    uint32_t asker = ms_asker_of(cpu);

    if (asker != 0)
        ms_store_relaxed(&adapter->failed[cpu->index], asker);
    else
        cpu->failed = name_of(adapter);
}

bool ms_failure_forget(struct ms_adapter *adapter, uint32_t asker)
{
    uint32_t cpu = asker % (1u << CPU_BITS);

    return asker != 0 && ms_load_relaxed(&adapter->failed[cpu]) == asker &&
           ms_cas_relaxed(&adapter->failed[cpu], &asker, 0);
}

bool ms_failure_forget_own(struct ms_adapter *adapter, struct ms_cpu *cpu)
{
    if (cpu->index < MS_CPUS_MAX)
        return ms_failure_forget(adapter, ms_asker_of(cpu));
    if (cpu->failed != name_of(adapter))
        return false;
    cpu->failed = 0;
    return true;
}
