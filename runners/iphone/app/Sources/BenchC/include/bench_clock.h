#ifndef BENCH_CLOCK_H
#define BENCH_CLOCK_H

#include <stdint.h>

/*
 * Nanoseconds of the one monotonic clock that every event and every token time uses.
 *
 * Linux: CLOCK_MONOTONIC, which is Python's perf_counter_ns. Apple: CLOCK_MONOTONIC_RAW, which also counts
 * the time asleep, like Swift's ContinuousClock (unverified on an iPhone).
 */
int64_t bench_now_ns(void);

/* Processor time of all threads of this process, in nanoseconds; -1 where the system does not say. */
int64_t bench_cpu_time_ns(void);

/*
 * A counter that one thread writes and another reads. Swift's Atomic needs iOS 18.
 *
 * Relaxed on purpose: the reader wants a recent number and draws no conclusion about other memory from it.
 */
static inline void bench_counter_set(int64_t *counter, int64_t value) {
  __atomic_store_n(counter, value, __ATOMIC_RELAXED);
}

static inline int64_t bench_counter_get(const int64_t *counter) {
  return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

#endif
