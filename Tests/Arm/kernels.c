/*
 * Arm's kernels: the variants for dot products against the baseline's, bit for bit, and the baseline's against sums in double precision of what the
 * formats say. `.ci/test-arm` builds it with the kernels and runs it, under emulation on other processors.
 *
 * Bounds are what float32 sums can be off: `terms` roundings of the sum of all magnitudes. What activations lose in 8 bits is checked where they are
 * quantised; the products are held against the quantised numbers.
 */
#include "hadal_kernel.h"

#ifndef HADAL_ISA

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "formats.h"
#include "hadal_machine.h"
#include "hadal_packed.h"

static long checks, failures;

static __attribute__((format(printf, 2, 3))) void check(int ok, const char *what, ...) {
    checks++;
    if (ok || ++failures > 20) return;
    va_list list;
    va_start(list, what);
    printf("wrong: ");
    vprintf(what, list);
    printf("\n");
    va_end(list);
}

#include "hadal_each_isa.h"

/* Rows of activations; of weights, which fill no group of 16; which of the former are calculated again where others have been: sums take time under emulation. */
enum { ROWS = 130, WIDTH = 37, SOME = 7 };
static const uint32_t isas[2] = {HADAL_ISA_BASELINE, HADAL_ISA_DOTPROD};
static const int64_t counts[] = {1, 2, 3, 5, 8, 9, 20, ROWS};
enum { COUNTS = sizeof counts / sizeof counts[0] };
static const double unit = 0x1p-24; /* what one rounding of 1 is off at most */

static void *make(int64_t bytes) {
    void *p = calloc(1, (size_t)bytes + 1);
    if (!p) exit(2);
    return p;
}
static float *make_floats(int64_t n) {
    float *p = make(4 * n);
    for (int64_t i = 0; i < n; i++) p[i] = random_float();
    return p;
}

static hadal_kernel_tensor matrix(void *data, int64_t rows, int64_t columns, int64_t stride, uint32_t dtype, uint32_t packing) {
    return (hadal_kernel_tensor){data, rows, columns, stride, dtype, packing, 0, 0};
}
static hadal_kernel_tensor floats(void *data, int64_t rows, int64_t columns) { return matrix(data, rows, columns, 4 * columns, HADAL_DTYPE_F32, 0); }
static const hadal_kernel_tensor none = {0};

typedef struct {
    hadal_kernel_tensor inputs[10], outputs[4];
    hadal_kernel_state states[2];
    hadal_kernel_attribute attributes[10];
    const hadal_step *step;
} call;

/* A kernel of the build, by its name. */
static const hadal_kernel *stock(const char *name) {
    uint64_t count;
    const hadal_kernel *const *all = hadal_stock_kernels(&count);
    for (uint64_t i = 0; i < count; i++)
        if (strcmp(all[i]->name, name) == 0) return all[i];
    printf("there is no kernel %s\n", name);
    exit(2);
}

/* All threads' shares of a kernel, one after the other. */
static void run(const hadal_kernel *kernel, uint32_t isa, const call *c, uint32_t threads) {
    const hadal_kernel_args args = {sizeof args, 10, 4, 2, 10, 0, c->inputs, c->outputs, c->states, c->attributes, c->step};
    const uint64_t bytes = ((kernel->scratch_bytes ? kernel->scratch_bytes(&args) : 0) + 127) / 64 * 64;
    for (uint32_t i = 0; i < threads; i++) {
        void *scratch = aligned_alloc(64, bytes);
        if (!scratch) exit(2);
        memset(scratch, 0xa5, bytes);
        const hadal_kernel_thread thread = {sizeof thread, i, threads, 0, scratch, bytes, 0};
        kernel->variants[isa](&args, &thread);
        free(scratch);
    }
}

/* ---- packed weights ---------------------------------------------------------------------------------------------- */

typedef struct {
    const format *format;
    int64_t columns;
    double *product, *minimum; /* of all elements */
    uint8_t *packed;
    uint32_t packing;
    int64_t bytes;
} weight;

