// Sockets by their descriptors: binding, listening, who is at the other end.
#define _GNU_SOURCE
#include "CMartlet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#if defined(__linux__)
#include <linux/sockios.h>
#endif
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

static int make_socket(int family) {
#if defined(SOCK_CLOEXEC)
  return socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
#else
  int descriptor = socket(family, SOCK_STREAM, 0);
  if (descriptor >= 0) fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  return descriptor;
#endif
}

/// A port that is in use is tried so many times more, each after so many nanoseconds: a second in all.
#define BIND_TRIES 50
#define BIND_PAUSE 20000000

/// The descriptor, closed; or the negated reason of a call that has just failed for it.
static int give_up(int descriptor) {
  int code = errno;
  close(descriptor);
  return -code;
}

static int bind_address(const struct addrinfo *address, int ipv6_only) {
  int one = 1, descriptor = make_socket(address->ai_family);
  if (descriptor < 0) return -errno;
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  // Who is accepted inherits it: a client whose machine is gone doesn't hold its place for ever.
  setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
  if (address->ai_family == AF_INET6) setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &ipv6_only, sizeof ipv6_only);
  // The system closes the sockets of a server that was killed when its ring is gone, a little after its process: who
  // starts the next one at once is not to be told that another program has the port.
  for (int tries = 0; bind(descriptor, address->ai_addr, address->ai_addrlen) < 0; tries++) {
    if (errno != EADDRINUSE || tries == BIND_TRIES) return give_up(descriptor);
    nanosleep(&(struct timespec){.tv_nsec = BIND_PAUSE}, NULL);
  }
  return descriptor;
}

int martlet_bind(const char *host, int port, int ipv6_only, int *sockets, int maximum) {
  char service[16];
  snprintf(service, sizeof service, "%d", port);
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found;
  int result = getaddrinfo(host, service, &hints, &found);
  if (result != 0) return result - 1000;
  int count = 0, failure = 0;
  for (struct addrinfo *each = found; each && count < maximum; each = each->ai_next) {
    int bound = bind_address(each, ipv6_only);
    if (bound >= 0) {
      sockets[count++] = bound;
    } else if (failure == 0 || bound == -EADDRINUSE) {
      failure = bound;
    }
  }
  freeaddrinfo(found);
  // Half of a name is not enough if the other half is somebody else's.
  if (count > 0 && failure != -EADDRINUSE) return count;
  while (count > 0) close(sockets[--count]);
  return failure == 0 ? -EADDRNOTAVAIL : failure;
}

size_t martlet_unix_path_limit(void) { return sizeof ((struct sockaddr_un *)0)->sun_path - 1; }

static int fill_unix_address(const char *path, struct sockaddr_un *address) {
  size_t length = strlen(path);
  if (length > martlet_unix_path_limit()) return -ENAMETOOLONG;
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  memcpy(address->sun_path, path, length);
  return 0;
}

/// Whether somebody listens on a socket's file: 0 if nobody does.
static int is_served(const struct sockaddr_un *address) {
  int descriptor = make_socket(AF_UNIX);
  if (descriptor < 0) return -errno;
  // One whose backlog is full makes no one wait here.
  fcntl(descriptor, F_SETFL, O_NONBLOCK);
  int code = connect(descriptor, (const struct sockaddr *)address, sizeof *address) < 0 ? errno : 0;
  close(descriptor);
  return code == ECONNREFUSED || code == ENOENT ? 0 : 1;
}

