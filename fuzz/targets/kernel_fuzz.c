/* SPDX-License-Identifier: MIT */
/*
 * kernel_fuzz.c: the sliver of NT around DMA: three threads of a driver queue DPCs, timers and work items, wait
 * for events, take locks, exchange words, send requests, map registers. The machine's own two threads, which
 * run what was queued, are fibers as well.
 *
 * Proves       a DPC runs as often as it was queued and not taken out, one at a time, at DISPATCH_LEVEL, and sees
 *              what its queuer wrote (hb:late-queue); a flush returns when all that were queued before have run;
 *              a timer goes off once for each setting that nobody withdrew, never early; a work item runs once at
 *              PASSIVE_LEVEL; an event that one wait consumes is consumed by one; a lock has one holder, who sees
 *              what the last one wrote (hb:spin-lock, hb:event); a virtual CPU has one thread (hb:cpu-handover);
 *              and what kernel_objects.h says of queues, words, requests and registers
 * Does not     claim lock-freedom: all this blocks by contract (see dpc.c)
 */
#include "kernel_registers.h"

/* --- what runs later ----------------------------------------------------------------------------------- */

/* What a queuer writes and who runs sees: never the same cell twice. */
static struct cell *cell_new(void)
{
    struct cell *cell = &n.cell[n.cells++ % CELLS];

    ms_data_write(&cell->value, sizeof cell->value);
    cell->value = n.cells;
    cell->ran = 0;
    return cell;
}

static void cell_run(struct cell *cell, KIRQL irql)
{
    ms_data_read(&cell->value, sizeof cell->value);
    if (cell->ran++ != 0)
        ms_sim_fail("O3 something queued once ran twice", "%u times", cell->ran);
    if (KeGetCurrentIrql() != irql)
        ms_sim_fail("O7 a routine runs at another IRQL", "%u", KeGetCurrentIrql());
}

static VOID on_dpc(PKDPC dpc, PVOID context, PVOID argument1, PVOID argument2)
{
    struct dpc *d = context;
    struct cell *cell = argument1;

    if (n.inside++ != 0)
        ms_sim_fail("O1 two DPCs at a time", "%u", n.inside);
    if (dpc != &d->dpc || argument2 != d)
        ms_sim_fail("O3 a DPC with somebody else's arguments", "DPC %u", (unsigned)(d - n.dpc));
    cell_run(cell, DISPATCH_LEVEL);
    if (++d->ran > d->begun)
        ms_sim_fail("O3 a DPC ran more often than it was queued", "%u of %u", d->ran, d->begun);
    if (d->again > 0) { /* it is out of the queue already */
        d->again--;
        d->begun++;
        d->queued += KeInsertQueueDpc(dpc, cell_new(), d);
    }
    KeSetEvent(&n.event[1], IO_NO_INCREMENT, FALSE);
    ms_sim_here("inside");
    n.inside--;
    d->finished++;
}

static void do_queue(const struct fuzz_op *op)
{
    struct dpc *d = &n.dpc[op->operand[0] % DPCS];

    if (op->operand[1] & 1)
        d->again = op->operand[1] >> 1 & 3;
    if (op->operand[1] & 8)
        KeSetImportanceDpc(&d->dpc, HighImportance);
    if (op->operand[1] & 16)
        KeSetTargetProcessorDpc(&d->dpc, 1);
    d->begun++;
    d->queued += KeInsertQueueDpc(&d->dpc, cell_new(), d);
}

static void do_unqueue(uint8_t which)
{
    struct dpc *d = &n.dpc[which % DPCS];

    d->removing++;
    d->removed += KeRemoveQueueDpc(&d->dpc);
    d->removing--;
}

/* Counts are taken when calls have returned, so a removal under way may not be counted yet. */
static void do_flush(void)
{
    uint32_t queued[DPCS];

    for (uint32_t i = 0; i < DPCS; i++)
        queued[i] = n.dpc[i].queued;
    KeFlushQueuedDpcs();
    for (uint32_t i = 0; i < DPCS; i++)
        if (n.dpc[i].finished + n.dpc[i].removed + n.dpc[i].removing < queued[i])
            ms_sim_fail("O3 a flush returns before a DPC has run",
                        "DPC %u: %u queued, %u ran, %u were taken out", i, queued[i],
                        n.dpc[i].finished, n.dpc[i].removed);
}

