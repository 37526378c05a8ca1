// Makes a capture of many interleaved connections that upload and download objects, with the truth beside it.
//
//   make_capture OUT.pcap SIZE_MIB [key=value ...]
//
// Keys: connections=64, mss=1448, object_min=262144, object_max=8388608, duplicates=50 (per cent of the 64 KiB blocks
// that stand elsewhere too), compressible=0 (per cent of the others that are made of words), downloads=25 (per cent of the
// exchanges), dialect=s3|http, seed=1, files=DIR (writes each object's bytes there too).
// The truth goes to OUT.truth.jsonl: one line an object, with size and SHA-256. Checksums in the packets are right.

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { block_size = 65536, burst = 8 };

typedef struct {
    uint32_t next[2];      // next sequence number of client and server
    uint16_t port;
    uint8_t client[4];     // address of the client
    uint64_t exchange;     // number of the exchange under way, 0 = none
    int turn;              // 0: the client is sending, 1: the server is sending, 2: exchange over
    int is_download;
    char head[2][1024];    // request and response head
    size_t head_length[2];
    uint8_t *body;
    size_t body_length, body_capacity;
    size_t sent;           // bytes of head and body sent in this turn
    int unacknowledged;
} Connection;

static uint64_t random_state;
static uint64_t next_random(void) {
    uint64_t z = (random_state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static FILE *out, *truth;
static uint64_t written, clock_ns = 1700000000000000000u;
static uint64_t connections = 64, mss = 1448, object_min = 262144, object_max = 8388608, duplicates = 50, downloads = 25;
static uint64_t compressible;
static const char *files;
static int is_s3 = 1;
static uint64_t exchanges_started;

static void die(const char *what) { perror(what); exit(1); }

static uint32_t sum(const uint8_t *bytes, size_t count, uint32_t start) {
    uint64_t total = start;
    size_t i = 0;
    for (; i + 4 <= count; i += 4) { uint32_t word; memcpy(&word, bytes + i, 4); total += word; }
    uint32_t last = 0;
    memcpy(&last, bytes + i, count - i);
    total += last;
    while (total >> 16) total = (total & 0xffff) + (total >> 16);
    return (uint32_t)total;
}

static void packet(Connection *c, int from_server, uint8_t flags, const uint8_t *payload, size_t length) {
    static uint8_t frame[16 + 14 + 20 + 32 + 65536];
    uint8_t *ethernet = frame + 16, *ip = ethernet + 14, *tcp = ip + 20, *data = tcp + 32;
    size_t total = 14 + 20 + 32 + length;
    clock_ns += 1200;
    uint32_t record[4] = { (uint32_t)(clock_ns / 1000000000u), (uint32_t)(clock_ns % 1000000000u / 1000), (uint32_t)total, (uint32_t)total };
    memcpy(frame, record, 16);
    memcpy(ethernet, from_server ? "\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\0" : "\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0", 14);
    memset(ip, 0, 52);
    ip[0] = 0x45; ip[8] = 64; ip[9] = 6; ip[6] = 0x40;
    uint16_t ip_length = htons((uint16_t)(52 + length));
    memcpy(ip + 2, &ip_length, 2);
    memcpy(ip + (from_server ? 16 : 12), c->client, 4);
    memcpy(ip + (from_server ? 12 : 16), "\x0a\x4d\0\x02", 4);
    uint16_t check = (uint16_t)~sum(ip, 20, 0);
    memcpy(ip + 10, &check, 2);
    uint16_t client = htons(c->port), server = htons(80);
    memcpy(tcp, from_server ? &server : &client, 2);
    memcpy(tcp + 2, from_server ? &client : &server, 2);
    uint32_t sequence = htonl(c->next[from_server]), acknowledged = htonl(c->next[!from_server]);
    memcpy(tcp + 4, &sequence, 4);
    if (flags & 0x10) memcpy(tcp + 8, &acknowledged, 4);
    tcp[12] = 0x80; tcp[13] = flags; tcp[14] = 0xff; tcp[15] = 0xff;
    memcpy(tcp + 20, "\x01\x01\x08\x0a\0\0\0\x01\0\0\0\x01", 12);
    memcpy(data, payload, length);
    uint8_t pseudo[4] = { 0, 6, (uint8_t)((32 + length) >> 8), (uint8_t)(32 + length) };
    check = (uint16_t)~sum(tcp, 32 + length, sum(pseudo, 4, sum(ip + 12, 8, 0)));
    memcpy(tcp + 16, &check, 2);
    if (fwrite(frame, 1, 16 + total, out) != 16 + total) die("write");
    written += 16 + total;
    c->next[from_server] += (uint32_t)length + ((flags & 0x03) ? 1 : 0);
}

static void hex(const uint8_t *bytes, int count, char *text) {
    for (int i = 0; i < count; i++) sprintf(text + 2 * i, "%02x", bytes[i]);
}

// Fills a block with words of a small vocabulary, as logs and tables are.
static void fill_with_words(uint8_t *to, size_t count) {
    static const char *words[16] = { "bucket", "object", "2026-11-21", "error", "status", "200", "GET", "PUT",
        "latency", "0.0042", "region", "eu-west-1", "{\"id\":", "true}", "null", "checksum" };
    size_t filled = 0;
    uint64_t bits = 0;
    int left = 0;
    while (filled < count) {
        if (left == 0) { bits = next_random(); left = 12; }
        // One word in four is a number that does not come again.
        char number[24];
        const char *word = words[bits & 15];
        if ((bits & 48) == 48) { snprintf(number, sizeof number, "%u", (unsigned)(next_random() >> 40)); word = number; }
        bits >>= 5; left--;
        for (; *word && filled < count; word++) to[filled++] = (uint8_t)*word;
        if (filled < count) to[filled++] = ' ';
    }
}

static void write_file(const Connection *c) {
    char path[4096];
    snprintf(path, sizeof path, "%s/object-%08llu", files, (unsigned long long)c->exchange);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(c->body, 1, c->body_length, file) != c->body_length || fclose(file)) die(path);
}

static void start_exchange(Connection *c) {
    c->exchange = ++exchanges_started;
    c->turn = 0; c->sent = 0; c->unacknowledged = 0;
    c->is_download = next_random() % 100 < downloads;
    c->body_length = object_min + (object_max > object_min ? next_random() % (object_max - object_min + 1) : 0);
    if (c->body_capacity < c->body_length) {
        c->body_capacity = c->body_length + block_size;
        c->body = realloc(c->body, c->body_capacity);
        if (!c->body) die("realloc");
    }
    for (size_t offset = 0; offset < c->body_length; offset += block_size) {
        uint64_t keep = random_state;
        int is_duplicate = next_random() % 100 < duplicates;
        uint64_t seed = is_duplicate ? next_random() % 512 : 1000000007u * (c->exchange * 4096 + offset / block_size);
        uint64_t after = keep + 3 * 0x9E3779B97F4A7C15u;
        random_state = seed * 0xD1342543DE82EF95u + 1;
        size_t count = c->body_length - offset < block_size ? c->body_length - offset : block_size;
        if (!is_duplicate && compressible && next_random() % 100 < compressible) fill_with_words(c->body + offset, count);
        else for (size_t i = 0; i < count; i += 8) {
            uint64_t word = next_random();
            memcpy(c->body + offset + i, &word, count - i < 8 ? count - i : 8);
        }
        random_state = after;
    }
    if (files) write_file(c);
    uint8_t md5[16], sha[32];
    char md5_text[33], sha_text[65];
    EVP_Digest(c->body, c->body_length, md5, NULL, EVP_md5(), NULL);
    EVP_Digest(c->body, c->body_length, sha, NULL, EVP_sha256(), NULL);
    hex(md5, 16, md5_text);
    hex(sha, 32, sha_text);
    char extra[256] = "";
    if (is_s3) snprintf(extra, sizeof extra, "x-amz-content-sha256: UNSIGNED-PAYLOAD\r\nAuthorization: AWS4-HMAC-SHA256 Credential=BENCH/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00\r\n");
    char tag[128] = "";
    if (is_s3) snprintf(tag, sizeof tag, "x-amz-request-id: %016llx\r\nETag: \"%s\"\r\n", (unsigned long long)c->exchange, md5_text);
    if (c->is_download) {
        c->head_length[0] = (size_t)snprintf(c->head[0], sizeof c->head[0], "GET /bench/object-%08llu HTTP/1.1\r\nHost: store.example\r\nUser-Agent: bench\r\n%s\r\n", (unsigned long long)c->exchange, extra);
        c->head_length[1] = (size_t)snprintf(c->head[1], sizeof c->head[1], "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n%sContent-Length: %zu\r\n\r\n", tag, c->body_length);
    } else {
        c->head_length[0] = (size_t)snprintf(c->head[0], sizeof c->head[0], "PUT /bench/object-%08llu HTTP/1.1\r\nHost: store.example\r\nUser-Agent: bench\r\n%sContent-Length: %zu\r\n\r\n", (unsigned long long)c->exchange, extra, c->body_length);
        c->head_length[1] = (size_t)snprintf(c->head[1], sizeof c->head[1], "HTTP/1.1 200 OK\r\n%sContent-Length: 0\r\n\r\n", tag);
    }
    fprintf(truth, "{\"kind\": \"state\", \"op\": \"state\", \"dialect\": \"%s\", \"bucket\": \"%s\", \"key\": \"%sobject-%08llu\", \"size\": %zu, \"sha256\": \"%s\", \"complete\": true}\n",
            is_s3 ? "s3" : "http", is_s3 ? "bench" : "store.example", is_s3 ? "" : "bench/", (unsigned long long)c->exchange, c->body_length, sha_text);
}

// Sends one segment of the exchange under way; 0 when the exchange is over.
static int step(Connection *c) {
    if (c->turn == 2) return 0;
    int side = c->turn;
    size_t body = (side == 1) == c->is_download ? c->body_length : 0;
    size_t total = c->head_length[side] + body;
    uint8_t segment[65536];
    size_t length = 0;
    while (length < mss && c->sent < total) {
        size_t in_head = c->sent < c->head_length[side] ? c->head_length[side] - c->sent : 0;
        const uint8_t *from = in_head ? (uint8_t *)c->head[side] + c->sent : c->body + (c->sent - c->head_length[side]);
        size_t count = in_head ? in_head : total - c->sent;
        if (count > mss - length) count = mss - length;
        memcpy(segment + length, from, count);
        length += count; c->sent += count;
    }
    packet(c, side, c->sent == total ? 0x18 : 0x10, segment, length);
    if (++c->unacknowledged == 2) { packet(c, !side, 0x10, NULL, 0); c->unacknowledged = 0; }
    if (c->sent == total) { c->turn++; c->sent = 0; c->unacknowledged = 0; }
    return 1;
}

int main(int count, char **arguments) {
    if (count < 3) { fprintf(stderr, "usage: make_capture OUT.pcap SIZE_MIB [key=value ...]\n"); return 2; }
    uint64_t size = strtoull(arguments[2], NULL, 10) << 20;
    random_state = 1;
    for (int i = 3; i < count; i++) {
        char *value = strchr(arguments[i], '=');
        if (!value) { fprintf(stderr, "make_capture: %s is not key=value\n", arguments[i]); return 2; }
        uint64_t number = strtoull(value + 1, NULL, 10);
#define KEY(name) (!strncmp(arguments[i], name "=", sizeof name))
        if (KEY("connections")) connections = number;
        else if (KEY("mss")) mss = number;
        else if (KEY("object_min")) object_min = number;
        else if (KEY("object_max")) object_max = number;
        else if (KEY("duplicates")) duplicates = number;
        else if (KEY("compressible")) compressible = number;
        else if (KEY("files")) files = value + 1;
        else if (KEY("downloads")) downloads = number;
        else if (KEY("seed")) random_state = number;
        else if (KEY("dialect")) is_s3 = !strcmp(value + 1, "s3");
        else { fprintf(stderr, "make_capture: unknown key %s\n", arguments[i]); return 2; }
    }
    out = fopen(arguments[1], "wb");
    if (!out) die(arguments[1]);
    char path[4096];
    const char *dot = strrchr(arguments[1], '.');
    snprintf(path, sizeof path, "%.*s.truth.jsonl", (int)(dot ? dot - arguments[1] : (long)strlen(arguments[1])), arguments[1]);
    truth = fopen(path, "w");
    if (!truth) die(path);
    setvbuf(out, NULL, _IOFBF, 1 << 22);
    uint32_t header[6] = { 0xa1b2c3d4, 2 | 4 << 16, 0, 0, 262144, 1 };
    fwrite(header, 1, sizeof header, out);
    Connection *all = calloc(connections, sizeof *all);
    if (!all) die("calloc");
    for (uint64_t i = 0; i < connections; i++) {
        Connection *c = &all[i];
        c->port = (uint16_t)(20000 + i % 40000);
        memcpy(c->client, (uint8_t[]){ 10, 77, (uint8_t)(1 + i / 40000), 1 }, 4);
        c->next[0] = (uint32_t)next_random(); c->next[1] = (uint32_t)next_random();
        packet(c, 0, 0x02, NULL, 0);
        packet(c, 1, 0x12, NULL, 0);
        packet(c, 0, 0x10, NULL, 0);
        start_exchange(c);
    }
    uint64_t open = connections;
    while (open) {
        open = 0;
        for (uint64_t i = 0; i < connections; i++) {
            Connection *c = &all[i];
            for (int n = 0; n < burst; n++) {
                if (step(c)) { open++; continue; }
                if (c->exchange == 0 || written >= size) break;
                start_exchange(c);
            }
        }
    }
    for (uint64_t i = 0; i < connections; i++) {
        packet(&all[i], 0, 0x11, NULL, 0);
        packet(&all[i], 1, 0x11, NULL, 0);
        packet(&all[i], 0, 0x10, NULL, 0);
    }
    if (fclose(out) || fclose(truth)) die("close");
    fprintf(stderr, "%s: %llu MiB, %llu exchanges\n", arguments[1], (unsigned long long)(written >> 20), (unsigned long long)exchanges_started);
    return 0;
}
