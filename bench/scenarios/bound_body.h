/* SPDX-License-Identifier: MIT */
/*
 * bound_body.h: the bounds for one target: included by bound.c once for each, with LEAF, how a function is
 * declared, and NAME(x), what the target calls it. (A function without a target would have its vectors
 * taken apart before it is inlined into one that has the registers for them.)
 */

/* Every number goes into the result; four ways, so that no step waits for another. */
LEAF static inline uint64_t NAME(frames_read)(const PFN_NUMBER *pfn, uint64_t count)
{
    wide sum[4] = {{0}, {0}, {0}, {0}};
    uint64_t rest = 0;
    uint64_t i = 0;

    for (; i + 4 * LANES <= count; i += 4 * LANES)
        for (uint64_t k = 0; k < 4; k++) {
            wide frames;

            memcpy(&frames, pfn + i + k * LANES, sizeof frames);
            sum[k] |= frames;
        }
    for (; i < count; i++)
        rest |= pfn[i];
    sum[0] |= sum[1] | sum[2] | sum[3];
    return rest | sum[0][0] | sum[0][1] | sum[0][2] | sum[0][3];
}

/* Four elements are three stores of 32 bytes, out of registers. */
LEAF static inline uint8_t *NAME(elements_write)(uint8_t *out, uint64_t count, uint64_t from)
{
    const uint64_t bytes = MS_PAGE_BYTES;
    const uint64_t none = 0;

    if (count >= LANES) {
        const wide first = {from, bytes, none, from};
        const wide second = {bytes, none, from, bytes};
        const wide third = {none, from, bytes, none};

        for (; count >= LANES; count -= LANES, out += 3 * sizeof first) {
            memcpy(out, &first, sizeof first);
            memcpy(out + sizeof first, &second, sizeof second);
            memcpy(out + 2 * sizeof first, &third, sizeof third);
        }
    }
    for (; count > 0; count--, out += 3 * sizeof from) {
        memcpy(out, &from, sizeof from);
        memcpy(out + sizeof from, &bytes, sizeof bytes);
        memcpy(out + 2 * sizeof from, &none, sizeof none);
    }
    return out;
}

LEAF static inline uint64_t NAME(mdl_pages)(const MDL *mdl)
{
    return ((uint64_t)mdl->ByteOffset + mdl->ByteCount + MS_PAGE_BYTES - 1) / MS_PAGE_BYTES;
}

LEAF static uint64_t NAME(read)(const MDL *head)
{
    uint64_t seen = 0;

    for (; head; head = head->Next)
        seen |= NAME(frames_read)(ms_mdl_frames(head), NAME(mdl_pages)(head));
    return seen;
}

LEAF static uint64_t NAME(list)(const MDL *head, uint32_t elements, SCATTER_GATHER_ELEMENT *to)
{
    uint8_t *out = (uint8_t *)to;
    uint64_t seen = 0;

    for (; head; head = head->Next) {
        const PFN_NUMBER *pfn = ms_mdl_frames(head);
        uint64_t pages = NAME(mdl_pages)(head);

        /* Elements go along with pages; what is left over is written at the end. */
        for (uint64_t at = 0; at < pages; at += CHUNK_PAGES) {
            uint64_t part = pages - at < CHUNK_PAGES ? pages - at : CHUNK_PAGES;
            uint32_t written = part < elements ? (uint32_t)part : elements;

            seen |= NAME(frames_read)(pfn + at, part);
            out = NAME(elements_write)(out, written, (uint64_t)(uintptr_t)pfn);
            elements -= written;
        }
    }
    NAME(elements_write)(out, elements, seen);
    return seen;
}

LEAF static void NAME(store)(SCATTER_GATHER_ELEMENT *out, uint32_t elements, uint64_t from)
{
    NAME(elements_write)((uint8_t *)out, elements, from);
}

static const struct ms_bounds NAME(bounds) = {NAME(read), NAME(store), NAME(list)};
