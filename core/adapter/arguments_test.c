/* SPDX-License-Identifier: MIT */
/*
 * Every routine of every version with every combination of bad arguments, with every allocation failing
 * in turn, at every interrupt level: the documented status, nothing changed, nothing leaked. The rows
 * are in arguments_old_test.c, arguments_new_test.c and arguments_common_test.c.
 */
#include "adapter/test_arguments.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* The i-th row of all; NULL behind the last. */
static const struct routine *routine_at(size_t i)
{
    if (i < argument_rows_old_count)
        return &argument_rows_old[i];
    i -= argument_rows_old_count;
    if (i < argument_rows_new_count)
        return &argument_rows_new[i];
    i -= argument_rows_new_count;
    return i < argument_rows_common_count ? &argument_rows_common[i] : NULL;
}

static const struct chain_mdl mdls[] = {
    {0x800, 0x1800, {0x180000, 0x180005}},
    {0, 0x1000, {0x4000}},
};

static IO_ALLOCATION_ACTION control_entered(PDEVICE_OBJECT device, PIRP irp, PVOID base,
                                            PVOID context)
{
    struct rig *rig = context;

    (void)device, (void)irp;
    rig->entered++;
    rig->held = base;
    return KeepObject;
}

static VOID list_entered(PDEVICE_OBJECT device, PIRP irp, PSCATTER_GATHER_LIST list, PVOID context)
{
    struct rig *rig = context;

    (void)device, (void)irp;
    rig->entered++;
    rig->held = list;
}

static void rig_open(struct rig *rig)
{
    const struct ms_controller_config controllers[] = {ms_controller_legacy(), ms_controller_soc()};
    const PFN_NUMBER side_by_side[] = {0x5000, 0x5001};
    struct ms_dma_config config = fixture_config();
    DEVICE_DESCRIPTION system = {
        .Version = DEVICE_DESCRIPTION_VERSION3,
        .InterfaceType = Internal,
        .DmaWidth = Width8Bits,
        .MaximumLength = 0x4000,
        .DmaRequestLine = 0x1003,
    };
    ULONG registers;

    memset(rig, 0, sizeof *rig);
    config.controllers = controllers;
    config.controller_count = 2;
    fixture_open_with(&rig->f, &config);
    rig->master = adapter_get(&rig->f, SG32, NULL);
    rig->system = ms_adapter_open(rig->f.dma, &rig->f.pdo, &system, &registers);
    assert_non_null(rig->system);
    rig->ops = rig->master->DmaOperations;
    chain_make(&rig->chain, &rig->f, mdls, 2);
    rig->paged = ms_mdl_create(mdls[0].pfn, mdls[0].offset, mdls[0].bytes);
    rig->paged->MdlFlags = 0;
    assert_true(ms_frames_take_at(rig->f.memory, 0x5000, 2));
    rig->aligned = ms_mdl_create(side_by_side, 0, 0x2000);
    rig->aligned_at =
        MmMapLockedPagesSpecifyCache(rig->aligned, KernelMode, MmCached, NULL, FALSE, 16);
    assert_non_null(rig->aligned_at);
    context_make(rig->master, &rig->context);
    context_make(rig->master, &rig->cancelled);
    assert_true(rig->ops->CancelAdapterChannel(rig->master, &rig->f.pdo, &rig->cancelled));
    rig->low_limit.QuadPart = 0x10;
    rig->above_reach.QuadPart = 0x100000000;
    rig->combined = MmWriteCombined;
    rig->cached = MmCached;
    rig->bad_config.ConfigType = CommonBufferConfigTypeMax;
    rig->odd_config.ConfigType = CommonBufferConfigTypeSubSection;
    rig->odd_config.SubSection.Offset = 1;
    rig->odd_config.SubSection.Length = 0x1000;
    rig->good_config.ConfigType = CommonBufferConfigTypeLogicalAddressLimits;
    rig->good_config.LogicalAddressLimits.MaximumAddress.QuadPart = 0xFFFFFFFF;
    rig->home = rig->ops->GetDmaDomain(rig->master);
}

static void rig_close(struct rig *rig)
{
    MmUnmapLockedPages(rig->aligned_at, rig->aligned);
    IoFreeMdl(rig->aligned);
    IoFreeMdl(rig->paged);
    chain_end(&rig->chain);
    rig->ops->PutDmaAdapter(rig->system);
    rig->ops->PutDmaAdapter(rig->master);
    fixture_close(&rig->f);
}

