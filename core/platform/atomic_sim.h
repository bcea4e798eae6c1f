/* SPDX-License-Identifier: MIT */
/*
 * atomic_sim.h: what atomic.h becomes with MS_SIM: the same names, each call a switch point of the
 * simulator.
 *
 * Idea        a call site owns one static descriptor (file, function, expression, operation,
 * order); a pointer to it lies in the linker section ms_sites, so the list of all switch points
 *             costs nothing to keep. The operation itself happens in sim_run.c, in a model of
 *             weak memory, on one OS thread.
 * Types       as in atomic.h: one field of the same size, so layouts and asserts agree
 * Arguments   are evaluated once, outside the descriptor's statement expression, so calls nest
 * Outside     of an execution (set-up, final checks) the operation is done at once
 */
#ifndef MS_ATOMIC_SIM_H
#define MS_ATOMIC_SIM_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint32_t value;
} ms_atomic_u32;

typedef struct {
    uint64_t value;
} ms_atomic_u64;

typedef struct {
    void *value;
} ms_atomic_ptr;

enum ms_sim_kind {
    MS_SIM_LOAD,
    MS_SIM_STORE,
    MS_SIM_INIT, /* a store nobody can race with: no switch point */
    MS_SIM_EXCHANGE,
    MS_SIM_FETCH_ADD,
    MS_SIM_FETCH_SUB,
    MS_SIM_FETCH_OR,
    MS_SIM_FETCH_AND,
    MS_SIM_CAS,
    MS_SIM_FENCE,
    MS_SIM_FENCE_HEAVY, /* ms_fence_asymmetric_heavy */
    MS_SIM_SPIN,        /* ms_spin_hint, ms_thread_yield */
    MS_SIM_WAIT,        /* ms_wait, ms_thread_join */
    MS_SIM_WAKE,
    MS_SIM_START, /* a thread's first step */
    MS_SIM_POINT, /* a switch point without an access: callback borders, device steps */
    MS_SIM_DATA_READ,
    MS_SIM_DATA_WRITE,
};

enum ms_sim_order {
    MS_SIM_RELAXED,
    MS_SIM_ACQUIRE,
    MS_SIM_RELEASE,
    MS_SIM_ACQ_REL,
    MS_SIM_SEQ_CST,
};

/* One call of an atomic operation in the source. */
struct ms_sim_site {
    const char *file;       /* const */
    const char *function;   /* const */
    const char *expression; /* const: the first argument's text */
    uint32_t line;          /* const; not part of the identity */
    uint8_t kind;           /* const: enum ms_sim_kind */
    uint8_t order;          /* const: enum ms_sim_order */
    uint32_t id;            /* set at start by sim_site.c: stable over compilers and levels */
};

/* What an operand is: its bytes, and whether its value may be shown and hashed. */
enum ms_sim_width {
    MS_SIM_U32 = 4,
    MS_SIM_U64 = 8,
    MS_SIM_PTR = 9,
};

#define MS_SIM_SITE(text, kind_, order_)                                                           \
    (__extension__({                                                                               \
        static struct ms_sim_site ms_sim_site_ = {__FILE__, __func__, text, __LINE__,              \
                                                  kind_,    order_,   0};                          \
        static struct ms_sim_site *ms_sim_site_pointer_                                            \
            __attribute__((section("ms_sites"), used)) = &ms_sim_site_;                            \
        (void)ms_sim_site_pointer_;                                                                \
        &ms_sim_site_;                                                                             \
    }))

uint64_t ms_sim_load(struct ms_sim_site *site, const void *a, enum ms_sim_width width);
void ms_sim_store(struct ms_sim_site *site, void *a, enum ms_sim_width width, uint64_t v);
/* exchange, fetch_add, fetch_sub, fetch_or, fetch_and: as the site says. */
uint64_t ms_sim_modify(struct ms_sim_site *site, void *a, enum ms_sim_width width, uint64_t v);
bool ms_sim_cas(struct ms_sim_site *site, void *a, enum ms_sim_width width, uint64_t *expected,
                uint64_t v);
void ms_sim_fence(struct ms_sim_site *site);
void ms_sim_spin(struct ms_sim_site *site);
void ms_sim_point(struct ms_sim_site *site);
void ms_sim_data(struct ms_sim_site *site, const void *object, size_t bytes);

