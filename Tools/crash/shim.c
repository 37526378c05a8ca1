// Loaded before the C library (LD_PRELOAD) by Tools/crash/run: sees every call by which a program changes files below one
// folder, writes it down, and fails calls on demand. What the program does to the folder is thereby known in full, with
// the order of all its threads, so that the folder after a crash of the machine can be made for any moment of the run.
//
// OXBOW_CRASH_ROOT    the folder; calls elsewhere are let through
// OXBOW_CRASH_RECORD  file that takes the record of calls (see the `record` function); none: nothing is recorded
// OXBOW_CRASH_FAULT   KIND:N, the Nth call that changes something fails:
//                     enospc, eio   the call does nothing and says so
//                     short         a write takes half of its bytes, and says so: the caller has to go on
//                     torn          a write takes half of its bytes, and says EIO
//                     full          this and every later call that takes room says ENOSPC
// OXBOW_CRASH_COUNT   file that takes the number of calls that could have failed, at exit
//
// One lock is held over each call and its record: the order of the record is the order of the calls. Standard output is
// recorded too: what the program acknowledged has its place in the order.
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
#include <sys/uio.h>
#include <unistd.h>

enum { OPEN = 1, CLOSE, WRITE, TRUNCATE, SYNC, RENAME, UNLINK, MKDIR, LINK, MARK, RMDIR };
enum { NO_FAULT, FAULT_ENOSPC, FAULT_EIO, FAULT_SHORT, FAULT_TORN, FAULT_FULL };
enum { DESCRIPTORS_MAX = 4096 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[4096];
static size_t root_length;
static int record_descriptor = -1;
static int fault_kind = NO_FAULT;
static long fault_at = -1, calls;
// Descriptors of files and folders below the root.
static unsigned char is_watched[DESCRIPTORS_MAX];

static int (*real_openat)(int, const char *, int, ...);
static int (*real_close)(int);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_pwritev)(int, const struct iovec *, int, off_t);
static int (*real_ftruncate)(int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_rename)(const char *, const char *);
static int (*real_renameat2)(int, const char *, int, const char *, unsigned);
static int (*real_unlink)(const char *);
static int (*real_rmdir)(const char *);
static int (*real_mkdir)(const char *, mode_t);
static int (*real_link)(const char *, const char *);

static void at_exit(void) {
    const char *path = getenv("OXBOW_CRASH_COUNT");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (!file) return;
    fprintf(file, "%ld %d\n", calls, fault_at >= 0 && calls > fault_at);
    fclose(file);
}

__attribute__((constructor)) static void begin(void) {
#define REAL(name) *(void **)&real_##name = dlsym(RTLD_NEXT, #name)
    REAL(openat); REAL(close); REAL(write); REAL(pwrite); REAL(pwritev); REAL(ftruncate); REAL(fsync);
    REAL(fdatasync); REAL(rename); REAL(renameat2); REAL(unlink); REAL(rmdir); REAL(mkdir); REAL(link);
    const char *folder = getenv("OXBOW_CRASH_ROOT");
    if (!folder) return;
    snprintf(root, sizeof root, "%s", folder);
    root_length = strlen(root);
    const char *path = getenv("OXBOW_CRASH_RECORD");
    if (path) record_descriptor = real_openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const char *fault = getenv("OXBOW_CRASH_FAULT");
    if (fault) {
        static const char *const names[] = {"", "enospc", "eio", "short", "torn", "full"};
        for (int kind = FAULT_ENOSPC; kind <= FAULT_FULL; kind++) {
            size_t length = strlen(names[kind]);
            if (strncmp(fault, names[kind], length) == 0 && fault[length] == ':') {
                fault_kind = kind;
                fault_at = atol(fault + length + 1);
            }
        }
    }
    atexit(at_exit);
}

static int below_root(const char *path) {
    return root_length && path && strncmp(path, root, root_length) == 0
        && (path[root_length] == '/' || path[root_length] == 0);
}

static int watched(int descriptor) {
    return descriptor >= 0 && descriptor < DESCRIPTORS_MAX && is_watched[descriptor];
}

struct header {
    uint8_t kind;
    uint8_t flag;
    uint16_t path_length;
    int32_t descriptor;
    uint64_t offset;
    uint64_t length;
} __attribute__((packed));

