/* SPDX-License-Identifier: MIT */
/*
 * kmdf_driver.h: the driver that kmdf_fuzz.c plays, and its device: what is noted of each transaction, the
 * callbacks, reports, and what must hold of each. Included once.
 */
#ifndef FUZZ_KMDF_DRIVER_H
#define FUZZ_KMDF_DRIVER_H

#include "kmdf_stage.h"

enum {
    DRIVER,
    OTHER,
    DEVICE,
    CANCEL,
    ACTORS,
    JOBS = 3,
    FRAGMENT = 64, /* bytes at most */
    FIRST_BYTES = 100,
    BYTES = 220, /* of a job's chain: two MDLs, three pages, the first and the last out of reach */
    FRAGMENTS_MAX = 192,
    RUNS_MAX = 96,
    ELEMENTS_MAX = 8,
    DRAIN_ROUNDS = 100,
    RESERVING = 0x100,  /* in a job's users: only a reservation is waited for */
    CANCELABLE = 0x200, /* and AllocateResources has returned: it may be cancelled */
    MARKS = RESERVING | CANCELABLE,
};

/* LISTS_GOT: two adapters, and no list of its own. PACKET_2: of version 2. LOOPED: a ring that its channel runs
 * through again and again. NESTED: lists are programmed as the original does it (K4). DEFERRED: what the device tells
 * while a fragment is staged comes by the DPC thread (K9). LATER, LATER_LISTS: behind an MDL without bytes the chain goes
 * on at the end of a page. */
enum profile {
    PACKET,
    LISTS,
    LISTS_GOT,
    SYSTEM,
    DUPLEX,
    PACKET_2,
    LOOPED,
    NESTED,
    DEFERRED,
    LATER,
    LATER_LISTS,
    PROFILES
};
enum report { WHOLE, PART, FINAL, NONE_FIRST, TOO_MUCH, REPORTS };
static const char *const report_names[REPORTS] = {"all of it", "half of it", "half of it, the last",
                                                  "none of it, at first", "too much"};

static const uint16_t lengths[8] = {64, 1, 65, 63, 100, 128, 150, 20};
static const uint16_t offsets[4] = {0, 1, 59, 36};

struct fragment {
    uint32_t job, at, length, moved;
    uint32_t
        execution; /* of the job: the device may still get its last burst when the next one has begun */
    uint32_t passes, periods; /* looped: so often it was moved, so often that was told */
    bool to_device, is_programmed, is_told, is_reported;
    DMA_COMPLETION_STATUS status;
};

/* An execution, which its completion callback has as context: one that was on its way when the driver ended the
 * execution without it (CMP-20) must not be taken for the next one's. */
struct run {
    struct job *job;
    uint32_t execution;
    bool is_given_up;
    uint32_t over; /* if so: the number of its end among all such; 0: it is not over yet */
};

struct job {
    WDFDMATRANSACTION trx;
    PMDL mdl;
    /* Words of the driver. They order what the driver itself hands on; but who ends an execution goes on with the
     * transaction at once (see job_drop). */
    ms_atomic_u32 busy; /* hb:kmdf-busy; 0: released, for whoever comes */
    ms_atomic_u32
        users; /* hb:kmdf-users; the execution's, and who looks at it; the last one releases */
    ms_atomic_u32
        pending; /* hb:kmdf-pending; fragment + 1 that somebody may report; whoever takes it does */
    ms_atomic_u32 stopped; /* one stop per initialisation (STP-04) */
    /* The plan; written while nobody else has the job. */
    bool to_device, immediate, single, polls, dies, ends_in_configure;
    bool gives_up;             /* may end it before it is told that the fragment is over (CMP-20) */
    uint8_t where, how, again; /* so often it begins anew, by whoever learns of its end */
    uint32_t at, length;
    /* The shadow of this execution. */
    uint32_t execution;
    bool is_executing, is_reserving, is_held, held_direction;
    uint32_t reserved; /* registers */
    bool stop_asked, stop_returned, cancel_asked, has_resent, is_inside, has_failed_staging;
    bool is_reporting; /* and may be over before the call returns */
    bool is_refused;   /* lists: a cancel came too late, so the next list is refused (CAN-11) */
    uint32_t programs, programs_after_stop, programs_after_cancel, reported, staged_end;
    struct fragment *current;
    struct run *run;
    uint64_t inside; /* what callbacks hand on */
    uint8_t expected[BYTES];
    bool is_known[BYTES];
    /* What the device was programmed with. */
    ULONG_PTR room[2 + 3 * ELEMENTS_MAX];
};

