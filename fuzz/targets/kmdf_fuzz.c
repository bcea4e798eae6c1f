/* SPDX-License-Identifier: MIT */
/*
 * kmdf_fuzz.c: DMA transactions of the driver framework: two threads of a driver initialise, execute,
 * reserve, release and delete three transactions of one enabler; the device moves bytes, interrupts and
 * reports, inside the driver's callbacks or from its own thread; a fourth thread cancels, stops and looks.
 *              Who learns that an execution is over may begin the next at once, while the call that began it runs; a
 *              system transfer may be ended before it is told (CMP-20), or run round and round (PRG-17).
 *
 * Proves       an execution ends once, by a failing Execute, a Cancel that says TRUE or a report that says
 *              TRUE (STM-02), and after that no callback comes (STM-03); a fragment is told at most once, not
 *              before EvtProgramDma returned, not on Stop's stack (STG-12, STP-10); fragments follow each
 *              other, are as long as they can be (EXE-07, RES-12, SGP-02) and every byte is moved once (O5, O6,
 *              CMP-16); Cancel TRUE and EvtProgramDma exclude each
 *              other (CAN-16); statuses (O7); a driver that keeps the rules breaks none; at the end all is
 *              given back (O9)
 */
#include "kmdf_driver.h"

#include "wdf/transaction.h" /* one look, see is_stalled */

/* --- the driver's threads ------------------------------------------------------------------------------- */

static NTSTATUS job_initialise(struct job *j)
{
    j->execution++;
    j->stop_asked = j->stop_returned = j->cancel_asked = j->has_resent = false;
    j->is_inside = j->has_failed_staging = j->is_refused = j->is_reporting = false;
    j->programs = j->programs_after_stop = j->programs_after_cancel = j->reported = 0;
    j->run = &k.run[k.runs++];
    *j->run = (struct run){.job = j, .execution = j->execution};
    j->staged_end = j->at;
    j->current = NULL;
    memset(j->is_known, 0, sizeof j->is_known);
    ms_store_relaxed(&j->stopped, 0);
    memory_fill(j);
    NTSTATUS status = WdfDmaTransactionInitializeUsingOffset(
        j->trx, on_program, (WDF_DMA_DIRECTION)j->to_device, j->mdl, j->at, j->length);
    if (!NT_SUCCESS(status) || !is_system())
        return status;
    WdfDmaTransactionSetChannelConfigurationCallback(j->trx, on_configure, j);
    WdfDmaTransactionSetTransferCompleteCallback(j->trx, j->polls ? NULL : on_complete, j->run);
    return status;
}

/* The caller has the job, and nobody else or (inside EvtReserveDma) somebody who may only cancel. */
static void job_run(struct job *j, uint8_t early)
{
    WDFDMATRANSACTION trx = j->trx;
    bool may_fail = j->immediate || k.profile == PACKET_2;
    NTSTATUS status;

    if (k.profile != PACKET_2 && !j->is_held)
        WdfDmaTransactionSetSingleTransferRequirement(j->trx, j->single);
    status = job_initialise(j);
    if (!NT_SUCCESS(status)) {
        if (!j->single ||
            (status != STATUS_WDF_TOO_MANY_TRANSFERS &&
             status != STATUS_WDF_NOT_ENOUGH_MAP_REGISTERS && status != STATUS_WDF_TOO_FRAGMENTED))
            ms_sim_fail("O7 an initialisation failed", "%08x", (unsigned)status);
        ms_store_release(&j->busy, 0); /* hb:kmdf-busy; it is released (TRX-15) */
        return;
    }
    if (j->immediate)
        WdfDmaTransactionSetImmediateExecution(j->trx, TRUE);
    j->is_executing = true;
    uint32_t execution = j->execution;
    /* The execution's: it may be over, and another one's, before Execute returns. */
    ms_fetch_add_release(&j->users, 1); /* hb:kmdf-users */
    ms_fetch_and_release(&j->users, ~(uint32_t)MARKS);
    if ((early & 1) && k.profile != PACKET_2 && WdfDmaTransactionCancel(j->trx))
        ms_sim_fail("O7 cancelled before it was executed", "job %u", index_of(j)); /* CAN-12 */
    if ((early & 2) && is_system())
        job_stop(j); /* S1 */
    status = WdfDmaTransactionExecute(trx, j);
    if (!NT_SUCCESS(status) && status != STATUS_CANCELLED) { /* EXE-12: nobody else ended it */
        if (!may_fail || (status != STATUS_INSUFFICIENT_RESOURCES && status != STATUS_WDF_BUSY))
            ms_sim_fail("O7 an execution failed", "%08x", (unsigned)status);
        job_end(j, status);
    } else if (status == STATUS_CANCELLED && j->execution == execution && !j->cancel_asked) {
        ms_sim_fail("O7 cancelled by nobody", "job %u", index_of(j));
    }
}

