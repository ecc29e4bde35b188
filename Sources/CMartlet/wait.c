// Sleeping on a word of memory: futex on Linux, the equivalent on macOS.
#include "CMartlet.h"

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void martlet_wait(const uint32_t *word, uint32_t expected, int64_t nanoseconds) {
  struct timespec limit = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, nanoseconds < 0 ? NULL : &limit, NULL, 0);
}

void martlet_wake(const uint32_t *word, int count) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0); }

#else
#include <limits.h>

// Darwin's primitives under <os/sync_wait_on_address.h>.
#include <os/sync_wait_on_address.h>

void martlet_wait(const uint32_t *word, uint32_t expected, int64_t nanoseconds) {
  if (nanoseconds < 0)
    os_sync_wait_on_address((void *)word, expected, 4, OS_SYNC_WAIT_ON_ADDRESS_NONE);
  else
    os_sync_wait_on_address_with_timeout((void *)word, expected, 4, OS_SYNC_WAIT_ON_ADDRESS_NONE,
                                         OS_CLOCK_MACH_ABSOLUTE_TIME, nanoseconds);
}

void martlet_wake(const uint32_t *word, int count) {
  if (count == 1)
    os_sync_wake_by_address_any((void *)word, 4, OS_SYNC_WAKE_BY_ADDRESS_NONE);
  else
    os_sync_wake_by_address_all((void *)word, 4, OS_SYNC_WAKE_BY_ADDRESS_NONE);
}

#endif
