/* SPDX-License-Identifier: MIT */
/*
 * Enablers and common buffers: which configurations are taken, which adapters they get, what their getters
 * say, and that nothing stays behind when a taking fails.
 */
#include "wdf/test_dma.h"

static const struct {
    const char *name;
    WDF_DMA_ENABLER_CONFIG config;
    NTSTATUS want;
} rows[] = {
    {"size (ENB-03)",
     {.Size = 4, .Profile = WdfDmaProfilePacket, .MaximumLength = 4096},
     STATUS_INFO_LENGTH_MISMATCH},
    {"profile 0 (ENB-04)",
     {.Profile = WdfDmaProfileInvalid, .MaximumLength = 4096},
     STATUS_INVALID_PARAMETER},
    {"profile 9 (ENB-04)",
     {.Profile = (WDF_DMA_PROFILE)9, .MaximumLength = 4096},
     STATUS_INVALID_PARAMETER},
    {"length 0 (ENB-04)", {.Profile = WdfDmaProfilePacket}, STATUS_INVALID_PARAMETER},
    {"version 2 and a width (ENB-11)",
     {.Profile = WdfDmaProfilePacket64,
      .MaximumLength = 4096,
      .WdmDmaVersionOverride = 2,
      .AddressWidthOverride = 40},
     STATUS_INVALID_PARAMETER},
    {"version 2 and system (ENB-11)",
     {.Profile = WdfDmaProfileSystem, .MaximumLength = 4096, .WdmDmaVersionOverride = 2},
     STATUS_INVALID_PARAMETER},
    {"version 4",
     {.Profile = WdfDmaProfilePacket, .MaximumLength = 4096, .WdmDmaVersionOverride = 4},
     STATUS_INVALID_PARAMETER},
    {"a width and system (ENB-12)",
     {.Profile = WdfDmaProfileSystem, .MaximumLength = 4096, .AddressWidthOverride = 32},
     STATUS_INVALID_PARAMETER},
    {"33 bits and a 32-bit profile (ENB-12)",
     {.Profile = WdfDmaProfileScatterGather, .MaximumLength = 4096, .AddressWidthOverride = 33},
     STATUS_INVALID_PARAMETER},
    {"a width no platform has (ENB-06, ENB-12)",
     {.Profile = WdfDmaProfilePacket64, .MaximumLength = 4096, .AddressWidthOverride = 70},
     STATUS_UNSUCCESSFUL},
    {"single transfer, version 2 (ENB-14)",
     {.Profile = WdfDmaProfilePacket,
      .MaximumLength = 4096,
      .Flags = WDF_DMA_ENABLER_CONFIG_REQUIRE_SINGLE_TRANSFER},
     STATUS_INVALID_PARAMETER},
    {"single transfer, version 3",
     {.Profile = WdfDmaProfilePacket,
      .MaximumLength = 4096,
      .WdmDmaVersionOverride = 3,
      .Flags = WDF_DMA_ENABLER_CONFIG_REQUIRE_SINGLE_TRANSFER},
     STATUS_SUCCESS},
    {"40 bits (ENB-11)",
     {.Profile = WdfDmaProfileScatterGather64, .MaximumLength = 4096, .AddressWidthOverride = 40},
     STATUS_SUCCESS},
    {"24 bits (ENB-12)",
     {.Profile = WdfDmaProfilePacket, .MaximumLength = 4096, .AddressWidthOverride = 24},
     STATUS_SUCCESS},
};

/* ENB-01, ENB-02, ENB-03, ENB-04, ENB-06, ENB-11, ENB-12, ENB-14 */
MS_TEST(configurations_are_taken_or_refused)
{
    struct rig *rig = rig_open();

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        WDF_DMA_ENABLER_CONFIG config = rows[i].config;
        WDFDMAENABLER enabler = (WDFDMAENABLER)(uintptr_t)1;
        NTSTATUS status;
        if (config.Size == 0)
            config.Size = sizeof config;
        status = WdfDmaEnablerCreate(rig_device(rig), &config, NULL, &enabler);
        if (status != rows[i].want)
            fail_msg("%s: 0x%08X, wanted 0x%08X", rows[i].name, (unsigned)status,
                     (unsigned)rows[i].want);
        assert_int_equal(enabler != NULL, NT_SUCCESS(status)); /* ENB-02 */
        if (enabler)
            WdfObjectDelete(enabler);
    }
    rig_close(rig);
}

