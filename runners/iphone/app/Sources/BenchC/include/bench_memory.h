#ifndef BENCH_MEMORY_H
#define BENCH_MEMORY_H

#include <stdint.h>

/* Memory of this process in bytes; -1 = the platform does not say. */
struct bench_memory {
  int64_t footprint;      /* Apple: phys_footprint, what the kernel's memory killer charges */
  int64_t peak_footprint; /* Apple: ledger_phys_footprint_peak, over the life of the process */
  int64_t resident;       /* Linux: VmRSS; Apple: resident_size */
  int64_t peak_resident;  /* Linux: VmHWM; Apple: resident_size_peak */
  int64_t anonymous;      /* Linux: RssAnon */
  int64_t file;           /* Linux: RssFile */
  int64_t available;      /* iOS: os_proc_available_memory(); Linux: MemAvailable of the machine */
};

/*
 * Read it. Costs some 40 microseconds on Linux, so never inside a timed region.
 *
 * Source: Apple, task_info(TASK_VM_INFO); os_proc_available_memory (iOS 13 and later); Linux, proc(5).
 * The Apple branch is compiled in the project's checks and is unverified on an iPhone.
 */
struct bench_memory bench_read_memory(void);

/*
 * Start the kernel's peak of resident memory anew, where it lets us (Linux: clear_refs).
 *
 * Returns 0 when it did. On Apple the peak is that of the whole life of the process, always.
 */
int bench_reset_peak_memory(void);

/* Whether a debugger is attached: 1, 0, or -1 where it cannot be told. */
int bench_is_traced(void);

#endif
