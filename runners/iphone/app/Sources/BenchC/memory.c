#if !defined(__APPLE__)
#define _POSIX_C_SOURCE 200809L
#endif

#include "bench_memory.h"

static const struct bench_memory UNKNOWN = {-1, -1, -1, -1, -1, -1, -1};

#if defined(__APPLE__)

#include <TargetConditionals.h>
#include <mach/mach.h>
#include <stddef.h>
#include <sys/sysctl.h>
#include <unistd.h>
#if TARGET_OS_IOS
#include <os/proc.h>
#endif

/* An older kernel fills fewer fields: `count` says how many of them it wrote. */
#define HOLDS(count, field)                                                                                  \
  ((count) * sizeof(natural_t) >= offsetof(task_vm_info_data_t, field) + sizeof(((task_vm_info_data_t *)0)->field))

struct bench_memory bench_read_memory(void) {
  struct bench_memory memory = UNKNOWN;
  task_vm_info_data_t info;
  mach_msg_type_number_t count = TASK_VM_INFO_COUNT;
  if (task_info(mach_task_self(), TASK_VM_INFO, (task_info_t)&info, &count) == KERN_SUCCESS) {
    if (HOLDS(count, resident_size_peak)) {
      memory.resident = (int64_t)info.resident_size;
      memory.peak_resident = (int64_t)info.resident_size_peak;
    }
    if (HOLDS(count, phys_footprint))
      memory.footprint = (int64_t)info.phys_footprint;
    if (HOLDS(count, ledger_phys_footprint_peak))
      memory.peak_footprint = (int64_t)info.ledger_phys_footprint_peak;
  }
#if TARGET_OS_IOS
  memory.available = (int64_t)os_proc_available_memory();
#endif
  return memory;
}

int bench_reset_peak_memory(void) { return -1; }

/* Source: Apple, Technical Q&A QA1361, "Detecting the Debugger". */
int bench_is_traced(void) {
  struct kinfo_proc info;
  size_t size = sizeof(info);
  int name[4] = {CTL_KERN, KERN_PROC, KERN_PROC_PID, (int)getpid()};
  info.kp_proc.p_flag = 0;
  if (sysctl(name, 4, &info, &size, NULL, 0) != 0)
    return -1;
  return (info.kp_proc.p_flag & P_TRACED) != 0;
}

#else

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The first 4 KiB of a small file of /proc, as text; empty when it cannot be read. Allocates nothing. */
static void read_text(const char *path, char text[4097]) {
  text[0] = 0;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return;
  ssize_t n = read(file, text, 4096);
  close(file);
  text[n > 0 ? n : 0] = 0;
}

static int64_t number_after(const char *text, const char *name) {
  const char *found = strstr(text, name);
  return found ? (int64_t)strtoll(found + strlen(name), NULL, 10) : -1;
}

static int64_t kibibytes_after(const char *text, const char *name) {
  int64_t number = number_after(text, name);
  return number < 0 ? -1 : number * 1024;
}

struct bench_memory bench_read_memory(void) {
  char text[4097];
  struct bench_memory memory = UNKNOWN;
  read_text("/proc/self/status", text);
  memory.resident = kibibytes_after(text, "VmRSS:");
  memory.peak_resident = kibibytes_after(text, "VmHWM:");
  memory.anonymous = kibibytes_after(text, "RssAnon:");
  memory.file = kibibytes_after(text, "RssFile:");
  read_text("/proc/meminfo", text);
  memory.available = kibibytes_after(text, "MemAvailable:");
  return memory;
}

int bench_reset_peak_memory(void) {
  int file = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
  if (file < 0)
    return -1;
  ssize_t n = write(file, "5", 1); /* 5 = set VmHWM to VmRSS */
  close(file);
  return n == 1 ? 0 : -1;
}

int bench_is_traced(void) {
  char text[4097];
  read_text("/proc/self/status", text);
  int64_t tracer = number_after(text, "TracerPid:");
  return tracer < 0 ? -1 : tracer != 0;
}

#endif
