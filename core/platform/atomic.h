/* SPDX-License-Identifier: MIT */
/*
 * atomic.h: the only way core touches memory that several threads share.
 *
 * Idea        an atomic is a one-field struct, so a bare `x = 1` or `x++` does not compile; each
 *             access is a call that names its memory order.
 * Types       ms_atomic_u32, ms_atomic_u64, ms_atomic_ptr; never structs (padding breaks CAS)
 * Names       ms_<operation>_<order>(&atomic, ...): load, store, exchange, cas, fetch_add,
 *             fetch_sub, fetch_or, fetch_and. cas is strong: it returns true when it stored, else it
 *             puts the value seen into *expected (acquire at least where success acquires).
 * Builds      here each call is the C17 operation itself. With MS_SIM the same names come from
 *             atomic_sim.h, where each call is a switch point of the simulator.
 * Progress    every operation is wait-free on x86-64 and lock-free wherever C17 says it is always
 *             lock-free, which is asserted below.
 */
#ifndef MS_ATOMIC_H
#define MS_ATOMIC_H

#ifdef MS_SIM
#include "platform/atomic_sim.h"
#else

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_LLONG_LOCK_FREE == 2 &&
                  ATOMIC_POINTER_LOCK_FREE == 2,
              "mapstorm needs atomics that are always lock-free");

typedef struct {
    _Atomic(uint32_t) value;
} ms_atomic_u32;

typedef struct {
    _Atomic(uint64_t) value;
} ms_atomic_u64;

typedef struct {
    _Atomic(void *) value;
} ms_atomic_ptr;

static inline uint32_t ms_load_relaxed_u32(const ms_atomic_u32 *a)
{
    return atomic_load_explicit(&a->value, memory_order_relaxed);
}

static inline uint32_t ms_load_acquire_u32(const ms_atomic_u32 *a)
{
    return atomic_load_explicit(&a->value, memory_order_acquire);
}

static inline uint32_t ms_load_seq_cst_u32(const ms_atomic_u32 *a)
{
    return atomic_load_explicit(&a->value, memory_order_seq_cst);
}

static inline void ms_store_relaxed_u32(ms_atomic_u32 *a, uint32_t v)
{
    atomic_store_explicit(&a->value, v, memory_order_relaxed);
}

static inline void ms_store_release_u32(ms_atomic_u32 *a, uint32_t v)
{
    atomic_store_explicit(&a->value, v, memory_order_release);
}

static inline void ms_store_seq_cst_u32(ms_atomic_u32 *a, uint32_t v)
{
    atomic_store_explicit(&a->value, v, memory_order_seq_cst);
}

static inline uint32_t ms_exchange_relaxed_u32(ms_atomic_u32 *a, uint32_t v)
{
    return atomic_exchange_explicit(&a->value, v, memory_order_relaxed);
}

static inline bool ms_cas_relaxed_u32(ms_atomic_u32 *a, uint32_t *expected, uint32_t v)
{
    return atomic_compare_exchange_strong_explicit(&a->value, expected, v, memory_order_relaxed,
                                                   memory_order_relaxed);
}

static inline uint32_t ms_fetch_add_relaxed_u32(ms_atomic_u32 *a, uint32_t v)
{
    return atomic_fetch_add_explicit(&a->value, v, memory_order_relaxed);
}

static inline uint32_t ms_fetch_sub_relaxed_u32(ms_atomic_u32 *a, uint32_t v)
{
    return atomic_fetch_sub_explicit(&a->value, v, memory_order_relaxed);
}

static inline uint32_t ms_fetch_or_relaxed_u32(ms_atomic_u32 *a, uint32_t v)
{
    return atomic_fetch_or_explicit(&a->value, v, memory_order_relaxed);
}

static inline uint32_t ms_fetch_and_relaxed_u32(ms_atomic_u32 *a, uint32_t v)
{
    return atomic_fetch_and_explicit(&a->value, v, memory_order_relaxed);
}

static inline uint32_t ms_exchange_acquire_u32(ms_atomic_u32 *a, uint32_t v)
{
    return atomic_exchange_explicit(&a->value, v, memory_order_acquire);
}

static inline bool ms_cas_acquire_u32(ms_atomic_u32 *a, uint32_t *expected, uint32_t v)
{
    return atomic_compare_exchange_strong_explicit(&a->value, expected, v, memory_order_acquire,
                                                   memory_order_acquire);
}