static bool job_take(struct job *j)
{
    uint32_t idle = 0;

    return has_room() && ms_cas_acquire(&j->busy, &idle, 1); /* hb:kmdf-busy */
}

static void job_plan(struct job *j, const uint8_t *operand)
{
    uint32_t all = j->mdl->Next && k.profile != PACKET_2 ? BYTES : FIRST_BYTES;

    j->to_device = operand[0] >> 2 & 1;
    if (j->is_held)
        j->to_device = j->held_direction; /* RES-17 */
    j->immediate = (operand[0] >> 3 & 3) == 3 && k.profile != PACKET_2;
    j->single = (operand[0] >> 5) == 7 && k.profile != PACKET_2 && !j->is_held;
    j->length = lengths[operand[1] & 7];
    j->at = offsets[operand[1] >> 3 & 3];
    if (j->at + j->length > all)
        j->length = all - j->at;
    j->where = operand[2] & 3;
    j->how = (operand[2] >> 2 & 7) % REPORTS;
    j->polls = is_system() && k.profile != LOOPED && (operand[2] >> 5 & 3) == 3;
    j->gives_up = is_system() && !j->polls && j->where == 3;
    k.gives_up |= j->gives_up;
    j->again = operand[3] >> 7;
    j->ends_in_configure = is_system() && (operand[3] & 15) == 15;
    j->dies = (operand[3] >> 4 & 7) == 7;
}

static void do_start(const uint8_t *operand)
{
    struct job *j = &k.job[(operand[0] & 3) % JOBS];

    if (!job_take(j))
        return;
    job_plan(j, operand);
    job_run(j, operand[3] & 3);
}

/* Executes inside EvtReserveDma when the plan says so (RES-09). */
static VOID on_reserve(WDFDMATRANSACTION trx, PVOID context)
{
    struct job *j = context;

    if (trx != j->trx || !j->is_reserving || KeGetCurrentIrql() != DISPATCH_LEVEL)
        ms_sim_fail("O3 a reservation came that nobody waits for", "job %u", index_of(j));
    j->is_reserving = false;
    j->is_held = true;
    j->held_direction = j->to_device;
    if (j->where & 1)
        job_run(j, 0);
    else
        ms_fetch_and_release(&j->users, ~(uint32_t)MARKS);
    job_drop(j, false);
}