static struct args args_good(struct rig *rig)
{
    struct outs *outs = &rig->outs;
    struct args args = {
        .adapter = rig->master,
        .device = &rig->f.pdo,
        .described = description_of(SG32),
        .tc = &rig->context,
        .va = MmGetMdlVirtualAddress(rig->chain.mdl[0]),
        .buffer = outs->buffer,
        .base_out = &outs->base,
        .address_out = &outs->address,
        .registers = 4,
        .flags = DMA_SYNCHRONOUS_CALLBACK,
        .length = 0x2800,
        .list_bytes = sizeof outs->buffer,
        .info_version = 1,
        .size_out = &outs->size,
        .count_out = &outs->count,
        .registers_out = &outs->registers,
        .mdl = rig->chain.mdl[0],
        .control = control_entered,
        .listed = list_entered,
        .list = list_of(&outs->list),
        .made_out = &outs->made,
        .logical_out = &outs->logical,
        .high.QuadPart = 0xFFFFFFFF,
        .cache = MmCached,
        .cache_at = &rig->cached,
        .domain = rig->home,
        .elements = 3,
        .element_bytes = 0x1000,
        .vector_out = &outs->vector,
        .adapter_info = &outs->adapter_info,
        .transfer_info = &outs->transfer_info,
        .target_out = &outs->target,
        .action = DeallocateObject,
    };

    return args;
}

/* Good arguments that point into themselves. */
static void args_bind(struct args *args)
{
    args->description = &args->described;
    args->length_io = &args->length;
}

static uint64_t special_value(struct rig *rig, enum special special)
{
    char *first = MmGetMdlVirtualAddress(rig->chain.mdl[0]);
    const void *values[] = {
        [BAD_CONTEXT - BAD_FIRST] = &rig->raw,
        [CANCELLED_CONTEXT - BAD_FIRST] = &rig->cancelled,
        [PAGED_MDL - BAD_FIRST] = rig->paged,
        [OTHER_MDL - BAD_FIRST] = rig->chain.mdl[1],
        [VA_BEFORE - BAD_FIRST] = first - 1,
        [VA_BEHIND - BAD_FIRST] = first + mdls[0].bytes,
        [LOW_LIMIT - BAD_FIRST] = &rig->low_limit,
        [ABOVE_REACH - BAD_FIRST] = &rig->above_reach,
        [COMBINED_CACHE - BAD_FIRST] = &rig->combined,
        [BAD_CONFIG - BAD_FIRST] = &rig->bad_config,
        [ODD_CONFIG - BAD_FIRST] = &rig->odd_config,
        [BUS_MASTER - BAD_FIRST] = rig->master,
        [STRANGE_LIST - BAD_FIRST] = &rig->strange,
    };

    return (uint64_t)(uintptr_t)values[special - BAD_FIRST];
}

static void flaw_apply(struct rig *rig, struct args *args, const struct flaw *flaw)
{
    uint64_t value = flaw->value;

    if (value >= BAD_FIRST && value < BAD_LAST)
        value = special_value(rig, (enum special)value);
    memcpy((char *)args + flaw->at, &value, flaw->bytes);
}

static uint32_t flaw_count(const struct routine *routine)
{
    uint32_t count = 0;

    while (count < FLAWS_MAX && routine->flaws[count].what)
        count++;
    return count;
}

/* All that a call may not change when it fails. */
struct state {
    uint32_t grants, blocks, commons, free_registers;
    uint64_t frames, adapters, member;
    int entered;
};

static uint32_t registers_free(struct ms_dma *dma)
{
    struct ms_pool *pool = ms_dma_pool(dma, MS_REACH_32, MS_POOL_SCATTER);
    struct ms_reg_set set;
    uint32_t free_count = 0;

    for (uint32_t count = pool->registers; count > 0 && free_count == 0; count--)
        if (ms_pool_take(pool, MS_CPU_NONE, (struct ms_pool_want){.count = count}, &set)) {
            ms_pool_give(pool, MS_CPU_NONE, set);
            free_count = count;
        }
    return free_count;
}

static struct state state_of(struct rig *rig)
{
    struct ms_dma *dma = rig->f.dma;

    assert_true(ms_dma_audit(dma));
    return (struct state){
        .grants = ms_dma_grants_used(dma),
        .blocks = ms_list_store_used(&dma->store),
        .commons = ms_commons_used(&dma->commons),
        .free_registers = registers_free(dma),
        .frames = ms_frames_taken(rig->f.memory),
        .adapters = ms_load_relaxed(&dma->adapters_taken[0]),
        .member = ms_load_relaxed(&((struct ms_adapter *)(void *)rig->master)->member),
        .entered = rig->entered,
    };
}