static inline uint32_t ms_fetch_add_acquire_u32(ms_atomic_u32 *a, uint32_t v)
{
    return atomic_fetch_add_explicit(&a->value, v, memory_order_acquire);
}

static inline uint32_t ms_fetch_sub_acquire_u32(ms_atomic_u32 *a, uint32_t v)
{
    return atomic_fetch_sub_explicit(&a->value, v, memory_order_acquire);
}

static inline uint32_t ms_fetch_or_acquire_u32(ms_atomic_u32 *a, uint32_t v)
{
    return atomic_fetch_or_explicit(&a->value, v, memory_order_acquire);
}

static inline uint32_t ms_fetch_and_acquire_u32(ms_atomic_u32 *a, uint32_t v)
{
    return atomic_fetch_and_explicit(&a->value, v, memory_order_acquire);
}

static inline uint32_t ms_exchange_release_u32(ms_atomic_u32 *a, uint32_t v)
{
    return atomic_exchange_explicit(&a->value, v, memory_order_release);
}

static inline bool ms_cas_release_u32(ms_atomic_u32 *a, uint32_t *expected, uint32_t v)
{
    return atomic_compare_exchange_strong_explicit(&a->value, expected, v, memory_order_release,
                                                   memory_order_relaxed);
}

static inline uint32_t ms_fetch_add_release_u32(ms_atomic_u32 *a, uint32_t v)
{
    return atomic_fetch_add_explicit(&a->value, v, memory_order_release);
}

static inline uint32_t ms_fetch_sub_release_u32(ms_atomic_u32 *a, uint32_t v)
{
    return atomic_fetch_sub_explicit(&a->value, v, memory_order_release);
}

static inline uint32_t ms_fetch_or_release_u32(ms_atomic_u32 *a, uint32_t v)
{
    return atomic_fetch_or_explicit(&a->value, v, memory_order_release);
}

static inline uint32_t ms_fetch_and_release_u32(ms_atomic_u32 *a, uint32_t v)
{
    return atomic_fetch_and_explicit(&a->value, v, memory_order_release);
}

static inline uint32_t ms_exchange_acq_rel_u32(ms_atomic_u32 *a, uint32_t v)
{
    return atomic_exchange_explicit(&a->value, v, memory_order_acq_rel);
}

static inline bool ms_cas_acq_rel_u32(ms_atomic_u32 *a, uint32_t *expected, uint32_t v)
{
    return atomic_compare_exchange_strong_explicit(&a->value, expected, v, memory_order_acq_rel,
                                                   memory_order_acquire);
}

static inline uint32_t ms_fetch_add_acq_rel_u32(ms_atomic_u32 *a, uint32_t v)
{
    return atomic_fetch_add_explicit(&a->value, v, memory_order_acq_rel);
}

static inline uint32_t ms_fetch_sub_acq_rel_u32(ms_atomic_u32 *a, uint32_t v)
{
    return atomic_fetch_sub_explicit(&a->value, v, memory_order_acq_rel);
}

static inline uint32_t ms_fetch_or_acq_rel_u32(ms_atomic_u32 *a, uint32_t v)
{
    return atomic_fetch_or_explicit(&a->value, v, memory_order_acq_rel);
}

static inline uint32_t ms_fetch_and_acq_rel_u32(ms_atomic_u32 *a, uint32_t v)
{
    return atomic_fetch_and_explicit(&a->value, v, memory_order_acq_rel);
}

static inline uint32_t ms_exchange_seq_cst_u32(ms_atomic_u32 *a, uint32_t v)
{
    return atomic_exchange_explicit(&a->value, v, memory_order_seq_cst);
}

static inline bool ms_cas_seq_cst_u32(ms_atomic_u32 *a, uint32_t *expected, uint32_t v)
{
    return atomic_compare_exchange_strong_explicit(&a->value, expected, v, memory_order_seq_cst,
                                                   memory_order_seq_cst);
}

static inline uint32_t ms_fetch_add_seq_cst_u32(ms_atomic_u32 *a, uint32_t v)
{
    return atomic_fetch_add_explicit(&a->value, v, memory_order_seq_cst);
}

