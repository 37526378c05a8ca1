// The floors that a reader of captures stands on, each over one file of classic pcap in the page cache.
//
//   floors libpcap FILE    libpcap's own reader, each frame's headers touched
//   floors mmap FILE       the file mapped, each record's length followed and each frame's headers touched
//   floors memcpy FILE     as many bytes as the file has, copied within memory by pieces of 64 KiB, from 256 MiB
#include <fcntl.h>
#include <pcap.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

static unsigned long packets, touched;

static void touch(const uint8_t *frame, uint32_t length) {
    packets++;
    for (uint32_t i = 0; i < 54 && i < length; i++) touched += frame[i];
}

static int fail(const char *what) { fprintf(stderr, "floors: %s\n", what); return 2; }

int main(int count, char **arguments) {
    if (count != 3) return fail("usage: floors libpcap|mmap|memcpy FILE");
    const char *mode = arguments[1], *path = arguments[2];
    if (!strcmp(mode, "libpcap")) {
        char reason[PCAP_ERRBUF_SIZE];
        pcap_t *capture = pcap_open_offline(path, reason);
        if (!capture) return fail(reason);
        struct pcap_pkthdr *header;
        const u_char *bytes;
        while (pcap_next_ex(capture, &header, &bytes) == 1) touch(bytes, header->caplen);
        printf("%lu packets, %lu\n", packets, touched);
        return 0;
    }
    int file = open(path, O_RDONLY);
    struct stat status;
    if (file < 0 || fstat(file, &status) != 0) return fail("cannot open the file");
    size_t size = (size_t)status.st_size;
    if (!strcmp(mode, "memcpy")) {
        enum { ring = 256 << 20, piece = 64 << 10 };
        uint8_t *from = malloc(ring), *to = malloc(ring);
        if (!from || !to) return fail("no memory");
        memset(from, 1, ring);
        memset(to, 2, ring);
        for (size_t done = 0; done < size; done += piece) {
            memcpy(to + done % ring, from + (done * 7) % ring, piece);
            touched += to[done % ring];
        }
        printf("%zu bytes, %lu\n", size, touched);
        return 0;
    }
    if (strcmp(mode, "mmap")) return fail("usage: floors libpcap|mmap|memcpy FILE");
    const uint8_t *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0);
    if (bytes == MAP_FAILED) return fail("cannot map the file");
    madvise((void *)bytes, size, MADV_SEQUENTIAL);
    for (size_t place = 24; place + 16 <= size;) {
        uint32_t length;
        memcpy(&length, bytes + place + 8, 4);
        if (place + 16 + length > size) break;
        touch(bytes + place + 16, length);
        place += 16 + length;
    }
    printf("%lu packets, %lu\n", packets, touched);
    return 0;
}