static VOID on_timer(PKDPC dpc, PVOID context, PVOID argument1, PVOID argument2)
{
    struct timer *t = context;

    (void)argument1, (void)argument2;
    if (n.inside++ != 0)
        ms_sim_fail("O1 two DPCs at a time", "%u", n.inside);
    if (dpc != &t->dpc || KeGetCurrentIrql() != DISPATCH_LEVEL)
        ms_sim_fail("O7 a timer's DPC is another's, or at another IRQL", "%u", KeGetCurrentIrql());
    if (ms_clock_ns() < t->due_min)
        ms_sim_fail("O8 a timer goes off early", "timer %u", (unsigned)(t - n.timer));
    t->ran++;
    if (t->is_once && t->ran > t->once_ran + 2) /* its own, and one that was on its way */
        ms_sim_fail("O3 a timer that was set once goes off again and again", "timer %u",
                    (unsigned)(t - n.timer));
    n.inside--;
}

static const int32_t intervals[8] = {0, 1, 2, 5, 20, 100, 3000, 20000}; /* of 100 ns */

static void do_set(const struct fuzz_op *op)
{
    struct timer *t = &n.timer[op->operand[0] % TIMERS];
    LARGE_INTEGER due = {.QuadPart = -intervals[op->operand[1] & 7]};
    uint64_t earliest = ms_clock_ns() - (uint64_t)due.QuadPart * 100;
    bool has_period = op->operand[2] & 1, has_dpc = !(op->operand[2] & 2);

    if (due.QuadPart == 0 ||
        op->operand[2] & 4) { /* a moment, not an interval; perhaps one that is over */
        due.QuadPart = op->operand[1] & 8 ? 0 : (LONGLONG)(earliest / 100);
        earliest = (uint64_t)due.QuadPart * 100;
    }
    t->due_min = t->sets == 0 || earliest < t->due_min ? earliest : t->due_min;
    t->sets++;
    t->is_periodic |= has_period;
    t->is_mute |= !has_dpc;
    t->is_once = false;
    bool is_alone = t->inside++ == 0;
    uint32_t call = ++t->calls;
    if (has_period)
        t->withdrawn +=
            KeSetTimerEx(&t->timer, due, 1 + (op->operand[2] >> 3 & 1), has_dpc ? &t->dpc : NULL);
    else
        t->withdrawn += KeSetTimer(&t->timer, due, has_dpc ? &t->dpc : NULL);
    t->inside--;
    t->is_once = is_alone && call == t->calls && !has_period;
    t->once_ran = t->ran;
}

static void do_unset(uint8_t which)
{
    struct timer *t = &n.timer[which % TIMERS];

    t->withdrawn += KeCancelTimer(&t->timer);
}

static VOID on_work(PDEVICE_OBJECT device, PVOID context)
{
    struct cell *cell = context;

    if (device != &n.pdo)
        ms_sim_fail("O3 a work item of another device", "%p", (void *)device);
    cell_run(cell, PASSIVE_LEVEL);
    IoFreeWorkItem(cell->item);
    n.works_done++;
}

static void do_work(uint8_t fault)
{
    PIO_WORKITEM item;
    struct cell *cell;

    ms_fault_arm(fault & 1 ? 0 : UINT32_MAX);
    item = IoAllocateWorkItem(&n.pdo);
    bool fired = ms_fault_fired();
    ms_fault_arm(UINT32_MAX);
    if ((item == NULL) != fired)
        ms_sim_fail("O7 a work item without memory, or none with it", "%d", fired);
    if (!item)
        return;
    if (fault & 2) { /* never queued */
        IoFreeWorkItem(item);
        return;
    }
    cell = cell_new();
    cell->item = item;
    n.works++;
    IoQueueWorkItem(item, on_work, DelayedWorkQueue, cell);
}

/* --- events, waiting ------------------------------------------------------------------------------------- */

static LARGE_INTEGER soon(uint8_t operand)
{
    return (LARGE_INTEGER){.QuadPart = -intervals[operand & 7]};
}