static inline uint32_t ms_fetch_sub_seq_cst_u32(ms_atomic_u32 *a, uint32_t v)
{
    return atomic_fetch_sub_explicit(&a->value, v, memory_order_seq_cst);
}

static inline uint32_t ms_fetch_or_seq_cst_u32(ms_atomic_u32 *a, uint32_t v)
{
    return atomic_fetch_or_explicit(&a->value, v, memory_order_seq_cst);
}

static inline uint32_t ms_fetch_and_seq_cst_u32(ms_atomic_u32 *a, uint32_t v)
{
    return atomic_fetch_and_explicit(&a->value, v, memory_order_seq_cst);
}

static inline uint64_t ms_load_relaxed_u64(const ms_atomic_u64 *a)
{
    return atomic_load_explicit(&a->value, memory_order_relaxed);
}

static inline uint64_t ms_load_acquire_u64(const ms_atomic_u64 *a)
{
    return atomic_load_explicit(&a->value, memory_order_acquire);
}

static inline uint64_t ms_load_seq_cst_u64(const ms_atomic_u64 *a)
{
    return atomic_load_explicit(&a->value, memory_order_seq_cst);
}

static inline void ms_store_relaxed_u64(ms_atomic_u64 *a, uint64_t v)
{
    atomic_store_explicit(&a->value, v, memory_order_relaxed);
}

static inline void ms_store_release_u64(ms_atomic_u64 *a, uint64_t v)
{
    atomic_store_explicit(&a->value, v, memory_order_release);
}

static inline void ms_store_seq_cst_u64(ms_atomic_u64 *a, uint64_t v)
{
    atomic_store_explicit(&a->value, v, memory_order_seq_cst);
}

static inline uint64_t ms_exchange_relaxed_u64(ms_atomic_u64 *a, uint64_t v)
{
    return atomic_exchange_explicit(&a->value, v, memory_order_relaxed);
}

static inline bool ms_cas_relaxed_u64(ms_atomic_u64 *a, uint64_t *expected, uint64_t v)
{
    return atomic_compare_exchange_strong_explicit(&a->value, expected, v, memory_order_relaxed,
                                                   memory_order_relaxed);
}

static inline uint64_t ms_fetch_add_relaxed_u64(ms_atomic_u64 *a, uint64_t v)
{
    return atomic_fetch_add_explicit(&a->value, v, memory_order_relaxed);
}

static inline uint64_t ms_fetch_sub_relaxed_u64(ms_atomic_u64 *a, uint64_t v)
{
    return atomic_fetch_sub_explicit(&a->value, v, memory_order_relaxed);
}

static inline uint64_t ms_fetch_or_relaxed_u64(ms_atomic_u64 *a, uint64_t v)
{
    return atomic_fetch_or_explicit(&a->value, v, memory_order_relaxed);
}

static inline uint64_t ms_fetch_and_relaxed_u64(ms_atomic_u64 *a, uint64_t v)
{
    return atomic_fetch_and_explicit(&a->value, v, memory_order_relaxed);
}

static inline uint64_t ms_exchange_acquire_u64(ms_atomic_u64 *a, uint64_t v)
{
    return atomic_exchange_explicit(&a->value, v, memory_order_acquire);
}

static inline bool ms_cas_acquire_u64(ms_atomic_u64 *a, uint64_t *expected, uint64_t v)
{
    return atomic_compare_exchange_strong_explicit(&a->value, expected, v, memory_order_acquire,
                                                   memory_order_acquire);
}

static inline uint64_t ms_fetch_add_acquire_u64(ms_atomic_u64 *a, uint64_t v)
{
    return atomic_fetch_add_explicit(&a->value, v, memory_order_acquire);
}

static inline uint64_t ms_fetch_sub_acquire_u64(ms_atomic_u64 *a, uint64_t v)
{
    return atomic_fetch_sub_explicit(&a->value, v, memory_order_acquire);
}

static inline uint64_t ms_fetch_or_acquire_u64(ms_atomic_u64 *a, uint64_t v)
{
    return atomic_fetch_or_explicit(&a->value, v, memory_order_acquire);
}

static inline uint64_t ms_fetch_and_acquire_u64(ms_atomic_u64 *a, uint64_t v)
{
    return atomic_fetch_and_explicit(&a->value, v, memory_order_acquire);
}