static void do_reserve(const uint8_t *operand)
{
    struct job *j = &k.job[(operand[0] & 3) % JOBS];
    NTSTATUS status;

    if (is_lists() || k.profile == PACKET_2 || !job_take(j))
        return;
    if (j->is_held) {
        ms_store_release(&j->busy, 0); /* hb:kmdf-busy */
        return;
    }
    job_plan(j, operand);
    j->single = j->dies = false;
    j->again = 0;
    bool is_immediate = j->immediate;
    if (is_immediate)
        WdfDmaTransactionSetImmediateExecution(j->trx, TRUE); /* RES-15 */
    j->immediate = false;
    j->execution++; /* whoever is still in the call that began the last one knows by this that it is over */
    j->is_reserving = true;
    j->cancel_asked = false;
    ms_store_release(&j->users, RESERVING + 2); /* hb:kmdf-users; the reservation's, and ours */
    j->reserved = k.profile == LATER && (operand[3] & 1) ? 1 : 2;
    status = WdfDmaTransactionAllocateResources(j->trx, (WDF_DMA_DIRECTION)j->to_device,
                                                j->reserved, on_reserve, j);
    if (!NT_SUCCESS(status) && status != STATUS_CANCELLED) {
        if (status != STATUS_INSUFFICIENT_RESOURCES || !is_immediate || !j->is_reserving)
            ms_sim_fail("O7 a reservation failed", "%08x", (unsigned)status);
        j->is_reserving = false;
        ms_fetch_and_release(&j->users, ~(uint32_t)MARKS);
        job_drop(j, false);
    } else if (j->is_reserving) {
        ms_fetch_or_release(&j->users, CANCELABLE); /* hb:kmdf-users */
    }
    job_drop(j, false);
}

static void do_give(struct job *j)
{
    if (!job_take(j))
        return;
    if (j->is_held)
        WdfDmaTransactionFreeResources(j->trx);
    j->is_held = false;
    ms_store_release(&j->busy, 0); /* hb:kmdf-busy */
}

/* --- the canceller -------------------------------------------------------------------------------------- */

static void do_cancel(struct job *j)
{
    if (k.profile == PACKET_2 || !job_hold(j, false))
        return;
    bool is_programmed = is_lists() && j->is_executing && j->programs > 0;
    j->cancel_asked = true;
    k.in_stop[ms_sim_self()] = j;
    BOOLEAN is_cancelled = WdfDmaTransactionCancel(j->trx);
    k.in_stop[ms_sim_self()] = NULL;
    if (is_cancelled && j->is_reserving) { /* CAN-13 */
        j->is_reserving = false;
        ms_fetch_and_release(&j->users, ~(uint32_t)MARKS);
        job_drop(j, true);
    } else if (is_cancelled) {
        if (j->programs > 0 && !is_lists())
            ms_sim_fail("O4 cancelled, and programmed", "job %u", index_of(j)); /* CAN-16 */
        if (j->current && j->current->is_programmed && !j->current->is_reported)
            ms_sim_fail("O4 cancelled in a fragment", "job %u", index_of(j)); /* CAN-10 */
        job_end(j, STATUS_CANCELLED);
    } else if (is_programmed) {
        j->is_refused = true; /* the one that was asked for may still come (CAN-11) */
    }
    job_drop(j, is_cancelled);
}

static void do_stop(struct job *j)
{
    if (!is_system() || !job_hold(j, true))
        return;
    job_stop(j);
    if (j->gives_up)
        pending_report(j, FINAL); /* as drivers of serial ports do: stop, end, release, in a row */
    job_drop(j, false);
}

static void do_look(struct job *j)
{
    if (!job_hold(j, true))
        return;
    if (WdfDmaTransactionGetBytesTransferred(j->trx) > j->length ||
        WdfDmaTransactionGetCurrentDmaTransferLength(j->trx) > FRAGMENT)
        ms_sim_fail("O5 more is told than there is", "job %u", index_of(j));
    job_drop(j, false);
}

/* --- a common buffer comes and goes --------------------------------------------------------------------- */

