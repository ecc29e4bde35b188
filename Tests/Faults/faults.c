// Lets calls on the files of one folder fail, take long, or run out of room, as a disk would, and remembers what was
// synced. For Linux: the tests compile it and preload it into a server (ld.so(8), LD_PRELOAD), which needs to know
// nothing of it.
//
//     FAULTS_FOLDER   the folder, an absolute path without symbolic links; files anywhere below it are concerned
//     FAULTS_CONTROL  a file that holds `struct control`; it is mapped, so that a test can change it at any time
//
// Tests/Clients/faults.py writes that file and has to agree with the layout.

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

// What a rule is for. WRITE is `write`, `writev`, `pwrite`; SYNC is `fsync` and `fdatasync`.
enum call { WRITE, SYNC, TRUNCATE, RENAME, OPEN, CALLS };

struct rule {
  // The error number that calls fail with; 0 for none.
  int64_t error;
  // How much still succeeds before that: bytes of WRITE (the last write may be short), calls of the others.
  int64_t after;
  // How many calls fail, and then no more; below 0, all.
  int64_t times;
  // Microseconds that a call takes at least. It is read again while calls wait, so that they can be let go.
  int64_t delay;
  // How many calls there have been, the waiting ones too, and how many of them failed.
  int64_t count;
  int64_t failed;
};

// How long a file was when a sync of it began that succeeded: what a loss of power may not take.
struct synced {
  int64_t inode;
  int64_t size;
};

// How many files are remembered; a new one takes the place of the oldest.
#define SYNCED 64

struct control {
  // How many processes have loaded this library.
  int64_t attached;
  // How many bytes the files directly in the folder may hold together; below 0, no limit. As on a full disk, a write
  // that would need more is short, and fails with ENOSPC if not a byte fits.
  int64_t capacity;
  // How many files have been put into `synced`.
  int64_t remembered;
  struct rule rules[CALLS];
  struct synced synced[SYNCED];
};

static struct control *control;
static const char *folder;
static size_t folder_length;
// Guards the decisions, not the calls.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define READ(field) __atomic_load_n(&(field), __ATOMIC_SEQ_CST)
#define WRITE_TO(field, value) __atomic_store_n(&(field), (value), __ATOMIC_SEQ_CST)
#define ADD(field, value) __atomic_fetch_add(&(field), (value), __ATOMIC_SEQ_CST)

__attribute__((constructor)) static void attach(void) {
  const char *path = getenv("FAULTS_CONTROL");
  const char *where = getenv("FAULTS_FOLDER");
  if (!path || !where) return;
  int file = NEXT(open)(path, O_RDWR | O_CLOEXEC);
  void *mapped =
      file < 0 ? MAP_FAILED : mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) {
    fprintf(stderr, "faults: can't map %s: %s\n", path, strerror(errno));
    abort();
  }
  close(file);
  folder = where;
  folder_length = strlen(where);
  control = mapped;
  ADD(control->attached, 1);
}

static int is_below_folder(const char *path) {
  return strncmp(path, folder, folder_length) == 0 && path[folder_length] == '/';
}

static int concerns_path(const char *path) {
  char whole[2 * PATH_MAX];
  if (!control) return 0;
  if (path[0] == '/') return is_below_folder(path);
  if (!getcwd(whole, PATH_MAX)) return 0;
  size_t length = strlen(whole);
  snprintf(whole + length, sizeof whole - length, "/%s", path);
  return is_below_folder(whole);
}

// Whether the descriptor is a file or folder at or below the folder, by the name that the system has for it.
static int concerns(int descriptor) {
  char link[64], path[PATH_MAX];
  if (!control) return 0;
  int before = errno;
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, sizeof path - 1);
  errno = before;
  if (length < 0) return 0;
  path[length] = 0;
  return is_below_folder(path) || strcmp(path, folder) == 0;
}

static int64_t microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

// Counts the call and waits for as long as its rule says.
static void begin(enum call call) {
  struct rule *rule = &control->rules[call];
  int64_t start = microseconds();
  ADD(rule->count, 1);
  for (;;) {
    int64_t left = READ(rule->delay) - (microseconds() - start);
    if (left <= 0) return;
    if (left > 1000) left = 1000;
    struct timespec pause = {0, left * 1000};
    nanosleep(&pause, NULL);
  }
}

// Notes that a call fails. To be called under the lock.
static void note_failure(struct rule *rule) {
  ADD(rule->failed, 1);
  int64_t times = READ(rule->times);
  if (times > 0) WRITE_TO(rule->times, times - 1);
  if (times == 1) WRITE_TO(rule->error, 0);
}

// The error that a call has to fail with; 0 if it may be made. For all but WRITE.
static int failure(enum call call) {
  struct rule *rule = &control->rules[call];
  pthread_mutex_lock(&lock);
  int error = (int)READ(rule->error);
  int64_t after = READ(rule->after);
  if (error && after > 0) {
    WRITE_TO(rule->after, after - 1);
    error = 0;
  } else if (error) {
    note_failure(rule);
  }
  pthread_mutex_unlock(&lock);
  return error;
}

// What the files in the folder hold together.
static int64_t used(void) {
  int64_t sum = 0;
  DIR *entries = opendir(folder);
  if (!entries) return 0;
  struct dirent *entry;
  struct stat status;
  while ((entry = readdir(entries)))
    if (fstatat(dirfd(entries), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode))
      sum += status.st_size;
  closedir(entries);
  return sum;
}

