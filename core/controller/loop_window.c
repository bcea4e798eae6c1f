/* SPDX-License-Identifier: MIT */
/*
 * loop_window: the addresses at which the engine writes the ring of a looped transfer, and how they are
 * taken away from it.
 *
 * Idea        a looped transfer from the device has no flush to wait for: its engine writes the driver's
 *             pages itself. A store that a sleeping engine has in hand can not be called back, but the page
 *             under it can be changed: the engine writes through a window of addresses of its own, and
 *             whoever stops the transfer maps an empty page over the window before he returns. From then
 *             on a late store lands nowhere (CMT-12), and nobody has waited for the engine.
 * Picture     ring pages in RAM <- window slot 2 of the channel <- engine
 *             stopped:   RAM         empty pages <- window slot 2 <- engine, late
 * Invariants  W1 a slot is free (0), or names the transfer it was opened for and counts those who are closing
 *                it; only the channel's owner takes it from free to open
 *             W2 a slot is free again when somebody has closed it and nobody is at it any more; so a free
 *                slot shows empty pages, and nobody is about to change that
 *             W3 a slot is not opened while the engine may still hold a burst of the transfer it had last
 * Ordering    hb:engine-at (see system_dma.c) for W3. hb:loop-window: he who frees a slot releases it
 *             behind its unmapping; the owner who opens it again acquires that.
 * ABA         a slot names its transfer and counts its closers, so a late one either pins it or finds
 *             another transfer there and leaves it alone
 * Progress    opening is wait-free, closing lock-free, but for the host's mapping calls. A closer that
 *             sleeps pins a slot, the engine one; when all are pinned a start fails for want of resources.
 */
#include "controller/system_dma.h"

union slot_word {
    struct {
        uint64_t transfer : 32; /* masked with MS_TRANSFER_MASK */
        uint64_t open : 1;      /* not free */
        uint64_t closed : 1;    /* its pages are empty again */
        uint64_t closers : 16;
        uint64_t unused : 14;
    };
    uint64_t raw;
};
static_assert(sizeof(union slot_word) == sizeof(uint64_t), "a slot must fit one CAS");

static uint8_t *slot_address(const struct ms_channel *channel, uint32_t slot)
{
    return channel->windows + slot * WINDOW_BYTES;
}

static uint64_t element_first_page(const SCATTER_GATHER_ELEMENT *element)
{
    return (uint64_t)element->Address.QuadPart & ~(uint64_t)(MS_PAGE_BYTES - 1);
}

uint64_t ms_loop_element_bytes(const SCATTER_GATHER_ELEMENT *element)
{
    uint64_t from = element_first_page(element);
    uint64_t to = (uint64_t)element->Address.QuadPart + element->Length;

    return ms_round_up(to, MS_PAGE_BYTES) - from;
}

/* Shows the elements' pages one after the other. What is not RAM is left out: the engine fails before it
 * comes there. */
static bool slot_fill(struct ms_controller *controller, const struct ms_record *record,
                      uint8_t *address)
{
    for (uint32_t i = 0; i < record->elements; i++) {
        const SCATTER_GATHER_ELEMENT *element = &record->element[i];
        uint64_t bytes = ms_loop_element_bytes(element);
        ms_pa from = {element_first_page(element)};

        if (ms_memory_at(controller->memory, from, bytes) &&
            !ms_memory_show(controller->memory, from, bytes, address))
            return false;
        address += bytes;
    }
    return true;
}

bool ms_loop_window_open(struct ms_controller *controller, struct ms_channel *channel,
                         struct ms_record *record, uint32_t transfer)
{
    /* Relaxed: transfer_choose has just looked, sequentially consistent, and this look is no older. */
    uint32_t engine = ms_load_relaxed(&channel->engine_at); /* hb:engine-at */

    for (uint32_t i = 0; i < LOOP_WINDOWS; i++) {
        union slot_word open = {.raw = 0};

        if (ms_load_acquire(&channel->window[i]) != 0 || /* hb:loop-window */
            engine == channel->window_last[i])           /* W3 */
            continue;
        if (!slot_fill(controller, record, slot_address(channel, i))) {
            (void)ms_host_memory_unview(slot_address(channel, i), WINDOW_BYTES);
            return false;
        }
        open.transfer = transfer & MS_TRANSFER_MASK;
        open.open = 1;
        record->window = slot_address(channel, i);
        channel->window_last[i] = transfer;
        ms_store_release(&channel->window[i],
                         open.raw); /* the start's CAS hands it to the others */
        return true;
    }
    return false;
}

/* Joins the closers of a slot; false: it is not that transfer's, or its pages are empty already. */
static bool closer_enter(struct ms_channel *channel, uint32_t slot, uint32_t transfer)
{
    union slot_word seen = {.raw = ms_load_acquire(&channel->window[slot])}, next;

    do {
        if (!seen.open || seen.closed || seen.transfer != (transfer & MS_TRANSFER_MASK))
            return false;
        next = seen;
        next.closers = (uint64_t)(seen.closers + 1) & 0xFFFF;
    } while (!ms_cas_acq_rel(&channel->window[slot], &seen.raw, next.raw));
    return true;
}

static void closer_leave(struct ms_channel *channel, uint32_t slot)
{
    union slot_word seen = {.raw = ms_load_acquire(&channel->window[slot])}, next;

    do {
        next = seen;
        next.closers = (uint64_t)(seen.closers - 1) & 0xFFFF;
        next.closed = 1;
        if (next.closers == 0)
            next.raw = 0;                                                   /* W2 */
    } while (!ms_cas_acq_rel(&channel->window[slot], &seen.raw, next.raw)); /* hb:loop-window */
}

void ms_loop_window_close(struct ms_channel *channel, uint32_t transfer)
{
    for (uint32_t i = 0; i < LOOP_WINDOWS; i++) {
        if (!closer_enter(channel, i, transfer))
            continue;
        /* Refused by the host: then nothing could be promised any more. */
        ms_require(ms_host_memory_unview(slot_address(channel, i), WINDOW_BYTES));
        closer_leave(channel, i);
    }
}