static void do_buffer(void)
{
    WDFCOMMONBUFFER buffer;

    if (!NT_SUCCESS(WdfCommonBufferCreate(k.enabler, FRAGMENT, NULL, &buffer)))
        ms_sim_fail("O7 no common buffer", "of %d bytes", FRAGMENT);
    uint8_t *bytes = WdfCommonBufferGetAlignedVirtualAddress(buffer);
    memset(bytes, 0x5A, FRAGMENT);
    if (WdfCommonBufferGetAlignedLogicalAddress(buffer).QuadPart == 0 ||
        WdfCommonBufferGetLength(buffer) != FRAGMENT)
        ms_sim_fail("O7 a common buffer that is none", "of %d bytes", FRAGMENT);
    for (uint32_t i = 0; i < FRAGMENT; i++)
        if (bytes[i] != 0x5A)
            ms_sim_fail("O1 a common buffer has two owners", "byte %u", i);
    WdfObjectDelete(buffer);
}

/* --- the target ----------------------------------------------------------------------------------------- */

enum kind { START, RESERVE, GIVE, STEP, REPORT, BREAK, CANCEL_IT, STOP, LOOK, BUFFER };

static void make_enabler(void)
{
    static const WDF_DMA_PROFILE profiles[PROFILES] = {
        WdfDmaProfilePacket, WdfDmaProfileScatterGather, WdfDmaProfileScatterGatherDuplex,
        WdfDmaProfileSystem, WdfDmaProfileSystemDuplex,  WdfDmaProfilePacket,
        WdfDmaProfileSystem, WdfDmaProfileScatterGather, WdfDmaProfileSystem,
        WdfDmaProfilePacket, WdfDmaProfileScatterGather};
    static const uint32_t lines[2] = {0x1003, 0x1004};
    CM_PARTIAL_RESOURCE_DESCRIPTOR resource = {.Type = CmResourceTypeDma,
                                               .Flags = CM_RESOURCE_DMA_V3};
    PHYSICAL_ADDRESS address = {.QuadPart = 0xFE000000};
    WDF_DMA_SYSTEM_PROFILE_CONFIG system;
    WDF_DMA_ENABLER_CONFIG config;
    enum profile profile = k.profile;

    WDF_DMA_ENABLER_CONFIG_INIT(&config, profiles[profile], FRAGMENT);
    config.WdmDmaVersionOverride = profile == PACKET_2 ? 2 : 3;
    if (profile == LISTS_GOT)
        config.Flags = WDF_DMA_ENABLER_CONFIG_NO_SGLIST_PREALLOCATION;
    ms_require(NT_SUCCESS(WdfDmaEnablerCreate((WDFDEVICE)ms_object_handle(&k.stage.device->object),
                                              &config, NULL, &k.enabler)));
    for (uint32_t way = 0; way < 2; way++) {
        resource.u.DmaV3.RequestLine = profile == DUPLEX ? lines[1] + way : lines[0];
        WDF_DMA_SYSTEM_PROFILE_CONFIG_INIT(&system, address, Width8Bits, &resource);
        system.LoopedTransfer = profile == LOOPED;
        if (profile == DUPLEX || (is_system() && way == 0))
            ms_require(NT_SUCCESS(
                WdfDmaEnablerConfigureSystemProfile(k.enabler, &system, (WDF_DMA_DIRECTION)way)));
    }
    for (uint32_t way = 0; way < 2; way++)
        k.adapter[way] = WdfDmaEnablerWdmGetDmaAdapter(k.enabler, (WDF_DMA_DIRECTION)way);
    for (uint32_t i = 0; i < JOBS; i++)
        ms_require(NT_SUCCESS(WdfDmaTransactionCreate(k.enabler, NULL, &k.trx[i])));
}

