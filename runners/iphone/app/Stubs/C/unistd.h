/* Apple, XNU and iOS headers by their public documentation, iOS 17; read 2026-11-26. Only what memory.c and clock.c use. */
#ifndef STUB_UNISTD
#define STUB_UNISTD
int getpid(void);
#endif
