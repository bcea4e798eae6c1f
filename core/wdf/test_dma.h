/* SPDX-License-Identifier: MIT */
/*
 * test_dma.h: what the tests of enablers and transactions share: a device, buffers, and a driver whose
 * callbacks note what they were told and do what the test says.
 */
#ifndef MS_WDF_TEST_DMA_H
#define MS_WDF_TEST_DMA_H

#include "controller/controller.h"
#include "memory/memory.h"
#include "wdf/device.h"
#include "wdf/test_wdf.h"
#include "wdf/transaction.h"

enum { SEEN_MAX = 64, DEVICE_BYTES = 256 * 1024, MDLS_MAX = 8, ALL = -1 };

/* A driver's one transaction, and what it met. */
struct job {
    struct rig *rig;
    WDFDMATRANSACTION trx;
    WDF_DMA_DIRECTION direction;
    int programs, completions, configures, reserves;
    size_t length[SEEN_MAX];  /* of each programmed fragment */
    ULONG elements[SEEN_MAX]; /* of its list */
    DMA_COMPLETION_STATUS told[SEEN_MAX];
    size_t moved; /* bytes the device moved */
    BOOLEAN over; /* of the last report */
    NTSTATUS status;
    int depth, depth_max; /* of callbacks in each other */
    void (*inside_program)(struct job *job);
    void (*inside_complete)(struct job *job);
    void (*inside_configure)(struct job *job);
    void (*inside_reserve)(struct job *job);
    BOOLEAN configure_says;
    bool quiet;    /* no completion may come now */
    PVOID context; /* that the last callback got */
    int phase;     /* a test's own */
};

struct rig {
    struct fixture f;
    struct ms_device *device;
    WDFDMAENABLER enabler;
    PMDL mdl;
    size_t bytes; /* of the chain */
    uint8_t memory[DEVICE_BYTES], device_memory[DEVICE_BYTES];
    bool is_lists, is_system;
    struct ms_fifo fifo;
    struct ms_controller *controller;
};

static bool nothing_to_dispose(struct ms_object *object)
{
    (void)object;
    return true;
}

static void nothing_to_destroy(struct ms_object *object)
{
    (void)object;
}

static inline NTSTATUS device_fill(struct ms_object *object, struct ms_object *parent,
                                   void *context)
{
    struct ms_device *device = (struct ms_device *)object;
    struct rig *rig = context;

    (void)parent;
    device->pdo = &rig->f.pdo;
    device->fdo.Type = 3;
    return STATUS_SUCCESS;
}

static inline WDFDEVICE rig_device(struct rig *rig)
{
    return (WDFDEVICE)ms_object_handle(&rig->device->object);
}

static inline struct rig *rig_open_with(const struct ms_wdf_config *config)
{
    static const struct ms_object_ops device_ops = {
        .kind = MS_OBJECT_DEVICE,
        .dispose = nothing_to_dispose,
        .destroy = nothing_to_destroy,
    };
    struct rig *rig = ms_alloc(sizeof *rig);
    struct ms_object *object;

    assert_non_null(rig);
    fixture_open_with(&rig->f, config);
    assert_status(ms_object_make(&device_ops, sizeof(struct ms_device), NULL, MS_PARENT_OPTIONAL,
                                 ms_wdf_root(rig->f.wdf), device_fill, rig, &object),
                  STATUS_SUCCESS);
    rig->device = (struct ms_device *)object;
    ms_object_drop(object); /* the root has it */
    for (uint32_t i = 0; i < DEVICE_BYTES; i++) {
        rig->memory[i] = (uint8_t)(i * 13 + i / 251);
        rig->device_memory[i] = (uint8_t)(i * 7 + i / 253 + 1);
    }
    return rig;
}

static inline struct rig *rig_open(void)
{
    struct ms_wdf_config config = {.objects = 256};

    return rig_open_with(&config);
}

