/* SPDX-License-Identifier: MIT */
/*
 * wpp_off.h: what a <file>.tmh holds here: tracing that evaluates nothing. Its formats are not those of
 * printf, so nothing could print them.
 */
#ifndef MS_WPP_OFF_H
#define MS_WPP_OFF_H

#define WPP_INIT_TRACING(...) ((void)0)
#define WPP_CLEANUP(...)      ((void)0)
#define TraceEvents(...)      ((void)0)
#define TraceVerbose(...)     ((void)0)
#define FuncEntry(...)        ((void)0)
#define FuncExit(...)         ((void)0)

#endif
