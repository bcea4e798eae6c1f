/* SPDX-License-Identifier: MIT */
/*
 * transaction_sim.c: a call on a transaction that is slow: by the time it asks the adapter, what it looked at is over,
 * and the driver has begun the next execution or reservation, or is just in the call that does. All schedules with a
 * few changes from one thread to the other are played. Whatever was begun ends once, and somebody is told (STM-02).
 */
#include "platform/sim.h"
#include "wdf/test_dma.h"

enum profile { PACKET, LISTS, SYSTEM, PROFILES };
enum next { RESERVE, EXECUTE, NEXTS };
enum { SLOW, DRIVER, THIRD };
enum { FAR = 5000, FRAGMENT = 64, HELD_PAGES = 63, HELD_BYTES = HELD_PAGES * PAGE_SIZE };

static struct world {
    struct rig *rig;
    enum profile profile;
    enum next next;
    bool begins_reserved;
    WDFDMAENABLER enabler, holders;
    WDFDMATRANSACTION trx, holder;
    PMDL large; /* of the holder */
    uint32_t begun, ends;
} w;

/* --- what is begun, and how it ends --- */

static void told(const char *how)
{
    if (++w.ends > w.begun)
        ms_sim_fail("an end too many", "%s: %u of %u", how, w.ends, w.begun);
}

static BOOLEAN on_program(WDFDMATRANSACTION trx, WDFDEVICE device, WDFCONTEXT context,
                          WDF_DMA_DIRECTION direction, PSCATTER_GATHER_LIST list)
{
    (void)trx, (void)device, (void)context, (void)direction, (void)list;
    return TRUE;
}

static VOID on_reserve(WDFDMATRANSACTION trx, PVOID context)
{
    (void)trx;
    if (!context)
        told("EvtReserveDma");
}

/* The fragment that is to wait touches two pages: it is the first, or the second. */
static NTSTATUS initialize(uint32_t before)
{
    return WdfDmaTransactionInitializeUsingOffset(w.trx, on_program, WdfDmaDirectionReadFromDevice,
                                                  w.rig->mdl, PAGE_SIZE - 10 - before,
                                                  2 * FRAGMENT);
}

static void execute(void)
{
    w.begun++;
    NTSTATUS status = WdfDmaTransactionExecute(w.trx, NULL);
    if (!NT_SUCCESS(status) && status != STATUS_CANCELLED) /* EXE-12: else a Cancel says so */
        told("Execute");
}

static void reserve(void)
{
    w.begun++;
    NTSTATUS status = WdfDmaTransactionAllocateResources(
        w.trx, WdfDmaDirectionReadFromDevice, w.profile == SYSTEM ? 1 : 2, on_reserve, NULL);
    if (!NT_SUCCESS(status))
        told("AllocateResources");
}

/* The holder has all that there is: the channel, or the registers of its pool. */
static void hold(void)
{
    if (w.profile == LISTS) {
        ms_require(NT_SUCCESS(WdfDmaTransactionInitializeUsingOffset(
            w.holder, on_program, WdfDmaDirectionReadFromDevice, w.large, 0, HELD_BYTES)));
        ms_require(NT_SUCCESS(WdfDmaTransactionExecute(w.holder, NULL)));
        return;
    }
    struct ms_enabler *enabler = ms_object_find((WDFOBJECT)w.holders, MS_OBJECT_ENABLER);
    ms_require(NT_SUCCESS(
        WdfDmaTransactionAllocateResources(w.holder, WdfDmaDirectionReadFromDevice,
                                           enabler->way[0].registers, on_reserve, &w.holder)));
}

static void give_way(void)
{
    NTSTATUS status;

    if (w.profile == LISTS) {
        ms_require(WdfDmaTransactionDmaCompletedFinal(w.holder, 0, &status));
        (void)WdfDmaTransactionRelease(w.holder);
    } else {
        WdfDmaTransactionFreeResources(w.holder);
    }
}

static union ms_trx_word look_at(WDFDMATRANSACTION trx)
{
    return ms_trx_look(ms_object_find((WDFOBJECT)trx, MS_OBJECT_TRANSACTION));
}

static union ms_trx_word look(void)
{
    return look_at(w.trx);
}

/* And did not give it back. */
static bool is_held(void)
{
    return w.profile == LISTS ? look_at(w.holder).phase == TRX_RUNNING : look_at(w.holder).held;
}

