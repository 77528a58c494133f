/*
 * latent_attention: attention over one latent row and one rotary key per token, which all heads share (arXiv 2405.04434, section 2.1).
 *
 * The cache holds rank + rope_dim elements a token. With kv_b = [K; V] of a head there are two ways to the same result:
 *
 *     absorbed   q' = K^T q once for each query; scores are q' . latent; y = V (sum of p latent). A long row for each score, none for
 *                each key: for few new tokens, and where every query sees other keys.
 *     expanded   k = K latent and v = V latent for a tile of keys, then attention as usual. Short rows, but each key has a price: for
 *                many new tokens.
 *
 * Which is cheaper is reckoned for each sequence. Where a selection leaves keys out, queries are absorbed and each gathers its own
 * rows of the cache, a tile at a time; a selection that leaves none out is as good as none. latent_attention_append writes the cache
 * before; latent_attention_pack converts a quantised kv_b to float16 at load. The softmax streams over tiles of keys (Milakov and
 * Gimelshein 2018).
 */
#include "hadal_kernel.h"
#ifndef HADAL_ISA

/* Keys of one tile; rows (queries times heads) that go over a tile together, and rows and queries of one item, of the absorbed form. */
enum { LATENT_TILE = 64, LATENT_GROUP = 32, LATENT_ROWS = 128, LATENT_QUERIES = 4 };
/* attributes, sorted by name; then rows and columns of the blocks of kv_b's scales, and which form to take. */
enum { HEADS, NOPE_DIM, RANK, ROPE_DIM, SCALE, VALUE_DIM, BLOCK_ROWS, BLOCK_COLUMNS, FORM };
enum { FORM_AUTO, FORM_ABSORBED, FORM_EXPANDED };

static uint64_t latent_scratch(const hadal_kernel_args *args) {
    const hadal_kernel_attribute *attribute = args->attributes;
    const uint64_t rank = (uint64_t)attribute[RANK].i, key = rank + (uint64_t)attribute[ROPE_DIM].i;
    const uint64_t head = (uint64_t)(attribute[NOPE_DIM].i + attribute[ROPE_DIM].i), value = (uint64_t)attribute[VALUE_DIM].i;
    const uint64_t absorbed = LATENT_ROWS * (key + rank + 2) + LATENT_GROUP * LATENT_TILE + LATENT_TILE * key + 4 * rank;
    const uint64_t expanded = 2 * (uint64_t)args->inputs[0].rows + 4 * LATENT_TILE + LATENT_TILE * (key + head + value);
    return 4 * (absorbed > expanded ? absorbed : expanded);
}

#include "hadal_intrinsics.h"
#include "hadal_each_isa.h"

HADAL_EXPORT_KERNEL(latent_attention, latent_scratch)
HADAL_EXPORT_KERNEL(latent_attention_append, 0)
HADAL_EXPORT_KERNEL(latent_attention_pack, 0)
#else
#include "hadal_simd.h"
#include "hadal_blocks.h"
#include "hadal_float.h"
#include "hadal_cache.h"

/* input: kv_b as stored in blocks; output: float16 rows. */
HADAL_KERNEL(latent_attention_pack) {
    const hadal_kernel_tensor *stored = &args->inputs[0], *to = &args->outputs[0];
    const int64_t columns = block_columns(stored->dtype);
    int64_t row, end;
    hadal_share(stored->rows, 1, thread, &row, &end);
    for (; row < end; row++) {
        const uint8_t *from = (const uint8_t *)stored->data + row * stored->stride;
        uint16_t *out = (uint16_t *)((char *)to->data + row * to->stride);
        decoded_block block;
        for (int64_t c = 0; c < stored->columns; c += columns, from += block_bytes(stored->dtype)) {
            decode_block(stored->dtype, from, &block);
            for (int64_t i = 0; i < columns; i++)
                out[c + i] = f32_to_f16(block.scale[i / 16] * (float)block.code[i] + block.minimum[i / 16]);
        }
    }
}

