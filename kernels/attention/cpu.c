/*
 * attention: softmax(scale q k^T) v over a paged cache, with grouped queries, sliding window, soft cap and sinks.
 *
 * Two kernels with a barrier between them: attention_append writes the step's keys and values to the cache, attention reads it.
 * The softmax streams over tiles of keys (Milakov and Gimelshein 2018), so that no buffer grows with the context. One item of
 * work is a block of consecutive queries of one sequence times the query heads that share a key head: they all read the same tiles.
 */
#include "hadal_kernel.h"
#ifndef HADAL_ISA

/* Keys of one tile, and query rows of one item. */
enum { ATTENTION_TILE = 64, ATTENTION_ROWS = 64 };
/* attributes, sorted by name. */
enum { HEAD_DIM, HEADS, KV_HEADS, SCALE, SOFTCAP, VALUE_DIM, WINDOW };

static int64_t attention_block(int64_t group) { return group >= ATTENTION_ROWS ? 1 : ATTENTION_ROWS / group; }

static uint64_t attention_scratch(const hadal_kernel_args *args) {
    uint64_t key = (uint64_t)args->attributes[HEAD_DIM].i, value = (uint64_t)args->attributes[VALUE_DIM].i;
    int64_t group = args->attributes[HEADS].i / args->attributes[KV_HEADS].i;
    uint64_t rows = (uint64_t)(attention_block(group) * group);
    return 4 * (rows * (key + value + ATTENTION_TILE + 2) + ATTENTION_TILE * (2 * key + value));
}

#include "hadal_each_isa.h"

HADAL_EXPORT_KERNEL(attention, attention_scratch)
HADAL_EXPORT_KERNEL(attention_append, 0)
#else
#include "hadal_simd.h"
#include "hadal_cache.h"

/* inputs: k, v; states: key, value. */
HADAL_KERNEL(attention_append) {
    const hadal_kernel_tensor *k = &args->inputs[0], *v = &args->inputs[1];
    const hadal_kernel_state *key = &args->states[0], *value = &args->states[1];
    for (uint32_t s = 0; s < args->step->sequence_count; s++) {
        const hadal_sequence *sequence = step_sequence(args->step, s);
        int64_t item, end;
        hadal_share((int64_t)sequence->token_count * key->heads, 1, thread, &item, &end);
        for (; item < end; item++) {
            int64_t token = item / key->heads, head = item % key->heads, row = sequence->first_token + token;
            const float *from = (const float *)((const char *)k->data + row * k->stride) + head * key->width;
            cache_store(key->dtype, cache_row(key, args->step, sequence, head, sequence->past + token), from, key->width);
            from = (const float *)((const char *)v->data + row * v->stride) + head * value->width;
            cache_store(value->dtype, cache_row(value, args->step, sequence, head, sequence->past + token), from, value->width);
        }
    }
}

INLINE float HADAL_FN(dot)(const float *a, const float *b, int64_t n) {
    vf sum0 = {0}, sum1 = {0};
    int64_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        sum0 += v_load(a + i) * v_load(b + i);
        sum1 += v_load(a + i + LANES) * v_load(b + i + LANES);
    }
    for (; i + LANES <= n; i += LANES) sum0 += v_load(a + i) * v_load(b + i);
    float rest = 0;
    for (; i < n; i++) rest += a[i] * b[i];
    return v_sum(sum0 + sum1) + rest;
}

/* acc[0 ..< width] = acc * decay + sum over j of p[j] * v[j * stride ...]. */
INLINE void HADAL_FN(accumulate)(float *acc, float decay, const float *p, const float *v, int64_t count, int64_t width) {
    int64_t i = 0;
    for (; i + 4 * LANES <= width; i += 4 * LANES) {
        vf a0 = v_load(acc + i) * decay, a1 = v_load(acc + i + LANES) * decay;
        vf a2 = v_load(acc + i + 2 * LANES) * decay, a3 = v_load(acc + i + 3 * LANES) * decay;
        for (int64_t j = 0; j < count; j++) {
            const float *row = v + j * width + i;
            vf weight = v_splat(p[j]);
            a0 += weight * v_load(row);
            a1 += weight * v_load(row + LANES);
            a2 += weight * v_load(row + 2 * LANES);
            a3 += weight * v_load(row + 3 * LANES);
        }
        v_store(acc + i, a0);
        v_store(acc + i + LANES, a1);
        v_store(acc + i + 2 * LANES, a2);
        v_store(acc + i + 3 * LANES, a3);
    }
    for (; i + LANES <= width; i += LANES) {
        vf a = v_load(acc + i) * decay;
        for (int64_t j = 0; j < count; j++) a += v_splat(p[j]) * v_load(v + j * width + i);
        v_store(acc + i, a);
    }
    for (; i < width; i++) {
        float a = acc[i] * decay;
        for (int64_t j = 0; j < count; j++) a += p[j] * v[j * width + i];
        acc[i] = a;
    }
}

