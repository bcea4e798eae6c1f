/* SPDX-License-Identifier: MIT */
/*
 * misuse_driver.h: what the drivers that keep no rule share (misuse_fuzz.c, clash_fuzz.c): how they start, and
 * what the contract says of each rule: verify/rules.def must name that clause. Included once by each.
 */
#ifndef FUZZ_MISUSE_DRIVER_H
#define FUZZ_MISUSE_DRIVER_H

#include "kmdf_stage.h"

#include "mapstorm_wdf.h"
#include "wdf/bare_driver.h"

#define NO_RULE ((enum ms_rule)0)

/* --- reports -------------------------------------------------------------------------------------------- */

/* By the contract alone, not by rules.def: a clause that forbids it. */
static const struct {
    enum ms_rule rule;
    enum ms_rule_severity severity;
    const char *clause;
} contract[] = {
    {MS_RULE_WDF_HANDLE, MS_RULE_VIOLATION, "FTL-02"},
    {MS_RULE_WDF_NULL, MS_RULE_VIOLATION, "FTL-02"},
    {MS_RULE_WDF_REFERENCE, MS_RULE_VIOLATION, "OBJ-06"},
    {MS_RULE_WDF_DELETE_TWICE, MS_RULE_VIOLATION, "OBJ-05"},
    {MS_RULE_WDF_DELETE_FORBIDDEN, MS_RULE_VIOLATION, "OBJ-07"},
    {MS_RULE_WDF_LEAK, MS_RULE_VIOLATION, "FTL-01"},
    {MS_RULE_WDF_CONTEXT_TYPE, MS_RULE_VIOLATION, "OBJ-03"},
    {MS_RULE_WDF_IRQL, MS_RULE_VIOLATION, "LVL-01"},
    {MS_RULE_WDF_CALLBACK_IRQL, MS_RULE_VIOLATION, "LVL-07"},
    {MS_RULE_WDF_CALLBACK_LOCK, MS_RULE_VIOLATION, "LVL-07"},
    {MS_RULE_WDF_COMPLETE_TWICE, MS_RULE_VIOLATION, "REQ-02"},
    {MS_RULE_WDF_COMPLETE_MARKED, MS_RULE_VIOLATION, "REQ-03"},
    {MS_RULE_WDF_COMPLETE_EARLY, MS_RULE_VIOLATION, "REQ-09"},
    {MS_RULE_WDF_COMPLETE_BUSY, MS_RULE_VIOLATION, "REQ-12"},
    {MS_RULE_WDF_INFORMATION, MS_RULE_VIOLATION, "REQ-10"},
    {MS_RULE_WDF_MARK_TWICE, MS_RULE_VIOLATION, "REQ-05"},
    {MS_RULE_WDF_UNMARK, MS_RULE_VIOLATION, "REQ-06"},
    {MS_RULE_WDF_IS_CANCELED, MS_RULE_VIOLATION, "REQ-14"},
    {MS_RULE_WDF_TIMER_CHILD, MS_RULE_VIOLATION, "TMR-09"},
    {MS_RULE_WDF_LOCK_RECURSION, MS_RULE_VIOLATION, "LCK-01"},
    {MS_RULE_WDF_LOCK_OWNER, MS_RULE_VIOLATION, "LCK-03"},
    {MS_RULE_WDF_LOCK_DELETED, MS_RULE_VIOLATION, "LCK-02"},
    {MS_RULE_WDF_WAIT_INSIDE, MS_RULE_VIOLATION, "TMR-05"},
    {MS_RULE_WDF_INITIALIZE_STATE, MS_RULE_VIOLATION, "TRX-11"},
    {MS_RULE_WDF_INITIALIZE_QUEUED, MS_RULE_VIOLATION, "RES-07"},
    {MS_RULE_WDF_EXECUTE_STATE, MS_RULE_VIOLATION, "EXE-02"},
    {MS_RULE_WDF_RESERVE_STATE, MS_RULE_VIOLATION, "RES-03"},
    {MS_RULE_WDF_FREE_STATE, MS_RULE_VIOLATION, "RES-14"},
    {MS_RULE_WDF_FREE_QUEUED, MS_RULE_VIOLATION, "RES-16"},
    {MS_RULE_WDF_RELEASE_STATE, MS_RULE_VIOLATION, "REL-03"},
    {MS_RULE_WDF_DELETE_EXECUTING, MS_RULE_VIOLATION, "REL-08"},
    {MS_RULE_WDF_REPORT_STATE, MS_RULE_VIOLATION, "CMP-02"},
    {MS_RULE_WDF_REPORT_TWICE, MS_RULE_VIOLATION, "CMP-19"},
    {MS_RULE_WDF_CANCEL_STATE, MS_RULE_VIOLATION, "CAN-03"},
    {MS_RULE_WDF_CANCEL_ENDED, MS_RULE_NOTE, "CAN-15"},
    {MS_RULE_WDF_CANCEL_VERSION, MS_RULE_VIOLATION, "CAN-02"},
    {MS_RULE_WDF_STOP_NOTHING, MS_RULE_NOTE, "STP-08"},
    {MS_RULE_WDF_STOP_ENDED, MS_RULE_VIOLATION, "STP-08"},
    {MS_RULE_WDF_STOP_TWICE, MS_RULE_VIOLATION, "STP-04"},
    {MS_RULE_WDF_CONFIGURE_FALSE, MS_RULE_VIOLATION, "PRG-07"},
    {MS_RULE_WDF_SETTER_PROFILE, MS_RULE_VIOLATION, "TRX-33"},
    {MS_RULE_WDF_SETTER_STATE, MS_RULE_VIOLATION, "TRX-40"},
    {MS_RULE_WDF_INFO_STATE, MS_RULE_VIOLATION, "TRX-45"},
    {MS_RULE_WDF_CONTEXT_STATE, MS_RULE_VIOLATION, "TRX-47"},
    {MS_RULE_WDF_NOT_CONFIGURED, MS_RULE_VIOLATION, "ENB-20"},
    {MS_RULE_WDF_CONFIGURED_TWICE, MS_RULE_VIOLATION, "ENB-22"},
    {MS_RULE_WDF_CONFIGURE_RACE, MS_RULE_VIOLATION, "ENB-34"},
};