/* inputs: latent, k_rope; state: latent. */
HADAL_KERNEL(latent_attention_append) {
    const hadal_kernel_tensor *latent = &args->inputs[0], *key = &args->inputs[1];
    const hadal_kernel_state *state = &args->states[0];
    for (uint32_t s = 0; s < args->step->sequence_count; s++) {
        const hadal_sequence *sequence = step_sequence(args->step, s);
        int64_t token, end;
        hadal_share(sequence->token_count, 1, thread, &token, &end);
        for (; token < end; token++) {
            const int64_t row = sequence->first_token + token;
            cache_store_joined(
                state->dtype, cache_row(state, args->step, sequence, 0, sequence->past + token),
                (const float *)((const char *)latent->data + row * latent->stride), latent->columns,
                (const float *)((const char *)key->data + row * key->stride), key->columns);
        }
    }
}

/* ---- kv_b ------------------------------------------------------------------------------------------------------ */

/* Rows `row` ..< row + count (<= 4, the last repeated) of kv_b: as stored, or in `buffer` as float32 if they are float8 or `copies`. */
INLINE weight_rows HADAL_FN(rows_at)(const hadal_kernel_args *args, int64_t row, int64_t count, int copies, float *buffer) {
    const hadal_kernel_tensor *weight = &args->inputs[1], *scales = &args->inputs[3];
    weight_rows at = {{0}, weight->dtype, 4 * weight->stride - weight->columns * (weight->dtype == HADAL_DTYPE_F32 ? 4 : 2)};
    copies = copies || weight->dtype == HADAL_DTYPE_F8_E4M3;
    if (copies) at.dtype = HADAL_DTYPE_F32, at.next = 0;
    for (int64_t r = 0; r < 4; r++) {
        if (r >= count) {
            at.rows[r] = at.rows[count - 1];
            continue;
        }
        at.rows[r] = (const uint8_t *)weight->data + (row + r) * weight->stride;
        if (!copies) continue;
        const float *scale = scales->data ? (const float *)scales->data + (row + r) / args->attributes[BLOCK_ROWS].i * scales->columns : 0;
        floats_of_row(buffer + r * weight->columns, at.rows[r], weight->dtype, scale, args->attributes[BLOCK_COLUMNS].i, weight->columns);
        at.rows[r] = (const uint8_t *)(buffer + r * weight->columns);
    }
    return at;
}

/* ---- the softmax ----------------------------------------------------------------------------------------------- */

/* to[r * to_stride + j * step] = rows[r] . keys[j], for 4 rows and n keys. */
INLINE void HADAL_FN(dots)(const float *const *rows, const float *keys, int64_t stride, int64_t n, int64_t width, int64_t count, float *to, int64_t to_stride, int64_t step) {
    const uint8_t *w[FLOAT_ROWS];
    for (int r = 0; r < FLOAT_ROWS; r++) w[r] = (const uint8_t *)rows[r];
    for (int64_t j = 0; j < n;) {
        float out[FLOAT_ROWS * FLOAT_TOKENS];
        const int taken = j + FLOAT_TOKENS <= n ? FLOAT_TOKENS : 1;
        if (taken == FLOAT_TOKENS)
            float_tile(HADAL_DTYPE_F32, FLOAT_TOKENS, w, 0, keys + j * stride, stride, width, out);
        else
            float_tile(HADAL_DTYPE_F32, 1, w, 0, keys + j * stride, stride, width, out);
        for (int u = 0; u < taken; u++, j++)
            for (int64_t r = 0; r < count; r++) to[r * to_stride + j * step] = out[u * FLOAT_ROWS + r];
    }
}

/*
 * Scores of a row's tile to probabilities over the highest score so far; returns what the row's sum and accumulator shrink by. Keys from
 * `seen` on are hidden; seen >= 1.
 */
INLINE float HADAL_FN(soften)(float *score, float scale, int64_t seen, float *highest, float *total) {
    for (int64_t j = 0; j < seen; j++) score[j] *= scale;
    for (int64_t j = seen; j < LATENT_TILE; j++) score[j] = -INFINITY;
    vf top = v_load(score);
    for (int64_t j = LANES; j < LATENT_TILE; j += LANES) top = v_max(top, v_load(score + j));
    float peak = v_reduce_max(top);
    if (peak < *highest) peak = *highest;
    const float decay = expf(*highest - peak);
    vf sum = {0};
    for (int64_t j = 0; j < LATENT_TILE; j += LANES) {
        vf p = v_exp(v_load(score + j) - peak);
        v_store(score + j, p);
        sum += p;
    }
    *highest = peak;
    *total = *total * decay + v_reduce_add(sum);
    return decay;
}

