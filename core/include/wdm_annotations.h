/* SPDX-License-Identifier: MIT */
/*
 * wdm_annotations.h: the source annotations that driver code carries; all of them compile to
 * nothing. The older double-underscore set clashes with identifiers of Linux headers, so it is
 * there only on demand: define MS_OLD_ANNOTATIONS, after including the system headers you need.
 */
#ifndef MS_WDM_ANNOTATIONS_H
#define MS_WDM_ANNOTATIONS_H

#define _In_
#define _In_opt_
#define _Out_
#define _Out_opt_
#define _Inout_
#define _Inout_opt_
#define _Outptr_
#define _Outptr_opt_
#define _Outptr_result_maybenull_
#define _Reserved_
#define _Ret_maybenull_
#define _Must_inspect_result_
#define _Check_return_
#define _Pre_
#define _Post_
#define _Notnull_
#define _Use_decl_annotations_
#define _Strict_type_match_
#define _Const_
#define _IRQL_requires_same_
#define _IRQL_saves_
#define _IRQL_restores_
#define _IRQL_uses_cancel_
#define _Interlocked_operand_
#define _Null_terminated_
#define _Outptr_result_bytebuffer_(a)
#define _In_reads_(a)
#define _In_reads_opt_(a)
#define _In_reads_bytes_(a)
#define _In_reads_bytes_opt_(a)
#define _Out_writes_(a)
#define _Out_writes_bytes_(a)
#define _Out_writes_bytes_opt_(a)
#define _Inout_updates_(a)
#define _Inout_updates_bytes_(a)
#define _Success_(a)
#define _Function_class_(a)
#define _Analysis_assume_(a)
#define _IRQL_requires_(a)
#define _IRQL_requires_max_(a)
#define _IRQL_requires_min_(a)
#define _IRQL_raises_(a)
#define _Acquires_lock_(a)
#define _Releases_lock_(a)
#define _Requires_lock_held_(a)
#define _Requires_lock_not_held_(a)
#define _Dispatch_type_(a)
#define _Out_writes_to_(a, b)
#define _Always_annotations_
#define _Maybe_raises_SEH_exception_
#define _Printf_format_string_
#define _Points_to_data_
#define _Flags_
#define _Outptr_result_nullonfailure_
#define _Pre_maybenull_
#define _Post_maybenull_
#define _Post_invalid_
#define _Post_ptr_invalid_
#define _Ret_notnull_
#define _Result_nullonfailure_
#define _Unchanged_
#define _Prepost_
#define _Kernel_clear_do_init_
#define _Readable_elements_
#define _Volatile_
#define _Field_size_(a)
#define _Field_size_opt_(a)
#define _Field_size_bytes_(a)
#define _Field_size_bytes_opt_(a)
#define _Field_size_full_(a)
#define _Guarded_by_(a)
#define _Interlocked_(a)
#define _Has_lock_kind_(a)
#define _Has_lock_level_(a)
#define _Lock_level_order_(a)
#define _Write_guarded_by_(a)
#define _Post_satisfies_(a)
#define _Pre_satisfies_(a)
#define _Return_type_success_(a)
#define _Ret_range_(a)
#define _Out_writes_opt_(a)
#define _Inout_updates_opt_(a)
#define _Inout_updates_bytes_opt_(a)
#define _Out_writes_all_(a)
#define _Outptr_result_buffer_(a)
#define _Outptr_result_bytebuffer_maybenull_(a)
#define _Outptr_result_buffer_maybenull_(a)
#define _Always_(a)
#define _Group_(a)
#define _Kernel_entry_always_(a)
#define _Kernel_requires_resource_held_(a)
#define _Kernel_acquires_resource_(a)
#define _Kernel_releases_resource_(a)
#define _IRQL_limited_to_(a)
#define _Acquires_exclusive_lock_(a)
#define _Releases_exclusive_lock_(a)
#define _Post_equal_to_(a)
#define _Enum_is_bitflag_(a)
#define _Struct_size_bytes_(a)
#define _Static_drv_init_(a)
#define _In_range_(a, b)
#define _Out_range_(a, b)
#define _Inout_range_(a, b)
#define _Field_range_(a, b)
#define _Deref_in_range_(a, b)
#define _Deref_out_range_(a, b)
#define _Out_writes_bytes_to_(a, b)
#define _Inout_updates_to_(a, b)
#define _Inout_updates_bytes_to_(a, b)
#define _When_(a, b)
#define _At_(a, b)

#ifdef MS_OLD_ANNOTATIONS
#define __in
#define __out
#define __inout
#define __in_opt
#define __out_opt
#define __inout_opt
#define __deref_out
#define __deref_opt_out
#define __deref_out_opt
#define __drv_aliasesMem
#define __drv_sameIRQL
#define __drv_savesIRQL
#define __drv_restoresIRQL
#define __in_bcount(a)
#define __in_bcount_opt(a)
#define __in_ecount(a)
#define __out_bcount(a)
#define __out_bcount_opt(a)
#define __out_ecount(a)
#define __drv_freesMem(a)
#define __drv_allocatesMem(a)
#define __drv_maxIRQL(a)
#define __drv_minIRQL(a)
#define __drv_requiresIRQL(a)
#define __drv_raisesIRQL(a)
#define __drv_deref(a)
#define __drv_functionClass(a)
#define __drv_dispatchType(a)
#define __analysis_assume(a)
#define __assume(a)
#define __drv_when(a, b)
#endif

#endif