/* ENB-05, CON-07 */
MS_TEST(a_parent_must_be_under_the_same_device)
{
    struct rig *rig = rig_open();
    WDF_OBJECT_ATTRIBUTES attributes, plain;
    WDF_DMA_ENABLER_CONFIG config;
    WDFDMAENABLER enabler;
    WDFOBJECT mine, root;

    WDF_OBJECT_ATTRIBUTES_INIT(&plain);
    plain.ParentObject = rig_device(rig);
    assert_status(WdfObjectCreate(&plain, &mine), STATUS_SUCCESS);
    assert_status(WdfObjectCreate(NULL, &root), STATUS_SUCCESS);
    WDF_DMA_ENABLER_CONFIG_INIT(&config, WdfDmaProfilePacket, 4096);
    WDF_OBJECT_ATTRIBUTES_INIT(&attributes);
    attributes.ParentObject = root;
    assert_status(WdfDmaEnablerCreate(rig_device(rig), &config, &attributes, &enabler),
                  STATUS_WDF_OBJECT_ATTRIBUTES_INVALID);
    assert_null(enabler);
    attributes.ParentObject = mine;
    assert_status(WdfDmaEnablerCreate(rig_device(rig), &config, &attributes, &enabler),
                  STATUS_SUCCESS);
    WdfObjectDelete(mine); /* and the enabler with it */
    assert_null(ms_object_find((WDFOBJECT)enabler, MS_OBJECT_ENABLER));
    rig_close(rig);
}

/* ENB-07, ENB-08, ENB-15, ENB-27, ENB-28, ENB-29, ENB-30 */
MS_TEST(getters_say_what_the_adapters_are)
{
    struct rig *rig = rig_open();

    for (int profile = WdfDmaProfilePacket; profile <= WdfDmaProfileSystemDuplex; profile++) {
        PDMA_ADAPTER read, write;
        bool duplex = profile == WdfDmaProfileScatterGatherDuplex ||
                      profile == WdfDmaProfileScatterGather64Duplex;
        rig_enabler(rig, (WDF_DMA_PROFILE)profile, 0, 1 << 20);
        read = WdfDmaEnablerWdmGetDmaAdapter(rig->enabler, WdfDmaDirectionReadFromDevice);
        write = WdfDmaEnablerWdmGetDmaAdapter(rig->enabler, WdfDmaDirectionWriteToDevice);
        assert_int_equal(WdfDmaEnablerGetMaximumLength(rig->enabler), 1 << 20);
        if (profile >= WdfDmaProfileSystem) {
            assert_null(read); /* ENB-07, ENB-29 */
            assert_null(write);
            assert_int_equal(
                WdfDmaEnablerGetFragmentLength(rig->enabler, WdfDmaDirectionReadFromDevice), 0);
        } else {
            struct ms_enabler *enabler = ms_object_find((WDFOBJECT)rig->enabler, MS_OBJECT_ENABLER);
            size_t most = (size_t)(enabler->way[0].registers - 1) * PAGE_SIZE;
            assert_non_null(read);
            assert_int_equal(read != write, duplex); /* ENB-08 */
            assert_int_equal(
                WdfDmaEnablerGetFragmentLength(rig->enabler, WdfDmaDirectionWriteToDevice),
                most < 1 << 20 ? most : 1 << 20); /* ENB-15 */
        }
        assert_null(WdfDmaEnablerWdmGetDmaAdapter(rig->enabler, (WDF_DMA_DIRECTION)2));
        assert_int_equal(WdfDmaEnablerGetFragmentLength(rig->enabler, (WDF_DMA_DIRECTION)2), 0);
        WdfDmaEnablerSetMaximumScatterGatherElements(rig->enabler, 5);
        WdfDmaEnablerSetMaximumScatterGatherElements(rig->enabler, 0); /* ENB-30: ignored */
        assert_int_equal(WdfDmaEnablerGetMaximumScatterGatherElements(rig->enabler), 5);
        WdfDmaEnablerSetMaximumScatterGatherElements(rig->enabler, UINT64_C(1) << 32);
        assert_int_equal(WdfDmaEnablerGetMaximumScatterGatherElements(rig->enabler),
                         WDF_DMA_ENABLER_UNLIMITED_FRAGMENTS); /* NUM-04 */
        WdfObjectDelete(rig->enabler);
    }
    rig_close(rig);
}

