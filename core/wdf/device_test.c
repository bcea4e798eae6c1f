/* SPDX-License-Identifier: MIT */
#include "wdf/test_driver.h"

/* A driver that writes down what is asked of it, and fails where it is told. */
static struct {
    char text[80];
    uint32_t length;
    char fail_at;
    ULONG resources;
    bool has_enablers; /* two, the second one not directly below its device */
    WDFDMAENABLER enabler[2];
} diary;

static NTSTATUS step(char what)
{
    diary.text[diary.length++] = what;
    diary.text[diary.length] = 0;
    return what == diary.fail_at ? STATUS_UNSUCCESSFUL : STATUS_SUCCESS;
}

/* Each enabler has letters of its own. */
static NTSTATUS enabler_step(WDFDMAENABLER enabler, uint32_t which)
{
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    return step((enabler == diary.enabler[0] ? "FBSsbf" : "GHIihg")[which]);
}

static NTSTATUS on_fill(WDFDMAENABLER enabler)
{
    return enabler_step(enabler, 0);
}

static NTSTATUS on_enable(WDFDMAENABLER enabler)
{
    return enabler_step(enabler, 1);
}

static NTSTATUS on_start(WDFDMAENABLER enabler)
{
    return enabler_step(enabler, 2);
}

static NTSTATUS on_stop(WDFDMAENABLER enabler)
{
    return enabler_step(enabler, 3);
}

static NTSTATUS on_disable(WDFDMAENABLER enabler)
{
    return enabler_step(enabler, 4);
}

static NTSTATUS on_flush(WDFDMAENABLER enabler)
{
    return enabler_step(enabler, 5);
}

static void enablers_make(WDFDEVICE device)
{
    WDF_OBJECT_ATTRIBUTES attributes;
    WDF_DMA_ENABLER_CONFIG config;
    WDFOBJECT between;

    WDF_DMA_ENABLER_CONFIG_INIT(&config, WdfDmaProfilePacket, 4096);
    config.EvtDmaEnablerFill = on_fill;
    config.EvtDmaEnablerEnable = on_enable;
    config.EvtDmaEnablerSelfManagedIoStart = on_start;
    config.EvtDmaEnablerSelfManagedIoStop = on_stop;
    config.EvtDmaEnablerDisable = on_disable;
    config.EvtDmaEnablerFlush = on_flush;
    assert_status(WdfDmaEnablerCreate(device, &config, NULL, &diary.enabler[0]), STATUS_SUCCESS);
    WDF_OBJECT_ATTRIBUTES_INIT(&attributes);
    attributes.ParentObject = device;
    assert_status(WdfObjectCreate(&attributes, &between), STATUS_SUCCESS);
    attributes.ParentObject = between; /* ENB-05 */
    assert_status(WdfDmaEnablerCreate(device, &config, &attributes, &diary.enabler[1]),
                  STATUS_SUCCESS);
}

static NTSTATUS on_prepare(WDFDEVICE device, WDFCMRESLIST raw, WDFCMRESLIST list)
{
    PCM_PARTIAL_RESOURCE_DESCRIPTOR item = WdfCmResourceListGetDescriptor(list, 1);

    (void)raw;
    diary.resources = WdfCmResourceListGetCount(list);
    assert_null(WdfCmResourceListGetDescriptor(list, diary.resources));
    assert_int_equal(item->Type, CmResourceTypeDma);
    assert_int_equal(item->Flags, CM_RESOURCE_DMA_V3);
    assert_int_equal(item->u.DmaV3.RequestLine, 7);
    assert_int_equal(item->u.Dma.Port, 7); /* WQU-08 */
    assert_int_equal(item->u.DmaV3.Channel, 3);
    if (diary.has_enablers)
        enablers_make(device);
    return step('p');
}

static NTSTATUS on_release(WDFDEVICE device, WDFCMRESLIST list)
{
    (void)device;
    assert_int_equal(WdfCmResourceListGetCount(list), 3);
    return step('r');
}

static NTSTATUS on_d0_entry(WDFDEVICE device, WDF_POWER_DEVICE_STATE state)
{
    (void)device;
    assert_int_equal(state, WdfPowerDeviceD3Final);
    return step('e');
}

