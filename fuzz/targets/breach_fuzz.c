/* SPDX-License-Identifier: MIT */
/*
 * breach_fuzz.c: a driver that keeps no rule of the DMA interface itself: two of its threads call any routine with
 * any adapter, context, base or list, in any state, from inside routines too; beside it drivers that keep all of
 * them, with a bus master whose pages bounce, and with a channel of the same controller.
 *
 * Proves       each call ends as the contract says and, where the bad driver's threads take turns, changes no request
 *              but the one it names; what it maps is described right, and what it may not have is refused with
 *              nothing written (O5, O7, GEN-12); a routine is entered once, or the request was cancelled or its
 *              adapter put (O3, O4); whatever it does, the others' transfers are made whole, with their own bytes, and
 *              told once (O6, O3); an adapter that is put while it is in use waits for nothing and owns nothing any
 *              more (PUT-05), and what it leaves is still counted; at the end all else is given back (O2, O9)
 * Not done     what stops the program (GEN-07, GEN-08), and two calls at once on one map register base, where one of
 *              them frees (GEN-09): see breach_stage.h
 */
#include "breach_lists.h"

enum kind {
    OPEN,
    PUT,
    INITIALIZE,
    NOISE,
    ASK,
    ASK_OLD,
    CANCEL,
    STOP,
    MAP,
    MAP_OLD,
    FLUSH,
    FLUSH_OLD,
    FREE_CHANNEL,
    FREE_REGISTERS,
    FREE_OBJECT,
    LIST,
    PUT_LIST,
    TO_MDL,
    RELINK,
    COMMON,
    VECTOR,
    JOIN,
    LEAVE,
    CONFIGURE,
    INQUIRE,
    LEVEL,
    GO,
    DOMAIN,
    COMPETE,
    STEP,
    KINDS
};
enum { BEGUN = 5 };

/* --- the stage ----------------------------------------------------------------------------------------------------- */

static PMDL chain_new(const PFN_NUMBER *pfn, uint32_t pages, uint32_t offset, uint32_t bytes)
{
    PMDL mdl = ms_mdl_create(pfn, offset, bytes);

    ms_require(mdl != NULL);
    for (uint32_t i = 0; i < pages; i++)
        (void)ms_frames_take_at(b.stage.memory, pfn[i], 1);
    return mdl;
}

static const PFN_NUMBER far_pfn[2] = {0x150000, 0x150004}, near_pfn[2] = {0x6000, 0x6001},
                        tail_pfn[1] = {0x150010}, system_pfn[2] = {0x150040, 0x6012},
                        other_pfn[2] = {0x150030, 0x6030};

static PDMA_ADAPTER adapter_new(DEVICE_DESCRIPTION d, ULONG *most)
{
    PDMA_ADAPTER adapter = ms_adapter_open(b.stage.dma, &b.stage.pdo, &d, most);

    ms_require(adapter != NULL);
    return adapter;
}

static void chains_make(void)
{
    b.good_mdl = chain_new(good_pfn, GOOD_PAGES, 0, GOOD_BYTES);
    b.rival_mdl = chain_new(rival_pfn, 1, 0, RIVAL_BYTES);
    b.chain[0] = chain_new(far_pfn, 2, 0x10, 0x1800);
    b.chain[1] = chain_new(near_pfn, 1, 0, 0x1000);
    b.tail = chain_new(tail_pfn, 1, 0, 0x800);
    b.chain[1]->Next = b.tail;
    b.chain[2] = chain_new(near_pfn, 2, 0x800, 0x1800);
    b.chain[3] = chain_new(system_pfn, 2, 0, 0x1800);
    for (uint32_t i = 0; i < 2; i++)
        (void)ms_frames_take_at(b.stage.memory, other_pfn[i], 1);
}

/* 1: the channel is granted; 2: and a transfer runs; 3: the bus master is granted, and mapped; 4: the others have the
 * channel, and their transfer is over. */
static void begin(uint32_t begun)
{
    enum { KEPT = 8 | 16 | 1 << 5 }; /* no routine, a place for the base, two registers */

    static_assert(sizeof r <= sizeof b.rival_state, "there is room for it");

    good_reset();
    if (begun == 4) {
        for (int i = 0; i < 2; i++)
            rival_go(1);
        ms_controller_step(b.controller, RIVAL_BYTES);
        memcpy(b.rival_state, &r, sizeof r);
    }
    if (begun == 0 || begun == 4)
        return;
    do_ask(begun == 3 ? 0 : 2, 0, KEPT, 0);
}