// One record: the header, `path_length` bytes of a path (below the root), and `length` bytes of data or of another path.
static void record(int kind, int flag, int descriptor, const char *path, uint64_t offset, const struct iovec *data,
                   int count, size_t length) {
    if (record_descriptor < 0) return;
    int saved = errno;
    const char *below = path ? path + root_length : "";
    struct header header = {kind, flag, strlen(below), descriptor, offset, length};
    struct iovec vectors[2] = {{&header, sizeof header}, {(void *)below, header.path_length}};
    if (writev(record_descriptor, vectors, 2) < 0) abort();
    for (int index = 0; index < count && length > 0; index++) {
        size_t part = data[index].iov_len < length ? data[index].iov_len : length;
        if (part && real_write(record_descriptor, data[index].iov_base, part) != (ssize_t)part) abort();
        length -= part;
    }
    errno = saved;
}

static void record_text(int kind, const char *path, const char *other) {
    const char *below = other ? other + root_length : "";
    struct iovec data = {(void *)below, strlen(below)};
    record(kind, 0, -1, path, 0, &data, 1, data.iov_len);
}

// Counts a call, and says what becomes of it. `room`: whether it takes any.
static int fault(int is_write, int room) {
    long number = calls++;
    if (fault_kind == NO_FAULT || fault_at < 0) return 0;
    if (fault_kind == FAULT_FULL) return number >= fault_at && room ? ENOSPC : 0;
    if (number != fault_at) return 0;
    switch (fault_kind) {
    case FAULT_ENOSPC: return room ? ENOSPC : EIO;
    case FAULT_SHORT: return is_write ? -1 : 0;
    case FAULT_TORN: return is_write ? -2 : EIO;
    default: return EIO;
    }
}

#define FAIL_IF(is_write, room) \
    do { \
        int failed = fault(is_write, room); \
        if (failed > 0) { pthread_mutex_unlock(&lock); errno = failed; return -1; } \
    } while (0)

static int open_at(int folder, const char *path, int flags, mode_t mode) {
    if (!below_root(path)) return real_openat(folder, path, flags, mode);
    pthread_mutex_lock(&lock);
    struct stat status;
    int is_new = (flags & O_CREAT) && stat(path, &status) != 0;
    if (is_new) FAIL_IF(0, 1);
    int descriptor = real_openat(folder, path, flags, mode);
    if (descriptor >= 0 && descriptor < DESCRIPTORS_MAX) {
        is_watched[descriptor] = 1;
        record(OPEN, is_new | ((flags & O_TRUNC) ? 2 : 0), descriptor, path, 0, NULL, 0, 0);
    }
    pthread_mutex_unlock(&lock);
    return descriptor;
}

#define MODE_OF(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | __O_TMPFILE)) { va_list list; va_start(list, flags); mode = va_arg(list, mode_t); va_end(list); }

