/* SPDX-License-Identifier: MIT */
/*
 * kernel_objects.h: what kernel_fuzz.c plays with, and the half of it that hands things from one thread to
 * another: device queues, interlocked words, requests, device objects. Registers: kernel_registers.h.
 *
 * Proves       a device queue has one owner at a time and loses no entry; what interlocked routines return and
 *              leave adds up, and hands over (a pointer taken is nobody else's); an interlocked list gives each
 *              entry to one thread, with what was written into it; a request is completed once,
 *              its routines are called for what they asked for, up the stack
 */
#ifndef FUZZ_KERNEL_OBJECTS_H
#define FUZZ_KERNEL_OBJECTS_H

#include "stage.h"

enum {
    ACTORS = 3,
    DPCS = 2,
    TIMERS = 2,
    CELLS = 256,
    ENTRIES = 2,
    BOXES = 2,
    RANGES = 2,
    PARTS = 4
};

struct cell {
    uint64_t value;
    PIO_WORKITEM item;
    uint32_t ran;
};

struct dpc {
    KDPC dpc;
    uint32_t begun, queued, removing, removed, ran, finished;
    uint32_t again;
};

struct timer {
    KTIMER timer;
    KDPC dpc;
    uint32_t sets, withdrawn, ran;
    uint64_t due_min;
    bool is_periodic, is_mute; /* was set so at least once */
    uint32_t calls, inside;    /* that set it: so many so far, and not back yet */
    uint32_t once_ran; /* routines when the last of them, alone, had set it to go off once */
    bool is_once;
};

struct event {
    uint32_t ups, downs;
};

struct guarded {
    uint64_t value;
    uint32_t holders;
};

struct entry {
    KDEVICE_QUEUE_ENTRY entry;
    bool is_in, is_held; /* in the queue; whoever has the device works on it */
};

/* Of the interlocked list. */
struct part {
    LIST_ENTRY link;
    bool is_in;
    uint32_t value; /* its owner's, plain: the list hands it over */
};

/* A driver's note about its request; in the lowest stack location's parameters. */
struct box {
    uint32_t done, told;
};

static struct subject {
    struct ms_kernel kernel; /* kept in the image, up to `pdo` */
    DEVICE_OBJECT pdo;       /* from here on set anew */
    struct dpc dpc[DPCS];
    uint32_t inside; /* routines of DPCs that run now */
    struct timer timer[TIMERS];
    struct cell cell[CELLS];
    uint32_t cells, works, works_done;
    KEVENT event[2];
    struct event shadow[2];
    KSPIN_LOCK lock;
    FAST_MUTEX mutex;
    struct guarded spun, mutexed, owned, tokened;
    struct ms_cpu *on[MS_SIM_FIBERS_MAX];
    uint64_t crowd;
    ms_atomic_u32 finished;

    KDEVICE_QUEUE queue;
    struct entry entry[ACTORS][ENTRIES];
    struct entry *works_on[ACTORS]; /* who has the device, and for which of the entries */
    LONG count, swapped, bits;
    LONGLONG count64, swapped64;
    int64_t counted, counted64, put, got, put64, got64;
    PVOID token;
    uint32_t bits_of[ACTORS];
    LIST_ENTRY list;
    KSPIN_LOCK list_lock;
    struct part part[PARTS];
    struct part *parts_of[ACTORS][PARTS]; /* who has which: nobody else touches it */

    DRIVER_OBJECT upper, lower;
    DEVICE_OBJECT upper_device, lower_device;
    PVOID pending[BOXES]; /* requests that somebody has to answer */
    uint32_t sent, done, told, wanted_told;
    PDEVICE_OBJECT made;

    const struct ms_rule_info *rule[MS_SIM_FIBERS_MAX];
    uint32_t reports[MS_SIM_FIBERS_MAX];
    uint32_t mapped[ACTORS][RANGES], map_calls[RANGES];
    uint8_t *base[RANGES];
    uint8_t memory[64], more[64];
    uint32_t added;
    uint64_t written[MS_SIM_FIBERS_MAX]; /* by the one who accesses */
} n;

