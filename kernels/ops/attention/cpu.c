/*
 * attention: softmax(scale q k^T) v over a paged cache, with grouped queries, sliding window, later keys, chunks, soft cap and
 * sinks.
 *
 * Two kernels with a barrier between them: attention_append writes the step's keys and values to the cache, attention reads it.
 * The softmax streams over tiles of keys (Milakov and Gimelshein 2018), so that no buffer grows with the context. One item of
 * work is a block of consecutive queries of one sequence times the query heads that share a key head: they all read the same tiles.
 *
 * A few rows take the products with one key after the other, with a horizontal add at the end. Many rows are transposed first, so that a vector holds
 * one element of each of LANES rows: no horizontal add is needed then, up to and including the softmax.
 */
#include "hadal_kernel.h"
#ifndef HADAL_ISA

/* Keys of one tile, and query rows of one item. */
enum { ATTENTION_TILE = 64, ATTENTION_ROWS = 64 };
/* attributes, sorted by name. */
enum { HEAD_DIM, HEADS, KV_HEADS, SCALE, SOFTCAP, VALUE_DIM, WINDOW, WINDOW_CHUNK, WINDOW_FUTURE };

static int64_t attention_block(int64_t group) { return group >= ATTENTION_ROWS ? 1 : ATTENTION_ROWS / group; }

/* Rows with room for whole vectors. */
static int64_t attention_rows(int64_t rows) { return (rows + 15) / 16 * 16; }

static uint64_t attention_scratch(const hadal_kernel_args *args) {
    uint64_t key = (uint64_t)args->attributes[HEAD_DIM].i, value = (uint64_t)args->attributes[VALUE_DIM].i;
    int64_t group = args->attributes[HEADS].i / args->attributes[KV_HEADS].i;
    uint64_t rows = (uint64_t)attention_rows(attention_block(group) * group);
    return 4 * (rows * (key + value + ATTENTION_TILE + 3) + ATTENTION_TILE * key);
}

#include "hadal_each_isa.h"

HADAL_EXPORT_KERNEL(attention, attention_scratch)
HADAL_EXPORT_KERNEL(attention_append, 0)
#else
#include "hadal_simd.h"
#include "hadal_cache.h"

/* Accumulators that fit in registers beside the operands; keys whose products with two vectors of transposed rows fill them. */
#undef SUMS
#undef TRANSPOSED_KEYS
#define SUMS (REGISTERS / 2)
#define TRANSPOSED_KEYS (SUMS / 2)
/* Rows that take every key and value together. With many registers six do, whose sums then fill most of them. */
#undef MOST_ROWS
#define MOST_ROWS (REGISTERS == 32 ? 6 : 4)
/* Keys whose products with 1, 2, 4 or 6 rows are summed at a time. */
#undef SCORE_KEYS
#define SCORE_KEYS(rows) ((rows) > 4 ? 4 : LANES / (rows))
/* Vectors of values that are accumulated at a time for 1, 2, 4 or 6 rows. */
#undef VALUE_VECTORS
#define VALUE_VECTORS(rows) ((rows) > 4 ? 4 : SUMS / (rows) < 8 ? SUMS / (rows) : 8)

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

/* Memory that is needed soon. It is prefetched into the second-level cache beside other work, some lines at a time: a burst makes the processor wait. */
typedef struct {
    const char *at, *end;
    int64_t lines;
} HADAL_FN(prefetch);

INLINE void HADAL_FN(prefetch_next)(HADAL_FN(prefetch) *prefetch) {
    for (int64_t i = 0; i < prefetch->lines && prefetch->at < prefetch->end; i++, prefetch->at += 64) __builtin_prefetch(prefetch->at, 0, 2);
}

/*
 * scores[r * TILE + j] = q row r . key j for `rows` (1, 2, 4 or 6) rows and keys from ..< to. So many keys go together that horizontal adds serve
 * whole vectors of sums. The tail repeats the last key.
 */
