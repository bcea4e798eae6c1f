/* SPDX-License-Identifier: MIT */
/*
 * frames_fuzz.c: page frames and pages of addresses: runs of neighbours from one bitmap, in the hands of three
 * threads. The set is small and nearly full, so that the marks of full words come and go.
 *
 * Proves       no page has two owners (O1); what one owner wrote the next one sees (a plain cell per page, by the
 *              race check); a run lies where it was asked for (O5); with nobody inside all marks and counts are
 *              right, and every page that nobody has is found (O2, O9)
 * Does not     judge a refusal while others run: a roll-back may hide pages (page_set.h)
 */
#include "../fuzz.h"

#include <string.h>

#include "memory/page_set.h"

enum { ACTORS = 3, PAGES = 130, WORDS = 3, HELD_MAX = 8, STRANGER = ACTORS + 1 };

struct held {
    uint64_t first, count;
};

/* Pages that nobody has at first; all others are a stranger's, for good. */
static const struct {
    uint64_t first, count;
} shapes[] = {{5, 1}, {62, 4}, {0, 2}, {60, 70}, {126, 4}, {0, 130}, {63, 66}, {63, 1}};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static const uint8_t counts[] = {1, 2, 3, 64, 65, 4, 66, 70};
static const uint8_t places[] = {5, 62, 63, 64, 0, 127, 128, 60};

static struct {
    struct ms_page_set set;
    ms_atomic_u64 taken[WORDS + 1], full[1];
    struct held held[ACTORS][HELD_MAX];
    uint32_t held_count[ACTORS];
    uint8_t owner[PAGES];
    uint32_t cell[PAGES]; /* plain data that travels with a page */
    uint64_t digest[ACTORS];
} f;

static void frames_reset(const uint8_t *setup)
{
    uint32_t shape = setup[0] % SHAPES;

    memset(&f, 0, sizeof f);
    f.set = (struct ms_page_set){.taken = f.taken, .full = f.full, .pages = PAGES};
    uint64_t behind = shapes[shape].first + shapes[shape].count;
    memset(f.owner, STRANGER, shapes[shape].first);
    memset(f.owner + behind, STRANGER, PAGES - behind);
    ms_require(shapes[shape].first == 0 || ms_page_set_take_at(&f.set, 0, shapes[shape].first));
    ms_require(behind == PAGES || ms_page_set_take_at(&f.set, behind, PAGES - behind));
}

static void own(uint32_t actor, uint64_t first, uint64_t count)
{
    for (uint64_t i = first; i < first + count; i++) {
        if (i >= PAGES || f.owner[i] != 0)
            ms_sim_fail("O1 a page with two owners", "page %u", (unsigned)i);
        f.owner[i] = (uint8_t)(actor + 1);
        ms_data_write(&f.cell[i], sizeof f.cell[i]);
        f.cell[i]++;
    }
    f.held[actor][f.held_count[actor]++] = (struct held){first, count};
}

static void do_take(uint32_t actor, const struct fuzz_op *op)
{
    uint64_t count = counts[op->operand[0] % sizeof counts];
    uint64_t align = UINT64_C(1) << (op->operand[1] & 1 ? op->operand[1] / 2u % 7 : 0);
    uint64_t lowest = op->operand[2] & 1 ? places[op->operand[2] / 2u % sizeof places] : 0;
    uint64_t highest = op->operand[2] & 16 ? 65 : PAGES - 1;

    if (f.held_count[actor] == HELD_MAX)
        return;
    uint64_t first = ms_page_set_take(&f.set, count, align, lowest, highest);
    f.digest[actor] = f.digest[actor] * 31 + first;
    if (first == MS_PAGE_NONE)
        return;
    if (first < lowest || first + count - 1 > highest || first % align != 0)
        ms_sim_fail("O5 a run that was not asked for", "%u pages at %u", (unsigned)count,
                    (unsigned)first);
    own(actor, first, count);
}

static void do_take_at(uint32_t actor, const struct fuzz_op *op)
{
    uint64_t first = places[op->operand[0] % sizeof places];
    uint64_t count = counts[op->operand[1] % sizeof counts];

    if (f.held_count[actor] < HELD_MAX && ms_page_set_take_at(&f.set, first, count))
        own(actor, first, count);
}

