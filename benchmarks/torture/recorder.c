/* Writes down, in order, everything a process does to the files below $RECORD_ROOT, for power.py to replay up to a cut.

   Built and preloaded by power.py: cc -shared -fPIC -o recorder.so recorder.c -ldl
   A record: op, inode, offset, two lengths, then that many bytes (names, or what was written). Data goes by inode, so a
   rename does not lose it. Not seen: memory-mapped writes, copy_file_range, io_uring; neither SQLite with a rollback
   journal nor our log uses them. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static char root[4096];
static size_t root_length;
static int record_to = -1;

__attribute__((constructor)) static void begin(void) {
  const char *under = getenv("RECORD_ROOT"), *into = getenv("RECORD_TO");
  if (!under || !into) return;
  root_length = (size_t)snprintf(root, sizeof root, "%s/", under);
  record_to = (int)syscall(SYS_openat, AT_FDCWD, into, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void record(char op, uint64_t inode, int64_t offset, const void *one, size_t n, const void *two, size_t m) {
  char head[25];
  uint32_t first = (uint32_t)n, second = (uint32_t)m;
  head[0] = op;
  memcpy(head + 1, &inode, 8);
  memcpy(head + 9, &offset, 8);
  memcpy(head + 17, &first, 4);
  memcpy(head + 21, &second, 4);
  struct iovec parts[3] = {{head, 25}, {(void *)one, n}, {(void *)two, m}};
  int kept = errno;
  syscall(SYS_writev, record_to, parts, 3);
  errno = kept;
}

/* The absolute name, with the folder's links resolved, when it lies below the root. */
static int ours(int folder, const char *path, char *out) {
  if (record_to < 0 || !path) return 0;
  char whole[4096], held[64];
  if (path[0] == '/') snprintf(whole, sizeof whole, "%s", path);
  else if (folder == AT_FDCWD) { if (!getcwd(whole, sizeof whole)) return 0; strncat(whole, "/", 2); strncat(whole, path, sizeof whole - strlen(whole) - 1); }
  else {
    snprintf(held, sizeof held, "/proc/self/fd/%d", folder);
    ssize_t n = readlink(held, whole, sizeof whole - 1);
    if (n < 0) return 0;
    whole[n] = 0; strncat(whole, "/", 2); strncat(whole, path, sizeof whole - strlen(whole) - 1);
  }
  strcpy(out, whole);
  return strncmp(out, root, root_length) == 0;
}