static bool is_executing(void)
{
    return ms_trx_is_executing(look()) || look().queued;
}

static bool is_waiting(void)
{
    return look().phase == TRX_WAITING || look().queued;
}

static void report(bool is_final)
{
    NTSTATUS status;

    if (is_final ? WdfDmaTransactionDmaCompletedFinal(w.trx, 0, &status)
                 : WdfDmaTransactionDmaCompleted(w.trx, &status))
        told("DmaCompleted");
}

/* --- one world for each run --- */

static void world_open(enum profile profile)
{
    static const PFN_NUMBER pfn[2] = {0x140000, 0x140008}; /* out of reach */
    PFN_NUMBER held[HELD_PAGES];

    memset(&w, 0, sizeof w);
    w.rig = rig_open();
    w.profile = profile;
    w.rig->mdl = ms_mdl_create(pfn, 0, 2 * PAGE_SIZE);
    assert_non_null(w.rig->mdl);
    for (PFN_NUMBER i = 0; i < HELD_PAGES; i++)
        held[i] = pfn[1] + 2 * (i + 1);
    w.large = ms_mdl_create(held, 0, HELD_BYTES);
    assert_non_null(w.large);
    if (profile == SYSTEM) {
        rig_system(w.rig, WdfDmaProfileSystem, 0x1003, FRAGMENT, false);
        w.holders = w.enabler = w.rig->enabler;
    } else {
        WDF_DMA_PROFILE number =
            profile == LISTS ? WdfDmaProfileScatterGather : WdfDmaProfilePacket;
        rig_enabler(w.rig, number, 3, HELD_BYTES);
        w.holders = w.rig->enabler;
        rig_enabler(w.rig, number, 3, FRAGMENT);
        w.enabler = w.rig->enabler;
    }
    assert_status(WdfDmaTransactionCreate(w.holders, NULL, &w.holder), STATUS_SUCCESS);
}

static void world_close(void)
{
    uint32_t reports = w.rig->f.reports; /* of slow calls that came too late */

    IoFreeMdl(w.large);
    rig_close_with(w.rig, reports);
}

/* All is brought to its end, by one who is alone. */
static void end_all(void *unused)
{
    (void)unused;
    ms_cpu_enter(w.rig->f.kernel);
    if (is_held())
        give_way();
    for (uint32_t i = 0; i < 4 && is_executing(); i++)
        report(true);
    if (is_held())
        give_way();
    if (is_executing() || w.ends != w.begun)
        ms_sim_fail("nobody ends it", "%u of %u", w.ends, w.begun);
    WdfObjectDelete(w.trx);
    if (ms_dma_grants_used(w.rig->f.dma) != 0 || !ms_dma_audit(w.rig->f.dma))
        ms_sim_fail("something is left", "%u grants", ms_dma_grants_used(w.rig->f.dma));
}

static struct ms_sim_result play(ms_thread_body *const *bodies, uint32_t count,
                                 const struct ms_sim_preemption *changes, uint32_t change_count)
{
    struct ms_sim_actor actors[3];
    struct ms_sim_config config;
    struct ms_sim_result result;

    ms_sim_config_init(&config);
    for (uint32_t i = 0; i < count; i++)
        actors[i] = (struct ms_sim_actor){"actor", bodies[i], NULL};
    config.actors = actors;
    config.actor_count = count;
    config.check = end_all;
    config.steps_max = FAR;
    config.schedule.strategy = MS_SIM_SPARSE;
    config.schedule.preemptions = changes;
    config.schedule.preemption_count = change_count;
    ms_sim_run(&config, &result);
    if (result.verdict != MS_SIM_CLEAN)
        fail_msg("profile %d, next %d, changes at %u, %u, %u: %s: %s", w.profile, w.next,
                 changes[1].step, changes[2].step, change_count > 3 ? changes[3].step : 0,
                 result.bug, result.story);
    return result;
}

/* --- a slow Cancel --- */

static void slow_cancel(void *unused)
{
    (void)unused;
    ms_cpu_enter(w.rig->f.kernel);
    if (WdfDmaTransactionCancel(w.trx))
        told("the slow Cancel");
}