int martlet_bind_unix(const char *path, unsigned mode, uint64_t identity[2]) {
  struct sockaddr_un address;
  int code = fill_unix_address(path, &address);
  if (code < 0) return code;
  struct stat status;
  if (lstat(path, &status) == 0) {
    if (!S_ISSOCK(status.st_mode)) return -EEXIST;
    code = is_served(&address);
    if (code != 0) return code < 0 ? code : -EADDRINUSE;
    if (unlink(path) < 0 && errno != ENOENT) return -errno;
  }
  int descriptor = make_socket(AF_UNIX);
  if (descriptor < 0) return -errno;
  if (bind(descriptor, (const struct sockaddr *)&address, sizeof address) < 0) return give_up(descriptor);
  // Nobody can connect before it listens, so the file is never open to more than the mode says.
  if (chmod(path, mode) < 0 || lstat(path, &status) < 0) {
    code = give_up(descriptor);
    unlink(path);
    return code;
  }
  identity[0] = (uint64_t)status.st_dev;
  identity[1] = (uint64_t)status.st_ino;
  return descriptor;
}

void martlet_remove_unix(const char *path, const uint64_t identity[2]) {
  struct stat status;
  if (lstat(path, &status) == 0 && (uint64_t)status.st_dev == identity[0] && (uint64_t)status.st_ino == identity[1])
    unlink(path);
}

int martlet_listen(int descriptor, int backlog) { return listen(descriptor, backlog) < 0 ? -errno : 0; }

struct martlet_endpoint martlet_socket_endpoint(int descriptor, int peer) {
  struct martlet_endpoint endpoint = {0};
  struct sockaddr_storage address = {0};
  socklen_t length = sizeof address;
  struct sockaddr *plain = (struct sockaddr *)&address;
  if ((peer ? getpeername(descriptor, plain, &length) : getsockname(descriptor, plain, &length)) < 0) return endpoint;
  if (address.ss_family == AF_INET) {
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
    endpoint.version = 4;
    endpoint.port = ntohs(v4->sin_port);
    endpoint.low = ntohl(v4->sin_addr.s_addr);
  } else if (address.ss_family == AF_INET6) {
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address;
    endpoint.version = 6;
    endpoint.port = ntohs(v6->sin6_port);
    for (int i = 0; i < 8; i++) {
      endpoint.high = endpoint.high << 8 | v6->sin6_addr.s6_addr[i];
      endpoint.low = endpoint.low << 8 | v6->sin6_addr.s6_addr[8 + i];
    }
  }
  return endpoint;
}

size_t martlet_ipv6_text(uint64_t high, uint64_t low, void *text, size_t size) {
  struct in6_addr address;
  for (int i = 0; i < 8; i++) {
    address.s6_addr[i] = (uint8_t)(high >> (56 - 8 * i));
    address.s6_addr[8 + i] = (uint8_t)(low >> (56 - 8 * i));
  }
  return inet_ntop(AF_INET6, &address, text, (socklen_t)size) ? strlen(text) : 0;
}

void martlet_send_at_once(int descriptor) {
  int one = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

int martlet_untaken_bytes(int descriptor) {
  int count = 0;
#if defined(__linux__)
  return ioctl(descriptor, SIOCOUTQ, &count) < 0 ? 0 : count;
#else
  socklen_t length = sizeof count;
  return getsockopt(descriptor, SOL_SOCKET, SO_NWRITE, &count, &length) < 0 ? 0 : count;
#endif
}

void martlet_dismiss(int descriptor, const void *bytes, size_t length) {
  char dropped[4096];
  send(descriptor, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
  shutdown(descriptor, SHUT_WR);
  for (int i = 0; i < 16 && recv(descriptor, dropped, sizeof dropped, MSG_DONTWAIT) > 0; i++) {}
  close(descriptor);
}

void martlet_ignore_broken_pipes(void) { signal(SIGPIPE, SIG_IGN); }

void martlet_close(int descriptor) { close(descriptor); }

uint64_t martlet_allow_files(uint64_t wanted) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return wanted;
  if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= wanted) return limit.rlim_cur;
  if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < wanted) {
    // Those who may raise the upper limit do.
    struct rlimit raised = {.rlim_cur = wanted, .rlim_max = wanted};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) return wanted;
    wanted = limit.rlim_max;
  }
  limit.rlim_cur = wanted;
  if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return wanted;
  return getrlimit(RLIMIT_NOFILE, &limit) < 0 ? 0 : limit.rlim_cur;
}