static inline uint64_t ms_exchange_release_u64(ms_atomic_u64 *a, uint64_t v)
{
    return atomic_exchange_explicit(&a->value, v, memory_order_release);
}

static inline bool ms_cas_release_u64(ms_atomic_u64 *a, uint64_t *expected, uint64_t v)
{
    return atomic_compare_exchange_strong_explicit(&a->value, expected, v, memory_order_release,
                                                   memory_order_relaxed);
}

static inline uint64_t ms_fetch_add_release_u64(ms_atomic_u64 *a, uint64_t v)
{
    return atomic_fetch_add_explicit(&a->value, v, memory_order_release);
}

static inline uint64_t ms_fetch_sub_release_u64(ms_atomic_u64 *a, uint64_t v)
{
    return atomic_fetch_sub_explicit(&a->value, v, memory_order_release);
}

static inline uint64_t ms_fetch_or_release_u64(ms_atomic_u64 *a, uint64_t v)
{
    return atomic_fetch_or_explicit(&a->value, v, memory_order_release);
}

static inline uint64_t ms_fetch_and_release_u64(ms_atomic_u64 *a, uint64_t v)
{
    return atomic_fetch_and_explicit(&a->value, v, memory_order_release);
}

static inline uint64_t ms_exchange_acq_rel_u64(ms_atomic_u64 *a, uint64_t v)
{
    return atomic_exchange_explicit(&a->value, v, memory_order_acq_rel);
}

static inline bool ms_cas_acq_rel_u64(ms_atomic_u64 *a, uint64_t *expected, uint64_t v)
{
    return atomic_compare_exchange_strong_explicit(&a->value, expected, v, memory_order_acq_rel,
                                                   memory_order_acquire);
}

static inline uint64_t ms_fetch_add_acq_rel_u64(ms_atomic_u64 *a, uint64_t v)
{
    return atomic_fetch_add_explicit(&a->value, v, memory_order_acq_rel);
}

static inline uint64_t ms_fetch_sub_acq_rel_u64(ms_atomic_u64 *a, uint64_t v)
{
    return atomic_fetch_sub_explicit(&a->value, v, memory_order_acq_rel);
}

static inline uint64_t ms_fetch_or_acq_rel_u64(ms_atomic_u64 *a, uint64_t v)
{
    return atomic_fetch_or_explicit(&a->value, v, memory_order_acq_rel);
}

static inline uint64_t ms_fetch_and_acq_rel_u64(ms_atomic_u64 *a, uint64_t v)
{
    return atomic_fetch_and_explicit(&a->value, v, memory_order_acq_rel);
}

static inline uint64_t ms_exchange_seq_cst_u64(ms_atomic_u64 *a, uint64_t v)
{
    return atomic_exchange_explicit(&a->value, v, memory_order_seq_cst);
}

static inline bool ms_cas_seq_cst_u64(ms_atomic_u64 *a, uint64_t *expected, uint64_t v)
{
    return atomic_compare_exchange_strong_explicit(&a->value, expected, v, memory_order_seq_cst,
                                                   memory_order_seq_cst);
}

static inline uint64_t ms_fetch_add_seq_cst_u64(ms_atomic_u64 *a, uint64_t v)
{
    return atomic_fetch_add_explicit(&a->value, v, memory_order_seq_cst);
}

static inline uint64_t ms_fetch_sub_seq_cst_u64(ms_atomic_u64 *a, uint64_t v)
{
    return atomic_fetch_sub_explicit(&a->value, v, memory_order_seq_cst);
}

static inline uint64_t ms_fetch_or_seq_cst_u64(ms_atomic_u64 *a, uint64_t v)
{
    return atomic_fetch_or_explicit(&a->value, v, memory_order_seq_cst);
}

static inline uint64_t ms_fetch_and_seq_cst_u64(ms_atomic_u64 *a, uint64_t v)
{
    return atomic_fetch_and_explicit(&a->value, v, memory_order_seq_cst);
}

static inline void *ms_load_relaxed_ptr(const ms_atomic_ptr *a)
{
    return atomic_load_explicit(&a->value, memory_order_relaxed);
}

static inline void *ms_load_acquire_ptr(const ms_atomic_ptr *a)
{
    return atomic_load_explicit(&a->value, memory_order_acquire);
}

static inline void *ms_load_seq_cst_ptr(const ms_atomic_ptr *a)
{
    return atomic_load_explicit(&a->value, memory_order_seq_cst);
}