/* Behind a request line. */
struct device {
    uint32_t line;
    struct fragment *burst; /* whose bytes the engine is at */
    bool is_broken;
};

static struct {
    struct kmdf_stage stage; /* from here on kept in the image */
    enum profile profile;
    WDFDMAENABLER enabler;
    PDMA_ADAPTER adapter[2];
    WDFDMATRANSACTION trx[JOBS];
    PMDL mdl[JOBS], ring[JOBS]; /* of a page within reach: a loop is never bounced (MTX-61) */
    PMDL later[JOBS];
    struct device device[3];
    uint32_t objects;     /* at rest */
    struct job job[JOBS]; /* from here on set anew */
    struct fragment fragment[FRAGMENTS_MAX];
    uint32_t fragments;
    struct run run[RUNS_MAX];
    uint32_t runs;
    bool gives_up;          /* some job does */
    ms_atomic_u32 given_up; /* hb:kmdf-given-up; so many executions ended before they were told */
    uint32_t seen[MS_SIM_FIBERS_MAX];             /* of these, when an actor's operation began */
    const struct job *in_stop[MS_SIM_FIBERS_MAX]; /* whose stop or cancel an actor is in */
    ms_atomic_u32 finished;                       /* actors; hb:kmdf-finished */
    uint64_t digest;
} k;

static bool is_system(void)
{
    return k.profile == SYSTEM || k.profile == DUPLEX || k.profile == LOOPED ||
           k.profile == DEFERRED;
}

static bool is_lists(void)
{
    return k.profile == LISTS || k.profile == LISTS_GOT || k.profile == NESTED ||
           k.profile == LATER_LISTS;
}

static PSCATTER_GATHER_LIST list_of(struct job *j)
{
    return (PSCATTER_GATHER_LIST)(void *)j->room;
}

static uint32_t index_of(const struct job *j)
{
    return (uint32_t)(j - k.job);
}

/* --- bytes: each has one value that is right ---------------------------------------------------------- */

static uint8_t device_byte(const struct fragment *f, uint32_t i)
{
    return (uint8_t)((uint32_t)(f - k.fragment) * 29 + i * 7 + 1);
}

static uint8_t memory_byte(uint32_t job, uint32_t execution, uint32_t i)
{
    return (uint8_t)(job * 71 + execution * 13 + i * 3 + 5);
}

static void memory_fill(const struct job *j)
{
    uint8_t bytes[BYTES];

    for (uint32_t i = 0; i < BYTES; i++)
        bytes[i] = memory_byte(index_of(j), j->execution, i);
    ms_mdl_copy_in(k.stage.stage.memory, j->mdl, 0, bytes, j->mdl->Next ? BYTES : FIRST_BYTES);
}

/* O6: what was reported is the device's, what nobody staged is as it was. */
static void memory_check(const struct job *j)
{
    uint32_t all = j->mdl->Next ? BYTES : FIRST_BYTES;
    uint8_t bytes[BYTES];

    ms_mdl_copy_out(k.stage.stage.memory, j->mdl, 0, bytes, all);
    for (uint32_t i = 0; i < all; i++) {
        bool is_ours = !j->to_device && i >= j->at && i < j->staged_end;
        if (!is_ours && bytes[i] != memory_byte(index_of(j), j->execution, i))
            ms_sim_fail("O6 a byte changed that was not to", "byte %u of job %u", i, index_of(j));
        if (is_ours && i < j->at + j->reported && j->is_known[i] && bytes[i] != j->expected[i])
            ms_sim_fail("O6 a byte that the device did not give", "byte %u of job %u", i,
                        index_of(j));
    }
}

static struct fragment *fragment_open(struct job *j, uint32_t at, uint32_t length)
{
    struct fragment *f = &k.fragment[k.fragments];

