/* Apple, XNU and iOS headers by their public documentation, iOS 17; read 2026-11-26. Only what memory.c and clock.c use. */
#ifndef STUB_SYSCTL
#define STUB_SYSCTL
#include <stddef.h>
#define CTL_KERN 1
#define KERN_PROC 14
#define KERN_PROC_PID 1
#define P_TRACED 0x800
struct kinfo_proc { struct { int p_flag; } kp_proc; };
int sysctl(int *, unsigned, void *, size_t *, void *, size_t);
#endif
