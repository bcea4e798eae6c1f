/* SPDX-License-Identifier: MIT */
/*
 * What the framework asks of the adapter, step by step (section 14): a table that writes down every call
 * with its arguments stands in front of the real one.
 */
#include "wdf/test_dma.h"

#include <stdarg.h>

enum { LOG_BYTES = 8192 };

static struct {
    DMA_OPERATIONS real[4]; /* by version of the table */
    const DMA_OPERATIONS *table[4];
    PDMA_ADAPTER adapter[2]; /* by direction, when they differ */
    PDEVICE_OBJECT fdo;
    PMDL mdl;
    PVOID context; /* the transfer context last made ready */
    PVOID base;    /* of the last grant */
    PDRIVER_CONTROL control;
    PDRIVER_LIST_CONTROL list_control;
    char log[LOG_BYTES];
    size_t used;
} rec;

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...)
{
    va_list list;

    va_start(list, format);
    rec.used += (size_t)vsnprintf(rec.log + rec.used, LOG_BYTES - rec.used, format, list);
    va_end(list);
    assert_true(rec.used < LOG_BYTES - 64);
    rec.used +=
        (size_t)snprintf(rec.log + rec.used, LOG_BYTES - rec.used, "@%u\n", KeGetCurrentIrql());
}

static const DMA_OPERATIONS *real(PDMA_ADAPTER adapter)
{
    return &rec.real[adapter->DmaOperations == rec.table[3] ? 3 : 2];
}

static const char *tc(PVOID context)
{
    return context == rec.context ? "tc" : "?";
}

static const char *dev(PDEVICE_OBJECT device)
{
    return device == rec.fdo ? "fdo" : "?";
}

static const char *mrb(PVOID base)
{
    return base == rec.base ? "mrb" : "?";
}

static int mdl_number(PMDL mdl)
{
    int number = 0;

    for (PMDL at = rec.mdl; at; at = at->Next, number++)
        if (at == mdl)
            return number;
    return -1;
}

static uint64_t va_of(PMDL mdl, PVOID va)
{
    return (uint64_t)((char *)va - (char *)MmGetMdlVirtualAddress(mdl));
}

static char way_of(PDMA_ADAPTER adapter)
{
    return adapter == rec.adapter[1] ? 'w' : 'r';
}

static VOID put_adapter(PDMA_ADAPTER a)
{
    const DMA_OPERATIONS *ops = real(a);

    note("put-adapter");
    ops->PutDmaAdapter(a);
}

static PVOID common(PDMA_ADAPTER a, ULONG length, PPHYSICAL_ADDRESS address, BOOLEAN cached)
{
    note("common %u cached=%d", length, cached);
    return real(a)->AllocateCommonBuffer(a, length, address, cached);
}

static VOID free_common(PDMA_ADAPTER a, ULONG length, PHYSICAL_ADDRESS address, PVOID va,
                        BOOLEAN cached)
{
    note("free-common %u cached=%d", length, cached);
    real(a)->FreeCommonBuffer(a, length, address, va, cached);
}

/* The framework's own routine, so that the base is known. */
static IO_ALLOCATION_ACTION control(PDEVICE_OBJECT device, PIRP irp, PVOID base, PVOID context)
{
    IO_ALLOCATION_ACTION action;

    rec.base = base;
    note("{");
    action = rec.control(device, irp, base, context);
    note("} %s", action == KeepObject                      ? "keep"
                 : action == DeallocateObjectKeepRegisters ? "keep-registers"
                                                           : "?");
    return action;
}

static NTSTATUS allocate(PDMA_ADAPTER a, PDEVICE_OBJECT device, ULONG count,
                         PDRIVER_CONTROL routine, PVOID context)
{
    note("allocate-2 %s %u", dev(device), count);
    rec.control = routine;
    return real(a)->AllocateAdapterChannel(a, device, count, control, context);
}

