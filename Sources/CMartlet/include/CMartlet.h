// What Swift cannot reach on its own: processor instructions and system calls without a Swift overlay.
#ifndef CMARTLET_H
#define CMARTLET_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ring.h"
#include "sockets.h"

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4) of `length` bytes, continuing from `crc`; 0 starts a new one.
uint32_t martlet_crc32c(uint32_t crc, const void *bytes, size_t length);

/// The CRC-64 of Redis's RDB files (reflected, with the polynomial 0xad93d23594c935a9) of `length` bytes, continuing from
/// `crc`; 0 starts a new one.
uint64_t martlet_crc64(uint64_t crc, const void *bytes, size_t length);

/// Sleeps while `*word == expected`, until a wake, or for at most `nanoseconds` (negative: no limit).
void martlet_wait(const uint32_t *word, uint32_t expected, int64_t nanoseconds);

/// Wakes up to `count` threads that sleep on `word`.
void martlet_wake(const uint32_t *word, int count);

/// The size of a page of the system's memory, in bytes.
size_t martlet_page_size(void);

/// `size` bytes of zeros from the system, aligned to `alignment`; both are multiples of its page size, the alignment a
/// power of two. None of it is resident yet. NULL when there is no more.
void *martlet_map(size_t size, size_t alignment);

/// Gives back what `martlet_map` or `martlet_remap` gave.
void martlet_unmap(void *start, size_t size);

/// Grows or shrinks what `martlet_map` gave, aligned to a page; it may move. NULL when that isn't possible, and then
/// nothing has changed.
void *martlet_remap(void *start, size_t size, size_t new_size);

/// Gives the memory of whole pages back to the system; the addresses stay, their content is lost.
void martlet_release(void *start, size_t size);

/// A second descriptor of an open file, whose reads and writes go past the system's cache: memory, place and length have to
/// be multiples of the disk's blocks. Negative, with `errno`, where that can't be.
int martlet_open_direct(int descriptor);

/// How much of a part of a file is in the system's cache, in whole pages; all of it where the system doesn't tell.
size_t martlet_cached_bytes(int descriptor, off_t offset, size_t length);

/// Has malloc give large blocks back to the system as soon as they are freed, whatever was freed before.
void martlet_return_freed_memory(void);

/// Whether a text is a number with a fraction or without, as Redis reads one: 1, 0, or −1 for an infinite one.
int martlet_is_decimal(const char *text, size_t length);

/// Writes the sum of two such numbers with at most 17 digits behind the point; its length, or −1 when one of them isn't a
/// number or the sum isn't finite. 5 KiB are room for any.
int martlet_add_decimals(
    const char *first, size_t first_length, const char *second, size_t second_length, char *sum, size_t size);

/// Whether bytes are there and all of them are visible ASCII but quotes and the backslash.
int martlet_is_plain(const void *bytes, size_t length);

/// How many of the first bytes are visible ASCII or spaces, but neither double quotes nor the backslash.
size_t martlet_quotable_run(const void *bytes, size_t length);

/// Writes a finite number with so many digits behind the point; its length. 400 bytes are room for up to 17 of them.
int martlet_print_decimal(double number, int digits, char *text, size_t size);

/// The double that a decimal text is, `inf` and `infinity` among them: 1 if it is one, -1 if it is one beyond what a double
/// can hold (the number is infinite or zero then), 0 if it isn't, is not a number, or is longer than 1023 bytes.
int martlet_parse_double(const char *text, size_t length, double *number);

/// Has malloc give all whole pages that hold nothing back to the system.
void martlet_trim_memory(void);

/// Has the processor fetch the cache line at `address`, which may be any address, while the program goes on.
static inline void martlet_prefetch(const void *address) { __builtin_prefetch(address); }

/// Names the calling thread, as `top` and `perf` show it.
void martlet_name_thread(const char *name);

#endif