static void do_event(uint8_t which, uint8_t what)
{
    struct event *e = &n.shadow[which & 1];
    KEVENT *event = &n.event[which & 1];

    switch (what % 4) {
    case 0:
        e->ups += KeSetEvent(event, IO_NO_INCREMENT, FALSE) == 0;
        break;
    case 1:
        e->downs += KeResetEvent(event) != 0;
        break;
    case 2:
        if (which & 1)
            KeClearEvent(event);
        break;
    default:
        if ((ULONG)KeReadStateEvent(event) > 1)
            ms_sim_fail("O7 an event in no state", "%d", (int)KeReadStateEvent(event));
        break;
    }
}

static void do_wait(const struct fuzz_op *op)
{
    uint32_t which = op->operand[0] % 4;
    PVOID object = which < 2 ? (PVOID)&n.event[which] : (PVOID)&n.timer[which - 2].timer;
    LARGE_INTEGER timeout = soon(op->operand[1]);
    uint64_t until = ms_clock_ns() + (uint64_t)-timeout.QuadPart * 100;
    NTSTATUS status = KeWaitForSingleObject(object, Executive, KernelMode, FALSE, &timeout);

    if (status == STATUS_TIMEOUT && ms_clock_ns() < until && timeout.QuadPart != 0)
        ms_sim_fail("O8 a wait gives up early", "%u", which);
    if (status == STATUS_SUCCESS && which == 0)
        n.shadow[0].downs++;
    if (status == STATUS_SUCCESS && which >= 2 && n.timer[which - 2].sets == 0)
        ms_sim_fail("O7 a timer is signalled that nobody set", "%u", which);
}

static void do_delay(uint8_t operand)
{
    LARGE_INTEGER interval = soon(operand), before, after;

    KeQuerySystemTime(&before);
    KeDelayExecutionThread(KernelMode, FALSE, &interval);
    KeQuerySystemTime(&after);
    if (after.QuadPart - before.QuadPart < -interval.QuadPart)
        ms_sim_fail("O8 a delay is too short", "%d of %d", (int)(after.QuadPart - before.QuadPart),
                    (int)-interval.QuadPart);
}

/* --- locks ------------------------------------------------------------------------------------------------ */

static void do_lock(uint8_t how)
{
    KIRQL old;

    switch (how % 4) {
    case 0:
        KeAcquireSpinLock(&n.lock, &old);
        hold(&n.spun, DISPATCH_LEVEL);
        KeReleaseSpinLock(&n.lock, old);
        break;
    case 1:
        KeAcquireSpinLockAtDpcLevel(&n.lock);
        hold(&n.spun, PASSIVE_LEVEL);
        KeReleaseSpinLockFromDpcLevel(&n.lock);
        break;
    case 2:
        if (!KeTryToAcquireSpinLockAtDpcLevel(&n.lock))
            break;
        hold(&n.spun, PASSIVE_LEVEL);
        KeReleaseSpinLockFromDpcLevel(&n.lock);
        break;
    default:
        ExAcquireFastMutex(&n.mutex);
        if (n.mutex.Owner != ms_cpu_current())
            ms_sim_fail("O1 a mutex is another's", "%p", n.mutex.Owner);
        hold(&n.mutexed, APC_LEVEL);
        ExReleaseFastMutex(&n.mutex);
        break;
    }
    if (KeGetCurrentIrql() != PASSIVE_LEVEL || ms_cpu_current()->locks != 0)
        ms_sim_fail("O7 a lock leaves something behind", "IRQL %u, %u locks", KeGetCurrentIrql(),
                    ms_cpu_current()->locks);
}

/* --- virtual CPUs ------------------------------------------------------------------------------------------ */

static void cpu_enter(void)
{
    struct ms_cpu *cpu = ms_cpu_enter(&n.kernel);

    if (n.on[ms_sim_self()] == cpu)
        return;
    if (cpu->index != MS_CPU_NONE) {
        for (uint32_t i = 0; i < ACTORS; i++)
            if (n.on[i] == cpu)
                ms_sim_fail("O1 a CPU has two threads", "CPU %u", cpu->index);
        ms_data_write(&cpu->deferred, sizeof cpu->deferred); /* hb:cpu-handover */
    }
    if (cpu->irql != PASSIVE_LEVEL || cpu->locks != 0)
        ms_sim_fail("O7 a thread enters a CPU that is not as it should be", "CPU %u", cpu->index);
    n.on[ms_sim_self()] = cpu;
}

