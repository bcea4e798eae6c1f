/* SPDX-License-Identifier: MIT */
/*
 * misuse_fuzz.c: a driver that keeps no rule: any routine of a transaction in any state, with any handle, and
 * what drivers do wrong with requests, locks, timers and callbacks. Beside it a driver that does nothing wrong.
 *
 * Proves       each call reports the rule that was broken, once, under its clause and about its object, and no
 *              other (verify/rules.def), also the knob's that makes calls on what has ended violations (K5) and
 *              what is left at the machine's end (WDF_LEAK); it takes the
 *              documented way out: status, and a state that does not change (FTL-01, FTL-02, section 13.1); a
 *              call that breaks no rule is not blamed; nothing crashes; the other driver's transfers go on;
 *              at the end nothing is held by anybody (O2, O9); what is called above DISPATCH_LEVEL tells that, and
 *              is done (LVL-01, TRX-51); a common buffer that no number holds is none (KCB-02)
 * Does not     race: clash_fuzz.c has the rules that two threads break together
 */
#include "misuse_driver.h"

enum { SLOTS = 2, FRAGMENT = 64, BYTES = 256, DRAIN_ROUNDS = 64, LEFT_MAX = 8 };
enum profile { PACKET, LISTS, SYSTEM, PACKET_2, PROFILES };
enum state { CREATED, RESERVED, INITIALIZED, WAITING, PROGRAMMED, COMPLETED, FAILED, RELEASED };

/* What a transaction is, by the contract's table. */
struct model {
    WDFDMATRANSACTION trx;
    enum state state;
    bool is_queued, is_held; /* a reservation */
    bool is_dying, is_dead;
    bool is_stopped, is_refused; /* the next fragment will not be mapped */
    bool is_left;                /* to execute for ever */
    uint32_t length, reported;
};

static struct {
    struct kmdf_stage stage; /* from here on kept in the image */
    enum profile profile;
    bool ended_is_fatal; /* K5 */
    WDFDEVICE device;
    WDFQUEUE queue, second;
    WDFDMAENABLER enabler, other, unready;
    WDFDMATRANSACTION bystander, extra;
    WDFTIMER timer;
    WDFSPINLOCK lock;
    PMDL mdl[SLOTS + 1];
    uint32_t objects;
    struct model m[SLOTS]; /* from here on set anew */
    uint32_t reports;
    struct ms_rule_report first;      /* of them */
    WDFOBJECT left[LEFT_MAX + SLOTS]; /* leaks */
    bool is_reported[LEFT_MAX + SLOTS];
    uint32_t left_count;
    uint32_t done, executed;
    uint8_t trick;
} k;

static const PFN_NUMBER pfn[SLOTS + 1] = {0x4000, 0x4010, 0x140000};

static VOID watch(const struct ms_rule_report *report, void *context)
{
    (void)context;
    report_check(report);
    if (k.reports++ == 0)
        k.first = *report;
}

/* After each call: this rule and no other, about that object (NULL: whatever it is about); NO_RULE: none. */
static void expect_of(const void *object, enum ms_rule rule, const char *call)
{
    const char *wanted = rule == NO_RULE ? "none" : ms_rule_info((uint32_t)rule)->name;

    if (k.reports != (rule != NO_RULE) || (k.reports > 0 && k.first.info->rule != rule))
        ms_sim_fail(rule == NO_RULE  ? "O7 a call that breaks no rule is blamed"
                    : k.reports == 0 ? "O7 a broken rule is not reported"
                                     : "O7 another rule is reported",
                    "%s: %u reports, the first %s, wanted %s", call, k.reports,
                    k.reports > 0 ? k.first.info->name : "none", wanted);
    if (k.reports > 0 && object && k.first.object != (uint64_t)(uintptr_t)object)
        ms_sim_fail("O7 a rule is reported about another object", "%s: %s", call, wanted);
    k.reports = 0;
}

static void expect(enum ms_rule rule, const char *call)
{
    expect_of(NULL, rule, call);
}

static void expect_status(NTSTATUS status, NTSTATUS wanted, const char *call)
{
    if (status != wanted)
        ms_sim_fail("O7 a call ends with another status", "%s: %08x, wanted %08x", call,
                    (unsigned)status, (unsigned)wanted);
}

#include "misuse_calls.h"
#include "misuse_levels.h"
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
    TRICK,
    LEAVE,
    LEVEL,
    COMMON
};

/* Two enablers and a device of the bad driver, one enabler of the good one. */
static void make_driver(void)
{
    static const WDF_DMA_PROFILE profiles[PROFILES] = {
        WdfDmaProfilePacket, WdfDmaProfileScatterGather, WdfDmaProfileSystem, WdfDmaProfilePacket};
    WDF_OBJECT_ATTRIBUTES attributes;
    WDF_TIMER_CONFIG timer;

    bad_driver_start(&k.stage, &k.device);
    k.queue = bad_queue_make(k.device, true);
    k.second = bad_queue_make(k.device, false);
    WDF_TIMER_CONFIG_INIT(&timer, on_timer);
    timer.AutomaticSerialization = FALSE;
    WDF_OBJECT_ATTRIBUTES_INIT(&attributes);
    attributes.ParentObject = k.device;
    ms_require(NT_SUCCESS(WdfTimerCreate(&timer, &attributes, &k.timer)));
    ms_require(NT_SUCCESS(WdfSpinLockCreate(&attributes, &k.lock)));
    k.enabler =
        bad_enabler_make(k.device, profiles[k.profile], k.profile == PACKET_2 ? 2 : 3, FRAGMENT);
    if (k.profile == SYSTEM)
        ms_require(NT_SUCCESS(bad_system_configure(k.enabler, 0x1003)));
    k.other = bad_enabler_make(k.device, WdfDmaProfilePacket, 3, FRAGMENT);
    k.unready = bad_enabler_make(k.device, WdfDmaProfileSystem, 3, FRAGMENT);
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
    k.stage.wdf->config.ended_is_fatal = k.ended_is_fatal;
    ms_rules_watch(&k.stage.stage.kernel, watch, NULL);
    make_driver();
    k.objects = ms_wdf_objects(k.stage.wdf);
    stage_keep(&k.stage.stage, &k.reports); /* the transactions' handles with it */
}

