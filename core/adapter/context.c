/* SPDX-License-Identifier: MIT */
/*
 * context: the driver's 128 bytes that name a request (TCX-*).
 *
 * Idea        all we keep in the driver's memory is a magic number and one state word; everything
 *             that must outlive it is in the grant (TCX-13). A queued context names its grant, so a
 *             cancel finds the request without searching.
 * Invariants  I1 a context is touched only inside a call that was handed it, and by the thread that
 *                enters its request's routine, before it enters (TCX-12)
 * Ordering    hb:context  queueing releases the word, cancel acquires it: what it names is prepared
 *             hb:context-mark  CancelMappedTransfer marks, then looks who owns the adapter; a grant makes
 *             its request the owner, unqueues its context, then takes the mark. Marking and unqueueing change
 *             the same word: of the two the later one sees the earlier. Behind a mark the word that is
 *             unqueued has it; who marks an unqueued one acquires what the unqueueing released, the owner.
 * ABA         the word carries the grant's serial: a cancel that read an old word fails on the grant. An idle
 *             word keeps the grant and serial of its last request, so a cancel that found it idle before a
 *             request does not mark it behind that one.
 * Progress    every operation is a load, or one CAS loop that fails only when another call on the
 *             same context took effect: lock-free
 */
#include "adapter/grant.h"

#define CONTEXT_MAGIC 0x747874636D736DULL

enum { CONTEXT_STATE_IDLE = 1, CONTEXT_STATE_QUEUED = 2 };

union context_word {
    struct {
        uint64_t state : 4;
        uint64_t cancelled : 1; /* CancelAdapterChannel's mark (CAC-08) */
        uint64_t stopped : 1;   /* CancelMappedTransfer's mark (CMT-16) */
        uint64_t served : 1;    /* index and serial name its last request */
        uint64_t unused : 1;
        uint64_t index : 24;  /* the grant, of the last request when idle */
        uint64_t serial : 32; /* and its life */
    };
    uint64_t raw;
};
static_assert(sizeof(union context_word) == sizeof(uint64_t), "a context must fit one CAS");

struct context {
    ms_atomic_u64 magic;
    ms_atomic_u64 word;
};
static_assert(sizeof(struct context) + 15 <= DMA_TRANSFER_CONTEXT_SIZE_V1,
              "a context must fit the driver's bytes however they are aligned (TCX-03)");

/* The driver's buffer may have any alignment; ours begins at the next multiple of 16 inside it. */
static struct context *context_in(PVOID memory)
{
    return (struct context *)(((uintptr_t)memory + 15) & ~(uintptr_t)15);
}

static bool context_is_ours(const struct context *context)
{
    return ms_load_relaxed(&context->magic) == CONTEXT_MAGIC; /* TCX-16 */
}

/* The request a queued word names is really waiting, and with this very context. Memory that a
 * driver filled with noise may look queued; this tells. */
static bool context_is_queued(struct ms_dma *dma, PVOID memory, union context_word word)
{
    if (word.state != CONTEXT_STATE_QUEUED || word.index >= dma->config.grants)
        return false;
    struct ms_grant *grant = &dma->grants[word.index];
    return ms_grant_look(grant).serial == word.serial && ms_load_relaxed(&grant->context) == memory;
}

bool ms_context_initialize(struct ms_dma *dma, PVOID memory)
{
    struct context *context = context_in(memory);
    union context_word idle = {.raw = 0};

    if (!memory)
        return false; /* TCX-06 */
    if (context_is_ours(context)) {
        union context_word word = {.raw = ms_load_acquire(&context->word)};
        if (context_is_queued(dma, memory, word))
            return false; /* TCX-17 */
    }
    idle.state = CONTEXT_STATE_IDLE;
    ms_store_relaxed(&context->word, idle.raw); /* the driver hands the context on, not we */
    ms_store_relaxed(&context->magic, CONTEXT_MAGIC);
    return true;
}

