// Makes a server that is linked with OpenSSL write a key log, for clients that cannot (Go's programs, as rclone): those of TLS
// have the same secrets on both sides. Loaded before the server by LD_PRELOAD; the log is the file that SSLKEYLOGFILE names.
//
// cc -shared -fPIC -o keylog.so keylog.c
#include <dlfcn.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Opened before the server drops its privileges and its environment.
static int log_file = -1;

__attribute__((constructor)) static void open_log(void) {
    const char *path = getenv("SSLKEYLOGFILE");
    if (path) log_file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
}

static void write_line(const SSL *connection, const char *line) {
    (void)connection;
    char whole[512];
    size_t count = strlen(line);
    if (log_file < 0 || count >= sizeof whole) return;
    memcpy(whole, line, count);
    whole[count] = '\n';
    // One call for a line: workers share the file.
    if (write(log_file, whole, count + 1) < 0) log_file = -1;
}

SSL_CTX *SSL_CTX_new(const SSL_METHOD *method) {
    static SSL_CTX *(*original)(const SSL_METHOD *);
    if (!original) {
        void *library = dlopen("libssl.so.3", RTLD_LAZY);
        if (!library) abort();
        *(void **)&original = dlsym(library, "SSL_CTX_new");
    }
    SSL_CTX *context = original(method);
    if (context) SSL_CTX_set_keylog_callback(context, write_line);
    return context;
}
