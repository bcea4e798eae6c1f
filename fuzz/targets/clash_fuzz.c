/* SPDX-License-Identifier: MIT */
/*
 * clash_fuzz.c: threads of a bad driver that trip over each other: all of them delete the same object, complete
 * the same request, report and delete the same transaction, while whoever submitted cancels. What one thread
 * alone does wrong is misuse_fuzz.c's; some rules take two, for a handle is good for the one and gone for the
 * other in between.
 *
 * Proves       of all calls that compete one has its way, and each of the others is told so, once, by the right
 *              rule, about that object (OBJ-05, REQ-02, REL-08, CMP-02, CMP-14); nobody is blamed who came alone;
 *              a request whose cancel callback is on its way is not completed before it has begun, and that is
 *              told (REQ-09); a callback comes once, or an unmark says that it never will (REQ-06, REQ-07);
 *              whatever is done to a transaction at once, each execution ends once (clash_tangle.h);
 *              of those who configure one enabler one does, and each of the others is told (ENB-22, ENB-34);
 *              nothing crashes, and at the end nothing is held by anybody (O2, O9)
 */
#include "misuse_driver.h"

#include "wdf/request.h"
#include "wdf/transaction.h"

enum { ACTORS = 3, FRAGMENT = 64, FINAL_FIBER = MS_SIM_ACTORS_MAX };
enum profile { PACKET, LISTS, SYSTEM, PACKET_2, PROFILES };

enum kind {
    DELETE_OBJECT,
    COMPLETE,
    UNMARK,
    CANCEL,
    REPORT,
    CANCEL_TRX,
    DELETE_TRX,
    INITIALIZE,
    EXECUTE,
    RESERVE,
    RELEASE,
    FREE,
    STOP,
    GIVE_WAY,
    CONFIGURE
};

/* Calls of which one has its way. Told between switch points, so always of one moment. */
struct contest {
    uint32_t begun;   /* calls */
    uint32_t winners; /* that had their way */
    bool is_over;     /* and the winner's call has returned */
};

static struct {
    struct kmdf_stage stage; /* from here on kept in the image */
    enum profile profile;
    uint32_t begins;
    bool is_marked, has_two;
    bool is_tangle; /* of the transaction no single outcome is judged (clash_tangle.h) */
    bool has_holder;
    WDFDEVICE device;
    WDFQUEUE queue;
    WDFDMAENABLER enabler, raw; /* raw: of a system profile that nobody has configured */
    PMDL mdl;
    uint32_t objects; /* before those that follow; the driver has a reference on the first three */
    WDFOBJECT object;
    WDFREQUEST request;
    WDFDMATRANSACTION trx, holder;
    struct ms_object *trx_inside; /* likewise */
    uint32_t begun, ends;         /* a tangle's executions and reservations */
    struct ms_request *inside;    /* the request's state, looked at without a step */
    uint32_t programmed;          /* from here on set anew */
    uint32_t reports[MS_SIM_FIBERS_MAX];
    struct ms_rule_report report[MS_SIM_FIBERS_MAX]; /* the first */
    struct contest delete, complete, delete_trx, end, configure;
    uint32_t changing;    /* calls on the request that have not returned */
    uint32_t configuring; /* likewise, that configure */
    uint32_t unmarks, unmarked, cancels, entered, done, cleaned, destroyed, stages;
    uint32_t withdrawn;    /* reservations that a broken rule may have withdrawn */
    uint32_t inside_calls; /* of a tangle, that have not returned */
    bool gave_way;
    NTSTATUS status;
    uint64_t digest;
} c;

static const PFN_NUMBER pfn = 0x4000;
static const PFN_NUMBER tangle_pfn[2] = {0x140000, 0x140008}; /* out of reach */

#include "clash_tangle.h"

static uint32_t self_index(void)
{
    uint32_t self = ms_sim_self();

    return self < MS_SIM_FIBERS_MAX ? self : FINAL_FIBER;
}

