/* SPDX-License-Identifier: MIT */
/*
 * transaction.h: a DMA transaction behind its handle. Private to the floor. Its life is the word of
 * transaction_state.h; transaction.c initialises and releases it, reserve.c reserves, execute.c starts
 * and cancels, stage.c stages fragments, complete.c ends them, transaction_get.c sets and gets.
 */
#ifndef MS_WDF_TRANSACTION_H
#define MS_WDF_TRANSACTION_H

#include "wdf/callback.h"
#include "wdf/device.h"
#include "wdf/enabler.h"
#include "wdf/transaction_state.h"

enum { MS_TICKETS = 64 };

struct ms_trx;
struct ms_request;

/* Whom the end of a fragment is told to. Noted by who stages it: when a driver does not wait for what it will be
 * told (CMP-20), the transaction may be initialised anew, with another routine, while that is on its way. */
struct ms_tellee {
    PFN_WDF_DMA_TRANSACTION_DMA_TRANSFER_COMPLETE routine; /* NULL: nobody */
    WDFCONTEXT context;
    bool to_device;
};

/* What a mapping's completion carries: whose it is, and which fragment's. Taken while `tickets` says so. */
struct ms_ticket {
    struct ms_trx *trx; /* const */
    /* hb:ticket; who took it, until the mapping has started */
    uint64_t serial;
    struct ms_tellee tellee;
};

struct ms_trx {
    struct ms_object object;
    ms_atomic_u64 word;        /* union ms_trx_word; hb:trx-word */
    ms_atomic_u64 transferred; /* bytes reported so far; written by I1's owner */
    ms_atomic_u64 current;     /* length of the current fragment; likewise */
    ms_atomic_u64 era;     /* hb:trx-era; serial that the last Execute or reservation began with */
    ms_atomic_u64 dropped; /* completions that came late (STP-12): a statistic */
    ms_atomic_ptr held;    /* hb:trx-held; struct ms_request that an execution holds (TRX-21) */
    ms_atomic_u64 tickets; /* hb:ticket; bit i: ticket[i] is taken */
    struct ms_enabler *enabler; /* const */
    bool v3;                    /* const: has a transfer context (ENB-32) */

    /* From here to `list`: whoever owns the fields (transaction_state.h, I1). */
    PFN_WDF_PROGRAM_DMA program;
    WDFCONTEXT context;
    PMDL mdl;             /* the first of the chain */
    uint64_t start;       /* offset of the transaction in the chain */
    size_t length;        /* of the transaction */
    size_t remaining;     /* not staged yet */
    size_t fragment_max;  /* MaxFragment */
    uint64_t fragment_at; /* offset of the current fragment in the chain */
    PMDL at;              /* SG: the MDL that contains the next byte */
    uint64_t at_base;     /* SG: where it begins in the chain */
    PVOID base;           /* map register base; NULL is legal (HRQ-08) */
    ULONG count;          /* map registers of the allocation */
    ULONG reserved;       /* of the reservation (RES-11) */
    bool first;           /* the next fragment is the first of its execution */
    bool single;          /* TRX-30 */
    bool immediate;       /* TRX-41 */
    PFN_WDF_RESERVE_DMA reserve_routine;
    PVOID reserve_context;
    struct ms_request *request; /* TRX-20; a reference from Initialize to Release */
    ULONG device_offset;        /* TRX-13 */
    PSCATTER_GATHER_LIST list;  /* SG: of the current fragment; NULL: none held */

    PSCATTER_GATHER_LIST buffer; /* SG: preallocated (ENB-17) */
    ULONG buffer_bytes;
    PFN_WDF_DMA_TRANSACTION_CONFIGURE_DMA_CHANNEL configure; /* TRX-43: survive Release */
    PVOID configure_context;
    PFN_WDF_DMA_TRANSACTION_DMA_TRANSFER_COMPLETE complete;
    WDFCONTEXT complete_context;

    KDPC dpc;               /* K9: delivers a deferred completion */
    ms_atomic_u64 deferred; /* hb:trx-deferred; union ms_deferred; 0: nothing to deliver */
    /* Whom to; read behind hb:trx-deferred, and used only for the fragment that is named there. */
    ms_atomic_ptr deferred_routine, deferred_context;
    struct ms_ticket ticket[MS_TICKETS];
    _Alignas(16) uint8_t transfer_context[DMA_TRANSFER_CONTEXT_SIZE_V1];
};

/* Applies a step to the shared word until it sticks or leaves the word as it is: `result` is the step's,
 * `next` the word after it. hb:trx-word, both sides. Lock-free: a failed compare-and-swap means that
 * another party's step stuck. */
#define MS_TRX_MOVE(trx, next, result, step)                                                       \
    do {                                                                                           \
        uint64_t seen_ = ms_load_acquire(&(trx)->word);                                            \
        do {                                                                                       \
            (next).raw = seen_;                                                                    \
            (result) = (step);                                                                     \
        } while ((next).raw != seen_ && !ms_cas_acq_rel(&(trx)->word, &seen_, (next).raw));        \
    } while (0)

/* The same for a step that can not refuse: it always goes through the compare-and-swap, which acquires, so
 * the look before it is only a guess. */
#define MS_TRX_MUST(trx, next, step)                                                               \
    do {                                                                                           \
        uint64_t seen_ = ms_load_relaxed(&(trx)->word);                                            \
        do {                                                                                       \
            (next).raw = seen_;                                                                    \
            (step);                                                                                \
        } while (!ms_cas_acq_rel(&(trx)->word, &seen_, (next).raw));                               \
    } while (0)

