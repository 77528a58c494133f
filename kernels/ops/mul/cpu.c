/* mul: y = a * b * weight, element by element, what is absent left out; b and weight may hold an element for a share of the columns. */
#include "hadal_kernel.h"
#ifndef HADAL_ISA
#include "hadal_each_isa.h"
HADAL_EXPORT_KERNEL(mul, 0)
#else
#include "hadal_simd.h"

/* y = a * factors of one row, `count` of them. */
INLINE void HADAL_FN(row)(float *y, const float *a, int64_t width, const float *factors, int64_t count) {
    const int64_t share = width / count;
    if (share == 1) {
        int64_t i = 0;
        for (; i + LANES <= width; i += LANES) v_store(y + i, v_load(a + i) * v_load(factors + i));
        for (; i < width; i++) y[i] = a[i] * factors[i];
        return;
    }
    for (int64_t c = 0; c < count; c++, y += share, a += share) {
        int64_t i = 0;
        for (; i + LANES <= share; i += LANES) v_store(y + i, v_load(a + i) * factors[c]);
        for (; i < share; i++) y[i] = a[i] * factors[c];
    }
}

HADAL_KERNEL(mul) {
    const hadal_kernel_tensor *out = &args->outputs[0], *other = &args->inputs[1];
    const float *a = args->inputs[0].data, *b = other->data;
    float *y = out->data;
    const hadal_kernel_tensor *weight = args->input_count > 2 && args->inputs[2].data ? &args->inputs[2] : 0;
    int64_t i, end;
    if (b && other->columns == out->columns && !weight) {
        hadal_share(out->rows * out->columns, 64, thread, &i, &end);
        for (; i + LANES <= end; i += LANES) v_store(y + i, v_load(a + i) * v_load(b + i));
        for (; i < end; i++) y[i] = a[i] * b[i];
        return;
    }
    const int64_t width = out->columns;
    hadal_share(out->rows, 1, thread, &i, &end);
    for (; i < end; i++) {
        float *to = y + i * width;
        const float *from = a + i * width;
        if (b) {
            HADAL_FN(row)(to, from, width, b + i * other->columns, other->columns);
            from = to;
        }
        if (weight)
            HADAL_FN(row)(to, from, width, weight->data, weight->rows * weight->columns);
        else if (!b)
            memcpy(to, from, (size_t)width * 4);
    }
}

#endif
