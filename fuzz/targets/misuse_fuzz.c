/* SPDX-License-Identifier: MIT */
/*
 * misuse_fuzz.c: a driver that keeps no rule: any routine of a transaction in any state, with any handle, and
 * what drivers do wrong with requests, locks, timers and callbacks. Beside it a driver that does nothing wrong.
 *
 * Proves       each call reports the rule that was broken, and no other (verify/rules.def); it takes the
 *              documented way out: status, and a state that does not change (FTL-01, FTL-02, section 13.1); a
 *              call that breaks no rule is not blamed; nothing crashes; the other driver's transfers go on;
 *              at the end nothing is held by anybody (O2, O9)
 */
#include "kmdf_stage.h"

#include "mapstorm_wdf.h"

enum { SLOTS = 2, FRAGMENT = 64, BYTES = 256, DRAIN_ROUNDS = 64 };
#define NO_RULE ((enum ms_rule)0)
enum profile { PACKET, LISTS, SYSTEM, PACKET_2, PROFILES };
enum state { CREATED, RESERVED, INITIALIZED, WAITING, PROGRAMMED, COMPLETED, FAILED, RELEASED };

/* What a transaction is, by the contract's table. */
struct model {
    WDFDMATRANSACTION trx;
    enum state state;
    bool is_queued, is_held; /* a reservation */
    bool is_dying, is_dead;
    bool is_stopped, is_refused; /* the next fragment will not be mapped */
    uint32_t length, reported;
};

static struct {
    struct kmdf_stage stage; /* from here on kept in the image */
    enum profile profile;
    PDRIVER_OBJECT driver;
    WDFDEVICE device;
    WDFQUEUE queue;
    WDFDMAENABLER enabler, other, unready;
    WDFDMATRANSACTION bystander, extra;
    WDFTIMER timer;
    WDFSPINLOCK lock;
    PMDL mdl[SLOTS + 1];
    uint32_t objects;
    struct model m[SLOTS]; /* from here on set anew */
    uint32_t reports;
    const struct ms_rule_info *rule;
    uint32_t done, executed;
    uint8_t trick;
} k;

static const PFN_NUMBER pfn[SLOTS + 1] = {0x4000, 0x4010, 0x140000};

static VOID watch(const struct ms_rule_report *report, void *context)
{
    (void)context;
    if (k.reports++ == 0)
        k.rule = report->info;
}

/* After each call: this rule and no other; NO_RULE: none. */
static void expect(enum ms_rule rule, const char *call)
{
    const char *wanted = rule == NO_RULE ? "none" : ms_rule_info((uint32_t)rule)->name;

    if (k.reports != (rule != NO_RULE) || (k.reports > 0 && k.rule->rule != rule))
        ms_sim_fail(rule == NO_RULE  ? "O7 a call that breaks no rule is blamed"
                    : k.reports == 0 ? "O7 a broken rule is not reported"
                                     : "O7 another rule is reported",
                    "%s: %u reports, the first %s, wanted %s", call, k.reports,
                    k.reports > 0 ? k.rule->name : "none", wanted);
    k.reports = 0;
}

static void expect_status(NTSTATUS status, NTSTATUS wanted, const char *call)
{
    if (status != wanted)
        ms_sim_fail("O7 a call ends with another status", "%s: %08x, wanted %08x", call,
                    (unsigned)status, (unsigned)wanted);
}

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
    expect(rule, "Initialize");
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
    bool is_busy = k.profile == PACKET_2 && (is_executing(&k.m[0]) || is_executing(&k.m[1]));
    NTSTATUS status = WdfDmaTransactionExecute(m->trx, NULL);

    if (is_gone(m)) {
        expect(MS_RULE_WDF_HANDLE, "Execute");
        expect_status(status, STATUS_INVALID_PARAMETER, "Execute");
    } else if (is_busy) { /* EXE-10 */
        expect(NO_RULE, "Execute");
        expect_status(status, STATUS_WDF_BUSY, "Execute");
        if (m->state == INITIALIZED)
            m->state = FAILED;
    } else if (m->state != INITIALIZED || m->is_queued) {
        expect(MS_RULE_WDF_EXECUTE_STATE, "Execute");
        expect_status(status, STATUS_INVALID_DEVICE_REQUEST, "Execute");
    } else {
        expect(NO_RULE, "Execute");
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
    expect(rule, "DmaCompleted");
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
    else if (m->state == COMPLETED || m->state == FAILED)
        rule = MS_RULE_WDF_CANCEL_ENDED;
    else
        wanted = m->state == WAITING || (m->state == RESERVED && m->is_queued);
    expect(rule, "Cancel");
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
    enum ms_rule rule = is_gone(m)                                    ? MS_RULE_WDF_HANDLE
                        : k.profile != SYSTEM                         ? MS_RULE_WDF_SETTER_PROFILE
                        : m->state != INITIALIZED && !is_executing(m) ? MS_RULE_WDF_STOP_NOTHING
                        : m->is_stopped                               ? MS_RULE_WDF_STOP_TWICE
                                                                      : NO_RULE;

    WdfDmaTransactionStopSystemTransfer(m->trx);
    expect(rule, "StopSystemTransfer");
    if (rule == NO_RULE)
        m->is_stopped = true;
}