static inline uint32_t ms_sim_load_u32(struct ms_sim_site *site, const ms_atomic_u32 *a)
{
    return (uint32_t)ms_sim_load(site, &a->value, MS_SIM_U32);
}

static inline void ms_sim_store_u32(struct ms_sim_site *site, ms_atomic_u32 *a, uint32_t v)
{
    ms_sim_store(site, &a->value, MS_SIM_U32, v);
}

static inline uint32_t ms_sim_modify_u32(struct ms_sim_site *site, ms_atomic_u32 *a, uint32_t v)
{
    return (uint32_t)ms_sim_modify(site, &a->value, MS_SIM_U32, v);
}

static inline bool ms_sim_cas_u32(struct ms_sim_site *site, ms_atomic_u32 *a, uint32_t *expected,
                                  uint32_t v)
{
    uint64_t seen = *expected;
    bool stored = ms_sim_cas(site, &a->value, MS_SIM_U32, &seen, v);

    *expected = (uint32_t)seen;
    return stored;
}

static inline uint64_t ms_sim_load_u64(struct ms_sim_site *site, const ms_atomic_u64 *a)
{
    return (uint64_t)ms_sim_load(site, &a->value, MS_SIM_U64);
}

static inline void ms_sim_store_u64(struct ms_sim_site *site, ms_atomic_u64 *a, uint64_t v)
{
    ms_sim_store(site, &a->value, MS_SIM_U64, v);
}

static inline uint64_t ms_sim_modify_u64(struct ms_sim_site *site, ms_atomic_u64 *a, uint64_t v)
{
    return (uint64_t)ms_sim_modify(site, &a->value, MS_SIM_U64, v);
}

static inline bool ms_sim_cas_u64(struct ms_sim_site *site, ms_atomic_u64 *a, uint64_t *expected,
                                  uint64_t v)
{
    uint64_t seen = *expected;
    bool stored = ms_sim_cas(site, &a->value, MS_SIM_U64, &seen, v);

    *expected = (uint64_t)seen;
    return stored;
}

static inline void *ms_sim_load_ptr(struct ms_sim_site *site, const ms_atomic_ptr *a)
{
    return (void *)(uintptr_t)ms_sim_load(site, &a->value, MS_SIM_PTR);
}

static inline void ms_sim_store_ptr(struct ms_sim_site *site, ms_atomic_ptr *a, void *v)
{
    ms_sim_store(site, &a->value, MS_SIM_PTR, (uintptr_t)v);
}

static inline void *ms_sim_modify_ptr(struct ms_sim_site *site, ms_atomic_ptr *a, void *v)
{
    return (void *)(uintptr_t)ms_sim_modify(site, &a->value, MS_SIM_PTR, (uintptr_t)v);
}

static inline bool ms_sim_cas_ptr(struct ms_sim_site *site, ms_atomic_ptr *a, void **expected,
                                  void *v)
{
    uint64_t seen = (uintptr_t)*expected;
    bool stored = ms_sim_cas(site, &a->value, MS_SIM_PTR, &seen, (uintptr_t)v);

    *expected = (void *)(uintptr_t)seen;
    return stored;
}

#define MS_SIM_LOAD_OF(text, a, order)                                                             \
    _Generic((a),                                                                                  \
        ms_atomic_u32 *: ms_sim_load_u32,                                                          \
        const ms_atomic_u32 *: ms_sim_load_u32,                                                    \
        ms_atomic_u64 *: ms_sim_load_u64,                                                          \
        const ms_atomic_u64 *: ms_sim_load_u64,                                                    \
        ms_atomic_ptr *: ms_sim_load_ptr,                                                          \
        const ms_atomic_ptr *: ms_sim_load_ptr)(MS_SIM_SITE(text, MS_SIM_LOAD, order), a)
#define MS_SIM_STORE_OF(text, kind, a, v, order)                                                   \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_sim_store_u32, ms_atomic_u64 *                                                   \
             : ms_sim_store_u64, ms_atomic_ptr *                                                   \
             : ms_sim_store_ptr)(MS_SIM_SITE(text, kind, order), a, v)
