/* SPDX-License-Identifier: MIT */
/*
 * sim_fiber.c: stacks, and the switch between them.
 *
 * Idea        a switch saves the callee-saved registers on the old stack and loads them from the
 *             new one: twelve instructions on x86-64. Elsewhere, or with MS_SIM_UCONTEXT, ucontext.
 * Sanitizer   the address sanitizer is told before and after each switch, by weak symbols, so this
 *             file needs no build of its own. A fiber that leaves for good passes no place to keep
 *             its fake stack: that frees it. The functions that do so must not be instrumented, for
 *             their own locals would lie in what is freed.
 * Stacks      one mapping, a guard page below each stack; kept for the life of the process
 */
#include "platform/sim_state.h"

#include <sys/mman.h>
#ifdef MS_SIM_UCONTEXT
#include <ucontext.h>
#endif

#if !defined(__x86_64__) && !defined(MS_SIM_UCONTEXT)
#error "no fiber switch for this processor: compile all with MS_SIM_UCONTEXT"
#endif

enum { STACK_BYTES = 256 * 1024, GUARD_BYTES = 4096 };

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define NOT_INSTRUMENTED __attribute__((no_sanitize("address"), noinline))
#endif
#endif
#ifndef NOT_INSTRUMENTED
#define NOT_INSTRUMENTED __attribute__((no_sanitize_address, noinline))
#endif

__attribute__((weak)) void __sanitizer_start_switch_fiber(void **fake_stack_save,
                                                          const void *bottom, size_t size);
__attribute__((weak)) void
__sanitizer_finish_switch_fiber(void *fake_stack_save, const void **bottom_old, size_t *size_old);

__attribute__((weak)) void __asan_unpoison_memory_region(void const volatile *memory, size_t bytes);

/* What was poisoned of a stack that was left for good is nobody's any more: a frame that comes to lie there must
 * not be taken for it. */
static void stack_renew(const struct sim_context *context)
{
    if (__asan_unpoison_memory_region)
        __asan_unpoison_memory_region(context->stack_bottom, context->stack_bytes);
}

/* Whose stack we just left, to learn where main's lies. */
static struct sim_context *left;

NOT_INSTRUMENTED static void announce(void **save, struct sim_context *to)
{
    if (__sanitizer_start_switch_fiber)
        __sanitizer_start_switch_fiber(save, to->stack_bottom, to->stack_bytes);
}

NOT_INSTRUMENTED static void confirm(void *fake_stack)
{
    const void *bottom;
    size_t bytes;

    if (!__sanitizer_finish_switch_fiber)
        return;
    __sanitizer_finish_switch_fiber(fake_stack, &bottom, &bytes);
    if (left == &sim.main) {
        sim.main.stack_bottom = (void *)(uintptr_t)bottom;
        sim.main.stack_bytes = bytes;
    }
}

static void stack_create(struct sim_context *context)
{
    uint8_t *memory = mmap(NULL, STACK_BYTES + GUARD_BYTES, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

    ms_require(memory != MAP_FAILED);
    ms_require(mprotect(memory, GUARD_BYTES, PROT_NONE) == 0);
    context->stack_bottom = memory + GUARD_BYTES;
    context->stack_bytes = STACK_BYTES;
}

NOT_INSTRUMENTED _Noreturn static void fiber_start(uint32_t index)
{
    confirm(NULL);
    sim_fiber_main(index);
}

#ifndef MS_SIM_UCONTEXT

void ms_sim_switch_stacks(void **save, void *load);
void ms_sim_fiber_entry(void);

/* A fresh stack holds: six registers, this entry's address, a zero to end back traces. */
__asm__(".text\n"
        ".p2align 4\n"
        ".globl ms_sim_switch_stacks\n"
        ".hidden ms_sim_switch_stacks\n"
        ".type ms_sim_switch_stacks, @function\n"
        "ms_sim_switch_stacks:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        ".size ms_sim_switch_stacks, . - ms_sim_switch_stacks\n"
        ".p2align 4\n"
        ".globl ms_sim_fiber_entry\n"
        ".hidden ms_sim_fiber_entry\n"
        ".type ms_sim_fiber_entry, @function\n"
        "ms_sim_fiber_entry:\n"
        "    movl %ebx, %edi\n"
        "    callq *%r12\n"
        "    ud2\n"
        ".size ms_sim_fiber_entry, . - ms_sim_fiber_entry\n");

void sim_context_prepare(struct sim_context *context, uint32_t index)
{
    if (!context->stack_bottom)
        stack_create(context);
    stack_renew(context);
    uint64_t *top = (uint64_t *)(void *)((uint8_t *)context->stack_bottom + context->stack_bytes);

    *--top = 0; /* keeps the stack 16-byte aligned at the call in ms_sim_fiber_entry */
    *--top = 0;
    *--top = (uintptr_t)ms_sim_fiber_entry;
    *--top = 0;                      /* rbp */
    *--top = index;                  /* rbx */
    *--top = (uintptr_t)fiber_start; /* r12 */
    *--top = 0;                      /* r13 */
    *--top = 0;                      /* r14 */
    *--top = 0;                      /* r15 */
    context->stack_pointer = top;
    context->fake_stack = NULL;
}

NOT_INSTRUMENTED void sim_context_switch(struct sim_context *from, struct sim_context *to)
{
    left = from;
    announce(&from->fake_stack, to);
    ms_sim_switch_stacks(&from->stack_pointer, to->stack_pointer);
    confirm(from->fake_stack);
}

NOT_INSTRUMENTED _Noreturn void sim_context_leave(struct sim_context *from, struct sim_context *to)
{
    left = from;
    announce(NULL, to);
    ms_sim_switch_stacks(&from->stack_pointer, to->stack_pointer);
    __builtin_trap();
}

#else

static ucontext_t contexts[MS_SIM_FIBERS_MAX + 1];

static ucontext_t *portable(struct sim_context *context)
{
    if (!context->portable) /* main's is the last */
        context->portable = &contexts[MS_SIM_FIBERS_MAX];
    return context->portable;
}

static void portable_start(int index)
{
    fiber_start((uint32_t)index);
}

void sim_context_prepare(struct sim_context *context, uint32_t index)
{
    if (!context->stack_bottom)
        stack_create(context);
    stack_renew(context);
    context->portable = &contexts[index];
    context->fake_stack = NULL;
    ms_require(getcontext(portable(context)) == 0);
    portable(context)->uc_stack.ss_sp = context->stack_bottom;
    portable(context)->uc_stack.ss_size = context->stack_bytes;
    portable(context)->uc_link = NULL;
    /* makecontext takes any function and hands it ints. */
    makecontext(portable(context), (void (*)(void))portable_start, 1, (int)index);
}

NOT_INSTRUMENTED void sim_context_switch(struct sim_context *from, struct sim_context *to)
{
    left = from;
    announce(&from->fake_stack, to);
    swapcontext(portable(from), portable(to));
    confirm(from->fake_stack);
}

NOT_INSTRUMENTED _Noreturn void sim_context_leave(struct sim_context *from, struct sim_context *to)
{
    left = from;
    announce(NULL, to);
    setcontext(portable(to));
    __builtin_trap();
}

#endif
