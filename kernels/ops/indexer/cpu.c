/*
 * indexer: chooses the cached tokens that attention is to see: those with the highest score(i, j) = sum over heads of w_i max(q_i . k_j, 0).
 *
 * Three kernels with barriers between them: indexer_append writes the keys to the cache, indexer_score goes over them and keeps the best,
 * indexer brings together what several threads kept for one query. With many queries each belongs to one thread, and indexer_score
 * writes the choice itself; with few, several threads share the keys of a query.
 *
 * How long a sequence is, the plan does not know, so scores are never held for all keys. A query keeps up to top_k and some more
 * candidates; when they are too many, the top_k-th highest score is found by its digits (a radix selection: linear, whatever the scores
 * are), and what lies below goes. Candidates stay in the order of the keys, which settles ties: the lower index was there first.
 *
 * Scores are compared as unsigned integers of the same order: NO_SCORE < NaN < -infinity < ... < infinity.
 */
#include "hadal_kernel.h"
#ifndef HADAL_ISA
#include <string.h>

/* attributes, sorted by name. */
enum { DIM, HEADS, TOP_K };
/* Keys of the widest tile, queries that share one, room for candidates beyond top_k, and values of a digit. */
enum { INDEXER_KEYS = 64, INDEXER_QUERIES = 4, INDEXER_SPARE = 256, INDEXER_DIGITS = 2048 };
enum { NO_SCORE, NAN_SCORE };

typedef float indexer_quad __attribute__((vector_size(16), aligned(4), may_alias));

/* What a query, or a part of its keys, has kept so far. */
typedef struct indexer_candidates {
    uint32_t *scores;
    int32_t *tokens;
    int64_t count;
    uint32_t floor; /* a score must be above it; NO_SCORE until top_k are known */
} indexer_candidates;

/* Candidates that a query has room for. */
static inline int64_t indexer_room(int64_t top) { return top + (top > INDEXER_SPARE ? top : INDEXER_SPARE); }

static uint64_t indexer_score_scratch(const hadal_kernel_args *args) {
    const uint64_t dim = (uint64_t)args->attributes[DIM].i, room = (uint64_t)indexer_room(args->attributes[TOP_K].i);
    return 4 * (2 * INDEXER_KEYS * dim + INDEXER_KEYS + INDEXER_DIGITS + 2 * INDEXER_QUERIES * room);
}
static uint64_t indexer_scratch(const hadal_kernel_args *args) {
    (void)args;
    return 4 * INDEXER_DIGITS;
}

/* New tokens of the step. */
static inline int64_t indexer_tokens(const hadal_step *step) {
    int64_t tokens = 0;
    for (uint32_t s = 0; s < step->sequence_count; s++)
        tokens += ((const hadal_sequence *)((const char *)step->sequences + (size_t)s * step->sequence_stride))->token_count;
    return tokens;
}
/* Parts that the keys of a query are scored in: 1 where the queries alone keep the threads busy. tokens * parts < 4 * threads where more. */
static inline int64_t indexer_parts(int64_t tokens, int64_t threads) {
    return threads == 1 || tokens >= 2 * threads || tokens == 0 ? 1 : (2 * threads + tokens - 1) / tokens;
}

/* The `rank`th highest of `lists` runs of n scores that lie `stride` apart; how many equal to it are among the `rank` highest. */
static uint32_t indexer_ranked(const uint32_t *scores, int64_t lists, int64_t stride, int64_t n, int64_t rank, uint32_t *histogram, int64_t *ties) {
    uint32_t found = 0;
    int shift = 32;
    for (int pass = 0; pass < 3; pass++) {
        const int bits = pass < 2 ? 11 : 10;
        const uint64_t above = (uint64_t)found >> shift;
        shift -= bits;
        memset(histogram, 0, INDEXER_DIGITS * sizeof *histogram);
        for (int64_t list = 0; list < lists; list++)
            for (int64_t i = 0; i < n; i++) {
                const uint64_t score = scores[list * stride + i];
                histogram[score >> shift & ((1u << bits) - 1)] += score >> (shift + bits) == above;
            }
        uint32_t digit = (1u << bits) - 1;
        for (; digit > 0 && histogram[digit] < rank; digit--) rank -= histogram[digit];
        found |= digit << shift;
    }
    *ties = rank;
    return found;
}