    ms_require(k.fragments < FRAGMENTS_MAX);
    if (at != j->at + j->reported)
        ms_sim_fail("O5 a fragment that does not follow the last", "%u, wanted %u", at,
                    j->at + j->reported);
    if (length == 0 || length > FRAGMENT || at + length > j->at + j->length)
        ms_sim_fail("O5 a fragment of a wrong length", "%u bytes at %u", length, at);
    k.fragments++;
    *f = (struct fragment){.job = index_of(j),
                           .execution = j->execution,
                           .at = at,
                           .length = length,
                           .to_device = j->to_device};
    if (at + length > j->staged_end)
        j->staged_end = at + length;
    return j->current = f;
}

/* --- the device ----------------------------------------------------------------------------------------- */

static uint32_t line_ready(void *context, uint64_t address, bool to_device, bool demand,
                           uint32_t wanted)
{
    struct device *d = context;

    (void)address, (void)to_device, (void)demand;
    if (d->is_broken)
        return MS_ENDPOINT_FAULT;
    d->burst = NULL;
    for (uint32_t i = 0; i < JOBS; i++) /* the job that has the line */
        if (k.job[i].is_executing && k.job[i].current &&
            (k.profile != DUPLEX || k.job[i].to_device == (d == &k.device[2])))
            if (!d->burst || k.job[i].current > d->burst)
                d->burst = k.job[i].current;
    if (d->burst)
        ms_data_write(&d->burst->moved, sizeof d->burst->moved);
    return wanted;
}

static void line_peek(void *context, uint64_t address, uint8_t *bytes, uint32_t count)
{
    const struct device *d = context;

    (void)address;
    for (uint32_t i = 0; i < count; i++)
        bytes[i] = d->burst ? device_byte(d->burst, d->burst->moved + i) : 0;
}

static void moved(struct fragment *f, uint32_t count)
{
    if (!f || f->moved + count > FRAGMENT)
        ms_sim_fail("O5 the device moved more than it was told", "%u bytes more", count);
    f->moved += count;
    if (k.profile == LOOPED && f->moved == f->length) { /* the next pass begins at once (CPL-10) */
        f->moved = 0;
        f->passes++;
    }
}

static void line_pop(void *context, uint64_t address, uint32_t count)
{
    const struct device *d = context;

    (void)address;
    moved(d->burst, count);
}

static void line_push(void *context, uint64_t address, const uint8_t *bytes, uint32_t count)
{
    const struct device *d = context;
    const struct fragment *f = d->burst;

    (void)address;
    for (uint32_t i = 0; f && i < count; i++)
        if (bytes[i] != memory_byte(f->job, f->execution, f->at + f->moved + i))
            ms_sim_fail("O6 the device got a byte that is not the driver's", "byte %u of %u", i,
                        count);
    moved(d->burst, count);
}

static const struct ms_endpoint_ops line_ops = {line_ready, line_peek, line_pop, line_push};

/* A bus master moves the first `bytes` of a fragment by the list that it was programmed with. */
static void master_moves(struct job *j, struct fragment *f, uint32_t bytes)
{
    struct ms_bus_master master;
    struct ms_bus_master_result result;
    uint8_t buffer[FRAGMENT];

    ms_bus_master_init(&master, k.stage.stage.memory, 64);
    for (uint32_t i = 0; i < bytes; i++)
        buffer[i] = device_byte(f, i);
    result = f->to_device ? ms_bus_master_fetch(&master, list_of(j), buffer, bytes)
                          : ms_bus_master_store(&master, list_of(j), buffer, bytes);
    if (result.fault || result.bytes != bytes)
        ms_sim_fail("O5 a list does not lead to its bytes", "%u of %u", (unsigned)result.bytes,
                    bytes);
    f->moved = bytes;
    for (uint32_t i = 0; f->to_device && i < bytes; i++)
        if (buffer[i] != memory_byte(f->job, f->execution, f->at + i))
            ms_sim_fail("O6 the device got a byte that is not the driver's", "byte %u of %u", i,
                        bytes);
}

/* --- the end of an execution ---------------------------------------------------------------------------- */