/*
 * acc[r] = acc[r] * decay[r] + sum over j < seen[r] of p[r][j] * v[j], for `count` (<= 4) rows; p's rows are LATENT_TILE apart. Keys that a row
 * does not see take no part, not even with probability 0: what comes after a query must not touch it, be it infinite.
 */
INLINE void HADAL_FN(accumulate)(
    float *const *acc, const float *decay, const float *p, const float *v, int64_t stride, const int64_t *seen, int64_t width, int count) {
    int64_t i = 0, n = seen[0];
    for (int r = 1; r < count; r++) n = seen[r] < n ? seen[r] : n;
    if (count == 4)
        for (; i + 2 * LANES <= width; i += 2 * LANES) {
            vf a[4][2];
            for (int r = 0; r < 4; r++)
                for (int h = 0; h < 2; h++) a[r][h] = v_load(acc[r] + i + h * LANES) * decay[r];
            for (int64_t j = 0; j < n; j++) {
                const vf v0 = v_load(v + j * stride + i), v1 = v_load(v + j * stride + i + LANES);
                for (int r = 0; r < 4; r++) {
                    const vf weight = v_splat(p[r * LATENT_TILE + j]);
                    a[r][0] += weight * v0;
                    a[r][1] += weight * v1;
                }
            }
            for (int r = 0; r < 4; r++)
                for (int h = 0; h < 2; h++) v_store(acc[r] + i + h * LANES, a[r][h]);
        }
    for (int r = 0; r < count; r++) {
        /* Up to i the keys that all four rows see are in. */
        for (int64_t k = seen[r] > n ? 0 : i; k < width; k += LANES) {
            const int64_t lanes = width - k < LANES ? width - k : LANES;
            vf a = lanes < LANES ? v_load_part(acc[r] + k, lanes) : v_load(acc[r] + k);
            if (k >= i) a *= decay[r];
            for (int64_t j = k < i ? n : 0; j < seen[r]; j++) {
                const float *at = v + j * stride + k;
                a += v_splat(p[r * LATENT_TILE + j]) * (lanes < LANES ? v_load_part(at, lanes) : v_load(at));
            }
            if (lanes < LANES)
                v_store_part(acc[r] + k, a, lanes);
            else
                v_store(acc[r] + k, a);
        }
    }
}

/* Up to a tile of cached rows from `start` on, as float32; how many. They end where a page does, or at `stop`. */
INLINE int64_t HADAL_FN(load_tile)(const hadal_kernel_args *args, const hadal_sequence *sequence, int64_t start, int64_t stop, float *buffer, const float **tile) {
    const hadal_kernel_state *state = &args->states[0];
    int64_t n = state->page_tokens - start % state->page_tokens;
    if (n > LATENT_TILE) n = LATENT_TILE;
    if (n > stop - start) n = stop - start;
    const char *from = cache_row(state, args->step, sequence, 0, start);
    *tile = (const float *)from;
    if (state->dtype != HADAL_DTYPE_F32) {
        cache_floats(buffer, from, state->dtype, n, state->width);
        *tile = buffer;
    }
    return n;
}

/* Up to a tile of the rows that a query selects, from entry *next on, as float32; how many. */
INLINE int64_t HADAL_FN(gather_tile)(
    const hadal_kernel_args *args, const hadal_sequence *sequence, const int32_t *selection, int64_t selected, int64_t own, int64_t *next, float *buffer) {
    const hadal_kernel_state *state = &args->states[0];
    int64_t n = 0;
    for (; *next < selected && n < LATENT_TILE; ++*next) {
        const int32_t token = selection[*next];
        if (token < 0 || token > own) continue;
        cache_floats(buffer + n++ * state->width, cache_row(state, args->step, sequence, 0, token), state->dtype, 1, state->width);
    }
    return n;
}

/* ---- absorbed -------------------------------------------------------------------------------------------------- */

