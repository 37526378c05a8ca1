// Feeds messages of any length to the lanes of a kernel.
//
// What a piece is read from comes in up to three runs of whole blocks: the rest of the last piece filled up, the piece
// itself, and the padded end. All lanes advance together by the shortest run among them; a lane whose message has no
// more pieces goes on with the next message. When messages run out and few lanes are still busy, each is finished by
// itself.

#include "kernels.h"
#include <string.h>

/// A message in a lane.
typedef struct {
    /// Nil when the lane is idle.
    const oxbow_digest_piece *piece;
    /// What is left of the run.
    const uint8_t *bytes;
    size_t blocks;
    /// The runs that come after this one.
    enum { whole_blocks, ending, nothing } next;
    /// How much of the piece was taken by runs that began.
    size_t taken;
} lane;

/// By kernel. Asked once, before `main`: CPUID leaves a virtual machine and costs microseconds there.
static bool is_supported[oxbow_lanes_portable + 1];

__attribute__((constructor)) static void find_supported(void) {
    is_supported[oxbow_lanes_portable] = true;
#if OXBOW_X86
    __builtin_cpu_init();
    is_supported[oxbow_lanes_avx512] = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
    is_supported[oxbow_lanes_avx2] = __builtin_cpu_supports("avx2");
    // Leaf 7, EBX bit 29: Intel SDM, volume 2, CPUID.
    unsigned a, b, c, d;
    is_supported[oxbow_lanes_sha_ni] =
        __builtin_cpu_supports("sse4.1") && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & 1u << 29) != 0;
#endif
}

bool oxbow_digest_kernel_is_supported(oxbow_digest_kernel kernel) { return is_supported[kernel]; }

static size_t fewer(size_t one, size_t other) { return one < other ? one : other; }

/// How a digest differs from others of its family.
typedef struct {
    unsigned words;
    bool is_big_endian;
    uint32_t initial[8];
} rules;

/// FIPS 180-4 section 5.3.3 and RFC 1321 section 3.3.
static const rules all_rules[] = {
    [oxbow_sha256] = {8, true, {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}},
    [oxbow_md5] = {4, false, {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}},
};

/// FIPS 180-4 section 5.1.1 and RFC 1321 sections 3.1 and 3.2: a bit, zeros, and the number of bits in the last eight
/// bytes. Returns the number of blocks, one or two.
static size_t pad(const rules *rules, oxbow_running_digest *digest) {
    size_t filled = digest->count % BLOCK_BYTES;
    size_t end = filled < BLOCK_BYTES - 8 ? BLOCK_BYTES : 2 * BLOCK_BYTES;
    digest->rest[filled] = 0x80;
    memset(digest->rest + filled + 1, 0, end - filled - 1);
    uint64_t bits = digest->count << 3;
    for (size_t i = 0; i < 8; i++) {
        digest->rest[rules->is_big_endian ? end - 1 - i : end - 8 + i] = (uint8_t)(bits >> (8 * i));
    }
    return end / BLOCK_BYTES;
}

/// Moves on to the message's next run; false when there is none.
static bool next_run(const rules *rules, lane *lane) {
    const oxbow_digest_piece *piece = lane->piece;
    oxbow_running_digest *digest = piece->digest;
    size_t left = piece->count - lane->taken;
    if (lane->next == whole_blocks) {
        lane->next = ending;
        lane->blocks = left / BLOCK_BYTES;
        lane->bytes = piece->bytes + lane->taken;
        lane->taken += lane->blocks * BLOCK_BYTES;
        digest->count += lane->blocks * BLOCK_BYTES;
        if (lane->blocks > 0) return true;
    }
    if (lane->next == ending) {
        lane->next = nothing;
        left = piece->count - lane->taken;
        if (left > 0) memcpy(digest->rest + digest->count % BLOCK_BYTES, piece->bytes + lane->taken, left);
        lane->taken += left;
        digest->count += left;
        if (piece->is_last) {
            lane->bytes = digest->rest;
            lane->blocks = pad(rules, digest);
            return true;
        }
    }
    return false;
}

/// Begins a piece; false when it has no whole block, and was taken already.
static bool begin_piece(const rules *rules, lane *lane, const oxbow_digest_piece *piece) {
    oxbow_running_digest *digest = piece->digest;
    size_t filled = digest->count % BLOCK_BYTES;
    lane->piece = piece;
    lane->taken = 0;
    lane->next = whole_blocks;
    if (filled == 0) return next_run(rules, lane);
    if (filled + piece->count < BLOCK_BYTES) {
        lane->next = ending;
        return next_run(rules, lane);
    }
    memcpy(digest->rest + filled, piece->bytes, BLOCK_BYTES - filled);
    lane->taken = BLOCK_BYTES - filled;
    digest->count += BLOCK_BYTES - filled;
    lane->bytes = digest->rest;
    lane->blocks = 1;
    return true;
}

/// Moves on to the message's next run, in this piece or the next that has one; false when there is none.
static bool advance(const rules *rules, lane *lane, const oxbow_digest_piece *end) {
    if (next_run(rules, lane)) return true;
    for (const oxbow_digest_piece *next = lane->piece + 1; next < end && next->digest == lane->piece->digest; next++) {
        if (begin_piece(rules, lane, next)) return true;
    }
    return false;
}

