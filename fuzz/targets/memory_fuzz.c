/* SPDX-License-Identifier: MIT */
/*
 * memory_fuzz.c: one driver's buffers from the frames up: layouts placed in physical memory, addresses over
 * them, MDLs made, locked, cut, moved on, mapped and freed.
 *
 * Proves       a layout is placed inside its zone, its runs joined and its breaks kept, on frames that nobody
 *              has (O1); an address shows the frame behind it; an MDL names the frames of its bytes (MDL-04,
 *              MDL-10, MDL-11), a part of it the same ones (MDL-13), moved on it still does; what is mapped
 *              shows the bytes that the buffer has (MDL-12), and bytes copied through the frames are those (O6,
 *              MDL-19); at the end every frame is back (O9)
 * Does not     have other threads or devices; see commons_fuzz.c for views by several
 */
#include "memory/memory.h"
#include "stage.h"

enum { SLOTS = 3, PAGES_MAX = 24, PARTS = 3, LAYOUTS = 8 };

struct slot {
    PFN_NUMBER pfn[PAGES_MAX];
    uint32_t pages;  /* 0: none */
    uint8_t *view;   /* addresses over them, or NULL */
    PMDL mdl;        /* over a part of the view, or NULL */
    uint64_t offset; /* of its first byte in the view */
    PMDL part[PARTS];
    uint64_t part_offset[PARTS];
};

static struct {
    struct stage stage;
    uint64_t frames; /* taken when nobody has any */
    struct slot slot[SLOTS];
    ms_atomic_u64 digest;
} m;

/* --- the stage ----------------------------------------------------------------------------------- */

static void memory_reset(const uint8_t *setup)
{
    struct ms_dma_config config = {
        .strategy = &ms_reg_cas_bitmap,
        .variant = ms_sg_variant_find("scalar"),
        .registers = {1, 1},
        .grants = 2,
    };

    (void)setup;
    if (!stage_ready(&m.stage, 0)) {
        (void)stage_memory(&m.stage);
        stage_dma(&m.stage, &config, 1);
        m.frames = ms_frames_taken(m.stage.memory);
        stage_keep(&m.stage, m.slot);
    }
    memset(m.slot, 0, sizeof m.slot);
    ms_init(&m.digest, 0);
}

/* --- layouts ------------------------------------------------------------------------------------- */

static bool layout_make(struct ms_layout *layout, uint32_t which, uint32_t pages, uint8_t number)
{
    switch (which) {
    case 0:
        return ms_layout_make_contiguous(layout, pages);
    case 1:
        return ms_layout_make_fragmented(layout, pages);
    case 2:
        return ms_layout_make_descending(layout, pages);
    case 3:
        return ms_layout_make_runs(layout, pages, 1 + number % 5u);
    case 4:
        return ms_layout_make_alternating(layout, pages, 1 + number % 3u, 1 + number / 3u % 4u);
    case 5:
        return ms_layout_make_geometric(layout, pages, 1 + number % 4, number);
    case 6:
        return ms_layout_make_uniform(layout, pages, 1 + number % 6u, number);
    default:
        return ms_layout_make_mixture(layout, pages, number);
    }
}

static bool is_break(const struct ms_layout *layout, uint64_t page)
{
    uint64_t run_end = 0;

    for (uint32_t i = 0; i < layout->run_count; i++) {
        if (page == run_end && i > 0)
            return layout->runs[i].gap_pages != 0;
        run_end += layout->runs[i].pages;
    }
    return false;
}

static void parts_free(struct slot *s)
{
    for (uint32_t i = 0; i < PARTS; i++)
        if (s->part[i]) {
            IoFreeMdl(s->part[i]);
            s->part[i] = NULL;
        }
}

static void slot_end(struct slot *s)
{
    parts_free(s);
    if (s->mdl) {
        MmUnlockPages(s->mdl);
        IoFreeMdl(s->mdl);
    }
    if (s->view)
        ms_view_destroy(m.stage.memory, s->view, s->pages);
    if (s->pages)
        ms_layout_unplace(m.stage.memory, s->pfn, s->pages);
    memset(s, 0, sizeof *s);
}

