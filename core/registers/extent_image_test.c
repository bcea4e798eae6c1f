/* SPDX-License-Identifier: MIT */
/*
 * extent_image_test.c: the private layer of extent-lease against a file of bytes that is searched one by one;
 * and that what a CPU keeps in stock is part of a long hole.
 */
#include "registers/strategies/extent_image.h"

#include "platform/prng.h"
#include "platform/test.h"

enum { GROUPS_MAX = 70, REGISTERS_MAX = GROUPS_MAX * GROUP_BITS, RUN_MAX = 600, ME = 1 };

/* An image, and the same as a byte a register. */
struct twin {
    struct extent_image image;
    struct extent_lease_group *group;
    ms_atomic_u32 lessee[GROUPS_MAX + 1];
    uint64_t longest[GROUPS_MAX], groups_longest[GROUPS_MAX], blocks_longest[GROUPS_MAX];
    bool is_free[REGISTERS_MAX];
    uint32_t registers;
};

static struct twin *twin_make(uint32_t groups)
{
    struct twin *t = calloc(1, sizeof *t);

    assert_non_null(t);
    t->group = aligned_alloc(MS_CACHE_LINE, (groups + 1) * sizeof *t->group);
    assert_non_null(t->group);
    memset(t->group, 0, (groups + 1) * sizeof *t->group);
    for (uint32_t g = 0; g < groups; g++)
        ms_init(&t->lessee[g], ME);
    t->registers = groups * GROUP_BITS;
    t->image = (struct extent_image){.group = t->group,
                                     .lessee = t->lessee,
                                     .longest = t->longest,
                                     .groups_longest = t->groups_longest,
                                     .blocks_longest = t->blocks_longest,
                                     .groups = groups,
                                     .me = ME};
    return t;
}

static void twin_drop(struct twin *t)
{
    free(t->group);
    free(t);
}

/* Another CPU leases the group, and all in it is free there. */
static void twin_lend(struct twin *t, uint32_t group)
{
    ms_store_relaxed(&t->lessee[group], ME + 1);
    for (uint32_t i = 0; i < GROUP_WORDS; i++)
        ms_store_relaxed(&t->group[group].word[i], UINT64_MAX);
}

static bool reg_is_mine(const struct twin *t, ms_reg reg)
{
    return ms_load_relaxed(&t->lessee[reg / GROUP_BITS]) == ME;
}

static void twin_give(struct twin *t, ms_reg first, uint32_t run)
{
    for (ms_reg reg = first; reg < first + run; reg++) {
        assert_false(t->is_free[reg]);
        t->is_free[reg] = true;
    }
    image_set(&t->image, first, run);
}

/* Free registers from `reg` on. */
static uint32_t hole_from(const struct twin *t, ms_reg reg)
{
    uint32_t length = 0;

    while (reg + length < t->registers && t->is_free[reg + length])
        length++;
    return length;
}

/* Up to 64: the lowest place; more: the end of the highest hole. */
static ms_reg place_naive(const struct twin *t, uint32_t run)
{
    ms_reg found = MS_REG_NONE;

    for (ms_reg reg = 0; reg < t->registers;) {
        uint32_t length = hole_from(t, reg);
        if (length >= run) {
            if (run <= MS_WORD_BITS)
                return reg;
            found = reg + length - run;
        }
        reg += length + 1;
    }
    return found;
}

static ms_reg twin_take(struct twin *t, uint32_t run)
{
    ms_reg expected = place_naive(t, run);
    ms_reg first = image_take(&t->image, (struct ms_reg_want){.run = run, .align = 1});

    assert_int_equal(first, expected);
    for (ms_reg reg = first; first != MS_REG_NONE && reg < first + run; reg++)
        t->is_free[reg] = false;
    return first;
}