static bool has_room(void)
{
    return k.fragments < FRAGMENTS_MAX - 64 && k.runs < RUNS_MAX - JOBS;
}

/* A reference on an execution that is not over; false: it is. */
static bool job_hold(struct job *j, bool initialised)
{
    uint32_t seen = ms_load_relaxed(&j->users);

    while ((seen & ~(uint32_t)MARKS) != 0 &&
           (!(seen & RESERVING) || (!initialised && (seen & CANCELABLE))))
        if (ms_cas_acquire(&j->users, &seen, seen + 1)) /* hb:kmdf-users */
            return true;
    return false;
}

static void job_run(struct job *j, uint8_t early);

/* The last one releases or deletes it, and begins anew at once, or leaves it to whoever comes next. Whoever `ended` it
 * himself acquires nothing here: what others did with that execution, the step that ended it has to have acquired. */
static void job_drop(struct job *j, bool ended)
{
    uint32_t before = ended ? ms_fetch_sub_release(&j->users, 1)  /* hb:kmdf-users */
                            : ms_fetch_sub_acq_rel(&j->users, 1); /* hb:kmdf-users */

    if ((before & ~(uint32_t)MARKS) != 1)
        return;
    if (j->dies) {
        WdfObjectDelete(j->trx);
        ms_require(NT_SUCCESS(WdfDmaTransactionCreate(k.enabler, NULL, &j->trx)));
        j->is_held = false; /* REL-08 */
    } else if (WdfDmaTransactionRelease(j->trx) != STATUS_SUCCESS) {
        ms_sim_fail("O7 a release failed", "job %u", index_of(j));
    }
    if (j->again > 0 && has_room()) {
        j->again--;
        job_run(j, 0);
    } else {
        ms_store_release(&j->busy, 0); /* hb:kmdf-busy */
    }
}

/* STM-02: by whoever was told that it is over. */
static void job_end(struct job *j, NTSTATUS status)
{
    if (!j->is_executing)
        ms_sim_fail("O3 an execution ended twice", "job %u, %08x", index_of(j), (unsigned)status);
    memory_check(j);
    j->is_executing = false;
    j->current = NULL;
    k.digest = k.digest * 31 + (uint32_t)status + j->reported;
    job_drop(j, true);
}

/* --- reports -------------------------------------------------------------------------------------------- */

static void report_judge(struct job *j, bool final, bool overrun, NTSTATUS status)
{
    bool is_whole = j->reported == j->length;
    bool may = status == STATUS_SUCCESS ? is_whole || final
               : status == STATUS_CANCELLED
                   ? !is_whole && (j->stop_asked || (is_lists() && j->cancel_asked))
               : status == STATUS_WDF_TOO_MANY_TRANSFERS ? j->single && !is_whole
               : status == STATUS_INVALID_PARAMETER      ? overrun
               : status == STATUS_INSUFFICIENT_RESOURCES ? is_lists() && j->immediate
                                                         : false;

    if (!may)
        ms_sim_fail("O7 an execution ended with a wrong status", "%08x, %u of %u bytes",
                    (unsigned)status, j->reported, j->length);
    if (WdfDmaTransactionGetBytesTransferred(j->trx) != j->reported)
        ms_sim_fail("O5 bytes were counted wrong", "%u, wanted %u",
                    (unsigned)WdfDmaTransactionGetBytesTransferred(j->trx), j->reported);
}

