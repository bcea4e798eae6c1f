/* SPDX-License-Identifier: MIT */
/*
 * object.h: what every object of the framework begins with: its handle, life, parent, children and
 * contexts. Private to the floor.
 *
 * Making one, with the undo labels of any taking:
 *
 *     status = ms_object_new(wdf, &timer_ops, sizeof *timer, attributes, &object);
 *     ... fill in the rest; on failure ms_object_discard(object) ...
 *     status = ms_object_adopt(object, parent);    from here on others may delete it
 *     *handle = ms_object_handle(object);
 *
 * Using one by handle, in every routine that a driver calls:
 *
 *     struct ms_timer *timer = ms_object_take(handle, MS_OBJECT_TIMER);
 *     if (!timer)
 *         return FALSE;                            the rule is reported (FTL-02)
 *     ...
 *     ms_object_drop(&timer->object);
 *
 * Inside a callback that runs under a reference of the framework ms_object_from does without.
 */
#ifndef MS_OBJECT_H
#define MS_OBJECT_H

#include "wdf/object_life.h"
#include "wdf/wdf.h"

enum ms_object_kind {
    MS_OBJECT_ANY, /* for look-ups only */
    MS_OBJECT_GENERAL,
    MS_OBJECT_DRIVER,
    MS_OBJECT_DEVICE,
    MS_OBJECT_QUEUE,
    MS_OBJECT_REQUEST,
    MS_OBJECT_TIMER,
    MS_OBJECT_DPC,
    MS_OBJECT_WORKITEM,
    MS_OBJECT_SPINLOCK,
    MS_OBJECT_WAITLOCK,
    MS_OBJECT_INTERRUPT,
    MS_OBJECT_RESOURCES,
    MS_OBJECT_ENABLER,
    MS_OBJECT_TRANSACTION,
    MS_OBJECT_COMMON_BUFFER,
    MS_OBJECT_KINDS,
};

struct ms_object;

/* What a kind of object does at its end. All members are required. */
struct ms_object_ops {
    enum ms_object_kind kind;
    bool driver_may_delete; /* WdfObjectDelete is for the driver's own objects (OBJ-07) */
    /* After the children are gone, before EvtCleanup: gives back what the object stands for. False:
     * it is still in use, and ms_object_disposed will be called when it no longer is. */
    bool (*dispose)(struct ms_object *object);
    /* The last reference is gone and EvtDestroy has run; the memory goes next. */
    void (*destroy)(struct ms_object *object);
};

/* For kinds with nothing to do. */
bool ms_object_dispose_nothing(struct ms_object *object);
void ms_object_destroy_nothing(struct ms_object *object);

/* Room for children: found by looking, so that leaving needs no neighbour. */
struct ms_brood {
    uint32_t count;      /* const */
    ms_atomic_ptr next;  /* hb:brood; NULL, the next room, or the end */
    ms_atomic_u64 *slot; /* const; hb:brood; 0, a child's handle, or closed */
};

enum { MS_BROOD_FIRST = 4 };

/* A driver's context, the bytes behind it. */
struct ms_context {
    struct ms_context *next;             /* const after push */
    PCWDF_OBJECT_CONTEXT_TYPE_INFO type; /* const; NULL: callbacks without a context */
    PFN_WDF_OBJECT_CONTEXT_CLEANUP cleanup;
    PFN_WDF_OBJECT_CONTEXT_DESTROY destroy;
    uint64_t handle; /* const: whose it is */
    uint64_t magic;
    size_t bytes;
    _Alignas(16) uint8_t room[]; /* the driver's */
};

struct ms_object {
    struct ms_wdf *wdf;              /* const */
    const struct ms_object_ops *ops; /* const */
    uint64_t handle;                 /* const */
    size_t bytes;                    /* const: of the whole object */
    WDF_EXECUTION_LEVEL level;       /* const */
    WDF_SYNCHRONIZATION_SCOPE scope; /* const */
    struct ms_object *parent;        /* const after adopt */
    ms_atomic_u64 *slot;             /* const after adopt: our place with the parent */
    ms_atomic_ptr contexts;          /* hb:context; pushed, never taken out */
    ms_atomic_u32 pending;           /* children not yet disposed, +1 until deleted */
    struct ms_brood brood;
    ms_atomic_u64 first[MS_BROOD_FIRST];
};

/* One per object that can be alive; never given back while the framework lives, so that an old
 * handle may always be looked at. */
struct ms_cell {
    ms_atomic_u64 life;      /* hb:life; union ms_life */
    ms_atomic_ptr object;    /* whose life it is; NULL: nobody's */
    ms_atomic_u32 next_free; /* index + 1 of the next free cell; 0: none */
} __attribute__((aligned(MS_CACHE_LINE)));

struct ms_wdf {
    struct ms_kernel *kernel;    /* const */
    struct ms_wdf_config config; /* const */
    struct ms_cell *cell;        /* const */
    uint32_t count;              /* const: of cells */
    struct ms_object *root;      /* const after create */
    ms_atomic_u64 free;          /* hb:cell; {tag:32, index + 1 of the first free cell:32} */
    ms_atomic_u32 fresh;         /* cells beyond were never used */
    ms_atomic_u32 objects;       /* alive; counter only */
};

/* Makes an object that nobody can delete yet: memory, handle, context. `bytes` counts the whole
 * structure, which begins with the struct ms_object and is zeroed behind it. Attributes may be NULL;
 * their parent is not looked at (see ms_attributes_check). IRQL <= DISPATCH_LEVEL. */
