/* SPDX-License-Identifier: MIT */
/*
 * clash_tangle.h: threads of a bad driver that do anything to one transaction at once: initialise, execute, reserve,
 * report, cancel, stop, release, delete; another transaction may hold what it waits for. Included by clash_fuzz.c, once.
 *
 * Which calls have their way depends on the order of steps inside of them, so single outcomes are not judged. What must
 * hold of any order: a rule that is told is one of transactions, and about this one; each execution and each reservation
 * has one end, told to one caller; and whatever threads did at once, when all have returned it can be ended and deleted,
 * and nothing is left (FTL-01, REL-08, STM-02).
 */
#ifndef FUZZ_CLASH_TANGLE_H
#define FUZZ_CLASH_TANGLE_H

/* How the transaction begins. WAITING, RESERVED: the holder has what it waits for; INSIDE: likewise, and EvtReserveDma
 * executes it (RES-09). REFUSED: initialised, to be executed
 * at once while the holder has that; of a system channel: its configure callback says no; of two lists: they would have
 * more elements than there may be. */
enum begins { PROGRAMMED, INITIALIZED, WAITING, RESERVED, REFUSED, INSIDE, BEGINNINGS };

enum { TANGLE_ROUNDS = 8 };

static const enum ms_rule tangle_rules[] = {
    MS_RULE_WDF_HANDLE,         MS_RULE_WDF_DELETE_TWICE,     MS_RULE_WDF_DELETE_EXECUTING,
    MS_RULE_WDF_REPORT_STATE,   MS_RULE_WDF_REPORT_TWICE,     MS_RULE_WDF_CANCEL_STATE,
    MS_RULE_WDF_CANCEL_ENDED,   MS_RULE_WDF_CANCEL_VERSION,   MS_RULE_WDF_STOP_NOTHING,
    MS_RULE_WDF_STOP_TWICE,     MS_RULE_WDF_SETTER_PROFILE,   MS_RULE_WDF_RELEASE_STATE,
    MS_RULE_WDF_RESERVE_STATE,  MS_RULE_WDF_FREE_STATE,       MS_RULE_WDF_FREE_QUEUED,
    MS_RULE_WDF_EXECUTE_STATE,  MS_RULE_WDF_INITIALIZE_STATE, MS_RULE_WDF_INITIALIZE_QUEUED,
    MS_RULE_WDF_CONFIGURE_FALSE};

static bool is_system(void)
{
    return c.profile == SYSTEM;
}

static bool can_reserve(void)
{
    return c.profile == PACKET || c.profile == SYSTEM;
}

/* Called for each report of a tangle, as it is made. */
static void tangle_watch(const struct ms_rule_report *report)
{
    bool is_known = false;

    for (size_t i = 0; i < sizeof tangle_rules / sizeof tangle_rules[0]; i++)
        is_known |= tangle_rules[i] == report->info->rule;
    if (!is_known)
        ms_sim_fail("O7 another rule is reported", "%s", report->info->name);
    if (report->object != (uint64_t)(uintptr_t)c.trx)
        ms_sim_fail("O7 a rule is reported about another object", "%s", report->info->name);
    c.withdrawn += report->info->rule == MS_RULE_WDF_FREE_QUEUED;
}

/* --- what begins, and what ends ------------------------------------------------------------------------- */

static void tangle_began(void)
{
    c.begun++;
}

static void tangle_ended(const char *call)
{
    if (++c.ends > c.begun)
        ms_sim_fail("O3 an execution ends twice", "%s: %u ends of %u", call, c.ends, c.begun);
}

static NTSTATUS tangle_initialize(WDFDMATRANSACTION trx);
static void tangle_execute(void);

static VOID on_reserve(WDFDMATRANSACTION trx, PVOID context)
{
    (void)context;
    if (trx != c.trx)
        ms_sim_fail("O1 a callback about another transaction", "EvtReserveDma");
    tangle_ended("EvtReserveDma");
    if (c.begins == INSIDE && NT_SUCCESS(tangle_initialize(trx)))
        tangle_execute();
}

static BOOLEAN on_tangled(WDFDMATRANSACTION trx, WDFDEVICE device, WDFCONTEXT context,
                          WDF_DMA_DIRECTION direction, PSCATTER_GATHER_LIST list)
{
    (void)device, (void)context, (void)direction;
    if ((trx != c.trx && trx != c.holder) || list->NumberOfElements == 0)
        ms_sim_fail("O1 a callback about another transaction", "EvtProgramDma");
    return TRUE;
}

static BOOLEAN on_refusing(WDFDMATRANSACTION trx, WDFDEVICE device, PVOID context, PMDL mdl,
                           size_t offset, size_t length)
{
    (void)trx, (void)device, (void)context, (void)mdl, (void)offset, (void)length;
    return FALSE; /* and did not report it (PRG-07) */
}

/* --- the calls ------------------------------------------------------------------------------------------ */

static uint32_t tangle_length(void)
{
    return c.has_two ? FRAGMENT + 1 : FRAGMENT;
}

static NTSTATUS tangle_initialize(WDFDMATRANSACTION trx)
{
    return WdfDmaTransactionInitializeUsingOffset(trx, on_tangled, WdfDmaDirectionReadFromDevice,
                                                  c.mdl, 0, tangle_length());
}