static void machine_make(uint32_t shape, uint32_t begun)
{
    struct ms_controller_config controller = ms_controller_soc();
    const struct ms_dma_config config = {
        .strategy = &ms_reg_cas_bitmap,
        .variant = ms_sg_variant_find("scalar"),
        .registers = {2, REGISTERS},
        .grants = GRANTS,
        .null_bases = shapes[shape].null_bases,
        .other = {.boundary = shapes[shape].boundary},
        .controllers = &controller,
        .controller_count = 1,
    };
    DEVICE_DESCRIPTION system = description_of(HOW_SYSTEM);
    ULONG most;

    controller.channels = shapes[shape].channels;
    (void)stage_memory(&b.stage);
    chains_make();
    stage_dma(&b.stage, &config, ACTORS);
    b.beside = shapes[shape].beside;
    b.boundary = shapes[shape].boundary;
    b.controller = ms_dma_controller(b.stage.dma, 0);
    b.good = adapter_new(description_of(HOW_SG32), &most);
    b.wide = adapter_new(description_of(HOW_SG64), &most);
    b.home = b.wide->DmaOperations->GetDmaDomain(b.wide);
    system.DmaRequestLine = LINE_GOOD;
    b.rival = adapter_new(system, &most);
    ms_fifo_init(&b.fifo, 99, r.bytes, sizeof r.bytes);
    ms_controller_attach(b.controller, LINE_GOOD, ms_fifo_endpoint(&b.fifo));
    ms_fifo_init(&b.bad_fifo, 7, b.bad_bytes, sizeof b.bad_bytes);
    ms_controller_attach(b.controller, LINE_BAD, ms_fifo_endpoint(&b.bad_fifo));
    const uint32_t hows[] = {HOW_SG32, shapes[shape].packet ? HOW_PACKET : HOW_SG32, HOW_SYSTEM};
    for (uint32_t i = 0; i < sizeof hows / sizeof hows[0]; i++) {
        PDMA_ADAPTER adapter = adapter_new(description_of(hows[i]), &most);
        adapter_keep(i, adapter, most);
    }
    for (uint32_t i = 0; i < CONTEXTS - 1; i++) /* the last one is none yet */
        ms_require(NT_SUCCESS(ops()->InitializeDmaTransferContext(b.adapter[0], b.context[i])));
    begin(begun);
    stage_keep(&b.stage, &b + 1);
    for (uint32_t i = 0; i < 2; i++) {
        stage_pages_fill(&b.stage, far_pfn[i], 1);
        stage_pages_fill(&b.stage, near_pfn[i], 1);
        stage_pages_fill(&b.stage, system_pfn[i], 1);
        stage_pages_fill(&b.stage, other_pfn[i], 1);
    }
    stage_pages_fill(&b.stage, tail_pfn[0], 1);
    for (uint32_t i = 0; i < GOOD_PAGES; i++)
        stage_pages_fill(&b.stage, good_pfn[i], 1);
    stage_pages_fill(&b.stage, rival_pfn[0], 1);
}

static void breach_reset(const uint8_t *setup)
{
    uint32_t shape = setup[0] % SHAPES, begun = setup[1] % BEGUN;

    if (!stage_ready(&b.stage, shape * BEGUN + begun))
        machine_make(shape, begun);
    good_reset();
    if (begun == 4) {
        memcpy(&r, b.rival_state, sizeof r);
        rival_fill();
    }
    /* Not in the image: where a transfer goes, and what bounces, is in memory that does not come back by itself. */
    if (begun == 2 || begun == 3)
        do_map(begun == 3 ? 0 : 2, b.deal[0].base, 0, begun == 3 ? 8 : 0);
}

/* --- the actors ----------------------------------------------------------------------------------------------------- */