static VOID watch(const struct ms_rule_report *report, void *context)
{
    uint32_t self = ms_sim_self();

    (void)context;
    n.rule[self] = report->info;
    n.reports[self]++;
}

/* The calling thread's last call broke this rule and no other; 0: none. */
static void expect(uint32_t rule, const char *call)
{
    uint32_t self = ms_sim_self(), reports = n.reports[self];

    if (reports != (rule != 0) || (reports > 0 && n.rule[self]->rule != rule))
        ms_sim_fail(rule == 0 ? "O7 a call that breaks no rule is blamed"
                              : "O7 a broken rule is not reported, or another",
                    "%s: %u reports, the last %s", call, reports,
                    reports > 0 ? n.rule[self]->name : "none");
    n.reports[self] = 0;
}

/* --- one at a time: what a lock, a mutex or a token guards --- */

static void hold(struct guarded *g, KIRQL irql)
{
    if (g->holders++ != 0)
        ms_sim_fail("O1 a lock has two holders", "%u", g->holders);
    if (KeGetCurrentIrql() != irql)
        ms_sim_fail("O7 a lock is held at another IRQL", "%u", KeGetCurrentIrql());
    ms_data_write(&g->value, sizeof g->value);
    g->value++;
    ms_sim_here("holding");
    g->holders--;
}

/* --- the device queue ------------------------------------------------------------------------------------ */

/* The queue is busy for somebody: that one works on the device. */
static void device_take(uint32_t actor, struct entry *entry)
{
    for (uint32_t i = 0; i < ACTORS; i++)
        if (n.works_on[i])
            ms_sim_fail("O1 a device has two owners", "%u and %u", i, actor);
    ms_data_write(&n.owned.value, sizeof n.owned.value);
    n.owned.value++;
    entry->is_held = true;
    n.works_on[actor] = entry;
}

static void do_entry(uint32_t actor, uint8_t which, uint8_t key)
{
    struct entry *e = &n.entry[actor][which % ENTRIES];

    if (e->is_in || e->is_held)
        return;
    e->is_in = true; /* from now on another may take it out */
    BOOLEAN inserted = key & 128 ? KeInsertDeviceQueue(&n.queue, &e->entry)
                                 : KeInsertByKeyDeviceQueue(&n.queue, &e->entry, key % 8);
    if (inserted)
        return;
    e->is_in = false;
    device_take(actor, e);
}

/* False: the actor has no device, or nothing was left. */
static bool do_next(uint32_t actor)
{
    struct entry *mine = n.works_on[actor];

    if (!mine)
        return false;
    n.works_on[actor] = NULL;
    mine->is_held = false;
    PKDEVICE_QUEUE_ENTRY next = KeRemoveDeviceQueue(&n.queue);
    if (!next)
        return false;
    struct entry *e = CONTAINING_RECORD(next, struct entry, entry);
    if (!e->is_in)
        ms_sim_fail("O1 an entry comes out that is not in", "%p", (void *)e);
    e->is_in = false;
    device_take(actor, e);
    return true;
}

static void do_withdraw(uint32_t actor, uint8_t which)
{
    struct entry *e = &n.entry[actor][which % ENTRIES];

    if (!KeRemoveEntryDeviceQueue(&n.queue, &e->entry))
        return;
    if (!e->is_in)
        ms_sim_fail("O1 an entry comes out that is not in", "%p", (void *)e);
    e->is_in = false;
}

/* --- words ------------------------------------------------------------------------------------------------ */