static inline void rig_mdl_free(struct rig *rig)
{
    while (rig->mdl) {
        PMDL next = rig->mdl->Next;
        IoFreeMdl(rig->mdl);
        rig->mdl = next;
    }
}

static inline void rig_close_with(struct rig *rig, uint32_t reports)
{
    rig_mdl_free(rig);
    fixture_close_with(&rig->f, reports, 0);
    ms_free(rig, sizeof *rig);
}

static inline void rig_close(struct rig *rig)
{
    rig_close_with(rig, 0);
}

/* One MDL more at the end of the chain, of these frames. */
static inline PMDL rig_mdl_of(struct rig *rig, const PFN_NUMBER *pfn, uint32_t byte_offset,
                              uint32_t bytes)
{
    PMDL mdl = ms_mdl_create(pfn, byte_offset, bytes), *last = &rig->mdl;

    assert_non_null(mdl);
    while (*last)
        last = &(*last)->Next;
    *last = mdl;
    rig->bytes += bytes;
    ms_mdl_copy_in(rig->f.memory, rig->mdl, 0, rig->memory, rig->bytes);
    return mdl;
}

/* The same of scattered frames, every other one out of a 32-bit device's reach. */
static inline PMDL rig_mdl(struct rig *rig, uint32_t byte_offset, uint32_t bytes)
{
    PFN_NUMBER pfn[72];
    uint32_t pages = (byte_offset + bytes + PAGE_SIZE - 1) / PAGE_SIZE;

    assert_true(pages <= 72);
    for (uint32_t i = 0; i < pages; i++)
        pfn[i] = (i & 1 ? UINT64_C(0x140000) : UINT64_C(0x4000)) + rig->bytes / 16 + 2 * i;
    return rig_mdl_of(rig, pfn, byte_offset, bytes);
}

/* The device's side: what fragment of the transaction it is at, it knows by what was reported. */
static inline void device_moves(struct job *job, PSCATTER_GATHER_LIST list, size_t bytes)
{
    struct ms_bus_master master;
    struct ms_bus_master_result result;
    uint8_t *device = job->rig->device_memory + WdfDmaTransactionGetBytesTransferred(job->trx);

    ms_bus_master_init(&master, job->rig->f.memory, 64);
    result = job->direction == WdfDmaDirectionWriteToDevice
                 ? ms_bus_master_fetch(&master, list, device, bytes)
                 : ms_bus_master_store(&master, list, device, bytes);
    assert_false(result.fault);
    assert_int_equal(result.bytes, bytes);
    job->moved += bytes;
}

static inline void job_enter(struct job *job)
{
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL); /* PRG-02, LVL-02 */
    if (++job->depth > job->depth_max)
        job->depth_max = job->depth;
}

static inline BOOLEAN job_program(WDFDMATRANSACTION trx, WDFDEVICE device, WDFCONTEXT context,
                                  WDF_DMA_DIRECTION direction, PSCATTER_GATHER_LIST list)
{
    struct job *job = context;
    size_t bytes = 0;

    job_enter(job);
    assert_ptr_equal(trx, job->trx);
    assert_ptr_equal(device, rig_device(job->rig));
    assert_int_equal(direction, job->direction);
    for (ULONG i = 0; i < list->NumberOfElements; i++)
        bytes += list->Elements[i].Length;
    assert_int_equal(bytes, WdfDmaTransactionGetCurrentDmaTransferLength(trx)); /* TRX-49 */
    assert_true(job->programs < SEEN_MAX);
    job->length[job->programs] = bytes;
    job->elements[job->programs++] = list->NumberOfElements;
    job->context = context;
    if (!job->rig->is_system)
        device_moves(job, list, bytes);
    if (job->inside_program)
        job->inside_program(job);
    job->depth--;
    return FALSE; /* STG-07: it means nothing */
}