static VOID watch(const struct ms_rule_report *report, void *context)
{
    uint32_t self = self_index();

    (void)context;
    report_check(report);
    if (c.is_tangle && (report->object == (uint64_t)(uintptr_t)c.trx ||
                        report->object == (uint64_t)(uintptr_t)c.holder)) {
        tangle_watch(report);
        return;
    }
    if (c.reports[self]++ == 0)
        c.report[self] = *report;
}

/* What this thread's call was told: one rule at most, and about that object. */
static enum ms_rule told_of(const void *object, const char *call)
{
    uint32_t self = self_index(), reports = c.reports[self];

    c.reports[self] = 0;
    if (reports == 0)
        return NO_RULE;
    if (reports > 1)
        ms_sim_fail("O7 a call is told more than one rule", "%s: %u, the first %s", call, reports,
                    c.report[self].info->name);
    if (c.report[self].object != (uint64_t)(uintptr_t)object)
        ms_sim_fail("O7 a rule is reported about another object", "%s: %s", call,
                    c.report[self].info->name);
    return c.report[self].info->rule;
}

_Noreturn static void wrong_rule(enum ms_rule rule, const char *call)
{
    ms_sim_fail(rule == NO_RULE ? "O7 a broken rule is not reported"
                                : "O7 another rule is reported",
                "%s: %s", call, rule == NO_RULE ? "none" : ms_rule_info((uint32_t)rule)->name);
}

/* The call had its way: nobody else may. */
static void won(struct contest *contest, const char *bug)
{
    if (++contest->winners > 1)
        ms_sim_fail(bug, "%u of %u calls", contest->winners, contest->begun);
    contest->is_over = true;
}

/* A call that came too late: somebody else's had its way, and `between` is the rule of those who were in the
 * call already when it did. */
static void lost(const struct contest *contest, bool was_over, enum ms_rule rule,
                 enum ms_rule between, const char *call)
{
    if (rule != MS_RULE_WDF_HANDLE && rule != between)
        wrong_rule(rule, call);
    if (contest->begun < 2 || (rule == between && was_over))
        wrong_rule(rule, call);
}

/* --- objects -------------------------------------------------------------------------------------------- */

static VOID on_cleanup(WDFOBJECT object)
{
    (void)object;
    if (++c.cleaned > 1)
        ms_sim_fail("O3 an object is cleaned up twice", "%u times", c.cleaned); /* OBJ-04 */
}

static VOID on_destroy(WDFOBJECT object)
{
    (void)object;
    if (++c.destroyed > 1 || c.cleaned == 0)
        ms_sim_fail("O3 an object is destroyed out of order", "%u times", c.destroyed);
}

static void do_delete(void)
{
    bool was_over = c.delete.is_over;

    c.delete.begun++;
    WdfObjectDelete(c.object);
    enum ms_rule rule = told_of(c.object, "WdfObjectDelete");
    if (rule == NO_RULE)
        won(&c.delete, "O3 an object is deleted twice, and nobody is told");
    else
        lost(&c.delete, was_over, rule, MS_RULE_WDF_DELETE_TWICE, "WdfObjectDelete");
    ms_sim_state(0, (uint32_t)rule);
}

/* --- the request ---------------------------------------------------------------------------------------- */

static union ms_request_word request_look(void)
{
    return (union ms_request_word){.raw = c.inside->word.value};
}

static void on_done(void *context, NTSTATUS status, ULONG_PTR information)
{
    (void)context, (void)status, (void)information;
    if (++c.done > 1)
        ms_sim_fail("O3 a request is completed twice", "%u times", c.done); /* REQ-02 */
}

/* `is_inside`: by its cancel callback. Who is not may see a state that calls which have not returned are
 * changing as it was before them: only what a call that is over did must be seen. */