static void state_check(struct rig *rig, const struct state *before, const char *name,
                        const char *what)
{
    struct state after = state_of(rig);

    if (after.grants != before->grants || after.blocks != before->blocks ||
        after.commons != before->commons || after.free_registers != before->free_registers ||
        after.frames != before->frames || after.adapters != before->adapters ||
        after.member != before->member || after.entered != before->entered)
        fail_msg("%s with %s left something: grants %u->%u, blocks %u->%u, commons %u->%u, "
                 "registers %u->%u, frames %lu->%lu, entered %d->%d",
                 name, what, before->grants, after.grants, before->blocks, after.blocks,
                 before->commons, after.commons, before->free_registers, after.free_registers,
                 before->frames, after.frames, before->entered, after.entered);
}

static void outs_poison(struct rig *rig, const struct args *args)
{
    memset(&rig->outs, 0xA5, sizeof rig->outs);
    rig->outs.adapter_info.Version = rig->outs.transfer_info.Version = args->info_version;
}

static void outs_check(struct rig *rig, const struct args *args, const struct routine *routine,
                       const char *what)
{
    static struct outs poison;

    memset(&poison, 0xA5, sizeof poison);
    if (routine->slots_undefined)
        memset(rig->outs.list.of, 0xA5, sizeof rig->outs.list.of);
    poison.adapter_info.Version = poison.transfer_info.Version = args->info_version;
    if (memcmp(&poison, &rig->outs, sizeof poison) != 0)
        fail_msg("%s with %s wrote an output", routine->name, what); /* GEN-12 */
}

/* The rig with what the routine needs, and good arguments for it. */
static void routine_begin(struct rig *rig, const struct routine *routine, struct args *args)
{
    outs_poison(rig, args);
    *args = args_good(rig);
    args_bind(args);
    if (routine->prepare)
        routine->prepare(rig, args);
}

static void routine_end(struct rig *rig, const struct routine *routine, struct args *args)
{
    if (routine->finish)
        routine->finish(rig, args);
}

/* One combination of flaws: bit i = the routine's i-th. Later flaws of one argument hide earlier ones. */
static void combination_check(struct rig *rig, const struct routine *routine,
                              const struct args *good, uint32_t set, const struct state *before)
{
    struct args args = *good;
    const struct flaw *first = NULL;
    char what[512] = "";
    NTSTATUS status;

    args_bind(&args);
    for (uint32_t i = 0; i < FLAWS_MAX; i++) {
        const struct flaw *flaw = &routine->flaws[i];
        bool hidden = false;
        if (!(set >> i & 1))
            continue;
        for (uint32_t j = i + 1; j < FLAWS_MAX; j++)
            hidden = hidden || ((set >> j & 1) && routine->flaws[j].at == flaw->at);
        if (hidden)
            continue;
        flaw_apply(rig, &args, flaw);
        snprintf(what + strlen(what), sizeof what - strlen(what), "%s; ", flaw->what);
        if (!first)
            first = flaw;
    }
    ULONG length = args.length;
    outs_poison(rig, &args);
    status = routine->call(rig, &args);
    if (status != first->want)
        fail_msg("%s with %s gave 0x%08X, wanted 0x%08X", routine->name, what, (uint32_t)status,
                 (uint32_t)first->want);
    outs_check(rig, &args, routine, what);
    if (args.length != length && !(routine->zeroes_length && args.length == 0))
        fail_msg("%s with %s changed the length", routine->name, what); /* MTX-57 */
    state_check(rig, before, routine->name, what);
}

/* GEN-12, GEN-11, and the argument clauses that the rows name. */
MS_TEST(every_combination_of_bad_arguments_gets_its_status_and_changes_nothing)
{
    for (size_t r = 0; routine_at(r); r++) {
        const struct routine *routine = routine_at(r);
        struct rig rig;
        struct args good;
        rig_open(&rig);
        memset(&good, 0, sizeof good);
        routine_begin(&rig, routine, &good);
        struct state before = state_of(&rig);
        for (uint32_t set = 1; set < 1u << flaw_count(routine); set++)
            combination_check(&rig, routine, &good, set, &before);
        /* Without a flaw the same call works: it was the flaws. */
        outs_poison(&rig, &good);
        args_bind(&good);
        NTSTATUS status = routine->call(&rig, &good);
        if (status != STATUS_SUCCESS)
            fail_msg("%s without a flaw gave 0x%08X", routine->name, (uint32_t)status);
        if (routine->undo)
            routine->undo(&rig, &good);
        routine_end(&rig, routine, &good);
        rig_close(&rig);
    }
}