static NTSTATUS on_d0_exit(WDFDEVICE device, WDF_POWER_DEVICE_STATE state)
{
    (void)device, (void)state;
    return step('x');
}

static VOID on_cleanup(WDFOBJECT object)
{
    (void)object;
    step('c');
}

static VOID on_unload(WDFDRIVER driver)
{
    (void)driver;
    step('u');
}

static NTSTATUS on_add(WDFDRIVER driver, PWDFDEVICE_INIT init)
{
    WDF_PNPPOWER_EVENT_CALLBACKS callbacks;
    WDF_OBJECT_ATTRIBUTES attributes;
    WDFDEVICE device;

    if (diary.fail_at == 'A')
        return STATUS_NOT_SUPPORTED; /* before there is a device */
    WDF_PNPPOWER_EVENT_CALLBACKS_INIT(&callbacks);
    callbacks.EvtDevicePrepareHardware = on_prepare;
    callbacks.EvtDeviceReleaseHardware = on_release;
    callbacks.EvtDeviceD0Entry = on_d0_entry;
    callbacks.EvtDeviceD0Exit = on_d0_exit;
    WdfDeviceInitSetPnpPowerEventCallbacks(init, &callbacks);
    WdfDeviceInitSetIoType(init, WdfDeviceIoDirect);
    WDF_OBJECT_ATTRIBUTES_INIT(&attributes);
    attributes.EvtCleanupCallback = on_cleanup;
    assert_status(WdfDeviceCreate(&init, &attributes, &device), STATUS_SUCCESS);
    assert_null(init);
    assert_ptr_equal(WdfDeviceGetDriver(device), driver);
    WdfDeviceSetAlignmentRequirement(device, FILE_64_BYTE_ALIGNMENT);
    assert_int_equal(WdfDeviceGetAlignmentRequirement(device), 63);
    assert_int_equal(WdfDeviceWdmGetDeviceObject(device)->AlignmentRequirement, 63);
    return step('a');
}

static NTSTATUS entry(PDRIVER_OBJECT object, PUNICODE_STRING path)
{
    WDF_DRIVER_CONFIG config;
    WDFDRIVER driver;

    if (diary.fail_at == 'E')
        return STATUS_NOT_SUPPORTED;
    WDF_DRIVER_CONFIG_INIT(&config, on_add);
    config.EvtDriverUnload = on_unload;
    assert_status(WdfDriverCreate(object, path, NULL, &config, &driver), STATUS_SUCCESS);
    assert_ptr_equal(WdfDriverWdmGetDriverObject(driver), object);
    assert_status(WdfDriverCreate(object, path, NULL, &config, &driver),
                  STATUS_INVALID_DEVICE_REQUEST);
    config.Size = 0;
    assert_status(WdfDriverCreate(object, path, NULL, &config, &driver),
                  STATUS_INFO_LENGTH_MISMATCH);
    return STATUS_SUCCESS;
}

static const CM_PARTIAL_RESOURCE_DESCRIPTOR items[] = {
    {.Type = CmResourceTypeMemory},
    {.Type = CmResourceTypeDma,
     .Flags = CM_RESOURCE_DMA_V3,
     .u.DmaV3 = {.Channel = 3, .RequestLine = 7}},
    {.Type = CmResourceTypeMemory},
};

static NTSTATUS life(char fail_at, const char *want)
{
    struct fixture f;
    PDRIVER_OBJECT driver;
    WDFDEVICE device;

    diary.length = 0;
    diary.text[0] = 0;
    diary.fail_at = fail_at;
    fixture_open(&f);
    NTSTATUS status = ms_wdf_driver_load(entry, &driver);
    if (NT_SUCCESS(status)) {
        status = ms_wdf_device_add(driver, &f.pdo, items, 3, &device);
        assert_int_equal(NT_SUCCESS(status), device != NULL);
        if (device) {
            assert_ptr_equal(WdfDeviceWdmGetPhysicalDevice(device), &f.pdo);
            ms_wdf_device_remove(device);
        }
        ms_wdf_driver_unload(driver);
    }
    assert_string_equal(diary.text, want);
    fixture_close(&f);
    return status;
}

