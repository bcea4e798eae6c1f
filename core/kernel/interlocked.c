/* SPDX-License-Identifier: MIT */
/*
 * interlocked.c: the read-modify-writes that drivers use on their own words.
 *
 * Idea        a driver's LONG is taken for an atomic of ours: same size, same alignment, one field. So its
 *             source stays as it is, and in the simulator each call is a switch point like our own.
 * Ordering    sequentially consistent, as Windows' full fences are; they order the driver's memory, not ours
 * Progress    wait-free
 */
#include "kernel/kernel.h"

static_assert(sizeof(ms_atomic_u32) == sizeof(LONG) && sizeof(ms_atomic_u64) == sizeof(LONGLONG) &&
                  sizeof(ms_atomic_ptr) == sizeof(PVOID),
              "a driver's word is an atomic");

static ms_atomic_u32 *word_of(LONG volatile *word)
{
    return (ms_atomic_u32 *)(uintptr_t)word;
}

static ms_atomic_u64 *long_of(LONGLONG volatile *word)
{
    return (ms_atomic_u64 *)(uintptr_t)word;
}

static ms_atomic_ptr *pointer_of(PVOID volatile *word)
{
    return (ms_atomic_ptr *)(uintptr_t)word;
}

LONG InterlockedIncrement(LONG volatile *Addend)
{
    return (LONG)(ms_fetch_add_seq_cst(word_of(Addend), 1) + 1);
}

LONG InterlockedDecrement(LONG volatile *Addend)
{
    return (LONG)(ms_fetch_add_seq_cst(word_of(Addend), UINT32_MAX) - 1);
}

LONG InterlockedExchange(LONG volatile *Target, LONG Value)
{
    return (LONG)ms_exchange_seq_cst(word_of(Target), (uint32_t)Value);
}

LONG InterlockedExchangeAdd(LONG volatile *Addend, LONG Value)
{
    return (LONG)ms_fetch_add_seq_cst(word_of(Addend), (uint32_t)Value);
}

LONG InterlockedCompareExchange(LONG volatile *Target, LONG Exchange, LONG Comparand)
{
    uint32_t seen = (uint32_t)Comparand;

    (void)ms_cas_seq_cst(word_of(Target), &seen, (uint32_t)Exchange);
    return (LONG)seen;
}

LONG InterlockedOr(LONG volatile *Target, LONG Value)
{
    return (LONG)ms_fetch_or_seq_cst(word_of(Target), (uint32_t)Value);
}

LONG InterlockedAnd(LONG volatile *Target, LONG Value)
{
    return (LONG)ms_fetch_and_seq_cst(word_of(Target), (uint32_t)Value);
}

LONGLONG InterlockedIncrement64(LONGLONG volatile *Addend)
{
    return (LONGLONG)(ms_fetch_add_seq_cst(long_of(Addend), 1) + 1);
}

LONGLONG InterlockedDecrement64(LONGLONG volatile *Addend)
{
    return (LONGLONG)(ms_fetch_add_seq_cst(long_of(Addend), UINT64_MAX) - 1);
}

LONGLONG InterlockedExchange64(LONGLONG volatile *Target, LONGLONG Value)
{
    return (LONGLONG)ms_exchange_seq_cst(long_of(Target), (uint64_t)Value);
}

LONGLONG InterlockedExchangeAdd64(LONGLONG volatile *Addend, LONGLONG Value)
{
    return (LONGLONG)ms_fetch_add_seq_cst(long_of(Addend), (uint64_t)Value);
}

LONGLONG InterlockedCompareExchange64(LONGLONG volatile *Destination, LONGLONG Exchange,
                                      LONGLONG Comparand)
{
    uint64_t seen = (uint64_t)Comparand;

    (void)ms_cas_seq_cst(long_of(Destination), &seen, (uint64_t)Exchange);
    return (LONGLONG)seen;
}

PVOID InterlockedExchangePointer(PVOID volatile *Target, PVOID Value)
{
    return ms_exchange_seq_cst(pointer_of(Target), Value);
}

PVOID InterlockedCompareExchangePointer(PVOID volatile *Target, PVOID Exchange, PVOID Comparand)
{
    (void)ms_cas_seq_cst(pointer_of(Target), &Comparand, Exchange);
    return Comparand;
}

VOID KeMemoryBarrier(VOID)
{
    ms_fence_seq_cst();
}