static void do_count(uint8_t how, uint8_t by)
{
    LONG seen;
    LONGLONG seen64;

    switch (how % 8) {
    case 0:
        (void)InterlockedIncrement(&n.count);
        n.counted++;
        break;
    case 1:
        (void)InterlockedDecrement(&n.count);
        n.counted--;
        break;
    case 2:
        (void)InterlockedExchangeAdd(&n.count, by);
        n.counted += by;
        break;
    case 3:
        seen = n.count;
        if (InterlockedCompareExchange(&n.count, seen + by, seen) == seen)
            n.counted += by;
        break;
    case 4:
        (void)InterlockedIncrement64(&n.count64);
        n.counted64++;
        break;
    case 5:
        (void)InterlockedDecrement64(&n.count64);
        n.counted64--;
        break;
    case 6:
        (void)InterlockedExchangeAdd64(&n.count64, (LONGLONG)by << 32);
        n.counted64 += (int64_t)by << 32;
        break;
    default:
        seen64 = n.count64;
        if (InterlockedCompareExchange64(&n.count64, seen64 + by, seen64) == seen64)
            n.counted64 += by;
        break;
    }
}

/* What is put and what is taken out: at the end the difference lies there. A pointer that was taken is a lock. */
static void do_swap(uint32_t actor, uint8_t how)
{
    LONG value = (LONG)(actor + 1u) * 16 + how % 16;

    switch (how % 4) {
    case 0:
        n.put += value;
        n.got += InterlockedExchange(&n.swapped, value);
        break;
    case 1:
        n.put64 += (int64_t)value << 33;
        n.got64 += InterlockedExchange64(&n.swapped64, (LONGLONG)value << 33);
        break;
    case 2:
        if (InterlockedExchangePointer(&n.token, NULL) == NULL)
            break;
        hold(&n.tokened, KeGetCurrentIrql());
        (void)InterlockedExchangePointer(&n.token, &n);
        break;
    default:
        if (InterlockedCompareExchangePointer(&n.token, NULL, &n) != &n)
            break;
        hold(&n.tokened, KeGetCurrentIrql());
        if (InterlockedCompareExchangePointer(&n.token, &n, NULL) != NULL)
            ms_sim_fail("O1 a token came back that was taken", "by %u", actor);
        break;
    }
}

static void do_bits(uint32_t actor, uint8_t how)
{
    LONG own = 1 << actor, before;

    before = how & 1 ? InterlockedOr(&n.bits, own) : InterlockedAnd(&n.bits, ~own);
    if ((before >> actor & 1) != (LONG)n.bits_of[actor])
        ms_sim_fail("O2 a bit is lost", "bit %u", actor);
    n.bits_of[actor] = how & 1;
}

/* --- requests: a driver above, one below ------------------------------------------------------------------- */

static NTSTATUS on_done(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    struct cell *note = context;

    (void)device;
    ms_data_read(&note->value, sizeof note->value);
    n.told++;
    if (note->ran++ != 0)
        ms_sim_fail("O3 a request is told twice", "%u", note->ran);
    note->value = 1;
    return irp->Cancel ? STATUS_SUCCESS : STATUS_MORE_PROCESSING_REQUIRED;
}

static NTSTATUS on_upper_done(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    (void)context;
    if (device != &n.upper_device)
        ms_sim_fail("O3 a routine is told of another's device", "%p", (void *)device);
    if (irp->PendingReturned)
        IoMarkIrpPending(irp);
    return STATUS_SUCCESS;
}

/* Passes it on. */
static NTSTATUS upper_dispatch(PDEVICE_OBJECT device, PIRP irp)
{
    IoGetNextIrpStackLocation(irp)->MajorFunction =
        IoGetCurrentIrpStackLocation(irp)->MajorFunction;
    if (device != &n.upper_device)
        ms_sim_fail("O3 a request reaches another device", "%p", (void *)device);
    if (irp->Flags & 1)
        IoSetCompletionRoutine(irp, on_upper_done, NULL, TRUE, TRUE, TRUE);
    return IoCallDriver(&n.lower_device, irp);
}