static void do_complete(NTSTATUS status, bool is_inside)
{
    union ms_request_word before = request_look(), after;
    bool was_over = c.complete.is_over, may_be_old = !is_inside && c.changing > 0;

    c.complete.begun++;
    WdfRequestComplete(c.request, status);
    enum ms_rule rule = told_of(c.request, "WdfRequestComplete");
    after = request_look();
    bool was_early = before.claimed && !before.entered && !before.completed;
    bool is_early = after.claimed && !after.entered;
    if (was_early && is_early && rule != MS_RULE_WDF_COMPLETE_EARLY &&
        !(may_be_old && rule == MS_RULE_WDF_COMPLETE_MARKED))
        wrong_rule(rule, "WdfRequestComplete before its cancel callback");
    if (before.marked && after.marked && rule != MS_RULE_WDF_COMPLETE_MARKED)
        wrong_rule(rule, "WdfRequestComplete of a marked one");
    switch ((uint32_t)rule) {
    case 0:
        if (before.completed || !after.completed)
            wrong_rule(rule, "WdfRequestComplete");
        won(&c.complete, "O3 a request is completed twice, and nobody is told");
        break;
    case MS_RULE_WDF_COMPLETE_EARLY:
        if (!after.claimed || (before.entered && !may_be_old))
            wrong_rule(rule, "WdfRequestComplete");
        break;
    case MS_RULE_WDF_COMPLETE_MARKED:
        if (!c.is_marked || (!before.marked && !may_be_old))
            wrong_rule(rule, "WdfRequestComplete");
        break;
    default:
        lost(&c.complete, was_over, rule, MS_RULE_WDF_COMPLETE_TWICE, "WdfRequestComplete");
    }
    ms_sim_state(1, (uint32_t)rule);
}

/* The driver knows that the request is its to complete, and does. */
static VOID on_cancel(WDFREQUEST request)
{
    if (request != c.request || ++c.entered > 1 || c.unmarked > 0)
        ms_sim_fail("O4 a cancel callback that should not come", "%u times, unmarked %u", c.entered,
                    c.unmarked); /* REQ-07 */
    do_complete(STATUS_CANCELLED, true);
}

/* Whoever submitted it. */
static void do_cancel(void)
{
    c.cancels++;
    c.changing++;
    (void)ms_wdf_cancel(c.request);
    c.changing--;
    if (told_of(c.request, "a cancel of the system's") != NO_RULE)
        ms_sim_fail("O7 the system is blamed", "%u cancels", c.cancels);
}

static void do_unmark(void)
{
    union ms_request_word before = request_look();

    c.unmarks++;
    c.changing++;
    NTSTATUS status = WdfRequestUnmarkCancelable(c.request);
    enum ms_rule rule = told_of(c.request, "WdfRequestUnmarkCancelable");
    c.changing--;
    union ms_request_word after = request_look();
    bool is_right = rule == NO_RULE ? status == STATUS_SUCCESS || status == STATUS_CANCELLED
                    : rule == MS_RULE_WDF_HANDLE ? c.complete.begun > 0 && after.completed
                    : rule == MS_RULE_WDF_UNMARK
                        ? !after.marked && (!before.marked || after.completed || c.unmarks > 1)
                        : false;

    if (!is_right || (rule == NO_RULE && status == STATUS_CANCELLED && !after.claimed))
        wrong_rule(rule, "WdfRequestUnmarkCancelable");
    if (rule != NO_RULE || status != STATUS_SUCCESS)
        return;
    if (!before.marked || after.marked || ++c.unmarked > 1 || c.entered > 0)
        ms_sim_fail("O4 unmarked twice, or beside its cancel callback", "%u, entered %u",
                    c.unmarked, c.entered); /* REQ-07 */
}

/* --- the transaction ------------------------------------------------------------------------------------ */

static BOOLEAN on_program(WDFDMATRANSACTION trx, WDFDEVICE device, WDFCONTEXT context,
                          WDF_DMA_DIRECTION direction, PSCATTER_GATHER_LIST list)
{
    (void)trx, (void)device, (void)context, (void)direction, (void)list;
    if (c.end.is_over || ++c.programmed > 1u + c.has_two)
        ms_sim_fail("O4 programmed after the end, or too often", "%u times", c.programmed);
    return TRUE;
}

