// io_uring's set-up and its system calls.
#define _GNU_SOURCE
#include "CMartlet.h"

#if defined(__linux__)

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(IORING_SETUP_DEFER_TASKRUN)

static void *map(size_t size, int descriptor, off_t offset) {
  int flags = descriptor < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED | MAP_POPULATE;
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, descriptor, offset);
  return memory == MAP_FAILED ? NULL : memory;
}

static size_t buffer_ring_size(const struct martlet_ring *ring) { return ring->buffer_count * sizeof(struct io_uring_buf); }

static size_t buffers_size(const struct martlet_ring *ring) { return (size_t)ring->buffer_count * ring->buffer_size; }

static int failed(struct martlet_ring *ring) {
  int code = errno == 0 ? ENOMEM : errno;
  martlet_ring_close(ring);
  return -code;
}

int martlet_ring_open(struct martlet_ring *ring, uint32_t submissions, uint32_t completions, uint32_t buffer_count,
                      uint32_t buffer_size) {
  memset(ring, 0, sizeof *ring);
  // One thread uses the ring, and the kernel works for it only while that thread waits in it. It is started by that
  // thread, and made by another, which can still do without it.
  struct io_uring_params parameters = {
      .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE |
               IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL,
      .cq_entries = completions,
  };
  ring->descriptor = (int)syscall(SYS_io_uring_setup, submissions, &parameters);
  if (ring->descriptor < 0) return -errno;
  uint32_t needed = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE | IORING_FEAT_CQE_SKIP;
  if ((parameters.features & needed) != needed) {
    errno = ENOSYS;
    return failed(ring);
  }
  size_t submissions_end = parameters.sq_off.array + parameters.sq_entries * sizeof(uint32_t);
  size_t completions_end = parameters.cq_off.cqes + parameters.cq_entries * sizeof(struct io_uring_cqe);
  ring->mapping_size = submissions_end > completions_end ? submissions_end : completions_end;
  ring->submissions_size = parameters.sq_entries * sizeof(struct io_uring_sqe);
  char *start = ring->mapping = map(ring->mapping_size, ring->descriptor, IORING_OFF_SQ_RING);
  ring->submissions = map(ring->submissions_size, ring->descriptor, IORING_OFF_SQES);
  if (!ring->mapping || !ring->submissions) return failed(ring);
  ring->submission_mask = parameters.sq_entries - 1;
  ring->submission_count = parameters.sq_entries;
  ring->submission_head = (uint32_t *)(start + parameters.sq_off.head);
  ring->submission_tail = (uint32_t *)(start + parameters.sq_off.tail);
  ring->submission_flags = (uint32_t *)(start + parameters.sq_off.flags);
  ring->completion_mask = parameters.cq_entries - 1;
  ring->completion_head = (uint32_t *)(start + parameters.cq_off.head);
  ring->completion_tail = (uint32_t *)(start + parameters.cq_off.tail);
  ring->completions = start + parameters.cq_off.cqes;
  uint32_t *order = (uint32_t *)(start + parameters.sq_off.array);
  for (uint32_t i = 0; i < parameters.sq_entries; i++) order[i] = i;

  ring->buffer_count = buffer_count;
  ring->buffer_size = buffer_size;
  ring->buffer_ring = map(buffer_ring_size(ring), -1, 0);
  ring->buffers = map(buffers_size(ring), -1, 0);
  if (!ring->buffer_ring || !ring->buffers) return failed(ring);
  struct io_uring_buf_reg registration = {.ring_addr = (uint64_t)(uintptr_t)ring->buffer_ring,
                                          .ring_entries = buffer_count};
  if (syscall(SYS_io_uring_register, ring->descriptor, IORING_REGISTER_PBUF_RING, &registration, 1) < 0) return failed(ring);
  return 0;
}

int martlet_ring_start(const struct martlet_ring *ring) {
  return syscall(SYS_io_uring_register, ring->descriptor, IORING_REGISTER_ENABLE_RINGS, NULL, 0) < 0 ? -errno : 0;
}

void martlet_ring_close(struct martlet_ring *ring) {
  if (ring->descriptor >= 0) close(ring->descriptor);
  ring->descriptor = -1;
  if (ring->mapping) munmap(ring->mapping, ring->mapping_size);
  if (ring->submissions) munmap(ring->submissions, ring->submissions_size);
  if (ring->buffer_ring) munmap(ring->buffer_ring, buffer_ring_size(ring));
  if (ring->buffers) munmap(ring->buffers, buffers_size(ring));
  ring->mapping = ring->submissions = ring->buffer_ring = NULL;
  ring->buffers = NULL;
}

int martlet_ring_enter(const struct martlet_ring *ring, uint32_t count, int waits) {
  // Completions that wait in the kernel come out, and receives are done, only when they are asked for.
  int taken = (int)syscall(SYS_io_uring_enter, ring->descriptor, count, waits ? 1 : 0, IORING_ENTER_GETEVENTS, NULL, 0);
  return taken < 0 ? -errno : taken;
}

#else

int martlet_ring_open(struct martlet_ring *ring, uint32_t submissions, uint32_t completions, uint32_t buffer_count,
                      uint32_t buffer_size) {
  return -ENOSYS;
}
int martlet_ring_start(const struct martlet_ring *ring) { return -ENOSYS; }
void martlet_ring_close(struct martlet_ring *ring) {}
int martlet_ring_enter(const struct martlet_ring *ring, uint32_t count, int waits) { return -ENOSYS; }

#endif

int martlet_bell_make(void) {
  int descriptor = eventfd(0, EFD_CLOEXEC);
  return descriptor < 0 ? -errno : descriptor;
}

void martlet_bell_ring(int descriptor) {
  uint64_t one = 1;
  // It fails only when the count would pass 2^64, and then the bell has long been rung.
  ssize_t written = write(descriptor, &one, sizeof one);
  (void)written;
}

#endif