static NTSTATUS allocate_ex(PDMA_ADAPTER a, PDEVICE_OBJECT device, PVOID context_memory,
                            ULONG count, ULONG flags, PDRIVER_CONTROL routine, PVOID context,
                            PVOID *base)
{
    note("allocate %s %s %u flags=%u base=%d", dev(device), tc(context_memory), count, flags,
         base != NULL);
    rec.control = routine;
    return real(a)->AllocateAdapterChannelEx(a, device, context_memory, count, flags, control,
                                             context, base);
}

static BOOLEAN flush(PDMA_ADAPTER a, PMDL mdl, PVOID base, PVOID va, ULONG length, BOOLEAN write)
{
    note("flush-2 mdl%d %s va+%#lx %#x dir=%d", mdl_number(mdl), mrb(base), va_of(mdl, va), length,
         write);
    return real(a)->FlushAdapterBuffers(a, mdl, base, va, length, write);
}

static NTSTATUS flush_ex(PDMA_ADAPTER a, PMDL mdl, PVOID base, ULONGLONG offset, ULONG length,
                         BOOLEAN write)
{
    note("flush mdl%d %s %#lx %#x dir=%d", mdl_number(mdl), mrb(base), offset, length, write);
    return real(a)->FlushAdapterBuffersEx(a, mdl, base, offset, length, write);
}

static NTSTATUS flush_fails(PDMA_ADAPTER a, PMDL mdl, PVOID base, ULONGLONG offset, ULONG length,
                            BOOLEAN write)
{
    (void)flush_ex(a, mdl, base, offset, length, write);
    return STATUS_NO_MEMORY;
}

/* The driver below never hears of the controller; the test plays it. */
static struct {
    PDMA_COMPLETION_ROUTINE routine;
    PVOID context;
} played;

static NTSTATUS map_played(PDMA_ADAPTER a, PMDL mdl, PVOID base, ULONGLONG offset,
                           ULONG device_offset, PULONG length, BOOLEAN write,
                           PSCATTER_GATHER_LIST list, ULONG list_bytes,
                           PDMA_COMPLETION_ROUTINE routine, PVOID context)
{
    played.routine = routine;
    played.context = context;
    return real(a)->MapTransferEx(a, mdl, base, offset, device_offset, length, write, list,
                                  list_bytes, NULL, NULL);
}

static VOID free_channel(PDMA_ADAPTER a)
{
    note("free-channel");
    real(a)->FreeAdapterChannel(a);
}

static VOID free_registers(PDMA_ADAPTER a, PVOID base, ULONG count)
{
    note("free-registers %s %u", mrb(base), count);
    real(a)->FreeMapRegisters(a, base, count);
}

static PHYSICAL_ADDRESS map(PDMA_ADAPTER a, PMDL mdl, PVOID base, PVOID va, PULONG length,
                            BOOLEAN write)
{
    note("map-2 mdl%d %s va+%#lx %#x dir=%d", mdl_number(mdl), mrb(base), va_of(mdl, va), *length,
         write);
    return real(a)->MapTransfer(a, mdl, base, va, length, write);
}

static NTSTATUS map_ex(PDMA_ADAPTER a, PMDL mdl, PVOID base, ULONGLONG offset, ULONG device_offset,
                       PULONG length, BOOLEAN write, PSCATTER_GATHER_LIST list, ULONG list_bytes,
                       PDMA_COMPLETION_ROUTINE routine, PVOID context)
{
    note("map mdl%d %s %#lx dev+%#x %#x dir=%d list=%u routine=%d", mdl_number(mdl), mrb(base),
         offset, device_offset, *length, write, list_bytes, routine != NULL);
    return real(a)->MapTransferEx(a, mdl, base, offset, device_offset, length, write, list,
                                  list_bytes, routine, context);
}

static NTSTATUS get_list(PDMA_ADAPTER a, PDEVICE_OBJECT device, PMDL mdl, PVOID va, ULONG length,
                         PDRIVER_LIST_CONTROL routine, PVOID context, BOOLEAN write)
{
    note("get-2 %s mdl%d va+%#lx %#x dir=%d", dev(device), mdl_number(mdl), va_of(mdl, va), length,
         write);
    return real(a)->GetScatterGatherList(a, device, mdl, va, length, routine, context, write);
}

