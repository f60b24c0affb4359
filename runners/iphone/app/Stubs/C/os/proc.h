/* Apple, XNU and iOS headers by their public documentation, iOS 17; read 2026-11-26. Only what memory.c and clock.c use. */
#ifndef STUB_OSPROC
#define STUB_OSPROC
#include <stddef.h>
size_t os_proc_available_memory(void);
#endif