/* ENB-30, LVL-01: what the adapters were made for is not changed at DISPATCH_LEVEL; it is reported, and done. */
MS_TEST(the_most_elements_are_set_at_passive_level)
{
    struct rig *rig = rig_open();
    KIRQL irql;

    rig_enabler(rig, WdfDmaProfileScatterGather, 3, 0x1000);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    WdfDmaEnablerSetMaximumScatterGatherElements(rig->enabler, 7);
    KeLowerIrql(irql);
    assert_reported(&rig->f, MS_RULE_WDF_IRQL);
    assert_int_equal(WdfDmaEnablerGetMaximumScatterGatherElements(rig->enabler), 7);
    WdfDmaEnablerSetMaximumScatterGatherElements(rig->enabler, 8);
    rig_close_with(rig, 1);
}

static NTSTATUS configure(WDFDMAENABLER enabler, ULONG size, ULONG line, bool with_resource,
                          int direction)
{
    CM_PARTIAL_RESOURCE_DESCRIPTOR resource = {.Type = CmResourceTypeDma};
    PHYSICAL_ADDRESS address = {.QuadPart = 0xFE000000};
    WDF_DMA_SYSTEM_PROFILE_CONFIG config;

    resource.u.DmaV3.RequestLine = line;
    WDF_DMA_SYSTEM_PROFILE_CONFIG_INIT(&config, address, Width8Bits,
                                       with_resource ? &resource : NULL);
    config.Size = size;
    return WdfDmaEnablerConfigureSystemProfile(enabler, &config, (WDF_DMA_DIRECTION)direction);
}

/* ENB-10, ENB-20, ENB-21, ENB-22, ENB-23, ENB-25, ENB-26, HAZ-07, WQU-08 */
MS_TEST(system_profiles_are_configured_once_per_direction)
{
    ULONG size = sizeof(WDF_DMA_SYSTEM_PROFILE_CONFIG);
    struct rig *rig = rig_open();
    struct ms_enabler *enabler;
    struct job job;

    rig_mdl(rig, 0, 0x100);
    rig_enabler(rig, WdfDmaProfileSystem, 0, 0x4000);
    job_make(rig, &job, WdfDmaDirectionReadFromDevice);
    assert_status(job_init(&job, 0, ALL), STATUS_INVALID_DEVICE_REQUEST); /* ENB-20 */
    assert_reported(&rig->f, MS_RULE_WDF_NOT_CONFIGURED);
    assert_status(configure(rig->enabler, size - 1, 0x1003, true, 0), STATUS_INFO_LENGTH_MISMATCH);
    assert_status(configure(rig->enabler, size, 0x1003, false, 0), STATUS_INVALID_PARAMETER);
    assert_status(configure(rig->enabler, size, 0x1003, true, 2), STATUS_INVALID_PARAMETER);
    assert_status(
        WdfDmaEnablerConfigureSystemProfile(rig->enabler, NULL, WdfDmaDirectionReadFromDevice),
        STATUS_INVALID_PARAMETER);
    assert_status(configure(rig->enabler, size, 0x9999, true, 0), STATUS_UNSUCCESSFUL);
    assert_status(configure(rig->enabler, size, 0x1003, true, 0), STATUS_SUCCESS);
    assert_status(configure(rig->enabler, size, 0x1003, true, 1), STATUS_INVALID_PARAMETER);
    assert_reported(&rig->f, MS_RULE_WDF_CONFIGURED_TWICE); /* ENB-22 */
    assert_status(job_init(&job, 0, ALL), STATUS_SUCCESS);
    WdfObjectDelete(rig->enabler);

    rig_enabler(rig, WdfDmaProfileSystemDuplex, 0, 0x8000);
    job_make(rig, &job, WdfDmaDirectionReadFromDevice);
    assert_status(configure(rig->enabler, size, 0x1003, true, 0), STATUS_SUCCESS);
    assert_status(job_init(&job, 0, ALL), STATUS_INVALID_DEVICE_REQUEST); /* ENB-23 */
    assert_status(configure(rig->enabler, size, 0x1004, true, 1), STATUS_SUCCESS);
    assert_status(job_init(&job, 0, ALL), STATUS_SUCCESS);
    enabler = ms_object_find((WDFOBJECT)rig->enabler, MS_OBJECT_ENABLER);
    assert_int_equal(enabler->way[0].registers, 9);
    assert_int_equal(enabler->way[0].list_bytes, 232);                /* ENB-25 */
    assert_ptr_not_equal(enabler->way[0].list, enabler->way[1].list); /* ENB-26 */

    rig_enabler(rig, WdfDmaProfilePacket, 0, 0x4000);
    assert_status(configure(rig->enabler, size, 0x1003, true, 0), STATUS_INVALID_PARAMETER);
    rig_close_with(rig, 3);
}

