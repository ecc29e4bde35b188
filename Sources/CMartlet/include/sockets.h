// Sockets, which Swift could set up only with much unsafe code. Functions that return a negative number return the negated
// `errno`, unless they say otherwise.
#ifndef MARTLET_SOCKETS_H
#define MARTLET_SOCKETS_H

#include <stddef.h>
#include <stdint.h>

/// Binds sockets to all addresses that `host` names (at most `maximum`; NULL is every address of the machine), each
/// closed on exec. How many there are in `sockets`; or the negated `errno`, or what `getaddrinfo` returned less 1000.
/// An address that the machine doesn't have counts only if none of the others can be bound either.
///
/// - ipv6_only: whether an IPv6 address stands for IPv6 clients alone.
int martlet_bind(const char *host, int port, int ipv6_only, int *sockets, int maximum);
/// Binds a Unix socket with the permissions `mode`. A file that no server listens on is replaced if it is a socket; one
/// that is none is EEXIST, and one with a server behind it EADDRINUSE.
///
/// - identity: receives the device and the number of the file.
int martlet_bind_unix(const char *path, unsigned mode, uint64_t identity[2]);
/// Removes a Unix socket's file, if it is still the one with this identity.
void martlet_remove_unix(const char *path, const uint64_t identity[2]);
/// The longest path of a Unix socket, in bytes.
size_t martlet_unix_path_limit(void);
/// Has a bound socket listen. 0 or negative.
int martlet_listen(int descriptor, int backlog);
/// An address with its port, in the processor's byte order.
struct martlet_endpoint {
  /// The upper half of an IPv6 address.
  uint64_t high;
  /// The lower half of an IPv6 address, or an IPv4 address.
  uint64_t low;
  uint16_t port;
  /// 4 or 6; 0 if it is neither.
  uint16_t version;
};
/// An address of a socket: its own, or with `peer` the other end's.
struct martlet_endpoint martlet_socket_endpoint(int descriptor, int peer);
/// Writes an IPv6 address as text; its length, 0 if there is no room for it.
size_t martlet_ipv6_text(uint64_t high, uint64_t low, void *text, size_t size);
/// Has small writes sent at once.
void martlet_send_at_once(int descriptor);
/// How many bytes of what was sent the other end hasn't taken yet; 0 if the system can't say.
int martlet_untaken_bytes(int descriptor);
/// Sends the last bytes that a socket will, if it takes them without waiting, and closes it. What has come is dropped, so
/// that it doesn't have the system throw away what was sent.
void martlet_dismiss(int descriptor, const void *bytes, size_t length);
void martlet_close(int descriptor);
/// Has a write to a pipe or socket that nobody reads any more fail, and not end the process.
void martlet_ignore_broken_pipes(void);
/// Lets this process have `wanted` open files, or as many as the system allows; how many it may have then.
uint64_t martlet_allow_files(uint64_t wanted);

#endif
