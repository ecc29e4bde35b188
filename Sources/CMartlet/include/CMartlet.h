// What Swift cannot reach on its own: processor instructions and system calls without a Swift overlay.
#ifndef CMARTLET_H
#define CMARTLET_H

#include <stddef.h>
#include <stdint.h>

#include "ring.h"
#include "sockets.h"

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4) of `length` bytes, continuing from `crc`; 0 starts a new one.
uint32_t martlet_crc32c(uint32_t crc, const void *bytes, size_t length);

/// Sleeps while `*word == expected`, until a wake, or for at most `nanoseconds` (negative: no limit).
void martlet_wait(const uint32_t *word, uint32_t expected, int64_t nanoseconds);

/// Wakes up to `count` threads that sleep on `word`.
void martlet_wake(const uint32_t *word, int count);

/// How many bytes a block from malloc really holds.
size_t martlet_block_size(const void *block);

/// Names the calling thread, as `top` and `perf` show it.
void martlet_name_thread(const char *name);

#endif