static inline void ms_store_relaxed_ptr(ms_atomic_ptr *a, void *v)
{
    atomic_store_explicit(&a->value, v, memory_order_relaxed);
}

static inline void ms_store_release_ptr(ms_atomic_ptr *a, void *v)
{
    atomic_store_explicit(&a->value, v, memory_order_release);
}

static inline void ms_store_seq_cst_ptr(ms_atomic_ptr *a, void *v)
{
    atomic_store_explicit(&a->value, v, memory_order_seq_cst);
}

static inline void *ms_exchange_relaxed_ptr(ms_atomic_ptr *a, void *v)
{
    return atomic_exchange_explicit(&a->value, v, memory_order_relaxed);
}

static inline bool ms_cas_relaxed_ptr(ms_atomic_ptr *a, void **expected, void *v)
{
    return atomic_compare_exchange_strong_explicit(&a->value, expected, v, memory_order_relaxed,
                                                   memory_order_relaxed);
}

static inline void *ms_exchange_acquire_ptr(ms_atomic_ptr *a, void *v)
{
    return atomic_exchange_explicit(&a->value, v, memory_order_acquire);
}

static inline bool ms_cas_acquire_ptr(ms_atomic_ptr *a, void **expected, void *v)
{
    return atomic_compare_exchange_strong_explicit(&a->value, expected, v, memory_order_acquire,
                                                   memory_order_acquire);
}

static inline void *ms_exchange_release_ptr(ms_atomic_ptr *a, void *v)
{
    return atomic_exchange_explicit(&a->value, v, memory_order_release);
}

static inline bool ms_cas_release_ptr(ms_atomic_ptr *a, void **expected, void *v)
{
    return atomic_compare_exchange_strong_explicit(&a->value, expected, v, memory_order_release,
                                                   memory_order_relaxed);
}

static inline void *ms_exchange_acq_rel_ptr(ms_atomic_ptr *a, void *v)
{
    return atomic_exchange_explicit(&a->value, v, memory_order_acq_rel);
}

static inline bool ms_cas_acq_rel_ptr(ms_atomic_ptr *a, void **expected, void *v)
{
    return atomic_compare_exchange_strong_explicit(&a->value, expected, v, memory_order_acq_rel,
                                                   memory_order_acquire);
}

static inline void *ms_exchange_seq_cst_ptr(ms_atomic_ptr *a, void *v)
{
    return atomic_exchange_explicit(&a->value, v, memory_order_seq_cst);
}

static inline bool ms_cas_seq_cst_ptr(ms_atomic_ptr *a, void **expected, void *v)
{
    return atomic_compare_exchange_strong_explicit(&a->value, expected, v, memory_order_seq_cst,
                                                   memory_order_seq_cst);
}

/* The names that core uses: the type of the first argument chooses the function. */
#define ms_load_relaxed(a)                                                                         \
    _Generic((a), ms_atomic_u32 *: ms_load_relaxed_u32, const ms_atomic_u32 *: ms_load_relaxed_u32, ms_atomic_u64 *: ms_load_relaxed_u64, const ms_atomic_u64 *: ms_load_relaxed_u64, ms_atomic_ptr *: ms_load_relaxed_ptr, const ms_atomic_ptr *: ms_load_relaxed_ptr)(a)
#define ms_load_acquire(a)                                                                         \
    _Generic((a), ms_atomic_u32 *: ms_load_acquire_u32, const ms_atomic_u32 *: ms_load_acquire_u32, ms_atomic_u64 *: ms_load_acquire_u64, const ms_atomic_u64 *: ms_load_acquire_u64, ms_atomic_ptr *: ms_load_acquire_ptr, const ms_atomic_ptr *: ms_load_acquire_ptr)(a)
#define ms_load_seq_cst(a)                                                                         \
    _Generic((a), ms_atomic_u32 *: ms_load_seq_cst_u32, const ms_atomic_u32 *: ms_load_seq_cst_u32, ms_atomic_u64 *: ms_load_seq_cst_u64, const ms_atomic_u64 *: ms_load_seq_cst_u64, ms_atomic_ptr *: ms_load_seq_cst_ptr, const ms_atomic_ptr *: ms_load_seq_cst_ptr)(a)
