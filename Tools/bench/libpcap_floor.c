// The floor that every reader of captures stands on: libpcap's own file reader, each frame's first bytes touched.
#include <pcap.h>
#include <stdio.h>

int main(int count, char **arguments) {
    char reason[PCAP_ERRBUF_SIZE];
    pcap_t *capture = count == 2 ? pcap_open_offline(arguments[1], reason) : NULL;
    if (!capture) { fprintf(stderr, "libpcap_floor: %s\n", count == 2 ? reason : "usage: libpcap_floor FILE"); return 2; }
    struct pcap_pkthdr *header;
    const u_char *bytes;
    unsigned long packets = 0, total = 0, touched = 0;
    while (pcap_next_ex(capture, &header, &bytes) == 1) {
        packets++;
        total += header->caplen;
        for (unsigned i = 0; i < 54 && i < header->caplen; i++) touched += bytes[i];
    }
    printf("%lu packets, %lu bytes, %lu\n", packets, total, touched);
    return 0;
}