static NTSTATUS build_list(PDMA_ADAPTER a, PDEVICE_OBJECT device, PMDL mdl, PVOID va, ULONG length,
                           PDRIVER_LIST_CONTROL routine, PVOID context, BOOLEAN write, PVOID buffer,
                           ULONG bytes)
{
    note("build-2 %s mdl%d va+%#lx %#x dir=%d buffer=%u", dev(device), mdl_number(mdl),
         va_of(mdl, va), length, write, bytes);
    return real(a)->BuildScatterGatherList(a, device, mdl, va, length, routine, context, write,
                                           buffer, bytes);
}

static NTSTATUS get_list_ex(PDMA_ADAPTER a, PDEVICE_OBJECT device, PVOID context_memory, PMDL mdl,
                            ULONGLONG offset, ULONG length, ULONG flags,
                            PDRIVER_LIST_CONTROL routine, PVOID context, BOOLEAN write,
                            PDMA_COMPLETION_ROUTINE completion, PVOID completion_context,
                            PSCATTER_GATHER_LIST *list)
{
    note("get %s %s mdl%d %#lx %#x flags=%u dir=%d rest=%d", dev(device), tc(context_memory),
         mdl_number(mdl), offset, length, flags, write,
         completion != NULL || completion_context != NULL || list != NULL);
    return real(a)->GetScatterGatherListEx(a, device, context_memory, mdl, offset, length, flags,
                                           routine, context, write, completion, completion_context,
                                           list);
}

static NTSTATUS build_list_ex(PDMA_ADAPTER a, PDEVICE_OBJECT device, PVOID context_memory, PMDL mdl,
                              ULONGLONG offset, ULONG length, ULONG flags,
                              PDRIVER_LIST_CONTROL routine, PVOID context, BOOLEAN write,
                              PVOID buffer, ULONG bytes, PDMA_COMPLETION_ROUTINE completion,
                              PVOID completion_context, PVOID list)
{
    note("build %s %s mdl%d %#lx %#x flags=%u dir=%d buffer=%u rest=%d", dev(device),
         tc(context_memory), mdl_number(mdl), offset, length, flags, write, bytes,
         completion != NULL || completion_context != NULL || list != NULL);
    return real(a)->BuildScatterGatherListEx(a, device, context_memory, mdl, offset, length, flags,
                                             routine, context, write, buffer, bytes, completion,
                                             completion_context, list);
}

static VOID put_list(PDMA_ADAPTER a, PSCATTER_GATHER_LIST list, BOOLEAN write)
{
    note("put-list %c dir=%d", way_of(a), write);
    real(a)->PutScatterGatherList(a, list, write);
}

static NTSTATUS calculate(PDMA_ADAPTER a, PMDL mdl, PVOID va, ULONG length, PULONG bytes,
                          PULONG registers)
{
    NTSTATUS status = real(a)->CalculateScatterGatherList(a, mdl, va, length, bytes, registers);

    note("calculate mdl=%d va=%d %u registers", mdl != NULL, va != NULL, *registers);
    assert_int_equal(length, *registers * PAGE_SIZE); /* HRQ-12 */
    return status;
}

static NTSTATUS transfer_info(PDMA_ADAPTER a, PMDL mdl, ULONGLONG offset, ULONG length,
                              BOOLEAN write, PDMA_TRANSFER_INFO info)
{
    note("info mdl%d %#lx %#x dir=%d version=%u", mdl_number(mdl), offset, length, write,
         info->Version);
    return real(a)->GetDmaTransferInfo(a, mdl, offset, length, write, info);
}

static NTSTATUS make_context(PDMA_ADAPTER a, PVOID context_memory)
{
    rec.context = context_memory;
    note("context %c", way_of(a));
    return real(a)->InitializeDmaTransferContext(a, context_memory);
}

static BOOLEAN cancel_channel(PDMA_ADAPTER a, PDEVICE_OBJECT device, PVOID context_memory)
{
    note("cancel-channel %s %s", dev(device), tc(context_memory));
    return real(a)->CancelAdapterChannel(a, device, context_memory);
}

