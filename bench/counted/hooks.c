/* SPDX-License-Identifier: MIT */
/*
 * hooks.c: the functions a compiler calls at each access of code built with -fsanitize=thread. The detector's
 * own library is not linked: here they count, and do the atomic operations themselves.
 *
 * The names are the compiler's; ours stand in C and theirs in the object, so that neither's idea of their
 * types is in the other's way. Every order is carried out as sequentially consistent: one thread counts.
 */
#include "counted/hooks.h"

#include <stdatomic.h>
#include <string.h>

#define HOOK(result, name, ...)                                                                    \
    result hook_##name(__VA_ARGS__) __asm__("__tsan_" #name);                                      \
    result hook_##name(__VA_ARGS__)

HOOK(void, init, void)
{
}

HOOK(void, func_entry, void *caller)
{
    (void)caller;
}

HOOK(void, func_exit, void)
{
}

#define PLAIN(name, bytes, writes)                                                                 \
    HOOK(void, name, void *at)                                                                     \
    {                                                                                              \
        ms_counting_access(at, bytes, writes);                                                     \
    }
PLAIN(read1, 1, false)
PLAIN(read2, 2, false)
PLAIN(read4, 4, false)
PLAIN(read8, 8, false)
PLAIN(read16, 16, false)
PLAIN(write1, 1, true)
PLAIN(write2, 2, true)
PLAIN(write4, 4, true)
PLAIN(write8, 8, true)
PLAIN(write16, 16, true)
PLAIN(unaligned_read2, 2, false)
PLAIN(unaligned_read4, 4, false)
PLAIN(unaligned_read8, 8, false)
PLAIN(unaligned_read16, 16, false)
PLAIN(unaligned_write2, 2, true)
PLAIN(unaligned_write4, 4, true)
PLAIN(unaligned_write8, 8, true)
PLAIN(unaligned_write16, 16, true)

HOOK(void, read_range, void *at, size_t bytes)
{
    ms_counting_access(at, bytes, false);
}

HOOK(void, write_range, void *at, size_t bytes)
{
    ms_counting_access(at, bytes, true);
}

/* Compilers differ in whether they ask for these or for the library's own, which nobody counts. */
HOOK(void *, memset, void *at, int byte, size_t bytes)
{
    ms_counting_access(at, bytes, true);
    return memset(at, byte, bytes);
}

HOOK(void *, memcpy, void *to, const void *from, size_t bytes)
{
    ms_counting_access(from, bytes, false);
    ms_counting_access(to, bytes, true);
    return memcpy(to, from, bytes);
}

HOOK(void *, memmove, void *to, const void *from, size_t bytes)
{
    ms_counting_access(from, bytes, false);
    ms_counting_access(to, bytes, true);
    return memmove(to, from, bytes);
}

HOOK(void, atomic_thread_fence, int order)
{
    (void)order;
    atomic_thread_fence(memory_order_seq_cst);
}

HOOK(void, atomic_signal_fence, int order)
{
    (void)order;
    atomic_signal_fence(memory_order_seq_cst);
}

#define MODIFY(bits, name)                                                                         \
    HOOK(uint##bits##_t, atomic##bits##_##name, volatile uint##bits##_t *at, uint##bits##_t value, \
         int order)                                                                                \
    {                                                                                              \
        (void)order;                                                                               \
        ms_counting_modify(at, bits / 8);                                                          \
        return atomic_##name((_Atomic(uint##bits##_t) *)at, value);                                \
    }

/* Returns whether it stored; *expected is what was seen. */
#define EXCHANGE_IF(bits, name)                                                                    \
    HOOK(int, atomic##bits##_compare_exchange_##name, volatile uint##bits##_t *at,                 \
         uint##bits##_t *expected, uint##bits##_t value, int order, int failed)                    \
    {                                                                                              \
        bool has_stored =                                                                          \
            atomic_compare_exchange_strong((_Atomic(uint##bits##_t) *)at, expected, value);        \
                                                                                                   \
        (void)order, (void)failed;                                                                 \
        ms_counting_cas(at, bits / 8, has_stored);                                                 \
        return has_stored;                                                                         \
    }

#define ATOMIC(bits)                                                                               \
    HOOK(uint##bits##_t, atomic##bits##_load, const volatile uint##bits##_t *at, int order)        \
    {                                                                                              \
        (void)order;                                                                               \
        ms_counting_access(at, bits / 8, false);                                                   \
        return atomic_load((const _Atomic(uint##bits##_t) *)at);                                   \
    }                                                                                              \
    HOOK(void, atomic##bits##_store, volatile uint##bits##_t *at, uint##bits##_t value, int order) \
    {                                                                                              \
        (void)order;                                                                               \
        ms_counting_access(at, bits / 8, true);                                                    \
        atomic_store((_Atomic(uint##bits##_t) *)at, value);                                        \
    }                                                                                              \
    MODIFY(bits, exchange)                                                                         \
    MODIFY(bits, fetch_add)                                                                        \
    MODIFY(bits, fetch_sub)                                                                        \
    MODIFY(bits, fetch_or)                                                                         \
    MODIFY(bits, fetch_and)                                                                        \
    MODIFY(bits, fetch_xor)                                                                        \
    EXCHANGE_IF(bits, strong)                                                                      \
    EXCHANGE_IF(bits, weak)                                                                        \
    HOOK(uint##bits##_t, atomic##bits##_compare_exchange_val, volatile uint##bits##_t *at,         \
         uint##bits##_t expected, uint##bits##_t value, int order, int failed)                     \
    {                                                                                              \
        hook_atomic##bits##_compare_exchange_strong(at, &expected, value, order, failed);          \
        return expected;                                                                           \
    }

ATOMIC(8)
ATOMIC(16)
ATOMIC(32)
ATOMIC(64)