/* KCB-01, KCB-02, KCB-03, KCB-04, KCB-05, KCB-06 */
MS_TEST(common_buffers_are_aligned_and_go_with_their_enabler)
{
    static const struct {
        size_t length;
        ULONG mask;
        NTSTATUS want;
    } buffers[] = {
        {0, 0, STATUS_INVALID_PARAMETER},
        {1, 0, STATUS_SUCCESS},
        {0x1234, 0xFF, STATUS_SUCCESS},
        {0x1234, 0xFFF, STATUS_SUCCESS},
        {0x1234, 0x3FFF, STATUS_SUCCESS},
        {0x100, 0x7FFF, STATUS_SUCCESS},
        {0x100, 0x6, STATUS_INVALID_PARAMETER},
        {UINT64_C(1) << 32, 0, STATUS_INSUFFICIENT_RESOURCES},
    };
    struct rig *rig = rig_open();
    WDF_OBJECT_ATTRIBUTES attributes;
    WDFCOMMONBUFFER buffer;

    rig_enabler(rig, WdfDmaProfileScatterGather, 0, 0x4000);
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) {
        WDF_COMMON_BUFFER_CONFIG config;
        uint8_t *va;
        WDF_COMMON_BUFFER_CONFIG_INIT(&config, buffers[i].mask);
        assert_status(WdfCommonBufferCreateWithConfig(rig->enabler, buffers[i].length, &config,
                                                      NULL, &buffer),
                      buffers[i].want);
        if (!buffer)
            continue;
        va = WdfCommonBufferGetAlignedVirtualAddress(buffer);
        assert_int_equal(WdfCommonBufferGetLength(buffer), buffers[i].length);
        assert_int_equal((uint64_t)WdfCommonBufferGetAlignedLogicalAddress(buffer).QuadPart &
                             buffers[i].mask,
                         0);
        assert_int_equal(va[0], 0xCB); /* KCB-06: not zero */
        memset(va, 0x5A, buffers[i].length);
        /* The address pair names the same bytes. */
        uint8_t seen = 0;
        struct ms_bus_master master;
        union {
            SCATTER_GATHER_LIST list;
            char room[64];
        } one = {.list = {.NumberOfElements = 1}};
        one.list.Elements[0].Address = WdfCommonBufferGetAlignedLogicalAddress(buffer);
        one.list.Elements[0].Length = 1;
        ms_bus_master_init(&master, rig->f.memory, 64);
        assert_int_equal(ms_bus_master_fetch(&master, &one.list, &seen, 1).bytes, 1);
        assert_int_equal(seen, 0x5A);
        if (i & 1)
            WdfObjectDelete(buffer); /* the others go with the enabler */
    }
    WDF_OBJECT_ATTRIBUTES_INIT(&attributes);
    attributes.ParentObject = rig_device(rig);
    assert_status(WdfCommonBufferCreate(rig->enabler, 16, &attributes, &buffer),
                  STATUS_WDF_PARENT_ASSIGNMENT_NOT_ALLOWED);
    assert_status(WdfCommonBufferCreate(rig->enabler, 0, NULL, &buffer), STATUS_INVALID_PARAMETER);
    rig_close(rig);
}

static NTSTATUS up_status, down_status;
static char order[16];

static void step(char letter)
{
    size_t used = strlen(order);

    order[used] = letter;
    order[used + 1] = '\0';
}

static NTSTATUS fill(WDFDMAENABLER enabler)
{
    (void)enabler;
    step('F');
    return up_status;
}

static NTSTATUS enable(WDFDMAENABLER enabler)
{
    (void)enabler;
    step('E');
    return STATUS_SUCCESS;
}

static NTSTATUS start(WDFDMAENABLER enabler)
{
    (void)enabler;
    step('S');
    return STATUS_SUCCESS;
}

static NTSTATUS stop(WDFDMAENABLER enabler)
{
    (void)enabler;
    step('s');
    return down_status;
}

static NTSTATUS disable(WDFDMAENABLER enabler)
{
    (void)enabler;
    step('d');
    return STATUS_SUCCESS;
}

static NTSTATUS flush(WDFDMAENABLER enabler)
{
    (void)enabler;
    step('f');
    return STATUS_SUCCESS;
}