int open(const char *path, int flags, ...) { MODE_OF(flags) return open_at(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE_OF(flags) return open_at(AT_FDCWD, path, flags, mode); }
int openat(int folder, const char *path, int flags, ...) { MODE_OF(flags) return open_at(folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) { MODE_OF(flags) return open_at(folder, path, flags, mode); }

int close(int descriptor) {
    if (!watched(descriptor)) return real_close(descriptor);
    pthread_mutex_lock(&lock);
    record(CLOSE, 0, descriptor, NULL, 0, NULL, 0, 0);
    is_watched[descriptor] = 0;
    int result = real_close(descriptor);
    pthread_mutex_unlock(&lock);
    return result;
}

// Writes at `offset`, or where the descriptor stands when that is negative.
static ssize_t write_at(int descriptor, const struct iovec *vectors, int count, off_t offset) {
    pthread_mutex_lock(&lock);
    int failed = fault(1, 1);
    if (failed > 0) { pthread_mutex_unlock(&lock); errno = failed; return -1; }
    struct iovec *parts = malloc(sizeof *parts * (count ? count : 1));
    size_t whole = 0;
    for (int index = 0; index < count; index++) whole += vectors[index].iov_len;
    size_t wanted = failed < 0 && whole > 1 ? whole / 2 : whole, left = wanted;
    for (int index = 0; index < count; index++) {
        parts[index] = vectors[index];
        if (parts[index].iov_len > left) parts[index].iov_len = left;
        left -= parts[index].iov_len;
    }
    off_t place = offset;
    if (offset < 0) {
        struct stat status;
        place = (fcntl(descriptor, F_GETFL) & O_APPEND) && fstat(descriptor, &status) == 0
            ? status.st_size : lseek(descriptor, 0, SEEK_CUR);
    }
    ssize_t result = offset < 0 ? writev(descriptor, parts, count) : real_pwritev(descriptor, parts, count, offset);
    if (result > 0) record(WRITE, 0, descriptor, NULL, place, parts, count, result);
    free(parts);
    if (failed == -2) { result = -1; errno = EIO; }
    pthread_mutex_unlock(&lock);
    return result;
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
    struct iovec vector = {(void *)bytes, count};
    if (watched(descriptor)) return write_at(descriptor, &vector, 1, -1);
    if (descriptor != STDOUT_FILENO || !root_length) return real_write(descriptor, bytes, count);
    pthread_mutex_lock(&lock);
    record(MARK, 0, descriptor, NULL, 0, &vector, 1, count);
    ssize_t result = real_write(descriptor, bytes, count);
    pthread_mutex_unlock(&lock);
    return result;
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
    struct iovec vector = {(void *)bytes, count};
    return watched(descriptor) ? write_at(descriptor, &vector, 1, offset) : real_pwrite(descriptor, bytes, count, offset);
}
ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off_t offset) {
    return pwrite(descriptor, bytes, count, offset);
}
ssize_t pwritev(int descriptor, const struct iovec *vectors, int count, off_t offset) {
    return watched(descriptor) ? write_at(descriptor, vectors, count, offset)
                               : real_pwritev(descriptor, vectors, count, offset);
}
ssize_t pwritev64(int descriptor, const struct iovec *vectors, int count, off_t offset) {
    return pwritev(descriptor, vectors, count, offset);
}

int ftruncate(int descriptor, off_t length) {
    if (!watched(descriptor)) return real_ftruncate(descriptor, length);
    pthread_mutex_lock(&lock);
    FAIL_IF(0, 0);
    int result = real_ftruncate(descriptor, length);
    if (result == 0) record(TRUNCATE, 0, descriptor, NULL, length, NULL, 0, 0);
    pthread_mutex_unlock(&lock);
    return result;
}
int ftruncate64(int descriptor, off_t length) { return ftruncate(descriptor, length); }

static int sync_file(int descriptor, int (*real)(int)) {
    if (!watched(descriptor)) return real(descriptor);
    pthread_mutex_lock(&lock);
    if (fault(0, 0) > 0) {
        // As Linux does it: what could not be written is in memory, counts as clean, and is never tried again.
        record(SYNC, 1, descriptor, NULL, 0, NULL, 0, 0);
        pthread_mutex_unlock(&lock);
        errno = EIO;
        return -1;
    }
    int result = real(descriptor);
    if (result == 0) record(SYNC, 0, descriptor, NULL, 0, NULL, 0, 0);
    pthread_mutex_unlock(&lock);
    return result;
}
int fsync(int descriptor) { return sync_file(descriptor, real_fsync); }
int fdatasync(int descriptor) { return sync_file(descriptor, real_fdatasync); }

#define CHANGE(kind, room, path, other, call) \
    if (!below_root(path)) return call; \
    pthread_mutex_lock(&lock); \
    FAIL_IF(0, room); \
    int result = call; \
    if (result == 0) record_text(kind, path, other); \
    pthread_mutex_unlock(&lock); \
    return result;

int rename(const char *from, const char *to) { CHANGE(RENAME, 0, from, to, real_rename(from, to)) }
int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    CHANGE(RENAME, 0, from, to, real_renameat2(from_folder, from, to_folder, to, flags))
}
int unlink(const char *path) { CHANGE(UNLINK, 0, path, NULL, real_unlink(path)) }
int rmdir(const char *path) { CHANGE(RMDIR, 0, path, NULL, real_rmdir(path)) }
int mkdir(const char *path, mode_t mode) { CHANGE(MKDIR, 1, path, NULL, real_mkdir(path, mode)) }
int link(const char *from, const char *to) { CHANGE(LINK, 1, from, to, real_link(from, to)) }