/* Where an item of the absorbed form keeps its rows, in the thread's scratch. */
typedef struct HADAL_FN(absorbed_rows) {
    float *queries, *sums, *scores, *highest, *total, *tile, *weight;
} HADAL_FN(absorbed_rows);
INLINE HADAL_FN(absorbed_rows) HADAL_FN(rows_in)(float *scratch, int64_t key, int64_t rank) {
    HADAL_FN(absorbed_rows) rows;
    rows.queries = scratch;
    rows.sums = rows.queries + LATENT_ROWS * key;
    rows.scores = rows.sums + LATENT_ROWS * rank;
    rows.highest = rows.scores + LATENT_GROUP * LATENT_TILE;
    rows.total = rows.highest + LATENT_ROWS;
    rows.tile = rows.total + LATENT_ROWS;
    rows.weight = rows.tile + LATENT_TILE * key;
    return rows;
}

/* Sums up latents for rows `row` ..< row + count (<= LATENT_GROUP); `token` is the first's query, each has `heads` of them. */
static void HADAL_FN(attend)(
    const hadal_kernel_args *args, const hadal_sequence *sequence, int64_t token, int64_t row, int64_t count, int64_t heads, int selects,
    float *scratch) {
    const int64_t rank = args->attributes[RANK].i, key = rank + args->attributes[ROPE_DIM].i, own = sequence->past + token;
    const float scale = (float)args->attributes[SCALE].f;
    const hadal_kernel_tensor *selection = &args->inputs[2];
    const HADAL_FN(absorbed_rows) at = HADAL_FN(rows_in)(scratch, key, rank);
    const int64_t stop = own + (count + heads - 1) / heads;
    const int32_t *selected = selects ? (const int32_t *)selection->data + (sequence->first_token + token) * selection->columns : 0;
    for (int64_t start = 0, next = 0;;) {
        const float *tile = at.tile;
        int64_t n;
        if (selected)
            n = HADAL_FN(gather_tile)(args, sequence, selected, selection->columns, own, &next, at.tile);
        else
            n = start < stop ? HADAL_FN(load_tile)(args, sequence, start, stop, at.tile, &tile) : 0;
        if (n == 0) break;
        for (int64_t r = 0; r < count; r += 4) {
            const int together = count - r < 4 ? (int)(count - r) : 4;
            const float *from[4];
            float *to[4], decay[4];
            int64_t seen[4];
            for (int i = 0; i < 4; i++) from[i] = at.queries + (row + r + (i < together ? i : 0)) * key;
            HADAL_FN(dots)(from, tile, key, n, key, together, at.scores + r * LATENT_TILE, LATENT_TILE, 1);
            for (int i = 0; i < together; i++) {
                float *score = at.scores + (r + i) * LATENT_TILE;
                seen[i] = n;
                if (!selected && own + (r + i) / heads + 1 - start < n) seen[i] = own + (r + i) / heads + 1 - start;
                if (seen[i] < 0) seen[i] = 0;
                to[i] = at.sums + (row + r + i) * rank;
                decay[i] = seen[i] > 0 ? HADAL_FN(soften)(score, scale, seen[i], at.highest + row + r + i, at.total + row + r + i) : 1;
            }
            HADAL_FN(accumulate)(to, decay, at.scores + r * LATENT_TILE, tile, key, seen, rank, together);
        }
        start += n;
    }
}

