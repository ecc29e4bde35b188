// Waiting for sockets: epoll with a limit in nanoseconds where the kernel has that (Linux 5.11), kqueue elsewhere.
#define _GNU_SOURCE
#include "CMartletBench.h"

#include <errno.h>
#include <unistd.h>

/// The most events that one wait takes.
#define CAPACITY 512

#if defined(__linux__)
#include <linux/time_types.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

int bench_poller_make(void) {
  int poller = epoll_create1(EPOLL_CLOEXEC);
  return poller < 0 ? -errno : poller;
}

int bench_poller_watch(int poller, int descriptor, uint32_t index, int writes, int is_new) {
  struct epoll_event event = {.events = EPOLLIN | (writes ? EPOLLOUT : 0), .data.u32 = index};
  return epoll_ctl(poller, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, descriptor, &event) < 0 ? -errno : 0;
}

int bench_poller_wait(int poller, struct bench_event *events, int capacity, int64_t nanoseconds) {
  struct epoll_event found[CAPACITY];
  if (capacity > CAPACITY) capacity = CAPACITY;
  int count = -1;
#if defined(SYS_epoll_pwait2)
  static int is_missing;
  if (nanoseconds > 0 && !__atomic_load_n(&is_missing, __ATOMIC_RELAXED)) {
    struct __kernel_timespec limit = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
    count = (int)syscall(SYS_epoll_pwait2, poller, found, capacity, &limit, NULL, 0);
    if (count < 0 && errno == ENOSYS) __atomic_store_n(&is_missing, 1, __ATOMIC_RELAXED);
    else if (count < 0) return errno == EINTR ? 0 : -errno;
  }
#endif
  // Rounded down: who needs a part of a millisecond comes back too early, and not too late.
  if (count < 0) count = epoll_wait(poller, found, capacity, (int)(nanoseconds / 1000000));
  if (count < 0) return errno == EINTR ? 0 : -errno;
  for (int i = 0; i < count; i++) {
    // An error or a hang-up is found by reading.
    uint32_t readable = found[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP) ? BENCH_READABLE : 0;
    uint32_t writable = found[i].events & EPOLLOUT ? BENCH_WRITABLE : 0;
    events[i] = (struct bench_event){found[i].data.u32, readable | writable};
  }
  return count;
}

#else
#include <sys/event.h>
#include <sys/types.h>

int bench_poller_make(void) {
  int poller = kqueue();
  return poller < 0 ? -errno : poller;
}

int bench_poller_watch(int poller, int descriptor, uint32_t index, int writes, int is_new) {
  struct kevent changes[2];
  int count = 0;
  if (is_new) EV_SET(&changes[count++], descriptor, EVFILT_READ, EV_ADD, 0, 0, (void *)(uintptr_t)index);
  if (writes || !is_new)
    EV_SET(&changes[count++], descriptor, EVFILT_WRITE, writes ? EV_ADD : EV_DELETE, 0, 0, (void *)(uintptr_t)index);
  return kevent(poller, changes, count, NULL, 0, NULL) < 0 ? -errno : 0;
}

int bench_poller_wait(int poller, struct bench_event *events, int capacity, int64_t nanoseconds) {
  struct kevent found[CAPACITY];
  if (capacity > CAPACITY) capacity = CAPACITY;
  struct timespec limit = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
  int count = kevent(poller, NULL, 0, found, capacity, &limit);
  if (count < 0) return errno == EINTR ? 0 : -errno;
  for (int i = 0; i < count; i++) {
    uint32_t flags = found[i].filter == EVFILT_WRITE ? BENCH_WRITABLE : BENCH_READABLE;
    events[i] = (struct bench_event){(uint32_t)(uintptr_t)found[i].udata, flags};
  }
  return count;
}

#endif