INLINE void HADAL_FN(score_rows)(
    uint32_t dtype, int rows, float *scores, const float *q, const char *k, int64_t from, int64_t to, int64_t n, HADAL_FN(prefetch) *prefetch) {
    const int64_t bytes = cache_row_bytes(dtype, n);
    const int keys = SCORE_KEYS(rows), sums = rows * keys;
    for (int64_t first = from; first < to; first += keys) {
        const int64_t count = to - first < keys ? to - first : keys;
        const char *at[LANES];
#pragma GCC unroll 16
        for (int j = 0; j < keys; j++) at[j] = k + (first + (j < count ? j : count - 1)) * bytes;
        HADAL_FN(prefetch_next)(prefetch);
        vf sum[24];
#pragma GCC unroll 24
        for (int i = 0; i < sums; i++) sum[i] = (vf){0};
        int64_t d = 0;
        if (dtype == HADAL_DTYPE_Q8_0)
            for (; d + CACHE_BLOCK <= n; d += CACHE_BLOCK) {
                vf x[CACHE_BLOCK / LANES][MOST_ROWS];
#pragma GCC unroll 8
                for (int c = 0; c < CACHE_BLOCK / LANES; c++)
#pragma GCC unroll 6
                    for (int r = 0; r < rows; r++) x[c][r] = v_load(q + r * n + d + c * LANES);
#pragma GCC unroll 16
                for (int j = 0; j < keys; j++) {
                    const char *block = at[j] + d / CACHE_BLOCK * CACHE_BLOCK_BYTES;
                    const vf scale = v_splat_f16(block);
#pragma GCC unroll 8
                    for (int c = 0; c < CACHE_BLOCK / LANES; c++) {
                        const vf key = v_load_i8(block + 2 + c * LANES) * scale;
#pragma GCC unroll 6
                        for (int r = 0; r < rows; r++) sum[r * keys + j] += x[c][r] * key;
                    }
                }
            }
        for (; d + LANES <= n; d += LANES) {
            vf x[MOST_ROWS];
#pragma GCC unroll 6
            for (int r = 0; r < rows; r++) x[r] = v_load(q + r * n + d);
#pragma GCC unroll 16
            for (int j = 0; j < keys; j++) {
                const vf key = cache_lanes(dtype, at[j], d);
#pragma GCC unroll 6
                for (int r = 0; r < rows; r++) sum[r * keys + j] += x[r] * key;
            }
        }
        float total[24];
#pragma GCC unroll 6
        for (int i = 0; i + LANES <= sums; i += LANES) v_store(total + i, v_sums(sum + i));
#if LANES == 16
        if (sums % LANES) {
            const vf rest = v_sums8(sum + LANES);
            memcpy(total + LANES, &rest, 8 * sizeof(float));
        }
#endif
        for (int r = 0; r < rows && d < n; r++)
            for (int64_t j = 0; j < count; j++)
                for (int64_t i = d; i < n; i++) total[r * keys + j] += q[r * n + i] * cache_element(dtype, at[j], i);
        for (int r = 0; r < rows; r++) memcpy(scores + r * ATTENTION_TILE + first, total + r * keys, (size_t)count * 4);
    }
}

/* acc[r * width ...] = acc * decay[r] + sum over j of p[r * p_row + j * p_key] * value j, for `rows` (1, 2, 4 or 6) rows; `vectors` at column i. */
INLINE void HADAL_FN(accumulate_values)(
    uint32_t dtype, int rows, int vectors, float *acc, const float *decay, const float *p, int64_t p_row, int64_t p_key, const char *v, int64_t count, int64_t width,
    int64_t i, HADAL_FN(prefetch) *prefetch) {
    const int64_t bytes = cache_row_bytes(dtype, width);
    vf sum[24];
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
        for (int c = 0; c < vectors; c++) sum[r * vectors + c] = v_load(acc + r * width + i + c * LANES) * decay[r];
    for (int64_t j = 0; j < count; j++) {
        HADAL_FN(prefetch_next)(prefetch);
        vf value[8];
#pragma GCC unroll 8
        for (int c = 0; c < vectors; c++) value[c] = cache_lanes(dtype, v + j * bytes, i + c * LANES);
#pragma GCC unroll 6
        for (int r = 0; r < rows; r++) {
            const vf weight = v_splat(p[r * p_row + j * p_key]);
#pragma GCC unroll 8
            for (int c = 0; c < vectors; c++) sum[r * vectors + c] += weight * value[c];
        }
    }
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
        for (int c = 0; c < vectors; c++) v_store(acc + r * width + i + c * LANES, sum[r * vectors + c]);
}

