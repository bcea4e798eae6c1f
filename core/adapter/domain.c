/* SPDX-License-Identifier: MIT */
/*
 * domain: which adapters share a translation (DOM-*). Nothing is translated here (GEN-06), so all a
 * domain decides is how far its narrowest member reaches.
 *
 * Idea        an adapter opens with a domain of its own, whose name is never used again. Its
 *             membership is one word {name:48, width:16}, so who reads it sees both of one moment.
 *             Its own domain is another such word: known as long as the adapter is open, wherever that is
 *             a member meanwhile; what is allocated for it while it is empty suits who comes home.
 * Ordering    hb:domain  joining, leaving, opening and closing release the words; readers acquire them.
 *             Nothing but the word itself is behind it.
 * Progress    wait-free; asking for a domain's reach walks all adapters
 */
#include "adapter/grant.h"

enum { NAME_BITS = 48 };

static uint64_t member_word(uint64_t name, uint32_t width)
{
    return name | (uint64_t)width << NAME_BITS;
}

static uint64_t member_name(uint64_t word)
{
    return word & ((UINT64_C(1) << NAME_BITS) - 1);
}

/* Names are told apart from small numbers and pointers at a glance, and never 0. */
static uint64_t handle_name(HANDLE handle)
{
    return (uint64_t)(uintptr_t)handle;
}

void ms_domain_open(struct ms_adapter *adapter)
{
    /* Relaxed: a number that nobody else gets; no data behind it. */
    uint64_t name = UINT64_C(0xD0) << 40 | (ms_fetch_add_relaxed(&adapter->dma->domains, 1) + 1);
    uint64_t word = member_word(name, adapter->address_width);

    ms_store_release(&adapter->home, word);   /* hb:domain */
    ms_store_release(&adapter->member, word); /* hb:domain */
}

void ms_domain_close(struct ms_adapter *adapter)
{
    ms_store_release(&adapter->member, 0); /* hb:domain */
    ms_store_release(&adapter->home, 0);   /* hb:domain */
}

/* The width in a word of that name; 0: it has another. */
static uint32_t width_in(uint64_t word, HANDLE handle)
{
    return word != 0 && member_name(word) == handle_name(handle) ? (uint32_t)(word >> NAME_BITS)
                                                                 : 0;
}

bool ms_domain_reach(struct ms_dma *dma, HANDLE handle, uint64_t *reach_last)
{
    uint32_t narrowest = 0, empty = 0;

    for (uint32_t i = 0; i < MS_ADAPTERS_MAX; i++) {
        uint32_t width = width_in(ms_load_acquire(&dma->adapter[i].member), handle); /* hb:domain */
        if (width != 0 && (narrowest == 0 || width < narrowest))
            narrowest = width;
        empty |= width_in(ms_load_acquire(&dma->adapter[i].home), handle); /* hb:domain */
    }
    if (narrowest == 0)
        narrowest = empty; /* nobody is in it */
    if (narrowest == 0)
        return false; /* unknown (DOM-02) */
    *reach_last = UINT64_MAX >> (64 - narrowest);
    return true;
}

NTSTATUS HalJoinDmaDomain(PDMA_ADAPTER DmaAdapter, HANDLE DomainHandle)
{
    struct ms_adapter *adapter = ms_adapter_from(DmaAdapter);
    uint64_t reach_last;

    if (!ms_domain_reach(adapter->dma, DomainHandle, &reach_last))
        return STATUS_INVALID_PARAMETER; /* DOM-02 */
    /* hb:domain, release */
    ms_store_release(&adapter->member,
                     member_word(handle_name(DomainHandle), adapter->address_width));
    return STATUS_SUCCESS;
}

NTSTATUS HalLeaveDmaDomain(PDMA_ADAPTER DmaAdapter)
{
    struct ms_adapter *adapter = ms_adapter_from(DmaAdapter);

    /* hb:domain, release; relaxed: ours, and written when we were opened */
    ms_store_release(&adapter->member, ms_load_relaxed(&adapter->home));
    return STATUS_SUCCESS;
}

HANDLE HalGetDmaDomain(PDMA_ADAPTER DmaAdapter)
{
    struct ms_adapter *adapter = ms_adapter_from(DmaAdapter);

    return (HANDLE)(uintptr_t)member_name(ms_load_acquire(&adapter->member)); /* DOM-01 */
}
