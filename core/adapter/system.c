/* SPDX-License-Identifier: MIT */
/*
 * system: subordinate devices, whose bytes a system DMA controller moves: MapTransferEx starts it,
 * CancelMappedTransfer stops it, FlushAdapterBuffersEx ends it.
 *
 * Idea        the transfer's fate is the channel's word (controller/channel_state.h); here the words of
 *             the interface are translated into its steps. A context that owns a channel is cancelled
 *             on the channel, one that does not carries the mark until it owns one.
 * Ordering    hb:context-mark  see context.c. hb:mapping  MAPPED is released before the channel starts,
 *             because the completion routine may flush before MapTransferEx has returned (MTX-49).
 * ABA         a cancel reads the channel's word, then makes sure that the request still owns the channel,
 *             then compares and swaps that very word: releasing a channel changes its epoch, so a cancel
 *             never reaches the next owner's transfer.
 * Progress    map, flush, cancel, counter are lock-free. Only ms_system_settle (PutDmaAdapter) waits,
 *             for the driver's own routine on another thread.
 */
#include "adapter/grant.h"

#include <string.h>

#define TRANSFER_BYTES_MAX (UINT32_C(1) << 30) /* what a channel's buffer holds (MTX-28) */

/* --- binding an adapter to a controller ------------------------------------------------------------- */

static bool line_of(const struct ms_controller_config *config,
                    const DEVICE_DESCRIPTION *description, uint32_t *line)
{
    if (description->Version >= DEVICE_DESCRIPTION_VERSION3)
        *line = description->DmaRequestLine;
    else if (config->legacy)
        *line = config->line_first + description->DmaChannel;
    else
        return false;
    return *line - config->line_first < config->lines; /* DDX-30 */
}

/* Of a width the controller has. */
static uint32_t port_bytes(DMA_WIDTH width)
{
    switch (width) {
    case Width16Bits:
        return 2;
    case Width32Bits:
        return 4;
    case Width64Bits:
        return 8;
    default:
        return 1;
    }
}

bool ms_system_bind(struct ms_dma *dma, struct ms_adapter *adapter,
                    const DEVICE_DESCRIPTION *description, struct ms_sg_limits *limits)
{
    for (uint32_t i = 0; i < dma->controllers; i++) {
        struct ms_controller *controller = dma->controller[i];
        const struct ms_controller_config *config = ms_controller_config(controller);
        uint32_t line;
        if (!line_of(config, description, &line))
            continue;
        if ((uint32_t)description->DmaWidth > Width64Bits ||
            !(config->port_widths >> (uint32_t)description->DmaWidth & 1))
            return false; /* DDX-31 */
        adapter->controller = controller;
        adapter->line = line;
        adapter->gate = dma->gate_first[i] + (config->legacy ? line - config->line_first : 0);
        adapter->device_address = description->Version >= DEVICE_DESCRIPTION_VERSION3
                                      ? (uint64_t)description->DeviceAddress.QuadPart
                                      : 0;
        adapter->auto_initialize = description->AutoInitialize != 0;
        adapter->demand = description->Version >= DEVICE_DESCRIPTION_VERSION2 &&
                          description->DemandMode != 0; /* DDX-04 */
        adapter->port_bytes = port_bytes(description->DmaWidth);
        adapter->address_width = config->address_width; /* DDX-17 */
        adapter->is_packet = config->elements_max == 1; /* DDX-03: the controller decides */
        ms_sg_limits_init(limits, config->address_width);
        limits->elements_max = config->elements_max;
        limits->element_bytes_max = config->element_bytes_max;
        limits->boundary = config->boundary;
        limits->unit = dma->config.other.ignore_unit ? 1 : config->unit; /* AMB-14 */
        limits->single_part = adapter->is_packet;                        /* MTX-37 */
        limits->never_bounce = adapter->auto_initialize;                 /* MTX-61 */
        return true;
    }
    return false; /* IGA-16 */
}

/* --- mapping and flushing ------------------------------------------------------------------------------- */

