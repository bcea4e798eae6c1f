/* SPDX-License-Identifier: MIT */
/* wdmguid.h: drivers include it by this name; DEFINE_GUID is in wdm.h. */