#define ms_store_relaxed(a, v)                                                                     \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_store_relaxed_u32, ms_atomic_u64 *                                               \
             : ms_store_relaxed_u64, ms_atomic_ptr *                                               \
             : ms_store_relaxed_ptr)(a, v)
#define ms_store_release(a, v)                                                                     \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_store_release_u32, ms_atomic_u64 *                                               \
             : ms_store_release_u64, ms_atomic_ptr *                                               \
             : ms_store_release_ptr)(a, v)
#define ms_store_seq_cst(a, v)                                                                     \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_store_seq_cst_u32, ms_atomic_u64 *                                               \
             : ms_store_seq_cst_u64, ms_atomic_ptr *                                               \
             : ms_store_seq_cst_ptr)(a, v)
#define ms_exchange_relaxed(a, v)                                                                  \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_exchange_relaxed_u32, ms_atomic_u64 *                                            \
             : ms_exchange_relaxed_u64, ms_atomic_ptr *                                            \
             : ms_exchange_relaxed_ptr)(a, v)
#define ms_cas_relaxed(a, e, v)                                                                    \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_cas_relaxed_u32, ms_atomic_u64 *                                                 \
             : ms_cas_relaxed_u64, ms_atomic_ptr *                                                 \
             : ms_cas_relaxed_ptr)(a, e, v)
#define ms_fetch_add_relaxed(a, v)                                                                 \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_fetch_add_relaxed_u32, ms_atomic_u64 *                                           \
             : ms_fetch_add_relaxed_u64)(a, v)
#define ms_fetch_sub_relaxed(a, v)                                                                 \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_fetch_sub_relaxed_u32, ms_atomic_u64 *                                           \
             : ms_fetch_sub_relaxed_u64)(a, v)
#define ms_fetch_or_relaxed(a, v)                                                                  \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_fetch_or_relaxed_u32, ms_atomic_u64 *                                            \
             : ms_fetch_or_relaxed_u64)(a, v)
#define ms_fetch_and_relaxed(a, v)                                                                 \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_fetch_and_relaxed_u32, ms_atomic_u64 *                                           \
             : ms_fetch_and_relaxed_u64)(a, v)
#define ms_exchange_acquire(a, v)                                                                  \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_exchange_acquire_u32, ms_atomic_u64 *                                            \
             : ms_exchange_acquire_u64, ms_atomic_ptr *                                            \
             : ms_exchange_acquire_ptr)(a, v)
#define ms_cas_acquire(a, e, v)                                                                    \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_cas_acquire_u32, ms_atomic_u64 *                                                 \
             : ms_cas_acquire_u64, ms_atomic_ptr *                                                 \
             : ms_cas_acquire_ptr)(a, e, v)
#define ms_fetch_add_acquire(a, v)                                                                 \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_fetch_add_acquire_u32, ms_atomic_u64 *                                           \
             : ms_fetch_add_acquire_u64)(a, v)
#define ms_fetch_sub_acquire(a, v)                                                                 \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_fetch_sub_acquire_u32, ms_atomic_u64 *                                           \
             : ms_fetch_sub_acquire_u64)(a, v)
#define ms_fetch_or_acquire(a, v)                                                                  \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_fetch_or_acquire_u32, ms_atomic_u64 *                                            \
             : ms_fetch_or_acquire_u64)(a, v)
#define ms_fetch_and_acquire(a, v)                                                                 \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_fetch_and_acquire_u32, ms_atomic_u64 *                                           \
             : ms_fetch_and_acquire_u64)(a, v)
#define ms_exchange_release(a, v)                                                                  \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_exchange_release_u32, ms_atomic_u64 *                                            \
             : ms_exchange_release_u64, ms_atomic_ptr *                                            \
             : ms_exchange_release_ptr)(a, v)
#define ms_cas_release(a, e, v)                                                                    \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_cas_release_u32, ms_atomic_u64 *                                                 \
             : ms_cas_release_u64, ms_atomic_ptr *                                                 \
             : ms_cas_release_ptr)(a, e, v)
#define ms_fetch_add_release(a, v)                                                                 \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_fetch_add_release_u32, ms_atomic_u64 *                                           \
             : ms_fetch_add_release_u64)(a, v)
#define ms_fetch_sub_release(a, v)                                                                 \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_fetch_sub_release_u32, ms_atomic_u64 *                                           \
             : ms_fetch_sub_release_u64)(a, v)
