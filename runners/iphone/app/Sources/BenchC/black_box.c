#if !defined(__APPLE__)
#define _POSIX_C_SOURCE 200809L
#endif

#include "bench_black_box.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>

#define MAGIC 0x31784262636e6542 /* "BencbBx1" */

struct slot {
  uint64_t front; /* number of the record, from 1; written first */
  struct bench_black_box_record record;
  uint64_t back; /* the same number; written last */
};

struct page {
  uint64_t magic;
  uint64_t n_written;
  volatile sig_atomic_t signal;
  char rest[1024 - 2 * sizeof(uint64_t) - sizeof(sig_atomic_t)];
  struct slot slots[2];
};

_Static_assert(sizeof(struct page) <= BENCH_BLACK_BOX_BYTES, "the black box is one page");

#define FENCE() __atomic_thread_fence(__ATOMIC_SEQ_CST)

void bench_black_box_open(void *memory) {
  struct page *page = memory;
  memset(page, 0, BENCH_BLACK_BOX_BYTES);
  FENCE();
  page->magic = MAGIC;
}

void bench_black_box_write(void *memory, const struct bench_black_box_record *record) {
  struct page *page = memory;
  uint64_t number = page->n_written + 1;
  struct slot *slot = &page->slots[number % 2];
  slot->front = number;
  FENCE();
  memcpy(&slot->record, record, sizeof(*record));
  FENCE();
  slot->back = number;
  page->n_written = number;
}

int bench_black_box_read(const void *memory, struct bench_black_box_record *record) {
  const struct page *page = memory;
  const struct slot *newest = NULL;
  if (page->magic != MAGIC)
    return -1;
  for (int i = 0; i < 2; i++) {
    const struct slot *slot = &page->slots[i];
    int is_whole = slot->front != 0 && slot->front == slot->back;
    if (is_whole && (newest == NULL || slot->front > newest->front))
      newest = slot;
  }
  if (newest == NULL)
    return -1;
  memcpy(record, &newest->record, sizeof(*record));
  record->launch_id[sizeof(record->launch_id) - 1] = 0;
  record->boot[sizeof(record->boot) - 1] = 0;
  return 0;
}

static struct page *watched;

static const int DEADLY[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP};

static void note(int number) {
  watched->signal = number; /* a plain store into mapped memory: safe in a handler, and survives us */
  raise(number);            /* SA_RESETHAND: the second time it is deadly */
}

void bench_black_box_watch_signals(void *page) {
  struct sigaction action;
  memset(&action, 0, sizeof(action));
  action.sa_handler = note;
  action.sa_flags = (int)SA_RESETHAND;
  sigemptyset(&action.sa_mask);
  watched = page;
  for (size_t i = 0; i < sizeof(DEADLY) / sizeof(DEADLY[0]); i++)
    sigaction(DEADLY[i], &action, NULL);
}

int bench_black_box_signal(const void *page) { return (int)((const struct page *)page)->signal; }