static void breach_do(const struct fuzz_op *op)
{
    uint32_t slot = op->operand[0] % SLOTS, context = op->operand[1] % (CONTEXTS + 1);
    uint32_t own = context % CONTEXTS;

    if (!b.adapter[slot] && op->kind != OPEN)
        slot = (slot + 1) % SLOTS;
    if (!b.adapter[slot] && op->kind != OPEN)
        return;
    switch ((enum kind)op->kind) {
    case OPEN:
        do_open(slot, op->operand[1]);
        break;
    case PUT:
        do_put(slot);
        break;
    case INITIALIZE:
        do_initialize(slot, own);
        break;
    case NOISE:
        do_noise(own, op->operand[0], op->operand[2]);
        break;
    case ASK:
        do_ask(slot, own, op->operand[2], op->operand[3]);
        break;
    case ASK_OLD:
        do_ask_old(slot, op->operand[1], op->operand[2]);
        break;
    case CANCEL:
        do_cancel(slot, context);
        break;
    case STOP:
        do_stop(slot, context);
        break;
    case MAP:
        do_map(slot, base_pick(op->operand[1]), op->operand[2], op->operand[3]);
        break;
    case MAP_OLD:
        do_map_old(slot, base_pick(op->operand[1]), op->operand[2], op->operand[3]);
        break;
    case FLUSH:
    case FLUSH_OLD:
        do_flush(slot, base_pick(op->operand[1]), op->operand[2], op->kind == FLUSH_OLD);
        break;
    case FREE_CHANNEL:
        do_free_channel(slot);
        break;
    case FREE_REGISTERS:
        do_free_registers(slot, base_pick(op->operand[1]), op->operand[2]);
        break;
    case FREE_OBJECT:
        do_free_object(slot, op->operand[1]);
        break;
    case LIST:
        do_list(slot, own, op->operand[2], op->operand[3]);
        break;
    case PUT_LIST:
        do_put_list(slot, op->operand[1]);
        break;
    case TO_MDL:
        do_to_mdl(slot, op->operand[1], op->operand[2]);
        break;
    case RELINK:
        do_relink(op->operand[0]);
        break;
    case COMMON:
        do_common(slot, op->operand[1]);
        break;
    case VECTOR:
        do_vector(slot, op->operand[1]);
        break;
    case JOIN:
        do_join(slot, op->operand[1]);
        break;
    case LEAVE:
        do_leave(slot);
        break;
    case CONFIGURE:
        do_configure(slot, op->operand[1]);
        break;
    case INQUIRE:
        do_inquire(slot, op->operand[1], op->operand[2]);
        break;
    case LEVEL: /* also above DISPATCH_LEVEL, where nothing may be called */
        KfRaiseIrql((KIRQL)(op->operand[0] % 4));
        break;
    default:
        break;
    }
}

/* What the bad driver has a channel and registers for, and has mapped. */
static bool bad_moves(void)
{
    for (uint32_t i = 0; i < GRANTS; i++)
        if (word_of(i).phase == GRANT_HELD && word_of(i).has && is_bad(word_of(i).adapter) &&
            mapping_of(i) != MAPPING_NONE)
            return true;
    return false;
}

/* No byte moves for what was freed or put before (FRE-13, PUT-05). */
static void engine_step(uint32_t bytes)
{
    uint64_t before = b.bad_fifo.given_count + b.bad_fifo.taken_count;
    bool may_move = bad_moves() || b.inside > 0;
    uint32_t nested = b.nested;

    ms_controller_step(b.controller, bytes);
    if (!may_move && nested == b.nested &&
        b.bad_fifo.given_count + b.bad_fifo.taken_count != before)
        ms_sim_fail("O4 bytes move for a transfer that was freed", "%u", bytes);
}

static void breach_perform(uint32_t actor, const struct fuzz_op *op)
{
    stage_cpu(&b.stage, actor);
    switch ((enum kind)op->kind) {
    case GO:
        good_go(op->operand[0]);
        break;
    case DOMAIN:
        good_domain();
        break;
    case COMPETE:
        rival_go(op->operand[0]);
        break;
    case STEP:
        engine_step(1 + op->operand[0] % 130u);
        break;
    default:
        ms_fetch_add_acq_rel(&b.turn, 1); /* hb:breach-turn */
        breach_do(op);
        ms_fetch_add_acq_rel(&b.turn, 1); /* hb:breach-turn */
        break;
    }
}

/* What is left of an open adapter goes the way it should have gone; true: nothing is. */
static bool slot_clean(uint32_t slot)
{
    for (uint32_t i = 0; i < b.deals; i++) { /* routines may put it, which are called meanwhile */
        struct deal *d = &b.deal[i];
        if (d->slot != slot || d->life != b.life[slot])
            continue;
        if (b.adapter[slot] && d->list && list_grant(slot, d->list) != NONE)
            ops()->PutScatterGatherList(b.adapter[slot], d->list, FALSE);
        if (b.adapter[slot] && d->base && base_is_ours(slot, d->base) && base_is_free(d->base))
            ops()->FreeMapRegisters(b.adapter[slot], d->base, d->registers);
    }
    if (b.adapter[slot] && owner_of(slot) != NONE)
        ops()->FreeAdapterChannel(b.adapter[slot]);
    if (!b.adapter[slot])
        return true;
    for (uint32_t i = 0; i < GRANTS; i++)
        if (word_of(i).phase != GRANT_FREE && word_of(i).adapter == slot_index(slot) &&
            (word_of(i).phase != GRANT_WAITING || owner_of(slot) != NONE))
            return false;
    return true;
}