/* `f` NULL: nothing was staged. After FALSE the job is somebody else's. */
static void report(struct job *j, struct fragment *f, enum report how, uint32_t bytes)
{
    WDFDMATRANSACTION trx = j->trx;
    bool final = how == FINAL, overrun = how == TOO_MUCH;
    struct run *run = j->run;
    NTSTATUS status;
    BOOLEAN over;

    if (f) {
        if (how == WHOLE)
            bytes = f->length;
        f->is_reported = true;
        for (uint32_t i = 0; !overrun && i < bytes; i++) {
            j->expected[f->at + i] = device_byte(f, i);
            j->is_known[f->at + i] = true;
        }
    }
    if (!overrun)
        j->reported += bytes;
    j->is_reporting = true;
    if (how == WHOLE)
        over = WdfDmaTransactionDmaCompleted(trx, &status);
    else if (final)
        over = WdfDmaTransactionDmaCompletedFinal(trx, bytes, &status);
    else
        over = WdfDmaTransactionDmaCompletedWithLength(trx, bytes, &status);
    if (over && run->is_given_up) /* else somebody is just giving it up, and has not said so */
        run->over = ms_fetch_add_release(&k.given_up, 1) + 1; /* hb:kmdf-given-up */
    if (status == STATUS_INVALID_DEVICE_REQUEST)
        ms_sim_fail("O7 a report was refused", "%s", report_names[how]);
    if (!over) { /* the job may be another's by now */
        if (status != STATUS_MORE_PROCESSING_REQUIRED || final || overrun)
            ms_sim_fail("O7 a report was not the last", "%s: %08x", report_names[how],
                        (unsigned)status);
        return;
    }
    report_judge(j, final, overrun, status);
    job_end(j, status);
}

/* The device did what it does with a fragment; how much of it is said, and to whom it is said. */
static void fragment_report(struct job *j, struct fragment *f, enum report how)
{
    bool is_over = f->is_told && f->status == DmaComplete;
    uint32_t bytes = f->length;

    if (j->gives_up && !f->is_told) { /* its completion may be on its way all the same */
        j->run->is_given_up = true;
        how = FINAL;
    }
    if (j->programs > 3 && how != FINAL)
        how = WHOLE;               /* small parts never end */
    if (is_system() && !is_over) { /* the counter says how far it is */
        PDMA_ADAPTER adapter = k.adapter[j->to_device];
        uint32_t left = adapter->DmaOperations->ReadDmaCounter(adapter);
        bytes = left < bytes ? bytes - left : 0;
        if (f->is_told && f->status == DmaError)
            bytes = 0;
        if (f->is_told || left > 0 || k.profile == LOOPED)
            how = FINAL;
    }
    if (how == NONE_FIRST && j->has_resent)
        how = WHOLE;
    if (how == PART || (how == FINAL && (!is_system() || is_over)))
        bytes = (bytes + 1) / 2;
    if (!is_system())
        master_moves(j, f, bytes);
    if (how == NONE_FIRST) { /* CMP-10 */
        j->has_resent = true;
        bytes = 0;
    } else if (how == TOO_MUCH) {
        bytes = f->length + 1;
    }
    report(j, f, how, bytes);
}

/* Somebody who is not in a callback takes what waits for its report. */
static bool pending_report(struct job *j, enum report how)
{
    uint32_t taken = ms_exchange_acq_rel(&j->pending, 0); /* hb:kmdf-pending */

    if (taken == 0)
        return false;
    fragment_report(j, &k.fragment[taken - 1], how);
    return true;
}

static void pending_put(struct job *j, const struct fragment *f)
{
    ms_store_release(&j->pending, (uint32_t)(f - k.fragment) + 1); /* hb:kmdf-pending */
}

/* --- the driver's callbacks ----------------------------------------------------------------------------- */

static void callback_enter(const struct job *j)
{
    if (KeGetCurrentIrql() != DISPATCH_LEVEL)
        ms_sim_fail("O7 a callback at another IRQL", "%u", KeGetCurrentIrql());
    if (!j->is_executing)
        ms_sim_fail("O4 a callback after the end", "job %u", index_of(j));
    if (j->is_inside)
        ms_sim_fail("O3 two callbacks of one transaction at a time", "job %u", index_of(j));
    if (!j->gives_up) /* each sees what the one before it wrote (STG-12) */
        ms_data_write(&j->inside, sizeof j->inside);
}

/* One stop for each initialisation (STP-04), by somebody who holds the job or is in a callback of it. */
static void job_stop(struct job *j)
{
    if (ms_exchange_relaxed(&j->stopped, 1) != 0)
        return;
    j->stop_asked = true;
    k.in_stop[ms_sim_self()] = j;
    WdfDmaTransactionStopSystemTransfer(j->trx);
    k.in_stop[ms_sim_self()] = NULL;
    j->stop_returned = true;
}