static void cpu_leave(void)
{
    n.on[ms_sim_self()] = NULL;
    ms_cpu_leave();
    if (ms_cpu_current() || KeGetCurrentIrql() != PASSIVE_LEVEL || KfRaiseIrql(DISPATCH_LEVEL) != 0)
        ms_sim_fail("O7 a thread that left is on a CPU", "%u", KeGetCurrentIrql());
    KeLowerIrql(PASSIVE_LEVEL);
}

/* --- the target -------------------------------------------------------------------------------------------- */

static void kernel_make(void)
{
    memset(&n.kernel.io_space, 0, sizeof n.kernel.io_space);
    ms_kernel_init(&n.kernel, NULL, NULL);
    ms_rules_watch(&n.kernel, watch, NULL);
    registers_make();
    ms_sim_image_keep(&n.kernel, offsetof(struct subject, pdo) - offsetof(struct subject, kernel));
}

static void kernel_reset(const uint8_t *setup)
{
    if (!ms_sim_image_use(&n, 0))
        kernel_make();
    memset(&n.pdo, 0, sizeof n - offsetof(struct subject, pdo));
    /* One CPU is left: the other threads do without. */
    n.crowd = setup[0] ? MS_CPUS_ALL - 1 : 0;
    ms_init(&n.kernel.taken, n.crowd);
    ms_init(&n.finished, 0);
    for (uint32_t i = 0; i < DPCS; i++)
        KeInitializeDpc(&n.dpc[i].dpc, on_dpc, &n.dpc[i]);
    for (uint32_t i = 0; i < TIMERS; i++)
        KeInitializeDpc(&n.timer[i].dpc, on_timer, &n.timer[i]);
    KeInitializeTimer(&n.timer[0].timer);
    KeInitializeTimerEx(&n.timer[1].timer, SynchronizationTimer);
    KeInitializeEvent(&n.event[0], SynchronizationEvent, (BOOLEAN)setup[1]);
    KeInitializeEvent(&n.event[1], NotificationEvent, FALSE);
    n.shadow[0].ups = setup[1];
    KeInitializeSpinLock(&n.lock);
    ExInitializeFastMutex(&n.mutex);
    objects_reset();
}

enum kind {
    QUEUE,
    UNQUEUE,
    FLUSH,
    SET,
    UNSET,
    WORK,
    EVENT,
    WAIT,
    DELAY,
    LOCK,
    LEAVE,
    ENTRY,
    NEXT,
    WITHDRAW,
    COUNT,
    SWAP,
    BITS,
    SEND,
    ANSWER,
    DEVICE,
    REGISTERS,
    MAP,
    UNMAP,
    ACCESS,
    LIST,
};

static void kernel_perform(uint32_t actor, const struct fuzz_op *op)
{
    cpu_enter();
    switch ((enum kind)op->kind) {
    case QUEUE:
        do_queue(op);
        break;
    case UNQUEUE:
        do_unqueue(op->operand[0]);
        break;
    case FLUSH:
        do_flush();
        break;
    case SET:
        do_set(op);
        break;
    case UNSET:
        do_unset(op->operand[0]);
        break;
    case WORK:
        do_work(op->operand[0]);
        break;
    case EVENT:
        do_event(op->operand[0], op->operand[1]);
        break;
    case WAIT:
        do_wait(op);
        break;
    case DELAY:
        do_delay(op->operand[0]);
        break;
    case LOCK:
        do_lock(op->operand[0]);
        break;
    case LEAVE:
        cpu_leave();
        break;
    case ENTRY:
        do_entry(actor, op->operand[0], op->operand[1]);
        break;
    case NEXT:
        do_next(actor);
        break;
    case WITHDRAW:
        do_withdraw(actor, op->operand[0]);
        break;
    case COUNT:
        do_count(op->operand[0], op->operand[1]);
        break;
    case SWAP:
        do_swap(actor, op->operand[0]);
        break;
    case BITS:
        do_bits(actor, op->operand[0]);
        break;
    case SEND:
        do_send(op);
        break;
    case ANSWER:
        do_answer(op->operand[0]);
        break;
    case DEVICE:
        do_device(op->operand[0]);
        break;
    case REGISTERS:
        do_registers(op->operand[0]);
        break;
    case MAP:
        do_map(actor, op);
        break;
    case UNMAP:
        do_unmap(actor, op->operand[0]);
        break;
    case ACCESS:
        do_access(actor, op);
        break;
    case LIST:
        do_list(actor, op->operand[0]);
        break;
    }
}

