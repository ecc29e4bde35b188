// Reading and writing files past the system's cache, where that is possible.
#if defined(__linux__)
#define _GNU_SOURCE
#endif
#include "CMartlet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

int martlet_open_direct(int descriptor) {
#if defined(__linux__)
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
  int access = fcntl(descriptor, F_GETFL);
  return access < 0 ? -1 : open(path, (access & O_ACCMODE) | O_DIRECT | O_CLOEXEC);
#else
  (void)descriptor;
  errno = ENOTSUP;
  return -1;
#endif
}

size_t martlet_cached_bytes(int descriptor, off_t offset, size_t length) {
#if defined(__linux__)
  // cachestat(2), of Linux 6.5; headers of older systems don't have its number, which is the same everywhere.
  struct { uint64_t offset, length; } range = {(uint64_t)offset, length};
  struct { uint64_t cached, dirty, writeback, evicted, recently_evicted; } pages;
  if (syscall(451, descriptor, &range, &pages, 0) == 0) return pages.cached * (size_t)sysconf(_SC_PAGESIZE);
#else
  (void)descriptor, (void)offset;
#endif
  return length;
}