/* How long the next fragment of a bus master is. A packet's is one element, so it ends with its MDL (STG-02, MTX-34),
 * and never before it for want of registers (EXE-07, RES-12); a list's ends before the MDL whose pages would be more
 * than two, which is all that its enabler has (SGP-02), unless it must be the only one (TRX-30). */
static uint32_t planned(const struct job *j)
{
    uint32_t at = j->at + j->reported, left = j->length - j->reported, length = 0, pages = 0;
    const MDL *mdl = j->mdl;

    left = left < FRAGMENT ? left : FRAGMENT;
    for (; at >= mdl->ByteCount; mdl = mdl->Next)
        at -= mdl->ByteCount;
    for (; length < left; mdl = mdl->Next, at = 0) {
        uint32_t bytes = mdl->ByteCount - at < left - length ? mdl->ByteCount - at : left - length;
        if (!is_lists() && j->is_held && j->reserved == 1 && /* RES-12: to the end of its page */
            bytes > PAGE_SIZE - (mdl->ByteOffset + at) % PAGE_SIZE)
            return PAGE_SIZE - (mdl->ByteOffset + at) % PAGE_SIZE;
        if (!is_lists())
            return bytes;
        pages +=
            bytes > 0 ? (uint32_t)ADDRESS_AND_SIZE_TO_SPAN_PAGES(mdl->ByteOffset + at, bytes) : 0;
        if (pages > 2 && length > 0 && !j->single)
            break;
        length += bytes;
    }
    return length;
}

static bool reports_inside(const struct job *j)
{
    return j->where == 1 || (j->where == 2 && (k.fragments & 1) != 0);
}

static BOOLEAN on_program(WDFDMATRANSACTION trx, WDFDEVICE device, WDFCONTEXT context,
                          WDF_DMA_DIRECTION direction, PSCATTER_GATHER_LIST list)
{
    struct job *j = context;
    struct fragment *f = j->current;
    uint32_t bytes = 0;

    (void)device;
    callback_enter(j);
    if (trx != j->trx || (bool)direction != j->to_device)
        ms_sim_fail("O1 a callback about another transaction", "job %u", index_of(j));
    if (j->stop_returned && ++j->programs_after_stop > 1)
        ms_sim_fail("O4 programmed after a stop", "job %u", index_of(j)); /* RCE-P21 */
    if (j->has_failed_staging)
        ms_sim_fail("O4 programmed after it was stopped", "job %u",
                    index_of(j)); /* STP-03, STP-06 */
    for (uint32_t i = 0; k.profile == PACKET_2 && i < JOBS; i++)
        if (&k.job[i] != j && k.job[i].is_executing && k.job[i].programs > 0 &&
            !k.job[i].is_reporting)
            ms_sim_fail("O1 two transactions of one enabler of version 2", "%u and %u", i,
                        index_of(j)); /* EXE-10 */
    if (j->is_refused && ++j->programs_after_cancel > 1)
        ms_sim_fail("O4 programmed after a cancel", "job %u", index_of(j)); /* CAN-11 */
    j->is_inside = true;
    j->is_reporting = false;
    j->programs++;
    if (list->NumberOfElements > ELEMENTS_MAX)
        ms_sim_fail("O5 a list too long", "%u elements", (unsigned)list->NumberOfElements);
    list_of(j)->NumberOfElements = list->NumberOfElements;
    for (ULONG i = 0; i < list->NumberOfElements; i++) {
        list_of(j)->Elements[i] = list->Elements[i];
        bytes += list->Elements[i].Length;
    }
    if (WdfDmaTransactionGetCurrentDmaTransferLength(trx) != bytes)
        ms_sim_fail("O5 a list of another length", "%u bytes", bytes); /* TRX-49 */
    if (!is_system() && bytes != planned(j))
        ms_sim_fail("O5 a fragment is not as long as it can be", "%u bytes, not %u", bytes,
                    planned(j));
    if (!is_system())
        f = fragment_open(j, j->at + j->reported, bytes);
    if (!f || f->is_programmed || bytes > f->length)
        ms_sim_fail("O3 a fragment was programmed twice", "%u bytes", bytes);
    f->length = bytes;
    f->is_programmed = true;
    j->is_inside = false;
    if (is_system() && !j->polls && !j->gives_up)
        return TRUE; /* told when it is over */
    if (!is_system() && reports_inside(j))
        fragment_report(j, f, (enum report)j->how);
    else
        pending_put(j, f);
    return TRUE;
}