/* STM-02: by whoever was told that it is over. */
static void ended(NTSTATUS status)
{
    won(&c.end, "O3 an execution ends twice");
    c.status = status;
}

static void do_report(bool is_final)
{
    bool was_over = c.end.is_over;
    NTSTATUS status = STATUS_SUCCESS;
    BOOLEAN over;

    c.end.begun++;
    if (is_final)
        over = WdfDmaTransactionDmaCompletedFinal(c.trx, FRAGMENT, &status);
    else
        over = WdfDmaTransactionDmaCompleted(c.trx, &status);
    enum ms_rule rule = told_of(c.trx, "DmaCompleted");
    if (over && rule == NO_RULE) {
        ended(status);
    } else if (rule == NO_RULE) {
        if (status != STATUS_MORE_PROCESSING_REQUIRED || ++c.stages > c.has_two)
            ms_sim_fail("O3 a report of nothing", "%08x", (unsigned)status);
    } else if (rule == MS_RULE_WDF_HANDLE) {
        if (over || c.delete_trx.begun == 0 || !(was_over || c.end.begun > 1))
            wrong_rule(rule, "DmaCompleted");
    } else if (over || c.end.begun < 2 || status != STATUS_INVALID_DEVICE_REQUEST ||
               !(rule == MS_RULE_WDF_REPORT_STATE ||
                 (rule == MS_RULE_WDF_REPORT_TWICE && !was_over))) {
        wrong_rule(rule, "DmaCompleted");
    }
    ms_sim_state(2, (uint32_t)rule * 2 + over);
}

static void do_cancel_trx(void)
{
    bool was_over = c.end.is_over;

    c.end.begun++;
    BOOLEAN is_cancelled = WdfDmaTransactionCancel(c.trx);
    enum ms_rule rule = told_of(c.trx, "Cancel");
    bool is_right = rule == MS_RULE_WDF_CANCEL_ENDED   ? c.end.begun > 1
                    : rule == MS_RULE_WDF_HANDLE       ? c.delete_trx.begun > 0
                    : rule == MS_RULE_WDF_CANCEL_STATE ? c.delete_trx.begun > 0 && c.end.begun > 1
                                                       : rule == NO_RULE && !was_over;
    if (!is_right || (is_cancelled && rule != NO_RULE))
        wrong_rule(rule, "Cancel");
    if (is_cancelled)
        ended(STATUS_CANCELLED);
    ms_sim_state(3, (uint32_t)rule * 2 + is_cancelled);
}

/* FTL-01: deleted while it executes it lives until its end. */
static void do_delete_trx(void)
{
    bool was_over = c.delete_trx.is_over, had_ended = c.end.is_over;

    c.delete_trx.begun++;
    WdfObjectDelete(c.trx);
    enum ms_rule rule = told_of(c.trx, "WdfObjectDelete");
    if (rule == NO_RULE || rule == MS_RULE_WDF_DELETE_EXECUTING) {
        won(&c.delete_trx, "O3 a transaction is deleted twice, and nobody is told");
        if (rule == NO_RULE ? c.end.begun == 0 : had_ended)
            wrong_rule(rule, "WdfObjectDelete of a transaction");
    } else {
        lost(&c.delete_trx, was_over, rule, MS_RULE_WDF_DELETE_TWICE,
             "WdfObjectDelete of a transaction");
    }
    ms_sim_state(4, (uint32_t)rule);
}

/* --- an enabler ----------------------------------------------------------------------------------------- */