static NTSTATUS cancel_transfer(PDMA_ADAPTER a, PVOID context_memory)
{
    note("cancel-transfer %s", tc(context_memory));
    return real(a)->CancelMappedTransfer(a, context_memory);
}

static ULONG alignment(PDMA_ADAPTER a)
{
    note("alignment");
    return real(a)->GetDmaAlignment(a);
}

/* CAL-03 */
static VOID free_object(PDMA_ADAPTER a, IO_ALLOCATION_ACTION action)
{
    (void)a, (void)action;
    fail_msg("the framework called FreeAdapterObject");
}

static NTSTATUS configure_channel(PDMA_ADAPTER a, ULONG function, PVOID context)
{
    (void)a, (void)function, (void)context;
    fail_msg("the framework called ConfigureAdapterChannel");
    return STATUS_SUCCESS;
}

static ULONG counter(PDMA_ADAPTER a)
{
    (void)a;
    fail_msg("the framework called ReadDmaCounter");
    return 0;
}

/* The tables of a machine are one per version: ours stand in them before the enabler is made. */
static void record(struct rig *rig)
{
    memset(&rec, 0, sizeof rec);
    rec.fdo = &rig->device->fdo;
    for (ULONG version = 2; version <= 3; version++) {
        DEVICE_DESCRIPTION description = {.Version = version,
                                          .Master = TRUE,
                                          .Dma32BitAddresses = TRUE,
                                          .InterfaceType = PCIBus,
                                          .MaximumLength = PAGE_SIZE,
                                          .DmaAddressWidth = 32};
        ULONG registers;
        PDMA_ADAPTER probe = IoGetDmaAdapter(&rig->f.pdo, &description, &registers);
        DMA_OPERATIONS *t = probe->DmaOperations;
        rec.real[version] = *t;
        rec.table[version] = t;
        t->PutDmaAdapter = put_adapter;
        t->AllocateCommonBuffer = common;
        t->FreeCommonBuffer = free_common;
        t->AllocateAdapterChannel = allocate;
        t->FlushAdapterBuffers = flush;
        t->FreeAdapterChannel = free_channel;
        t->FreeMapRegisters = free_registers;
        t->MapTransfer = map;
        t->GetDmaAlignment = alignment;
        t->ReadDmaCounter = counter;
        t->GetScatterGatherList = get_list;
        t->PutScatterGatherList = put_list;
        t->CalculateScatterGatherList = calculate;
        t->BuildScatterGatherList = build_list;
        rec.real[version].PutDmaAdapter(probe);
        if (version < 3)
            continue;
        t->GetDmaTransferInfo = transfer_info;
        t->InitializeDmaTransferContext = make_context;
        t->AllocateAdapterChannelEx = allocate_ex;
        t->ConfigureAdapterChannel = configure_channel;
        t->CancelAdapterChannel = cancel_channel;
        t->MapTransferEx = map_ex;
        t->GetScatterGatherListEx = get_list_ex;
        t->BuildScatterGatherListEx = build_list_ex;
        t->FlushAdapterBuffersEx = flush_ex;
        t->FreeAdapterObject = free_object;
        t->CancelMappedTransfer = cancel_transfer;
    }
}

static void expect(const char *want)
{
    if (strcmp(rec.log, want) != 0)
        fail_msg("calls were:\n%s-- wanted:\n%s", rec.log, want);
    rec.log[0] = '\0';
    rec.used = 0;
}

static struct rig *record_open(struct job *job, WDF_DMA_PROFILE profile, ULONG version,
                               WDF_DMA_DIRECTION direction)
{
    struct rig *rig = rig_open();

    record(rig);
    if (profile >= WdfDmaProfileSystem)
        rig_system(rig, profile, 0x1003, 0x1000, false);
    else
        rig_enabler(rig, profile, version, 0x1000);
    rec.adapter[0] = WdfDmaEnablerWdmGetDmaAdapter(rig->enabler, WdfDmaDirectionReadFromDevice);
    rec.adapter[1] = WdfDmaEnablerWdmGetDmaAdapter(rig->enabler, WdfDmaDirectionWriteToDevice);
    if (rec.adapter[1] == rec.adapter[0])
        rec.adapter[1] = NULL;
    rig_mdl(rig, 0x100, 0x1800);
    rig_mdl(rig, 0, 0x200);
    rec.mdl = rig->mdl;
    job_make(rig, job, direction);
    return rig;
}