/* Keeps the top_k highest; ties by lower index. There are more. */
static void indexer_shrink(indexer_candidates *kept, int64_t top, uint32_t *histogram) {
    int64_t ties, count = 0;
    const uint32_t lowest = indexer_ranked(kept->scores, 1, 0, kept->count, top, histogram, &ties);
    for (int64_t i = 0; i < kept->count; i++) {
        const uint32_t score = kept->scores[i];
        if (score < lowest || (score == lowest && ties-- <= 0)) continue;
        kept->scores[count] = score;
        kept->tokens[count++] = kept->tokens[i];
    }
    kept->count = count;
    kept->floor = lowest;
}

static inline uint32_t indexer_ordered(float score) {
    uint32_t bits;
    if (score != score) return NAN_SCORE;
    score += 0.0f; /* -0 is 0 */
    memcpy(&bits, &score, 4);
    return bits >> 31 ? ~bits : bits | 0x80000000u;
}

/* Offers the scores of n keys from `first` on. */
static void indexer_offer(indexer_candidates *kept, const float *scores, int64_t first, int64_t n, int64_t top, uint32_t *histogram) {
    for (int64_t j = 0; j < n; j++) {
        const uint32_t score = indexer_ordered(scores[j]);
        if (score <= kept->floor) continue;
        kept->scores[kept->count] = score;
        kept->tokens[kept->count++] = (int32_t)(first + j);
        if (kept->count == indexer_room(top)) indexer_shrink(kept, top, histogram);
    }
}

/* All of `seen` tokens, seen <= top. */
static void indexer_choose_all(int32_t *selection, int64_t seen, int64_t top) {
    for (int64_t j = 0; j < seen; j++) selection[j] = (int32_t)j;
    for (int64_t j = seen; j < top; j++) selection[j] = -1;
}

#include "hadal_each_isa.h"

HADAL_EXPORT_KERNEL(indexer, indexer_scratch)
HADAL_EXPORT_KERNEL(indexer_append, 0)
HADAL_EXPORT_KERNEL(indexer_score, indexer_score_scratch)
#else
#include "hadal_simd.h"
#include "hadal_cache.h"
#undef TILE
#define TILE (4 * LANES)

/* input: k; state: key. */
HADAL_KERNEL(indexer_append) {
    const hadal_kernel_tensor *key = &args->inputs[0];
    for (uint32_t s = 0; s < args->step->sequence_count; s++) {
        const hadal_sequence *sequence = step_sequence(args->step, s);
        int64_t token, end;
        hadal_share(sequence->token_count, 1, thread, &token, &end);
        for (; token < end; token++)
            cache_store(
                args->states[0].dtype, cache_row(&args->states[0], args->step, sequence, 0, sequence->past + token),
                (const float *)((const char *)key->data + (sequence->first_token + token) * key->stride), key->columns);
    }
}

/* Cached keys start ..< start + n by columns: to[d * TILE + j] is dimension d of key j, 0 from n on. */
static void HADAL_FN(load_columns)(
    const hadal_kernel_args *args, const hadal_sequence *sequence, int64_t start, int64_t n, int64_t dim, float *rows, float *to) {
    const hadal_kernel_state *state = &args->states[0];
    for (int64_t j = 0; j < n; j++) cache_floats(rows + j * dim, cache_row(state, args->step, sequence, 0, start + j), state->dtype, 1, dim);
    if (n < TILE) memset(rows + n * dim, 0, (size_t)((TILE - n) * dim) * 4);
    for (int64_t j = 0; j < TILE; j += 4) {
        const float *from = rows + j * dim;
        int64_t d = 0;
        for (; d + 4 <= dim; d += 4) {
            const indexer_quad a = *(const indexer_quad *)(from + d), b = *(const indexer_quad *)(from + dim + d);
            const indexer_quad c = *(const indexer_quad *)(from + 2 * dim + d), e = *(const indexer_quad *)(from + 3 * dim + d);
            const indexer_quad ab0 = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab2 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
            const indexer_quad ce0 = __builtin_shufflevector(c, e, 0, 4, 1, 5), ce2 = __builtin_shufflevector(c, e, 2, 6, 3, 7);
            float *at = to + d * TILE + j;
            *(indexer_quad *)at = __builtin_shufflevector(ab0, ce0, 0, 1, 4, 5);
            *(indexer_quad *)(at + TILE) = __builtin_shufflevector(ab0, ce0, 2, 3, 6, 7);
            *(indexer_quad *)(at + 2 * TILE) = __builtin_shufflevector(ab2, ce2, 0, 1, 4, 5);
            *(indexer_quad *)(at + 3 * TILE) = __builtin_shufflevector(ab2, ce2, 2, 3, 6, 7);
        }
        for (; d < dim; d++)
            for (int64_t i = 0; i < 4; i++) to[d * TILE + j + i] = from[i * dim + d];
    }
}