static void do_configure(void)
{
    bool was_alone = c.configuring == 0;
    uint32_t mine = ++c.configure.begun;

    c.configuring++;
    NTSTATUS status = bad_system_configure(c.raw, 0x1005);
    c.configuring--;
    was_alone &= c.configure.begun == mine; /* nobody came meanwhile */
    enum ms_rule rule = told_of(c.raw, "ConfigureSystemProfile");
    if (rule == NO_RULE && NT_SUCCESS(status))
        won(&c.configure, "O3 a direction is configured twice, and nobody is told");
    else if (NT_SUCCESS(status) || c.configure.begun < 2 ||
             (rule != MS_RULE_WDF_CONFIGURED_TWICE &&
              (rule != MS_RULE_WDF_CONFIGURE_RACE || was_alone)))
        wrong_rule(rule, "ConfigureSystemProfile");
    ms_sim_state(5, (uint32_t)rule);
}

/* --- the target ----------------------------------------------------------------------------------------- */

/* Outside of an execution: what it begins with. */
static void make_subjects(void)
{
    const struct ms_io io = {
        .type = WdfRequestTypeRead, .mdl = c.mdl, .length = FRAGMENT, .done = on_done};
    WDF_OBJECT_ATTRIBUTES attributes;

    WDF_OBJECT_ATTRIBUTES_INIT(&attributes);
    attributes.EvtCleanupCallback = on_cleanup;
    attributes.EvtDestroyCallback = on_destroy;
    ms_require(NT_SUCCESS(WdfObjectCreate(&attributes, &c.object)));
    ms_require(ms_wdf_submit(c.device, &io, NULL) == STATUS_PENDING);
    ms_require(NT_SUCCESS(WdfIoQueueRetrieveNextRequest(c.queue, &c.request)));
    c.inside = ms_object_find(c.request, MS_OBJECT_REQUEST);
    if (c.is_marked)
        ms_require(NT_SUCCESS(WdfRequestMarkCancelableEx(c.request, on_cancel)));
    ms_require(NT_SUCCESS(WdfDmaTransactionCreate(c.enabler, NULL, &c.trx)));
    c.trx_inside = ms_object_find(c.trx, MS_OBJECT_TRANSACTION);
    if (c.is_tangle) {
        tangle_make();
    } else {
        ms_require(NT_SUCCESS(
            WdfDmaTransactionInitializeUsingOffset(c.trx, on_program, WdfDmaDirectionReadFromDevice,
                                                   c.mdl, 0, c.has_two ? FRAGMENT + 1 : FRAGMENT)));
        ms_require(NT_SUCCESS(WdfDmaTransactionExecute(c.trx, NULL)));
    }
    WdfObjectReference(c.object);
    WdfObjectReference(c.request);
    WdfObjectReference(c.trx);
}

static void make_machine(void)
{
    static const WDF_DMA_PROFILE profiles[PROFILES] = {
        WdfDmaProfilePacket, WdfDmaProfileScatterGather, WdfDmaProfileSystem, WdfDmaProfilePacket};
    struct ms_controller_config controller = ms_controller_soc();
    struct ms_dma_config config = {
        .strategy = &ms_reg_cas_bitmap,
        .variant = ms_sg_variant_find("scalar"),
        .registers = {4, 16},
        .grants = 4,
        .controllers = &controller,
        .controller_count = 1,
    };

    (void)stage_memory(&c.stage.stage);
    if (c.is_tangle) { /* two transactions do not fit */
        config.registers[0] = 2;
        config.registers[1] = 3;
        c.mdl = ms_mdl_create(tangle_pfn, MS_PAGE_BYTES - 60, 2 * FRAGMENT);
    } else {
        c.mdl = ms_mdl_create(&pfn, 0, 2 * FRAGMENT);
    }
    ms_require(c.mdl != NULL);
    kmdf_stage_make(&c.stage, &config, ACTORS);
    ms_rules_watch(&c.stage.stage.kernel, watch, NULL);
    bad_driver_start(&c.stage, &c.device);
    c.queue = bad_queue_make(c.device, true);
    c.enabler =
        bad_enabler_make(c.device, profiles[c.profile], c.profile == PACKET_2 ? 2 : 3, FRAGMENT);
    if (c.profile == SYSTEM)
        ms_require(NT_SUCCESS(bad_system_configure(c.enabler, 0x1003)));
    c.raw = bad_enabler_make(c.device, WdfDmaProfileSystem, 3, FRAGMENT);
    c.objects = ms_wdf_objects(c.stage.wdf);
    make_subjects();
    stage_keep(&c.stage.stage, &c.programmed);
}