/* Pure: may a request be made with a context in this state? */
static NTSTATUS context_usable(union context_word word)
{
    if (word.state != CONTEXT_STATE_IDLE)
        return STATUS_INVALID_PARAMETER;                       /* TCX-17 */
    return word.cancelled ? STATUS_CANCELLED : STATUS_SUCCESS; /* ACX-18 */
}

NTSTATUS ms_context_check(struct ms_dma *dma, PVOID memory)
{
    struct context *context = context_in(memory);

    (void)dma;
    if (!memory || !context_is_ours(context))
        return STATUS_INVALID_PARAMETER;
    return context_usable((union context_word){.raw = ms_load_acquire(&context->word)});
}

NTSTATUS ms_context_queue(struct ms_dma *dma, PVOID memory, uint32_t index, uint32_t serial)
{
    struct context *context = context_in(memory);
    union context_word seen, next;

    (void)dma;
    if (!memory || !context_is_ours(context))
        return STATUS_INVALID_PARAMETER;
    seen.raw = ms_load_acquire(&context->word);
    do {
        NTSTATUS status = context_usable(seen);
        if (!NT_SUCCESS(status))
            return status;
        next = seen;
        next.state = CONTEXT_STATE_QUEUED;
        next.served = 1;
        next.index = index & 0xFFFFFF;
        next.serial = serial;
    } while (!ms_cas_acq_rel(&context->word, &seen.raw, next.raw)); /* hb:context */
    return STATUS_SUCCESS;
}

void ms_context_unqueue(PVOID memory, uint32_t index, uint32_t serial, bool cancelled)
{
    struct context *context = context_in(memory);
    union context_word seen = {.raw = ms_load_acquire(&context->word)};
    union context_word next;

    do {
        if (seen.state != CONTEXT_STATE_QUEUED || seen.index != index || seen.serial != serial)
            return;
        next = seen;
        next.state = CONTEXT_STATE_IDLE;
        next.cancelled = seen.cancelled || cancelled;
        /* index and serial stay: they tell this idle state from the one before the request. */
    } while (!ms_cas_acq_rel(&context->word, &seen.raw, next.raw)); /* hb:context-mark, release */
}

enum ms_context_cancel ms_context_look(PVOID memory, struct ms_context_seen *out)
{
    struct context *context = context_in(memory);

    if (!memory || !context_is_ours(context))
        return CONTEXT_BAD;
    union context_word seen = {.raw = ms_load_acquire(&context->word)}; /* hb:context */
    *out = (struct ms_context_seen){
        .raw = seen.raw,
        .served = seen.served,
        .index = (uint32_t)seen.index,
        .serial = (uint32_t)seen.serial,
    };
    return seen.state == CONTEXT_STATE_QUEUED ? CONTEXT_QUEUED : CONTEXT_IDLE;
}

bool ms_context_mark_cancelled(PVOID memory, const struct ms_context_seen *idle)
{
    struct context *context = context_in(memory);
    union context_word seen = {.raw = idle->raw}, next = seen;

    next.cancelled = true;
    return ms_cas_acq_rel(&context->word, &seen.raw, next.raw);
}

enum ms_context_mark ms_context_mark_transfer(PVOID memory)
{
    struct context *context = context_in(memory);
    union context_word seen, next;

    if (!memory || !context_is_ours(context))
        return CONTEXT_MARK_BAD; /* CMT-15 */
    seen.raw = ms_load_acquire(&context->word);
    do {
        if (seen.stopped)
            return CONTEXT_MARK_BEFORE; /* CMT-08 */
        next = seen;
        next.stopped = 1;
    } while (!ms_cas_acquire(&context->word, &seen.raw, next.raw)); /* hb:context-mark */
    return CONTEXT_MARK_DONE;
}

bool ms_context_take_transfer_mark(PVOID memory)
{
    struct context *context = context_in(memory);
    /* Relaxed: the word of our own unqueueing, or of our own mark, or a later one. */
    union context_word seen = {.raw = ms_load_relaxed(&context->word)}, next;

    do {
        if (!seen.stopped)
            return false;
        next = seen;
        next.stopped = 0;
    } while (!ms_cas_relaxed(&context->word, &seen.raw, next.raw));
    return true;
}
