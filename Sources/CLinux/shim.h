#pragma once
// Not with _GNU_SOURCE: it changes types that other modules see as well (fd_set has other members), and the compiler
// then refuses a program that imports both. What glibc hides without it is declared here one by one.
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

extern int sync_file_range(int descriptor, off_t offset, off_t length, unsigned int flags);
extern int fallocate(int descriptor, int mode, off_t offset, off_t length);
extern int renameat2(int from_directory, const char *from, int to_directory, const char *to, unsigned int flags);
extern const char *strerrordesc_np(int error);

// Swift cannot call variadic functions.

static inline int oxbow_open(const char *path, int flags, mode_t mode) { return open(path, flags | O_CLOEXEC, mode); }

static inline int oxbow_openat(int directory, const char *path, int flags, mode_t mode) {
    return openat(directory, path, flags | O_CLOEXEC, mode);
}

static inline int oxbow_fallocate_keep_size(int descriptor, off_t offset, off_t length) {
    return fallocate(descriptor, FALLOC_FL_KEEP_SIZE, offset, length);
}

/// Lets the kernel begin to write a range out, and waits for nothing (sync_file_range(2), SYNC_FILE_RANGE_WRITE).
static inline int oxbow_begin_writeback(int descriptor, off_t offset, off_t length) {
    return sync_file_range(descriptor, offset, length, 2);
}

static const int oxbow_o_direct = __O_DIRECT;
static const int oxbow_o_tmpfile = __O_TMPFILE;

/// Vectors that one pwritev takes: the kernel's UIO_MAXIOV, which glibc shows as IOV_MAX to X/Open programs only.
static const int oxbow_iov_max = 1024;

/// What an errno means, in English: a constant string, unlike strerror's.
static inline const char *oxbow_error_text(int error) {
    const char *text = strerrordesc_np(error);
    return text ? text : "unknown error";
}

/// Renames within one directory, and fails with EEXIST when `to` is there already.
static inline int oxbow_rename_exclusively(int directory, const char *from, const char *to) {
    return renameat2(directory, from, directory, to, RENAME_NOREPLACE);
}

// Names the calling thread, for `top -H` and debuggers (prctl(2), PR_SET_NAME); at most 15 bytes are kept.
static inline void oxbow_name_thread(const char *name) { prctl(15 /* PR_SET_NAME */, name, 0L, 0L, 0L); }
