// Sixteen messages side by side: word i of all messages in one 512-bit register, so that every step of a digest is
// done for sixteen messages by the instructions of one. AVX-512 brings rotations and any function of three operands
// as one instruction each.

#include "kernels.h"

#if OXBOW_X86

#define TARGET __attribute__((target("avx512f,avx512bw")))

/// Turns 16 rows of 16 words into their columns.
TARGET __attribute__((always_inline)) static inline void transpose(__m512i *r) {
    __m512i t[16];
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    // Within each 128 bits, u[i..i+3] now hold one word each of four rows.
    __m512i u[16];
    for (int i = 0; i < 16; i += 4) {
        u[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        u[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        u[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        u[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        __m512i even_low = _mm512_shuffle_i32x4(u[i], u[i + 4], 0x88);
        __m512i odd_low = _mm512_shuffle_i32x4(u[i], u[i + 4], 0xDD);
        __m512i even_high = _mm512_shuffle_i32x4(u[i + 8], u[i + 12], 0x88);
        __m512i odd_high = _mm512_shuffle_i32x4(u[i + 8], u[i + 12], 0xDD);
        r[i] = _mm512_shuffle_i32x4(even_low, even_high, 0x88);
        r[i + 4] = _mm512_shuffle_i32x4(odd_low, odd_high, 0x88);
        r[i + 8] = _mm512_shuffle_i32x4(even_low, even_high, 0xDD);
        r[i + 12] = _mm512_shuffle_i32x4(odd_low, odd_high, 0xDD);
    }
}

#define ADD(x, y) _mm512_add_epi32(x, y)
#define XOR3(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0x96)
#define EACH(word) _mm512_set1_epi32((int)(word))

#define SCHEDULE(i) \
    w[i] = ADD( \
        ADD(w[i], w[(i + 9) & 15]), \
        ADD(XOR3(_mm512_ror_epi32(w[(i + 1) & 15], 7), _mm512_ror_epi32(w[(i + 1) & 15], 18), \
                 _mm512_srli_epi32(w[(i + 1) & 15], 3)), \
            XOR3(_mm512_ror_epi32(w[(i + 14) & 15], 17), _mm512_ror_epi32(w[(i + 14) & 15], 19), \
                 _mm512_srli_epi32(w[(i + 14) & 15], 10))));
#define ROUND(a, b, c, d, e, f, g, h, i) \
    { \
        __m512i first = ADD( \
            ADD(ADD(h, w[i]), EACH(k[i])), \
            ADD(_mm512_ternarylogic_epi32(e, f, g, 0xCA), \
                XOR3(_mm512_ror_epi32(e, 6), _mm512_ror_epi32(e, 11), _mm512_ror_epi32(e, 25)))); \
        __m512i second = ADD( \
            _mm512_ternarylogic_epi32(a, b, c, 0xE8), \
            XOR3(_mm512_ror_epi32(a, 2), _mm512_ror_epi32(a, 13), _mm512_ror_epi32(a, 22))); \
        d = ADD(d, first); \
        h = ADD(first, second); \
    }
#define EIGHT_ROUNDS(i) \
    ROUND(a, b, c, d, e, f, g, h, i) \
    ROUND(h, a, b, c, d, e, f, g, i + 1) \
    ROUND(g, h, a, b, c, d, e, f, i + 2) \
    ROUND(f, g, h, a, b, c, d, e, i + 3) \
    ROUND(e, f, g, h, a, b, c, d, i + 4) \
    ROUND(d, e, f, g, h, a, b, c, i + 5) \
    ROUND(c, d, e, f, g, h, a, b, i + 6) \
    ROUND(b, c, d, e, f, g, h, a, i + 7)

TARGET void oxbow_sha256_avx512(lane_states *states, const uint8_t *const *lanes, size_t blocks) {
    const __m512i big_endian = _mm512_broadcast_i32x4(_mm_set_epi64x(0x0C0D0E0F08090A0B, 0x0405060700010203));
    __m512i a = _mm512_load_si512(states->words[0]), b = _mm512_load_si512(states->words[1]);
    __m512i c = _mm512_load_si512(states->words[2]), d = _mm512_load_si512(states->words[3]);
    __m512i e = _mm512_load_si512(states->words[4]), f = _mm512_load_si512(states->words[5]);
    __m512i g = _mm512_load_si512(states->words[6]), h = _mm512_load_si512(states->words[7]);
    for (size_t offset = 0; offset < blocks * BLOCK_BYTES; offset += BLOCK_BYTES) {
        __m512i w[16];
        for (int lane = 0; lane < 16; lane++) {
            w[lane] = _mm512_shuffle_epi8(_mm512_loadu_si512(lanes[lane] + offset), big_endian);
        }
        transpose(w);
        const uint32_t *k = oxbow_sha256_constants;
        EIGHT_ROUNDS(0)
        EIGHT_ROUNDS(8)
        for (int rounds = 16; rounds < 64; rounds += 16) {
            k += 16;
            SCHEDULE(0) SCHEDULE(1) SCHEDULE(2) SCHEDULE(3) SCHEDULE(4) SCHEDULE(5) SCHEDULE(6) SCHEDULE(7)
            EIGHT_ROUNDS(0)
            SCHEDULE(8) SCHEDULE(9) SCHEDULE(10) SCHEDULE(11) SCHEDULE(12) SCHEDULE(13) SCHEDULE(14) SCHEDULE(15)
            EIGHT_ROUNDS(8)
        }
        // The chaining value stays in memory meanwhile: the rounds need the registers.
        a = ADD(a, _mm512_load_si512(states->words[0])), b = ADD(b, _mm512_load_si512(states->words[1]));
        c = ADD(c, _mm512_load_si512(states->words[2])), d = ADD(d, _mm512_load_si512(states->words[3]));
        e = ADD(e, _mm512_load_si512(states->words[4])), f = ADD(f, _mm512_load_si512(states->words[5]));
        g = ADD(g, _mm512_load_si512(states->words[6])), h = ADD(h, _mm512_load_si512(states->words[7]));
        _mm512_store_si512(states->words[0], a), _mm512_store_si512(states->words[1], b);
        _mm512_store_si512(states->words[2], c), _mm512_store_si512(states->words[3], d);
        _mm512_store_si512(states->words[4], e), _mm512_store_si512(states->words[5], f);
        _mm512_store_si512(states->words[6], g), _mm512_store_si512(states->words[7], h);
    }
}

// The functions F, G, H and I of RFC 1321 section 3.4 as truth tables of their three operands.
#define STEP(table, a, b, c, d, word, constant, by) \
    a = ADD(ADD(a, w[(word) & 15]), EACH(oxbow_md5_constants[constant])); \
    a = ADD(b, _mm512_rol_epi32(ADD(a, _mm512_ternarylogic_epi32(b, c, d, table)), by));
#define FOUR_STEPS(i, table, from, start, stride, by0, by1, by2, by3) \
    STEP(table, a, b, c, d, start + stride * (i), from + i, by0) \
    STEP(table, d, a, b, c, start + stride * (i + 1), from + i + 1, by1) \
    STEP(table, c, d, a, b, start + stride * (i + 2), from + i + 2, by2) \
    STEP(table, b, c, d, a, start + stride * (i + 3), from + i + 3, by3)
#define SIXTEEN_STEPS(...) \
    FOUR_STEPS(0, __VA_ARGS__) FOUR_STEPS(4, __VA_ARGS__) FOUR_STEPS(8, __VA_ARGS__) FOUR_STEPS(12, __VA_ARGS__)

TARGET void oxbow_md5_avx512(lane_states *states, const uint8_t *const *lanes, size_t blocks) {
    __m512i a = _mm512_load_si512(states->words[0]), b = _mm512_load_si512(states->words[1]);
    __m512i c = _mm512_load_si512(states->words[2]), d = _mm512_load_si512(states->words[3]);
    for (size_t offset = 0; offset < blocks * BLOCK_BYTES; offset += BLOCK_BYTES) {
        __m512i w[16];
        for (int lane = 0; lane < 16; lane++) w[lane] = _mm512_loadu_si512(lanes[lane] + offset);
        transpose(w);
        const __m512i a0 = a, b0 = b, c0 = c, d0 = d;
        SIXTEEN_STEPS(0xCA, 0, 0, 1, 7, 12, 17, 22)
        SIXTEEN_STEPS(0xE4, 16, 1, 5, 5, 9, 14, 20)
        SIXTEEN_STEPS(0x96, 32, 5, 3, 4, 11, 16, 23)
        SIXTEEN_STEPS(0x39, 48, 0, 7, 6, 10, 15, 21)
        a = ADD(a, a0), b = ADD(b, b0), c = ADD(c, c0), d = ADD(d, d0);
    }
    _mm512_store_si512(states->words[0], a), _mm512_store_si512(states->words[1], b);
    _mm512_store_si512(states->words[2], c), _mm512_store_si512(states->words[3], d);
}

#endif