static void irp_end(PIRP irp, NTSTATUS status)
{
    struct cell *note = irp->UserBuffer;
    bool has_routine = irp->Flags & 2;
    UCHAR asked = (UCHAR)(irp->Flags >> 8);
    bool wants = has_routine &&
                 ((asked & (NT_SUCCESS(status) ? SL_INVOKE_ON_SUCCESS : SL_INVOKE_ON_ERROR)) ||
                  (irp->Cancel && asked & SL_INVOKE_ON_CANCEL));
    uint32_t told = note->ran;

    irp->IoStatus.Status = status;
    n.wanted_told += wants;
    n.done++;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    if (note->ran - told != wants)
        ms_sim_fail("O3 a routine is called for what it did not ask for, or not", "%u times",
                    note->ran - told);
    IoFreeIrp(irp);
}

/* Answers at once, or leaves it to whoever comes. */
static NTSTATUS lower_dispatch(PDEVICE_OBJECT device, PIRP irp)
{
    uint32_t box = irp->Flags >> 4 & 1;
    NTSTATUS status = irp->Flags & 8 ? STATUS_UNSUCCESSFUL : STATUS_SUCCESS;

    (void)device;
    if (!(irp->Flags & 4) || InterlockedCompareExchangePointer(&n.pending[box], irp, NULL)) {
        irp_end(irp, status);
        return status;
    }
    return STATUS_PENDING;
}

static void do_send(const struct fuzz_op *op)
{
    uint8_t how = op->operand[0], asked = op->operand[1];
    bool is_unknown = (op->operand[2] & 15) == 2, fired;
    struct cell *note = &n.cell[n.cells++ % CELLS];
    PIRP irp;

    ms_fault_arm(op->operand[2] & 1 ? 0 : UINT32_MAX);
    irp = IoAllocateIrp((op->operand[2] & 15) == 4 ? 0 : 2, FALSE);
    fired = ms_fault_fired();
    ms_fault_arm(UINT32_MAX);
    if ((irp == NULL) != (fired || (op->operand[2] & 15) == 4))
        ms_sim_fail("O7 a request without memory, or none with it", "%d", fired);
    if (!irp)
        return;
    ms_data_write(&note->value, sizeof note->value);
    *note = (struct cell){.value = 7};
    irp->UserBuffer = note;
    irp->Cancel = asked >> 3 & 1;
    irp->Flags = (how & 31u) | (uint32_t)(UCHAR)((asked & 7) << 5) << 8;
    IoGetNextIrpStackLocation(irp)->MajorFunction =
        is_unknown ? (how & 1 ? IRP_MJ_POWER : IRP_MJ_MAXIMUM_FUNCTION + 1) : IRP_MJ_READ;
    if (how & 2) {
        bool success = asked & 2, error = asked & 4, cancel = asked & 1;
        IoSetCompletionRoutine(irp, on_done, note, success, error, cancel);
    }
    n.sent++;
    if (!is_unknown) {
        (void)IoCallDriver(&n.upper_device, irp);
        return;
    }
    /* Nobody serves it: the system answers, and the sender frees it. */
    if (IoCallDriver(&n.upper_device, irp) != STATUS_INVALID_DEVICE_REQUEST ||
        irp->IoStatus.Status != STATUS_INVALID_DEVICE_REQUEST)
        ms_sim_fail("O7 a request that nobody serves", "%08x", (unsigned)irp->IoStatus.Status);
    n.done++;
    n.wanted_told += note->ran;
    IoFreeIrp(irp);
}

static bool do_answer(uint8_t how)
{
    bool any = false;

    for (uint32_t i = 0; i < BOXES; i++) {
        PIRP irp = InterlockedExchangePointer(&n.pending[i], NULL);
        if (!irp)
            continue;
        any = true;
        irp_end(irp, how & 1 ? STATUS_UNSUCCESSFUL : STATUS_SUCCESS);
    }
    return any;
}