static weight make_weight(const format *f, int64_t columns) {
    weight w = {f, columns, make(WIDTH * columns * 8), make(WIDTH * columns * 8), 0, hadal_packing_of(f->dtype, HADAL_ISA_DOTPROD), 0};
    const int64_t stride = columns / f->columns * f->bytes;
    uint8_t *stored = make(WIDTH * stride);
    for (int64_t b = 0; b < WIDTH * columns / f->columns; b++) random_block(f, stored + b * f->bytes);
    for (int64_t i = 0; i < WIDTH * columns; i++)
        block_value(f, stored + i / f->columns * f->bytes, (int)(i % f->columns), &w.product[i], &w.minimum[i]);
    check(w.packing == hadal_packing_of(f->dtype, HADAL_ISA_BASELINE), "%s is packed otherwise", f->name);
    w.bytes = hadal_packed_bytes(w.packing & 255, WIDTH, columns);
    w.packed = make(w.bytes);
    uint8_t *other = make(w.bytes);
    for (int i = 0; i < 2; i++) {
        const call c = {{matrix(stored, WIDTH, columns, stride, f->dtype, 0)}, {matrix(i ? other : w.packed, WIDTH, columns, 0, f->dtype, w.packing)}};
        run(stock("linear_pack"), isas[i], &c, 1);
    }
    check(memcmp(w.packed, other, (size_t)w.bytes) == 0, "%s packed", f->name);
    free(other);
    free(stored);
    return w;
}
static void drop_weight(weight w) {
    free(w.product);
    free(w.minimum);
    free(w.packed);
}
static hadal_kernel_tensor packed(weight w) { return matrix(w.packed, WIDTH, w.columns, 0, w.format->dtype, w.packing); }

/* ROWS rows of activations, quantised, and what they then are: the first term and the second. */
typedef struct {
    int64_t columns, stride;
    int8_t *q;
    double *first, *second;
} activations;

/* x is at most half of a step from what a block has for it. */
static void check_block(const float *x, const double *before, const int8_t *q, const hadal_block *block, double *value) {
    int32_t low = 0, high = 0;
    for (int i = 0; i < 32; i++) {
        value[i] = (double)block->scale * q[i];
        const double rest = x[i] - before[i];
        check(fabs(rest - value[i]) <= 0.5 * block->scale * 1.0001 + fabs(x[i]) * 2 * unit, "a quantised number: %g for %g", value[i], rest);
        *(i < 16 ? &low : &high) += q[i];
    }
    check(block->low == low && block->high == high, "a block's sums");
    check(fabs(block->sum - (double)block->scale * (low + high)) <= fabs(block->sum) * unit, "a block's sum");
}

static activations make_activations(int64_t columns, int terms, double share) {
    const int64_t stride = hadal_quantised_stride(columns, terms), blocks = columns / 32, term_bytes = hadal_term_bytes(columns);
    activations a = {columns, stride, make(ROWS * stride), make(ROWS * columns * 8), make(ROWS * columns * 8)};
    float *x = make_floats(ROWS * columns);
    int8_t *other = make(ROWS * stride);
    /* Some blocks have an outlier. */
    for (int i = 0; i < ROWS * blocks / 5; i++) x[random_bits() % (ROWS * columns)] *= 20;
    memset(x + 32, 0, 32 * 4);
    for (int i = 0; i < 2; i++) {
        call c = {{floats(x, ROWS, columns)}, {matrix(i ? other : a.q, ROWS, columns, stride, HADAL_DTYPE_I8, 0)}};
        c.attributes[0].f = share;
        run(stock("linear_quantise"), isas[i], &c, i ? 1 : 3);
    }
    check(memcmp(a.q, other, (size_t)(ROWS * stride)) == 0, "quantised activations");
    for (int64_t t = 0; t < ROWS; t++) {
        const int8_t *q = a.q + t * stride;
        const hadal_block *block = (const hadal_block *)(q + columns);
        double mean = 0;
        for (int64_t b = 0; b < blocks; b++) {
            double *value = a.first + t * columns + b * 32;
            const double zeros[32] = {0};
            check_block(x + t * columns + b * 32, zeros, q + b * 32, block + b, value);
            mean += (double)block[b].scale * block[b].scale / (double)blocks;
        }
        if (terms == 1) continue;
        const int32_t *listed = (const int32_t *)(q + 2 * term_bytes);
        int32_t count = 0;
        for (int64_t b = 0; b < blocks; b++) {
            const int is_listed = count < listed[0] && listed[1 + count] == b;
            const double square = (double)block[b].scale * block[b].scale;
            check(share == 0 ? is_listed : is_listed ? square > share * mean * 0.9999 : square <= share * mean * 1.0001,
                  "block %d of row %d is listed: %d", (int)b, (int)t, is_listed);
            if (!is_listed) continue;
            count++;
            const int64_t at = t * columns + b * 32;
            check_block(x + at, a.first + at, q + term_bytes + b * 32, (const hadal_block *)(q + term_bytes + columns) + b, a.second + at);
        }
        check(count == listed[0], "row %d lists blocks that it has not", (int)t);
    }
    free(x);
    free(other);
    return a;
}
static void drop_activations(activations a) {
    free(a.q);
    free(a.first);
    free(a.second);
}
static hadal_kernel_tensor quantised(activations a, int64_t rows) { return matrix(a.q, rows, a.columns, a.stride, HADAL_DTYPE_I8, 0); }