/* c3, c4, c7, c8: packet. TRX-12, CAL-01, CAL-02, EXE-06, EXE-07, STG-04 */
MS_TEST(calls_of_a_packet_transaction)
{
    struct job job;
    struct rig *rig = record_open(&job, WdfDmaProfilePacket64, 3, WdfDmaDirectionWriteToDevice);

    expect("");
    assert_status(job_init(&job, 0x80, ALL), STATUS_SUCCESS);
    expect("context r@0\n"); /* c1 */
    assert_status(WdfDmaTransactionExecute(job.trx, &job), STATUS_SUCCESS);
    expect("allocate fdo tc 2 flags=0 base=0@2\n{@2\n"
           "map mdl0 mrb 0x80 dev+0 0x1000 dir=1 list=40 routine=0@2\n} keep-registers@2\n");
    job.over = WdfDmaTransactionDmaCompletedWithLength(job.trx, job.length[0] - 0x10, &job.status);
    assert_status(job.status, STATUS_MORE_PROCESSING_REQUIRED);
    expect("flush mdl0 mrb 0x80 0xff0 dir=1@0\n"
           "map mdl0 mrb 0x1070 dev+0 0x990 dir=1 list=40 routine=0@2\n");
    assert_int_equal(job.length[1], 0x790); /* STG-06: to the MDL's end */
    job.over = WdfDmaTransactionDmaCompletedFinal(job.trx, 0, &job.status);
    assert_true(job.over);
    expect("flush mdl0 mrb 0x1070 0 dir=1@0\nfree-registers mrb 2@2\n"); /* CMP-12 */
    assert_status(WdfDmaTransactionRelease(job.trx), STATUS_SUCCESS);
    expect(""); /* REL-05, CON-13 */
    WdfObjectDelete(job.trx);
    WdfObjectDelete(rig->enabler);
    expect("put-adapter@0\n"); /* c11 */
    rig_close(rig);
}

/* The same, version 2. ENB-32, EXE-10 */
MS_TEST(calls_of_a_version_2_packet_transaction)
{
    struct job job, other;
    struct rig *rig = record_open(&job, WdfDmaProfilePacket64, 2, WdfDmaDirectionReadFromDevice);

    assert_status(job_init(&job, 0x80, 0x1780), STATUS_SUCCESS);
    expect("");
    assert_status(WdfDmaTransactionExecute(job.trx, &job), STATUS_SUCCESS);
    expect("allocate-2 fdo 2@2\n{@2\nmap-2 mdl0 mrb va+0x80 0x1000 dir=0@2\n} keep-registers@2\n");
    job_make(rig, &other, WdfDmaDirectionReadFromDevice);
    assert_status(job_init(&other, 0x80, 0x1000), STATUS_SUCCESS);
    assert_status(WdfDmaTransactionExecute(other.trx, &other), STATUS_WDF_BUSY); /* EXE-10 */
    assert_state(&other, S_FAILED);
    assert_null(WdfDmaTransactionWdmGetTransferContext(job.trx)); /* TRX-47 */
    assert_false(WdfDmaTransactionCancel(job.trx));               /* CAN-02 */
    assert_reported(&rig->f, MS_RULE_WDF_CANCEL_VERSION);
    report_all(&job);
    expect("flush-2 mdl0 mrb va+0x80 0x1000 dir=0@0\nmap-2 mdl0 mrb va+0x1080 0x780 dir=0@2\n");
    report_all(&job);
    assert_true(job.over);
    expect("flush-2 mdl0 mrb va+0x1080 0x780 dir=0@0\nfree-registers mrb 2@2\n");
    assert_status(WdfDmaTransactionRelease(other.trx), STATUS_SUCCESS);
    job_start(&other, 0x80, 0x100);
    report_all(&other);
    assert_true(other.over);
    rig_close_with(rig, 2);
}

