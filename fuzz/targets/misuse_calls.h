/* SPDX-License-Identifier: MIT */
/*
 * misuse_calls.h: each routine of a transaction in any state, and what the contract's table (13.1) says of it:
 * the rule, the status, the state after. Included by misuse_fuzz.c, once.
 */
#ifndef FUZZ_MISUSE_CALLS_H
#define FUZZ_MISUSE_CALLS_H

/* --- what the table says -------------------------------------------------------------------------------- */

static bool is_executing(const struct model *m)
{
    return m->state == WAITING || m->state == PROGRAMMED;
}

/* No transaction behind the handle: it is deleted. */
static bool is_gone(const struct model *m)
{
    return m->is_dead || m->is_dying;
}

static const struct model *other_of(const struct model *m)
{
    return &k.m[m == &k.m[0]];
}

/* A system adapter serves one at a time. */
static bool is_taken(const struct model *m)
{
    const struct model *o = other_of(m);

    return k.profile == SYSTEM && !o->is_dead && (o->is_held || o->state == PROGRAMMED);
}

/* Whoever waits comes next. */
static void serve(void)
{
    for (uint32_t i = 0; i < SLOTS; i++) {
        struct model *m = &k.m[i];
        if (is_taken(m))
            continue;
        if (m->state == WAITING)
            m->state = PROGRAMMED;
        if (m->is_queued) {
            m->is_queued = false;
            m->is_held = true;
        }
    }
}

static void ended(struct model *m, enum state state)
{
    m->state = state;
    if (m->is_dying) {
        m->is_dying = m->is_held = false;
        m->is_dead = true;
    }
    serve();
}

/* --- the calls ------------------------------------------------------------------------------------------ */

static BOOLEAN on_program(WDFDMATRANSACTION trx, WDFDEVICE device, WDFCONTEXT context,
                          WDF_DMA_DIRECTION direction, PSCATTER_GATHER_LIST list)
{
    (void)trx, (void)device, (void)context, (void)direction, (void)list;
    k.executed++;
    return TRUE;
}

static VOID on_reserve(WDFDMATRANSACTION trx, PVOID context)
{
    (void)trx, (void)context;
}

static void do_initialize(struct model *m, uint8_t how, uint8_t length)
{
    uint32_t bytes = 1 + length % (BYTES - 1);
    enum ms_rule rule = NO_RULE;
    NTSTATUS wanted = STATUS_INVALID_PARAMETER, status;
    PMDL mdl = k.mdl[m - k.m];

    how = how % 8 < 5 ? how % 8 : 0;
    status = WdfDmaTransactionInitializeUsingOffset(m->trx, how == 1 ? NULL : on_program,
                                                    how == 2 ? (WDF_DMA_DIRECTION)2
                                                             : WdfDmaDirectionReadFromDevice,
                                                    how == 3 ? NULL : mdl, 0, how == 4 ? 0 : bytes);
    if (is_gone(m)) {
        rule = MS_RULE_WDF_HANDLE;
    } else if (how == 1 || how == 3) {
        rule = MS_RULE_WDF_NULL;
    } else if (how == 0 && m->state != CREATED && m->state != RESERVED && m->state != RELEASED) {
        rule = MS_RULE_WDF_INITIALIZE_STATE;
        wanted = STATUS_INVALID_DEVICE_REQUEST;
    } else if (how == 0 && m->is_queued) { /* the context waits in a queue: it fails (TRX-15) */
        rule = MS_RULE_WDF_INITIALIZE_QUEUED;
        m->state = RELEASED;
    } else if (how == 0) {
        wanted = STATUS_SUCCESS;
    }
    expect_of(m->trx, rule, "Initialize");
    expect_status(status, wanted, "Initialize");
    if (wanted != STATUS_SUCCESS)
        return;
    m->state = INITIALIZED;
    m->is_stopped = m->is_refused = false;
    m->length = bytes;
    m->reported = 0;
}

static void do_execute(struct model *m)
{
    bool is_shut = k.profile == PACKET_2 && (is_executing(&k.m[0]) || is_executing(&k.m[1]));
    NTSTATUS status = WdfDmaTransactionExecute(m->trx, NULL);

    if (is_gone(m)) {
        expect_of(m->trx, MS_RULE_WDF_HANDLE, "Execute");
        expect_status(status, STATUS_INVALID_PARAMETER, "Execute");
    } else if (m->state != INITIALIZED || m->is_queued) { /* EXE-02: before any gate */
        expect_of(m->trx, MS_RULE_WDF_EXECUTE_STATE, "Execute");
        expect_status(status, STATUS_INVALID_DEVICE_REQUEST, "Execute");
    } else if (is_shut) { /* EXE-10 */
        expect_of(m->trx, NO_RULE, "Execute");
        expect_status(status, STATUS_WDF_BUSY, "Execute");
        m->state = FAILED;
    } else {
        expect_of(m->trx, NO_RULE, "Execute");
        expect_status(status, STATUS_SUCCESS, "Execute");
        m->state = is_taken(m) ? WAITING : PROGRAMMED;
    }
}