/* What is kept about each word is not too low (I2), and the levels above agree. */
static void twin_check(const struct twin *t)
{
    for (uint32_t word = 0; word < t->registers / MS_WORD_BITS; word++) {
        uint64_t bits = 0;
        if (!reg_is_mine(t, word * MS_WORD_BITS))
            continue;
        for (uint32_t i = 0; i < MS_WORD_BITS; i++)
            bits |= (uint64_t)t->is_free[word * MS_WORD_BITS + i] << i;
        assert_true(image_get(&t->image, word) == bits);
        assert_true(longest_get(&t->image, word) >= image_measure(&t->image, word));
        assert_true(longest_get(&t->image, word) <= LONGEST_CAP);
    }
    for (uint32_t g = 0; !image_is_small(&t->image) && g < t->image.groups; g++)
        assert_int_equal(byte_get(t->groups_longest[g / 8], g % 8), bytes_largest(t->longest[g]));
}

static uint32_t run_draw(struct ms_prng *prng)
{
    uint32_t ticket = ms_prng_below(prng, 100);

    if (ticket < 40)
        return 1 + ms_prng_below(prng, 4);
    return ticket < 70 ? 8 + ms_prng_below(prng, 57) : 65 + ms_prng_below(prng, RUN_MAX - 65);
}

/* Takes and gives in turn, fuller and emptier by turns. `lent`: a group in the midst is another's. */
static void twin_play(uint32_t groups, bool is_lent, uint64_t seed, uint32_t steps)
{
    enum { HELD = 4096 };
    static ms_reg first[HELD];
    static uint32_t run[HELD];
    struct ms_prng prng = {seed};
    struct twin *t = twin_make(groups);
    uint32_t held = 0;

    if (is_lent)
        twin_lend(t, groups / 2);
    for (uint32_t g = 0; g < groups; g++)
        if (reg_is_mine(t, g * GROUP_BITS))
            twin_give(t, g * GROUP_BITS, GROUP_BITS);
    for (uint32_t step = 0; step < steps; step++) {
        uint32_t is_filling = step / 200 % 2 == 0 ? 60 : 40;
        if (held < HELD && ms_prng_below(&prng, 100) < is_filling) {
            run[held] = run_draw(&prng);
            first[held] = twin_take(t, run[held]);
            held += first[held] != MS_REG_NONE;
        } else if (held > 0) {
            uint32_t pick = ms_prng_below(&prng, held--);
            twin_give(t, first[pick], run[pick]);
            first[pick] = first[held];
            run[pick] = run[held];
        }
        if (step % 64 == 0)
            twin_check(t);
    }
    twin_drop(t);
}

MS_TEST(an_image_finds_the_lowest_place_for_short_runs_and_the_highest_for_long_ones)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        twin_play(2, false, seed, 2000);
        twin_play(SMALL_GROUPS, false, seed, 2000);
        twin_play(SMALL_GROUPS, true, seed, 2000);
        twin_play(SMALL_GROUPS + 1, true, seed, 2000);
    }
    twin_play(GROUPS_MAX, false, 5, 1000);
    twin_play(GROUPS_MAX, true, 6, 1000);
}

MS_TEST(one_hole_of_every_length_at_every_place_is_found_by_the_longest_run_it_holds)
{
    for (uint32_t length = 60; length < 330; length += length < 200 ? 1 : 7)
        for (uint32_t at = 0; at < 2 * MS_WORD_BITS; at++) {
            struct twin *t = twin_make(2);
            ms_reg first = GROUP_BITS - 3 * MS_WORD_BITS + at; /* many cross into the next group */
            twin_give(t, first, length);
            assert_int_equal(twin_take(t, length + 1), MS_REG_NONE);
            assert_int_equal(twin_take(t, length), first);
            twin_drop(t);
        }
}

/* --- the stock is part of a hole ---------------------------------------------------------------------- */

static ms_reg plain_take(const struct ms_reg_ops *ops, void *state, uint32_t run)
{
    return ops->take(state, 0, (struct ms_reg_want){run, 1, 0});
}

