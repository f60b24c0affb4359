/* Apple, XNU and iOS headers by their public documentation, iOS 17; read 2026-11-26. Only what memory.c and clock.c use. */
#ifndef STUB_MACH
#define STUB_MACH
#include <stdint.h>
typedef int kern_return_t;
typedef unsigned natural_t;
typedef unsigned mach_msg_type_number_t;
typedef unsigned task_t;
typedef int *task_info_t;
#define KERN_SUCCESS 0
#define TASK_VM_INFO 22
/* The order of the real structure is another one: offsets are the compiler's there, never ours. */
struct task_vm_info {
  uint64_t virtual_size, resident_size, resident_size_peak, phys_footprint;
  int64_t ledger_phys_footprint_peak;
};
typedef struct task_vm_info task_vm_info_data_t;
#define TASK_VM_INFO_COUNT ((mach_msg_type_number_t)(sizeof(task_vm_info_data_t) / sizeof(natural_t)))
task_t mach_task_self(void);
kern_return_t task_info(task_t, int, task_info_t, mach_msg_type_number_t *);
#endif