#define MS_SIM_EXCHANGE_OF(text, a, v, order)                                                      \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_sim_modify_u32, ms_atomic_u64 *                                                  \
             : ms_sim_modify_u64, ms_atomic_ptr *                                                  \
             : ms_sim_modify_ptr)(MS_SIM_SITE(text, MS_SIM_EXCHANGE, order), a, v)
#define MS_SIM_FETCH_OF(text, kind, a, v, order)                                                   \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_sim_modify_u32, ms_atomic_u64 *                                                  \
             : ms_sim_modify_u64)(MS_SIM_SITE(text, kind, order), a, v)
#define MS_SIM_CAS_OF(text, a, e, v, order)                                                        \
    _Generic((a), ms_atomic_u32 *                                                                  \
             : ms_sim_cas_u32, ms_atomic_u64 *                                                     \
             : ms_sim_cas_u64, ms_atomic_ptr *                                                     \
             : ms_sim_cas_ptr)(MS_SIM_SITE(text, MS_SIM_CAS, order), a, e, v)

#define ms_load_relaxed(a) MS_SIM_LOAD_OF(#a, a, MS_SIM_RELAXED)
#define ms_load_acquire(a) MS_SIM_LOAD_OF(#a, a, MS_SIM_ACQUIRE)
#define ms_load_seq_cst(a) MS_SIM_LOAD_OF(#a, a, MS_SIM_SEQ_CST)

#define ms_store_relaxed(a, v) MS_SIM_STORE_OF(#a, MS_SIM_STORE, a, v, MS_SIM_RELAXED)
#define ms_store_release(a, v) MS_SIM_STORE_OF(#a, MS_SIM_STORE, a, v, MS_SIM_RELEASE)
#define ms_store_seq_cst(a, v) MS_SIM_STORE_OF(#a, MS_SIM_STORE, a, v, MS_SIM_SEQ_CST)

#define ms_exchange_relaxed(a, v) MS_SIM_EXCHANGE_OF(#a, a, v, MS_SIM_RELAXED)
#define ms_exchange_acquire(a, v) MS_SIM_EXCHANGE_OF(#a, a, v, MS_SIM_ACQUIRE)
#define ms_exchange_release(a, v) MS_SIM_EXCHANGE_OF(#a, a, v, MS_SIM_RELEASE)
#define ms_exchange_acq_rel(a, v) MS_SIM_EXCHANGE_OF(#a, a, v, MS_SIM_ACQ_REL)
#define ms_exchange_seq_cst(a, v) MS_SIM_EXCHANGE_OF(#a, a, v, MS_SIM_SEQ_CST)

#define ms_cas_relaxed(a, e, v) MS_SIM_CAS_OF(#a, a, e, v, MS_SIM_RELAXED)
#define ms_cas_acquire(a, e, v) MS_SIM_CAS_OF(#a, a, e, v, MS_SIM_ACQUIRE)
#define ms_cas_release(a, e, v) MS_SIM_CAS_OF(#a, a, e, v, MS_SIM_RELEASE)
#define ms_cas_acq_rel(a, e, v) MS_SIM_CAS_OF(#a, a, e, v, MS_SIM_ACQ_REL)
#define ms_cas_seq_cst(a, e, v) MS_SIM_CAS_OF(#a, a, e, v, MS_SIM_SEQ_CST)

#define ms_fetch_add_relaxed(a, v) MS_SIM_FETCH_OF(#a, MS_SIM_FETCH_ADD, a, v, MS_SIM_RELAXED)
#define ms_fetch_add_acquire(a, v) MS_SIM_FETCH_OF(#a, MS_SIM_FETCH_ADD, a, v, MS_SIM_ACQUIRE)
#define ms_fetch_add_release(a, v) MS_SIM_FETCH_OF(#a, MS_SIM_FETCH_ADD, a, v, MS_SIM_RELEASE)
#define ms_fetch_add_acq_rel(a, v) MS_SIM_FETCH_OF(#a, MS_SIM_FETCH_ADD, a, v, MS_SIM_ACQ_REL)
#define ms_fetch_add_seq_cst(a, v) MS_SIM_FETCH_OF(#a, MS_SIM_FETCH_ADD, a, v, MS_SIM_SEQ_CST)