/* WQU-07, WQU-08 */
MS_TEST(a_device_is_started_in_order_and_stopped_in_reverse)
{
    assert_status(life(0, "apexrcu"), STATUS_SUCCESS);
    assert_int_equal(diary.resources, 3);
}

/* WQU-07 */
MS_TEST(a_start_that_fails_is_undone_from_where_it_failed)
{
    assert_status(life('E', ""), STATUS_NOT_SUPPORTED);
    assert_status(life('A', "u"), STATUS_NOT_SUPPORTED);
    assert_status(life('a', "acu"), STATUS_UNSUCCESSFUL);
    assert_status(life('p', "aprcu"), STATUS_UNSUCCESSFUL);
    assert_status(life('e', "apercu"), STATUS_UNSUCCESSFUL);
}

/* ENB-33, ENB-05: the enablers of a device go up with it, and down before it leaves. */
MS_TEST(a_device_takes_its_enablers_into_d0_and_out_of_it)
{
    diary.has_enablers = true;
    assert_status(life(0, "apeFBSGHIsbfihgxrcu"), STATUS_SUCCESS);
    assert_status(life('p', "aprcu"), STATUS_UNSUCCESSFUL); /* never up: not down either */
    assert_status(life('e', "apercu"), STATUS_UNSUCCESSFUL);
    diary.has_enablers = false;
}

/* ENB-33: who does not come up fails the start; what was begun goes down, as far as it had come. */
MS_TEST(an_enabler_that_does_not_come_up_fails_the_start_of_its_device)
{
    static const struct {
        char at;
        const char *want;
    } cases[] = {
        {'F', "apeFsxrcu"},       {'B', "apeFBsbxrcu"},       {'S', "apeFBSsbfxrcu"},
        {'G', "apeFBSGsbfixrcu"}, {'H', "apeFBSGHsbfihxrcu"}, {'I', "apeFBSGHIsbfihgxrcu"},
    };

    diary.has_enablers = true;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_status(life(cases[i].at, cases[i].want), STATUS_UNSUCCESSFUL);
    for (const char *at = "sbf"; *at; at++) /* all is tried on the way down */
        assert_status(life(*at, "apeFBSGHIsbfihgxrcu"), STATUS_SUCCESS);
    diary.has_enablers = false;
}

MS_TEST(every_taking_of_a_driver_and_its_device_may_fail)
{
    struct fixture f;
    PDRIVER_OBJECT driver;
    WDFDEVICE device;
    uint32_t countdown;

    fixture_open(&f);
    for (countdown = 0;; countdown++) {
        memset(&diary, 0, sizeof diary);
        ms_fault_arm(countdown);
        NTSTATUS status = ms_wdf_driver_load(ms_bare_driver_entry, &driver);
        if (NT_SUCCESS(status)) {
            status = ms_wdf_device_add(driver, &f.pdo, NULL, 0, &device);
            if (NT_SUCCESS(status))
                ms_wdf_device_remove(device);
            ms_wdf_driver_unload(driver);
        }
        bool fired = ms_fault_fired();
        ms_fault_arm(UINT32_MAX);
        assert_int_equal(ms_wdf_objects(f.wdf), 1);
        if (!fired)
            break;
        assert_status(status, STATUS_INSUFFICIENT_RESOURCES);
    }
    assert_int_equal(countdown, 7); /* driver object; driver, device, resources: memory and cell */
    fixture_close(&f);
}

/* LVL-01 */
MS_TEST(a_device_is_made_at_passive_level)
{
    struct fixture f;
    PDRIVER_OBJECT driver;
    WDFDEVICE device;
    KIRQL irql;

    fixture_open(&f);
    assert_status(ms_wdf_driver_load(ms_bare_driver_entry, &driver), STATUS_SUCCESS);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    assert_status(ms_wdf_device_add(driver, &f.pdo, NULL, 0, &device), STATUS_SUCCESS);
    KeLowerIrql(irql);
    assert_reported(&f, MS_RULE_WDF_IRQL);
    ms_wdf_device_remove(device);
    ms_wdf_driver_unload(driver);
    fixture_close_with(&f, 1, 0);
}