/* Queries first ..< first + tokens of the sequence, heads `head` ..< head + heads: row r is query r / heads, head r % heads. */
static void HADAL_FN(absorbed)(
    const hadal_kernel_args *args, const hadal_kernel_thread *thread, const hadal_sequence *sequence, int64_t first, int64_t tokens, int64_t head,
    int64_t heads, int selects) {
    const hadal_kernel_attribute *attribute = args->attributes;
    const int64_t nope = attribute[NOPE_DIM].i, rope = attribute[ROPE_DIM].i, value = attribute[VALUE_DIM].i, rank = attribute[RANK].i;
    const int64_t key = rank + rope, rows = tokens * heads;
    const hadal_kernel_tensor *q = &args->inputs[0], *y = &args->outputs[0];
    const HADAL_FN(absorbed_rows) at = HADAL_FN(rows_in)(thread->scratch, key, rank);
    float *queries = at.queries, *acc = at.sums, *highest = at.highest, *total = at.total, *weight = at.weight;

    memset(queries, 0, (size_t)(rows * key) * 4);
    memset(acc, 0, (size_t)(rows * rank) * 4);
    for (int64_t h = 0; h < heads; h++) {
        for (int64_t t = 0; t < tokens; t++) {
            const float *from = (const float *)((const char *)q->data + (sequence->first_token + first + t) * q->stride) + (head + h) * (nope + rope);
            memcpy(queries + (t * heads + h) * key + rank, from + nope, (size_t)rope * 4);
        }
        for (int64_t d = 0; d < nope; d += 4) {
            const int64_t count = nope - d < 4 ? nope - d : 4;
            const weight_rows w = HADAL_FN(rows_at)(args, (head + h) * (nope + value) + d, count, rank % LANES != 0, weight);
            for (int64_t t = 0; t < tokens; t++) {
                const float *factors = (const float *)((const char *)q->data + (sequence->first_token + first + t) * q->stride) + (head + h) * (nope + rope) + d;
                float *to = queries + (t * heads + h) * key;
                weight_rows_add(&w, factors, count, rank, to);
            }
        }
    }
    for (int64_t r = 0; r < rows; r++) {
        highest[r] = -INFINITY;
        total[r] = 0;
    }
    if (selects)
        for (int64_t t = 0; t < tokens; t++) HADAL_FN(attend)(args, sequence, first + t, t * heads, heads, heads, 1, thread->scratch);
    else
        HADAL_FN(attend)(args, sequence, first, 0, rows, heads, 0, thread->scratch);

    for (int64_t r = 0; r < rows; r++) {
        const float inverse = total[r] > 0 ? 1 / total[r] : 0;
        for (int64_t i = 0; i < rank; i++) acc[r * rank + i] *= inverse;
    }
    for (int64_t h = 0; h < heads; h++)
        for (int64_t d = 0; d < value; d += FLOAT_ROWS) {
            const int64_t count = value - d < FLOAT_ROWS ? value - d : FLOAT_ROWS;
            const weight_rows w = HADAL_FN(rows_at)(args, (head + h) * (nope + value) + nope + d, count, 0, weight);
            for (int64_t t = 0; t < tokens;) {
                const int taken = tokens - t < FLOAT_TOKENS ? 1 : FLOAT_TOKENS;
                const float *from = acc + (t * heads + h) * rank;
                float out[FLOAT_ROWS * FLOAT_TOKENS];
                if (taken == FLOAT_TOKENS)
                    weight_rows_times(FLOAT_TOKENS, &w, from, heads * rank, rank, out);
                else
                    weight_rows_times(1, &w, from, heads * rank, rank, out);
                for (int u = 0; u < taken; u++, t++)
                    memcpy((float *)((char *)y->data + (sequence->first_token + first + t) * y->stride) + (head + h) * value + d, out + u * FLOAT_ROWS, (size_t)count * 4);
            }
        }
}

/* ---- expanded -------------------------------------------------------------------------------------------------- */

/* keys and values of a head, rows `key` and `value` apart, from n (<= LATENT_TILE) latents, `width` apart: kv_b in panels. */
INLINE void HADAL_FN(expand_tile)(
    uint32_t dtype, const hadal_kernel_args *args, int64_t head, const float *tile, int64_t n, int64_t width, float *keys, int64_t key, float *values, int64_t value) {
    const hadal_kernel_tensor *weight = &args->inputs[1], *scales = &args->inputs[3];
    const int64_t nope = args->attributes[NOPE_DIM].i, rank = weight->columns, all = nope + value;
    _Alignas(64) float panel[PANEL_COLUMNS * PANEL_ROWS], out[LATENT_TILE][PANEL_ROWS];
    for (int64_t r = 0; r < all; r += PANEL_ROWS) {
        const int64_t rows = all - r < PANEL_ROWS ? all - r : PANEL_ROWS, row = head * all + r;
        const int64_t to_keys = r >= nope ? 0 : nope - r < rows ? nope - r : rows;
        const float *scale[PANEL_ROWS];
        for (int64_t i = 0; scales->data && i < rows; i++) scale[i] = (const float *)scales->data + (row + i) / args->attributes[BLOCK_ROWS].i * scales->columns;
        memset(out, 0, (size_t)n * sizeof out[0]);
        for (int64_t first = 0; first < rank; first += PANEL_COLUMNS) {
            const int64_t columns = rank - first < PANEL_COLUMNS ? rank - first : PANEL_COLUMNS;
            panel_pack(dtype, (const uint8_t *)weight->data + row * weight->stride, weight->stride, first, columns, rows, scales->data ? scale : 0,
                       args->attributes[BLOCK_COLUMNS].i, panel);
            for (int64_t j = 0; j < n;) {
                const int taken = n - j < PANEL_TOKENS ? 1 : PANEL_TOKENS;
                const float *from = tile + j * width + first;
                vf sum[PANEL_TOKENS][2];
                for (int u = 0; u < taken; u++)
                    for (int h = 0; h < 2; h++) sum[u][h] = v_load(out[j + u] + h * LANES);
                if (taken == PANEL_TOKENS)
                    panel_tile(PANEL_TOKENS, panel, from, width, 0, columns, sum);
                else
                    panel_tile(1, panel, from, width, 0, columns, sum);
                for (int u = 0; u < taken; u++, j++)
                    for (int h = 0; h < 2; h++) v_store(out[j] + h * LANES, sum[u][h]);
            }
        }
        for (int64_t j = 0; j < n; j++) {
            memcpy(keys + j * key + r, out[j], (size_t)to_keys * 4);
            memcpy(values + j * value + r + to_keys - nope, out[j] + to_keys, (size_t)(rows - to_keys) * 4);
        }
    }
}

