// SHA-256 (FIPS 180-4) and MD5 (RFC 1321) in plain C, for one lane: what every other kernel is held against, and what
// runs where a processor offers nothing better.

#include "kernels.h"
#include <string.h>

_Alignas(64) const uint32_t oxbow_sha256_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};
_Alignas(64) const uint32_t oxbow_md5_constants[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

static inline uint32_t rotate_right(uint32_t value, unsigned by) { return (value >> by) | (value << (32 - by)); }
static inline uint32_t rotate_left(uint32_t value, unsigned by) { return (value << by) | (value >> (32 - by)); }

static inline uint32_t load_big_endian(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static inline uint32_t load_little_endian(const uint8_t *bytes) {
    return (uint32_t)bytes[3] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[1] << 8 | bytes[0];
}

static void sha256_block(uint32_t *state, const uint8_t *bytes) {
    uint32_t w[64];
    for (int i = 0; i < 16; i++) w[i] = load_big_endian(bytes + 4 * i);
    for (int i = 16; i < 64; i++) {
        uint32_t early = w[i - 15], late = w[i - 2];
        uint32_t sigma0 = rotate_right(early, 7) ^ rotate_right(early, 18) ^ (early >> 3);
        uint32_t sigma1 = rotate_right(late, 17) ^ rotate_right(late, 19) ^ (late >> 10);
        w[i] = w[i - 16] + sigma0 + w[i - 7] + sigma1;
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (int i = 0; i < 64; i++) {
        uint32_t sum1 = rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25);
        uint32_t first = h + sum1 + ((e & f) ^ (~e & g)) + oxbow_sha256_constants[i] + w[i];
        uint32_t sum0 = rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22);
        uint32_t second = sum0 + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + first, d = c, c = b, b = a, a = first + second;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

void oxbow_sha256_portable(lane_states *states, const uint8_t *const *lanes, size_t blocks) {
    uint32_t state[8];
    for (int word = 0; word < 8; word++) state[word] = states->words[word][0];
    for (size_t block = 0; block < blocks; block++) sha256_block(state, lanes[0] + BLOCK_BYTES * block);
    for (int word = 0; word < 8; word++) states->words[word][0] = state[word];
}

/// A value whose making the optimiser may not see: it would regroup sums, and make the next step wait for longer.
static inline uint32_t opaque(uint32_t value) {
    __asm__("" : "+r"(value));
    return value;
}

#define MD5_STEP(plus_function, a, b, c, d, word, constant, by) \
    a = b + rotate_left(plus_function(opaque(a + w[word] + oxbow_md5_constants[constant]), b, c, d), by)
#define MD5_ROUND(function, from, start, stride, by0, by1, by2, by3) \
    _Pragma("clang loop unroll(full)") for (int i = 0; i < 16; i += 4) { \
        MD5_STEP(function, a, b, c, d, (start + stride * i) & 15, from + i, by0); \
        MD5_STEP(function, d, a, b, c, (start + stride * (i + 1)) & 15, from + i + 1, by1); \
        MD5_STEP(function, c, d, a, b, (start + stride * (i + 2)) & 15, from + i + 2, by2); \
        MD5_STEP(function, b, c, d, a, (start + stride * (i + 3)) & 15, from + i + 3, by3); \
    }
// RFC 1321 section 3.4. `x` is what the step before computed: as little as possible waits for it, hence the two sums in
// G, whose terms never have a bit in common.
#define MD5_F(sum, x, y, z) (sum + (z ^ (x & (y ^ z))))
#define MD5_G(sum, x, y, z) (opaque(sum + (y & ~z)) + (x & z))
#define MD5_H(sum, x, y, z) (sum + (x ^ (y ^ z)))
#define MD5_I(sum, x, y, z) (sum + (y ^ (x | ~z)))

void oxbow_md5_portable(lane_states *states, const uint8_t *const *lanes, size_t blocks) {
    uint32_t (*state)[LANES_MAX] = states->words;
    for (const uint8_t *bytes = lanes[0]; blocks > 0; bytes += BLOCK_BYTES, blocks--) {
        uint32_t w[16];
        for (int i = 0; i < 16; i++) w[i] = load_little_endian(bytes + 4 * i);
        uint32_t a = state[0][0], b = state[1][0], c = state[2][0], d = state[3][0];
        MD5_ROUND(MD5_F, 0, 0, 1, 7, 12, 17, 22)
        MD5_ROUND(MD5_G, 16, 1, 5, 5, 9, 14, 20)
        MD5_ROUND(MD5_H, 32, 5, 3, 4, 11, 16, 23)
        MD5_ROUND(MD5_I, 48, 0, 7, 6, 10, 15, 21)
        state[0][0] += a, state[1][0] += b, state[2][0] += c, state[3][0] += d;
    }
}
