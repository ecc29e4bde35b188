// Sockets: names, connections, bytes.
#define _GNU_SOURCE
#include "CMartletBench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#if defined(__linux__)
#include <sys/prctl.h>
#endif

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

int bench_resolve(const char *host, int port, int position, struct bench_address *address) {
  struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  struct addrinfo *all = NULL;
  char service[16];
  snprintf(service, sizeof service, "%d", port);
  int code = getaddrinfo(host, service, &hints, &all);
  if (code != 0) return code < 0 ? code - 1000 : -code - 1000;
  int result = -ENOENT;
  for (struct addrinfo *one = all; one != NULL; one = one->ai_next) {
    if (position-- > 0 || one->ai_addrlen > sizeof address->bytes) continue;
    address->length = one->ai_addrlen;
    address->family = one->ai_family;
    memcpy(address->bytes, one->ai_addr, one->ai_addrlen);
    result = 0;
    break;
  }
  freeaddrinfo(all);
  return result;
}

int bench_unix_address(const char *path, struct bench_address *address) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof name.sun_path) return -ENAMETOOLONG;
  strcpy(name.sun_path, path);
  address->length = sizeof name;
  address->family = AF_UNIX;
  memcpy(address->bytes, &name, sizeof name);
  return 0;
}

void bench_address_text(const struct bench_address *address, char *text, size_t size) {
  char host[INET6_ADDRSTRLEN] = "";
  if (address->family == AF_INET) {
    struct sockaddr_in name;
    memcpy(&name, address->bytes, sizeof name);
    inet_ntop(AF_INET, &name.sin_addr, host, sizeof host);
    snprintf(text, size, "%s:%d", host, ntohs(name.sin_port));
  } else if (address->family == AF_INET6) {
    struct sockaddr_in6 name;
    memcpy(&name, address->bytes, sizeof name);
    inet_ntop(AF_INET6, &name.sin6_addr, host, sizeof host);
    snprintf(text, size, "[%s]:%d", host, ntohs(name.sin6_port));
  } else {
    struct sockaddr_un name;
    memcpy(&name, address->bytes, sizeof name);
    snprintf(text, size, "%s", name.sun_path);
  }
}

int bench_connect(const struct bench_address *address, int milliseconds) {
  int descriptor = socket(address->family, SOCK_STREAM, 0);
  if (descriptor < 0) return -errno;
  fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  int flags = fcntl(descriptor, F_GETFL);
  fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
  int code = 0;
  if (connect(descriptor, (const struct sockaddr *)address->bytes, address->length) < 0) {
    code = errno;
    // A Unix socket whose queue is full says EAGAIN and connects nothing.
    if (code == EINPROGRESS) {
      struct pollfd wait = {.fd = descriptor, .events = POLLOUT};
      int ready;
      do ready = poll(&wait, 1, milliseconds);
      while (ready < 0 && errno == EINTR);
      socklen_t size = sizeof code;
      if (ready == 0) code = ETIMEDOUT;
      else if (ready < 0) code = errno;
      else getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size);
    }
  }
  if (code != 0) {
    close(descriptor);
    return -code;
  }
  fcntl(descriptor, F_SETFL, flags);
  struct timeval limit = {.tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000};
  setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  int one = 1;
#if defined(SO_NOSIGPIPE)
  setsockopt(descriptor, SOL_SOCKET, SO_NOSIGPIPE, &one, sizeof one);
#endif
  if (address->family != AF_UNIX) setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return descriptor;
}

void bench_unblock(int descriptor) { fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK); }

void bench_close(int descriptor) { close(descriptor); }

long bench_receive(int descriptor, void *bytes, size_t capacity) {
  ssize_t count;
  do count = recv(descriptor, bytes, capacity, 0);
  while (count < 0 && errno == EINTR);
  return count < 0 ? -errno : count;
}

long bench_send(int descriptor, const void *bytes, size_t count) {
  ssize_t taken;
  do taken = send(descriptor, bytes, count, MSG_NOSIGNAL);
  while (taken < 0 && errno == EINTR);
  return taken < 0 ? -errno : taken;
}

int bench_bell_make(int ends[2]) { return pipe(ends) < 0 ? -errno : 0; }

void bench_bell_ring(int end) {
  char byte = 1;
  while (write(end, &byte, 1) < 0 && errno == EINTR) {}
}

int bench_bell_hear(int end, int milliseconds) {
  struct pollfd wait = {.fd = end, .events = POLLIN};
  char byte;
  return poll(&wait, 1, milliseconds) == 1 && read(end, &byte, 1) == 1;
}

int64_t bench_thread_time(void) {
  struct timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

void bench_sleep_exactly(void) {
#if defined(__linux__)
  prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);
#endif
}

static volatile sig_atomic_t is_interrupted;

static void note_interrupt(int signal) {
  (void)signal;
  is_interrupted = 1;
}

void bench_catch_interrupt(void) {
  struct sigaction action = {.sa_handler = note_interrupt, .sa_flags = SA_RESETHAND | SA_RESTART};
  sigaction(SIGINT, &action, NULL);
}

int bench_is_interrupted(void) { return is_interrupted; }

long bench_read_file(const char *path, void *bytes, size_t capacity) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return -errno;
  ssize_t count = read(descriptor, bytes, capacity);
  long result = count < 0 ? -errno : count;
  close(descriptor);
  return result;
}

long bench_allow_descriptors(long count) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
  if (limit.rlim_cur < (rlim_t)count) {
    limit.rlim_cur = (rlim_t)count < limit.rlim_max ? (rlim_t)count : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
  }
  return limit.rlim_cur > 1L << 40 ? 1L << 40 : (long)limit.rlim_cur;
}

long bench_clock_ticks(void) { return sysconf(_SC_CLK_TCK); }
long bench_page_bytes(void) { return sysconf(_SC_PAGESIZE); }