/* CBF-15, SGX-19, CBM-03, CBV-06, BMS-04, IGA-03: for every routine, every internal allocation fails in
 * turn. */
MS_TEST(every_allocation_failing_in_turn_leaves_every_routine_whole)
{
    uint32_t routines_with_faults = 0;

    for (size_t r = 0; routine_at(r); r++) {
        const struct routine *routine = routine_at(r);
        bool fired = true;
        uint32_t failed = 0;
        struct rig rig;
        rig_open(&rig);
        for (uint32_t countdown = 0; fired; countdown++) {
            struct args args;
            memset(&args, 0, sizeof args);
            routine_begin(&rig, routine, &args);
            outs_poison(&rig, &args);
            struct state before = state_of(&rig);
            ms_fault_arm(countdown);
            NTSTATUS status = routine->call(&rig, &args);
            fired = ms_fault_fired();
            ms_fault_arm(UINT32_MAX);
            if (status == STATUS_SUCCESS) {
                if (routine->undo)
                    routine->undo(&rig, &args);
            } else {
                assert_true(fired);
                failed++;
                if (status != routine->shortage)
                    fail_msg("%s with fault %u gave 0x%08X", routine->name, countdown,
                             (uint32_t)status);
                outs_check(&rig, &args, routine, "a fault");
                state_check(&rig, &before, routine->name, "a fault");
            }
            routine_end(&rig, routine, &args);
            assert_true(countdown < 64);
        }
        routines_with_faults += failed > 0;
        if (routine->shortage != STATUS_SUCCESS && failed == 0)
            fail_msg("%s met no fault", routine->name);
        rig_close(&rig);
    }
    assert_true(routines_with_faults >= 15);
}

/* IRQ-01..IRQ-20, IRQ-22, IGA-02, PUT-01, CMT-18, CBV-08, AMB-54: without the verifier a call works at any level
 * and leaves the level as it was. */
MS_TEST(every_routine_works_at_every_level_and_leaves_it_alone)
{
    const KIRQL levels[] = {PASSIVE_LEVEL, APC_LEVEL, DISPATCH_LEVEL};

    for (size_t r = 0; routine_at(r); r++) {
        const struct routine *routine = routine_at(r);
        struct rig rig;
        rig_open(&rig);
        for (size_t i = 0; i < 3; i++) {
            struct args args;
            KIRQL old;
            memset(&args, 0, sizeof args);
            KeRaiseIrql(levels[i], &old);
            routine_begin(&rig, routine, &args);
            assert_status(routine->call(&rig, &args), STATUS_SUCCESS);
            assert_int_equal(KeGetCurrentIrql(), levels[i]);
            if (routine->undo)
                routine->undo(&rig, &args);
            routine_end(&rig, routine, &args);
            assert_int_equal(KeGetCurrentIrql(), levels[i]);
            KeLowerIrql(old);
        }
        rig_close(&rig);
    }
}

static bool call_is_fatal(struct rig *rig, const struct routine *routine, struct args *args)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        if (!freopen("/dev/null", "w", stderr))
            _exit(1);
        routine->call(rig, args);
        _exit(0);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

/* GEN-07, GEN-08: no adapter, or one that was put, stops the program in every routine. */
MS_TEST(a_stale_or_missing_adapter_stops_the_program)
{
    struct rig rig;
    struct args args;
    rig_open(&rig);
    PDMA_ADAPTER stale = adapter_get(&rig.f, SG32, NULL);
    rig.ops->PutDmaAdapter(stale);

    for (size_t r = 0; routine_at(r); r++) {
        const struct routine *routine = routine_at(r);
        if (strcmp(routine->name, "IoGetDmaAdapter") == 0)
            continue;
        for (int way = 0; way < 2; way++) {
            memset(&args, 0, sizeof args);
            args = args_good(&rig);
            args_bind(&args);
            args.adapter = way ? stale : NULL;
            if (!call_is_fatal(&rig, routine, &args))
                fail_msg("%s went on with %s adapter", routine->name, way ? "a stale" : "no");
        }
    }
    rig_close(&rig);
}