static void put_state(const rules *rules, lane_states *states, size_t lane, const oxbow_running_digest *digest) {
    for (unsigned word = 0; word < rules->words; word++) states->words[word][lane] = digest->words[word];
}

static void take_state(const rules *rules, const lane_states *states, size_t lane, oxbow_running_digest *digest) {
    for (unsigned word = 0; word < rules->words; word++) digest->words[word] = states->words[word][lane];
}

/// A kernel's code for one digest.
typedef struct {
    lane_kernel *run;
    size_t lanes;
    /// For what is left when few lanes are busy.
    lane_kernel *run_single;
} implementation;

static implementation implementation_of(oxbow_digest_kernel kernel, oxbow_digest_algorithm algorithm) {
    if (algorithm == oxbow_md5) {
#if OXBOW_X86
        if (kernel == oxbow_lanes_avx512) return (implementation){oxbow_md5_avx512, 16, oxbow_md5_portable};
        if (kernel == oxbow_lanes_avx2) return (implementation){oxbow_md5_avx2, 8, oxbow_md5_portable};
#endif
        return (implementation){oxbow_md5_portable, 1, oxbow_md5_portable};
    }
    lane_kernel *single = oxbow_sha256_portable;
#if OXBOW_X86
    if (kernel != oxbow_lanes_portable && is_supported[oxbow_lanes_sha_ni]) {
        single = oxbow_sha256_ni_1;
    }
    if (kernel == oxbow_lanes_avx512) return (implementation){oxbow_sha256_avx512, 16, single};
    if (kernel == oxbow_lanes_avx2) return (implementation){oxbow_sha256_avx2, 8, single};
    if (kernel == oxbow_lanes_sha_ni) return (implementation){oxbow_sha256_ni_2, 2, single};
#endif
    return (implementation){oxbow_sha256_portable, 1, single};
}

/// Takes what is left of a lane's message without the others.
static void finish_single(
    const rules *rules, lane_kernel *run, const lane_states *states, size_t index, lane *lane,
    const oxbow_digest_piece *end) {
    lane_states alone;
    oxbow_running_digest *digest = lane->piece->digest;
    take_state(rules, states, index, digest);
    put_state(rules, &alone, 0, digest);
    do {
        run(&alone, &lane->bytes, lane->blocks);
    } while (advance(rules, lane, end));
    take_state(rules, &alone, 0, digest);
}

void oxbow_digest_update(
    oxbow_digest_kernel kernel, oxbow_digest_algorithm algorithm, const oxbow_digest_piece *pieces, size_t count,
    size_t lanes_min) {
    const rules *rules = &all_rules[algorithm];
    const implementation code = implementation_of(kernel, algorithm);
    const oxbow_digest_piece *const end = pieces + count;
    lane_states states = {0};
    lane lanes[LANES_MAX] = {{0}};
    const uint8_t *bytes[LANES_MAX];
    for (;;) {
        size_t busy = 0, blocks = SIZE_MAX;
        const uint8_t *anywhere = NULL;
        for (size_t i = 0; i < code.lanes; i++) {
            while (lanes[i].piece == NULL && pieces < end) {
                const oxbow_digest_piece *piece = pieces++;
                while (pieces < end && pieces->digest == piece->digest) pieces++;
                if (begin_piece(rules, &lanes[i], piece) || advance(rules, &lanes[i], end)) {
                    put_state(rules, &states, i, piece->digest);
                } else {
                    lanes[i].piece = NULL;
                }
            }
            if (lanes[i].piece == NULL) continue;
            busy++;
            blocks = fewer(blocks, lanes[i].blocks);
            anywhere = lanes[i].bytes;
        }
        if (busy == 0) return;
        if (busy < code.lanes && busy < lanes_min) {
            // Idle lanes mean that no message waits.
            for (size_t i = 0; i < code.lanes; i++) {
                if (lanes[i].piece != NULL) finish_single(rules, code.run_single, &states, i, &lanes[i], end);
            }
            return;
        }
        for (size_t i = 0; i < code.lanes; i++) bytes[i] = lanes[i].piece != NULL ? lanes[i].bytes : anywhere;
        code.run(&states, bytes, blocks);
        for (size_t i = 0; i < code.lanes; i++) {
            if (lanes[i].piece == NULL) continue;
            lanes[i].blocks -= blocks;
            lanes[i].bytes += blocks * BLOCK_BYTES;
            if (lanes[i].blocks > 0 || advance(rules, &lanes[i], end)) continue;
            take_state(rules, &states, i, lanes[i].piece->digest);
            lanes[i].piece = NULL;
        }
    }
}

size_t oxbow_digest_lanes(oxbow_digest_kernel kernel, oxbow_digest_algorithm algorithm) {
    return implementation_of(kernel, algorithm).lanes;
}

void oxbow_digest_begin(oxbow_digest_algorithm algorithm, oxbow_running_digest *digest) {
    memcpy(digest->words, all_rules[algorithm].initial, sizeof digest->words);
    digest->count = 0;
}

void oxbow_digest_value(oxbow_digest_algorithm algorithm, const oxbow_running_digest *digest, uint8_t *value) {
    const rules *rules = &all_rules[algorithm];
    for (unsigned i = 0; i < 4 * rules->words; i++) {
        unsigned shift = 8 * (rules->is_big_endian ? 3 - i % 4 : i % 4);
        value[i] = (uint8_t)(digest->words[i / 4] >> shift);
    }
}