/* c0, c3s, c4s, c7s: SG with its own buffer. ENB-16, ENB-17, ENB-18, SGP-01, SGP-05, SGP-06, SGP-08 */
MS_TEST(calls_of_an_sg_transaction)
{
    struct job job;
    struct rig *rig =
        record_open(&job, WdfDmaProfileScatterGatherDuplex, 3, WdfDmaDirectionWriteToDevice);
    ULONG bytes = ((struct ms_enabler *)ms_object_find((WDFOBJECT)rig->enabler, MS_OBJECT_ENABLER))
                      ->list_bytes;
    char want[512];

    expect("calculate mdl=0 va=0 2 registers@0\ncalculate mdl=0 va=0 2 registers@0\nalignment@0\n");
    rig_mdl(rig, 0, 0x100);
    assert_status(job_init(&job, 0x80, ALL), STATUS_SUCCESS);
    expect("context w@0\n");
    assert_status(WdfDmaTransactionExecute(job.trx, &job), STATUS_SUCCESS);
    snprintf(want, sizeof want, "build fdo tc mdl0 0x80 0x1000 flags=0 dir=1 buffer=%u rest=0@2\n",
             bytes);
    expect(want);
    report_all(&job);
    snprintf(want, sizeof want,
             "put-list w dir=1@2\n"
             "build fdo tc mdl0 0x1080 0x980 flags=0 dir=1 buffer=%u rest=0@2\n",
             bytes);
    expect(want); /* SGP-02: two registers: the cut falls on the MDL's end */
    report_all(&job);
    snprintf(want, sizeof want,
             "put-list w dir=1@2\nbuild fdo tc mdl2 0 0x100 flags=0 dir=1 buffer=%u rest=0@2\n",
             bytes);
    expect(want);
    report_all(&job);
    assert_true(job.over);
    expect("put-list w dir=1@2\n");
    WdfObjectDelete(job.trx);
    WdfObjectDelete(rig->enabler);
    expect("put-adapter@0\nput-adapter@0\n"); /* ENB-19 */
    rig_close(rig);
}

/* Version 2, and without the buffer. ENB-18 */
MS_TEST(calls_of_the_other_sg_transactions)
{
    for (ULONG version = 2; version <= 3; version++) {
        struct rig *rig = rig_open();
        struct job job;
        WDF_DMA_ENABLER_CONFIG config;
        record(rig);
        WDF_DMA_ENABLER_CONFIG_INIT(&config, WdfDmaProfileScatterGather64, 0x1000);
        config.WdmDmaVersionOverride = version;
        config.Flags = WDF_DMA_ENABLER_CONFIG_NO_SGLIST_PREALLOCATION;
        assert_status(WdfDmaEnablerCreate(rig_device(rig), &config, NULL, &rig->enabler),
                      STATUS_SUCCESS);
        expect("calculate mdl=0 va=0 2 registers@0\nalignment@0\n"); /* ENB-17 */
        rig->is_lists = true;
        rig_mdl(rig, 0x100, 0x800);
        rec.mdl = rig->mdl;
        job_make(rig, &job, WdfDmaDirectionReadFromDevice);
        assert_status(job_init(&job, 0x80, ALL), STATUS_SUCCESS);
        WdfDmaTransactionSetImmediateExecution(job.trx, TRUE);
        assert_status(WdfDmaTransactionExecute(job.trx, &job), STATUS_SUCCESS);
        report_all(&job);
        if (version == 3)
            expect("context r@0\nget fdo tc mdl0 0x80 0x780 flags=1 dir=0 rest=0@2\n"
                   "put-list r dir=0@2\n");
        else
            expect("get-2 fdo mdl0 va+0x80 0x780 dir=0@2\nput-list r dir=0@2\n");
        rig_close_with(rig, version == 2);
    }
    struct job job;
    struct rig *rig =
        record_open(&job, WdfDmaProfileScatterGather, 2, WdfDmaDirectionWriteToDevice);
    rec.log[rec.used = 0] = '\0';
    job_start(&job, 0x80, 0x100);
    report_all(&job);
    assert_non_null(strstr(rec.log, "build-2 fdo mdl0 va+0x80 0x100 dir=1 buffer="));
    rig_close(rig);
}