static void make_memory(void)
{
    for (uint32_t i = 0; i < JOBS; i++) {
        const PFN_NUMBER first[] = {UINT64_C(0x140000) + 8 * i, 0x4000 + 8 * i};
        const PFN_NUMBER second[] = {UINT64_C(0x140004) + 8 * i};
        k.mdl[i] = ms_mdl_create(first, MS_PAGE_BYTES - 60, FIRST_BYTES);
        ms_require(k.mdl[i] != NULL);
        k.mdl[i]->Next = ms_mdl_create(second, 0x40, BYTES - FIRST_BYTES);
        ms_require(k.mdl[i]->Next != NULL);
        const PFN_NUMBER ring[] = {0x4004 + 8 * i};
        k.ring[i] = ms_mdl_create(ring, 0x40, FIRST_BYTES);
        ms_require(k.ring[i] != NULL);
        const PFN_NUMBER late[] = {0x4005 + 8 * i, UINT64_C(0x140006) + 8 * i};
        PMDL none = ms_mdl_create(first, 0x20, 0), behind;
        /* Addresses in the second chain that go on from the first MDL are nearer to a page's end than its bytes are. */
        k.later[i] = ms_mdl_create(second, i == 1 ? MS_PAGE_BYTES - 150 : 0x40, FIRST_BYTES);
        behind = ms_mdl_create(late, MS_PAGE_BYTES - (i == 2 ? 10 : 70), BYTES - FIRST_BYTES);
        ms_require(k.later[i] != NULL && none != NULL && behind != NULL);
        k.later[i]->Next = none;
        none->Next = behind;
    }
}

static void make_machine(void)
{
    struct ms_controller_config controller = ms_controller_soc();
    const struct ms_dma_config config = {
        .strategy = &ms_reg_cas_bitmap,
        .variant = ms_sg_variant_find("scalar"),
        .registers = {2, 3}, /* two transactions do not fit */
        .grants = 8,
        .controllers = &controller,
        .controller_count = 1,
    };

    controller.channels = 2;
    controller.elements_max = 4;
    (void)stage_memory(&k.stage.stage);
    make_memory();
    k.stage.nested_lists = k.profile == NESTED;
    k.stage.deferred_by_dpc = k.profile == DEFERRED;
    kmdf_stage_make(&k.stage, &config, ACTORS);
    kmdf_stage_device(&k.stage);
    for (uint32_t i = 0; i < 3; i++) {
        k.device[i].line = 0x1003 + i;
        ms_controller_attach(k.stage.controller, k.device[i].line,
                             (struct ms_endpoint){.ops = &line_ops, .device = &k.device[i]});
    }
    make_enabler();
    k.objects = ms_wdf_objects(k.stage.wdf);
    stage_keep(&k.stage.stage, k.job);
}

static void kmdf_reset(const uint8_t *setup)
{
    enum profile profile = setup[0] % PROFILES;

    if (!stage_ready(&k.stage.stage, profile)) {
        k.profile = profile;
        make_machine();
    }
    for (uint32_t i = 0; i < JOBS; i++) {
        memset(&k.job[i], 0, sizeof k.job[i]);
        k.job[i].mdl = k.profile == LOOPED                              ? k.ring[i]
                       : k.profile == LATER || k.profile == LATER_LISTS ? k.later[i]
                                                                        : k.mdl[i];
        k.job[i].trx = k.trx[i];
    }
    k.fragments = k.runs = 0;
    memset(k.seen, 0, sizeof k.seen);
    ms_init(&k.given_up, 0);
    ms_init(&k.finished, 0);
    k.gives_up = false;
    memset(k.in_stop, 0, sizeof k.in_stop);
    k.digest = 0;
    for (uint8_t i = 0; i < setup[1]; i++) /* outside of the execution: what it begins with */
        do_start((const uint8_t[]){i, setup[2] ? 5 : 0, 0, setup[3] ? 7 << 4 : 0});
}

static void kmdf_perform(uint32_t actor, const struct fuzz_op *op)
{
    struct job *j = &k.job[(op->operand[0] & 3) % JOBS];

    stage_cpu(&k.stage.stage, actor);
    if (k.gives_up)
        k.seen[actor] = ms_load_acquire(&k.given_up); /* hb:kmdf-given-up */
    switch ((enum kind)op->kind) {
    case START:
        do_start(op->operand);
        break;
    case RESERVE:
        do_reserve(op->operand);
        break;
    case GIVE:
        do_give(j);
        break;
    case STEP:
        ms_controller_step(k.stage.controller, 1 + op->operand[0] % 130);
        break;
    case REPORT:
        pending_report(j, (enum report)(op->operand[1] % REPORTS));
        break;
    case BREAK:
        k.device[op->operand[0] % 3].is_broken ^= true;
        break;
    case CANCEL_IT:
        do_cancel(j);
        break;
    case STOP:
        do_stop(j);
        break;
    case LOOK:
        do_look(j);
        break;
    case BUFFER:
        do_buffer();
        break;
    }
}

