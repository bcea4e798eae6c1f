/* SPDX-License-Identifier: MIT */
/*
 * list_store: blocks of memory that may be taken and given at DISPATCH_LEVEL.
 *
 * Idea        one reservation of address space, cut into classes of equal blocks. A class hands out
 *             the block given back last, or a fresh one.
 * Picture     class 2 of 1 KiB: free_head {index 5, tag 9} -> next[5] = 2 -> next[2] = NONE, fresh 7
 * Invariants  I1 a block is on its class's stack, fresh, or out; never two of these
 *             I2 the tag grows with every change of the head
 * Ordering    hb:list-block  give writes next[], then releases the head; take acquires it, so what
 *             the last holder wrote to the block is over before the next one writes
 * ABA         a head seen before a pop and a push differs in its tag; links lie beside the blocks
 *             and are never unmapped: a stale read is harmless, its CAS fails
 * Progress    lock-free: a failed CAS means another take or give succeeded
 */
#include "adapter/list_store.h"

#define CLASS_NONE UINT32_MAX

enum { CLASS_BYTES_MIN = 256 };
/* Address space of one class: many small blocks, or a few huge ones. */
#define CLASS_SPAN (UINT64_C(1) << 26)

static uint64_t block_bytes(uint32_t class)
{
    return (uint64_t)CLASS_BYTES_MIN << class;
}

static uint64_t head_word(uint64_t index, uint64_t tag)
{
    return index | tag << 32;
}

static uint32_t class_count(uint32_t class, uint32_t blocks)
{
    uint64_t fit = CLASS_SPAN / block_bytes(class);

    return (uint32_t)ms_min_u64(fit, blocks);
}

static size_t links_bytes(const struct ms_list_class *class)
{
    return class->count * sizeof *class->next;
}

bool ms_list_store_create(struct ms_list_store *store, uint32_t blocks)
{
    uint64_t offset = 0;
    uint32_t k;

    ms_assert(blocks >= 1);
    store->memory = ms_reserve(MS_LIST_CLASSES * CLASS_SPAN);
    if (!store->memory)
        return false;
    for (k = 0; k < MS_LIST_CLASSES; k++) {
        struct ms_list_class *class = &store->of[k];
        ms_init(&class->free_head, head_word(CLASS_NONE, 0));
        ms_init(&class->fresh, 0);
        class->count = class_count(k, blocks);
        class->offset = offset;
        class->next = ms_alloc(links_bytes(class));
        if (!class->next)
            goto undo_links;
        for (uint32_t i = 0; i < class->count; i++)
            ms_init(&class->next[i], CLASS_NONE);
        offset += CLASS_SPAN;
    }
    return true;

undo_links:
    while (k-- > 0)
        ms_free(store->of[k].next, links_bytes(&store->of[k]));
    ms_unreserve(store->memory, MS_LIST_CLASSES * CLASS_SPAN);
    store->memory = NULL;
    return false;
}

void ms_list_store_destroy(struct ms_list_store *store)
{
    if (!store->memory)
        return;
    for (uint32_t k = 0; k < MS_LIST_CLASSES; k++)
        ms_free(store->of[k].next, links_bytes(&store->of[k]));
    ms_unreserve(store->memory, MS_LIST_CLASSES * CLASS_SPAN);
    store->memory = NULL;
}

static uint32_t class_pop(struct ms_list_class *class)
{
    uint64_t seen = ms_load_acquire(&class->free_head); /* hb:list-block */

    for (;;) {
        uint32_t index = (uint32_t)seen;
        if (index == CLASS_NONE)
            return CLASS_NONE;
        uint32_t next = ms_load_relaxed(&class->next[index]); /* stale? then the CAS fails */
        if (ms_cas_acq_rel(&class->free_head, &seen, head_word(next, (seen >> 32) + 1)))
            return index;
    }
}

static uint32_t class_fresh(struct ms_list_class *class)
{
    uint32_t seen = ms_load_relaxed(&class->fresh); /* a number only; no data behind it */

    while (seen < class->count)
        if (ms_cas_relaxed(&class->fresh, &seen, seen + 1))
            return seen;
    return CLASS_NONE;
}

void *ms_list_store_take(struct ms_list_store *store, uint64_t bytes)
{
    if (ms_fault_here())
        return NULL;
    for (uint32_t k = 0; k < MS_LIST_CLASSES; k++) {
        struct ms_list_class *class = &store->of[k];
        if (block_bytes(k) < bytes)
            continue;
        uint32_t index = class_pop(class);
        if (index == CLASS_NONE)
            index = class_fresh(class);
        if (index != CLASS_NONE)
            return store->memory + class->offset + index * block_bytes(k);
    }
    return NULL;
}

void ms_list_store_give(struct ms_list_store *store, void *block)
{
    uint64_t place = (uint64_t)((uint8_t *)block - store->memory);
    uint32_t k = (uint32_t)(place / CLASS_SPAN);
    struct ms_list_class *class = &store->of[k];
    uint32_t index = (uint32_t)(place % CLASS_SPAN / block_bytes(k));
    uint64_t seen = ms_load_relaxed(&class->free_head);

    ms_require(k < MS_LIST_CLASSES && place % CLASS_SPAN % block_bytes(k) == 0);
    do {
        ms_store_relaxed(&class->next[index], (uint32_t)seen);
        /* hb:list-block, release */
    } while (!ms_cas_acq_rel(&class->free_head, &seen, head_word(index, (seen >> 32) + 1)));
}

uint32_t ms_list_store_used(const struct ms_list_store *store)
{
    uint32_t used = 0;

    for (uint32_t k = 0; k < MS_LIST_CLASSES; k++) {
        const struct ms_list_class *class = &store->of[k];
        used += ms_load_relaxed(&class->fresh);
        for (uint32_t i = (uint32_t)ms_load_acquire(&class->free_head); i != CLASS_NONE && used > 0;
             i = ms_load_relaxed(&class->next[i]))
            used--;
    }
    return used;
}