static void do_release(struct model *m)
{
    NTSTATUS status = WdfDmaTransactionRelease(m->trx);

    if (is_gone(m)) {
        expect(MS_RULE_WDF_HANDLE, "Release");
        expect_status(status, STATUS_INVALID_PARAMETER, "Release");
    } else if (is_executing(m)) {
        expect(MS_RULE_WDF_RELEASE_STATE, "Release");
        expect_status(status, STATUS_INVALID_DEVICE_STATE, "Release");
    } else {
        expect(m->is_queued ? MS_RULE_WDF_FREE_QUEUED : NO_RULE, "Release");
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
    expect(rule, "AllocateResources");
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
    expect(rule, "FreeResources");
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
    expect(is_gone(m)    ? MS_RULE_WDF_HANDLE
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
        expect(is_gone(m)                ? MS_RULE_WDF_HANDLE
               : m->state == INITIALIZED ? NO_RULE
                                         : MS_RULE_WDF_INFO_STATE,
               "GetTransferInfo");
    } else {
        PVOID context = WdfDmaTransactionWdmGetTransferContext(m->trx);
        expect(is_gone(m)    ? MS_RULE_WDF_HANDLE
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
        expect(MS_RULE_WDF_HANDLE, "WdfObjectDelete");
    } else if (is_executing(m)) {
        expect(MS_RULE_WDF_DELETE_EXECUTING, "WdfObjectDelete");
        m->is_dying = true; /* FTL-01: it lives until it has ended */
    } else {
        expect(m->is_queued ? MS_RULE_WDF_FREE_QUEUED : NO_RULE, "WdfObjectDelete");
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

#include "misuse_tricks.h"

/* --- the target ----------------------------------------------------------------------------------------- */

enum kind {
    INITIALIZE,
    EXECUTE,
    REPORT,
    CANCEL,
    STOP,
    RELEASE,
    RESERVE,
    GIVE,
    SET,
    GET,
    DELETE_IT,
    CREATE,
    BYSTANDER,
    TRICK
};

static NTSTATUS on_device_add(WDFDRIVER driver, PWDFDEVICE_INIT init)
{
    (void)driver;
    return WdfDeviceCreate(&init, WDF_NO_OBJECT_ATTRIBUTES, &k.device);
}

static NTSTATUS on_entry(PDRIVER_OBJECT object, PUNICODE_STRING path)
{
    WDF_DRIVER_CONFIG config;

    WDF_DRIVER_CONFIG_INIT(&config, on_device_add);
    return WdfDriverCreate(object, path, WDF_NO_OBJECT_ATTRIBUTES, &config, WDF_NO_HANDLE);
}

static void configure(WDFDMAENABLER enabler, uint32_t line)
{
    CM_PARTIAL_RESOURCE_DESCRIPTOR resource = {.Type = CmResourceTypeDma,
                                               .Flags = CM_RESOURCE_DMA_V3};
    PHYSICAL_ADDRESS address = {.QuadPart = 0xFE000000};
    WDF_DMA_SYSTEM_PROFILE_CONFIG config;

    resource.u.DmaV3.RequestLine = line;
    WDF_DMA_SYSTEM_PROFILE_CONFIG_INIT(&config, address, Width8Bits, &resource);
    ms_require(NT_SUCCESS(
        WdfDmaEnablerConfigureSystemProfile(enabler, &config, WdfDmaDirectionReadFromDevice)));
}

static void make_enabler(WDF_DMA_PROFILE profile, ULONG version, WDFDMAENABLER *enabler)
{
    WDF_DMA_ENABLER_CONFIG config;

    WDF_DMA_ENABLER_CONFIG_INIT(&config, profile, FRAGMENT);
    config.WdmDmaVersionOverride = version;
    ms_require(NT_SUCCESS(WdfDmaEnablerCreate(k.device, &config, NULL, enabler)));
}

/* Two enablers and a device of the bad driver, one enabler of the good one. */
static void make_driver(void)
{
    static const WDF_DMA_PROFILE profiles[PROFILES] = {
        WdfDmaProfilePacket, WdfDmaProfileScatterGather, WdfDmaProfileSystem, WdfDmaProfilePacket};
    WDF_OBJECT_ATTRIBUTES attributes;
    WDF_IO_QUEUE_CONFIG queue;
    WDF_TIMER_CONFIG timer;

    ms_require(NT_SUCCESS(ms_wdf_driver_load(on_entry, &k.driver)));
    ms_require(NT_SUCCESS(ms_wdf_device_add(k.driver, &k.stage.stage.pdo, NULL, 0, &k.device)));
    WDF_IO_QUEUE_CONFIG_INIT_DEFAULT_QUEUE(&queue, WdfIoQueueDispatchManual);
    ms_require(NT_SUCCESS(WdfIoQueueCreate(k.device, &queue, NULL, &k.queue)));
    WDF_TIMER_CONFIG_INIT(&timer, on_timer);
    timer.AutomaticSerialization = FALSE;
    WDF_OBJECT_ATTRIBUTES_INIT(&attributes);
    attributes.ParentObject = k.device;
    ms_require(NT_SUCCESS(WdfTimerCreate(&timer, &attributes, &k.timer)));
    ms_require(NT_SUCCESS(WdfSpinLockCreate(&attributes, &k.lock)));
    make_enabler(profiles[k.profile], k.profile == PACKET_2 ? 2 : 3, &k.enabler);
    if (k.profile == SYSTEM)
        configure(k.enabler, 0x1003);
    make_enabler(WdfDmaProfilePacket, 3, &k.other);
    make_enabler(WdfDmaProfileSystem, 3, &k.unready);
    ms_require(NT_SUCCESS(WdfDmaTransactionCreate(k.other, NULL, &k.bystander)));
    ms_require(NT_SUCCESS(WdfDmaTransactionCreate(k.other, NULL, &k.extra)));
    for (uint32_t i = 0; i < SLOTS; i++)
        ms_require(NT_SUCCESS(WdfDmaTransactionCreate(k.enabler, NULL, &k.m[i].trx)));
}

static void make_machine(void)
{
    struct ms_controller_config controller = ms_controller_soc();
    const struct ms_dma_config config = {
        .strategy = &ms_reg_cas_bitmap,
        .variant = ms_sg_variant_find("scalar"),
        .registers = {4, 16},
        .grants = 8,
        .controllers = &controller,
        .controller_count = 1,
    };

    controller.channels = 2;
    (void)stage_memory(&k.stage.stage);
    for (uint32_t i = 0; i <= SLOTS; i++) {
        k.mdl[i] = ms_mdl_create(&pfn[i], 0, BYTES);
        ms_require(k.mdl[i] != NULL);
    }
    kmdf_stage_make(&k.stage, &config, 1);
    ms_rules_watch(&k.stage.stage.kernel, watch, NULL);
    make_driver();
    k.objects = ms_wdf_objects(k.stage.wdf);
    stage_keep(&k.stage.stage, &k.reports); /* the transactions' handles with it */
}

static void misuse_reset(const uint8_t *setup)
{
    enum profile profile = setup[0] % PROFILES;

    if (!stage_ready(&k.stage.stage, profile)) {
        memset(k.m, 0, sizeof k.m);
        k.profile = profile;
        make_machine();
    }
    k.reports = k.done = k.executed = 0;
    k.rule = NULL;
}

static void misuse_perform(uint32_t actor, const struct fuzz_op *op)
{
    struct model *m = &k.m[op->operand[0] & 1];
    uint8_t how = op->operand[0] >> 1;

    stage_cpu(&k.stage.stage, actor);
    switch ((enum kind)op->kind) {
    case INITIALIZE:
        do_initialize(m, how, op->operand[1]);
        break;
    case EXECUTE:
        do_execute(m);
        break;
    case REPORT:
        do_report(m, how);
        break;
    case CANCEL:
        do_cancel(m);
        break;
    case STOP:
        do_stop(m);
        break;
    case RELEASE:
        do_release(m);
        break;
    case RESERVE:
        do_reserve(m, how);
        break;
    case GIVE:
        do_give(m);
        break;
    case SET:
        do_set(m, how);
        break;
    case GET:
        do_get(m, how);
        break;
    case DELETE_IT:
        do_delete(m);
        break;
    case CREATE:
        do_create(m);
        break;
    case BYSTANDER:
        do_bystander();
        break;
    case TRICK:
        do_trick(op->operand[0]);
        break;
    }
    ms_sim_state(0, (uint32_t)op->kind * 64 + (uint32_t)m->state * 8 + m->is_held * 4u +
                        m->is_queued * 2u + is_gone(m));
}

/* The bad driver ends what it began, as it should have; then all must be as before it came. */
static void misuse_finish(uint32_t actor)
{
    stage_cpu(&k.stage.stage, actor);
    for (uint32_t round = 0; round < DRAIN_ROUNDS; round++)
        for (uint32_t i = 0; i < SLOTS; i++) {
            struct model *m = &k.m[i];
            if (m->state == PROGRAMMED && !m->is_dead)
                do_report(m, 1);
            else if (!is_gone(m) && !is_executing(m) && round > 0)
                do_delete(m);
        }
    for (uint32_t i = 0; i < SLOTS; i++)
        do_create(&k.m[i]);
    do_bystander();
}

static void misuse_check(void *unused)
{
    (void)unused;
    stage_cpu(&k.stage.stage, 1);
    if (ms_wdf_objects(k.stage.wdf) != k.objects)
        ms_sim_fail("O9 an object is left, or one is gone", "%u, of %u",
                    ms_wdf_objects(k.stage.wdf), k.objects);
    if (ms_dma_grants_used(k.stage.stage.dma) != 0)
        ms_sim_fail("O9 a grant is left", "%u", ms_dma_grants_used(k.stage.stage.dma));
    if (!ms_dma_audit(k.stage.stage.dma))
        ms_sim_fail("O2 the audit fails", "at the end");
}

static uint64_t misuse_digest(void)
{
    return (uint64_t)k.executed << 32 | k.done;
}

static const char *misuse_tell(const struct fuzz_op *op, char *text, size_t bytes)
{
    static const char *const names[] = {[INITIALIZE] = "initialise",
                                        [EXECUTE] = "execute",
                                        [REPORT] = "report",
                                        [CANCEL] = "cancel",
                                        [STOP] = "stop",
                                        [RELEASE] = "release",
                                        [RESERVE] = "reserve",
                                        [GIVE] = "give back",
                                        [SET] = "set up",
                                        [GET] = "ask",
                                        [DELETE_IT] = "delete",
                                        [CREATE] = "create"};

    if (op->kind == BYSTANDER)
        return "the other driver makes a transfer";
    if (op->kind == TRICK)
        return trick_of(op->operand[0])->name;
    snprintf(text, bytes, "%s %u, way %u", names[op->kind], op->operand[0] & 1,
             op->operand[0] >> 1);
    return text;
}

static const char *const actor_names[] = {"driver"};
static const struct fuzz_setting settings[] = {{"profile", PROFILES}};
static const struct fuzz_kind kinds[] = {
    [INITIALIZE] = {"initialize", 2, 1, "which, what is wrong; length"},
    [EXECUTE] = {"execute", 1, 1, "which"},
    [REPORT] = {"report", 1, 1, "which, how much"},
    [CANCEL] = {"cancel", 1, 1, "which"},
    [STOP] = {"stop", 1, 1, "which"},
    [RELEASE] = {"release", 1, 1, "which"},
    [RESERVE] = {"reserve", 1, 1, "which, what is wrong"},
    [GIVE] = {"give", 1, 1, "which: FreeResources"},
    [SET] = {"set", 1, 1, "which, what"},
    [GET] = {"get", 1, 1, "which, what"},
    [DELETE_IT] = {"delete", 1, 1, "which"},
    [CREATE] = {"create", 1, 1, "which, when it is gone"},
    [BYSTANDER] = {"bystander", 0, 1, "the other driver makes a whole transfer"},
    [TRICK] = {"trick", 1, 1, "one thing done wrong with other objects, and mended"},
};

const struct fuzz_target fuzz_target_misuse = {
    .name = "misuse",
    .summary = "a driver that keeps no rule: the right one is reported, and nobody else suffers",
    .actors = actor_names,
    .actor_count = 1,
    .settings = settings,
    .setting_count = 1,
    .kinds = kinds,
    .kind_count = sizeof kinds / sizeof kinds[0],
    .is_sequential = true,
    .steps_max = 20000,
    .reset = misuse_reset,
    .perform = misuse_perform,
    .finish = misuse_finish,
    .check = misuse_check,
    .digest = misuse_digest,
    .tell = misuse_tell,
};
