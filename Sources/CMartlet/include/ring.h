// io_uring by the kernel's own header, without a library: what Swift can't say, that is the system calls, the ordering
// of the heads and tails that are shared with the kernel, and the entries, which are unions. What to do with them is
// decided in Swift. Needs the header of Linux 6.1; compiled with an older one, `martlet_ring_open` says ENOSYS.
#ifndef MARTLET_RING_H
#define MARTLET_RING_H

#if defined(__linux__)

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#if defined(__has_include)
#if __has_include(<linux/io_uring.h>)
#include <linux/io_uring.h>
#endif
#endif

/// The two rings of one io_uring, mapped into this process, and the buffers that receives put their bytes in.
struct martlet_ring {
  int descriptor;
  uint32_t submission_mask;
  uint32_t submission_count;
  uint32_t completion_mask;
  uint32_t *submission_head;
  uint32_t *submission_tail;
  uint32_t *submission_flags;
  uint32_t *completion_head;
  uint32_t *completion_tail;
  void *submissions;
  void *completions;
  void *buffer_ring;
  char *buffers;
  uint32_t buffer_count;
  uint32_t buffer_size;
  void *mapping;
  size_t mapping_size;
  size_t submissions_size;
};

/// What became of an entry.
struct martlet_completion {
  uint64_t tag;
  int32_t result;
  uint32_t flags;
};

/// What one entry sends of pieces in several places.
#define MARTLET_MESSAGE_PIECES 64
struct martlet_message {
  struct msghdr header;
  struct iovec pieces[MARTLET_MESSAGE_PIECES];
};

static inline void martlet_message_empty(struct martlet_message *message) {
  message->header = (struct msghdr){.msg_iov = message->pieces};
}

/// Puts one more piece behind those that are there. There are fewer than MARTLET_MESSAGE_PIECES of them.
static inline void martlet_message_add(struct martlet_message *message, const void *bytes, size_t length) {
  message->pieces[message->header.msg_iovlen++] = (struct iovec){.iov_base = (void *)bytes, .iov_len = length};
}

/// More completions of the same entry follow.
#define MARTLET_COMPLETION_MORE 2u
/// The completion used a provided buffer; its number is in the upper half of the flags.
#define MARTLET_COMPLETION_BUFFER 1u

/// Makes a ring that isn't started yet, with `buffer_count` buffers (a power of two). 0, or the negated `errno`.
int martlet_ring_open(struct martlet_ring *ring, uint32_t submissions, uint32_t completions, uint32_t buffer_count,
                      uint32_t buffer_size);
/// Starts a ring for the calling thread, which alone may use it from then on. 0, or the negated `errno`.
int martlet_ring_start(const struct martlet_ring *ring);
/// Gives everything back.
void martlet_ring_close(struct martlet_ring *ring);
/// Submits `count` entries, and with `waits` sleeps until there is a completion. How many were taken, or the negated `errno`.
int martlet_ring_enter(const struct martlet_ring *ring, uint32_t count, int waits);

static inline uint32_t martlet_load(const uint32_t *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }
static inline void martlet_store(uint32_t *word, uint32_t value) { __atomic_store_n(word, value, __ATOMIC_RELEASE); }

#if defined(IORING_SETUP_DEFER_TASKRUN)

/// Whether completions wait in the kernel because their ring was full.
static inline int martlet_ring_has_overflow(const struct martlet_ring *ring) {
  return (__atomic_load_n(ring->submission_flags, __ATOMIC_RELAXED) & IORING_SQ_CQ_OVERFLOW) != 0;
}

static inline struct martlet_completion martlet_ring_completion(const struct martlet_ring *ring, uint32_t index) {
  const struct io_uring_cqe *entry = (const struct io_uring_cqe *)ring->completions + (index & ring->completion_mask);
  struct martlet_completion completion = {.tag = entry->user_data, .result = entry->res, .flags = entry->flags};
  return completion;
}