/* Row t times row r, and how far a float32 sum may be off. */
static double expected(const weight *w, const activations *a, int64_t t, int64_t r, double *bound) {
    double sum = 0, size = 0;
    for (int64_t c = 0; c < w->columns; c++) {
        const double p = w->product[r * w->columns + c], m = w->minimum[r * w->columns + c];
        const double x = a->first[t * w->columns + c], rest = a->second[t * w->columns + c];
        sum += (p + m) * (x + rest);
        size += (fabs(p) + fabs(m)) * (fabs(x) + fabs(rest));
    }
    /* Halves, minima and second terms are additions of their own; four roundings make a term. */
    *bound = (double)(w->columns / 32 * 8 + 6) * unit * size;
    return sum;
}

static void check_linear(weight w, activations a, const char *what) {
    float *y = make(ROWS * WIDTH * 4), *all = make(ROWS * WIDTH * 4), *bias = make_floats(WIDTH), *residual = make_floats(ROWS * WIDTH);
    for (int with_more = 0; with_more < 2; with_more++) {
        for (int n = COUNTS - 1; n >= 0; n--)
            for (int i = 0; i < 2; i++) {
                const int is_first = n == COUNTS - 1 && i == 0;
                float *to = is_first ? all : y;
                call c = {{quantised(a, counts[n]), packed(w), none, none, none}, {floats(to, counts[n], WIDTH)}};
                if (with_more) c.inputs[2] = floats(bias, 1, WIDTH), c.inputs[3] = floats(residual, counts[n], WIDTH);
                memset(to, 0xff, (size_t)(counts[n] * WIDTH * 4));
                run(stock("linear"), isas[i], &c, n % 2 ? 3 : 1);
                check(is_first || memcmp(y, all, (size_t)(counts[n] * WIDTH * 4)) == 0,
                      "linear %s, %s, %d rows, isa %u", w.format->name, what, (int)counts[n], isas[i]);
            }
        for (int64_t t = 0; t < ROWS; t += with_more ? SOME : 1)
            for (int64_t r = 0; r < WIDTH; r++) {
                double bound, more = with_more ? (double)bias[r] + residual[t * WIDTH + r] : 0, sum = expected(&w, &a, t, r, &bound) + more;
                bound += 4 * unit * (2 + fabs(sum));
                check(fabs(all[t * WIDTH + r] - sum) <= bound, "linear %s, %s, row %d, %d: %g for %g, bound %g", w.format->name, what, (int)t,
                      (int)r, all[t * WIDTH + r], sum, bound);
            }
    }
    free(y);
    free(all);
    free(bias);
    free(residual);
}