/* c3, c4, c6, c7, c8: system. HRQ-04, STP-02 */
MS_TEST(calls_of_a_system_transaction)
{
    struct job job;
    struct rig *rig = record_open(&job, WdfDmaProfileSystemDuplex, 0, WdfDmaDirectionWriteToDevice);

    expect("");
    job_callbacks(&job);
    job.inside_complete = report_all;
    assert_status(job_init(&job, 0x80, ALL), STATUS_SUCCESS);
    WdfDmaTransactionSetDeviceAddressOffset(job.trx, 0x20);
    expect("context w@0\n");
    assert_status(WdfDmaTransactionExecute(job.trx, &job), STATUS_SUCCESS);
    expect("allocate fdo tc 2 flags=0 base=0@2\n{@2\n"
           "map mdl0 mrb 0x80 dev+0x20 0x1000 dir=1 list=64 routine=1@2\n} keep@2\n");
    WdfDmaTransactionStopSystemTransfer(job.trx);
    expect("cancel-transfer tc@0\n");
    job.inside_complete = report_none_and_end;
    rig_run(rig);
    assert_true(job.over);
    expect("flush mdl0 mrb 0x80 0 dir=1@2\nfree-channel@2\n"); /* CMP-05 */
    assert_status(WdfDmaTransactionRelease(job.trx), STATUS_SUCCESS);
    /* Stopped before: no map, and the flush all the same (HRQ-04). */
    assert_status(job_init(&job, 0x80, ALL), STATUS_SUCCESS);
    WdfDmaTransactionStopSystemTransfer(job.trx);
    assert_status(WdfDmaTransactionExecute(job.trx, &job), STATUS_SUCCESS);
    expect("context w@0\ncancel-transfer tc@0\nallocate fdo tc 2 flags=0 base=0@2\n{@2\n"
           "flush mdl0 mrb 0x80 0 dir=1@2\nfree-channel@2\n} keep@2\n");
    rig_close(rig);
}

static void execute_reserved(struct job *job)
{
    job_start(job, 0x80, ALL);
}

/* c2, c3r, c5, c9. RES-01, RES-06, RES-07, RES-08, RES-09, RES-11, RES-12, RES-13, HRQ-17 */
MS_TEST(calls_of_a_reserved_transaction)
{
    struct job job;
    struct rig *rig = record_open(&job, WdfDmaProfilePacket64, 3, WdfDmaDirectionWriteToDevice);

    job.inside_reserve = execute_reserved;
    assert_status(WdfDmaTransactionAllocateResources(job.trx, job.direction, 1, job_reserve, &job),
                  STATUS_SUCCESS);
    expect("context r@0\nallocate fdo tc 1 flags=0 base=0@2\n{@2\ncontext r@2\n"
           "map mdl0 mrb 0x80 dev+0 0xe80 dir=1 list=40 routine=0@2\n} keep-registers@2\n");
    while (!job.over)
        report_all(&job);
    rec.log[rec.used = 0] = '\0';
    assert_status(WdfDmaTransactionRelease(job.trx), STATUS_SUCCESS);
    assert_moved(&job, 0x80, rig->bytes - 0x80);
    job.over = FALSE;
    job.moved = 0;
    execute_reserved(&job);
    expect("context r@0\nmap mdl0 mrb 0x80 dev+0 0xe80 dir=1 list=40 routine=0@2\n");
    while (!job.over)
        report_all(&job);
    rec.log[rec.used = 0] = '\0';
    WdfDmaTransactionFreeResources(job.trx);
    expect("free-registers mrb 1@2\n");
    assert_state(&job, S_RELEASED);
    rig_close(rig);
}

