/* SPDX-License-Identifier: MIT */
/*
 * turnstile: customers who wait for something scarce, first come first served, without a lock.
 *
 * Idea        a customer that must wait draws a ticket and shows it in its slot; whoever gives something
 *             back looks for the lowest ticket and serves that one. Looking is a walk over a few lines,
 *             and only while somebody waits.
 * Picture     slot[3] = ticket 17, slot[9] = ticket 12 <- served first; waiting = 2
 * Invariants  I1 waiting >= number of slots that show a ticket: it is raised before a slot is set and
 *                lowered after one is cleared, so a stopped thread leaves it too high, never too low
 *             I2 a slot goes 0 -> ticket -> 0 and tickets never repeat, so clearing "that ticket" can not
 *                wipe a later one, and setting it twice is harmless
 *             I3 who showed a ticket before another was even drawn comes before it (ms_turnstile_first). One
 *                walk over the slots would not do: it may pass a slot, sleep while a ticket is shown there
 *                and a later one behind, and find the later one only. So the slots in front of what was
 *                found are read again. Those behind it were read when it had been shown already, and
 *                whatever earlier one they had then, the walk has found
 * Ordering    hb:turnstile-dekker  give: what is given becomes visible (seq_cst), then waiting is read
 *             (seq_cst); wait: waiting is raised (seq_cst), fence, then one looks for what was given. One
 *             of the two sees the other, so no wake-up is lost. With acquire/release both could read the
 *             old value.
 * ABA         tickets have 64 bits and never repeat
 * Progress    wait-free: no operation loops but over the fixed number of slots
 */
#include "registers/registers.h"

uint64_t ms_turnstile_ticket(struct ms_turnstile *gate)
{
    return ms_fetch_add_relaxed(&gate->ticket, 1) + 1; /* order of numbers only; no data behind */
}

uint64_t ms_turnstile_wait(struct ms_turnstile *gate, uint32_t slot, uint64_t ticket)
{
    uint64_t seen;

    ms_assert(slot < MS_TURNSTILE_SLOTS && ticket != 0);
    if (ms_load_acquire(&gate->slot[slot]) == ticket)
        return ticket;
    /* Another ticket seen there may be an old value, cleared by who then found nobody to serve: the CAS decides. */
    seen = 0;
    ms_fetch_add_seq_cst(&gate->waiting, 1); /* hb:turnstile-dekker; before the slot: I1 */
    if (!ms_cas_seq_cst(&gate->slot[slot], &seen, ticket)) {
        ms_fetch_sub_seq_cst(&gate->waiting, 1);
        return seen;
    }
    ms_fence_seq_cst(); /* hb:turnstile-dekker: our look at what is free comes after */
    return ticket;
}

void ms_turnstile_unwait(struct ms_turnstile *gate, uint32_t slot, uint64_t ticket)
{
    uint64_t seen = ticket;

    if (ms_cas_acq_rel(&gate->slot[slot], &seen, 0))
        ms_fetch_sub_seq_cst(&gate->waiting, 1); /* after the slot: I1 */
}

uint32_t ms_turnstile_after(const struct ms_turnstile *gate, uint64_t after, uint64_t *ticket,
                            bool *has_earlier)
{
    uint32_t first = MS_TURNSTILE_SLOTS;

    *ticket = UINT64_MAX;
    *has_earlier = false;
    for (uint32_t i = 0; i < MS_TURNSTILE_SLOTS; i++) {
        /* hb:turnstile-dekker; seq_cst: who saw `waiting` raised must not miss the slot set after it. */
        uint64_t seen = ms_load_seq_cst(&gate->slot[i]);
        *has_earlier |= seen != 0 && seen < after;
        if (seen > after && seen < *ticket) {
            *ticket = seen;
            first = i;
        }
    }
    return first;
}

uint32_t ms_turnstile_first(const struct ms_turnstile *gate, uint64_t *ticket)
{
    uint32_t first = MS_TURNSTILE_SLOTS;
    uint32_t found = MS_TURNSTILE_SLOTS;

    *ticket = UINT64_MAX;
    do { /* I3; each walk is shorter than the one before */
        first = found;
        found = MS_TURNSTILE_SLOTS;
        for (uint32_t i = 0; i < first; i++) {
            uint64_t seen = ms_load_seq_cst(&gate->slot[i]); /* hb:turnstile-dekker, as above */
            if (seen != 0 && seen < *ticket) {
                *ticket = seen;
                found = i;
            }
        }
    } while (found != MS_TURNSTILE_SLOTS);
    return first;
}