static void check_gate(weight gate, weight up, activations a) {
    float *y = make(ROWS * WIDTH * 4), *all = make(ROWS * WIDTH * 4);
    for (int n = COUNTS - 1; n >= 0; n--)
        for (int i = 0; i < 2; i++) {
            const int is_first = n == COUNTS - 1 && i == 0;
            call c = {{quantised(a, counts[n]), packed(gate), packed(up)}, {floats(is_first ? all : y, counts[n], WIDTH)}};
            c.attributes[1].f = 1; /* SiLU */
            run(stock("linear_gate"), isas[i], &c, n % 2 ? 3 : 1);
            check(is_first || memcmp(y, all, (size_t)(counts[n] * WIDTH * 4)) == 0,
                  "linear_gate %s, %d rows, isa %u", gate.format->name, (int)counts[n], isas[i]);
        }
    for (int64_t t = 0; t < ROWS; t += SOME)
        for (int64_t r = 0; r < WIDTH; r++) {
            double of_gate, of_up, g = expected(&gate, &a, t, r, &of_gate), u = expected(&up, &a, t, r, &of_up), silu = g / (1 + exp(-g));
            /* SiLU is nowhere steeper than 1.1. */
            const double bound = 1.1 * of_gate * (fabs(u) + of_up) + fabs(silu) * of_up + 12 * unit * fabs(silu * u);
            check(fabs(all[t * WIDTH + r] - silu * u) <= bound + 1e-30,
                  "linear_gate %s, row %d, %d: %g for %g", gate.format->name, (int)t, (int)r, all[t * WIDTH + r], silu * u);
        }
    free(y);
    free(all);
}

/* Experts' rows have the bits that linear_gate and linear give each expert's matrices. */
static void check_experts(const format *f, int64_t columns) {
    enum { EXPERTS = 3, CHOICES = 2, PAIRS = ROWS * CHOICES };
    const activations a = make_activations(columns, 2, 8);
    weight gate[EXPERTS], up[EXPERTS];
    for (int e = 0; e < EXPERTS; e++) gate[e] = make_weight(f, columns), up[e] = make_weight(f, columns);
    uint8_t *gates = make(EXPERTS * gate[0].bytes), *ups = make(EXPERTS * up[0].bytes), *rows = make(PAIRS * a.stride);
    int32_t *chosen = make(PAIRS * 4), start[EXPERTS + 1], *order = make(PAIRS * 4);
    for (int e = 0; e < EXPERTS; e++) {
        memcpy(gates + e * gate[0].bytes, gate[e].packed, (size_t)gate[0].bytes);
        memcpy(ups + e * up[0].bytes, up[e].packed, (size_t)up[0].bytes);
    }
    /* The last expert has few rows. */
    for (int p = 0; p < PAIRS; p += 2) chosen[p] = p % 4 / 2, chosen[p + 1] = p % 60 == 0 ? 2 : 1 - chosen[p];
    float *hidden = make(PAIRS * WIDTH * 4), *down = make(ROWS * WIDTH * 4), *weights = make_floats(PAIRS);
    float *y[2] = {make(ROWS * WIDTH * 4), make(ROWS * WIDTH * 4)};
    for (int i = 0; i < 2; i++) {
        const hadal_kernel_tensor starts = matrix(start, 1, EXPERTS + 1, 0, HADAL_DTYPE_I32, 0), in_order = matrix(order, ROWS, CHOICES, 4 * CHOICES, HADAL_DTYPE_I32, 0);
        const hadal_kernel_tensor x = matrix(rows, PAIRS, columns, a.stride, HADAL_DTYPE_I8, 0);
        const call gather = {{matrix(chosen, ROWS, CHOICES, 4 * CHOICES, HADAL_DTYPE_I32, 0), none, quantised(a, ROWS)}, {starts, in_order, none, x}};
        run(stock("experts_gather"), isas[i], &gather, 2);
        call c = {{starts, none, x, packed(gate[0]), packed(up[0])}, {floats(hidden, ROWS, CHOICES * WIDTH)}};
        c.inputs[3].data = gates, c.inputs[4].data = ups;
        c.attributes[1].f = 1;
        run(stock("experts_gate"), isas[i], &c, 3);
        for (int e = 0; e < EXPERTS; e++) {
            call one = {{quantised(a, ROWS), packed(gate[e]), packed(up[e])}, {floats(down, ROWS, WIDTH)}};
            one.attributes[1].f = 1;
            run(stock("linear_gate"), isas[i], &one, 1);
            for (int32_t p = start[e]; p < start[e + 1]; p++)
                check(memcmp(hidden + p * WIDTH, down + order[p] / CHOICES * WIDTH, WIDTH * 4) == 0, "experts_gate %s, expert %d, isa %u", f->name, e, isas[i]);
        }
        /* Down, with the rows of x for what is hidden. */
        call last = {{starts, in_order, floats(weights, ROWS, CHOICES), x, packed(up[0])}, {floats(y[i], ROWS, WIDTH)}};
        last.inputs[4].data = ups;
        run(stock("experts_down"), isas[i], &last, 2);
    }
    check(memcmp(y[0], y[1], ROWS * WIDTH * 4) == 0, "experts_down %s", f->name);
    for (int64_t t = 0; t < ROWS; t += SOME)
        for (int64_t r = 0; r < WIDTH; r++) {
            double sum = 0, bound = 0;
            for (int64_t p = t * CHOICES; p < (t + 1) * CHOICES; p++) {
                double off, product = expected(&up[chosen[p]], &a, t, r, &off);
                sum += weights[p] * product;
                bound += fabs(weights[p]) * (off + 4 * unit * fabs(product));
            }
            check(fabs(y[1][t * WIDTH + r] - sum) <= bound, "experts_down %s, row %d, %d: %g for %g", f->name, (int)t, (int)r, y[1][t * WIDTH + r], sum);
        }
    for (int e = 0; e < EXPERTS; e++) drop_weight(gate[e]), drop_weight(up[e]);
    drop_activations(a);
    void *const all[] = {gates, ups, rows, chosen, order, hidden, down, y[0], y[1], weights};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) free(all[i]);
}

