/*
 * block_attention: softmax(scale q k^T) v over those blocks of a paged cache that were chosen for each query.
 *
 * block_attention_append writes the step's keys and values, with a barrier before block_attention, which reads them. The softmax streams over
 * tiles of a block's keys (Milakov and Gimelshein 2018). A query head of a token belongs to one thread; blocks are taken in the order that is
 * given, and tiles begin where blocks do, so that a token has the same bits whatever came with it.
 */
#include "hadal_kernel.h"
#ifndef HADAL_ISA

enum { BLOCK_TILE = 64 };
/* attributes, sorted by name. */
enum { BLOCK, CHOICES, HEAD_DIM, HEADS, KV_HEADS, SCALE, VALUE_DIM };

static uint64_t block_attention_scratch(const hadal_kernel_args *args) {
    return 4 * ((uint64_t)args->attributes[HEAD_DIM].i + (uint64_t)args->attributes[VALUE_DIM].i + BLOCK_TILE);
}

#include "hadal_each_isa.h"

HADAL_EXPORT_KERNEL(block_attention, block_attention_scratch)
HADAL_EXPORT_KERNEL(block_attention_append, 0)
#else
#include "hadal_simd.h"
#include "hadal_cache.h"

/* inputs: k, v; states: key, value. */
HADAL_KERNEL(block_attention_append) {
    for (uint32_t s = 0; s < args->step->sequence_count; s++) {
        const hadal_sequence *sequence = step_sequence(args->step, s);
        const int64_t heads = args->states[0].heads;
        int64_t item, end;
        hadal_share((int64_t)sequence->token_count * heads, 1, thread, &item, &end);
        for (; item < end; item++)
            for (int i = 0; i < 2; i++) {
                const hadal_kernel_state *state = &args->states[i];
                const hadal_kernel_tensor *rows = &args->inputs[i];
                const int64_t token = item / heads, head = item % heads;
                const float *from = (const float *)((const char *)rows->data + (sequence->first_token + token) * rows->stride) + head * state->width;
                cache_store(state->dtype, cache_row(state, args->step, sequence, head, sequence->past + token), from, state->width);
            }
    }
}

/* What a query head has added up so far. */
typedef struct {
    float *query, *sum, *scores;
    float highest, total;
} HADAL_FN(row);

/* Adds keys from ..< to of one block, at most BLOCK_TILE of them. */
INLINE void HADAL_FN(add_tile)(
    uint32_t key_type, uint32_t value_type, const hadal_kernel_args *args, const hadal_sequence *sequence, int64_t head, int64_t from, int64_t to,
    HADAL_FN(row) *row) {
    const hadal_kernel_state *keys = &args->states[0], *values = &args->states[1];
    const int64_t key_dim = keys->width, value_dim = values->width;
    float most = row->highest;
    for (int64_t j = from; j < to; j++) {
        const char *key = cache_row(keys, args->step, sequence, head, j);
        vf sum = {0};
        int64_t i = 0;
        for (; i + LANES <= key_dim; i += LANES) sum += v_load(row->query + i) * cache_lanes(key_type, key, i);
        float product = v_reduce_add(sum);
        for (; i < key_dim; i++) product += row->query[i] * cache_element(key_type, key, i);
        row->scores[j - from] = product;
        most = product > most ? product : most;
    }
    const float shrink = expf(row->highest - most);
    row->highest = most;
    row->total *= shrink;
    for (int64_t i = 0; i < value_dim; i++) row->sum[i] *= shrink;
    for (int64_t j = from; j < to; j++) {
        const float share = expf(row->scores[j - from] - most);
        const char *value = cache_row(values, args->step, sequence, head, j);
        row->total += share;
        int64_t i = 0;
        for (; i + LANES <= value_dim; i += LANES) v_store(row->sum + i, v_load(row->sum + i) + share * cache_lanes(value_type, value, i));
        for (; i < value_dim; i++) row->sum[i] += share * cache_element(value_type, value, i);
    }
}

/* inputs: q, blocks; states: key, value; output: y. */
HADAL_KERNEL(block_attention) {
    const hadal_kernel_attribute *attribute = args->attributes;
    const int64_t block = attribute[BLOCK].i, choices = attribute[CHOICES].i, heads = attribute[HEADS].i, kv_heads = attribute[KV_HEADS].i;
    const int64_t key_dim = attribute[HEAD_DIM].i, value_dim = attribute[VALUE_DIM].i;
    const float scale = (float)attribute[SCALE].f;
    const hadal_kernel_tensor *q = &args->inputs[0], *blocks = &args->inputs[1], *y = &args->outputs[0];
    const int64_t chosen = blocks->columns / choices;
    const uint32_t key_type = args->states[0].dtype, value_type = args->states[1].dtype;
    float *scratch = thread->scratch;
    uint32_t counter = 0;
    for (uint32_t s = 0; s < args->step->sequence_count; s++) {
        const hadal_sequence *sequence = step_sequence(args->step, s);
        for (int64_t t = 0; t < sequence->token_count; t++)
            for (int64_t head = 0; head < heads; head++) {
                if (counter++ % thread->count != thread->index) continue;
                const int64_t token = (int64_t)sequence->first_token + t, seen = (int64_t)sequence->past + t + 1;
                const float *from = (const float *)((const char *)q->data + token * q->stride) + head * key_dim;
                const int32_t *list = (const int32_t *)((const char *)blocks->data + token * blocks->stride) + head / (heads / choices) * chosen;
                float *to = (float *)((char *)y->data + token * y->stride) + head * value_dim;
                HADAL_FN(row) row = {scratch, scratch + key_dim, scratch + key_dim + value_dim, -INFINITY, 0};
                for (int64_t i = 0; i < key_dim; i++) row.query[i] = from[i] * scale;
                memset(row.sum, 0, (size_t)value_dim * 4);
                for (int64_t c = 0; c < chosen; c++) {
                    if (list[c] < 0 || (int64_t)list[c] * block >= seen) continue;
                    const int64_t begin = list[c] * block, end = begin + block < seen ? begin + block : seen;
                    for (int64_t at = begin; at < end; at += BLOCK_TILE) {
                        const int64_t stop = at + BLOCK_TILE < end ? at + BLOCK_TILE : end, kv_head = head / (heads / kv_heads);
                        if (key_type == HADAL_DTYPE_F16 && value_type == HADAL_DTYPE_F16)
                            HADAL_FN(add_tile)(HADAL_DTYPE_F16, HADAL_DTYPE_F16, args, sequence, kv_head, at, stop, &row);
                        else if (key_type == HADAL_DTYPE_F32 && value_type == HADAL_DTYPE_F32)
                            HADAL_FN(add_tile)(HADAL_DTYPE_F32, HADAL_DTYPE_F32, args, sequence, kv_head, at, stop, &row);
                        else
                            HADAL_FN(add_tile)(key_type, value_type, args, sequence, kv_head, at, stop, &row);
                    }
                }
                const float inverse = row.total > 0 ? 1 / row.total : 0;
                for (int64_t i = 0; i < value_dim; i++) to[i] = row.sum[i] * inverse;
            }
    }
}

#endif