static BOOLEAN on_configure(WDFDMATRANSACTION trx, WDFDEVICE device, PVOID context, PMDL mdl,
                            size_t offset, size_t length)
{
    struct job *j = context;

    (void)trx, (void)device;
    callback_enter(j);
    if (mdl != j->mdl)
        ms_sim_fail("O1 a callback about another buffer", "job %u", index_of(j));
    struct fragment *f = fragment_open(j, (uint32_t)offset, (uint32_t)length);
    if (!j->ends_in_configure)
        return TRUE;
    report(j, f, FINAL, 0); /* PRG-07 */
    return FALSE;
}

/* The driver does not wait for what it was told would come (CMP-20). Told of it all the same, because that was
 * decided before it ended the execution: it has nothing to do. True: so it is. */
static bool is_late(const struct run *run)
{
    struct job *j = run->job;

    if (j->is_executing && j->execution == run->execution && !run->is_given_up)
        return false;
    if (!run->is_given_up || (run->over != 0 && k.seen[ms_sim_self()] >= run->over))
        ms_sim_fail("O4 a callback after the end", "job %u", index_of(j)); /* STP-12 */
    return true;
}

/* PRG-17. Sometimes that is the moment at which the driver stops. */
static void period_told(struct job *j, struct fragment *f)
{
    if (++f->periods > f->passes)
        ms_sim_fail("O3 told of a pass that was not made", "%u of %u", f->periods, f->passes);
    if (j->where == 1)
        job_stop(j);
}

static VOID on_complete(WDFDMATRANSACTION trx, WDFDEVICE device, WDFCONTEXT context,
                        WDF_DMA_DIRECTION direction, DMA_COMPLETION_STATUS status)
{
    const struct run *run = context;
    struct job *j = run->job;
    struct fragment *f = j->current;

    (void)trx, (void)device, (void)direction;
    if (is_late(run))
        return;
    callback_enter(j);
    /* STP-10. Another one's may be: a request that is withdrawn lets the next one in (19.4). */
    if (k.in_stop[ms_sim_self()] == j)
        ms_sim_fail("O8 told on the stack of its own stop", "job %u", index_of(j));
    if (status == DmaCancelled && !j->stop_asked)
        ms_sim_fail("O3 cancelled by nobody", "job %u", index_of(j));
    if (!f || !f->is_programmed || f->is_reported) { /* STG-08: it was never programmed */
        bool is_again = j->has_failed_staging; /* it asked for more, and was refused (STP-03) */
        if (status != DmaCancelled || (is_again && j->how != NONE_FIRST))
            ms_sim_fail("O3 told of a fragment that is not there", "status %d", status);
        j->has_failed_staging = true;
        report(j, NULL, j->how == NONE_FIRST && !is_again ? NONE_FIRST : FINAL, 0);
        return;
    }
    if (f->is_told)
        ms_sim_fail("O3 a fragment was told twice", "job %u", index_of(j));
    if (k.profile == LOOPED && status == DmaComplete) {
        period_told(j, f);
        return;
    }
    if (status == DmaComplete) /* the device is done with it */
        ms_data_read(&f->moved, sizeof f->moved);
    if (status == DmaComplete && f->moved != f->length)
        ms_sim_fail("O5 complete, and bytes are missing", "%u of %u", f->moved, f->length);
    uint32_t mine = (uint32_t)(f - k.fragment) + 1;
    if (j->gives_up && !ms_cas_acq_rel(&j->pending, &mine, 0)) /* hb:kmdf-pending */
        return; /* somebody is just giving it up; what is pending may be the next execution's */
    f->is_told = true;
    f->status = status;
    if (reports_inside(j))
        fragment_report(j, f, (enum report)j->how);
    else
        pending_put(j, f); /* PRG-10 */
}

#endif