/* Takes all of the file in pieces of 1 to 4; at[first] is the piece's length. */
static void pieces_take(const struct ms_reg_ops *ops, void *state, struct ms_prng *prng,
                        uint32_t registers, uint8_t *at)
{
    for (uint32_t taken = 0; taken < registers;) {
        uint32_t left = registers - taken;
        uint32_t run = 1 + ms_prng_below(prng, left < 4 ? left : 4);
        ms_reg first = plain_take(ops, state, run);
        if (first == MS_REG_NONE)
            first = plain_take(ops, state, run = 1);
        assert_true(first != MS_REG_NONE);
        at[first] = (uint8_t)run;
        taken += run;
    }
}

/* Gives every third piece outside [from, end) back: they fill the stock, and no two are one hole. */
static void stock_fill_up(const struct ms_reg_ops *ops, void *state, uint32_t registers,
                          ms_reg from, ms_reg end, const uint8_t *at)
{
    uint32_t count = 0;

    for (ms_reg reg = 0; reg < registers; reg += at[reg])
        if ((reg + at[reg] < from || reg > end) && ++count % 3 == 0)
            ops->give(state, 0, reg, at[reg]);
}

/* Takes one run of this length out of the stock, but for one of [from, end). */
static void stock_make_room(const struct ms_reg_ops *ops, void *state, ms_reg from, ms_reg end,
                            uint32_t run)
{
    ms_reg first = plain_take(ops, state, run);

    assert_true(first != MS_REG_NONE);
    if (first >= from && first < end)
        ops->give(state, 0, first, run);
}

/* Gives the pieces of about [from, from + run) back in any order, of which many stay in the CPU's stock, or, if
 * that is full of others, only the last: without that one a run of this length does not fit, with it, it does. */
static void expect_hole_of_pieces(uint32_t registers, ms_reg from, uint32_t run, bool is_full,
                                  uint64_t seed)
{
    const struct ms_reg_ops *ops = ms_strategy_find("extent-lease");
    size_t bytes = ms_round_up(ops->state_size((struct ms_reg_shape){registers, 1}), MS_CACHE_LINE);
    void *state = ms_alloc(bytes);
    uint8_t *at = calloc(registers, 1);
    struct ms_prng prng = {seed};
    ms_reg piece[RUN_MAX];
    uint32_t pieces = 0;

    is_full = is_full && run >= COVERING_RUN; /* after others are refused there is no stock */
    assert_true(state && at);
    memset(state, 0, bytes);
    ops->init(state, (struct ms_reg_shape){registers, 1});
    pieces_take(ops, state, &prng, registers, at);
    while (at[from] == 0)
        from--;
    ms_reg end = from;
    while (end < registers && end < from + run) {
        uint32_t i = ms_prng_below(&prng, pieces + 1);
        if (i < pieces)
            piece[pieces] = piece[i];
        pieces++;
        piece[i] = end;
        end += at[end];
    }
    if (is_full)
        stock_fill_up(ops, state, registers, from, end, at);
    for (uint32_t i = 0; i < pieces; i++) {
        if (i == pieces / 2 || i == pieces - 1)
            assert_int_equal(plain_take(ops, state, end - from), MS_REG_NONE);
        if (is_full && i == pieces - 1)
            stock_make_room(ops, state, from, end, at[piece[i]]);
        ops->give(state, 0, piece[i], at[piece[i]]);
    }
    assert_int_equal(plain_take(ops, state, end - from), from);
    assert_true(is_full || ops->free_count(state) == 0);
    assert_true(ops->audit(state));
    free(at);
    ms_free(state, bytes);
}

MS_TEST(short_runs_in_stock_are_part_of_the_long_hole_they_lie_in)
{
    struct ms_prng prng = {11};

    for (uint64_t seed = 1; seed <= 300; seed++) {
        uint32_t registers = seed % 2 ? 2048 : 8192;
        uint32_t run = 100 + ms_prng_below(&prng, 300);
        bool is_full = seed % 3 != 0;
        expect_hole_of_pieces(registers, ms_prng_below(&prng, registers - run), run, is_full, seed);
        expect_hole_of_pieces(registers, 0, run, is_full, seed);
        expect_hole_of_pieces(registers, registers - run, run, is_full, seed);
        expect_hole_of_pieces(registers, 1024 + seed % 64, 3 * 64 - 1 - seed % 4, is_full, seed);
    }
}