// How many of `count` bytes may be written at `offset`; below 0, the error.
static int64_t allowed(int descriptor, int64_t count, int64_t offset) {
  struct rule *rule = &control->rules[WRITE];
  int64_t result = count;
  int error = (int)READ(rule->error);
  if (error && count > 0) {
    int64_t after = READ(rule->after);
    if (result > after) result = after > 0 ? after : -error;
    if (result > 0) WRITE_TO(rule->after, after - result);
  }
  int64_t capacity = READ(control->capacity);
  struct stat status;
  if (result > 0 && capacity >= 0 && fstat(descriptor, &status) == 0) {
    int64_t room = capacity - used();
    // What is written over needs no room.
    int64_t fits = (status.st_size > offset ? status.st_size - offset : 0) + (room > 0 ? room : 0);
    if (offset > status.st_size) fits = room > offset - status.st_size ? room - (offset - status.st_size) : 0;
    if (result > fits) result = fits > 0 ? fits : -ENOSPC;
  }
  if (result < 0) note_failure(rule);
  return result;
}

// Writes what may be written. The lock is held meanwhile, so that the next one sees how much room is left.
static ssize_t limited_write(int descriptor, const void *bytes, size_t count, off_t offset, int is_positioned) {
  begin(WRITE);
  pthread_mutex_lock(&lock);
  int64_t at = is_positioned ? offset : lseek(descriptor, 0, SEEK_CUR);
  ssize_t result = allowed(descriptor, (int64_t)count, at);
  int error = result < 0 ? (int)-result : 0;
  if (!error) {
    result = is_positioned ? NEXT(pwrite)(descriptor, bytes, (size_t)result, offset)
                           : NEXT(write)(descriptor, bytes, (size_t)result);
    if (result < 0) error = errno;
  }
  pthread_mutex_unlock(&lock);
  if (!error) return result;
  errno = error;
  return -1;
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
  if (!concerns(descriptor)) return NEXT(write)(descriptor, bytes, count);
  return limited_write(descriptor, bytes, count, 0, 0);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
  if (!concerns(descriptor)) return NEXT(pwrite)(descriptor, bytes, count, offset);
  return limited_write(descriptor, bytes, count, offset, 1);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t offset) {
  return pwrite(descriptor, bytes, count, (off_t)offset);
}

// A short write of the first part is as good as any.
ssize_t writev(int descriptor, const struct iovec *parts, int count) {
  if (count < 1 || !concerns(descriptor)) return NEXT(writev)(descriptor, parts, count);
  return limited_write(descriptor, parts[0].iov_base, parts[0].iov_len, 0, 0);
}

static int fails(enum call call) {
  begin(call);
  int error = failure(call);
  if (error) errno = error;
  return error;
}

static void remember(const struct stat *status) {
  pthread_mutex_lock(&lock);
  int64_t count = READ(control->remembered);
  int64_t place = 0;
  while (place < count && place < SYNCED && READ(control->synced[place].inode) != (int64_t)status->st_ino)
    place++;
  if (place == count || place == SYNCED) {
    place = count % SYNCED;
    WRITE_TO(control->remembered, count + 1);
  }
  WRITE_TO(control->synced[place].size, status->st_size);
  WRITE_TO(control->synced[place].inode, (int64_t)status->st_ino);
  pthread_mutex_unlock(&lock);
}

static int limited_sync(int descriptor, int (*sync)(int)) {
  struct stat status;
  int is_known = fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  if (fails(SYNC)) return -1;
  int result = sync(descriptor);
  if (result == 0 && is_known) remember(&status);
  return result;
}

int fsync(int descriptor) {
  return concerns(descriptor) ? limited_sync(descriptor, NEXT(fsync)) : NEXT(fsync)(descriptor);
}

int fdatasync(int descriptor) {
  return concerns(descriptor) ? limited_sync(descriptor, NEXT(fdatasync)) : NEXT(fdatasync)(descriptor);
}

int ftruncate(int descriptor, off_t size) {
  return concerns(descriptor) && fails(TRUNCATE) ? -1 : NEXT(ftruncate)(descriptor, size);
}

int ftruncate64(int descriptor, off64_t size) { return ftruncate(descriptor, (off_t)size); }

int rename(const char *from, const char *to) {
  return (concerns_path(from) || concerns_path(to)) && fails(RENAME) ? -1 : NEXT(rename)(from, to);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
  int concerned = concerns_path(from) || concerns_path(to);
  return concerned && fails(RENAME) ? -1 : NEXT(renameat)(from_folder, from, to_folder, to);
}

// The mode follows only where a file may be made.
#define MODE(flags)                                        \
  mode_t mode = 0;                                         \
  if ((flags) & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) {  \
    va_list arguments;                                     \
    va_start(arguments, flags);                            \
    mode = va_arg(arguments, mode_t);                      \
    va_end(arguments);                                     \
  }

int open(const char *path, int flags, ...) {
  MODE(flags)
  return concerns_path(path) && fails(OPEN) ? -1 : NEXT(open)(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  MODE(flags)
  return concerns_path(path) && fails(OPEN) ? -1 : NEXT(open64)(path, flags, mode);
}

int openat(int at, const char *path, int flags, ...) {
  MODE(flags)
  return concerns_path(path) && fails(OPEN) ? -1 : NEXT(openat)(at, path, flags, mode);
}

int openat64(int at, const char *path, int flags, ...) {
  MODE(flags)
  return concerns_path(path) && fails(OPEN) ? -1 : NEXT(openat64)(at, path, flags, mode);
}
