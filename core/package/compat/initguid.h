/* SPDX-License-Identifier: MIT */
/* initguid.h: drivers include it by this name; DEFINE_GUID is in wdm.h. */