INLINE void HADAL_FN(accumulate_value_rows)(
    uint32_t dtype, int rows, float *acc, const float *decay, const float *p, int64_t p_row, int64_t p_key, const char *v, int64_t count, int64_t width,
    HADAL_FN(prefetch) *prefetch) {
    const int64_t bytes = cache_row_bytes(dtype, width);
    const int wide = VALUE_VECTORS(rows), half = wide / 2;
    int64_t i = 0;
    for (; i + wide * LANES <= width; i += wide * LANES)
        HADAL_FN(accumulate_values)(dtype, rows, wide, acc, decay, p, p_row, p_key, v, count, width, i, prefetch);
    for (; i + half * LANES <= width; i += half * LANES)
        HADAL_FN(accumulate_values)(dtype, rows, half, acc, decay, p, p_row, p_key, v, count, width, i, prefetch);
    for (; i + LANES <= width; i += LANES)
        HADAL_FN(accumulate_values)(dtype, rows, 1, acc, decay, p, p_row, p_key, v, count, width, i, prefetch);
    for (; i < width; i++)
#pragma GCC unroll 6
        for (int r = 0; r < rows; r++) {
            float sum = acc[r * width + i] * decay[r];
            for (int64_t j = 0; j < count; j++)
                sum += p[r * p_row + j * p_key] * cache_element(dtype, v + j * bytes, i);
            acc[r * width + i] = sum;
        }
}