/* Operands: slot and zone, which layout, pages, where in it. */
static void do_place(const struct fuzz_op *op)
{
    static const uint64_t lasts[] = {0xFFF, 0xFFFFF, UINT64_MAX};
    static const uint64_t firsts[] = {0, 0x1000, 0x100000};
    struct slot *s = &m.slot[op->operand[0] % SLOTS];
    uint32_t zone = op->operand[0] / SLOTS % 3;
    uint32_t pages = 1 + op->operand[2] % PAGES_MAX;
    struct ms_layout layout;

    slot_end(s);
    ms_require(layout_make(&layout, op->operand[1] % LAYOUTS, PAGES_MAX, op->operand[3]));
    uint64_t from = op->operand[3] % (PAGES_MAX - pages + 1); /* it does not wrap round */
    if (!ms_layout_place(m.stage.memory, &layout, from, pages, (enum ms_zone)zone, s->pfn))
        ms_sim_fail("O7 a layout that has room is not placed", "%u pages in zone %u", pages, zone);
    s->pages = pages;
    for (uint32_t i = 0; i < pages; i++) {
        if (s->pfn[i] < firsts[zone] || s->pfn[i] > lasts[zone])
            ms_sim_fail("O5 a frame out of its zone", "%lx", (unsigned long)s->pfn[i]);
        if (i > 0 && (s->pfn[i] != s->pfn[i - 1] + 1) != is_break(&layout, from + i))
            ms_sim_fail("O5 a layout with another break", "page %u of %s", i, layout.name);
        for (uint32_t other = 0; other < SLOTS; other++)
            for (uint32_t k = 0; k < m.slot[other].pages; k++)
                if ((other != op->operand[0] % SLOTS || k < i) && m.slot[other].pfn[k] == s->pfn[i])
                    ms_sim_fail("O1 a frame in two buffers", "%lx", (unsigned long)s->pfn[i]);
    }
    ms_sim_state(0,
                 op->operand[1] % LAYOUTS * 32u + zone * 8 + (pages > 1) * 4u + (pages > 8) * 2u);
    ms_store_relaxed(&m.digest, ms_load_relaxed(&m.digest) * 31 + s->pfn[0] + s->pfn[pages - 1]);
    ms_layout_clear(&layout);
    s->view = ms_view_create(m.stage.memory, s->pfn, pages);
    ms_require(s->view != NULL);
    for (uint32_t i = 0; i < pages; i++) {
        uint8_t *page = ms_memory_byte(m.stage.memory, (ms_pa){s->pfn[i] << MS_PAGE_SHIFT});
        uint64_t found;
        page[0] = (uint8_t)(i + 1);
        page[MS_PAGE_BYTES - 1] = (uint8_t)(i + 101);
        if (s->view[i * (size_t)MS_PAGE_BYTES] != i + 1 ||
            ms_virtual_pfn(m.stage.memory, s->view + i * (size_t)MS_PAGE_BYTES + 5) != s->pfn[i] ||
            ms_view_find(m.stage.memory, s->view + i * (size_t)MS_PAGE_BYTES, &found) != s->view ||
            found != pages)
            ms_sim_fail("O6 an address that shows another frame", "page %u", i);
    }
}

/* --- MDLs ---------------------------------------------------------------------------------------- */

/* The frames and bytes of an MDL are those of the view from `offset` on. */
static void mdl_check(const struct slot *s, PMDL mdl, uint64_t offset)
{
    uint64_t bytes = MmGetMdlByteCount(mdl);

    if (MmGetMdlByteOffset(mdl) != offset % MS_PAGE_BYTES)
        ms_sim_fail("O5 an MDL with another offset", "%u", (unsigned)MmGetMdlByteOffset(mdl));
    for (uint64_t k = 0; k < bytes; k += MS_PAGE_BYTES) {
        uint64_t page = (MmGetMdlByteOffset(mdl) + k) / MS_PAGE_BYTES;
        if (MmGetMdlPfnArray(mdl)[page] != s->pfn[offset / MS_PAGE_BYTES + page])
            ms_sim_fail("O5 an MDL that names another frame", "page %lu", (unsigned long)page);
    }
    if (bytes == 0)
        return;
    uint8_t first;
    uint8_t last;
    ms_mdl_copy_out(m.stage.memory, mdl, 0, &first, 1);
    ms_mdl_copy_out(m.stage.memory, mdl, bytes - 1, &last, 1);
    if (first != s->view[offset] || last != s->view[offset + bytes - 1])
        ms_sim_fail("O6 bytes of an MDL that are not the buffer's", "%02x %02x", first, last);
}