/* scores[0 ..< TILE] = q . transposed columns. */
INLINE void HADAL_FN(score_tile)(float *scores, const float *q, const float *transposed, int64_t n) {
    for (int64_t i = 0; i < ATTENTION_TILE; i += 4 * LANES) {
        vf s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
        for (int64_t d = 0; d < n; d++) {
            const float *column = transposed + d * ATTENTION_TILE + i;
            vf w = v_splat(q[d]);
            s0 += w * v_load(column);
            s1 += w * v_load(column + LANES);
            s2 += w * v_load(column + 2 * LANES);
            s3 += w * v_load(column + 3 * LANES);
        }
        v_store(scores + i, s0);
        v_store(scores + i + LANES, s1);
        v_store(scores + i + 2 * LANES, s2);
        v_store(scores + i + 3 * LANES, s3);
    }
}

/* inputs: q, sinks; states: key, value; output: y. */
HADAL_KERNEL(attention) {
    const hadal_kernel_attribute *attribute = args->attributes;
    const int64_t key_dim = attribute[HEAD_DIM].i, value_dim = attribute[VALUE_DIM].i, kv_heads = attribute[KV_HEADS].i;
    const int64_t group = attribute[HEADS].i / kv_heads, window = attribute[WINDOW].i;
    const float scale = (float)attribute[SCALE].f, cap = (float)attribute[SOFTCAP].f;
    const hadal_kernel_tensor *q = &args->inputs[0], *y = &args->outputs[0];
    const float *sinks = args->inputs[1].data;
    const hadal_kernel_state *keys = &args->states[0], *values = &args->states[1];
    const int64_t block = attention_block(group), most = block * group;
    float *queries = thread->scratch, *acc = queries + most * key_dim, *scores = acc + most * value_dim;
    float *highest = scores + most * ATTENTION_TILE, *total = highest + most;
    float *transposed = total + most, *key_tile = transposed + ATTENTION_TILE * key_dim, *value_tile = key_tile + ATTENTION_TILE * key_dim;

    uint32_t counter = 0;
    for (uint32_t s = 0; s < args->step->sequence_count; s++) {
        const hadal_sequence *sequence = step_sequence(args->step, s);
        const int64_t count = sequence->token_count;
        /* Few tokens: smaller blocks than the scratch allows would only help balance when there are fewer items than threads. */
        for (int64_t first = 0; first < count; first += block)
            for (int64_t head = 0; head < kv_heads; head++) {
                if (counter++ % thread->count != thread->index) continue;
                const int64_t tokens = count - first < block ? count - first : block, rows = tokens * group;
                for (int64_t r = 0; r < rows; r++) {
                    const int64_t token = sequence->first_token + first + r / group, query_head = head * group + r % group;
                    const float *from = (const float *)((const char *)q->data + token * q->stride) + query_head * key_dim;
                    for (int64_t d = 0; d < key_dim; d++) queries[r * key_dim + d] = from[d] * scale;
                    highest[r] = sinks ? sinks[query_head] : -INFINITY;
                    total[r] = sinks ? 1.0f : 0.0f;
                }
                memset(acc, 0, (size_t)(rows * value_dim) * 4);

                const int64_t position = sequence->past + first, stop = position + tokens; /* keys 0 ..< stop */
                const int64_t oldest = window > 0 && position + 1 > window ? position + 1 - window : 0;
                /* Tiles begin at fixed places of a page, not where the window of the block's first query does: a query's sums are split the
                 * same way whatever queries share its block. */
                int64_t start = oldest - oldest % keys->page_tokens % ATTENTION_TILE;
                while (start < stop) {
                    int64_t n = keys->page_tokens - start % keys->page_tokens;
                    if (n > ATTENTION_TILE) n = ATTENTION_TILE;
                    if (n > stop - start) n = stop - start;
                    const float *k = (const float *)cache_row(keys, args->step, sequence, head, start);
                    const float *v = (const float *)cache_row(values, args->step, sequence, head, start);
                    const int64_t unseen = oldest > start ? oldest - start : 0; /* keys that no row sees */
                    if (keys->dtype != HADAL_DTYPE_F32) {
                        floats_from(key_tile + unseen * key_dim, (const char *)k + unseen * key_dim * 2, keys->dtype, (n - unseen) * key_dim);
                        k = key_tile;
                    }
                    if (values->dtype != HADAL_DTYPE_F32) {
                        floats_from(value_tile + unseen * value_dim, (const char *)v + unseen * value_dim * 2, values->dtype, (n - unseen) * value_dim);
                        v = value_tile;
                    }
                    /* With several rows it pays to turn the keys round, so that scores come out as vectors. That adds in another order, so it
                     * depends on the number of tokens only beyond HADAL_STABLE_TOKENS. */
                    const int turned = rows > 4 && (group > 4 || count > HADAL_STABLE_TOKENS);
                    if (turned) {
                        if (n < ATTENTION_TILE || unseen) memset(transposed, 0, (size_t)(ATTENTION_TILE * key_dim) * 4);
                        for (int64_t j = unseen; j < n; j++)
                            for (int64_t d = 0; d < key_dim; d++) transposed[d * ATTENTION_TILE + j] = k[j * key_dim + d];
                    }
                    for (int64_t r = 0; r < rows; r++) {
                        const int64_t last = position + r / group; /* the newest key that this row sees */
                        int64_t from = window > 0 && last + 1 - window > start ? last + 1 - window - start : 0;
                        int64_t to = last + 1 - start < n ? last + 1 - start : n;
                        if (from >= to) continue;
                        float *score = scores + r * ATTENTION_TILE;
                        if (turned)
                            HADAL_FN(score_tile)(score, queries + r * key_dim, transposed, key_dim);
                        else
                            for (int64_t j = from; j < to; j++) score[j] = HADAL_FN(dot)(queries + r * key_dim, k + j * key_dim, key_dim);
                        for (int64_t j = 0; j < from; j++) score[j] = -INFINITY;
                        for (int64_t j = to; j < ATTENTION_TILE; j++) score[j] = -INFINITY;
                        if (cap > 0)
                            for (int64_t j = 0; j < ATTENTION_TILE; j += LANES) {
                                vf x = v_load(score + j);
                                /* tanh of -infinity is -1: the mask has to survive it. */
                                v_store(score + j, v_select(x == v_splat(-INFINITY), x, cap * v_tanh(x / cap)));
                            }
                        vf top = v_load(score);
                        for (int64_t j = LANES; j < ATTENTION_TILE; j += LANES) top = v_max(top, v_load(score + j));
                        float peak = v_highest(top);
                        if (peak < highest[r]) peak = highest[r];
                        const float decay = expf(highest[r] - peak);
                        vf sum = {0};
                        for (int64_t j = 0; j < ATTENTION_TILE; j += LANES) {
                            vf p = v_exp(v_load(score + j) - peak);
                            v_store(score + j, p);
                            sum += p;
                        }
                        highest[r] = peak;
                        total[r] = total[r] * decay + v_sum(sum);
                        HADAL_FN(accumulate)(acc + r * value_dim, decay, score + from, v + from * value_dim, to - from, value_dim);
                    }
                    start += n;
                }
                for (int64_t r = 0; r < rows; r++) {
                    const int64_t token = sequence->first_token + first + r / group, query_head = head * group + r % group;
                    float *to = (float *)((char *)y->data + token * y->stride) + query_head * value_dim;
                    const float inverse = 1.0f / total[r];
                    for (int64_t d = 0; d < value_dim; d++) to[d] = acc[r * value_dim + d] * inverse;
                }
            }
    }
}

#endif