/* The list to write: the driver's, or one of ours (MTX-11, MTX-38). Slots, or 0: not legal. */
static uint32_t list_choose(struct ms_adapter *adapter, uint32_t channel,
                            PSCATTER_GATHER_LIST *list, uint32_t bytes)
{
    const struct ms_controller_config *config = ms_controller_config(adapter->controller);
    uint32_t elements = config->elements_max;
    size_t one = sizeof(SCATTER_GATHER_LIST) + elements * sizeof(SCATTER_GATHER_ELEMENT);

    if (*list)
        return bytes < sizeof(SCATTER_GATHER_LIST)
                   ? 0
                   : (uint32_t)((bytes - sizeof(SCATTER_GATHER_LIST)) /
                                sizeof(SCATTER_GATHER_ELEMENT)); /* MTX-12, MTX-14 */
    if (bytes != 0)
        return 0; /* MTX-11 */
    for (uint32_t i = 0; i < adapter->dma->controllers; i++)
        if (adapter->dma->controller[i] == adapter->controller)
            *list = (PSCATTER_GATHER_LIST)((char *)adapter->dma->scratch[i] + channel * one);
    return config->own_elements ? config->own_elements : elements; /* MTX-38 */
}

/* What every transfer of this adapter tells the channel; the list comes later. */
static struct ms_channel_program program_of(struct ms_adapter *adapter,
                                            const struct ms_grant *grant, uint32_t device_offset,
                                            bool write_to_device)
{
    return (struct ms_channel_program){
        .line = adapter->line,
        .device_address = adapter->device_address + device_offset, /* MTX-08, DDX-28 */
        .port_bytes = adapter->port_bytes,
        .to_device = write_to_device,
        .looped = adapter->auto_initialize,
        .demand = adapter->demand,
        .owner = adapter,
        .device = grant->device, /* CPL-05 */
    };
}

/* Builds the list and starts the channel; on failure the header and *length are as they were. */
static NTSTATUS map_and_start(struct ms_adapter *adapter, struct ms_grant *grant, uint32_t channel,
                              PMDL head, uint64_t offset, PULONG length, bool write_to_device,
                              PSCATTER_GATHER_LIST list, uint32_t capacity,
                              struct ms_channel_program *program)
{
    uint32_t wanted = *length, mapped = wanted;
    char header[sizeof(SCATTER_GATHER_LIST)];
    NTSTATUS status;

    if (mapped > TRANSFER_BYTES_MAX)
        mapped = TRANSFER_BYTES_MAX;
    if (adapter->auto_initialize && mapped > MS_LOOP_BYTES_MAX)
        mapped = MS_LOOP_BYTES_MAX; /* MTX-40: the loop covers what *Length says */
    memcpy(header, list, sizeof header);
    status = ms_grant_map(adapter, grant, head, offset, &mapped, write_to_device, list, capacity);
    if (!NT_SUCCESS(status))
        return status;
    *length = mapped; /* MTX-47, MTX-48: before the routine can run */
    ms_store_release(&grant->mapping, MAPPING_MAPPED); /* hb:mapping */
    program->list = list;
    program->length = mapped;
    status = ms_channel_start(adapter->controller, channel, program); /* MTX-60 */
    if (!NT_SUCCESS(status)) {
        *length = wanted; /* MTX-57 */
        memcpy(list, header, sizeof header);
    }
    return status;
}

NTSTATUS ms_system_map(struct ms_adapter *adapter, PMDL head, struct ms_grant *grant,
                       uint64_t offset, uint32_t device_offset, PULONG length, bool write_to_device,
                       PSCATTER_GATHER_LIST list, uint32_t list_bytes,
                       PDMA_COMPLETION_ROUTINE routine, PVOID context)
{
    union ms_grant_word word = ms_grant_look(grant);
    uint32_t channel = ms_grant_channel(grant, (uint32_t)word.serial);
    PSCATTER_GATHER_LIST given = list;
    uint32_t capacity, none = MAPPING_NONE;
    NTSTATUS status;

    if (!word.owns || channel == UINT32_MAX)
        return STATUS_INVALID_PARAMETER; /* MTX-21 */
    capacity = list_choose(adapter, channel, &list, list_bytes);
    if (capacity == 0)
        return STATUS_INVALID_PARAMETER;
    if (!ms_cas_acquire(&grant->mapping, &none, MAPPING_BUSY)) /* hb:mapping */
        return ms_map_unflushed(adapter);
    if (ms_channel_look(adapter->controller, channel) & MS_CHANNEL_MARK) {
        status = STATUS_CANCELLED; /* MTX-45; the channel's start decides the race */
    } else if (*length == 0) {
        status = ms_map_nothing(head, offset, given); /* MTX-07 */
        ms_store_release(&grant->mapping, MAPPING_NONE);
        return status;
    } else {
        struct ms_channel_program program =
            program_of(adapter, grant, device_offset, write_to_device);
        program.routine = routine;
        program.context = context;
        status = map_and_start(adapter, grant, channel, head, offset, length, write_to_device, list,
                               capacity, &program);
    }
    if (!NT_SUCCESS(status))
        ms_store_release(&grant->mapping, MAPPING_NONE); /* hb:mapping */
    return status;
}