/* Operands: slot, offset, length, how it is made resident. */
static void do_mdl(const struct fuzz_op *op)
{
    static const uint64_t offsets[] = {0, 1, 4095, 4096, 2048, 8192};
    struct slot *s = &m.slot[op->operand[0] % SLOTS];
    uint64_t all = s->pages * (uint64_t)MS_PAGE_BYTES;
    uint64_t offset = stage_edge(offsets, 6, op->operand[1]);
    IRP irp = {.MdlAddress = NULL};

    if (!s->view || s->mdl || offset >= all)
        return;
    const uint64_t lengths[] = {all - offset, 1, 4096, (all - offset) / 2, 4097, 0};
    uint64_t length = stage_edge(lengths, 6, op->operand[2]);
    if (length > all - offset)
        length = all - offset;
    bool is_ours = op->operand[3] & 1;
    bool has_irp = op->operand[3] >> 1 & 1;
    if (IoAllocateMdl(s->view, UINT32_MAX, FALSE, FALSE, NULL) ||
        IoAllocateMdl(s->view, 1, TRUE, FALSE, NULL))
        ms_sim_fail("O7 an MDL that cannot be", "too long, or of no request");
    s->mdl = IoAllocateMdl(s->view + offset, (ULONG)length, FALSE, FALSE, has_irp ? &irp : NULL);
    ms_require(s->mdl != NULL);
    if (has_irp && irp.MdlAddress != s->mdl)
        ms_sim_fail("O5 a request without its MDL", "%p", (void *)irp.MdlAddress);
    s->offset = offset;
    if (is_ours)
        MmBuildMdlForNonPagedPool(s->mdl);
    else
        MmProbeAndLockPages(s->mdl, KernelMode, op->operand[3] & 4 ? IoReadAccess : IoWriteAccess);
    if (!ms_mdl_is_resident(s->mdl))
        ms_sim_fail("O7 an MDL that is not resident", "%x", (unsigned)s->mdl->MdlFlags);
    mdl_check(s, s->mdl, offset);
    ms_sim_state(1, (op->operand[3] & 7) * 8u + (length > 4096) * 2u + (offset % 4096 != 0));
}

/* A part of the slot's MDL: bytes from `from` on. */
static void do_part(const struct fuzz_op *op)
{
    struct slot *s = &m.slot[op->operand[0] % SLOTS];
    uint32_t i = op->operand[0] / SLOTS % PARTS;

    if (!s->mdl || s->part[i])
        return;
    uint64_t all = MmGetMdlByteCount(s->mdl);
    const uint64_t froms[] = {0, 1, all / 2, 4096, all};
    uint64_t from = stage_edge(froms, 5, op->operand[1]);
    if (from > all)
        return;
    const uint64_t lengths[] = {0, 1, all - from, 4096, (all - from) / 2};
    uint64_t length = stage_edge(lengths, 5, op->operand[2]);
    bool is_wrong = length > all - from;
    char *va = (char *)MmGetMdlVirtualAddress(s->mdl) + from;
    uint64_t room = is_wrong || length == 0 ? all - from : length;

    if (length > UINT32_MAX / 2)
        return;
    PMDL part = IoAllocateMdl(va, (ULONG)room, FALSE, FALSE, NULL);
    ms_require(part != NULL);
    IoBuildPartialMdl(s->mdl, part, va, (ULONG)length);
    if (is_wrong != !(part->MdlFlags & MDL_PARTIAL))
        ms_sim_fail("O7 a part of what the MDL has not", "%lu+%lu of %lu", (unsigned long)from,
                    (unsigned long)length, (unsigned long)all);
    ms_sim_state(2, is_wrong * 4u + (length == 0) * 2u + (op->operand[3] & 1));
    if (is_wrong) {
        IoFreeMdl(part);
        return;
    }
    if (MmGetMdlByteCount(part) != room)
        ms_sim_fail("O5 a part of another length", "%u of %lu", (unsigned)MmGetMdlByteCount(part),
                    (unsigned long)room);
    mdl_check(s, part, s->offset + from);
    s->part[i] = part;
    s->part_offset[i] = s->offset + from;
}

static void map_check(const struct slot *s, PMDL mdl, uint64_t offset)
{
    uint8_t *bytes = MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority);
    uint64_t count = MmGetMdlByteCount(mdl);

    if (!bytes)
        ms_sim_fail("O7 an MDL that cannot be mapped", "%x", (unsigned)mdl->MdlFlags);
    if (count > 0 &&
        (bytes[0] != s->view[offset] || bytes[count - 1] != s->view[offset + count - 1]))
        ms_sim_fail("O6 a mapping that shows other bytes", "%02x", bytes[0]); /* MDL-12 */
}

static void do_map(const struct fuzz_op *op)
{
    struct slot *s = &m.slot[op->operand[0] % SLOTS];
    uint32_t i = op->operand[0] / SLOTS % (PARTS + 1);
    PMDL mdl = i < PARTS ? s->part[i] : s->mdl;
    uint64_t offset = i < PARTS ? s->part_offset[i] : s->offset;

    if (!mdl || MmGetMdlByteCount(mdl) == 0)
        return;
    map_check(s, mdl, offset);
    ms_sim_state(3, (i < PARTS) * 4u + (op->operand[1] & 3));
    if (op->operand[1] & 1 && i == PARTS) { /* bytes in through the frames: the view has them */
        uint8_t byte = 0x77;
        ms_mdl_copy_in(m.stage.memory, mdl, 0, &byte, 1);
        if (s->view[offset] != 0x77)
            ms_sim_fail("O6 a byte copied in is not there", "%02x", s->view[offset]);
    }
    if (!(op->operand[1] & 2) || !(mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA))
        return;
    if (i == PARTS)
        parts_free(s); /* they may show the whole one's addresses */
    MmUnmapLockedPages(mdl->MappedSystemVa, mdl);
}

