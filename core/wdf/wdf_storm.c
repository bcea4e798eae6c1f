/* SPDX-License-Identifier: MIT */
/*
 * wdf_storm.c: requests that time out, are cancelled and are completed, all at once, on real threads and
 * by the real clock: each is completed exactly once, and nothing is left.
 */
#include "mapstorm_wdf.h"
#include "wdf/test_driver.h"

enum { SUBMITTERS = 2, REQUESTS = 400, SLOTS = 8 };

/* The driver's, one per request: who is first decides, the last one completes. */
typedef struct work {
    ms_atomic_u32 references; /* the worker's, the timer's, the mark's */
    ms_atomic_u32 decided;
    ms_atomic_u32 status;
    WDFTIMER timer;
} WORK;
WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(WORK, WorkOf)

struct storm {
    struct rig r;
    ms_atomic_u32 slot_done[SUBMITTERS * SLOTS];
    ms_atomic_ptr slot[SUBMITTERS * SLOTS]; /* requests that may be cancelled */
    ms_atomic_u32 stop;
    ms_atomic_u32 outcome[4]; /* success, timed out, cancelled, anything else */
};

struct submitter {
    struct storm *storm;
    uint32_t index;
};

static void work_decide(WORK *work, NTSTATUS status)
{
    uint32_t none = 0;

    if (ms_cas_acq_rel(&work->decided, &none, 1))
        ms_store_release(&work->status, (uint32_t)status);
}

static void work_drop(WDFREQUEST request, uint32_t count)
{
    WORK *work = WorkOf(request);

    if (ms_fetch_sub_acq_rel(&work->references, count) != count)
        return;
    WdfObjectDelete(work->timer); /* TMR-09 */
    WdfRequestComplete(request, (NTSTATUS)ms_load_acquire(&work->status));
}

static VOID on_timeout(WDFTIMER timer)
{
    WDFREQUEST request = (WDFREQUEST)WdfTimerGetParentObject(timer);

    work_decide(WorkOf(request), STATUS_IO_TIMEOUT);
    work_drop(request, 1);
}

static VOID on_cancel(WDFREQUEST request)
{
    work_decide(WorkOf(request), STATUS_CANCELLED);
    work_drop(request, 1);
}

static VOID on_read(WDFQUEUE queue, WDFREQUEST request)
{
    WDF_OBJECT_ATTRIBUTES attributes;
    WDF_TIMER_CONFIG config;
    WORK *work;

    (void)queue;
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&attributes, WORK);
    assert_status(WdfObjectAllocateContext(request, &attributes, NULL), STATUS_SUCCESS);
    work = WorkOf(request);
    ms_init(&work->references, 3);
    WDF_TIMER_CONFIG_INIT(&config, on_timeout);
    WDF_OBJECT_ATTRIBUTES_INIT(&attributes);
    attributes.ParentObject = request;
    assert_status(WdfTimerCreate(&config, &attributes, &work->timer), STATUS_SUCCESS);
    if (WdfRequestMarkCancelableEx(request, on_cancel) != STATUS_SUCCESS) {
        WdfObjectDelete(work->timer);
        WdfRequestComplete(request, STATUS_CANCELLED);
        return;
    }
    WdfTimerStart(work->timer, WDF_REL_TIMEOUT_IN_US(20));
    for (uint32_t i = (uint32_t)(uintptr_t)request % 64; i > 0; i--)
        ms_thread_yield(); /* it works */
    work_decide(work, STATUS_SUCCESS);
    uint32_t drops = 1;
    if (WdfRequestUnmarkCancelable(request) == STATUS_SUCCESS)
        drops++;
    if (WdfTimerStop(work->timer, FALSE))
        drops++;
    work_drop(request, drops);
}

static void completed(void *context, NTSTATUS status, ULONG_PTR information)
{
    ms_atomic_u32 *slot_done = context;

    (void)information;
    /* 1 + what became of it; the slot was 0 while the request was on its way. */
    uint32_t kind = status == STATUS_SUCCESS      ? 1
                    : status == STATUS_IO_TIMEOUT ? 2
                    : status == STATUS_CANCELLED  ? 3
                                                  : 4;
    ms_require(ms_exchange_acq_rel(slot_done, kind) == 0); /* REQ-02: once */
    ms_wake(slot_done, UINT32_MAX);
}