static inline struct io_uring_sqe *martlet_ring_entry(const struct martlet_ring *ring, uint32_t index, uint8_t operation,
                                                      int descriptor, uint64_t tag) {
  struct io_uring_sqe *entry = (struct io_uring_sqe *)ring->submissions + (index & ring->submission_mask);
  *entry = (struct io_uring_sqe){.opcode = operation, .fd = descriptor, .user_data = tag};
  return entry;
}

/// Accepts connections until it is cancelled or fails.
static inline void martlet_ring_accept(const struct martlet_ring *ring, uint32_t index, int descriptor, uint64_t tag) {
  struct io_uring_sqe *entry = martlet_ring_entry(ring, index, IORING_OP_ACCEPT, descriptor, tag);
  entry->ioprio = IORING_ACCEPT_MULTISHOT;
  entry->accept_flags = 02000000; // SOCK_CLOEXEC
}

/// Receives into provided buffers until it is cancelled, fails, or has no buffer.
static inline void martlet_ring_receive(const struct martlet_ring *ring, uint32_t index, int descriptor, uint64_t tag) {
  struct io_uring_sqe *entry = martlet_ring_entry(ring, index, IORING_OP_RECV, descriptor, tag);
  entry->ioprio = IORING_RECV_MULTISHOT;
  entry->flags = IOSQE_BUFFER_SELECT;
}

/// Sends. With `waits` it may take its time until the socket takes some of it, and its completion says how much that was.
/// Otherwise it sends what can be sent at once, and only if that isn't all of it, a completion says how much it was.
static inline void martlet_ring_send(const struct martlet_ring *ring, uint32_t index, int descriptor, const void *bytes,
                                     uint32_t length, int waits, uint64_t tag) {
  struct io_uring_sqe *entry = martlet_ring_entry(ring, index, IORING_OP_SEND, descriptor, tag);
  entry->addr = (uint64_t)(uintptr_t)bytes;
  entry->len = length;
  // MSG_NOSIGNAL; MSG_WAITALL, without which less than all would pass for a success, and MSG_DONTWAIT.
  entry->msg_flags = 0x4000 | (waits ? 0 : 0x100 | 0x40);
  entry->flags = waits ? 0 : IOSQE_CQE_SKIP_SUCCESS;
}

/// Sends the pieces of a message, as `martlet_ring_send` with `waits` does.
static inline void martlet_ring_send_message(const struct martlet_ring *ring, uint32_t index, int descriptor,
                                             const struct martlet_message *message, uint64_t tag) {
  struct io_uring_sqe *entry = martlet_ring_entry(ring, index, IORING_OP_SENDMSG, descriptor, tag);
  entry->addr = (uint64_t)(uintptr_t)&message->header;
  entry->len = 1;
  entry->msg_flags = 0x4000; // MSG_NOSIGNAL
}

/// Reads 8 bytes.
static inline void martlet_ring_read_word(const struct martlet_ring *ring, uint32_t index, int descriptor, uint64_t *word,
                                          uint64_t tag) {
  struct io_uring_sqe *entry = martlet_ring_entry(ring, index, IORING_OP_READ, descriptor, tag);
  entry->addr = (uint64_t)(uintptr_t)word;
  entry->len = 8;
  entry->off = (uint64_t)-1;
}

/// Cancels the entry with the tag `cancelled`. A completion says so only if there is none.
static inline void martlet_ring_cancel(const struct martlet_ring *ring, uint32_t index, uint64_t cancelled, uint64_t tag) {
  struct io_uring_sqe *entry = martlet_ring_entry(ring, index, IORING_OP_ASYNC_CANCEL, -1, tag);
  entry->addr = cancelled;
  entry->flags = IOSQE_CQE_SKIP_SUCCESS;
}

/// Cancels all entries for a descriptor. A completion says so only if that fails.
static inline void martlet_ring_cancel_all(const struct martlet_ring *ring, uint32_t index, int descriptor, uint64_t tag) {
  struct io_uring_sqe *entry = martlet_ring_entry(ring, index, IORING_OP_ASYNC_CANCEL, descriptor, tag);
  entry->cancel_flags = IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ALL;
  entry->flags = IOSQE_CQE_SKIP_SUCCESS;
}