static void do_report(struct model *m, uint8_t how)
{
    uint32_t left = m->length - m->reported, staged = left < FRAGMENT ? left : FRAGMENT, bytes;
    NTSTATUS status = STATUS_SUCCESS, wanted = STATUS_INVALID_DEVICE_REQUEST;
    enum ms_rule rule = NO_RULE;
    BOOLEAN over, is_last = FALSE;

    how %= 5;
    bytes = how == 0 ? staged : how == 4 ? staged + 1 : staged / 2;
    if (how == 0)
        over = WdfDmaTransactionDmaCompleted(m->trx, &status);
    else if (how == 1)
        over = WdfDmaTransactionDmaCompletedFinal(m->trx, bytes, &status);
    else
        over = WdfDmaTransactionDmaCompletedWithLength(m->trx, bytes, how == 2 ? NULL : &status);
    if (m->is_dead) {
        rule = MS_RULE_WDF_HANDLE;
        wanted = STATUS_INVALID_PARAMETER;
    } else if (how == 2) {
        rule = MS_RULE_WDF_NULL;
    } else if (m->state == WAITING) {
        rule = MS_RULE_WDF_REPORT_TWICE; /* CMP-19 */
    } else if (m->state != PROGRAMMED) {
        rule = MS_RULE_WDF_REPORT_STATE;
    } else {
        m->reported += how == 4 ? 0 : bytes;
        is_last =
            how == 1 || how == 4 || m->reported == m->length || m->is_stopped || m->is_refused;
        wanted = how == 4                               ? STATUS_INVALID_PARAMETER /* CON-05 */
                 : how == 1 || m->reported == m->length ? STATUS_SUCCESS
                 : is_last                              ? STATUS_CANCELLED
                                                        : STATUS_MORE_PROCESSING_REQUIRED;
    }
    expect_of(m->trx, rule, "DmaCompleted");
    if (how != 2)
        expect_status(status, wanted, "DmaCompleted");
    if (over != is_last)
        ms_sim_fail("O7 a report says something else", "%d, wanted %d", over, is_last);
    if (is_last)
        ended(m, wanted == STATUS_SUCCESS ? COMPLETED : FAILED);
}

static void do_cancel(struct model *m)
{
    BOOLEAN is_cancelled = WdfDmaTransactionCancel(m->trx), wanted = FALSE;
    enum ms_rule rule = NO_RULE;

    if (is_gone(m))
        rule = MS_RULE_WDF_HANDLE;
    else if (k.profile == PACKET_2)
        rule = MS_RULE_WDF_CANCEL_VERSION;
    else if (m->state == CREATED || m->state == RELEASED)
        rule = MS_RULE_WDF_CANCEL_STATE;
    else if (m->state == COMPLETED || m->state == FAILED) /* K5 */
        rule = k.ended_is_fatal ? MS_RULE_WDF_CANCEL_STATE : MS_RULE_WDF_CANCEL_ENDED;
    else
        wanted = m->state == WAITING || (m->state == RESERVED && m->is_queued);
    expect_of(m->trx, rule, "Cancel");
    if (is_cancelled != wanted)
        ms_sim_fail("O7 a cancel says something else", "%d, wanted %d", is_cancelled, wanted);
    if (rule == NO_RULE && m->state == PROGRAMMED && k.profile == LISTS)
        m->is_refused = true; /* CAN-11 */
    if (!wanted)
        return;
    m->state = FAILED;
    m->is_queued = false;
}

static void do_stop(struct model *m)
{
    enum ms_rule rule = is_gone(m)            ? MS_RULE_WDF_HANDLE
                        : k.profile != SYSTEM ? MS_RULE_WDF_SETTER_PROFILE
                        : m->state != INITIALIZED && !is_executing(m)
                            ? (k.ended_is_fatal ? MS_RULE_WDF_STOP_ENDED /* K5 */
                                                : MS_RULE_WDF_STOP_NOTHING)
                        : m->is_stopped ? MS_RULE_WDF_STOP_TWICE
                                        : NO_RULE;

    WdfDmaTransactionStopSystemTransfer(m->trx);
    expect_of(m->trx, rule, "StopSystemTransfer");
    if (rule == NO_RULE)
        m->is_stopped = true;
}