NTSTATUS ms_system_start(struct ms_adapter *adapter, struct ms_grant *grant,
                         const SCATTER_GATHER_LIST *list, uint32_t length, bool write_to_device)
{
    uint32_t channel = ms_grant_channel(grant, (uint32_t)ms_grant_look(grant).serial);
    struct ms_channel_program program = program_of(adapter, grant, 0, write_to_device);

    if (channel == UINT32_MAX)
        return STATUS_INVALID_PARAMETER;
    program.list = list;
    program.length = length;
    return ms_channel_start(adapter->controller, channel, &program);
}

struct ms_grant *ms_system_grant(struct ms_adapter *adapter, PVOID base)
{
    union ms_grant_word word;
    struct ms_grant *grant;

    if (!ms_base_is_bare(adapter, base))
        return ms_grant_find(adapter, base);
    grant = ms_channel_owner(adapter, &word);
    return grant && word.bare ? grant : NULL;
}

void ms_system_stop(struct ms_adapter *adapter, struct ms_grant *grant, uint32_t serial)
{
    uint32_t channel = ms_grant_channel(grant, serial);
    uint64_t seen;

    if (channel == UINT32_MAX)
        return;
    seen = ms_channel_look(adapter->controller, channel);
    /* Still: so what was seen is this grant's, and not of one who has the channel next. */
    if (ms_grant_channel(grant, serial) == channel)
        ms_channel_stop(adapter->controller, channel, seen);
}

uint32_t ms_system_flush(struct ms_adapter *adapter, struct ms_grant *grant, uint32_t bytes)
{
    uint32_t channel = ms_grant_channel(grant, (uint32_t)ms_grant_look(grant).serial);

    return channel == UINT32_MAX ? 0 : ms_channel_flush(adapter->controller, channel, bytes);
}

/* --- cancelling -------------------------------------------------------------------------------------- */

/* That life of the grant owns its adapter still. */
static bool grant_owns(const struct ms_grant *grant, uint32_t serial)
{
    union ms_grant_word word = ms_grant_look(grant);

    return word.owns && word.serial == serial;
}

/* The owner, if its request was made with `context`; *seen is its channel's word, read while it owned
 * the channel. */
static bool owned_channel(struct ms_adapter *adapter, PVOID context, uint32_t *channel,
                          uint64_t *seen)
{
    union ms_grant_word word;
    struct ms_grant *grant = ms_channel_owner(adapter, &word);

    if (!grant || ms_load_acquire(&grant->context) != context) /* hb:next-life: grant_owns below */
        return false;
    *channel = ms_grant_channel(grant, (uint32_t)word.serial);
    if (*channel == UINT32_MAX)
        return false;
    *seen = ms_channel_look(adapter->controller, *channel);
    return grant_owns(grant, (uint32_t)word.serial);
}

NTSTATUS HalCancelMappedTransfer(PDMA_ADAPTER DmaAdapter, PVOID DmaTransferContext)
{
    struct ms_adapter *adapter = ms_adapter_from(DmaAdapter);
    uint64_t seen;
    struct ms_context_seen at;
    uint32_t channel;

    if (!adapter->controller || !DmaTransferContext)
        return STATUS_INVALID_PARAMETER; /* CMT-14, CMT-15 */
    for (;;) {
        if (owned_channel(adapter, DmaTransferContext, &channel, &seen)) {
            switch (ms_channel_cancel_transfer(adapter->controller, channel, seen)) {
            case CANCEL_DONE:
                return STATUS_SUCCESS; /* CMT-05, CMT-06, CMT-09 */
            case CANCEL_MARKED_BEFORE:
                return STATUS_INVALID_PARAMETER; /* CMT-08 */
            case CANCEL_CHANGED:
                continue;
            }
        }
        if (adapter->dma->config.other.refuse_idle_cancel &&
            ms_context_look(DmaTransferContext, &at) == CONTEXT_IDLE)
            return STATUS_INVALID_PARAMETER; /* AMB-15 */
        if (ms_context_mark_transfer(DmaTransferContext) != CONTEXT_MARK_DONE)
            return STATUS_INVALID_PARAMETER; /* CMT-08, CMT-15 */
        /* hb:context-mark: did it become the owner before it could see the mark? */
        if (!owned_channel(adapter, DmaTransferContext, &channel, &seen) ||
            !ms_context_take_transfer_mark(DmaTransferContext))
            return STATUS_SUCCESS; /* CMT-13, CMT-16 */
    }
}