static void clash_reset(const uint8_t *setup)
{
    enum profile profile = setup[0] % PROFILES;

    memset(&c.programmed, 0, (size_t)((uint8_t *)(&c + 1) - (uint8_t *)&c.programmed));
    uint32_t begins = setup[3] % BEGINNINGS;
    uint32_t number = (begins * PROFILES + profile) * 4u + (setup[1] & 1) * 2u + (setup[2] & 1);

    if (!stage_ready(&c.stage.stage, number)) {
        c.profile = profile;
        c.begins = (begins == RESERVED || begins == INSIDE) && !can_reserve() ? WAITING : begins;
        c.is_tangle = begins != PROGRAMMED || profile == PACKET_2;
        c.begun = c.ends = 0;
        c.is_marked = setup[1] & 1;
        c.has_two = setup[2] & 1;
        make_machine();
    }
    c.programmed = 1;
}

/* Operations on the transaction. */
static void perform_trx(enum kind kind, bool is_final)
{
    if (c.is_tangle)
        tangle_perform(kind, is_final);
    else if (kind == REPORT)
        do_report(is_final);
    else if (kind == CANCEL_TRX)
        do_cancel_trx();
    else if (kind == DELETE_TRX)
        do_delete_trx();
}

static void clash_perform(uint32_t actor, const struct fuzz_op *op)
{
    stage_cpu(&c.stage.stage, actor);
    switch ((enum kind)op->kind) {
    case DELETE_OBJECT:
        do_delete();
        break;
    case COMPLETE:
        do_complete(STATUS_SUCCESS, false);
        break;
    case UNMARK:
        do_unmark();
        break;
    case CANCEL:
        do_cancel();
        break;
    case CONFIGURE:
        do_configure();
        break;
    default:
        perform_trx((enum kind)op->kind, op->operand[0] & 1);
        break;
    }
}

static void clash_finish(uint32_t actor)
{
    (void)actor;
}

/* Whatever nobody did is done now, by one who is alone: then all is over, and is so once. */
static void clash_check(void *unused)
{
    (void)unused;
    stage_cpu(&c.stage.stage, ACTORS);
    if (c.delete.winners == 0)
        do_delete();
    if (c.configure.begun > 0 && c.configure.winners == 0)
        do_configure();
    if (request_look().marked)
        do_unmark();
    if (request_look().claimed != (c.entered == 1))
        ms_sim_fail("O3 a cancel callback that never came", "%u times", c.entered);
    if (c.complete.winners == 0)
        do_complete(STATUS_SUCCESS, false);
    if (c.is_tangle)
        tangle_check();
    if (!c.is_tangle && c.end.winners == 0)
        do_report(true);
    if (!c.is_tangle && c.delete_trx.winners == 0)
        do_delete_trx();
    if (c.delete.winners != 1 || c.complete.winners != 1 || c.done != 1 ||
        (!c.is_tangle && (c.end.winners != 1 || c.delete_trx.winners != 1)))
        ms_sim_fail("O3 something did not end once", "%u, %u, %u, %u, %u", c.delete.winners,
                    c.complete.winners, c.done, c.end.winners, c.delete_trx.winners);
    if (c.cleaned != 1 || c.destroyed != 0)
        ms_sim_fail("O3 an object lives on, or not while it is held", "cleaned %u, destroyed %u",
                    c.cleaned, c.destroyed); /* OBJ-04, OBJ-06 */
    c.inside = NULL;
    WdfObjectDereference(c.object);
    WdfObjectDereference(c.request);
    WdfObjectDereference(c.trx);
    if (told_of(NULL, "the last references") != NO_RULE || c.destroyed != 1)
        ms_sim_fail("O9 an object outlives its last reference", "destroyed %u", c.destroyed);
    kmdf_stage_check(&c.stage, c.objects);
}

