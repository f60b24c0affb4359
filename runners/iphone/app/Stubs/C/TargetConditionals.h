/* Apple, XNU and iOS headers by their public documentation, iOS 17; read 2026-11-26. Only what memory.c and clock.c use. */
#ifndef STUB_TC
#define STUB_TC
#define TARGET_OS_IOS 1
#endif