/* scores[j * rows + r] = key j . row r for `keys` keys and `vectors` vectors of rows; transposed[d * rows + r]: the rows. */
INLINE void HADAL_FN(score_transposed)(int keys, int vectors, float *scores, const float *transposed, int64_t rows, const float *k, int64_t n) {
    vf sum[TRANSPOSED_KEYS * 2];
#pragma GCC unroll 16
    for (int i = 0; i < keys * vectors; i++) sum[i] = (vf){0};
    for (int64_t d = 0; d < n; d++) {
        vf x[2];
        for (int c = 0; c < vectors; c++) x[c] = v_load(transposed + d * rows + c * LANES);
#pragma GCC unroll 8
        for (int j = 0; j < keys; j++) {
            const vf key = v_splat(k[j * n + d]);
            for (int c = 0; c < vectors; c++) sum[j * vectors + c] += key * x[c];
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < keys * vectors; i++) v_store(scores + i / vectors * rows + i % vectors * LANES, sum[i]);
}

/* The same for all rows and `count` keys. */
INLINE void HADAL_FN(score_all)(float *scores, const float *transposed, int64_t rows, const float *k, int64_t count, int64_t n) {
    for (int64_t r = 0; r < rows; r += 2 * LANES) {
        int64_t j = 0;
        if (r + LANES < rows) {
            for (; j + TRANSPOSED_KEYS <= count; j += TRANSPOSED_KEYS)
                HADAL_FN(score_transposed)(TRANSPOSED_KEYS, 2, scores + j * rows + r, transposed + r, rows, k + j * n, n);
            for (; j < count; j++) HADAL_FN(score_transposed)(1, 2, scores + j * rows + r, transposed + r, rows, k + j * n, n);
        } else {
            for (; j + TRANSPOSED_KEYS <= count; j += TRANSPOSED_KEYS)
                HADAL_FN(score_transposed)(TRANSPOSED_KEYS, 1, scores + j * rows + r, transposed + r, rows, k + j * n, n);
            for (; j < count; j++) HADAL_FN(score_transposed)(1, 1, scores + j * rows + r, transposed + r, rows, k + j * n, n);
        }
    }
}

INLINE vf HADAL_FN(capped)(float cap, vf x) { return cap > 0 ? cap * v_tanh(x / cap) : x; }

/* One item of work: `rows` rows of queries, `group` of each token from `position` on, over one key head. `future`: later keys that a query sees, at most
 * those of the sequence. */
typedef struct {
    const hadal_kernel_state *keys, *values;
    const hadal_step *step;
    const hadal_sequence *sequence;
    int64_t head, group, rows, position, window, chunk, future, key_dim, value_dim;
    float cap;
    float *queries, *acc, *scores, *highest, *total, *decay, *key_tile;
} HADAL_FN(item);

/* Keys from ..< to of the n keys of a tile that starts at key `start` are those that row r sees. */
INLINE void HADAL_FN(seen)(const HADAL_FN(item) *item, int64_t r, int64_t start, int64_t n, int64_t *from, int64_t *to) {
    const int64_t last = item->position + r / item->group; /* this row's own key */
    *from = item->window > 0 && last + 1 - item->window > start ? last + 1 - item->window - start : 0;
    if (item->chunk > 0 && last - last % item->chunk - start > *from) *from = last - last % item->chunk - start;
    const int64_t end = last + 1 + item->future;
    *to = end - start < n ? end - start : n;
}

/* A tile of keys and values with rows as they are. key_prefetch, value_prefetch: byte offsets of the next tile from this one; 0: there is none. */
INLINE void HADAL_FN(tile_few)(
    uint32_t key_type, uint32_t value_type, const HADAL_FN(item) *item, int64_t start, int64_t n, const char *k, const char *v, int64_t key_prefetch,
    int64_t value_prefetch) {
    const int64_t key_bytes = cache_row_bytes(key_type, item->key_dim), value_bytes = cache_row_bytes(value_type, item->value_dim);
    const int64_t rows = item->rows;
    /* Of each key's and value's lines, as many as bring all of the next tile by the end of this one: a row has that share of what is summed at a time. */
    const int is_most = item->group >= MOST_ROWS;
    const int64_t scores_together = is_most ? MOST_ROWS * SCORE_KEYS(MOST_ROWS) : LANES;
    const int64_t vectors = is_most ? MOST_ROWS * VALUE_VECTORS(MOST_ROWS) : item->group > 1 ? SUMS : VALUE_VECTORS(1);
    HADAL_FN(prefetch) keys = {k + key_prefetch, k + key_prefetch + (key_prefetch ? n * key_bytes : 0), (key_bytes * scores_together / 64 + rows - 1) / rows};
    HADAL_FN(prefetch) values = {
        v + value_prefetch, v + value_prefetch + (value_prefetch ? n * value_bytes : 0), (cache_row_bytes(value_type, vectors * LANES) / 64 + rows - 1) / rows};
    for (int64_t r = 0; r < item->rows;) {
        int64_t from, to;
        HADAL_FN(seen)(item, r, start, n, &from, &to);
        /* Rows of one token see the same keys. */
        int64_t count = item->group - r % item->group;
        count = count >= MOST_ROWS ? MOST_ROWS : count >= 4 ? 4 : count >= 2 ? 2 : 1;
        if (from >= to) {
            r += count;
            continue;
        }
        float *scores = item->scores + r * ATTENTION_TILE;
        const float *q = item->queries + r * item->key_dim;
        switch (count) {
        case 1: HADAL_FN(score_rows)(key_type, 1, scores, q, k, from, to, item->key_dim, &keys); break;
        case 2: HADAL_FN(score_rows)(key_type, 2, scores, q, k, from, to, item->key_dim, &keys); break;
        case 4: HADAL_FN(score_rows)(key_type, 4, scores, q, k, from, to, item->key_dim, &keys); break;
        default: HADAL_FN(score_rows)(key_type, MOST_ROWS, scores, q, k, from, to, item->key_dim, &keys);
        }
        for (int64_t i = 0; i < count; i++) {
            float *score = scores + i * ATTENTION_TILE;
            const int64_t first = from / LANES * LANES, end = (to + LANES - 1) / LANES * LANES;
            for (int64_t j = first; j < from; j++) score[j] = -INFINITY;
            for (int64_t j = to; j < end; j++) score[j] = -INFINITY;
            vf top = v_splat(-INFINITY);
            for (int64_t j = first; j < end; j += LANES) {
                vf x = v_load(score + j);
                /* tanh of -infinity is -1: the mask has to survive it. */
                if (item->cap > 0) v_store(score + j, x = v_select(x == v_splat(-INFINITY), x, HADAL_FN(capped)(item->cap, x)));
                top = v_max(top, x);
            }
            float peak = v_reduce_max(top);
            if (peak < item->highest[r + i]) peak = item->highest[r + i];
            item->decay[r + i] = expf(item->highest[r + i] - peak);
            vf sum = {0};
            for (int64_t j = first; j < end; j += LANES) {
                const vf e = v_exp(v_load(score + j) - peak);
                v_store(score + j, e);
                sum += e;
            }
            item->highest[r + i] = peak;
            item->total[r + i] = item->total[r + i] * item->decay[r + i] + v_reduce_add(sum);
        }
        float *acc = item->acc + r * item->value_dim;
        const float *p = scores + from, *decay = item->decay + r;
        v += from * value_bytes;
        switch (count) {
        case 1: HADAL_FN(accumulate_value_rows)(value_type, 1, acc, decay, p, ATTENTION_TILE, 1, v, to - from, item->value_dim, &values); break;
        case 2: HADAL_FN(accumulate_value_rows)(value_type, 2, acc, decay, p, ATTENTION_TILE, 1, v, to - from, item->value_dim, &values); break;
        case 4: HADAL_FN(accumulate_value_rows)(value_type, 4, acc, decay, p, ATTENTION_TILE, 1, v, to - from, item->value_dim, &values); break;
        default: HADAL_FN(accumulate_value_rows)(value_type, MOST_ROWS, acc, decay, p, ATTENTION_TILE, 1, v, to - from, item->value_dim, &values);
        }
        v -= from * value_bytes;
        r += count;
    }
}

/* The same with transposed rows; keys unseen ..< n of the tile. */
INLINE void HADAL_FN(tile_many)(uint32_t value_type, const HADAL_FN(item) *item, int64_t start, int64_t unseen, int64_t n, const char *k, const char *v) {
    const int64_t rows = attention_rows(item->rows), key_dim = item->key_dim;
    k += unseen * cache_row_bytes(item->keys->dtype, key_dim);
    const float *keys = (const float *)k;
    if (item->keys->dtype != HADAL_DTYPE_F32) {
        cache_floats(item->key_tile, k, item->keys->dtype, n - unseen, key_dim);
        keys = item->key_tile;
    }
    HADAL_FN(score_all)(item->scores + unseen * rows, item->queries, rows, keys, n - unseen, key_dim);
    /* Whether all rows see all of these keys: those of the first and of the last token do. */
    int64_t first_from, first_to, last_from, last_to;
    HADAL_FN(seen)(item, 0, start, n, &first_from, &first_to);
    HADAL_FN(seen)(item, item->rows - 1, start, n, &last_from, &last_to);
    const int all = first_to == n && last_from <= unseen;
    for (int64_t r = 0; r < rows; r += LANES) {
        vi from = {0}, to = (int32_t)n - (vi){0};
        for (int i = 0; i < LANES && !all; i++) {
            int64_t first = 0, end = 0;
            if (r + i < item->rows) HADAL_FN(seen)(item, r + i, start, n, &first, &end);
            from[i] = (int32_t)(first < n ? first : n);
            to[i] = (int32_t)(end > 0 ? end : 0);
        }
        const vf before = v_load(item->highest + r);
        vf peak = before;
        for (int64_t j = unseen; j < n; j++) {
            vf x = HADAL_FN(capped)(item->cap, v_load(item->scores + j * rows + r));
            if (!all) {
                const vi at = (int32_t)j - (vi){0};
                x = v_select((at >= from) & (at < to), x, v_splat(-INFINITY));
            }
            if (!all || item->cap > 0) v_store(item->scores + j * rows + r, x);
            peak = v_max(peak, x);
        }
        /* Rows that have seen no key yet have no peak: any will do for them. */
        const vf shift = v_select(peak == v_splat(-INFINITY), (vf){0}, peak), decay = v_exp(before - shift);
        vf sum = {0};
        for (int64_t j = unseen; j < n; j++) {
            const vf e = v_exp(v_load(item->scores + j * rows + r) - shift);
            v_store(item->scores + j * rows + r, e);
            sum += e;
        }
        v_store(item->highest + r, peak);
        v_store(item->decay + r, decay);
        v_store(item->total + r, v_load(item->total + r) * decay + sum);
    }
    v += unseen * cache_row_bytes(value_type, item->value_dim);
    const float *p = item->scores + unseen * rows;
    HADAL_FN(prefetch) none = {0, 0, 0};
    /* Up to three rows more than there are, which nobody reads. */
    for (int64_t r = 0; r < item->rows; r += 4)
        HADAL_FN(accumulate_value_rows)(value_type, 4, item->acc + r * item->value_dim, item->decay + r, p + r, 1, rows, v, n - unseen, item->value_dim, &none);
}

/* All tiles of keys `oldest` ..< `stop`. */
static void HADAL_FN(attend)(const HADAL_FN(item) *item, int is_transposed, int64_t oldest, int64_t stop) {
    const hadal_kernel_state *keys = item->keys, *values = item->values;
    /* Tiles begin at fixed places of a page, not where the window of the block's first query does: a query's sums are split the
     * same way whatever queries share its block. */
    int64_t start = oldest - oldest % keys->page_tokens % ATTENTION_TILE;
    while (start < stop) {
        int64_t n = keys->page_tokens - start % keys->page_tokens;
        if (n > ATTENTION_TILE) n = ATTENTION_TILE;
        if (n > stop - start) n = stop - start;
        const char *k = (const char *)cache_row(keys, item->step, item->sequence, item->head, start);
        const char *v = (const char *)cache_row(values, item->step, item->sequence, item->head, start);
        if (is_transposed) {
            const int64_t unseen = oldest > start ? oldest - start : 0; /* keys that no row sees */
            switch (values->dtype) {
            case HADAL_DTYPE_F32: HADAL_FN(tile_many)(HADAL_DTYPE_F32, item, start, unseen, n, k, v); break;
            case HADAL_DTYPE_F16: HADAL_FN(tile_many)(HADAL_DTYPE_F16, item, start, unseen, n, k, v); break;
            case HADAL_DTYPE_Q8_0: HADAL_FN(tile_many)(HADAL_DTYPE_Q8_0, item, start, unseen, n, k, v); break;
            default: HADAL_FN(tile_many)(HADAL_DTYPE_BF16, item, start, unseen, n, k, v);
            }
        } else {
            const int is_last = start + n >= stop;
            const int64_t key_prefetch = is_last ? 0 : (const char *)cache_row(keys, item->step, item->sequence, item->head, start + n) - k;
            const int64_t value_prefetch = is_last ? 0 : (const char *)cache_row(values, item->step, item->sequence, item->head, start + n) - v;
            if (keys->dtype == HADAL_DTYPE_F32 && values->dtype == HADAL_DTYPE_F32)
                HADAL_FN(tile_few)(HADAL_DTYPE_F32, HADAL_DTYPE_F32, item, start, n, k, v, key_prefetch, value_prefetch);
            else if (keys->dtype == HADAL_DTYPE_F16 && values->dtype == HADAL_DTYPE_F16)
                HADAL_FN(tile_few)(HADAL_DTYPE_F16, HADAL_DTYPE_F16, item, start, n, k, v, key_prefetch, value_prefetch);
            else if (keys->dtype == HADAL_DTYPE_Q8_0 && values->dtype == HADAL_DTYPE_Q8_0)
                HADAL_FN(tile_few)(HADAL_DTYPE_Q8_0, HADAL_DTYPE_Q8_0, item, start, n, k, v, key_prefetch, value_prefetch);
            else
                HADAL_FN(tile_few)(keys->dtype, values->dtype, item, start, n, k, v, key_prefetch, value_prefetch);
        }
        start += n;
    }
}

/* inputs: q, sinks; states: key, value; output: y. */
HADAL_KERNEL(attention) {
    const hadal_kernel_attribute *attribute = args->attributes;
    const int64_t key_dim = attribute[HEAD_DIM].i, value_dim = attribute[VALUE_DIM].i, kv_heads = attribute[KV_HEADS].i;
    const int64_t group = attribute[HEADS].i / kv_heads, window = attribute[WINDOW].i;
    /* A contract of before has no chunks. */
    const int64_t chunk = args->attribute_count > WINDOW_CHUNK ? attribute[WINDOW_CHUNK].i : 0;
    /* Nor has it later keys. */
    const int64_t future = args->attribute_count > WINDOW_FUTURE ? attribute[WINDOW_FUTURE].i : 0;
    const float scale = (float)attribute[SCALE].f;
    const hadal_kernel_tensor *q = &args->inputs[0], *y = &args->outputs[0];
    const float *sinks = args->inputs[1].data;
    const int64_t block = attention_block(group), most = attention_rows(block * group);
    float *queries = thread->scratch, *acc = queries + most * key_dim, *scores = acc + most * value_dim;
    float *highest = scores + most * ATTENTION_TILE, *total = highest + most, *decay = total + most;
    HADAL_FN(item) item = {&args->states[0], &args->states[1], args->step, 0, 0, group, 0, 0, window, chunk, 0, key_dim, value_dim,
                           (float)attribute[SOFTCAP].f, queries, acc, scores, highest, total, decay, decay + most};

    uint32_t counter = 0;
    for (uint32_t s = 0; s < args->step->sequence_count; s++) {
        const hadal_sequence *sequence = step_sequence(args->step, s);
        const int64_t count = sequence->token_count, length = sequence->past + count;
        item.future = future < 0 || future > length ? length : future;
        for (int64_t first = 0; first < count; first += block)
            for (int64_t head = 0; head < kv_heads; head++) {
                if (counter++ % thread->count != thread->index) continue;
                const int64_t tokens = count - first < block ? count - first : block, rows = tokens * group, wide = attention_rows(rows);
                /* Transposed rows add in another order: which way is taken may depend on whether there are more than HADAL_STABLE_TOKENS tokens alone. */
                const int is_transposed = group > 8 || count > HADAL_STABLE_TOKENS;
                item.sequence = sequence;
                item.head = head;
                item.rows = rows;
                item.position = sequence->past + first;
                for (int64_t r = 0; r < wide; r++) {
                    highest[r] = r < rows && sinks ? sinks[head * group + r % group] : -INFINITY;
                    total[r] = sinks ? 1.0f : 0.0f;
                }
                for (int64_t r = 0; r < rows; r++) {
                    const int64_t token = sequence->first_token + first + r / group;
                    const float *from = (const float *)((const char *)q->data + token * q->stride) + (head * group + r % group) * key_dim;
                    if (is_transposed)
                        for (int64_t d = 0; d < key_dim; d++) queries[d * wide + r] = from[d] * scale;
                    else
                        for (int64_t d = 0; d < key_dim; d++) queries[r * key_dim + d] = from[d] * scale;
                }
                if (is_transposed && rows < wide)
                    for (int64_t d = 0; d < key_dim; d++) memset(queries + d * wide + rows, 0, (size_t)(wide - rows) * 4);
                memset(acc, 0, (size_t)(wide * value_dim) * 4);
                int64_t oldest = window > 0 && item.position + 1 > window ? item.position + 1 - window : 0;
                if (chunk > 0 && item.position - item.position % chunk > oldest) oldest = item.position - item.position % chunk;
                const int64_t stop = item.position + tokens + item.future;
                HADAL_FN(attend)(&item, is_transposed, oldest, stop < length ? stop : length);
                for (int64_t r = 0; r < rows; r++) {
                    const int64_t token = sequence->first_token + first + r / group;
                    float *to = (float *)((char *)y->data + token * y->stride) + (head * group + r % group) * value_dim;
                    const float inverse = 1.0f / total[r];
                    for (int64_t d = 0; d < value_dim; d++) to[d] = acc[r * value_dim + d] * inverse;
                }
            }
    }
}

#endif
