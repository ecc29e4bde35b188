// Non-blocking sockets and what waits for them (epoll on Linux, kqueue elsewhere), for the load generator. What fails
// returns the negated `errno`.
#ifndef CMARTLETBENCH_H
#define CMARTLETBENCH_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

/// A place of a server: what `connect` takes.
struct bench_address {
  uint32_t length;
  int32_t family;
  unsigned char bytes[128];
};

/// What can be done with the socket that was watched under `index`.
struct bench_event {
  uint32_t index;
  uint32_t flags;
};
#define BENCH_READABLE 1u
#define BENCH_WRITABLE 2u

/// The address of a name that comes at `position`; what `getaddrinfo` returned less 1000 when it failed, -ENOENT when
/// there are not so many.
int bench_resolve(const char *host, int port, int position, struct bench_address *address);
/// The address of a Unix socket.
int bench_unix_address(const char *path, struct bench_address *address);
/// Writes an address as text: `127.0.0.1:6379`.
void bench_address_text(const struct bench_address *address, char *text, size_t size);

/// Connects, for at most so long. The socket, which blocks.
int bench_connect(const struct bench_address *address, int milliseconds);
/// Ends the setting up of a socket: from now on nothing waits.
void bench_unblock(int descriptor);
void bench_close(int descriptor);
/// How many bytes came; 0 at the end.
long bench_receive(int descriptor, void *bytes, size_t capacity);
/// How many bytes were taken.
long bench_send(int descriptor, const void *bytes, size_t count);

int bench_poller_make(void);
/// Watches a socket for bytes to read, and with `writes` for room to write.
int bench_poller_watch(int poller, int descriptor, uint32_t index, int writes, int is_new);
/// Waits for events for at most `nanoseconds`; how many there are.
int bench_poller_wait(int poller, struct bench_event *events, int capacity, int64_t nanoseconds);

/// A pipe: what is written to `ends[1]` can be read from `ends[0]`.
int bench_bell_make(int ends[2]);
void bench_bell_ring(int end);
/// Takes one ring, if it comes within `milliseconds`; whether it came.
int bench_bell_hear(int end, int milliseconds);

/// Nanoseconds that the calling thread has run.
int64_t bench_thread_time(void);
/// Has the calling thread's sleeps end when they are to end, and not some 50 µs later (Linux's timer slack).
void bench_sleep_exactly(void);
/// Has the next SIGINT (Ctrl-C) be noted, and end the process only when it comes twice.
void bench_catch_interrupt(void);
/// Whether it has come.
int bench_is_interrupted(void);
/// Reads the beginning of a file; how much.
long bench_read_file(const char *path, void *bytes, size_t capacity);
/// Lets this process have so many sockets and files, if it may; how many it can have.
long bench_allow_descriptors(long count);
/// Ticks a second of the times in /proc/PID/stat, and the bytes of a page.
long bench_clock_ticks(void);
long bench_page_bytes(void);

/// Nanoseconds of the monotonic clock.
static inline int64_t bench_now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

#endif
