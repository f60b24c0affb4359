/* Apple, XNU and iOS headers by their public documentation, iOS 17; read 2026-11-26. Only what memory.c and clock.c use. */
#ifndef STUB_SIGNAL
#define STUB_SIGNAL
typedef unsigned sigset_t;
typedef int sig_atomic_t;
struct sigaction { void (*sa_handler)(int); sigset_t sa_mask; int sa_flags; };
#define SIGILL 4
#define SIGTRAP 5
#define SIGABRT 6
#define SIGFPE 8
#define SIGBUS 10
#define SIGSEGV 11
#define SA_RESETHAND 4
int sigaction(int, const struct sigaction *, struct sigaction *);
int sigemptyset(sigset_t *);
int raise(int);
#endif
