/* SPDX-License-Identifier: MIT */
/*
 * enabler: WDFDMAENABLER: which adapters a device's transactions go through (ENB-*).
 *
 * Invariants  I1 a way's fields are written before its `ready` and never after
 *             I2 who is in a configuration call has set `configuring`; whoever finds it set does nothing and is told
 * Ordering    hb:way-ready  ConfigureSystemProfile releases it, Initialize and the getters acquire it
 *             hb:enabler-configuring  a call that failed leaves a way to the next one as it found it
 * Progress    PASSIVE_LEVEL; getters are wait-free, configuration calls wait for nobody (ENB-34)
 */
#include "wdf/enabler.h"

#include "wdf/device.h"

/* --- profiles ------------------------------------------------------------------------------------- */

struct profile {
    bool lists, wide, duplex, system;
};

/* NUM-01 */
static bool profile_of(WDF_DMA_PROFILE number, struct profile *profile)
{
    static const struct profile profiles[] = {
        [WdfDmaProfilePacket] = {false, false, false, false},
        [WdfDmaProfileScatterGather] = {true, false, false, false},
        [WdfDmaProfilePacket64] = {false, true, false, false},
        [WdfDmaProfileScatterGather64] = {true, true, false, false},
        [WdfDmaProfileScatterGatherDuplex] = {true, false, true, false},
        [WdfDmaProfileScatterGather64Duplex] = {true, true, true, false},
        [WdfDmaProfileSystem] = {false, false, false, true},
        [WdfDmaProfileSystemDuplex] = {false, false, true, true},
    };

    if ((int)number < WdfDmaProfilePacket || (int)number > WdfDmaProfileSystemDuplex)
        return false;
    *profile = profiles[number];
    return true;
}

/* ENB-11 .. ENB-14. 0: refused. */
static ULONG version_choose(const WDF_DMA_ENABLER_CONFIG *config, const struct profile *profile)
{
    bool needs_3 = profile->system || config->AddressWidthOverride != 0;
    ULONG version = needs_3 || config->WdmDmaVersionOverride == DEVICE_DESCRIPTION_VERSION3
                        ? DEVICE_DESCRIPTION_VERSION3
                        : DEVICE_DESCRIPTION_VERSION2; /* ENB-09: x86/x64 */

    if (config->WdmDmaVersionOverride != 0 && config->WdmDmaVersionOverride < version)
        return 0;
    if (config->WdmDmaVersionOverride > DEVICE_DESCRIPTION_VERSION3)
        return 0;
    if (config->AddressWidthOverride != 0 && profile->system)
        return 0; /* ENB-12 */
    if (config->AddressWidthOverride > 32 && !profile->wide)
        return 0;
    if ((config->Flags & WDF_DMA_ENABLER_CONFIG_REQUIRE_SINGLE_TRANSFER) && version < 3)
        return 0; /* ENB-14 */
    return version;
}

