/* SPDX-License-Identifier: MIT */
/*
 * object_context.h: the list of contexts of an object, for object.c. Private to it.
 */
#ifndef MS_OBJECT_CONTEXT_H
#define MS_OBJECT_CONTEXT_H

#include "wdf/object.h"

enum { MS_OBJECT_POISON = 0xDD }; /* what freed objects and contexts hold (OBJ-08) */

/* The first context of an object that is being made, or one more. */
NTSTATUS ms_context_new(const WDF_OBJECT_ATTRIBUTES *attributes, uint64_t handle,
                        struct ms_context **context);
/* The context of that type; NULL: none. */
struct ms_context *ms_context_find(struct ms_object *object, PCWDF_OBJECT_CONTEXT_TYPE_INFO type);
/* EvtCleanup of each, or EvtDestroy of each (OBJ-04). */
void ms_contexts_cleanup(struct ms_object *object);
void ms_contexts_destroy(struct ms_object *object);
/* Nobody holds the object any more. */
void ms_contexts_free(struct ms_object *object);

#endif
