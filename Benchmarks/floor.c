// The floor: the least that a server can cost which takes requests from TCP connections and sends replies. One thread,
// one io_uring; it counts the requests in what it receives and sends as many copies of one fixed reply. It understands
// nothing, checks nothing and stores nothing: what a real server needs beyond this is that server's own.
//
//   cc -O2 -o floor floor.c && ./floor PORT memcached|redis VALUE_BYTES
//
// It talks to the kernel without a library. Sources: io_uring_setup(2), io_uring_enter(2), io_uring_register(2),
// io_uring_multishot(7). Needs Linux 6.1.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
  SUBMISSIONS = 1024,
  COMPLETIONS = 8192,
  BUFFERS = 1024, // a power of two
  BUFFER_BYTES = 16384,
  // The shortest request is "get a\r\n": no buffer holds more of them.
  REPLIES = BUFFER_BYTES / 7 + 1,
  MAXIMUM_VALUE = 16384,
};

// What an entry was for is its user_data: one of these, or the descriptor of the connection that it receives from.
enum { ACCEPT = -1, SEND = -2 };

static int ring;
static uint32_t *submission_tail, submitted, next;
static uint32_t *completion_head, *completion_tail, completion_mask;
static struct io_uring_sqe *submissions;
static struct io_uring_cqe *completions;

static struct io_uring_buf_ring *free_buffers;
static char *buffers;

static char *replies; // the same one, REPLIES times
static unsigned reply_bytes;
static char mark; // the byte that each request has once

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void *map(size_t bytes, int descriptor, off_t offset) {
  int flags = descriptor < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED | MAP_POPULATE;
  void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, descriptor, offset);
  if (memory == MAP_FAILED) fail("mmap");
  return memory;
}

static void give_back(uint16_t number) {
  uint16_t tail = free_buffers->tail;
  struct io_uring_buf *place = &free_buffers->bufs[tail & (BUFFERS - 1)];
  place->addr = (uintptr_t)(buffers + (size_t)number * BUFFER_BYTES);
  place->len = BUFFER_BYTES;
  place->bid = number;
  __atomic_store_n(&free_buffers->tail, tail + 1, __ATOMIC_RELEASE);
}

static void open_ring(void) {
  struct io_uring_params about = {
      .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
      .cq_entries = COMPLETIONS,
  };
  ring = (int)syscall(SYS_io_uring_setup, SUBMISSIONS, &about);
  if (ring < 0) fail("io_uring_setup");
  size_t end_of_order = about.sq_off.array + about.sq_entries * sizeof(uint32_t);
  size_t end_of_completions = about.cq_off.cqes + about.cq_entries * sizeof(struct io_uring_cqe);
  char *rings = map(end_of_order > end_of_completions ? end_of_order : end_of_completions, ring, IORING_OFF_SQ_RING);
  submissions = map(about.sq_entries * sizeof(struct io_uring_sqe), ring, IORING_OFF_SQES);
  submission_tail = (uint32_t *)(rings + about.sq_off.tail);
  uint32_t *order = (uint32_t *)(rings + about.sq_off.array);
  for (uint32_t i = 0; i < about.sq_entries; i++) order[i] = i;
  completion_head = (uint32_t *)(rings + about.cq_off.head);
  completion_tail = (uint32_t *)(rings + about.cq_off.tail);
  completion_mask = about.cq_entries - 1;
  completions = (struct io_uring_cqe *)(rings + about.cq_off.cqes);

  buffers = map((size_t)BUFFERS * BUFFER_BYTES, -1, 0);
  free_buffers = map(BUFFERS * sizeof(struct io_uring_buf), -1, 0);
  struct io_uring_buf_reg registration = {.ring_addr = (uintptr_t)free_buffers, .ring_entries = BUFFERS};
  if (syscall(SYS_io_uring_register, ring, IORING_REGISTER_PBUF_RING, &registration, 1) < 0) fail("io_uring_register");
  for (int number = 0; number < BUFFERS; number++) give_back((uint16_t)number);
}

// Submits what was put, and sleeps until something is complete if that is wanted.
static void enter(int waits) {
  __atomic_store_n(submission_tail, next, __ATOMIC_RELEASE);
  long taken = syscall(SYS_io_uring_enter, ring, next - submitted, waits, IORING_ENTER_GETEVENTS, NULL, 0);
  if (taken < 0) fail("io_uring_enter");
  submitted += (uint32_t)taken;
}