/* ---- float weights ----------------------------------------------------------------------------------------------- */

static void check_float_linear(uint32_t dtype, int64_t columns) {
    float *x = make_floats(ROWS * columns), *y[2] = {make(ROWS * WIDTH * 4), make(ROWS * WIDTH * 4)};
    uint8_t *w = make(WIDTH * columns * float_bytes(dtype));
    random_floats(dtype, w, WIDTH * columns);
    for (int n = 0; n < COUNTS; n++) {
        for (int i = 0; i < 2; i++) {
            call c = {{floats(x, counts[n], columns), matrix(w, WIDTH, columns, columns * float_bytes(dtype), dtype, 0), none, none, none},
                      {floats(y[i], counts[n], WIDTH)}};
            c.attributes[0].i = c.attributes[1].i = 128;
            run(stock("linear"), isas[i], &c, n % 2 ? 3 : 1);
        }
        check(memcmp(y[0], y[1], (size_t)(counts[n] * WIDTH * 4)) == 0, "linear, type %u, %d rows", dtype, (int)counts[n]);
        for (int64_t t = 0; t < counts[n]; t++)
            for (int64_t r = 0; r < WIDTH; r++) {
                double sum = 0, size = 0;
                for (int64_t k = 0; k < columns; k++) {
                    const double term = x[t * columns + k] * float_value(dtype, w, r * columns + k);
                    sum += term;
                    size += fabs(term);
                }
                check(fabs(y[1][t * WIDTH + r] - sum) <= (double)(columns + 4) * unit * size,
                      "linear, type %u, %d rows: %g for %g", dtype, (int)counts[n], y[1][t * WIDTH + r], sum);
            }
    }
    free(x);
    free(w);
    free(y[0]);
    free(y[1]);
}

/* ---- attention --------------------------------------------------------------------------------------------------- */

/* Rows of caches: bytes of one, random ones, and an element. */
static int64_t row_bytes(uint32_t dtype, int64_t width) {
    return dtype == HADAL_DTYPE_Q8_0 ? ((width + 31) / 32 * 34 + 3) / 4 * 4 : width * float_bytes(dtype);
}
static void random_rows(uint32_t dtype, char *p, int64_t rows, int64_t width) {
    if (dtype != HADAL_DTYPE_Q8_0) {
        random_floats(dtype, p, rows * width);
        return;
    }
    for (int64_t row = 0; row < rows; row++, p += row_bytes(dtype, width))
        for (int64_t i = 0; i < width; i++) {
            char *block = p + i / 32 * 34;
            if (i % 32 == 0) random_floats(HADAL_DTYPE_F16, block, 1);
            block[2 + i % 32] = (char)(random_float() * 127);
        }
}
static double row_value(uint32_t dtype, const char *row, int64_t i) {
    if (dtype != HADAL_DTYPE_Q8_0) return float_value(dtype, row, i);
    const char *block = row + i / 32 * 34;
    return float_value(HADAL_DTYPE_F16, block, 0) * (double)(int8_t)block[2 + i % 32];
}