NTSTATUS ms_object_new(struct ms_wdf *wdf, const struct ms_object_ops *ops, size_t bytes,
                       const WDF_OBJECT_ATTRIBUTES *attributes, struct ms_object **object);
/* Undoes ms_object_new; no callback is called. */
void ms_object_discard(struct ms_object *object);
/* Gives it a parent: from here on it dies with it at the latest. STATUS_INSUFFICIENT_RESOURCES, or
 * STATUS_DELETE_PENDING: the parent is being deleted. Lock-free but for the memory. */
NTSTATUS ms_object_adopt(struct ms_object *object, struct ms_object *parent);

/* What may be said about a parent in the attributes. */
enum ms_parent_rule { MS_PARENT_FORBIDDEN, MS_PARENT_OPTIONAL, MS_PARENT_REQUIRED };

/* The statuses that all creating routines share: sizes, context type, levels (OBJ-01). */
NTSTATUS ms_attributes_check(const WDF_OBJECT_ATTRIBUTES *attributes, enum ms_parent_rule rule);

static inline WDFOBJECT ms_object_handle(const struct ms_object *object)
{
    return (WDFOBJECT)(uintptr_t)object->handle;
}

/* The object a handle names, or NULL: none of that kind, or it is deleted. Reports nothing. */
void *ms_object_find(WDFOBJECT handle, enum ms_object_kind kind);
/* The same, and reports WDF_HANDLE when there is none (FTL-02). The caller must know that it stays. */
void *ms_object_from(WDFOBJECT handle, enum ms_object_kind kind);
/* The same with a reference, so that nothing it leads to goes away until ms_object_drop. Lock-free. */
void *ms_object_take(WDFOBJECT handle, enum ms_object_kind kind);
/* The same, also of what is deleted and not gone yet: its end needs it still (FTL-01). */
void *ms_object_take_dying(WDFOBJECT handle, enum ms_object_kind kind);
/* ms_object_take that reports nothing: for who may come late, and is no driver. */
void *ms_object_try(WDFOBJECT handle, enum ms_object_kind kind);
/* The same of ms_object_take_dying. */
void *ms_object_try_dying(WDFOBJECT handle, enum ms_object_kind kind);
/* Of a handle that the caller knows to be held. Wait-free. */
struct ms_object *ms_object_held(struct ms_wdf *wdf, uint64_t handle);
/* One more reference, by one who has one. */
void ms_object_hold(struct ms_object *object);
/* Gives a reference back; the last one ends the object. Lock-free but for what EvtDestroy does. */
void ms_object_drop(struct ms_object *object);

/* A driver's own reference, also on what is deleted but alive (OBJ-06). False: no such object, or too
 * many; none to give back. */
bool ms_object_reference(WDFOBJECT handle);
bool ms_object_dereference(WDFOBJECT handle);

/* The context of that type: until EvtDestroy has returned (OBJ-02). NULL: none. */
struct ms_context *ms_object_context(WDFOBJECT handle, PCWDF_OBJECT_CONTEXT_TYPE_INFO type);
/* One more context. STATUS_OBJECT_NAME_EXISTS, with that one: the type has its context already. */
NTSTATUS ms_object_context_add(struct ms_object *object, const WDF_OBJECT_ATTRIBUTES *attributes,
                               struct ms_context **context);

/* Deletes it: children first, then its own disposal and EvtCleanup (OBJ-04). False: it was deleted
 * already. */
bool ms_object_delete(struct ms_object *object);
bool ms_object_is_deleted(const struct ms_object *object);
/* References of both kinds; approximate while others run. */
uint32_t ms_object_holders(const struct ms_object *object);
/* Frees what nobody dropped; no callback is called. Quiescent, at the framework's end. */
void ms_object_bury(struct ms_object *object);
/* The disposal that ops->dispose put off is done. */
void ms_object_disposed(struct ms_object *object);

/* The nearest of that kind: the object itself, its parent, and so on; NULL: none. */
struct ms_object *ms_object_ancestor(struct ms_object *object, enum ms_object_kind kind);

/* Checks attributes, finds the parent they name (or takes `otherwise`; NULL with
 * MS_PARENT_REQUIRED), makes the object and gives `fill` (may be NULL) the chance to fail before
 * it is adopted. *object has a reference of the caller's, which ms_object_made gives back; NULL on
 * failure. */
NTSTATUS ms_object_make(const struct ms_object_ops *ops, size_t bytes,
                        const WDF_OBJECT_ATTRIBUTES *attributes, enum ms_parent_rule rule,
                        struct ms_object *otherwise,
                        NTSTATUS (*fill)(struct ms_object *object, struct ms_object *parent,
                                         void *context),
                        void *context, struct ms_object **object);

/* The handle of what ms_object_make made. It may be deleted by now: its parent may have been. */
static inline WDFOBJECT ms_object_made(struct ms_object *object)
{
    WDFOBJECT handle = ms_object_handle(object);

    ms_object_drop(object);
    return handle;
}

/* True when it has an undeleted child of that kind. */
bool ms_object_has(struct ms_object *object, enum ms_object_kind kind);
/* Calls `visit` with each undeleted child of that kind, under a reference. */
void ms_object_visit(struct ms_object *object, enum ms_object_kind kind,
                     void (*visit)(struct ms_object *child, void *context), void *context);

/* The object that drivers, and locks without a parent, hang from. */
struct ms_object *ms_wdf_root(struct ms_wdf *wdf);
/* The framework of the calling thread's machine; NULL: it is in none. */
struct ms_wdf *ms_wdf_here(void);

#endif
