/*
 * block_indexer: chooses for each token and head the blocks of cached tokens with the highest score, which is the greatest product of the query
 * with a key of the block that it may see.
 *
 * block_indexer_append writes the keys to the cache; block_indexer goes over them. A head of a token belongs to one thread, and keeps no more
 * than top_k blocks, best first, however long the cache is. Scores are compared as the unsigned integers of the same order.
 */
#include "hadal_kernel.h"
#ifndef HADAL_ISA
#include <string.h>

/* attributes, sorted by name. */
enum { BLOCK, DIM, HEADS, LOCAL, TOP_K };

typedef struct block_candidate {
    uint32_t score;
    int32_t block;
} block_candidate;

static uint64_t block_indexer_scratch(const hadal_kernel_args *args) {
    return 8 * (uint64_t)args->attributes[TOP_K].i + 4 * (uint64_t)args->attributes[DIM].i;
}

/* 0 is below NaN, which is below all other scores but those of blocks that are always chosen. */
static inline uint32_t block_ordered(float score) {
    uint32_t bits;
    if (score != score) return 1;
    score += 0.0f; /* -0 is 0 */
    memcpy(&bits, &score, 4);
    return bits >> 31 ? ~bits : bits | 0x80000000u;
}

/* Keeps the best `top`, the best first. A newcomer has a higher number than all before it, so that it goes behind its equals. */
static inline int64_t block_offer(block_candidate *kept, int64_t count, int64_t top, uint32_t score, int64_t block) {
    if (count == top && score <= kept[count - 1].score) return count;
    int64_t at = count < top ? count : top - 1;
    for (; at > 0 && kept[at - 1].score < score; at--) kept[at] = kept[at - 1];
    kept[at].score = score;
    kept[at].block = (int32_t)block;
    return count < top ? count + 1 : top;
}

#include "hadal_each_isa.h"

HADAL_EXPORT_KERNEL(block_indexer, block_indexer_scratch)
HADAL_EXPORT_KERNEL(block_indexer_append, 0)
#else
#include "hadal_simd.h"
#include "hadal_cache.h"

/* input: k; state: key. */
HADAL_KERNEL(block_indexer_append) {
    const hadal_kernel_tensor *k = &args->inputs[0];
    const hadal_kernel_state *key = &args->states[0];
    for (uint32_t s = 0; s < args->step->sequence_count; s++) {
        const hadal_sequence *sequence = step_sequence(args->step, s);
        int64_t token, end;
        hadal_share(sequence->token_count, 1, thread, &token, &end);
        for (; token < end; token++) {
            const float *from = (const float *)((const char *)k->data + (sequence->first_token + token) * k->stride);
            cache_store(key->dtype, cache_row(key, args->step, sequence, 0, sequence->past + token), from, key->width);
        }
    }
}

/* The sums of a query and a key are in one order, whatever their cache's type. */
INLINE float HADAL_FN(product)(uint32_t dtype, const float *q, const char *row, int64_t n) {
    vf sum = {0};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) sum += v_load(q + i) * cache_lanes(dtype, row, i);
    float total = v_reduce_add(sum);
    for (; i < n; i++) total += q[i] * cache_element(dtype, row, i);
    return total;
}

INLINE uint32_t HADAL_FN(score)(
    uint32_t dtype, const hadal_kernel_state *key, const hadal_step *step, const hadal_sequence *sequence, const float *q, int64_t from, int64_t to) {
    uint32_t best = 0;
    for (int64_t j = from; j < to; j++) {
        const uint32_t score = block_ordered(HADAL_FN(product)(dtype, q, cache_row(key, step, sequence, 0, j), key->width));
        if (score > best) best = score;
    }
    return best;
}

/* input: q; state: key; output: blocks. */
HADAL_KERNEL(block_indexer) {
    const hadal_kernel_attribute *attribute = args->attributes;
    const int64_t block = attribute[BLOCK].i, dim = attribute[DIM].i, heads = attribute[HEADS].i, local = attribute[LOCAL].i, top = attribute[TOP_K].i;
    const hadal_kernel_tensor *q = &args->inputs[0], *blocks = &args->outputs[0];
    const hadal_kernel_state *key = &args->states[0];
    block_candidate *kept = thread->scratch;
    uint32_t counter = 0;
    for (uint32_t s = 0; s < args->step->sequence_count; s++) {
        const hadal_sequence *sequence = step_sequence(args->step, s);
        for (int64_t t = 0; t < sequence->token_count; t++)
            for (int64_t head = 0; head < heads; head++) {
                if (counter++ % thread->count != thread->index) continue;
                const int64_t row = (int64_t)sequence->first_token + t, seen = (int64_t)sequence->past + t + 1, own = (seen - 1) / block;
                const float *query = (const float *)((const char *)q->data + row * q->stride) + head * dim;
                int32_t *to = (int32_t *)((char *)blocks->data + row * blocks->stride) + head * top;
                int64_t count = 0;
                if (own < top) {
                    for (; count <= own; count++) to[count] = (int32_t)count;
                } else {
                    for (int64_t b = 0; b <= own; b++) {
                        const int64_t from = b * block, end = from + block < seen ? from + block : seen;
                        uint32_t score = UINT32_MAX;
                        if (b + local <= own) switch (key->dtype) {
                            case HADAL_DTYPE_F32: score = HADAL_FN(score)(HADAL_DTYPE_F32, key, args->step, sequence, query, from, end); break;
                            case HADAL_DTYPE_F16: score = HADAL_FN(score)(HADAL_DTYPE_F16, key, args->step, sequence, query, from, end); break;
                            case HADAL_DTYPE_Q8_0: score = HADAL_FN(score)(HADAL_DTYPE_Q8_0, key, args->step, sequence, query, from, end); break;
                            default: score = HADAL_FN(score)(HADAL_DTYPE_BF16, key, args->step, sequence, query, from, end);
                            }
                        count = block_offer(kept, count, top, score, b);
                    }
                    /* In ascending order. */
                    for (int64_t i = 0; i < count; i++) {
                        int64_t at = i;
                        for (; at > 0 && to[at - 1] > kept[i].block; at--) to[at] = to[at - 1];
                        to[at] = kept[i].block;
                    }
                }
                for (; count < top; count++) to[count] = -1;
            }
    }
}

#endif
