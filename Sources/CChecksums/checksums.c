// Three reflected CRCs by one method.
//
// A CRC is the remainder of the message, read as a polynomial over GF(2), after division by the CRC's polynomial P.
// Remainders may be taken early and piecewise: 128 bits that stand D bits before the end of what was read may be replaced
// by (their upper 64 bits * (x^(D+64) mod P)) + (their lower 64 bits * (x^D mod P)), which reaches only 128 bits. With a
// carry-less multiplier that folds 16 bytes in two multiplications; several accumulators hide its latency. When fewer
// bytes are left than one round takes, the accumulators are folded into one, and its 16 bytes, being congruent to
// everything before, are simply divided by the tables that also serve the tail. That costs 16 table look-ups per call
// and needs no second set of constants, as a Barrett reduction would.
//
// Reflected means that the first bit of the message, the coefficient of the highest power, is the least significant one
// of its byte. In a register loaded from memory, bit i then stands for x^(127-i), and the product of two 64-bit halves
// is short by one power: clmul(a, b) stands for a * b * x. The constants below are therefore x^(D+63) and x^(D-1).

#include "CChecksums.h"
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#define OXBOW_FOLDS 1
#else
#define OXBOW_FOLDS 0
#endif

enum { SLICES = 16 };

/// Everything that is particular to one CRC, computed once at start: shorter than the tables in print, and checkable.
struct crc {
    /// tables[k][b]: the remainder of byte b followed by k zero bytes, in the low bits.
    uint64_t tables[SLICES][256];
    /// x^(D+63) and x^(D-1) mod P for D = 128, 512 and 2048 bits, each in the high bits of its word.
    uint64_t fold128[2], fold512[2], fold2048[2];
    uint64_t polynomial;
    unsigned width;
};

static struct crc ieee = {.polynomial = 0xEDB88320u, .width = 32};
static struct crc castagnoli = {.polynomial = 0x82F63B78u, .width = 32};
static struct crc nvme = {.polynomial = 0x9A6C9329AC4BC9B5u, .width = 64};

typedef uint64_t kernel(const struct crc *crc, uint64_t remainder, const uint8_t *bytes, size_t count);
static kernel by_tables;
static kernel *chosen = by_tables;
static const char *chosen_name = "tables";

/// x^power mod P, aligned to the high bits of the word.
static uint64_t power_of_x(const struct crc *crc, unsigned power) {
    uint64_t value = (uint64_t)1 << (crc->width - 1);
    while (power-- > 0) value = (value >> 1) ^ ((value & 1) ? crc->polynomial : 0);
    return value << (64 - crc->width);
}

static void prepare(struct crc *crc) {
    for (unsigned byte = 0; byte < 256; byte++) {
        uint64_t value = byte;
        for (int bit = 0; bit < 8; bit++) value = (value >> 1) ^ ((value & 1) ? crc->polynomial : 0);
        crc->tables[0][byte] = value;
    }
    for (int slice = 1; slice < SLICES; slice++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            uint64_t shorter = crc->tables[slice - 1][byte];
            crc->tables[slice][byte] = (shorter >> 8) ^ crc->tables[0][shorter & 0xFF];
        }
    }
    crc->fold128[0] = power_of_x(crc, 128 + 63);
    crc->fold128[1] = power_of_x(crc, 128 - 1);
    crc->fold512[0] = power_of_x(crc, 512 + 63);
    crc->fold512[1] = power_of_x(crc, 512 - 1);
    crc->fold2048[0] = power_of_x(crc, 2048 + 63);
    crc->fold2048[1] = power_of_x(crc, 2048 - 1);
}

