/*
 * pool: for each row picked, the mean, the first, the last or the maximum of its sequence's rows in this step up to and including it.
 * A row number out of range, or of no sequence, gives zeros.
 */
#include "hadal_kernel.h"
#ifndef HADAL_ISA
/* The contract's choices; columns of one item of work. */
enum { POOL_MEAN, POOL_FIRST, POOL_LAST, POOL_MAX, POOL_COLUMNS = 32 };
#include "hadal_each_isa.h"
HADAL_EXPORT_KERNEL(pool, 0)
#else
#include "hadal_simd.h"
#include "hadal_cache.h"
#define pool_sequence HADAL_FN(pool_sequence)
#define pool_add HADAL_FN(pool_add)
#define pool_part HADAL_FN(pool_part)
#define pool_columns HADAL_FN(pool_columns)
#define vd HADAL_FN(vd)
typedef double vd __attribute__((vector_size(LANES * 8)));

/* The sequence that a row of this step belongs to; NULL: none. */
INLINE const hadal_sequence *pool_sequence(const hadal_step *step, int64_t row) {
    for (uint32_t s = 0; s < step->sequence_count; s++) {
        const hadal_sequence *sequence = step_sequence(step, s);
        if (row >= sequence->first_token && row - sequence->first_token < sequence->token_count) return sequence;
    }
    return NULL;
}

/* `vectors` vectors of columns over `count` rows, `stride` bytes apart. Sums are of float64: a long sequence loses nothing. */
INLINE void pool_add(int64_t kind, int vectors, float *y, const char *x, int64_t stride, int64_t count) {
    if (kind == POOL_MAX) {
        vf top[POOL_COLUMNS / LANES];
        for (int c = 0; c < vectors; c++) top[c] = v_load(x + c * LANES * 4);
        for (int64_t row = 1; row < count; row++)
            for (int c = 0; c < vectors; c++) top[c] = v_max(v_load(x + row * stride + c * LANES * 4), top[c]);
        for (int c = 0; c < vectors; c++) v_store(y + c * LANES, top[c]);
        return;
    }
    vd sum[POOL_COLUMNS / LANES];
    for (int c = 0; c < vectors; c++) sum[c] = __builtin_convertvector(v_load(x + c * LANES * 4), vd);
    for (int64_t row = 1; row < count; row++)
        for (int c = 0; c < vectors; c++) sum[c] += __builtin_convertvector(v_load(x + row * stride + c * LANES * 4), vd);
    for (int c = 0; c < vectors; c++) v_store(y + c * LANES, __builtin_convertvector(sum[c] / (double)count, vf));
}

/* The same for n < LANES columns. */
INLINE void pool_part(int64_t kind, float *y, const char *x, int64_t stride, int64_t count, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        const char *column = x + i * 4;
        float top = *(const float *)column;
        double sum = top;
        for (int64_t row = 1; row < count; row++) {
            const float v = *(const float *)(column + row * stride);
            if (v > top) top = v;
            sum += v;
        }
        y[i] = kind == POOL_MAX ? top : (float)(sum / (double)count);
    }
}

/* n columns over `count` rows. */
static void pool_columns(int64_t kind, float *y, const char *x, int64_t stride, int64_t count, int64_t n) {
    if (n == POOL_COLUMNS) {
        pool_add(kind, POOL_COLUMNS / LANES, y, x, stride, count);
        return;
    }
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) pool_add(kind, 1, y + i, x + i * 4, stride, count);
    pool_part(kind, y + i, x + i * 4, stride, count, n - i);
}

/* inputs: x, rows; output: y. */
HADAL_KERNEL(pool) {
    const hadal_kernel_tensor *x = &args->inputs[0], *y = &args->outputs[0];
    const int32_t *rows = args->inputs[1].data;
    const int64_t kind = args->attributes[0].i, blocks = (y->columns + POOL_COLUMNS - 1) / POOL_COLUMNS;
    int64_t item, end;
    /* Blocks of columns of each picked row. */
    hadal_share(y->rows * blocks, 1, thread, &item, &end);
    for (; item < end; item++) {
        const int64_t row = rows[item / blocks], from = item % blocks * POOL_COLUMNS;
        const int64_t n = y->columns - from < POOL_COLUMNS ? y->columns - from : POOL_COLUMNS;
        float *to = (float *)((char *)y->data + item / blocks * y->stride) + from;
        const hadal_sequence *sequence = row >= 0 && row < x->rows ? pool_sequence(args->step, row) : NULL;
        if (!sequence) {
            memset(to, 0, (size_t)n * 4);
            continue;
        }
        const int64_t first = sequence->first_token, only = kind == POOL_FIRST ? first : row;
        const char *data = (const char *)x->data + from * 4;
        if (kind == POOL_FIRST || kind == POOL_LAST) memcpy(to, data + only * x->stride, (size_t)n * 4);
        else pool_columns(kind, to, data + first * x->stride, x->stride, row - first + 1, n);
    }
}

#endif