static void do_release(struct model *m)
{
    NTSTATUS status = WdfDmaTransactionRelease(m->trx);

    if (is_gone(m)) {
        expect_of(m->trx, MS_RULE_WDF_HANDLE, "Release");
        expect_status(status, STATUS_INVALID_PARAMETER, "Release");
    } else if (is_executing(m)) {
        expect_of(m->trx, MS_RULE_WDF_RELEASE_STATE, "Release");
        expect_status(status, STATUS_INVALID_DEVICE_STATE, "Release");
    } else {
        expect_of(m->trx, m->is_queued ? MS_RULE_WDF_FREE_QUEUED : NO_RULE, "Release");
        expect_status(status, STATUS_SUCCESS, "Release");
        m->is_queued = false;
        m->state = RELEASED;
        serve();
    }
}

static void do_reserve(struct model *m, uint8_t how)
{
    bool is_whole = how & 1, has_routine = (how & 6) != 6, is_known = (how & 24) != 24;
    bool may =
        m->state == INITIALIZED || (!is_whole && (m->state == CREATED || m->state == RELEASED));
    NTSTATUS wanted = STATUS_SUCCESS, status;
    enum ms_rule rule = NO_RULE;

    status = WdfDmaTransactionAllocateResources(
        m->trx, is_known ? WdfDmaDirectionReadFromDevice : (WDF_DMA_DIRECTION)7, is_whole ? 0 : 2,
        has_routine ? on_reserve : NULL, NULL);
    if (is_gone(m)) {
        rule = MS_RULE_WDF_HANDLE;
        wanted = STATUS_INVALID_PARAMETER;
    } else if (!has_routine) {
        rule = MS_RULE_WDF_NULL;
        wanted = STATUS_INVALID_PARAMETER;
    } else if (k.profile == LISTS || k.profile == PACKET_2) {
        wanted = STATUS_INVALID_DEVICE_REQUEST; /* RES-02 */
    } else if (!is_known) {
        wanted = STATUS_INVALID_PARAMETER;
    } else if (!may || m->is_queued || m->is_held) {
        rule = MS_RULE_WDF_RESERVE_STATE;
        wanted = STATUS_INVALID_DEVICE_REQUEST;
    }
    expect_of(m->trx, rule, "AllocateResources");
    expect_status(status, wanted, "AllocateResources");
    if (wanted != STATUS_SUCCESS)
        return;
    m->state = RESERVED;
    m->is_queued = is_taken(m);
    m->is_held = !m->is_queued;
}

static void do_give(struct model *m)
{
    enum ms_rule rule = NO_RULE;

    WdfDmaTransactionFreeResources(m->trx);
    if (is_gone(m))
        rule = MS_RULE_WDF_HANDLE;
    else if (k.profile == LISTS || k.profile == PACKET_2)
        rule = MS_RULE_WDF_SETTER_PROFILE;
    else if (m->state == CREATED || is_executing(m))
        rule = MS_RULE_WDF_FREE_STATE;
    else if (m->is_queued)
        rule = MS_RULE_WDF_FREE_QUEUED;
    expect_of(m->trx, rule, "FreeResources");
    if (rule != NO_RULE && rule != MS_RULE_WDF_FREE_QUEUED)
        return;
    m->is_queued = m->is_held = false;
    m->state = RELEASED;
    serve();
}

static void do_set(struct model *m, uint8_t what)
{
    bool is_early = m->state == CREATED || m->state == RELEASED;
    bool is_system_only = what % 6 >= 3, is_allowed = true;

    switch (what % 6) {
    case 0:
        WdfDmaTransactionSetSingleTransferRequirement(m->trx, FALSE);
        is_allowed = is_early || m->state == RESERVED;
        break;
    case 1:
        WdfDmaTransactionSetImmediateExecution(m->trx, FALSE);
        is_allowed = is_early || m->state == INITIALIZED;
        break;
    case 2:
        WdfDmaTransactionSetMaximumLength(m->trx, BYTES);
        is_allowed = m->state == INITIALIZED;
        break;
    case 3:
        WdfDmaTransactionSetDeviceAddressOffset(m->trx, 0);
        is_allowed = !is_executing(m);
        break;
    case 4:
        WdfDmaTransactionSetChannelConfigurationCallback(m->trx, NULL, NULL);
        is_allowed = !is_executing(m);
        break;
    default:
        WdfDmaTransactionSetTransferCompleteCallback(m->trx, NULL, NULL);
        is_allowed = !is_executing(m);
        break;
    }
    bool is_missing = is_system_only ? k.profile != SYSTEM : what % 6 < 2 && k.profile == PACKET_2;
    expect_of(m->trx,
              is_gone(m)    ? MS_RULE_WDF_HANDLE
              : is_missing  ? MS_RULE_WDF_SETTER_PROFILE
              : !is_allowed ? MS_RULE_WDF_SETTER_STATE
                            : NO_RULE,
              "a setter");
}