static int ours_open(int fd, char *out, struct stat *what) {
  if (record_to < 0 || fstat(fd, what)) return 0;
  if (!S_ISREG(what->st_mode) && !S_ISDIR(what->st_mode)) return 0;
  char held[64];
  snprintf(held, sizeof held, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(held, out, 4095);
  if (n < 0) return 0;
  out[n] = 0;
  return strncmp(out, root, root_length) == 0 || (strncmp(out, root, root_length - 1) == 0 && (size_t)n == root_length - 1);
}

#define REAL(type, name, ...) static type (*real)(__VA_ARGS__); if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)
#define LOCK pthread_mutex_lock(&turn)
#define UNLOCK pthread_mutex_unlock(&turn)

static int opened(int folder, const char *path, int flags, mode_t mode) {
  char name[8192];
  struct stat before, after;
  if (!(flags & (O_CREAT | O_TRUNC)) || !ours(folder, path, name)) return (int)syscall(SYS_openat, folder, path, flags, mode);
  LOCK;
  int there = stat(name, &before) == 0;
  int fd = (int)syscall(SYS_openat, folder, path, flags, mode);
  if (fd >= 0 && fstat(fd, &after) == 0) {
    if (!there) record('C', after.st_ino, 0, name, strlen(name), "", 0);
    else if ((flags & O_TRUNC) && before.st_size) record('T', after.st_ino, 0, "", 0, "", 0);
  }
  UNLOCK;
  return fd;
}

#define MODE mode_t mode = 0; if (flags & (O_CREAT | __O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); }
int open(const char *path, int flags, ...) { MODE return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE return opened(AT_FDCWD, path, flags | O_LARGEFILE, mode); }
int openat(int folder, const char *path, int flags, ...) { MODE return opened(folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) { MODE return opened(folder, path, flags | O_LARGEFILE, mode); }

static ssize_t wrote(int fd, const void *what, size_t n, int64_t at) {
  char name[8192];
  struct stat file;
  if (record_to < 0 || !ours_open(fd, name, &file))
    return at < 0 ? syscall(SYS_write, fd, what, n) : syscall(SYS_pwrite64, fd, what, n, at);
  LOCK;
  int64_t from = at;
  if (at < 0) {
    fstat(fd, &file);
    from = (fcntl(fd, F_GETFL) & O_APPEND) ? file.st_size : lseek(fd, 0, SEEK_CUR);
  }
  ssize_t done = at < 0 ? syscall(SYS_write, fd, what, n) : syscall(SYS_pwrite64, fd, what, n, at);
  if (done > 0) record('W', file.st_ino, from, what, (size_t)done, "", 0);
  UNLOCK;
  return done;
}
ssize_t write(int fd, const void *what, size_t n) { return wrote(fd, what, n, -1); }
ssize_t pwrite(int fd, const void *what, size_t n, off_t at) { return wrote(fd, what, n, at); }
ssize_t pwrite64(int fd, const void *what, size_t n, off64_t at) { return wrote(fd, what, n, at); }
ssize_t writev(int fd, const struct iovec *parts, int count) {
  ssize_t all = 0;
  char name[8192];
  struct stat file;
  if (record_to < 0 || !ours_open(fd, name, &file)) return syscall(SYS_writev, fd, parts, count);
  for (int i = 0; i < count; i++) {
    ssize_t done = wrote(fd, parts[i].iov_base, parts[i].iov_len, -1);
    if (done < 0) return all ? all : done;
    all += done;
  }
  return all;
}

static int truncated(int fd, int64_t size) {
  char name[8192];
  struct stat file;
  LOCK;
  int done = (int)syscall(SYS_ftruncate, fd, size);
  if (!done && ours_open(fd, name, &file)) record('T', file.st_ino, size, "", 0, "", 0);
  UNLOCK;
  return done;
}
int ftruncate(int fd, off_t size) { return truncated(fd, size); }
int ftruncate64(int fd, off64_t size) { return truncated(fd, size); }

static int synced(int fd, long call) {
  char name[8192];
  struct stat file;
  LOCK;
  int done = (int)syscall(call, fd);
  if (!done && ours_open(fd, name, &file)) {
    if (S_ISDIR(file.st_mode)) record('D', 0, 0, name, strlen(name), "", 0);
    else record('S', file.st_ino, 0, "", 0, "", 0);
  }
  UNLOCK;
  return done;
}
int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

static int unlinked(int folder, const char *path, int flags) {
  char name[8192];
  int mine = ours(folder, path, name);
  LOCK;
  int done = (int)syscall(SYS_unlinkat, folder, path, flags);
  if (!done && mine) record('U', 0, 0, name, strlen(name), "", 0);
  UNLOCK;
  return done;
}
int unlink(const char *path) { return unlinked(AT_FDCWD, path, 0); }
int unlinkat(int folder, const char *path, int flags) { return unlinked(folder, path, flags); }
int rmdir(const char *path) { return unlinked(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char *path) { int done = unlinked(AT_FDCWD, path, 0); return done && errno == EISDIR ? rmdir(path) : done; }

static int renamed(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
  char one[8192], two[8192];
  int mine = ours(from_folder, from, one) & ours(to_folder, to, two);
  LOCK;
  int done = (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
  if (!done && mine) record('R', 0, 0, one, strlen(one), two, strlen(two));
  UNLOCK;
  return done;
}
int rename(const char *from, const char *to) { return renamed(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int a, const char *from, int b, const char *to) { return renamed(a, from, b, to, 0); }
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) { return renamed(a, from, b, to, flags); }

static int made(int folder, const char *path, mode_t mode) {
  char name[8192];
  int mine = ours(folder, path, name);
  LOCK;
  int done = (int)syscall(SYS_mkdirat, folder, path, mode);
  if (!done && mine) record('M', 0, 0, name, strlen(name), "", 0);
  UNLOCK;
  return done;
}
int mkdir(const char *path, mode_t mode) { return made(AT_FDCWD, path, mode); }
int mkdirat(int folder, const char *path, mode_t mode) { return made(folder, path, mode); }