/* Three sequences: one token, some, and enough to be transposed; windows and pages end anywhere. */
static void check_attention(uint32_t dtype, int64_t key_dim, int64_t value_dim, int64_t window) {
    enum { HEADS = 6, KV_HEADS = 2, PAGE = 32, PAGES = 12, SEQUENCES = 3 };
    const hadal_sequence sequences[SEQUENCES] = {{0, 1, 70, 71, 0, 3}, {1, 5, 17, 22, 3, 1}, {6, 40, 61, 101, 4, 4}};
    const uint32_t pages[8] = {7, 2, 9, 0, 11, 4, 1, 6};
    const hadal_step step = {sizeof step, 46, SEQUENCES, 46, sequences, pages, sizeof sequences[0], 8};
    const int64_t tokens = step.tokens;
    float *q = make_floats(tokens * HEADS * key_dim), *k = make_floats(tokens * KV_HEADS * key_dim), *v = make_floats(tokens * KV_HEADS * value_dim);
    const int64_t rows = PAGES * KV_HEADS * PAGE, key_bytes = rows * row_bytes(dtype, key_dim), value_bytes = rows * row_bytes(dtype, value_dim);
    char *keys[2] = {make(key_bytes), make(key_bytes)}, *values[2] = {make(value_bytes), make(value_bytes)};
    float *y[2] = {make(tokens * HEADS * value_dim * 4), make(tokens * HEADS * value_dim * 4)};
    random_rows(dtype, keys[0], rows, key_dim);
    random_rows(dtype, values[0], rows, value_dim);
    memcpy(keys[1], keys[0], (size_t)key_bytes);
    memcpy(values[1], values[0], (size_t)value_bytes);
    const double scale = 1 / sqrt((double)key_dim);
    for (int i = 0; i < 2; i++) {
        call c = {{floats(k, tokens, KV_HEADS * key_dim), floats(v, tokens, KV_HEADS * value_dim)}, {none},
                  {{keys[i], dtype, KV_HEADS, (uint32_t)key_dim, PAGE}, {values[i], dtype, KV_HEADS, (uint32_t)value_dim, PAGE}},
                  {{key_dim}, {HEADS}, {KV_HEADS}, {0}, {0}, {value_dim}, {window}}, &step};
        c.attributes[3].f = scale;
        c.attributes[4].f = 0;
        run(stock("attention_append"), isas[i], &c, 3);
        c.inputs[0] = floats(q, tokens, HEADS * key_dim);
        c.inputs[1] = none;
        c.outputs[0] = floats(y[i], tokens, HEADS * value_dim);
        run(stock("attention"), isas[i], &c, 2);
    }
    check(memcmp(keys[0], keys[1], (size_t)key_bytes) == 0 && memcmp(values[0], values[1], (size_t)value_bytes) == 0, "attention_append, type %u", dtype);
    check(memcmp(y[0], y[1], (size_t)(tokens * HEADS * value_dim * 4)) == 0, "attention, type %u", dtype);
    for (int s = 0; s < SEQUENCES; s++)
        for (int64_t n = 0; n < sequences[s].token_count; n++)
            for (int64_t head = 0; head < HEADS; head++) {
                const int64_t token = sequences[s].first_token + n, last = sequences[s].past + n, first = window && last + 1 > window ? last + 1 - window : 0;
                const float *query = q + (token * HEADS + head) * key_dim;
                double score[128], top = -INFINITY, total = 0, off = 0;
#define CACHED(p, width, key, d)                                                                                                  \
    row_value(dtype, p + (((int64_t)pages[sequences[s].first_page + (key) / PAGE] * KV_HEADS + head / (HEADS / KV_HEADS)) * PAGE  \
                          + (key) % PAGE) * row_bytes(dtype, width), d)
                for (int64_t j = first; j <= last; j++) {
                    double sum = 0, magnitude = 0;
                    for (int64_t d = 0; d < key_dim; d++) {
                        const double term = scale * query[d] * CACHED(keys[0], key_dim, j, d);
                        sum += term;
                        magnitude += fabs(term);
                    }
                    score[j] = sum;
                    if (sum > top) top = sum;
                    off = fmax(off, magnitude * (double)(key_dim + 4) * unit);
                }
                for (int64_t j = first; j <= last; j++) total += score[j] = exp(score[j] - top);
                for (int64_t d = 0; d < value_dim; d++) {
                    double sum = 0, magnitude = 0;
                    for (int64_t j = first; j <= last; j++) {
                        const double term = score[j] / total * CACHED(values[0], value_dim, j, d);
                        sum += term;
                        magnitude += fabs(term);
                    }
                    /* Scores are off both above and below the line; so are exponentials, sums and what shrinks from tile to tile. */
                    const double bound = magnitude * (2 * off + 2 * (double)(last - first + 16) * unit);
                    const float got = y[1][(token * HEADS + head) * value_dim + d];
                    check(fabs(got - sum) <= bound, "attention, type %u, token %d: %g for %g", dtype, (int)token, got, sum);
                }
            }
    /* What was appended is the nearest number of the cache's type. */
    for (int64_t d = 0; d < key_dim; d++) {
        const int s = 0;
        const int64_t head = 0;
        const double got = CACHED(keys[0], key_dim, 70, d), bits = dtype == HADAL_DTYPE_F32 ? 0 : dtype == HADAL_DTYPE_BF16 ? 0x1p-8 : 0x1p-11;
        double step_size = 0; /* of a block: its largest magnitude is 127 of them */
        for (int64_t i = d / 32 * 32; dtype == HADAL_DTYPE_Q8_0 && i < key_dim && i < d / 32 * 32 + 32; i++) step_size = fmax(step_size, fabs(k[i]) / 127);
        check(fabs(got - k[d]) <= fabs(k[d]) * bits + 0.501 * step_size + 0x1p-25, "attention_append, type %u: %g for %g", dtype, got, k[d]);
    }
    void *const all[] = {q, k, v, keys[0], keys[1], values[0], values[1], y[0], y[1]};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) free(all[i]);
}