/* c5: Cancel asks the adapter only while it waits. CON-04, CAN-01, CAN-04, CAN-05, CAN-06, CAN-10 */
MS_TEST(calls_of_a_cancel)
{
    struct job job, holder;
    struct rig *rig = record_open(&job, WdfDmaProfileSystem, 0, WdfDmaDirectionWriteToDevice);

    job_make(rig, &holder, WdfDmaDirectionWriteToDevice);
    job_callbacks(&holder);
    job_callbacks(&job);
    holder.inside_complete = report_none_and_end;
    job_start(&holder, 0, 0x100);
    job_start(&job, 0, 0x100);
    rec.log[rec.used = 0] = '\0';
    assert_false(WdfDmaTransactionCancel(holder.trx));
    expect(""); /* CAN-10: decided without the adapter */
    assert_true(WdfDmaTransactionCancel(job.trx));
    expect("cancel-channel fdo tc@0\n");
    assert_state(&job, S_FAILED);
    report_all(&job); /* CAN-07, CON-04: only Release or deletion may follow */
    assert_reported(&rig->f, MS_RULE_WDF_REPORT_STATE);
    rig_run(rig);
    assert_int_equal(job.programs + job.completions + job.configures, 0);
    assert_true(holder.over);
    rig_close_with(rig, 1);
}

/* c10. TRX-45, TRX-46, CON-11 */
MS_TEST(calls_of_transfer_info_and_common_buffers)
{
    struct job job;
    struct rig *rig = record_open(&job, WdfDmaProfilePacket, 3, WdfDmaDirectionWriteToDevice);
    WDFCOMMONBUFFER buffer;
    ULONG registers = 9, elements = 9;

    assert_status(job_init(&job, 0x80, ALL), STATUS_SUCCESS);
    rec.log[rec.used = 0] = '\0';
    WdfDmaTransactionGetTransferInfo(job.trx, &registers, &elements);
    expect("info mdl0 0x80 0x1980 dir=1 version=1@0\n");
    assert_true(registers > 0 && elements > 0);
    assert_status(WdfCommonBufferCreate(rig->enabler, 0x123, NULL, &buffer), STATUS_SUCCESS);
    expect("common 291 cached=1@0\n"); /* KCB-02 */
    WdfObjectDelete(buffer);
    expect("free-common 291 cached=1@0\n"); /* KCB-05 */
    rig_close(rig);
}

/* CMP-06, CMP-15, CMP-12: the bytes were counted, and the end says why. */
MS_TEST(a_failing_flush_ends_it_with_its_status)
{
    struct job job;
    struct rig *rig = record_open(&job, WdfDmaProfilePacket64, 3, WdfDmaDirectionWriteToDevice);

    ((DMA_OPERATIONS *)(uintptr_t)rec.table[3])->FlushAdapterBuffersEx = flush_fails;
    job_start(&job, 0x80, ALL);
    rec.log[rec.used = 0] = '\0';
    report_all(&job);
    assert_true(job.over);
    assert_status(job.status, STATUS_NO_MEMORY);
    assert_state(&job, S_FAILED);
    expect("flush mdl0 mrb 0x80 0x1000 dir=1@0\nfree-registers mrb 2@2\n");
    rig_close(rig);
}

/* PRG-14: our controller never says so; it is passed on all the same. */
MS_TEST(an_aborted_transfer_is_passed_on)
{
    struct job job;
    struct rig *rig = record_open(&job, WdfDmaProfileSystem, 0, WdfDmaDirectionWriteToDevice);

    ((DMA_OPERATIONS *)(uintptr_t)rec.table[3])->MapTransferEx = map_played;
    job_callbacks(&job);
    job.inside_complete = report_none_and_end;
    job_start(&job, 0, 0x800);
    played.routine(rec.adapter[0], rec.fdo, played.context, DmaAborted);
    assert_int_equal(job.completions, 1);
    assert_int_equal(job.told[0], DmaAborted);
    assert_true(job.over);
    rig_close(rig);
}