static void misuse_reset(const uint8_t *setup)
{
    enum profile profile = setup[0] % PROFILES;
    bool ended_is_fatal = setup[1] & 1;

    if (!stage_ready(&k.stage.stage, (uint32_t)profile * 2 + ended_is_fatal)) {
        memset(k.m, 0, sizeof k.m);
        k.profile = profile;
        k.ended_is_fatal = ended_is_fatal;
        make_machine();
    }
    k.reports = k.done = k.executed = k.left_count = 0;
    memset(k.is_reported, 0, sizeof k.is_reported);
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
    case LEAVE:
        do_leave(m, how);
        break;
    case LEVEL:
        do_level(op->operand[0]);
        break;
    case COMMON:
        do_common(op->operand[0]);
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
            if (m->is_left && is_executing(m))
                continue;
            if (m->state == PROGRAMMED && !m->is_dead)
                do_report(m, 1);
            else if (!is_gone(m) && !is_executing(m) && round > 0)
                do_delete(m);
        }
    for (uint32_t i = 0; i < SLOTS; i++)
        do_create(&k.m[i]);
    do_bystander();
}

static VOID watch_leaks(const struct ms_rule_report *report, void *context)
{
    uint32_t i = 0;

    (void)context;
    report_check(report);
    while (i < k.left_count && (uint64_t)(uintptr_t)k.left[i] != report->object)
        i++;
    for (uint32_t m = 0; m < SLOTS; m++) /* it goes with its device (REL-08) */
        if (report->info->rule == MS_RULE_WDF_DELETE_EXECUTING && is_executing(&k.m[m]) &&
            !k.m[m].is_dying && (uint64_t)(uintptr_t)k.m[m].trx == report->object) {
            k.m[m].is_dying = true;
            return;
        }
    if (report->info->rule != MS_RULE_WDF_LEAK || i == k.left_count)
        ms_sim_fail("O7 something is blamed at the end that nobody left", "%s, state %u",
                    report->info->name, (unsigned)report->state);
    if (k.is_reported[i])
        ms_sim_fail("O7 a leak is reported twice", "%u of %u", i, k.left_count);
    k.is_reported[i] = true;
}

/* The machine ends, as it is: each thing that was left is told, once, and nothing else. */
static void leaks_check(void)
{
    ms_rules_watch(&k.stage.stage.kernel, watch_leaks, NULL);
    ms_wdf_close(k.stage.wdf);
    for (uint32_t i = 0; i < k.left_count; i++)
        if (!k.is_reported[i])
            ms_sim_fail("O7 a leak is not reported", "%u of %u", i, k.left_count);
    for (uint32_t m = 0; m < SLOTS; m++)
        if (is_executing(&k.m[m]) && !k.m[m].is_dying)
            ms_sim_fail("O7 a broken rule is not reported", "a transaction goes while it executes");
}

static void misuse_check(void *unused)
{
    (void)unused;
    stage_cpu(&k.stage.stage, 1);
    for (uint32_t i = 0; i < SLOTS; i++)
        if (is_executing(&k.m[i]))
            k.left[k.left_count++] = k.m[i].trx;
    if (k.left_count > 0) {
        leaks_check();
        return;
    }
    kmdf_stage_check(&k.stage, k.objects);
}

static uint64_t misuse_digest(void)
{
    return (uint64_t)k.executed << 32 | k.done;
}

static const char *const left_names[] = {
    "keep a reference on an object for ever", "keep a reference on a transaction for ever",
    "delete an object, and keep a reference", "leave a transaction that executes alone"};

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
    if (op->kind == LEAVE)
        return left_names[op->operand[0] / 2 % 4];
    if (op->kind == LEVEL || op->kind == COMMON) {
        snprintf(text, bytes, "%s %u",
                 op->kind == LEVEL ? "a service routine makes call"
                                   : "a common buffer, length and alignment",
                 op->operand[0]);
        return text;
    }
    snprintf(text, bytes, "%s %u, way %u", names[op->kind], op->operand[0] & 1,
             op->operand[0] >> 1);
    return text;
}

static const char *const actor_names[] = {"driver"};
static const struct fuzz_setting settings[] = {{"profile", PROFILES}, {"fatal", 2}};
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
    [LEAVE] = {"leave", 1, 1, "which, what is never given back: the machine ends, and tells"},
    [LEVEL] = {"level", 1, 1, "which call of a transfer is made above DISPATCH_LEVEL"},
    [COMMON] = {"common", 1, 1, "length, alignment"},
};

const struct fuzz_target fuzz_target_misuse = {
    .name = "misuse",
    .summary = "a driver that keeps no rule: the right one is reported, and nobody else suffers",
    .actors = actor_names,
    .actor_count = 1,
    .settings = settings,
    .setting_count = 2,
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