/* The last one ends what still goes on, as a machine's owner does. */
static void kernel_finish(uint32_t actor)
{
    cpu_enter();
    while (do_next(actor))
        ;
    if (ms_fetch_add_acq_rel(&n.finished, 1) + 1 < ACTORS) {
        if (actor == 0)
            cpu_leave(); /* the others' threads end */
        else
            n.on[actor] = NULL;
        return;
    }
    for (uint32_t i = 0; i < TIMERS; i++)
        do_unset((uint8_t)i);
    while (do_answer(0))
        ;
    do_flush();
    ms_kernel_stop(&n.kernel);
    objects_end();
    n.on[actor] = NULL;
}

static void late_check(void)
{
    for (uint32_t i = 0; i < DPCS; i++) {
        const struct dpc *d = &n.dpc[i];
        if (d->ran != d->queued - d->removed || d->finished != d->ran)
            ms_sim_fail("O3 a DPC ran not as often as it was queued",
                        "DPC %u: %u queued, %u taken out, %u ran", i, d->queued, d->removed,
                        d->ran);
    }
    for (uint32_t i = 0; i < TIMERS; i++) {
        const struct timer *t = &n.timer[i];
        uint32_t went_off = t->sets - t->withdrawn;
        if (t->withdrawn > t->sets)
            ms_sim_fail("O3 a timer was withdrawn more often than set", "timer %u: %u of %u", i,
                        t->withdrawn, t->sets);
        /* What goes off again while its DPC is queued does not queue it twice. */
        if (!t->is_periodic && t->ran > went_off)
            ms_sim_fail("O3 a timer went off more often than it was set", "timer %u: %u, set %u", i,
                        t->ran, went_off);
        if (!t->is_periodic && !t->is_mute && (t->ran == 0) != (went_off == 0))
            ms_sim_fail("O3 a timer's DPC is lost", "timer %u: %u, set %u", i, t->ran, went_off);
    }
    if (n.works_done != n.works)
        ms_sim_fail("O3 a work item is lost", "%u of %u", n.works_done, n.works);
}

static void kernel_check(void *unused)
{
    (void)unused;
    if ((ms_load_acquire(&n.kernel.taken) & ~n.crowd) != 0)
        ms_sim_fail("O9 a CPU is left taken", "%016llx",
                    (unsigned long long)ms_load_acquire(&n.kernel.taken));
    if (ms_kernel_is_quiet(&n.kernel) != (n.crowd == 0))
        ms_sim_fail("O7 a kernel is quiet with threads inside, or the other way", "at the end");
    late_check();
    if (n.shadow[0].ups - n.shadow[0].downs != (uint32_t)KeReadStateEvent(&n.event[0]))
        ms_sim_fail("O2 an event was consumed twice, or by nobody", "%u set, %u consumed",
                    n.shadow[0].ups, n.shadow[0].downs);
    objects_check();
}

static uint64_t kernel_digest(void)
{
    return (uint64_t)n.works_done << 48 ^ (uint64_t)n.dpc[0].ran << 32 ^
           (uint64_t)n.dpc[1].ran << 24 ^ (uint64_t)n.shadow[0].downs << 16 ^ (uint32_t)n.count;
}

