#ifndef BENCH_BLACK_BOX_H
#define BENCH_BLACK_BOX_H

#include <stdint.h>

/*
 * The black box: one 4 KiB page, mapped from a file and shared, so that the kernel keeps it when the process is
 * killed. Two records are written in turn, each with its number at both ends: of a kill in the middle of a write
 * the other record is whole.
 */

enum { BENCH_BLACK_BOX_BYTES = 4096 };

struct bench_black_box_record {
  int64_t heartbeat_ns;
  int64_t footprint;
  int64_t peak_footprint;
  int64_t available;
  int64_t n_tokens; /* delivered so far in the generation that is going on */
  int32_t index;    /* of the warm-up or iteration */
  int8_t phase;     /* 0 none, then gate, load, warmup, iteration, finished */
  int8_t thermal;   /* -1 unknown, then nominal, fair, serious, critical */
  int8_t scene;     /* -1 unknown, then active, inactive, background */
  int8_t is_stopping;
  int8_t is_traced;
  int8_t n_memory_warnings;
  int8_t has_journal_failed; /* an event could not be written: disk full */
  char launch_id[136]; /* ends with a zero */
  char boot[72];
};

/* Take over the page: clears it and marks it as ours. */
void bench_black_box_open(void *page);

/* Write the next record. Not for two threads at once. */
void bench_black_box_write(void *page, const struct bench_black_box_record *record);

/* The newest whole record; 0 when there is one, -1 when the page holds none. */
int bench_black_box_read(const void *page, struct bench_black_box_record *record);

/*
 * From now on the number of a deadly signal is noted in the page before the process dies of it.
 *
 * An abort of an engine (an exception of C++ that Swift cannot catch) is so told apart from a kill by the kernel,
 * which no process hears of. One page a process.
 */
void bench_black_box_watch_signals(void *page);

/* The deadly signal noted in the page; 0 = none. */
int bench_black_box_signal(const void *page);

#endif