/* ENB-33 */
MS_TEST(power_goes_up_and_down_in_order)
{
    struct rig *rig = rig_open();
    struct ms_enabler *enabler;
    WDF_DMA_ENABLER_CONFIG config;

    WDF_DMA_ENABLER_CONFIG_INIT(&config, WdfDmaProfilePacket, 4096);
    config.EvtDmaEnablerFill = fill;
    config.EvtDmaEnablerEnable = enable;
    config.EvtDmaEnablerSelfManagedIoStart = start;
    config.EvtDmaEnablerSelfManagedIoStop = stop;
    config.EvtDmaEnablerDisable = disable;
    config.EvtDmaEnablerFlush = flush;
    assert_status(WdfDmaEnablerCreate(rig_device(rig), &config, NULL, &rig->enabler),
                  STATUS_SUCCESS);
    enabler = ms_object_find((WDFOBJECT)rig->enabler, MS_OBJECT_ENABLER);
    order[0] = '\0';
    assert_status(ms_enabler_power_up(enabler), STATUS_SUCCESS);
    assert_status(ms_enabler_power_down(enabler), STATUS_SUCCESS);
    assert_string_equal(order, "FESsdf");
    order[0] = '\0';
    up_status = STATUS_UNSUCCESSFUL;
    down_status = STATUS_NO_MEMORY;
    assert_status(ms_enabler_power_up(enabler), STATUS_UNSUCCESSFUL);
    assert_status(ms_enabler_power_down(enabler), STATUS_NO_MEMORY);
    assert_string_equal(order, "Fs");
    rig_close(rig);
}

/* ENB-02, TRX-02: every taking fails once, and nothing stays. */
MS_TEST(every_taking_of_a_create_may_fail)
{
    for (int profile = WdfDmaProfilePacket; profile <= WdfDmaProfileSystemDuplex; profile++) {
        struct rig *rig = rig_open();
        WDF_DMA_ENABLER_CONFIG config;
        WDFDMAENABLER enabler;
        WDFDMATRANSACTION trx;
        WDFCOMMONBUFFER buffer;
        uint32_t live = ms_wdf_objects(rig->f.wdf), countdown = 0;
        bool more = true;
        WDF_DMA_ENABLER_CONFIG_INIT(&config, (WDF_DMA_PROFILE)profile, 0x4000);
        for (; more; countdown++) {
            ms_fault_arm(countdown);
            NTSTATUS status = WdfDmaEnablerCreate(rig_device(rig), &config, NULL, &enabler);
            more = ms_fault_fired();
            ms_fault_arm(UINT32_MAX);
            assert_int_equal(NT_SUCCESS(status), enabler != NULL);
            assert_int_equal(NT_SUCCESS(status), !more);
            if (more)
                assert_int_equal(ms_wdf_objects(rig->f.wdf), live);
        }
        assert_true(countdown > 1);
        for (bool sys = profile >= WdfDmaProfileSystem; sys;) {
            for (countdown = 0;; countdown++) {
                ms_fault_arm(countdown);
                NTSTATUS status = configure(enabler, sizeof(WDF_DMA_SYSTEM_PROFILE_CONFIG), 0x1003,
                                            true, WdfDmaDirectionReadFromDevice);
                sys = ms_fault_fired();
                ms_fault_arm(UINT32_MAX);
                assert_int_equal(NT_SUCCESS(status), !sys);
                if (!sys)
                    break;
            }
        }
        live = ms_wdf_objects(rig->f.wdf);
        for (more = true, countdown = 0; more; countdown++) {
            ms_fault_arm(countdown);
            NTSTATUS status = WdfDmaTransactionCreate(enabler, NULL, &trx);
            more = ms_fault_fired();
            ms_fault_arm(UINT32_MAX);
            assert_status(status, more ? STATUS_INSUFFICIENT_RESOURCES : STATUS_SUCCESS);
            assert_int_equal(trx != NULL, !more);
            if (more)
                assert_int_equal(ms_wdf_objects(rig->f.wdf), live);
        }
        live = ms_wdf_objects(rig->f.wdf);
        for (more = profile != WdfDmaProfileSystemDuplex, countdown = 0; more; countdown++) {
            ms_fault_arm(countdown);
            NTSTATUS status = WdfCommonBufferCreate(enabler, 0x2000, NULL, &buffer);
            more = ms_fault_fired();
            ms_fault_arm(UINT32_MAX);
            if (NT_SUCCESS(status)) /* some takings have a second way */
                WdfObjectDelete(buffer);
            else
                assert_status(status, STATUS_INSUFFICIENT_RESOURCES);
            assert_true(more || NT_SUCCESS(status));
            if (more)
                assert_int_equal(ms_wdf_objects(rig->f.wdf), live);
        }
        rig_close(rig);
    }
}