/* Queries begin ..< end of the sequence, one head. y itself is what is summed up in. */
static void HADAL_FN(expanded)(
    const hadal_kernel_args *args, const hadal_kernel_thread *thread, const hadal_sequence *sequence, int64_t begin, int64_t end, int64_t head) {
    const hadal_kernel_attribute *attribute = args->attributes;
    const int64_t nope = attribute[NOPE_DIM].i, rope = attribute[ROPE_DIM].i, value = attribute[VALUE_DIM].i, rank = attribute[RANK].i;
    const int64_t width = rank + rope, key = nope + rope, past = sequence->past;
    const float scale = (float)attribute[SCALE].f;
    const hadal_kernel_tensor *q = &args->inputs[0], *y = &args->outputs[0];
    float *highest = thread->scratch, *total = highest + args->inputs[0].rows, *scores = total + args->inputs[0].rows;
    float *buffer = scores + 4 * LATENT_TILE, *keys = buffer + LATENT_TILE * width, *values = keys + LATENT_TILE * key;

    const char *first_query = (const char *)q->data + sequence->first_token * q->stride + head * key * 4;
    char *first_result = (char *)y->data + sequence->first_token * y->stride + head * value * 4;
    for (int64_t t = begin; t < end; t++) {
        highest[t - begin] = -INFINITY;
        total[t - begin] = 0;
        memset(first_result + t * y->stride, 0, (size_t)value * 4);
    }
    for (int64_t start = 0; start < past + end;) {
        const float *tile;
        const int64_t n = HADAL_FN(load_tile)(args, sequence, start, past + end, buffer, &tile);
        switch (args->inputs[1].dtype) {
        case HADAL_DTYPE_F32: HADAL_FN(expand_tile)(HADAL_DTYPE_F32, args, head, tile, n, width, keys, key, values, value); break;
        case HADAL_DTYPE_F16: HADAL_FN(expand_tile)(HADAL_DTYPE_F16, args, head, tile, n, width, keys, key, values, value); break;
        case HADAL_DTYPE_BF16: HADAL_FN(expand_tile)(HADAL_DTYPE_BF16, args, head, tile, n, width, keys, key, values, value); break;
        default: HADAL_FN(expand_tile)(HADAL_DTYPE_F8_E4M3, args, head, tile, n, width, keys, key, values, value);
        }
        for (int64_t j = 0; j < n; j++) memcpy(keys + j * key + nope, tile + j * width + rank, (size_t)rope * 4);
        for (int64_t t = start > past + begin ? start - past : begin; t < end; t += 4) {
            const int count = end - t < 4 ? (int)(end - t) : 4;
            const float *from[4];
            float *to[4], decay[4];
            int64_t seen[4];
            for (int i = 0; i < 4; i++) from[i] = (const float *)(first_query + (t + (i < count ? i : 0)) * q->stride);
            HADAL_FN(dots)(from, keys, key, n, key, count, scores, LATENT_TILE, 1);
            for (int i = 0; i < count; i++) {
                seen[i] = past + t + i + 1 - start < n ? past + t + i + 1 - start : n;
                to[i] = (float *)(first_result + (t + i) * y->stride);
                decay[i] = HADAL_FN(soften)(scores + i * LATENT_TILE, scale, seen[i], highest + (t + i - begin), total + (t + i - begin));
            }
            HADAL_FN(accumulate)(to, decay, scores, values, value, seen, value, count);
        }
        start += n;
    }
    for (int64_t t = begin; t < end; t++) {
        float *to = (float *)(first_result + t * y->stride);
        const float inverse = 1 / total[t - begin];
        for (int64_t d = 0; d < value; d++) to[d] *= inverse;
    }
}