/* A report says what the contract says, and by the name that people look for. */
static inline void report_check(const struct ms_rule_report *report)
{
    const struct ms_rule_info *info = report->info;

    for (size_t i = 0; i < sizeof contract / sizeof contract[0]; i++) {
        if (contract[i].rule != info->rule)
            continue;
        if (contract[i].severity != info->severity || !strstr(info->clauses, contract[i].clause))
            ms_sim_fail("O7 a rule is reported under another clause", "%s: %s, wanted %s",
                        info->name, info->clauses, contract[i].clause);
        return;
    }
    ms_sim_fail("O7 a rule is reported that the contract does not have", "%s", info->name);
}

/* --- how they start ------------------------------------------------------------------------------------- */

/* A driver and its device. */
static inline void bad_driver_start(struct kmdf_stage *stage, WDFDEVICE *device)
{
    PDRIVER_OBJECT driver;

    ms_require(NT_SUCCESS(ms_wdf_driver_load(ms_bare_driver_entry, &driver)));
    ms_require(NT_SUCCESS(ms_wdf_device_add(driver, &stage->stage.pdo, NULL, 0, device)));
}

static inline WDFQUEUE bad_queue_make(WDFDEVICE device, bool is_default)
{
    WDF_IO_QUEUE_CONFIG config;
    WDFQUEUE queue;

    if (is_default)
        WDF_IO_QUEUE_CONFIG_INIT_DEFAULT_QUEUE(&config, WdfIoQueueDispatchManual);
    else
        WDF_IO_QUEUE_CONFIG_INIT(&config, WdfIoQueueDispatchManual);
    ms_require(NT_SUCCESS(WdfIoQueueCreate(device, &config, NULL, &queue)));
    return queue;
}

static inline WDFDMAENABLER bad_enabler_make(WDFDEVICE device, WDF_DMA_PROFILE profile,
                                             ULONG version, size_t bytes)
{
    WDF_DMA_ENABLER_CONFIG config;
    WDFDMAENABLER enabler;

    WDF_DMA_ENABLER_CONFIG_INIT(&config, profile, bytes);
    config.WdmDmaVersionOverride = version;
    ms_require(NT_SUCCESS(WdfDmaEnablerCreate(device, &config, NULL, &enabler)));
    return enabler;
}

static inline NTSTATUS bad_system_configure(WDFDMAENABLER enabler, uint32_t line)
{
    CM_PARTIAL_RESOURCE_DESCRIPTOR resource = {.Type = CmResourceTypeDma,
                                               .Flags = CM_RESOURCE_DMA_V3};
    PHYSICAL_ADDRESS address = {.QuadPart = 0xFE000000};
    WDF_DMA_SYSTEM_PROFILE_CONFIG config;

    resource.u.DmaV3.RequestLine = line;
    WDF_DMA_SYSTEM_PROFILE_CONFIG_INIT(&config, address, Width8Bits, &resource);
    return WdfDmaEnablerConfigureSystemProfile(enabler, &config, WdfDmaDirectionReadFromDevice);
}

#endif