/* max(x, 0), NaN where x is. */
INLINE vf HADAL_FN(rectified)(vf x) { return v_select(x < v_splat(0), v_splat(0), x); }

/* Scores of a tile of keys for one query; those of a key do not depend on the others. */
static void HADAL_FN(score_tile)(const float *q, const float *w, int64_t heads, int64_t dim, const float *columns, float *scores) {
    vf total[4] = {{0}, {0}, {0}, {0}};
    int64_t h = 0;
    for (; h + 2 <= heads; h += 2) {
        const float *q0 = q + h * dim, *q1 = q0 + dim;
        vf a[4] = {{0}, {0}, {0}, {0}}, b[4] = {{0}, {0}, {0}, {0}};
        for (int64_t d = 0; d < dim; d++) {
            const vf x0 = v_splat(q0[d]), x1 = v_splat(q1[d]);
            for (int i = 0; i < 4; i++) {
                const vf k = v_load(columns + d * TILE + i * LANES);
                a[i] += x0 * k;
                b[i] += x1 * k;
            }
        }
        const vf w0 = v_splat(w[h]), w1 = v_splat(w[h + 1]);
        for (int i = 0; i < 4; i++) {
            total[i] += w0 * HADAL_FN(rectified)(a[i]);
            total[i] += w1 * HADAL_FN(rectified)(b[i]);
        }
    }
    if (h < heads) {
        vf a[4] = {{0}, {0}, {0}, {0}};
        for (int64_t d = 0; d < dim; d++)
            for (int i = 0; i < 4; i++) a[i] += v_splat(q[h * dim + d]) * v_load(columns + d * TILE + i * LANES);
        for (int i = 0; i < 4; i++) total[i] += v_splat(w[h]) * HADAL_FN(rectified)(a[i]);
    }
    for (int i = 0; i < 4; i++) v_store(scores + i * LANES, total[i]);
}

/* The best of keys begin ..< end for queries first ..< first + count of a sequence; none sees a key after its own. */
static void HADAL_FN(search)(
    const hadal_kernel_args *args, const hadal_kernel_thread *thread, const hadal_sequence *sequence, int64_t first, int64_t count,
    int64_t begin, int64_t end, indexer_candidates *kept) {
    const int64_t dim = args->attributes[DIM].i, heads = args->attributes[HEADS].i, top = args->attributes[TOP_K].i;
    const int64_t room = indexer_room(top);
    const hadal_kernel_tensor *q = &args->inputs[0], *w = &args->inputs[1];
    float *rows = thread->scratch, *columns = rows + INDEXER_KEYS * dim, *scores = columns + INDEXER_KEYS * dim;
    uint32_t *histogram = (uint32_t *)(scores + INDEXER_KEYS), *candidates = histogram + INDEXER_DIGITS;
    for (int64_t t = 0; t < count; t++) {
        kept[t].scores = candidates + 2 * t * room;
        kept[t].tokens = (int32_t *)kept[t].scores + room;
        kept[t].count = 0;
        kept[t].floor = NO_SCORE;
    }
    for (int64_t start = begin; start < end; start += TILE) {
        const int64_t n = end - start < TILE ? end - start : TILE;
        HADAL_FN(load_columns)(args, sequence, start, n, dim, rows, columns);
        for (int64_t t = 0; t < count; t++) {
            const int64_t row = sequence->first_token + first + t, seen = sequence->past + first + t + 1;
            if (seen <= start) continue;
            HADAL_FN(score_tile)(
                (const float *)((const char *)q->data + row * q->stride), (const float *)((const char *)w->data + row * w->stride), heads, dim,
                columns, scores);
            indexer_offer(kept + t, scores, start, seen - start < n ? seen - start : n, top, histogram);
        }
    }
    for (int64_t t = 0; t < count; t++)
        if (kept[t].count > top) indexer_shrink(kept + t, top, histogram);
}