static void do_device(uint8_t how)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"");
    PDEVICE_OBJECT device = NULL;

    if (n.made && how & 1) {
        IoDeleteDevice(n.made);
        n.made = n.upper.DeviceObject;
        return;
    }
    ms_fault_arm(how & 2 ? 0 : UINT32_MAX);
    NTSTATUS status = IoCreateDevice(how & 4 ? NULL : &n.upper, how & 8 ? 24 : 0, &name,
                                     FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
    NTSTATUS wanted = how & 4            ? STATUS_INVALID_PARAMETER
                      : ms_fault_fired() ? STATUS_INSUFFICIENT_RESOURCES
                                         : STATUS_SUCCESS;
    ms_fault_arm(UINT32_MAX);
    if (status != wanted)
        ms_sim_fail("O7 a device object is made with another status", "%08x", (unsigned)status);
    if (IoCreateSymbolicLink(&name, how & 16 ? NULL : &name) !=
            (how & 16 ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS) ||
        IoDeleteSymbolicLink(&name) != STATUS_SUCCESS)
        ms_sim_fail("O7 a link with another status", "%u", how);
    if (!NT_SUCCESS(status))
        return;
    if (n.upper.DeviceObject != device || device->NextDevice != n.made ||
        (device->DeviceExtension != NULL) != (how >> 3 & 1))
        ms_sim_fail("O2 a device object is not in its driver's list", "%p", (void *)device);
    n.made = device;
}

/* --- an interlocked list -------------------------------------------------------------------------------------- */

static void part_use(struct part *p)
{
    ms_data_write(&p->value, sizeof p->value);
    p->value++;
}

static struct part *part_of(PLIST_ENTRY link)
{
    for (uint32_t i = 0; i < PARTS; i++)
        if (link == &n.part[i].link)
            return &n.part[i];
    ms_sim_fail("O2 a list gives what was never in it", "%p", (void *)link);
}

static void do_list(uint32_t actor, uint8_t how)
{
    PLIST_ENTRY seen;
    uint32_t i = 0;
    KIRQL old;

    if (how % 4 == 3) {
        old = KeRaiseIrqlToDpcLevel();
        KeMemoryBarrier();
        if (old != PASSIVE_LEVEL || KeGetCurrentIrql() != DISPATCH_LEVEL)
            ms_sim_fail("O7 another IRQL", "%u, was %u", KeGetCurrentIrql(), old);
        KeLowerIrql(old);
        return;
    }
    while (i < PARTS && (n.parts_of[actor][i] != NULL) == (how % 4 == 2))
        i++; /* one's own part for an insertion, a free place for a removal */
    if (i == PARTS)
        return;
    if (how % 4 == 2) {
        seen = ExInterlockedRemoveHeadList(&n.list, &n.list_lock);
        ms_sim_state(9, seen != NULL);
        if (!seen)
            return;
        struct part *p = part_of(seen);
        if (!p->is_in)
            ms_sim_fail("O1 an entry of a list has two owners", "part %u", (uint32_t)(p - n.part));
        p->is_in = false;
        n.parts_of[actor][i] = p;
        part_use(p);
        return;
    }
    struct part *p = n.parts_of[actor][i];
    n.parts_of[actor][i] = NULL;
    part_use(p);
    p->is_in = true;
    seen = how % 4 == 0 ? ExInterlockedInsertHeadList(&n.list, &p->link, &n.list_lock)
                        : ExInterlockedInsertTailList(&n.list, &p->link, &n.list_lock);
    ms_sim_state(9, 2u + how % 4 * 2 + (seen != NULL));
    if (seen && part_of(seen) == p)
        ms_sim_fail("O7 who was first before is who came", "part %u", (uint32_t)(p - n.part));
}

static void list_check(void)
{
    uint32_t in = 0, found = 0;

    for (uint32_t i = 0; i < PARTS; i++)
        in += n.part[i].is_in;
    for (PLIST_ENTRY link = n.list.Flink; link != &n.list && found <= PARTS; link = link->Flink)
        found += part_of(link)->is_in && link->Flink->Blink == link;
    if (found != in)
        ms_sim_fail("O2 an entry is lost in an interlocked list", "%u of %u", found, in);
}