/* A driver's call: TRX-51. NULL: no such transaction, which is reported. */
static inline struct ms_trx *ms_trx_take(WDFDMATRANSACTION handle)
{
    struct ms_trx *trx = ms_object_take((WDFOBJECT)handle, MS_OBJECT_TRANSACTION);

    if (trx)
        ms_irql_ask(DISPATCH_LEVEL, (WDFOBJECT)handle);
    return trx;
}

/* The same of calls that its end still needs when it was deleted (FTL-01). */
static inline struct ms_trx *ms_trx_take_dying(WDFDMATRANSACTION handle)
{
    struct ms_trx *trx = ms_object_take_dying((WDFOBJECT)handle, MS_OBJECT_TRANSACTION);

    if (trx)
        ms_irql_ask(DISPATCH_LEVEL, (WDFOBJECT)handle);
    return trx;
}

/* Says to whoever checks races that the caller owns the fields (I1). */
static inline void ms_trx_own(struct ms_trx *trx)
{
    ms_data_write(&trx->remaining, sizeof trx->remaining);
    (void)trx;
}

static inline union ms_trx_word ms_trx_look(const struct ms_trx *trx)
{
    return (union ms_trx_word){.raw = ms_load_acquire(&trx->word)}; /* hb:trx-word */
}

static inline WDFDMATRANSACTION ms_trx_handle(const struct ms_trx *trx)
{
    return (WDFDMATRANSACTION)ms_object_handle(&trx->object);
}

static inline WDFDEVICE ms_trx_device(const struct ms_trx *trx)
{
    return (WDFDEVICE)ms_object_handle(trx->enabler->device);
}

/* EXE-10: packet transactions of version 2 execute one at a time on a device. hb:packet-turn. */
static inline ms_atomic_u32 *ms_trx_turn(const struct ms_trx *trx)
{
    return &((struct ms_device *)(void *)trx->enabler->device)->packet_turn;
}

static inline const DMA_OPERATIONS *ms_way_ops(const struct ms_dma_way *way)
{
    return way->adapter->DmaOperations;
}

/* The current VA that version-2 routines want for an offset into an MDL. */
static inline PVOID ms_trx_va(PMDL mdl, uint64_t offset)
{
    return (char *)MmGetMdlVirtualAddress(mdl) + offset;
}

/* The driver broke a rule, and found this word. */
static inline void ms_trx_misuse(const struct ms_trx *trx, enum ms_rule rule,
                                 union ms_trx_word word)
{
    ms_rule_break(rule, trx->object.handle, ms_trx_public_state(word));
}

static inline void ms_misuse_null(const struct ms_object *object)
{
    ms_rule_break(MS_RULE_WDF_NULL, object->handle, 0);
}

/* transaction.c: the direction has its adapter, and a duplex profile both; else the driver broke a rule
 * (ENB-20, ENB-23). */
bool ms_trx_is_configured(const struct ms_trx *trx, bool to_device);
void ms_trx_forget_fields(struct ms_trx *trx);
/* Ends the life of one that was deleted while it executed or waited for a reservation, if it was. */
void ms_trx_bury(struct ms_trx *trx);

/* reserve.c: takes a reservation that is queued out of the queue, or has it dropped once it is granted;
 * gives one back that is held. */
void ms_trx_unqueue(struct ms_trx *trx);
void ms_trx_unhold(struct ms_trx *trx);

/* stage.c: the caller is the frame in the loop. *status: of a staging failure that ended the execution
 * inside a DmaCompleted* frame (`report`); returns true then. IRQL <= DISPATCH_LEVEL. */
bool ms_trx_stage(struct ms_trx *trx, bool report, NTSTATUS *status);
KDEFERRED_ROUTINE ms_trx_deferred; /* K9 */
/* Calls EvtProgramDma for a list, then for every list that nested completions asked for. By the frame in
 * the loop. */
void ms_trx_program_lists(struct ms_trx *trx);
/* SG: plans the next fragment and asks for its list. The caller owns the fields (ENTERING or STAGING).
 * `execute`: on behalf of Execute. *ended: the execution ended here with the returned status; else a
 * failure means that Cancel ended it. */
NTSTATUS ms_trx_stage_list(struct ms_trx *trx, bool execute, bool *ended);
/* Pages that bytes [offset, offset + length) from `mdl` on touch, per MDL, no merging (TRX-14). */
uint64_t ms_trx_pages(const MDL *mdl, uint64_t offset, uint64_t length);
/* Where byte `offset` from `mdl` on lies in its page; it is in the chain. */
uint32_t ms_trx_byte_offset(const MDL *mdl, uint64_t offset);

/* EXE-12, RCE-09: STATUS_CANCELLED means that some Cancel said TRUE, and that its caller goes on with the request. One
 * that the adapter withdrew or refused otherwise (for a slow Cancel of an earlier execution, which says FALSE; for a
 * driver who went past the framework) is its asker's, who is told by another error. */
static inline NTSTATUS ms_trx_not_cancelled(NTSTATUS status)
{
    return status == STATUS_CANCELLED ? STATUS_INVALID_DEVICE_STATE : status;
}

/* execute.c: c5: has the adapter withdraw what `word` says to wait there, or what has come in its place. Ended: the
 * caller tells it. *late: the adapter says that it is too late. */
enum ms_trx_gone ms_trx_withdraw(struct ms_trx *trx, union ms_trx_word word, bool *late);

/* complete.c: what is left of an execution after its end: the reference on its request, the enabler's
 * turn, a deletion that waited. By who made the step to the end. */
void ms_trx_ended(struct ms_trx *trx);
void ms_trx_free_grant(struct ms_trx *trx, bool to_device, PVOID base, ULONG count);

#endif