static void tangle_execute(void)
{
    tangle_began(); /* it may be over, and so told to somebody else, before the call returns */
    NTSTATUS status = WdfDmaTransactionExecute(c.trx, NULL);
    if (status == STATUS_INVALID_PARAMETER || status == STATUS_INVALID_DEVICE_REQUEST)
        c.begun--; /* refused */
    else if (!NT_SUCCESS(status) && status != STATUS_CANCELLED)
        tangle_ended("Execute");
}

static void tangle_reserve(void)
{
    tangle_began();
    NTSTATUS status = WdfDmaTransactionAllocateResources(c.trx, WdfDmaDirectionReadFromDevice,
                                                         is_system() ? 1 : 2, on_reserve, NULL);
    if (status == STATUS_INVALID_PARAMETER || status == STATUS_INVALID_DEVICE_REQUEST)
        c.begun--;
    else if (!NT_SUCCESS(status) && status != STATUS_CANCELLED)
        tangle_ended("AllocateResources");
}

static void tangle_report(bool is_final)
{
    NTSTATUS status;

    if (is_final ? WdfDmaTransactionDmaCompletedFinal(c.trx, 0, &status)
                 : WdfDmaTransactionDmaCompleted(c.trx, &status))
        tangle_ended("DmaCompleted");
}

static void tangle_cancel(void)
{
    if (WdfDmaTransactionCancel(c.trx))
        tangle_ended("Cancel");
}

/* The holder ends: what it has goes to who waits. */
static void tangle_give_way(void)
{
    NTSTATUS status;

    if (!c.has_holder || c.gave_way)
        return;
    c.gave_way = true;
    if (!WdfDmaTransactionDmaCompletedFinal(c.holder, 0, &status) || !NT_SUCCESS(status))
        ms_sim_fail("O7 a report was not the last", "the holder's: %08x", (unsigned)status);
}

/* What begins anew begins while nobody else is inside: a call that spans two beginnings is the driver's race, and may
 * hit the second (STP-13). Others may come meanwhile. Nor is the context taken from under a reservation that is
 * waited for: what that does is misuse_fuzz.c's. */
static bool may_begin(void)
{
    const struct ms_trx *trx = (const struct ms_trx *)(const void *)c.trx_inside;

    return c.inside_calls == 0 && !(union ms_trx_word){.raw = trx->word.value}.queued;
}

static void tangle_perform(enum kind kind, bool is_final)
{
    ms_sim_here("a call"); /* what is before an actor's first step is done before all steps */
    if ((kind == INITIALIZE || kind == RESERVE) && !may_begin())
        return;
    c.inside_calls++;
    switch (kind) {
    case REPORT:
        tangle_report(is_final);
        break;
    case CANCEL_TRX:
        tangle_cancel();
        break;
    case DELETE_TRX:
        WdfObjectDelete(c.trx);
        break;
    case INITIALIZE:
        (void)tangle_initialize(c.trx);
        break;
    case EXECUTE:
        tangle_execute();
        break;
    case RESERVE:
        tangle_reserve();
        break;
    case RELEASE:
        (void)WdfDmaTransactionRelease(c.trx);
        break;
    case FREE:
        WdfDmaTransactionFreeResources(c.trx);
        break;
    case STOP:
        WdfDmaTransactionStopSystemTransfer(c.trx);
        break;
    case GIVE_WAY:
        tangle_give_way();
        break;
    default:
        break;
    }
    c.inside_calls--;
}

/* --- the beginning, and the end ------------------------------------------------------------------------- */

/* Outside of an execution. */
static void tangle_make(void)
{
    c.has_holder = c.begins == WAITING || c.begins == RESERVED || c.begins == INSIDE ||
                   (c.begins == REFUSED && !is_system());
    ms_require(NT_SUCCESS(WdfDmaTransactionCreate(c.enabler, NULL, &c.holder)));
    if (c.has_holder) {
        ms_require(NT_SUCCESS(tangle_initialize(c.holder)));
        ms_require(NT_SUCCESS(WdfDmaTransactionExecute(c.holder, NULL)));
    }
    if (c.begins == RESERVED || c.begins == INSIDE) {
        tangle_reserve();
        return;
    }
    ms_require(NT_SUCCESS(tangle_initialize(c.trx)));
    if (c.begins == REFUSED && is_system())
        WdfDmaTransactionSetChannelConfigurationCallback(c.trx, on_refusing, NULL);
    else if (c.begins == REFUSED && c.profile == LISTS && c.has_two)
        WdfDmaEnablerSetMaximumScatterGatherElements(c.enabler, 1);
    else if (c.begins == REFUSED && c.profile != PACKET_2)
        WdfDmaTransactionSetImmediateExecution(c.trx, TRUE);
    if (c.begins == PROGRAMMED || (c.begins == WAITING && c.profile != PACKET_2))
        tangle_execute();
}

/* Alone: all is brought to its end. */
static void tangle_check(void)
{
    struct ms_trx *trx = (struct ms_trx *)c.trx_inside;

    tangle_give_way();
    for (uint32_t round = 0; round < TANGLE_ROUNDS && ms_trx_is_executing(ms_trx_look(trx));
         round++)
        tangle_report(true);
    if (ms_trx_is_executing(ms_trx_look(trx)) || ms_trx_look(trx).queued)
        ms_sim_fail("O9 a transaction never ends", "profile %u", c.profile);
    if (c.ends + c.withdrawn < c.begun)
        ms_sim_fail("O3 an end that nobody is told", "%u ends of %u", c.ends, c.begun);
    if (!ms_object_is_deleted(&trx->object))
        WdfObjectDelete(c.trx);
    WdfObjectDelete(c.holder);
}

#endif