void ms_system_granted(struct ms_adapter *adapter, struct ms_grant *grant, uint32_t serial)
{
    PVOID context = ms_load_relaxed(&grant->context);
    uint32_t channel = ms_grant_channel(grant, serial);

    if (!context || !ms_context_take_transfer_mark(context)) /* hb:context-mark */
        return;
    while (ms_channel_cancel_transfer(adapter->controller, channel,
                                      ms_channel_look(adapter->controller, channel)) ==
           CANCEL_CHANGED)
        ;
}

void ms_system_initialized(struct ms_adapter *adapter, PVOID context)
{
    uint64_t seen;
    uint32_t channel;

    if (owned_channel(adapter, context, &channel, &seen))
        ms_channel_unmark(adapter->controller, channel);
}

/* --- small calls ------------------------------------------------------------------------------------- */

NTSTATUS HalConfigureAdapterChannel(PDMA_ADAPTER DmaAdapter, ULONG FunctionNumber, PVOID Context)
{
    struct ms_adapter *adapter = ms_adapter_from(DmaAdapter);
    union ms_grant_word word;
    struct ms_grant *grant = adapter->controller ? ms_channel_owner(adapter, &word) : NULL;
    /* None: it was freed since that look. */
    uint32_t channel = grant ? ms_grant_channel(grant, (uint32_t)word.serial) : UINT32_MAX;
    uint64_t setting;

    if (channel == UINT32_MAX)
        return STATUS_INVALID_PARAMETER; /* CFG-05 */
    setting = ms_channel_setting(adapter->controller, channel);
    /* hb:channel-setting: is it that owner's? From here on the channel tells. */
    if (!grant_owns(grant, (uint32_t)word.serial))
        return STATUS_INVALID_PARAMETER; /* CFG-05 */
    return ms_channel_configure(adapter->controller, channel, setting, FunctionNumber, Context);
}

ULONG HalpReadDmaCounter(PDMA_ADAPTER DmaAdapter)
{
    struct ms_adapter *adapter = ms_adapter_from(DmaAdapter);
    union ms_grant_word word;
    struct ms_grant *grant = adapter->controller ? ms_channel_owner(adapter, &word) : NULL;
    uint32_t channel = grant ? ms_grant_channel(grant, (uint32_t)word.serial) : UINT32_MAX;

    if (channel == UINT32_MAX || !ms_controller_config(adapter->controller)->counter)
        return 0; /* RDC-03 */
    return ms_channel_left(adapter->controller, channel);
}

/* --- completions ------------------------------------------------------------------------------------- */

void ms_system_done(void *owner, DMA_COMPLETION_STATUS status, PDMA_COMPLETION_ROUTINE routine,
                    PVOID context, PDEVICE_OBJECT device)
{
    struct ms_adapter *adapter = owner;
    struct ms_dma *dma = adapter->dma;
    struct ms_cpu *cpu = ms_cpu_enter(dma->kernel);
    KIRQL irql = cpu->irql;

    cpu->depth++;
    cpu->completing++;
    cpu->irql = DISPATCH_LEVEL; /* CPL-01 */
    routine(&adapter->public, device, context, status);
    cpu->irql = irql;
    cpu->completing--;
    cpu->depth--;
    ms_channel_settle(dma);
}

bool ms_system_is_quiet(const struct ms_adapter *adapter)
{
    return ms_controller_owner_is_quiet(adapter->controller, adapter);
}

bool ms_system_settle(struct ms_adapter *adapter)
{
    struct ms_controller *controller = adapter->controller;
    struct ms_cpu *cpu = ms_cpu_enter(adapter->dma->kernel);

    while (!ms_system_is_quiet(adapter)) {
        for (uint32_t i = 0; i < ms_controller_config(controller)->channels; i++)
            ms_channel_deliver(controller, i);
        /* The routine may be our own (PUT-06), or another's on whose channel ours comes next (CPL-07). */
        if (cpu->completing > 0)
            return ms_system_is_quiet(adapter);
        ms_thread_yield();
    }
    return true;
}
