/* SPDX-License-Identifier: MIT */
/*
 * platform_threads.c: the platform on a real Linux: pthreads, futex, membarrier. What it shares
 * with the simulator, host memory, is in platform_memory.c.
 *
 * Nothing in here is lock-free and nothing lock-free calls it, but for ms_clock_ns, ms_fault_here
 * (thread-local, no sharing) and ms_fence_asymmetric_heavy (one system call, waits for nobody's
 * lock).
 */
#include "platform/platform.h"

#include <errno.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* --- faults --- */

static _Thread_local uint32_t fault_countdown = UINT32_MAX;
static _Thread_local bool fault_fired;

void ms_fault_arm(uint32_t countdown)
{
    fault_countdown = countdown;
    fault_fired = false;
}

bool ms_fault_here(void)
{
    if (MS_LIKELY(fault_countdown == UINT32_MAX))
        return false;
    if (fault_countdown-- > 0)
        return false;
    fault_fired = true; /* the decrement wrapped to UINT32_MAX: disarmed */
    return true;
}

bool ms_fault_fired(void)
{
    return fault_fired;
}

/* --- threads --- */

struct ms_thread {
    pthread_t handle;
    ms_thread_body *body;
    void *context;
};

static void *thread_main(void *argument)
{
    struct ms_thread *thread = argument;

    thread->body(thread->context);
    return NULL;
}

struct ms_thread *ms_thread_start(ms_thread_body *body, void *context)
{
    struct ms_thread *thread = ms_alloc(sizeof *thread);

    if (!thread)
        return NULL;
    thread->body = body;
    thread->context = context;
    if (ms_fault_here() || pthread_create(&thread->handle, NULL, thread_main, thread) != 0)
        goto undo_alloc;
    return thread;

undo_alloc:
    ms_free(thread, sizeof *thread);
    return NULL;
}

void ms_thread_join(struct ms_thread *thread)
{
    ms_require(pthread_join(thread->handle, NULL) == 0);
    ms_free(thread, sizeof *thread);
}

void ms_thread_yield(void)
{
    sched_yield();
}

/* The slot is read on every call of the interface, so it is a plain thread-local; the pthread key
 * beside it exists only to be told that the thread ends. */
static _Thread_local void *local_value;
static _Thread_local void (*local_at_exit)(void *value);
static pthread_key_t exit_key;
static pthread_once_t exit_key_once = PTHREAD_ONCE_INIT;

static void thread_exit(void *unused)
{
    (void)unused;
    if (local_value && local_at_exit)
        local_at_exit(local_value);
    local_value = NULL;
}

static void exit_key_create(void)
{
    ms_require(pthread_key_create(&exit_key, thread_exit) == 0);
}

void *ms_thread_local_get(void)
{
    return local_value;
}

void ms_thread_local_set(void *value, void (*at_exit)(void *value))
{
    ms_require(pthread_once(&exit_key_once, exit_key_create) == 0);
    local_value = value;
    local_at_exit = at_exit;
    ms_require(pthread_setspecific(exit_key, value) == 0);
}

bool ms_wait(const ms_atomic_u32 *word, uint32_t seen, uint64_t nanoseconds)
{
    struct timespec limit = {(time_t)(nanoseconds / 1000000000), (long)(nanoseconds % 1000000000)};
    long result = syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen,
                          nanoseconds == UINT64_MAX ? NULL : &limit, NULL, 0);

    return result == 0 || errno != ETIMEDOUT;
}

void ms_wake(const ms_atomic_u32 *word, uint32_t count)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count > INT32_MAX ? INT32_MAX : (int)count, NULL,
            NULL, 0);
}

static bool membarrier_registered;
static pthread_once_t membarrier_once = PTHREAD_ONCE_INIT;

static void membarrier_register(void)
{
    membarrier_registered =
        syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

bool ms_has_asymmetric_fence(void)
{
    ms_require(pthread_once(&membarrier_once, membarrier_register) == 0);
    return membarrier_registered;
}

bool ms_fence_asymmetric_heavy(void)
{
    return ms_has_asymmetric_fence() &&
           syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0;
}

uint64_t ms_clock_ns(void)
{
    struct timespec now;

    ms_require(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