/* ---- the kernel ------------------------------------------------------------------------------------------------ */

/*
 * Whether expanding is cheaper for a sequence, in multiply-adds of one head. The two forms round differently, so few tokens always take the
 * same one: HADAL_STABLE_TOKENS.
 */
INLINE int HADAL_FN(expands)(const hadal_kernel_args *args, const hadal_sequence *sequence) {
    const hadal_kernel_attribute *attribute = args->attributes;
    if (attribute[FORM].i != FORM_AUTO) return attribute[FORM].i == FORM_EXPANDED;
    if (sequence->token_count <= HADAL_STABLE_TOKENS) return 0;
    const double tokens = sequence->token_count, length = sequence->past + tokens, pairs = tokens * (sequence->past + (tokens + 1) / 2);
    const double nope = (double)attribute[NOPE_DIM].i, rope = (double)attribute[ROPE_DIM].i, value = (double)attribute[VALUE_DIM].i;
    const double rank = (double)attribute[RANK].i;
    return length * rank * (nope + value) + pairs * (nope + rope + value) < tokens * rank * (nope + value) + pairs * (2 * rank + rope);
}

/* Whether the selection leaves out some token that a query of the sequence could see. */
static int HADAL_FN(selects)(const hadal_kernel_args *args, const hadal_sequence *sequence) {
    const hadal_kernel_tensor *selection = &args->inputs[2];
    if (!selection->data) return 0;
    if (sequence->past + (int64_t)sequence->token_count > selection->columns) return 1;
    for (int64_t t = 0; t < sequence->token_count; t++) {
        const int32_t *selected = (const int32_t *)selection->data + (sequence->first_token + t) * selection->columns;
        const int64_t own = sequence->past + t;
        int64_t count = 0;
        for (int64_t i = 0; i < selection->columns; i++) count += selected[i] >= 0 && selected[i] <= own;
        if (count <= own) return 1;
    }
    return 0;
}

/* inputs: q, kv_b, selection, scales of kv_b; state: latent; output: y. */
HADAL_KERNEL(latent_attention) {
    const int64_t heads = args->attributes[HEADS].i;
    uint32_t counter = 0;
    for (uint32_t s = 0; s < args->step->sequence_count; s++) {
        const hadal_sequence *sequence = step_sequence(args->step, s);
        const int64_t count = sequence->token_count;
        if (count == 0) continue;
        const int selects = HADAL_FN(selects)(args, sequence);
        if (!selects && HADAL_FN(expands)(args, sequence)) {
            /* Several blocks of queries of a head each expand all keys: only where there are more threads than heads. */
            int64_t blocks = (thread->count + heads - 1) / heads;
            if (blocks > count) blocks = count;
            for (int64_t head = 0; head < heads; head++)
                for (int64_t b = 0; b < blocks; b++)
                    if (counter++ % thread->count == thread->index)
                        HADAL_FN(expanded)(args, thread, sequence, count * b / blocks, count * (b + 1) / blocks, head);
            continue;
        }
        /* Queries that each gather their keys share no more than the absorbed weights, so all of them may bring a whole group of heads. */
        const int64_t tokens = count < LATENT_QUERIES ? count : LATENT_QUERIES, most = selects ? LATENT_GROUP : LATENT_GROUP / tokens;
        int64_t group = (heads + thread->count - 1) / thread->count;
        if (group > most) group = most;
        for (int64_t first = 0; first < count; first += tokens)
            for (int64_t head = 0; head < heads; head += group)
                if (counter++ % thread->count == thread->index)
                    HADAL_FN(absorbed)(
                        args, thread, sequence, first, count - first < tokens ? count - first : tokens, head,
                        heads - head < group ? heads - head : group, selects);
    }
}

#endif