static const char *kernel_tell(const struct fuzz_op *op, char *text, size_t bytes)
{
    static const char *const events[] = {"set", "reset", "clear", "read"};
    static const char *const locks[] = {"the spin lock", "the spin lock, IRQL unchanged",
                                        "the spin lock if it is free", "the fast mutex"};
    unsigned first = op->operand[0], second = op->operand[1];

    switch ((enum kind)op->kind) {
    case QUEUE:
        snprintf(text, bytes, "queue DPC %u", first % DPCS);
        break;
    case UNQUEUE:
        snprintf(text, bytes, "take DPC %u out", first % DPCS);
        break;
    case FLUSH:
        return "wait until all queued DPCs have run";
    case SET:
        snprintf(text, bytes, "set timer %u: %d00 ns%s%s", first % TIMERS, intervals[second & 7],
                 op->operand[2] & 1 ? ", again and again" : "",
                 op->operand[2] & 2 ? ", no DPC" : "");
        break;
    case UNSET:
        snprintf(text, bytes, "cancel timer %u", first % TIMERS);
        break;
    case WORK:
        return first & 2 ? "make a work item and free it" : "queue a work item";
    case EVENT:
        snprintf(text, bytes, "%s event %u", events[second % 4], first & 1);
        break;
    case WAIT:
        snprintf(text, bytes, "wait for %s %u, %d00 ns", first % 4 < 2 ? "event" : "timer",
                 first % 2, intervals[second & 7]);
        break;
    case DELAY:
        snprintf(text, bytes, "wait %d00 ns", intervals[first & 7]);
        break;
    case LOCK:
        snprintf(text, bytes, "hold %s", locks[first % 4]);
        break;
    case LEAVE:
        return "leave the machine";
    default:
        return objects_tell((uint32_t)op->kind - ENTRY, op, text, bytes);
    }
    return text;
}

static const char *const actor_names[] = {"one", "two", "three", "late", "later"};
static const struct fuzz_setting settings[] = {
    {"crowded", 2}, /* 1: one CPU is left */
    {"signalled", 2},
};
static const struct fuzz_kind kinds[] = {
    [QUEUE] = {"queue", 2, 7, "DPC; how often again by itself, importance, processor"},
    [UNQUEUE] = {"unqueue", 1, 7, "DPC"},
    [FLUSH] = {"flush", 0, 7, "waits for the queued DPCs"},
    [SET] = {"set", 3, 7, "timer; interval; period, without DPC, a moment"},
    [UNSET] = {"unset", 1, 7, "timer"},
    [WORK] = {"work", 1, 7, "1: no memory, 2: freed without being queued"},
    [EVENT] = {"event", 2, 7, "which; set, reset, clear, read"},
    [WAIT] = {"wait", 2, 7, "events, timers; interval"},
    [DELAY] = {"delay", 1, 7, "interval"},
    [LOCK] = {"lock", 1, 7, "spin lock in three ways, fast mutex"},
    [LEAVE] = {"leave", 0, 7, "the machine; the next operation enters again"},
    [ENTRY] = {"entry", 2, 7, "into the device queue: which, key"},
    [NEXT] = {"next", 0, 7, "of the device queue, by who has the device"},
    [WITHDRAW] = {"withdraw", 1, 7, "one's own entry"},
    [COUNT] = {"count", 2, 7, "interlocked: how, how much"},
    [SWAP] = {"swap", 1, 7, "exchanges: 32, 64 bits, pointer; compared"},
    [BITS] = {"bits", 1, 7, "or, and"},
    [SEND] = {"send", 3, 7, "a request: answer, routine, memory"},
    [ANSWER] = {"answer", 1, 7, "a pending request: status"},
    [DEVICE] = {"device", 1, 1, "made, deleted; memory"},
    [REGISTERS] = {"registers", 1, 1, "of another device, good or bad"},
    [MAP] = {"map", 3, 7, "registers; where, bytes, protection"},
    [UNMAP] = {"unmap", 1, 7, "registers, or what are none"},
    [ACCESS] = {"access", 3, 7, "registers; width and way; where"},
    [LIST] = {"list", 1, 7, "interlocked: head, tail, out of it; a barrier"},
};

const struct fuzz_target fuzz_target_kernel = {
    .name = "kernel",
    .summary = "DPCs, timers, work items, events, locks, CPUs; queues, words, requests, registers",
    .actors = actor_names,
    .actor_count = ACTORS,
    .thread_count = 2,
    .settings = settings,
    .setting_count = sizeof settings / sizeof settings[0],
    .kinds = kinds,
    .kind_count = sizeof kinds / sizeof kinds[0],
    .steps_max = 8000,
    .reset = kernel_reset,
    .perform = kernel_perform,
    .finish = kernel_finish,
    .check = kernel_check,
    .digest = kernel_digest,
    .tell = kernel_tell,
};
