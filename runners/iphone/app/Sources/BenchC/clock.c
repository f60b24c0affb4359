#if !defined(__APPLE__)
#define _POSIX_C_SOURCE 200809L
#endif

#include "bench_clock.h"

#include <time.h>

int64_t bench_now_ns(void) {
#if defined(__APPLE__)
  return (int64_t)clock_gettime_nsec_np(CLOCK_MONOTONIC_RAW);
#else
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
#endif
}

int64_t bench_cpu_time_ns(void) {
  struct timespec spent;
  if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent) != 0)
    return -1;
  return (int64_t)spent.tv_sec * 1000000000 + spent.tv_nsec;
}