#define ms_fetch_or_release(a, v)                                                                  \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_fetch_or_release_u32, ms_atomic_u64 *                                            \
             : ms_fetch_or_release_u64)(a, v)
#define ms_fetch_and_release(a, v)                                                                 \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_fetch_and_release_u32, ms_atomic_u64 *                                           \
             : ms_fetch_and_release_u64)(a, v)
#define ms_exchange_acq_rel(a, v)                                                                  \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_exchange_acq_rel_u32, ms_atomic_u64 *                                            \
             : ms_exchange_acq_rel_u64, ms_atomic_ptr *                                            \
             : ms_exchange_acq_rel_ptr)(a, v)
#define ms_cas_acq_rel(a, e, v)                                                                    \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_cas_acq_rel_u32, ms_atomic_u64 *                                                 \
             : ms_cas_acq_rel_u64, ms_atomic_ptr *                                                 \
             : ms_cas_acq_rel_ptr)(a, e, v)
#define ms_fetch_add_acq_rel(a, v)                                                                 \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_fetch_add_acq_rel_u32, ms_atomic_u64 *                                           \
             : ms_fetch_add_acq_rel_u64)(a, v)
#define ms_fetch_sub_acq_rel(a, v)                                                                 \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_fetch_sub_acq_rel_u32, ms_atomic_u64 *                                           \
             : ms_fetch_sub_acq_rel_u64)(a, v)
#define ms_fetch_or_acq_rel(a, v)                                                                  \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_fetch_or_acq_rel_u32, ms_atomic_u64 *                                            \
             : ms_fetch_or_acq_rel_u64)(a, v)
#define ms_fetch_and_acq_rel(a, v)                                                                 \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_fetch_and_acq_rel_u32, ms_atomic_u64 *                                           \
             : ms_fetch_and_acq_rel_u64)(a, v)
#define ms_exchange_seq_cst(a, v)                                                                  \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_exchange_seq_cst_u32, ms_atomic_u64 *                                            \
             : ms_exchange_seq_cst_u64, ms_atomic_ptr *                                            \
             : ms_exchange_seq_cst_ptr)(a, v)
#define ms_cas_seq_cst(a, e, v)                                                                    \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_cas_seq_cst_u32, ms_atomic_u64 *                                                 \
             : ms_cas_seq_cst_u64, ms_atomic_ptr *                                                 \
             : ms_cas_seq_cst_ptr)(a, e, v)
#define ms_fetch_add_seq_cst(a, v)                                                                 \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_fetch_add_seq_cst_u32, ms_atomic_u64 *                                           \
             : ms_fetch_add_seq_cst_u64)(a, v)
#define ms_fetch_sub_seq_cst(a, v)                                                                 \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_fetch_sub_seq_cst_u32, ms_atomic_u64 *                                           \
             : ms_fetch_sub_seq_cst_u64)(a, v)
#define ms_fetch_or_seq_cst(a, v)                                                                  \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_fetch_or_seq_cst_u32, ms_atomic_u64 *                                            \
             : ms_fetch_or_seq_cst_u64)(a, v)
#define ms_fetch_and_seq_cst(a, v)                                                                 \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_fetch_and_seq_cst_u32, ms_atomic_u64 *                                           \
             : ms_fetch_and_seq_cst_u64)(a, v)

#define ms_fence_acquire()  atomic_thread_fence(memory_order_acquire)
#define ms_fence_release()  atomic_thread_fence(memory_order_release)
#define ms_fence_seq_cst()  atomic_thread_fence(memory_order_seq_cst)
/* Orders for the compiler only: one side of an asymmetric pair (ms_fence_asymmetric_heavy). */
#define ms_fence_compiler() atomic_signal_fence(memory_order_seq_cst)

/* "I cannot progress until another thread acts": lets the sibling, and the simulator, run. */
static inline void ms_spin_hint(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/* Plain data handed over by an atomic: the simulator checks that a happens-before edge orders it.
 */
#define ms_data_read(object, bytes)  ((void)0)
#define ms_data_write(object, bytes) ((void)0)

/* Initial value of an atomic before anybody shares it. */
#define ms_init(a, v)                ms_store_relaxed(a, v)

#endif /* MS_SIM */
#endif