/* inputs: q, w; state: key; outputs: selection, and for each part of a query top_k scores and top_k tokens. */
HADAL_KERNEL(indexer_score) {
    const hadal_kernel_tensor *selection = &args->outputs[0], *parted = &args->outputs[1];
    const int64_t top = args->attributes[TOP_K].i, tokens = indexer_tokens(args->step), parts = indexer_parts(tokens, thread->count);
    int64_t block = tokens / (2 * (int64_t)thread->count);
    if (block < 1) block = 1;
    if (block > INDEXER_QUERIES) block = INDEXER_QUERIES;
    indexer_candidates kept[INDEXER_QUERIES];
    uint32_t counter = 0;
    int64_t query = 0;
    for (uint32_t s = 0; s < args->step->sequence_count; s++) {
        const hadal_sequence *sequence = step_sequence(args->step, s);
        if (parts > 1) {
            for (int64_t t = 0; t < sequence->token_count; t++, query++) {
                const int64_t seen = sequence->past + t + 1, tiles = (seen + TILE - 1) / TILE;
                if (seen <= top) continue;
                for (int64_t part = 0; part < parts; part++) {
                    if (counter++ % thread->count != thread->index) continue;
                    const int64_t begin = tiles * part / parts * TILE, end = tiles * (part + 1) / parts * TILE;
                    HADAL_FN(search)(args, thread, sequence, t, 1, begin, end < seen ? end : seen, kept);
                    uint32_t *to = (uint32_t *)((char *)parted->data + (query * parts + part) * parted->stride);
                    for (int64_t i = 0; i < top; i++) {
                        to[i] = i < kept->count ? kept->scores[i] : NO_SCORE;
                        to[top + i] = i < kept->count ? (uint32_t)kept->tokens[i] : 0;
                    }
                }
            }
            continue;
        }
        for (int64_t first = 0; first < sequence->token_count; first += block) {
            if (counter++ % thread->count != thread->index) continue;
            const int64_t count = sequence->token_count - first < block ? sequence->token_count - first : block;
            /* Queries see one token more each: those that see no more than top_k come first. */
            int64_t short_ones = top - (sequence->past + first);
            if (short_ones < 0) short_ones = 0;
            if (short_ones > count) short_ones = count;
            if (short_ones < count)
                HADAL_FN(search)(
                    args, thread, sequence, first + short_ones, count - short_ones, 0, sequence->past + first + count, kept);
            for (int64_t t = 0; t < count; t++) {
                int32_t *to = (int32_t *)((char *)selection->data + (sequence->first_token + first + t) * selection->stride);
                if (t < short_ones)
                    indexer_choose_all(to, sequence->past + first + t + 1, top);
                else
                    memcpy(to, kept[t - short_ones].tokens, (size_t)top * 4);
            }
        }
    }
}

/* input: the parts' scores and tokens; output: selection. */
HADAL_KERNEL(indexer) {
    const hadal_kernel_tensor *parted = &args->inputs[0], *selection = &args->outputs[0];
    const int64_t top = args->attributes[TOP_K].i, tokens = indexer_tokens(args->step), parts = indexer_parts(tokens, thread->count);
    if (parts == 1) return;
    int64_t query = 0;
    for (uint32_t s = 0; s < args->step->sequence_count; s++) {
        const hadal_sequence *sequence = step_sequence(args->step, s);
        for (int64_t t = 0; t < sequence->token_count; t++, query++) {
            if (query % thread->count != thread->index) continue;
            int32_t *to = (int32_t *)((char *)selection->data + (sequence->first_token + t) * selection->stride);
            const int64_t seen = sequence->past + t + 1, stride = parted->stride / 4;
            if (seen <= top) {
                indexer_choose_all(to, seen, top);
                continue;
            }
            const uint32_t *scores = (const uint32_t *)parted->data + query * parts * stride;
            int64_t ties, count = 0;
            const uint32_t lowest = indexer_ranked(scores, parts, stride, top, top, thread->scratch, &ties);
            for (int64_t part = 0; part < parts; part++, scores += stride)
                for (int64_t i = 0; i < top; i++) {
                    if (scores[i] < lowest || (scores[i] == lowest && ties-- <= 0)) continue;
                    to[count++] = (int32_t)scores[top + i];
                }
        }
    }
}

#endif