static void do_get(struct model *m, uint8_t what)
{
    ULONG registers, elements;
    bool has_context = k.profile != PACKET_2 && m->state != CREATED && m->state != RELEASED;

    if (what & 1) {
        WdfDmaTransactionGetTransferInfo(m->trx, &registers, &elements);
        expect_of(m->trx,
                  is_gone(m)                ? MS_RULE_WDF_HANDLE
                  : m->state == INITIALIZED ? NO_RULE
                                            : MS_RULE_WDF_INFO_STATE,
                  "GetTransferInfo");
    } else {
        PVOID context = WdfDmaTransactionWdmGetTransferContext(m->trx);
        expect_of(m->trx,
                  is_gone(m)    ? MS_RULE_WDF_HANDLE
                  : has_context ? NO_RULE
                                : MS_RULE_WDF_CONTEXT_STATE,
                  "WdmGetTransferContext");
        if ((context != NULL) != (has_context && !is_gone(m)))
            ms_sim_fail("O7 a transfer context that is none", "%p", context);
    }
}

static void do_delete(struct model *m)
{
    WdfObjectDelete(m->trx);
    if (is_gone(m)) {
        expect_of(m->trx, MS_RULE_WDF_HANDLE, "WdfObjectDelete");
    } else if (is_executing(m)) {
        expect_of(m->trx, MS_RULE_WDF_DELETE_EXECUTING, "WdfObjectDelete");
        m->is_dying = true; /* FTL-01: it lives until it has ended */
    } else {
        expect_of(m->trx, m->is_queued ? MS_RULE_WDF_FREE_QUEUED : NO_RULE, "WdfObjectDelete");
        m->is_queued = m->is_held = false;
        m->is_dead = true;
        serve();
    }
}

static void do_create(struct model *m)
{
    NTSTATUS status;

    if (!m->is_dead)
        return;
    status = WdfDmaTransactionCreate(k.enabler, NULL, &m->trx);
    expect(NO_RULE, "WdfDmaTransactionCreate");
    expect_status(status, STATUS_SUCCESS, "WdfDmaTransactionCreate");
    *m = (struct model){.trx = m->trx};
}

/* What is never given back: a reference on an object of its own, or on one whose parents stay for its sake
 * alone; or a transaction that goes on executing. Each is reported at the machine's end (WDF_LEAK), and
 * nothing else is. */
static void do_leave(struct model *m, uint8_t what)
{
    WDFOBJECT object;

    if (what % 4 == 3) { /* unless it is reported all the same */
        m->is_left = true;
        return;
    }
    if (k.left_count == LEFT_MAX)
        return;
    if (what % 4 == 1)
        object = k.extra;
    else
        ms_require(NT_SUCCESS(WdfObjectCreate(NULL, &object)));
    WdfObjectReference(object);
    if (what % 4 == 2)
        WdfObjectDelete(object);
    expect(NO_RULE, "a reference that is kept");
    for (uint32_t i = 0; i < k.left_count; i++)
        if (k.left[i] == object)
            return; /* one leak, however many references */
    k.left[k.left_count++] = object;
}

/* The other driver: a whole transfer, while the first one does what it does. */
static void do_bystander(void)
{
    uint32_t before = k.executed;
    NTSTATUS status;

    expect_status(WdfDmaTransactionInitializeUsingOffset(k.bystander, on_program,
                                                         WdfDmaDirectionWriteToDevice, k.mdl[SLOTS],
                                                         0, FRAGMENT),
                  STATUS_SUCCESS, "the other driver's Initialize");
    expect_status(WdfDmaTransactionExecute(k.bystander, NULL), STATUS_SUCCESS,
                  "the other driver's Execute");
    if (k.executed != before + 1 || !WdfDmaTransactionDmaCompleted(k.bystander, &status) ||
        WdfDmaTransactionGetBytesTransferred(k.bystander) != FRAGMENT)
        ms_sim_fail("O1 another driver's transfer suffers", "%u programmed", k.executed - before);
    expect_status(WdfDmaTransactionRelease(k.bystander), STATUS_SUCCESS,
                  "the other driver's Release");
    expect(NO_RULE, "the other driver's calls");
}

#endif