/* --- the beginning and the end ------------------------------------------------------------------------------ */

static void objects_reset(void)
{
    KeInitializeDeviceQueue(&n.queue);
    n.token = &n;
    InitializeListHead(&n.list);
    KeInitializeSpinLock(&n.list_lock);
    for (uint32_t i = 0; i < PARTS; i++)
        n.parts_of[i % ACTORS][i] = &n.part[i];
    n.upper.MajorFunction[IRP_MJ_READ] = upper_dispatch;
    n.lower.MajorFunction[IRP_MJ_READ] = lower_dispatch;
    n.upper_device.DriverObject = &n.upper;
    n.lower_device.DriverObject = &n.lower;
}

/* By the last thread in the machine. */
static void objects_end(void)
{
    uint32_t self = ms_sim_self(), leaks = 0;

    for (uint32_t range = 0; range < RANGES; range++) {
        uint32_t mapped = 0;
        for (uint32_t i = 0; i < ACTORS; i++)
            mapped += n.mapped[i][range];
        leaks += mapped != 0;
    }
    ms_io_space_close(&n.kernel.io_space);
    if (n.reports[self] != leaks || (leaks > 0 && n.rule[self]->rule != MS_RULE_IO_SPACE_LEAK))
        ms_sim_fail("O9 registers that are left mapped are not reported, or others", "%u of %u",
                    n.reports[self], leaks);
    n.reports[self] = 0;
    while (n.made) {
        IoDeleteDevice(n.made);
        n.made = n.upper.DeviceObject;
    }
}

static void objects_check(void)
{
    list_check();
    for (uint32_t i = 0; i < ACTORS; i++)
        for (uint32_t e = 0; e < ENTRIES; e++)
            if (n.entry[i][e].is_in || n.entry[i][e].is_held || n.entry[i][e].entry.Inserted)
                ms_sim_fail("O2 an entry is lost in a device queue", "%u of %u", e, i);
    if (n.queue.Busy || !IsListEmpty(&n.queue.DeviceListHead))
        ms_sim_fail("O9 a device queue is left busy", "at the end");
    if (n.count != (LONG)n.counted || n.count64 != n.counted64)
        ms_sim_fail("O2 a count is lost", "%d, wanted %d", (int)n.count, (int)n.counted);
    if (n.put != n.got + n.swapped || n.put64 != n.got64 + n.swapped64)
        ms_sim_fail("O2 a word that was exchanged is lost, or there twice", "%d, %d", (int)n.put,
                    (int)n.got);
    if (n.token != &n)
        ms_sim_fail("O9 a token is left taken", "at the end");
    if (n.done != n.sent || n.told != n.wanted_told)
        ms_sim_fail("O3 a request is lost, or told wrongly", "%u of %u, told %u of %u", n.done,
                    n.sent, n.told, n.wanted_told);
    if (n.upper.DeviceObject)
        ms_sim_fail("O9 a device object is left", "at the end");
}

/* The numbers of the operations that kernel_fuzz.c leaves to this file, from the first one on. */
static const char *objects_tell(uint32_t which, const struct fuzz_op *op, char *text, size_t bytes)
{
    static const char *const said[] = {
        "put an entry into the device queue",
        "done with the device: the next entry",
        "take an entry back out of the device queue",
        "add to a shared word",
        "exchange a shared word",
        "set or clear a bit of a shared word",
        "send a request",
        "answer what is pending",
        "make or delete a device object",
        "add another device's registers",
        "map registers",
        "unmap registers",
        "access a register",
        "an interlocked list, or a barrier at DISPATCH_LEVEL",
    };

    snprintf(text, bytes, "%s (%u)", said[which], op->operand[0]);
    return text;
}

#endif