static NTSTATUS config_check(const WDF_DMA_ENABLER_CONFIG *config, struct profile *profile,
                             ULONG *version)
{
    if (config->Size != sizeof *config)
        return STATUS_INFO_LENGTH_MISMATCH; /* ENB-03 */
    if (!profile_of(config->Profile, profile) || config->MaximumLength == 0)
        return STATUS_INVALID_PARAMETER; /* ENB-04 */
    *version = version_choose(config, profile);
    return *version ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/* --- ways ----------------------------------------------------------------------------------------- */

static ULONG length_narrow(size_t length)
{
    return length > UINT32_MAX ? UINT32_MAX : (ULONG)length;
}

/* ENB-09, ENB-11, ENB-13 */
static DEVICE_DESCRIPTION master_description(const struct ms_enabler *enabler, bool wide)
{
    const WDF_DMA_ENABLER_CONFIG *config = &enabler->config;
    DEVICE_DESCRIPTION description = {
        .Version = enabler->version,
        .Master = TRUE,
        .ScatterGather = enabler->lists,
        .Dma32BitAddresses = TRUE,
        .Dma64BitAddresses = wide,
        .InterfaceType = PCIBus,
        .MaximumLength = length_narrow(config->MaximumLength),
    };

    if (enabler->version >= DEVICE_DESCRIPTION_VERSION3)
        description.DmaAddressWidth = config->AddressWidthOverride ? config->AddressWidthOverride
                                      : wide                       ? 64
                                                                   : 32;
    return description;
}

/* ENB-10, ENB-24 */
static DEVICE_DESCRIPTION system_description(const struct ms_enabler *enabler,
                                             const WDF_DMA_SYSTEM_PROFILE_CONFIG *config)
{
    return (DEVICE_DESCRIPTION){
        .Version = DEVICE_DESCRIPTION_VERSION3,
        .DemandMode = config->DemandMode,
        .AutoInitialize = config->LoopedTransfer,
        .DmaWidth = config->DmaWidth,
        .DeviceAddress = config->DeviceAddress,
        .MaximumLength = length_narrow(enabler->config.MaximumLength),
        .InterfaceType = Internal,
        .DmaChannel = config->DmaDescriptor->u.Dma.Channel,
        .DmaRequestLine = config->DmaDescriptor->u.Dma.Port,
    };
}

/* c0. Fills the way but for `ready`. */
static NTSTATUS way_open(struct ms_enabler *enabler, struct ms_dma_way *way,
                         DEVICE_DESCRIPTION *description)
{
    struct ms_device *device = (struct ms_device *)enabler->device;
    size_t most;

    way->adapter = IoGetDmaAdapter(device->pdo, description, &way->registers);
    if (!way->adapter)
        return STATUS_UNSUCCESSFUL; /* ENB-06 */
    ms_assert(way->registers >= 2); /* HRQ-12 */
    most = (size_t)(way->registers - 1) * PAGE_SIZE;
    way->fragment_length =
        enabler->config.MaximumLength < most ? enabler->config.MaximumLength : most; /* ENB-15 */
    return STATUS_SUCCESS;
}

static void way_close(struct ms_dma_way *way)
{
    if (way->list)
        ms_free(way->list, way->list_bytes);
    if (way->adapter)
        way->adapter->DmaOperations->PutDmaAdapter(way->adapter); /* ENB-19 */
    way->list = NULL;
    way->adapter = NULL;
}

/* ENB-17: how large a list of a whole fragment can be. */
static NTSTATUS way_measure(struct ms_enabler *enabler, struct ms_dma_way *way)
{
    ULONG bytes = 0, registers = 0;
    NTSTATUS status = way->adapter->DmaOperations->CalculateScatterGatherList(
        way->adapter, NULL, NULL, way->registers * PAGE_SIZE, &bytes, &registers);

    if (!NT_SUCCESS(status))
        return status;
    ms_assert(registers == way->registers); /* HRQ-12 */
    if (bytes > enabler->list_bytes)
        enabler->list_bytes = bytes;
    return STATUS_SUCCESS;
}

/* ENB-16 */
static void alignment_choose(struct ms_enabler *enabler)
{
    PDMA_ADAPTER adapter = enabler->way[0].adapter;
    ULONG mask = adapter->DmaOperations->GetDmaAlignment(adapter);

    mask = mask > 0 ? mask - 1 : 0;
    enabler->alignment = enabler->fdo->AlignmentRequirement;
    if (mask > enabler->alignment)
        enabler->alignment = mask;
}

/* ENB-07, ENB-08 */
static NTSTATUS masters_open(struct ms_enabler *enabler, bool wide)
{
    for (int i = 0; i < (enabler->duplex ? 2 : 1); i++) {
        DEVICE_DESCRIPTION description = master_description(enabler, wide);
        struct ms_dma_way *way = &enabler->way[i];
        NTSTATUS status = way_open(enabler, way, &description);
        if (NT_SUCCESS(status) && enabler->lists)
            status = way_measure(enabler, way);
        if (!NT_SUCCESS(status))
            return status;
        ms_store_release(&way->ready, 1); /* hb:way-ready */
    }
    if (enabler->lists)
        alignment_choose(enabler);
    return STATUS_SUCCESS;
}

/* --- life ----------------------------------------------------------------------------------------- */

static bool enabler_dispose(struct ms_object *object)
{
    struct ms_enabler *enabler = (struct ms_enabler *)object;

    way_close(&enabler->way[0]);
    way_close(&enabler->way[1]);
    return true;
}

/* One that was never adopted still has them. */
static void enabler_destroy(struct ms_object *object)
{
    (void)enabler_dispose(object);
}

static const struct ms_object_ops enabler_ops = {
    .kind = MS_OBJECT_ENABLER,
    .driver_may_delete = true,
    .dispose = enabler_dispose,
    .destroy = enabler_destroy,
};

struct making {
    struct ms_object *device;
    const WDF_DMA_ENABLER_CONFIG *config;
    struct profile profile;
    ULONG version;
};

static NTSTATUS enabler_fill(struct ms_object *object, struct ms_object *parent, void *context)
{
    struct ms_enabler *enabler = (struct ms_enabler *)object;
    const struct making *making = context;
    NTSTATUS status = STATUS_SUCCESS;

    if (ms_object_ancestor(parent, MS_OBJECT_DEVICE) != making->device)
        return STATUS_WDF_OBJECT_ATTRIBUTES_INVALID; /* ENB-05 */
    enabler->device = making->device;
    enabler->fdo = &((struct ms_device *)making->device)->fdo;
    enabler->config = *making->config;
    enabler->version = making->version;
    enabler->lists = making->profile.lists;
    enabler->system = making->profile.system;
    enabler->duplex = making->profile.duplex;
    enabler->single = (making->config->Flags & WDF_DMA_ENABLER_CONFIG_REQUIRE_SINGLE_TRANSFER) != 0;
    enabler->preallocates =
        enabler->lists && !(making->config->Flags & WDF_DMA_ENABLER_CONFIG_NO_SGLIST_PREALLOCATION);
    ms_init(&enabler->elements_max, WDF_DMA_ENABLER_UNLIMITED_FRAGMENTS); /* ENB-30 */
    ms_init(&enabler->configuring, 0);
    if (!enabler->system)
        status = masters_open(enabler, making->profile.wide);
    if (!NT_SUCCESS(status))
        enabler_dispose(object);
    return status;
}

NTSTATUS WdfDmaEnablerCreate(WDFDEVICE Device, PWDF_DMA_ENABLER_CONFIG Config,
                             PWDF_OBJECT_ATTRIBUTES Attributes, WDFDMAENABLER *DmaEnablerHandle)
{
    struct ms_object *device = ms_object_take((WDFOBJECT)Device, MS_OBJECT_DEVICE), *object;
    struct making making = {.device = device, .config = Config};
    NTSTATUS status = STATUS_INVALID_PARAMETER;

    if (DmaEnablerHandle)
        *DmaEnablerHandle = NULL; /* ENB-02 */
    if (!device)
        return status; /* FTL-02 */
    ms_irql_ask(PASSIVE_LEVEL, (WDFOBJECT)Device);
    if (!Config || !DmaEnablerHandle) {
        ms_rule_break(MS_RULE_WDF_NULL, (uintptr_t)Device, 0);
        goto out;
    }
    status = config_check(Config, &making.profile, &making.version);
    if (NT_SUCCESS(status))
        status = ms_object_make(&enabler_ops, sizeof(struct ms_enabler), Attributes,
                                MS_PARENT_OPTIONAL, device, enabler_fill, &making, &object);
    if (NT_SUCCESS(status))
        *DmaEnablerHandle = (WDFDMAENABLER)ms_object_made(object);
out:
    ms_object_drop(device);
    return status;
}

/* --- one configuration call at a time (ENB-34) ---------------------------------------------------- */

/* False: another thread is in one, and the driver broke the rule. */
static bool configure_begin(struct ms_enabler *enabler)
{
    uint32_t idle = 0;

    if (ms_cas_acquire(&enabler->configuring, &idle, 1)) /* hb:enabler-configuring */
        return true;
    ms_rule_break(MS_RULE_WDF_CONFIGURE_RACE, (uintptr_t)enabler->object.handle, 0);
    return false;
}

static void configure_end(struct ms_enabler *enabler)
{
    ms_store_release(&enabler->configuring, 0); /* hb:enabler-configuring */
}

/* --- system profiles ------------------------------------------------------------------------------ */

/* ENB-25, ENB-26 */
static NTSTATUS system_open(struct ms_enabler *enabler, struct ms_dma_way *way,
                            const WDF_DMA_SYSTEM_PROFILE_CONFIG *config)
{
    DEVICE_DESCRIPTION description = system_description(enabler, config);
    NTSTATUS status = way_open(enabler, way, &description);

    if (!NT_SUCCESS(status))
        return status;
    way->looped = config->LoopedTransfer != 0;
    way->list_bytes =
        (ULONG)(sizeof(SCATTER_GATHER_LIST) + way->registers * sizeof(SCATTER_GATHER_ELEMENT));
    way->list = ms_alloc(way->list_bytes);
    if (!way->list) {
        way_close(way);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    ms_store_release(&way->ready, 1); /* hb:way-ready */
    return STATUS_SUCCESS;
}

static NTSTATUS system_configure(struct ms_enabler *enabler,
                                 const WDF_DMA_SYSTEM_PROFILE_CONFIG *config,
                                 WDF_DMA_DIRECTION direction)
{
    struct ms_dma_way *way;

    if (!config || !ms_direction_is_known(direction))
        return STATUS_INVALID_PARAMETER; /* ENB-21 */
    if (config->Size != sizeof *config)
        return STATUS_INFO_LENGTH_MISMATCH;
    if (!config->DmaDescriptor || !enabler->system)
        return STATUS_INVALID_PARAMETER;
    way = ms_enabler_way(enabler, direction == WdfDmaDirectionWriteToDevice);
    if (ms_way_is_ready(way)) {
        ms_rule_break(MS_RULE_WDF_CONFIGURED_TWICE, (uintptr_t)enabler->object.handle, 0);
        return STATUS_INVALID_PARAMETER; /* ENB-22 */
    }
    return system_open(enabler, way, config);
}

NTSTATUS WdfDmaEnablerConfigureSystemProfile(WDFDMAENABLER DmaEnabler,
                                             PWDF_DMA_SYSTEM_PROFILE_CONFIG ProfileConfig,
                                             WDF_DMA_DIRECTION ConfigDirection)
{
    struct ms_enabler *enabler = ms_object_take((WDFOBJECT)DmaEnabler, MS_OBJECT_ENABLER);
    NTSTATUS status = STATUS_INVALID_DEVICE_REQUEST; /* FTL-01 */

    if (!enabler)
        return STATUS_INVALID_PARAMETER; /* FTL-02 */
    ms_irql_ask(PASSIVE_LEVEL, (WDFOBJECT)DmaEnabler);
    if (configure_begin(enabler)) {
        status = system_configure(enabler, ProfileConfig, ConfigDirection);
        configure_end(enabler);
    }
    ms_object_drop(&enabler->object);
    return status;
}

/* --- getters and limits --------------------------------------------------------------------------- */

size_t WdfDmaEnablerGetMaximumLength(WDFDMAENABLER DmaEnabler)
{
    struct ms_enabler *enabler = ms_object_take((WDFOBJECT)DmaEnabler, MS_OBJECT_ENABLER);
    size_t length = 0;

    if (!enabler)
        return 0;
    length = enabler->config.MaximumLength; /* ENB-27 */
    ms_object_drop(&enabler->object);
    return length;
}

size_t WdfDmaEnablerGetMaximumScatterGatherElements(WDFDMAENABLER DmaEnabler)
{
    struct ms_enabler *enabler = ms_object_take((WDFOBJECT)DmaEnabler, MS_OBJECT_ENABLER);
    size_t elements = 0;

    if (!enabler)
        return 0;
    elements = ms_load_relaxed(&enabler->elements_max); /* a number of its own */
    ms_object_drop(&enabler->object);
    return elements;
}

VOID WdfDmaEnablerSetMaximumScatterGatherElements(WDFDMAENABLER DmaEnabler, size_t MaximumFragments)
{
    struct ms_enabler *enabler = ms_object_take((WDFOBJECT)DmaEnabler, MS_OBJECT_ENABLER);

    if (!enabler)
        return;
    ms_irql_ask(PASSIVE_LEVEL, (WDFOBJECT)DmaEnabler);       /* LVL-01 */
    if (MaximumFragments != 0 && configure_begin(enabler)) { /* ENB-30; a number of its own */
        ms_store_relaxed(&enabler->elements_max, MaximumFragments > UINT32_MAX
                                                     ? WDF_DMA_ENABLER_UNLIMITED_FRAGMENTS
                                                     : (uint32_t)MaximumFragments);
        configure_end(enabler);
    }
    ms_object_drop(&enabler->object);
}

/* The way, or NULL: a bad direction, or not configured yet. */
static const struct ms_dma_way *way_find(struct ms_enabler *enabler, WDF_DMA_DIRECTION direction)
{
    struct ms_dma_way *way;

    if (!ms_direction_is_known(direction))
        return NULL;
    way = ms_enabler_way(enabler, direction == WdfDmaDirectionWriteToDevice);
    return ms_way_is_ready(way) ? way : NULL;
}

size_t WdfDmaEnablerGetFragmentLength(WDFDMAENABLER DmaEnabler, WDF_DMA_DIRECTION DmaDirection)
{
    struct ms_enabler *enabler = ms_object_take((WDFOBJECT)DmaEnabler, MS_OBJECT_ENABLER);
    const struct ms_dma_way *way;
    size_t length;

    if (!enabler)
        return 0;
    way = way_find(enabler, DmaDirection);
    length = way ? way->fragment_length : 0; /* ENB-28 */
    ms_object_drop(&enabler->object);
    return length;
}

PDMA_ADAPTER WdfDmaEnablerWdmGetDmaAdapter(WDFDMAENABLER DmaEnabler, WDF_DMA_DIRECTION DmaDirection)
{
    struct ms_enabler *enabler = ms_object_take((WDFOBJECT)DmaEnabler, MS_OBJECT_ENABLER);
    const struct ms_dma_way *way;
    PDMA_ADAPTER adapter;

    if (!enabler)
        return NULL;
    way = way_find(enabler, DmaDirection);
    adapter = way ? way->adapter : NULL; /* ENB-29 */
    ms_object_drop(&enabler->object);
    return adapter;
}

/* --- power ---------------------------------------------------------------------------------------- */

static NTSTATUS power_call(struct ms_enabler *enabler, NTSTATUS (*step)(WDFDMAENABLER))
{
    struct ms_visit visit = ms_visit_begin(PASSIVE_LEVEL, NULL);
    NTSTATUS status = step((WDFDMAENABLER)ms_object_handle(&enabler->object));

    ms_visit_end(&visit, enabler->object.handle);
    return status;
}

NTSTATUS ms_enabler_power_up(struct ms_enabler *enabler)
{
    const WDF_DMA_ENABLER_CONFIG *config = &enabler->config;
    NTSTATUS status = STATUS_SUCCESS;

    enabler->power_tried = true;
    enabler->power_reached = 0;
    if (config->EvtDmaEnablerFill)
        status = power_call(enabler, config->EvtDmaEnablerFill);
    if (!NT_SUCCESS(status))
        return status;
    enabler->power_reached = 1;
    if (config->EvtDmaEnablerEnable)
        status = power_call(enabler, config->EvtDmaEnablerEnable);
    if (!NT_SUCCESS(status))
        return status;
    enabler->power_reached = 2;
    if (config->EvtDmaEnablerSelfManagedIoStart)
        status = power_call(enabler, config->EvtDmaEnablerSelfManagedIoStart);
    return status;
}

NTSTATUS ms_enabler_power_down(struct ms_enabler *enabler)
{
    const WDF_DMA_ENABLER_CONFIG *config = &enabler->config;
    NTSTATUS first = STATUS_SUCCESS, status;

    if (!enabler->power_tried)
        return STATUS_SUCCESS;
    enabler->power_tried = false;
    if (config->EvtDmaEnablerSelfManagedIoStop)
        first = power_call(enabler, config->EvtDmaEnablerSelfManagedIoStop);
    if (config->EvtDmaEnablerDisable && enabler->power_reached >= 1) {
        status = power_call(enabler, config->EvtDmaEnablerDisable);
        first = NT_SUCCESS(first) ? status : first;
    }
    if (config->EvtDmaEnablerFlush && enabler->power_reached >= 2) {
        status = power_call(enabler, config->EvtDmaEnablerFlush);
        first = NT_SUCCESS(first) ? status : first;
    }
    return first;
}