#define ms_fetch_sub_relaxed(a, v) MS_SIM_FETCH_OF(#a, MS_SIM_FETCH_SUB, a, v, MS_SIM_RELAXED)
#define ms_fetch_sub_acquire(a, v) MS_SIM_FETCH_OF(#a, MS_SIM_FETCH_SUB, a, v, MS_SIM_ACQUIRE)
#define ms_fetch_sub_release(a, v) MS_SIM_FETCH_OF(#a, MS_SIM_FETCH_SUB, a, v, MS_SIM_RELEASE)
#define ms_fetch_sub_acq_rel(a, v) MS_SIM_FETCH_OF(#a, MS_SIM_FETCH_SUB, a, v, MS_SIM_ACQ_REL)
#define ms_fetch_sub_seq_cst(a, v) MS_SIM_FETCH_OF(#a, MS_SIM_FETCH_SUB, a, v, MS_SIM_SEQ_CST)

#define ms_fetch_or_relaxed(a, v) MS_SIM_FETCH_OF(#a, MS_SIM_FETCH_OR, a, v, MS_SIM_RELAXED)
#define ms_fetch_or_acquire(a, v) MS_SIM_FETCH_OF(#a, MS_SIM_FETCH_OR, a, v, MS_SIM_ACQUIRE)
#define ms_fetch_or_release(a, v) MS_SIM_FETCH_OF(#a, MS_SIM_FETCH_OR, a, v, MS_SIM_RELEASE)
#define ms_fetch_or_acq_rel(a, v) MS_SIM_FETCH_OF(#a, MS_SIM_FETCH_OR, a, v, MS_SIM_ACQ_REL)
#define ms_fetch_or_seq_cst(a, v) MS_SIM_FETCH_OF(#a, MS_SIM_FETCH_OR, a, v, MS_SIM_SEQ_CST)

#define ms_fetch_and_relaxed(a, v) MS_SIM_FETCH_OF(#a, MS_SIM_FETCH_AND, a, v, MS_SIM_RELAXED)
#define ms_fetch_and_acquire(a, v) MS_SIM_FETCH_OF(#a, MS_SIM_FETCH_AND, a, v, MS_SIM_ACQUIRE)
#define ms_fetch_and_release(a, v) MS_SIM_FETCH_OF(#a, MS_SIM_FETCH_AND, a, v, MS_SIM_RELEASE)
#define ms_fetch_and_acq_rel(a, v) MS_SIM_FETCH_OF(#a, MS_SIM_FETCH_AND, a, v, MS_SIM_ACQ_REL)
#define ms_fetch_and_seq_cst(a, v) MS_SIM_FETCH_OF(#a, MS_SIM_FETCH_AND, a, v, MS_SIM_SEQ_CST)

#define ms_fence_acquire() ms_sim_fence(MS_SIM_SITE("acquire", MS_SIM_FENCE, MS_SIM_ACQUIRE))
#define ms_fence_release() ms_sim_fence(MS_SIM_SITE("release", MS_SIM_FENCE, MS_SIM_RELEASE))
#define ms_fence_seq_cst() ms_sim_fence(MS_SIM_SITE("seq_cst", MS_SIM_FENCE, MS_SIM_SEQ_CST))
/* Orders for the compiler only, and the model's loads and stores never move in the program text. */
#define ms_fence_compiler() ((void)0)

#define ms_spin_hint() ms_sim_spin(MS_SIM_SITE("spin", MS_SIM_SPIN, MS_SIM_RELAXED))

/* Plain data handed over by an atomic: a happens-before edge must order it, or the run fails. */
#define ms_data_read(object, bytes)                                                                \
    ms_sim_data(MS_SIM_SITE(#object, MS_SIM_DATA_READ, MS_SIM_RELAXED), object, bytes)
#define ms_data_write(object, bytes)                                                               \
    ms_sim_data(MS_SIM_SITE(#object, MS_SIM_DATA_WRITE, MS_SIM_RELAXED), object, bytes)

#define ms_init(a, v) MS_SIM_STORE_OF(#a, MS_SIM_INIT, a, v, MS_SIM_RELAXED)

#endif