/// Completes at a time of the monotonic clock: two words at `time`, seconds and nanoseconds, which are read when the
/// entry is submitted.
static inline void martlet_ring_timeout(const struct martlet_ring *ring, uint32_t index, const int64_t *time, uint64_t tag) {
  struct io_uring_sqe *entry = martlet_ring_entry(ring, index, IORING_OP_TIMEOUT, -1, tag);
  entry->addr = (uint64_t)(uintptr_t)time;
  entry->len = 1;
  entry->timeout_flags = IORING_TIMEOUT_ABS;
}

/// Changes the time of the timeout with the tag `changed`. A completion says so only if there is none.
static inline void martlet_ring_change_timeout(const struct martlet_ring *ring, uint32_t index, uint64_t changed,
                                               const int64_t *time, uint64_t tag) {
  struct io_uring_sqe *entry = martlet_ring_entry(ring, index, IORING_OP_TIMEOUT_REMOVE, -1, tag);
  entry->addr = changed;
  entry->off = (uint64_t)(uintptr_t)time;
  entry->timeout_flags = IORING_TIMEOUT_UPDATE | IORING_TIMEOUT_ABS;
  entry->flags = IOSQE_CQE_SKIP_SUCCESS;
}

/// Puts a buffer at the place `tail` of the ring of buffers, from which the kernel takes it once that is published.
static inline void martlet_ring_add_buffer(const struct martlet_ring *ring, uint16_t tail, uint16_t number) {
  struct io_uring_buf *entry = (struct io_uring_buf *)ring->buffer_ring + (tail & (ring->buffer_count - 1));
  entry->addr = (uint64_t)(uintptr_t)(ring->buffers + (size_t)number * ring->buffer_size);
  entry->len = ring->buffer_size;
  entry->bid = number;
}

/// Lets the kernel take the buffers before `tail`.
static inline void martlet_ring_publish_buffers(const struct martlet_ring *ring, uint16_t tail) {
  __atomic_store_n(&((struct io_uring_buf_ring *)ring->buffer_ring)->tail, tail, __ATOMIC_RELEASE);
}

#else

// No ring is ever opened, so none of these is ever called.
static inline int martlet_ring_has_overflow(const struct martlet_ring *ring) { return (void)ring, 0; }
static inline struct martlet_completion martlet_ring_completion(const struct martlet_ring *ring, uint32_t index) {
  struct martlet_completion none = {0, 0, 0};
  return (void)ring, (void)index, none;
}
static inline void martlet_ring_accept(const struct martlet_ring *r, uint32_t i, int d, uint64_t t) {}
static inline void martlet_ring_receive(const struct martlet_ring *r, uint32_t i, int d, uint64_t t) {}
static inline void martlet_ring_send(const struct martlet_ring *r, uint32_t i, int d, const void *b, uint32_t l, int w,
                                     uint64_t t) {}
static inline void martlet_ring_send_message(const struct martlet_ring *r, uint32_t i, int d,
                                             const struct martlet_message *m, uint64_t t) {}
static inline void martlet_ring_read_word(const struct martlet_ring *r, uint32_t i, int d, uint64_t *w, uint64_t t) {}
static inline void martlet_ring_cancel(const struct martlet_ring *r, uint32_t i, uint64_t c, uint64_t t) {}
static inline void martlet_ring_cancel_all(const struct martlet_ring *r, uint32_t i, int d, uint64_t t) {}
static inline void martlet_ring_timeout(const struct martlet_ring *r, uint32_t i, const int64_t *time, uint64_t t) {}
static inline void martlet_ring_change_timeout(const struct martlet_ring *r, uint32_t i, uint64_t c, const int64_t *time,
                                               uint64_t t) {}
static inline void martlet_ring_add_buffer(const struct martlet_ring *r, uint16_t t, uint16_t n) {}
static inline void martlet_ring_publish_buffers(const struct martlet_ring *r, uint16_t t) {}

#endif

/// A descriptor that is readable when it has been rung. Negative: the negated `errno`.
int martlet_bell_make(void);
void martlet_bell_ring(int descriptor);

#endif
#endif
