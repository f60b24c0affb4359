/* Apple, XNU and iOS headers by their public documentation, iOS 17; read 2026-11-26. Only what memory.c and clock.c use. */
#ifndef STUB_TIME
#define STUB_TIME
#include <stdint.h>
struct timespec { long tv_sec; long tv_nsec; };
typedef int clockid_t;
#define CLOCK_MONOTONIC_RAW 4
#define CLOCK_PROCESS_CPUTIME_ID 12
uint64_t clock_gettime_nsec_np(clockid_t);
int clock_gettime(clockid_t, struct timespec *);
#endif