/* The bad driver goes. */
static void bad_finish(void)
{
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        PDMA_ADAPTER adapter;
        for (uint32_t round = 0; b.adapter[slot] && !slot_clean(slot); round++)
            if (round == ROUNDS)
                ms_sim_fail("O9 what is left can not be given back", "slot %u", slot);
        adapter = b.adapter[slot];
        b.adapter[slot] = NULL;
        if (!adapter || !b.is_touched[slot])
            continue;
        b.has_left |= slot_is_used(slot);
        for (uint32_t i = 0; i < b.deals; i++)
            if (b.deal[i].slot == slot && b.deal[i].life == b.life[slot])
                b.deal[i].is_put = true;
        ops()->PutDmaAdapter(adapter); /* who still waits, waits no more */
    }
}

/* What the others have begun comes to its end, and who took part makes one more whole transfer. */
static void good_finish(void)
{
    uint32_t more = g.done > 0 || g.phase != IDLE;

    for (uint32_t round = 0; g.phase != IDLE || more > 0; round++) {
        if (round == ROUNDS)
            ms_sim_fail("O2 the others wait for ever", "phase %u", g.phase);
        more -= g.phase == IDLE;
        good_go(0);
    }
    more = r.done > 0 || r.phase != IDLE;
    for (uint32_t round = 0; r.phase != IDLE || more > 0; round++) {
        if (round == ROUNDS)
            ms_sim_fail("O2 the others wait for ever", "for a channel, phase %u", r.phase);
        more -= r.phase == IDLE;
        rival_go(5);
        if (r.phase == MAPPED)
            engine_step(RIVAL_BYTES);
    }
}

/* Behind its last call each goes on a little, beside the others. What is not done then, `check` does. */
static void breach_finish(uint32_t actor)
{
    stage_cpu(&b.stage, actor);
    if (actor < BREACHERS) {
        KeLowerIrql(PASSIVE_LEVEL);
        if (++b.finished < BREACHERS)
            return;
        ms_fetch_add_acq_rel(&b.turn, 1); /* hb:breach-turn */
        for (uint32_t slot = 0; slot < SLOTS; slot++) {
            if (b.adapter[slot] && b.is_touched[slot])
                do_free_channel(slot);
            if (b.adapter[slot] && b.is_touched[slot])
                do_put(slot);
        }
    } else if (actor == GOOD) {
        for (uint32_t i = 0; i < 3 && g.phase != IDLE; i++)
            good_go(0);
    } else if (actor == RIVAL) {
        for (uint32_t i = 0; i < 3 && r.phase != IDLE; i++)
            rival_go(0);
    }
}

static void breach_check(void *unused)
{
    (void)unused;
    stage_cpu(&b.stage, FIRST);
    KeLowerIrql(PASSIVE_LEVEL);
    bad_finish();
    good_finish();
    engine_step(1); /* what is queued is delivered */
    for (uint32_t i = 0; i < b.deals; i++) {
        const struct deal *d = &b.deal[i];
        if (d->is_accepted && !d->is_entered && !d->is_cancelled && !d->is_put && !b.has_noise)
            ms_sim_fail("O3 a request neither entered nor cancelled", "request %u", i);
    }
    for (uint32_t i = 0; i < b.starts; i++)
        if (b.start[i].told != b.start[i].is_started)
            ms_sim_fail("O3 a transfer was not told, or told to nobody", "%u of %u: %u times", i,
                        b.starts, b.start[i].told); /* CMT-11 */
    if (ms_load_relaxed(&b.controller->taken) != 0)
        ms_sim_fail("O9 a channel is left taken", "%" PRIx64,
                    ms_load_relaxed(&b.controller->taken));
    for (uint32_t i = 0; i < GRANTS; i++) {
        union ms_grant_word word = word_of(i);
        if (word.phase != GRANT_FREE &&
            (!is_bad(word.adapter) || word.phase != GRANT_HELD || word.owns || word.linked ||
             word.running || !(word.has || word.listed) || !b.has_left))
            ms_sim_fail("O9 a grant is left", "%u: %" PRIx64, i, word.raw);
    }
    if (!ms_dma_audit(b.stage.dma))
        ms_sim_fail("O2 the audit fails", "at the end");
}