/* The last one ends the DPC thread, behind all that it was given. */
static void kmdf_finish(uint32_t actor)
{
    (void)actor;
    if (k.profile == DEFERRED &&
        ms_fetch_add_acq_rel(&k.finished, 1) + 1 == ACTORS) /* hb:kmdf-finished */
        ms_kernel_stop(&k.stage.stage.kernel);
}

/* The framework refused the fragment, and has nobody to tell (STG-09). */
static bool is_stalled(const struct job *j)
{
    struct ms_trx *trx = ms_object_find((WDFOBJECT)j->trx, MS_OBJECT_TRANSACTION);

    return trx && ms_trx_look(trx).phase == TRX_RUNNING &&
           !(j->current && j->current->is_programmed);
}

/* The device goes on until nothing is left; false: somebody waits for ever. */
static bool drain(void)
{
    bool is_busy = true;

    for (uint32_t round = 0; is_busy && round < DRAIN_ROUNDS; round++) {
        uint64_t bytes = is_system() ? ms_controller_step(k.stage.controller, 128) : 0;
        is_busy = false;
        k.seen[ms_sim_self()] = ms_load_relaxed(&k.given_up); /* nobody else is left */
        for (uint32_t i = 0; i < JOBS; i++) {
            struct job *j = &k.job[i];
            if (k.profile == LOOPED && j->is_executing) {
                job_stop(j); /* it never ends by itself (STP-14) */
                if (j->gives_up)
                    pending_report(j, FINAL);
            }
            if (bytes == 0 && !pending_report(j, WHOLE) && j->polls && j->stop_asked &&
                j->is_executing && is_stalled(j))
                report(j, NULL, FINAL, 0);
            if (bytes == 0 && j->is_held)
                do_give(j); /* others wait for it */
            is_busy |= ms_load_acquire(&j->busy) != 0;
        }
    }
    if (is_system()) /* what is late is told, and dropped */
        ms_controller_step(k.stage.controller, 1);
    return !is_busy;
}

static void kmdf_check(void *unused)
{
    (void)unused;
    stage_cpu(&k.stage.stage, ACTORS);
    if (!drain())
        ms_sim_fail("O9 a transaction never ends", "profile %u", k.profile);
    for (uint32_t i = 0; i < JOBS; i++)
        do_give(&k.job[i]);
    for (uint32_t i = 0; i < k.fragments; i++)
        if (k.profile != LOOPED && k.fragment[i].is_told && k.fragment[i].status == DmaComplete &&
            k.fragment[i].moved != k.fragment[i].length)
            ms_sim_fail("O5 complete, and bytes are missing", "fragment %u", i);
    if (k.stage.reports > 0)
        ms_sim_fail("O7 a driver that keeps the rules is blamed", "%s", k.stage.first->name);
    kmdf_stage_check(&k.stage, k.objects);
    for (uint32_t i = 0; i < JOBS; i++) {
        struct ms_trx *trx = ms_object_find((WDFOBJECT)k.job[i].trx, MS_OBJECT_TRANSACTION);
        if (ms_object_holders(&trx->object) != 1)
            ms_sim_fail("O9 a reference is left", "job %u", i);
        if (ms_load_relaxed(&trx->tickets) != 0) /* each completion came, or was never due */
            ms_sim_fail("O9 a ticket is left", "job %u", i);
    }
}

static uint64_t kmdf_digest(void)
{
    return k.digest;
}