static void submit_all(void *context)
{
    struct submitter *me = context;
    struct storm *s = me->storm;

    ms_cpu_enter(s->r.f.kernel);
    for (uint32_t i = 0; i < REQUESTS; i++) {
        uint32_t at = me->index * SLOTS + i % SLOTS;
        struct ms_io io = {.type = WdfRequestTypeRead,
                           .length = 1,
                           .done = completed,
                           .context = &s->slot_done[at]};
        WDFREQUEST request;
        uint32_t kind;

        ms_store_release(&s->slot_done[at], 0);
        assert_status(ms_wdf_submit(s->r.device, &io, &request), STATUS_PENDING);
        ms_store_release(&s->slot[at], request);
        while ((kind = ms_load_acquire(&s->slot_done[at])) == 0)
            ms_wait(&s->slot_done[at], 0, UINT64_MAX);
        ms_fetch_add_relaxed(&s->outcome[kind - 1], 1);
    }
    ms_cpu_leave();
}

static void cancel_some(void *context)
{
    struct storm *s = context;
    uint32_t turn = 0;

    ms_cpu_enter(s->r.f.kernel);
    while (ms_load_acquire(&s->stop) == 0) {
        WDFREQUEST request = ms_exchange_acq_rel(&s->slot[turn++ % (SUBMITTERS * SLOTS)], NULL);
        if (request)
            ms_wdf_cancel(request); /* it may long be completed */
        ms_thread_yield();
    }
    ms_cpu_leave();
}

/* REQ-02, REQ-07, REQ-08, REQ-13, TMR-06, TMR-08, OBJ-04, OBJ-05 */
MS_TEST(each_request_is_completed_once_whoever_comes_first)
{
    static struct storm s;
    struct ms_wdf_config config = {.objects = 1024};
    struct ms_thread *thread[SUBMITTERS], *canceller;
    struct submitter submitter[SUBMITTERS];
    uint32_t sum = 0;

    memset(&s, 0, sizeof s);
    rig_open_with(&s.r, &config);
    rig_queue(&s.r, WdfIoQueueDispatchParallel, on_read);
    canceller = ms_thread_start(cancel_some, &s);
    for (uint32_t i = 0; i < SUBMITTERS; i++) {
        submitter[i] = (struct submitter){&s, i};
        thread[i] = ms_thread_start(submit_all, &submitter[i]);
    }
    for (uint32_t i = 0; i < SUBMITTERS; i++)
        ms_thread_join(thread[i]);
    ms_store_release(&s.stop, 1);
    ms_thread_join(canceller);
    for (uint32_t i = 0; i < 4; i++)
        sum += ms_load_relaxed(&s.outcome[i]);
    assert_int_equal(sum, SUBMITTERS * REQUESTS);
    assert_int_equal(ms_load_relaxed(&s.outcome[3]), 0);
    rig_close(&s.r);
}

static void family_grow(void *context)
{
    struct rig *r = context;
    WDF_OBJECT_ATTRIBUTES attributes;
    WDFOBJECT parent, child[20];

    ms_cpu_enter(r->f.kernel);
    for (uint32_t round = 0; round < 200; round++) {
        WDF_OBJECT_ATTRIBUTES_INIT(&attributes);
        assert_status(WdfObjectCreate(NULL, &parent), STATUS_SUCCESS);
        attributes.ParentObject = parent;
        for (uint32_t i = 0; i < 20; i++)
            assert_status(WdfObjectCreate(&attributes, &child[i]), STATUS_SUCCESS);
        for (uint32_t i = 0; i < 20; i += 3)
            WdfObjectDelete(child[i]);
        WdfObjectDelete(parent);
        for (uint32_t i = 0; i < 20; i++)
            assert_null(ms_object_find(child[i], MS_OBJECT_ANY));
    }
    ms_cpu_leave();
}

/* OBJ-04, OBJ-08 */
MS_TEST(families_come_and_go_on_all_threads)
{
    struct rig r = {.queue = NULL};
    struct ms_thread *thread[4];

    rig_open(&r);
    for (uint32_t i = 0; i < 4; i++)
        thread[i] = ms_thread_start(family_grow, &r);
    for (uint32_t i = 0; i < 4; i++)
        ms_thread_join(thread[i]);
    rig_close(&r);
}