/* Ends the first one, and begins the next. */
static void driver(void *unused)
{
    (void)unused;
    ms_cpu_enter(w.rig->f.kernel);
    if (WdfDmaTransactionCancel(w.trx))
        told("Cancel");
    else if (is_executing())
        return;
    (void)WdfDmaTransactionRelease(w.trx);
    if (w.next == RESERVE) {
        reserve();
    } else {
        ms_require(NT_SUCCESS(initialize(0)));
        execute();
    }
}

static void begin(void)
{
    w.begun = w.ends = 0;
    assert_status(WdfDmaTransactionCreate(w.enabler, NULL, &w.trx), STATUS_SUCCESS);
    hold();
    if (w.begins_reserved) {
        reserve();
    } else {
        assert_status(initialize(0), STATUS_SUCCESS);
        execute();
    }
    assert_true(is_waiting());
}

/* CAN-13, CAN-16, RES-10, EXE-12, STM-02 */
MS_TEST(sim_a_slow_cancel_leaves_nothing_to_nobody)
{
    static ms_thread_body *const bodies[] = {slow_cancel, driver};

    for (enum profile profile = 0; profile < PROFILES; profile++) {
        world_open(profile);
        for (int how = 0; how < (profile == LISTS ? 1 : 4); how++) {
            w.begins_reserved = how & 1;
            w.next = how & 2 || profile == LISTS ? EXECUTE : RESERVE;
            struct ms_sim_preemption changes[] = {{0, SLOW}, {FAR, DRIVER}, {FAR, SLOW}};
            begin();
            struct ms_sim_result whole = play(bodies, 2, changes, 1);
            uint32_t slow = whole.fiber_steps[SLOW], runs = 0;
            for (uint32_t a = 1; a <= slow; a++) {
                uint32_t all = FAR;
                for (uint32_t b = a + 1; b <= all; b += 1 + b % 2) {
                    changes[1].step = a;
                    changes[2].step = b;
                    begin();
                    whole = play(bodies, 2, changes, 3);
                    all = a + whole.fiber_steps[DRIVER];
                    runs++;
                }
            }
            print_message("profile %d, begins %d, next %d: %u runs\n", profile, w.begins_reserved,
                          w.next, runs);
        }
        world_close();
    }
}

/* --- a report whose asking for the next list is slow --- */

static void slow_report(void *unused)
{
    (void)unused;
    ms_cpu_enter(w.rig->f.kernel);
    report(false);
}

static void cancel_once(void *unused)
{
    (void)unused;
    ms_cpu_enter(w.rig->f.kernel);
    if (WdfDmaTransactionCancel(w.trx))
        told("Cancel");
}

/* The list comes, the driver reports it, and begins anew what has to wait again. */
static void goes_on(void *unused)
{
    (void)unused;
    ms_cpu_enter(w.rig->f.kernel);
    if (!is_held())
        return; /* the slow one is not that far */
    give_way();
    if (look().phase == TRX_RUNNING)
        report(true);
    if (is_executing())
        return;
    hold();
    (void)WdfDmaTransactionRelease(w.trx);
    ms_require(NT_SUCCESS(initialize(0)));
    execute();
}

/* CAN-09, CAN-11, CMP-09, STM-02: who asked for a list touches no request but that one. */
MS_TEST(sim_a_slow_asker_of_a_list_withdraws_no_other_execution)
{
    static ms_thread_body *const bodies[] = {slow_report, cancel_once, goes_on};
    uint32_t runs = 0, anew = 0;

    world_open(LISTS);
    for (uint32_t x = 1, slow = FAR; x <= slow; x++)
        for (uint32_t y = x + 1, all = FAR; y <= all; y += 1 + y % 2) {
            const struct ms_sim_preemption changes[] = {{0, SLOW}, {x, DRIVER}, {y, THIRD}};
            w.begun = w.ends = 0;
            assert_status(WdfDmaTransactionCreate(w.enabler, NULL, &w.trx), STATUS_SUCCESS);
            assert_status(initialize(FRAGMENT), STATUS_SUCCESS);
            execute();
            hold();
            struct ms_sim_result result = play(bodies, 3, changes, 3);
            slow = result.fiber_steps[SLOW];
            all = x + result.fiber_steps[SLOW] + result.fiber_steps[DRIVER];
            runs++;
            anew += w.begun == 2;
        }
    world_close();
    print_message("%u runs, %u begun anew\n", runs, anew);
    assert_true(anew > 100);
}