/* The shadow lets go first: from the first step of give on, somebody else may own the pages. */
static void give_back(uint32_t actor, uint32_t which)
{
    struct held h = f.held[actor][which];

    f.held[actor][which] = f.held[actor][--f.held_count[actor]];
    for (uint64_t i = h.first; i < h.first + h.count; i++) {
        ms_data_write(&f.cell[i], sizeof f.cell[i]);
        f.owner[i] = 0;
    }
    ms_page_set_give(&f.set, h.first, h.count);
}

enum kind { TAKE, TAKE_AT, GIVE, LOOK };

static void frames_perform(uint32_t actor, const struct fuzz_op *op)
{
    switch ((enum kind)op->kind) {
    case TAKE:
        do_take(actor, op);
        break;
    case TAKE_AT:
        do_take_at(actor, op);
        break;
    case GIVE:
        if (f.held_count[actor] > 0)
            give_back(actor, op->operand[0] % f.held_count[actor]);
        break;
    case LOOK:
        if (f.held_count[actor] > 0 && !ms_page_set_has(&f.set, f.held[actor][0].first))
            ms_sim_fail("O1 a page that is held counts as free", "page %u",
                        (unsigned)f.held[actor][0].first);
        break;
    }
}

static void frames_finish(uint32_t actor)
{
    (void)actor;
}

static void frames_check(void *unused)
{
    uint64_t owned = 0;

    (void)unused;
    for (uint32_t i = 0; i < PAGES; i++)
        owned += f.owner[i] != 0;
    if (!ms_page_set_audit(&f.set) || ms_page_set_count(&f.set) != owned)
        ms_sim_fail("O2 the audit fails", "%u pages are owned", (unsigned)owned);
    for (; owned < PAGES; owned++) {
        uint64_t page = ms_page_set_take(&f.set, 1, 1, 0, PAGES - 1);
        if (page == MS_PAGE_NONE)
            ms_sim_fail("O9 a page that nobody has is not found", "%u are owned", (unsigned)owned);
        if (f.owner[page] != 0)
            ms_sim_fail("O1 a page with two owners", "page %u", (unsigned)page);
        f.owner[page] = STRANGER;
    }
    ms_page_set_give(&f.set, 0, PAGES);
    if (!ms_page_set_audit(&f.set) || ms_page_set_count(&f.set) != 0)
        ms_sim_fail("O2 the audit fails", "with nothing taken");
}

static uint64_t frames_digest(void)
{
    uint64_t digest = 0;

    for (uint32_t a = 0; a < ACTORS; a++)
        digest = (digest ^ f.digest[a]) * 0x100000001B3u;
    return digest;
}

static const char *frames_tell(const struct fuzz_op *op, char *text, size_t bytes)
{
    switch ((enum kind)op->kind) {
    case TAKE:
        snprintf(text, bytes, "take %u pages", counts[op->operand[0] % sizeof counts]);
        break;
    case TAKE_AT:
        snprintf(text, bytes, "take %u pages at %u", counts[op->operand[1] % sizeof counts],
                 places[op->operand[0] % sizeof places]);
        break;
    case GIVE:
        snprintf(text, bytes, "give held %u", op->operand[0]);
        break;
    case LOOK:
        return "look";
    }
    return text;
}

static const char *const actor_names[] = {"a", "b", "c"};
static const struct fuzz_setting settings[] = {{"shape", SHAPES}};
static const struct fuzz_kind kinds[] = {
    [TAKE] = {"take", 3, 7, "count class, align class, bounds"},
    [TAKE_AT] = {"take_at", 2, 7, "place, count class"},
    [GIVE] = {"give", 1, 7, "which of the runs held"},
    [LOOK] = {"look", 0, 7, "at a page that is held"},
};

const struct fuzz_target fuzz_target_frames = {
    .name = "frames",
    .summary = "runs of page frames from a set that is nearly full, three threads",
    .actors = actor_names,
    .actor_count = ACTORS,
    .settings = settings,
    .setting_count = 1,
    .kinds = kinds,
    .kind_count = sizeof kinds / sizeof kinds[0],
    .steps_max = 3000,
    .reset = frames_reset,
    .perform = frames_perform,
    .finish = frames_finish,
    .check = frames_check,
    .digest = frames_digest,
    .tell = frames_tell,
};