static uint64_t clash_digest(void)
{
    return (uint64_t)(uint32_t)c.status << 32 | c.entered << 8 | c.unmarked << 4 | c.stages;
}

static const char *clash_tell(const struct fuzz_op *op, char *text, size_t bytes)
{
    static const char *const said[] = {
        [DELETE_OBJECT] = "delete the object",
        [COMPLETE] = "complete the request",
        [UNMARK] = "unmark the request",
        [CANCEL] = "the submitter cancels the request",
        [REPORT] = "report a fragment of the transaction",
        [CANCEL_TRX] = "cancel the transaction",
        [DELETE_TRX] = "delete the transaction",
        [INITIALIZE] = "initialise the transaction",
        [EXECUTE] = "execute the transaction",
        [RESERVE] = "reserve for the transaction",
        [RELEASE] = "release the transaction",
        [FREE] = "give the transaction's reservation back",
        [STOP] = "stop the transaction",
        [GIVE_WAY] = "the other transaction ends",
        [CONFIGURE] = "configure an enabler",
    };

    snprintf(text, bytes, "%s%s", said[op->kind],
             op->kind == REPORT && (op->operand[0] & 1) ? ", the last" : "");
    return text;
}

static const char *const actor_names[] = {"driver", "other", "system"};
/* marked: the request is cancelable; two: the transaction has a second fragment, of a byte; begins: how. */
static const struct fuzz_setting settings[] = {
    {"profile", PROFILES}, {"marked", 2}, {"two", 2}, {"begins", BEGINNINGS}};
static const struct fuzz_kind kinds[] = {
    [DELETE_OBJECT] = {"delete", 0, 7, "WdfObjectDelete of the object"},
    [COMPLETE] = {"complete", 0, 7, "WdfRequestComplete"},
    [UNMARK] = {"unmark", 0, 7, "WdfRequestUnmarkCancelable"},
    [CANCEL] = {"cancel", 0, 4, "the request, by whoever submitted it"},
    [REPORT] = {"report", 1, 7, "DmaCompleted, or DmaCompletedFinal"},
    [CANCEL_TRX] = {"cancel_trx", 0, 7, "WdfDmaTransactionCancel"},
    [DELETE_TRX] = {"delete_trx", 0, 7, "WdfObjectDelete of the transaction"},
    [INITIALIZE] = {"initialize", 0, 7,
                    "InitializeUsingOffset; this and what follows: not programmed"},
    [EXECUTE] = {"execute", 0, 7, "WdfDmaTransactionExecute"},
    [RESERVE] = {"reserve", 0, 7, "AllocateResources"},
    [RELEASE] = {"release", 0, 7, "WdfDmaTransactionRelease"},
    [FREE] = {"free", 0, 7, "FreeResources"},
    [STOP] = {"stop", 0, 7, "StopSystemTransfer"},
    [GIVE_WAY] = {"give_way", 0, 7, "the holder's last report"},
    [CONFIGURE] = {"configure", 0, 7, "ConfigureSystemProfile of one enabler"},
};

const struct fuzz_target fuzz_target_clash = {
    .name = "clash",
    .summary = "threads of a driver that do one thing twice, or anything at once: one end of each",
    .actors = actor_names,
    .actor_count = ACTORS,
    .settings = settings,
    .setting_count = 4,
    .kinds = kinds,
    .kind_count = sizeof kinds / sizeof kinds[0],
    .blocks = "requests wait in a queue under a spin lock (core/wdf/queue.c)",
    .steps_max = 4000,
    .reset = clash_reset,
    .perform = clash_perform,
    .finish = clash_finish,
    .check = clash_check,
    .digest = clash_digest,
    .tell = clash_tell,
};