static uint64_t breach_digest(void)
{
    uint64_t digest = (uint64_t)g.done << 32 | r.done;

    for (uint32_t i = 0; i < b.deals; i++)
        digest = digest * 31 + b.deal[i].is_entered + b.deal[i].is_cancelled * 2u;
    return digest;
}

static const char *const actor_names[] = {"first", "second", "good", "rival", "engine"};
static const struct fuzz_setting settings[] = {{"shape", SHAPES}, {"begun", BEGUN}};
static const struct fuzz_kind kinds[KINDS] = {
    [OPEN] = {"open", 2, 3, "slot, description; where one is open already, nonsense"},
    [PUT] = {"put", 1, 3, "slot, whatever it has"},
    [INITIALIZE] = {"initialize", 2, 3, "slot, context"},
    [NOISE] = {"noise", 3, 3, "how, context, value: its bytes are written over"},
    [ASK] = {"ask", 4, 3, "slot, context, what is wrong and registers, what the routine does"},
    [ASK_OLD] = {"ask_old", 3, 3, "as version 1: slot, what, what the routine does"},
    [CANCEL] = {"cancel", 2, 3, "slot, context: 3 the others'"},
    [STOP] = {"stop", 2, 3, "slot, context: CancelMappedTransfer, twice"},
    [MAP] = {"map", 4, 3, "slot, base, where, what"},
    [MAP_OLD] = {"map_old", 4, 3, "as map, by MapTransfer"},
    [FLUSH] = {"flush", 3, 3, "slot, base, what"},
    [FLUSH_OLD] = {"flush_old", 3, 3, "as flush, by FlushAdapterBuffers"},
    [FREE_CHANNEL] = {"free_channel", 1, 3, "slot, whoever owns it"},
    [FREE_REGISTERS] = {"free_registers", 3, 3, "slot, base, count"},
    [FREE_OBJECT] = {"free_object", 2, 3, "slot, action"},
    [LIST] = {"list", 4, 3, "slot, context, where, how"},
    [PUT_LIST] = {"put_list", 2, 3, "slot, list"},
    [TO_MDL] = {"to_mdl", 3, 3, "slot, list, what is written into it before"},
    [RELINK] = {"relink", 1, 3, "the second chain goes on elsewhere, its end is freed"},
    [COMMON] = {"common", 2, 3, "slot, what is freed wrong"},
    [VECTOR] = {"vector", 2, 3, "slot, what is freed wrong"},
    [JOIN] = {"join", 2, 3, "slot, which domain"},
    [LEAVE] = {"leave", 1, 3, "slot"},
    [CONFIGURE] = {"configure", 2, 3, "slot, function and period"},
    [INQUIRE] = {"inquire", 3, 3, "slot, where, how"},
    [LEVEL] = {"level", 1, 3, "IRQL of the thread from now on"},
    [GO] = {"go", 1, 4, "the next phase of a transfer; how it is made"},
    [DOMAIN] = {"domain", 0, 4, "a common buffer of its domain"},
    [COMPETE] = {"compete", 1, 8, "the next phase of a transfer; how it is made"},
    [STEP] = {"step", 1, 16, "bytes, less one"},
};

static const char *breach_tell(const struct fuzz_op *op, char *text, size_t bytes)
{
    const struct fuzz_kind *kind = &kinds[op->kind];
    size_t used = (size_t)snprintf(text, bytes, "%s", kind->name);

    for (uint32_t i = 0; i < kind->operands && used < bytes; i++)
        used += (size_t)snprintf(text + used, bytes - used, " %u", op->operand[i]);
    return text;
}

const struct fuzz_target fuzz_target_breach = {
    .name = "breach",
    .summary = "a driver that keeps no rule of the interface: each call ends as it must, nobody "
               "else suffers",
    .actors = actor_names,
    .actor_count = ACTORS,
    .settings = settings,
    .setting_count = 2,
    .kinds = kinds,
    .kind_count = KINDS,
    .steps_max = 12000,
    .reset = breach_reset,
    .perform = breach_perform,
    .finish = breach_finish,
    .check = breach_check,
    .digest = breach_digest,
    .tell = breach_tell,
};