static inline VOID job_complete(WDFDMATRANSACTION trx, WDFDEVICE device, WDFCONTEXT context,
                                WDF_DMA_DIRECTION direction, DMA_COMPLETION_STATUS status)
{
    struct job *job = context;

    job_enter(job);
    assert_ptr_equal(trx, job->trx);
    assert_ptr_equal(device, rig_device(job->rig));
    assert_int_equal(direction, job->direction);
    assert_false(job->quiet);
    assert_true(job->completions < SEEN_MAX);
    job->told[job->completions++] = status;
    if (job->inside_complete)
        job->inside_complete(job);
    job->depth--;
}

static inline BOOLEAN job_configure(WDFDMATRANSACTION trx, WDFDEVICE device, PVOID context,
                                    PMDL mdl, size_t offset, size_t length)
{
    struct job *job = context;

    job_enter(job);
    assert_ptr_equal(trx, job->trx);
    assert_ptr_equal(device, rig_device(job->rig));
    assert_ptr_equal(mdl, job->rig->mdl); /* STG-16, STG-02 */
    assert_true(length > 0 && offset + length <= job->rig->bytes);
    job->configures++;
    if (job->inside_configure)
        job->inside_configure(job);
    job->depth--;
    return job->configure_says;
}

static inline VOID job_reserve(WDFDMATRANSACTION trx, PVOID context)
{
    struct job *job = context;

    job_enter(job);
    assert_ptr_equal(trx, job->trx);
    job->reserves++;
    if (job->inside_reserve)
        job->inside_reserve(job);
    job->depth--;
}

static inline void report_all(struct job *job)
{
    job->over = WdfDmaTransactionDmaCompleted(job->trx, &job->status);
}

static inline void report_none_and_end(struct job *job)
{
    job->over = WdfDmaTransactionDmaCompletedFinal(job->trx, 0, &job->status);
}

/* An enabler of that profile; `version` 0: by default. */
static inline void rig_enabler(struct rig *rig, WDF_DMA_PROFILE profile, ULONG version,
                               size_t maximum)
{
    WDF_DMA_ENABLER_CONFIG config;

    WDF_DMA_ENABLER_CONFIG_INIT(&config, profile, maximum);
    config.WdmDmaVersionOverride = version;
    assert_status(WdfDmaEnablerCreate(rig_device(rig), &config, NULL, &rig->enabler),
                  STATUS_SUCCESS);
    rig->is_lists = profile == WdfDmaProfileScatterGather ||
                    profile == WdfDmaProfileScatterGather64 ||
                    profile == WdfDmaProfileScatterGatherDuplex ||
                    profile == WdfDmaProfileScatterGather64Duplex;
    rig->is_system = profile >= WdfDmaProfileSystem;
}

/* A system enabler on line `line` of the SoC's controller, both directions when duplex. The device is a FIFO
 * that gives ms_fifo_byte(7, i) and takes into device_memory. */
static inline void rig_system(struct rig *rig, WDF_DMA_PROFILE profile, uint32_t line,
                              size_t maximum, bool looped)
{
    CM_PARTIAL_RESOURCE_DESCRIPTOR resource = {.Type = CmResourceTypeDma,
                                               .Flags = CM_RESOURCE_DMA_V3};
    PHYSICAL_ADDRESS address = {.QuadPart = 0xFE000000};
    WDF_DMA_SYSTEM_PROFILE_CONFIG config;

    rig_enabler(rig, profile, 0, maximum);
    resource.u.DmaV3.Channel = 0;
    resource.u.DmaV3.RequestLine = line;
    WDF_DMA_SYSTEM_PROFILE_CONFIG_INIT(&config, address, Width8Bits, &resource);
    config.LoopedTransfer = looped;
    rig->controller = ms_dma_controller(rig->f.dma, 1);
    assert_status(
        WdfDmaEnablerConfigureSystemProfile(rig->enabler, &config, WdfDmaDirectionReadFromDevice),
        STATUS_SUCCESS);
    if (profile == WdfDmaProfileSystemDuplex) {
        resource.u.DmaV3.RequestLine = line + 1;
        assert_status(WdfDmaEnablerConfigureSystemProfile(rig->enabler, &config,
                                                          WdfDmaDirectionWriteToDevice),
                      STATUS_SUCCESS);
    }
    ms_fifo_init(&rig->fifo, 7, rig->device_memory, DEVICE_BYTES);
    for (uint32_t i = 0; i < 2; i++)
        ms_controller_attach(rig->controller, line + i, ms_fifo_endpoint(&rig->fifo));
}