/* A part is used for another; the whole is let go and locked again. */
static void do_again(const struct fuzz_op *op)
{
    struct slot *s = &m.slot[op->operand[0] % SLOTS];

    parts_free(s);
    if (!s->mdl)
        return;
    if (op->operand[1] & 1) {
        MmUnlockPages(s->mdl);
        IoFreeMdl(s->mdl);
        s->mdl = NULL;
    } else if (s->mdl->MdlFlags & MDL_PAGES_LOCKED) {
        MmUnlockPages(s->mdl);
        if (s->mdl->MdlFlags & (MDL_PAGES_LOCKED | MDL_MAPPED_TO_SYSTEM_VA))
            ms_sim_fail("O7 an MDL that is still locked", "%x", (unsigned)s->mdl->MdlFlags);
        MmProbeAndLockPages(s->mdl, KernelMode, IoModifyAccess);
        mdl_check(s, s->mdl, s->offset);
    }
}

/* --- the target ---------------------------------------------------------------------------------- */

enum kind { PLACE, MDL_OF, PART, MAP, AGAIN };

static void memory_perform(uint32_t actor, const struct fuzz_op *op)
{
    stage_cpu(&m.stage, actor);
    switch ((enum kind)op->kind) {
    case PLACE:
        do_place(op);
        break;
    case MDL_OF:
        do_mdl(op);
        break;
    case PART:
        do_part(op);
        break;
    case MAP:
        do_map(op);
        break;
    case AGAIN:
        do_again(op);
        break;
    }
}

static void memory_finish(uint32_t actor)
{
    stage_cpu(&m.stage, actor);
    for (uint32_t i = 0; i < SLOTS; i++)
        slot_end(&m.slot[i]);
}

static void memory_check(void *unused)
{
    (void)unused;
    if (ms_frames_taken(m.stage.memory) != m.frames)
        ms_sim_fail("O9 frames are left", "%lu, %lu",
                    (unsigned long)ms_frames_taken(m.stage.memory), (unsigned long)m.frames);
}

static uint64_t memory_digest(void)
{
    return ms_load_relaxed(&m.digest);
}

static const char *memory_tell(const struct fuzz_op *op, char *text, size_t bytes)
{
    uint32_t slot = op->operand[0] % SLOTS;

    switch ((enum kind)op->kind) {
    case PLACE:
        snprintf(text, bytes, "slot %u: layout %u, %u pages, zone %u", slot,
                 op->operand[1] % LAYOUTS, 1 + op->operand[2] % PAGES_MAX,
                 op->operand[0] / SLOTS % 3);
        break;
    case MDL_OF:
        snprintf(text, bytes, "slot %u: an MDL, offset class %u, length class %u, %s", slot,
                 op->operand[1] % 6, op->operand[2] % 6, op->operand[3] & 1 ? "built" : "locked");
        break;
    case PART:
        snprintf(text, bytes, "slot %u: a part, from class %u, length class %u", slot,
                 op->operand[1] % 5, op->operand[2] % 5);
        break;
    case MAP:
        snprintf(text, bytes, "slot %u: map %u", slot, op->operand[0] / SLOTS % (PARTS + 1));
        break;
    case AGAIN:
        snprintf(text, bytes, "slot %u: %s", slot, op->operand[1] & 1 ? "free" : "lock again");
        break;
    }
    return text;
}

static const char *const actor_names[] = {"driver"};
static const struct fuzz_kind kinds[] = {
    [PLACE] = {"place", 4, 1, "slot and zone, layout, pages, where in it"},
    [MDL_OF] = {"mdl", 4, 1, "slot, offset, length, how"},
    [PART] = {"part", 4, 1, "slot and part, from, length, nothing"},
    [MAP] = {"map", 2, 1, "slot and part, what then"},
    [AGAIN] = {"again", 2, 1, "slot, freed or locked again"},
};

const struct fuzz_target fuzz_target_memory = {
    .name = "memory",
    .summary =
        "layouts in physical memory, addresses over them, MDLs made, cut and mapped, one driver",
    .actors = actor_names,
    .actor_count = 1,
    .settings = NULL,
    .setting_count = 0,
    .kinds = kinds,
    .kind_count = sizeof kinds / sizeof kinds[0],
    .is_sequential = true,
    .steps_max = 20000,
    .reset = memory_reset,
    .perform = memory_perform,
    .finish = memory_finish,
    .check = memory_check,
    .digest = memory_digest,
    .tell = memory_tell,
};
