// Memory from the system, without malloc in between, so that what is taken and what is given back is known exactly.
#if defined(__linux__)
#define _GNU_SOURCE
#endif
#include "CMartlet.h"

#if defined(__GLIBC__)
#include <malloc.h>
#endif
#include <sys/mman.h>
#include <unistd.h>

#ifndef MAP_ANONYMOUS
#define MAP_ANONYMOUS MAP_ANON
#endif

size_t martlet_page_size(void) { return (size_t)sysconf(_SC_PAGESIZE); }

void *martlet_map(size_t size, size_t alignment) {
  // Too much is taken, and what lies beside the aligned part is given back.
  size_t taken = size + alignment;
  char *start = mmap(NULL, taken, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) return NULL;
  char *aligned = (char *)(((uintptr_t)start + alignment - 1) & ~(uintptr_t)(alignment - 1));
  if (aligned > start) munmap(start, (size_t)(aligned - start));
  char *end = start + taken;
  if (end > aligned + size) munmap(aligned + size, (size_t)(end - (aligned + size)));
#if defined(MADV_NOHUGEPAGE)
  // A huge page would make memory resident that nobody has touched.
  madvise(aligned, size, MADV_NOHUGEPAGE);
#endif
  return aligned;
}

void martlet_unmap(void *start, size_t size) { munmap(start, size); }

void *martlet_remap(void *start, size_t size, size_t new_size) {
#if defined(__linux__)
  void *moved = mremap(start, size, new_size, MREMAP_MAYMOVE);
  return moved == MAP_FAILED ? NULL : moved;
#else
  (void)start, (void)size, (void)new_size;
  return NULL;
#endif
}

void martlet_release(void *start, size_t size) {
#if defined(__linux__)
  madvise(start, size, MADV_DONTNEED);
#else
  madvise(start, size, MADV_FREE);
#endif
}

void martlet_return_freed_memory(void) {
#if defined(__GLIBC__)
  // Set by hand, these don't grow by themselves any more (mallopt(3)).
  mallopt(M_MMAP_THRESHOLD, 256 << 10);
  mallopt(M_TRIM_THRESHOLD, 512 << 10);
  // Small blocks join what is free around them when they are freed and not later, when nobody looks at what that makes.
  mallopt(M_MXFAST, 0);
#endif
}

void martlet_trim_memory(void) {
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
}
