/* SPDX-License-Identifier: MIT */
/* devpropdef.h: drivers include it by this name; DEFINE_GUID is in wdm.h. */