int main(int count, char **arguments) {
    /* What runs on any Arm processor: which set this one has, and that the measured loops run. */
    if (count > 1 && strcmp(arguments[1], "isa") == 0) {
        float f = 1;
        int32_t n = 3;
        const double work = hadal_machine_float_operations(8, &f) + hadal_machine_int8_operations(8, &n);
        printf("%u %d\n", hadal_isa_available(), work > 0 && hadal_machine_read(isas, 0) == 0);
        return 0;
    }
    if (hadal_isa_available() != HADAL_ISA_DOTPROD) {
        printf("this processor has no dot products\n");
        return 2;
    }
    check_vectors_baseline();
    check_vectors_dotprod();
    for (int i = 0; i < FORMATS; i++) {
        const format *f = &formats[i];
        /* More than a panel of 8 blocks, which does not end where a panel does where the format allows that. */
        const int64_t columns = f->columns == 256 ? 512 : 352, fewer = f->columns == 256 ? 256 : 32 * (1 + i);
        const struct { int64_t columns; int terms; double share; const char *what; } cases[] = {
            {columns, 1, 0, "one term"}, {columns, 2, 0, "two terms"}, {columns, 2, 8, "some second terms"}, {fewer, 2, 2, "fewer columns"}};
        for (int j = 0; j < 4; j++) {
            const weight w = make_weight(f, cases[j].columns), up = make_weight(f, cases[j].columns);
            const activations a = make_activations(cases[j].columns, cases[j].terms, cases[j].share);
            check_linear(w, a, cases[j].what);
            if (j > 1) check_gate(w, up, a);
            drop_weight(w);
            drop_weight(up);
            drop_activations(a);
        }
        check_experts(f, f->columns == 256 ? 256 : 96);
    }
    const uint32_t types[] = {HADAL_DTYPE_F32, HADAL_DTYPE_F16, HADAL_DTYPE_BF16, HADAL_DTYPE_F8_E4M3};
    for (int i = 0; i < 4; i++) {
        check_float_linear(types[i], 512);
        check_float_linear(types[i], 77);
        if (types[i] == HADAL_DTYPE_F8_E4M3) continue;
        check_attention(types[i], 64, 64, 0);
        check_attention(types[i], 36, 22, 33);
    }
    check_attention(HADAL_DTYPE_Q8_0, 64, 64, 0);
    check_attention(HADAL_DTYPE_Q8_0, 36, 22, 33);
    printf("%ld checks, %ld wrong\n", checks, failures);
    return failures ? 1 : 0;
}

#else
#include "vectors.h"
#endif
