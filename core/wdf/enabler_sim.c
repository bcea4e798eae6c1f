/* SPDX-License-Identifier: MIT */
/*
 * enabler_sim.c: two threads configure one system enabler at once, which no driver may (ENB-34): whatever the schedule,
 * each direction gets one adapter, which its enabler puts, and who came second is told.
 */
#include "platform/sim.h"
#include "wdf/test_dma.h"

enum { FAR = 2000 };

static struct world {
    struct rig *rig;
    WDFDMAENABLER enabler;
    bool is_duplex;
    WDF_DMA_DIRECTION direction[2];
    NTSTATUS status[2];
} w;

static NTSTATUS configure(uint32_t which)
{
    CM_PARTIAL_RESOURCE_DESCRIPTOR resource = {.Type = CmResourceTypeDma,
                                               .Flags = CM_RESOURCE_DMA_V3};
    PHYSICAL_ADDRESS address = {.QuadPart = 0xFE000000};
    WDF_DMA_SYSTEM_PROFILE_CONFIG config;

    resource.u.DmaV3.RequestLine = 0x1002 + which;
    WDF_DMA_SYSTEM_PROFILE_CONFIG_INIT(&config, address, Width8Bits, &resource);
    return WdfDmaEnablerConfigureSystemProfile(w.enabler, &config, w.direction[which]);
}

static void first(void *unused)
{
    (void)unused;
    ms_cpu_enter(w.rig->f.kernel);
    w.status[0] = configure(0);
}

static void second(void *unused)
{
    (void)unused;
    ms_cpu_enter(w.rig->f.kernel);
    w.status[1] = configure(1);
}

static void setter(void *unused)
{
    (void)unused;
    ms_cpu_enter(w.rig->f.kernel);
    WdfDmaEnablerSetMaximumScatterGatherElements(w.enabler, 3);
}

static void check(void *unused)
{
    uint32_t done = (NT_SUCCESS(w.status[0]) ? 1u : 0) + (NT_SUCCESS(w.status[1]) ? 1u : 0);
    const struct fixture *f = &w.rig->f;
    uint32_t told = f->reports;

    (void)unused;
    ms_cpu_enter(w.rig->f.kernel);
    if (done == 0 || done + told != 2 || (!w.is_duplex && done != 1))
        ms_sim_fail("not each is configured or told", "%u configured, %u told", done, told);
    for (uint32_t i = 0; i < told; i++)
        if (f->report[i].info->rule != MS_RULE_WDF_CONFIGURE_RACE &&
            f->report[i].info->rule != MS_RULE_WDF_CONFIGURED_TWICE)
            ms_sim_fail("another rule", "%s", f->report[i].info->name);
    for (uint32_t i = 0; i < 2; i++)
        if (!NT_SUCCESS(w.status[i]) && w.is_duplex && w.direction[0] != w.direction[1] &&
            !NT_SUCCESS(configure(i)))
            ms_sim_fail("who was told may not try again", "direction %u", i); /* FTL-01 */
    if (!WdfDmaEnablerWdmGetDmaAdapter(w.enabler, WdfDmaDirectionReadFromDevice))
        ms_sim_fail("no adapter", "%u configured", done);
}

static void play(ms_thread_body *other, uint32_t a, uint32_t b, struct ms_sim_result *result)
{
    const struct ms_sim_actor actors[] = {{"first", first, NULL}, {"second", other, NULL}};
    const struct ms_sim_preemption changes[] = {{0, 0}, {a, 1}, {b, 0}};
    struct ms_sim_config config;

    rig_enabler(w.rig, w.is_duplex ? WdfDmaProfileSystemDuplex : WdfDmaProfileSystem, 0, 0x1000);
    w.enabler = w.rig->enabler;
    w.rig->f.reports = 0;
    w.status[0] = w.status[1] = STATUS_UNSUCCESSFUL;
    ms_sim_config_init(&config);
    config.actors = actors;
    config.actor_count = 2;
    config.check = other == second ? check : NULL;
    config.schedule.strategy = MS_SIM_SPARSE;
    config.schedule.preemptions = changes;
    config.schedule.preemption_count = 3;
    ms_sim_run(&config, result);
    if (result->verdict != MS_SIM_CLEAN)
        fail_msg("duplex %d, changes at %u and %u: %s: %s", w.is_duplex, a, b, result->bug,
                 result->story);
    WdfObjectDelete(w.enabler);
}

/* All schedules with two changes from one to the other. */
static void play_all(ms_thread_body *other)
{
    struct ms_sim_result result;
    uint32_t races = 0;

    play(other, FAR, FAR + 1, &result);
    uint32_t all = result.fiber_steps[0];
    for (uint32_t a = 1; a <= all; a++) {
        uint32_t last = FAR;
        for (uint32_t b = a + 1; b <= last; b++) {
            play(other, a, b, &result);
            last = a + result.fiber_steps[1];
            races +=
                w.rig->f.reports > 0 && w.rig->f.report[0].info->rule == MS_RULE_WDF_CONFIGURE_RACE;
        }
    }
    print_message("%u races are told\n", races);
    assert_true(races > 20);
}

static void open_world(bool is_duplex, WDF_DMA_DIRECTION direction)
{
    memset(&w, 0, sizeof w);
    w.rig = rig_open();
    w.is_duplex = is_duplex;
    w.direction[0] = WdfDmaDirectionReadFromDevice;
    w.direction[1] = direction;
}

static void close_world(void)
{
    rig_close_with(w.rig, w.rig->f.reports); /* all adapters are put: the machine can end */
}

/* ENB-22, ENB-34 */
MS_TEST(sim_of_two_who_configure_one_enabler_at_once_the_second_is_told)
{
    for (int is_duplex = 0; is_duplex <= 1; is_duplex++)
        for (int way = 0; way <= 1; way++) {
            open_world(is_duplex != 0, (WDF_DMA_DIRECTION)way);
            play_all(second);
            close_world();
        }
}

/* ENB-30, ENB-34: a limit is configuration too. */
MS_TEST(sim_a_limit_set_beside_a_configuration_is_told)
{
    open_world(false, WdfDmaDirectionReadFromDevice);
    play_all(setter);
    close_world();
}