static inline void job_make(struct rig *rig, struct job *job, WDF_DMA_DIRECTION direction)
{
    memset(job, 0, sizeof *job);
    job->rig = rig;
    job->direction = direction;
    job->configure_says = TRUE;
    assert_status(WdfDmaTransactionCreate(rig->enabler, NULL, &job->trx), STATUS_SUCCESS);
}

static inline void job_callbacks(struct job *job)
{
    WdfDmaTransactionSetTransferCompleteCallback(job->trx, job_complete, job);
    WdfDmaTransactionSetChannelConfigurationCallback(job->trx, job_configure, job);
}

/* From `offset` of the chain; ALL: to its end. */
static inline NTSTATUS job_init(struct job *job, size_t offset, int bytes)
{
    size_t length = bytes == ALL ? job->rig->bytes - offset : (size_t)bytes;

    return WdfDmaTransactionInitializeUsingOffset(job->trx, job_program, job->direction,
                                                  job->rig->mdl, offset, length);
}

/* Initialized and executed, both with success. */
static inline void job_start(struct job *job, size_t offset, int bytes)
{
    assert_status(job_init(job, offset, bytes), STATUS_SUCCESS);
    assert_status(WdfDmaTransactionExecute(job->trx, job), STATUS_SUCCESS);
}

static inline void assert_state(const struct job *job, uint32_t state)
{
    struct ms_trx *trx = ms_object_find((WDFOBJECT)job->trx, MS_OBJECT_TRANSACTION);

    assert_non_null(trx);
    assert_int_equal(ms_trx_public_state(ms_trx_look(trx)), state);
}

enum { S_CREATED = 1, S_RESERVED, S_INITIALIZED, S_TRANSFER, S_COMPLETED, S_FAILED, S_RELEASED };

/* Bytes [from, from + count) of the transaction that began at `offset` arrived where they should. */
static inline void assert_moved(struct job *job, size_t offset, size_t count)
{
    struct rig *rig = job->rig;
    uint8_t *got = ms_alloc(rig->bytes);

    assert_non_null(got);
    ms_mdl_copy_out(rig->f.memory, rig->mdl, 0, got, rig->bytes);
    if (job->direction == WdfDmaDirectionWriteToDevice)
        assert_memory_equal(rig->device_memory, rig->memory + offset, count);
    else
        assert_memory_equal(got + offset, rig->device_memory, count);
    ms_free(got, rig->bytes);
}

/* Runs the controller until nothing moves. */
static inline void rig_run(struct rig *rig)
{
    while (ms_controller_step(rig->controller, 4096) > 0)
        ;
}

/* As assert_moved for a system transaction: the FIFO's bytes, beginning with byte `first`. */
static inline void assert_fifo(struct job *job, size_t offset, size_t count, uint64_t first)
{
    struct rig *rig = job->rig;
    uint8_t *got = ms_alloc(rig->bytes);

    assert_non_null(got);
    ms_mdl_copy_out(rig->f.memory, rig->mdl, 0, got, rig->bytes);
    if (job->direction == WdfDmaDirectionWriteToDevice)
        assert_memory_equal(rig->device_memory + first, rig->memory + offset, count);
    else
        for (size_t i = 0; i < count; i++)
            assert_int_equal(got[offset + i], ms_fifo_byte(7, first + i));
    ms_free(got, rig->bytes);
}

#endif
