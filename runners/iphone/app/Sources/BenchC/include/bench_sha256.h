#ifndef BENCH_SHA256_H
#define BENCH_SHA256_H

#include <stddef.h>
#include <stdint.h>

/* Feed whole 64-byte blocks to a SHA-256 state (FIPS 180-4, 6.2.2). In C so that a debug build is not 40 times slower. */
void bench_sha256_blocks(uint32_t state[8], const uint8_t *data, size_t n_blocks);

#endif