static inline uint64_t load_little_endian(const uint8_t *bytes) {
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

/// Sixteen bytes per step, each byte's remainder from its own table.
static uint64_t by_tables(const struct crc *crc, uint64_t remainder, const uint8_t *bytes, size_t count) {
    while (count >= 16) {
        uint64_t first = load_little_endian(bytes) ^ remainder;
        uint64_t second = load_little_endian(bytes + 8);
        remainder = 0;
        for (int i = 0; i < 8; i++) {
            remainder ^= crc->tables[15 - i][(first >> (8 * i)) & 0xFF];
            remainder ^= crc->tables[7 - i][(second >> (8 * i)) & 0xFF];
        }
        bytes += 16;
        count -= 16;
    }
    while (count-- > 0) remainder = (remainder >> 8) ^ crc->tables[0][(remainder ^ *bytes++) & 0xFF];
    return remainder;
}

#if OXBOW_FOLDS

__attribute__((target("pclmul,sse4.1"), always_inline)) static inline __m128i fold(
    __m128i accumulator, __m128i constants, __m128i next) {
    __m128i low = _mm_clmulepi64_si128(accumulator, constants, 0x00);
    __m128i high = _mm_clmulepi64_si128(accumulator, constants, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

__attribute__((target("pclmul,sse4.1"), always_inline)) static inline __m128i load(const uint8_t *bytes) {
    return _mm_loadu_si128((const __m128i *)bytes);
}

/// Folds the four accumulators and every whole 16 bytes left into one, then divides it and the tail.
__attribute__((target("pclmul,sse4.1"), always_inline)) static inline uint64_t finish(
    const struct crc *crc, const __m128i *accumulators, const uint8_t *bytes, size_t count) {
    __m128i by128 = load((const uint8_t *)crc->fold128);
    __m128i all = fold(accumulators[0], by128, accumulators[1]);
    all = fold(all, by128, accumulators[2]);
    all = fold(all, by128, accumulators[3]);
    while (count >= 16) {
        all = fold(all, by128, load(bytes));
        bytes += 16;
        count -= 16;
    }
    uint8_t congruent[16];
    _mm_storeu_si128((__m128i *)congruent, all);
    return by_tables(crc, by_tables(crc, 0, congruent, sizeof congruent), bytes, count);
}

/// Four accumulators of 16 bytes. The running remainder enters by addition to the first bits of the message.
__attribute__((target("pclmul,sse4.1"))) static uint64_t by_folding_64(
    const struct crc *crc, uint64_t remainder, const uint8_t *bytes, size_t count) {
    if (count < 128) return by_tables(crc, remainder, bytes, count);
    __m128i by512 = load((const uint8_t *)crc->fold512);
    __m128i accumulators[4];
    for (int i = 0; i < 4; i++) accumulators[i] = load(bytes + 16 * i);
    accumulators[0] = _mm_xor_si128(accumulators[0], _mm_cvtsi64_si128((long long)remainder));
    bytes += 64;
    count -= 64;
    while (count >= 64) {
        for (int i = 0; i < 4; i++) accumulators[i] = fold(accumulators[i], by512, load(bytes + 16 * i));
        bytes += 64;
        count -= 64;
    }
    return finish(crc, accumulators, bytes, count);
}

__attribute__((target("vpclmulqdq,avx512f,pclmul,sse4.1"), always_inline)) static inline __m512i fold_wide(
    __m512i accumulator, __m512i constants, __m512i next) {
    __m512i low = _mm512_clmulepi64_epi128(accumulator, constants, 0x00);
    __m512i high = _mm512_clmulepi64_epi128(accumulator, constants, 0x11);
    return _mm512_ternarylogic_epi64(low, high, next, 0x96);  // exclusive or of the three
}

/// Four accumulators of 64 bytes; they then fold into one, which is four accumulators of 16 bytes.
__attribute__((target("vpclmulqdq,avx512f,pclmul,sse4.1"))) static uint64_t by_folding_256(
    const struct crc *crc, uint64_t remainder, const uint8_t *bytes, size_t count) {
    if (count < 512) return by_folding_64(crc, remainder, bytes, count);
    __m512i by2048 = _mm512_broadcast_i32x4(load((const uint8_t *)crc->fold2048));
    __m512i by512 = _mm512_broadcast_i32x4(load((const uint8_t *)crc->fold512));
    __m512i wide[4];
    for (int i = 0; i < 4; i++) wide[i] = _mm512_loadu_si512(bytes + 64 * i);
    __m512i start = _mm512_zextsi128_si512(_mm_cvtsi64_si128((long long)remainder));
    wide[0] = _mm512_xor_si512(wide[0], start);
    bytes += 256;
    count -= 256;
    while (count >= 256) {
        for (int i = 0; i < 4; i++) wide[i] = fold_wide(wide[i], by2048, _mm512_loadu_si512(bytes + 64 * i));
        bytes += 256;
        count -= 256;
    }
    __m512i all = fold_wide(wide[0], by512, wide[1]);
    all = fold_wide(all, by512, wide[2]);
    all = fold_wide(all, by512, wide[3]);
    while (count >= 64) {
        all = fold_wide(all, by512, _mm512_loadu_si512(bytes));
        bytes += 64;
        count -= 64;
    }
    __m128i accumulators[4];
    _mm512_storeu_si512(accumulators, all);
    return finish(crc, accumulators, bytes, count);
}

static void choose_kernel(void) {
    __builtin_cpu_init();
    if (__builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1")) {
        chosen = by_folding_64;
        chosen_name = "pclmulqdq";
        if (__builtin_cpu_supports("vpclmulqdq") && __builtin_cpu_supports("avx512f")) {
            chosen = by_folding_256;
            chosen_name = "vpclmulqdq";
        }
    }
}

#else

static void choose_kernel(void) {}

#endif

/// Before `main`, so that no call pays for a check and no thread can see half a table. About 0.1 ms.
__attribute__((constructor)) static void prepare_all(void) {
    prepare(&ieee);
    prepare(&castagnoli);
    prepare(&nvme);
    choose_kernel();
}

uint32_t oxbow_crc32(uint32_t checksum, const void *bytes, size_t count) {
    return ~(uint32_t)chosen(&ieee, (uint32_t)~checksum, bytes, count);
}

uint32_t oxbow_crc32c(uint32_t checksum, const void *bytes, size_t count) {
    return ~(uint32_t)chosen(&castagnoli, (uint32_t)~checksum, bytes, count);
}

uint64_t oxbow_crc64nvme(uint64_t checksum, const void *bytes, size_t count) {
    return ~chosen(&nvme, ~checksum, bytes, count);
}

uint32_t oxbow_crc32_portable(uint32_t checksum, const void *bytes, size_t count) {
    return ~(uint32_t)by_tables(&ieee, (uint32_t)~checksum, bytes, count);
}

uint32_t oxbow_crc32c_portable(uint32_t checksum, const void *bytes, size_t count) {
    return ~(uint32_t)by_tables(&castagnoli, (uint32_t)~checksum, bytes, count);
}

uint64_t oxbow_crc64nvme_portable(uint64_t checksum, const void *bytes, size_t count) {
    return ~by_tables(&nvme, ~checksum, bytes, count);
}

const char *oxbow_checksum_kernel(void) { return chosen_name; }