static const char *kmdf_tell(const struct fuzz_op *op, char *text, size_t bytes)
{
    const uint8_t *o = op->operand;
    unsigned job = (o[0] & 3) % JOBS;

    switch ((enum kind)op->kind) {
    case START:
        snprintf(text, bytes, "execute %u: %u bytes %s at %u%s%s; reported %s, %s%s%s", job,
                 lengths[o[1] & 7], o[0] & 4 ? "out" : "in", offsets[o[1] >> 3 & 3],
                 (o[0] >> 3 & 3) == 3 ? ", at once" : "", o[0] >> 5 == 7 ? ", in one" : "",
                 (o[2] & 3) == 1   ? "inside"
                 : (o[2] & 3) == 2 ? "in turns"
                 : (o[2] & 3) == 3 ? "later or too early"
                                   : "later",
                 report_names[(o[2] >> 2 & 7) % REPORTS],
                 (o[3] >> 4 & 7) == 7 ? "; then deleted" : "", o[3] & 128 ? "; then anew" : "");
        break;
    case RESERVE:
        snprintf(text, bytes, "reserve for %u%s", job, o[2] & 1 ? ", and execute inside" : "");
        break;
    case GIVE:
        snprintf(text, bytes, "give the reservation of %u back", job);
        break;
    case STEP:
        snprintf(text, bytes, "the engine moves up to %u bytes", 1 + o[0] % 130u);
        break;
    case REPORT:
        snprintf(text, bytes, "the device reports to %u: %s", job, report_names[o[1] % REPORTS]);
        break;
    case BREAK:
        snprintf(text, bytes, "device %u breaks, or is mended", o[0] % 3);
        break;
    case CANCEL_IT:
        snprintf(text, bytes, "cancel %u", job);
        break;
    case STOP:
        snprintf(text, bytes, "stop %u", job);
        break;
    case LOOK:
        snprintf(text, bytes, "look at %u", job);
        break;
    case BUFFER:
        return "make a common buffer, and delete it";
    }
    return text;
}

static const char *const actor_names[] = {"driver", "other", "device", "cancel", "dpc"};
/* begun: so many transactions execute or wait; of one or two fragments; deleted when they are over. */
static const struct fuzz_setting settings[] = {
    {"profile", PROFILES}, {"begun", 3}, {"two", 2}, {"dies", 2}};
static const struct fuzz_kind kinds[] = {
    [START] = {"start", 4, 3,
               "job, direction, at once, in one; length and offset class; report; rest"},
    [RESERVE] = {"reserve", 4, 3, "as start; executed inside EvtReserveDma when reports are"},
    [GIVE] = {"give", 1, 3, "FreeResources"},
    [STEP] = {"step", 1, 4, "bytes, less one"},
    [REPORT] = {"report", 2, 4, "job; what of it"},
    [BREAK] = {"break", 1, 4, "the device on a line faults, or does again what it should"},
    [CANCEL_IT] = {"cancel", 1, 8, "WdfDmaTransactionCancel"},
    [STOP] = {"stop", 1, 8, "StopSystemTransfer"},
    [LOOK] = {"look", 1, 8, "the getters"},
    [BUFFER] = {"buffer", 0, 2, "a common buffer comes and goes"},
};

const struct fuzz_target fuzz_target_kmdf = {
    .name = "kmdf",
    .summary =
        "DMA transactions: execute, report, cancel, stop, reserve, release, delete; one end each",
    .actors = actor_names,
    .actor_count = ACTORS,
    .thread_count = 1,
    .settings = settings,
    .setting_count = 4,
    .kinds = kinds,
    .kind_count = sizeof kinds / sizeof kinds[0],
    .steps_max = 12000,
    .reset = kmdf_reset,
    .perform = kmdf_perform,
    .finish = kmdf_finish,
    .check = kmdf_check,
    .digest = kmdf_digest,
    .tell = kmdf_tell,
};