static void put(struct io_uring_sqe entry) {
  while (next - submitted == SUBMISSIONS) enter(0);
  submissions[next++ % SUBMISSIONS] = entry;
}

static void receive(int connection) {
  put((struct io_uring_sqe){.opcode = IORING_OP_RECV,
                            .fd = connection,
                            .ioprio = IORING_RECV_MULTISHOT,
                            .flags = IOSQE_BUFFER_SELECT,
                            .user_data = (uint64_t)connection});
}

static void send_bytes(int connection, const char *bytes, unsigned count) {
  put((struct io_uring_sqe){.opcode = IORING_OP_SEND,
                            .fd = connection,
                            .addr = (uintptr_t)bytes,
                            .len = count,
                            .msg_flags = MSG_WAITALL | MSG_NOSIGNAL,
                            .flags = IOSQE_CQE_SKIP_SUCCESS,
                            .user_data = (uint64_t)SEND});
}

// Answers what a buffer has received. A client may first ask memcached's protocol for its version.
static void answer(int connection, const char *bytes, int count) {
  static const char version[] = "VERSION floor\r\n";
  if (bytes[0] == 'v') return send_bytes(connection, version, sizeof version - 1);
  unsigned requests = 0;
  for (const char *at = bytes, *end = bytes + count; (at = memchr(at, mark, (size_t)(end - at))); at++) requests++;
  if (requests > REPLIES) requests = REPLIES;
  if (requests > 0) send_bytes(connection, replies, requests * reply_bytes);
}

static void make_replies(int is_redis, int value_bytes) {
  static char one[MAXIMUM_VALUE + 100];
  int start = is_redis ? sprintf(one, "$%d\r\n", value_bytes) : sprintf(one, "VALUE key:000000000000 0 %d\r\n", value_bytes);
  memset(one + start, 'x', (size_t)value_bytes);
  strcpy(one + start + value_bytes, is_redis ? "\r\n" : "\r\nEND\r\n");
  reply_bytes = (unsigned)strlen(one);
  replies = malloc((size_t)REPLIES * reply_bytes);
  if (!replies) fail("malloc");
  for (int i = 0; i < REPLIES; i++) memcpy(replies + (size_t)i * reply_bytes, one, reply_bytes);
  // A request is an array that begins with `*`, or a line.
  mark = is_redis ? '*' : '\n';
}

static int listen_on(int port) {
  int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  // Connections inherit it.
  setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0) fail("bind");
  if (listen(listener, 1024) < 0) fail("listen");
  return listener;
}

int main(int count, char **arguments) {
  int value_bytes = count == 4 ? atoi(arguments[3]) : -1;
  if (value_bytes < 0 || value_bytes > MAXIMUM_VALUE) {
    fprintf(stderr, "usage: floor PORT memcached|redis VALUE_BYTES (at most %d)\n", MAXIMUM_VALUE);
    return 64;
  }
  make_replies(strcmp(arguments[2], "redis") == 0, value_bytes);
  int listener = listen_on(atoi(arguments[1]));
  open_ring();
  put((struct io_uring_sqe){.opcode = IORING_OP_ACCEPT,
                            .fd = listener,
                            .ioprio = IORING_ACCEPT_MULTISHOT,
                            .user_data = (uint64_t)ACCEPT});
  for (;;) {
    enter(1);
    uint32_t head = *completion_head, tail = __atomic_load_n(completion_tail, __ATOMIC_ACQUIRE);
    for (; head != tail; head++) {
      struct io_uring_cqe *done = &completions[head & completion_mask];
      int owner = (int)done->user_data;
      if (owner == SEND) continue; // It failed; the receive will tell.
      if (owner == ACCEPT) {
        if (done->res < 0) fail("accept");
        receive(done->res);
        continue;
      }
      if (done->flags & IORING_CQE_F_BUFFER) {
        uint16_t number = (uint16_t)(done->flags >> IORING_CQE_BUFFER_SHIFT);
        answer(owner, buffers + (size_t)number * BUFFER_BYTES, done->res);
        give_back(number);
      }
      if (done->flags & IORING_CQE_F_MORE) continue;
      if (done->res > 0 || done->res == -ENOBUFS) receive(owner);
      else close(owner);
    }
    __atomic_store_n(completion_head, head, __ATOMIC_RELEASE);
  }
}
