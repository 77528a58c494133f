/* What norms share: rms_norm, layer_norm and linear. Included once per pass, after hadal_simd.h. */
#ifndef HADAL_NORM_NAMES
#define HADAL_NORM_NAMES
#define normalise HADAL_FN(normalise)
#define norm_parameters HADAL_FN(norm_parameters)
#endif

/* The weight or bias of slice `slice`, counted over all rows, of `n` columns: one for all groups, or each group's own. NULL: none. */
INLINE const float *norm_parameters(const hadal_kernel_tensor *vector, int64_t slice, int64_t groups, int64_t n) {
    const float *all = vector->data;
    return !all || vector->columns == n ? all : all + slice % groups * n;
}

/* y = x over its root mean square, times the weight if there is one. */
INLINE void normalise(const float *x, const float *weight, float *y, int64_t n, float eps) {
    vf sum[4] = {{0}, {0}, {0}, {0}};
    int64_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES)
        for (int j = 0; j < 4; j++) {
            vf v = v_load(x + i + j * LANES);
            sum[j] += v * v;
        }
    for (; i + LANES <= n; i += LANES) {
        vf v = v_load(x + i);
        sum[0] += v * v;
    }
    if (i < n) {
        vf v = v_load_part(x + i, n - i);
        sum[1] += v * v;
    }
    const float factor = 1.0f / sqrtf(v_reduce_add((sum[0] + sum[1]) + (sum[2] + sum[3])) / (float)n + eps);
    i = 0;
    if (weight) {
        for (; i + LANES <= n; i += LANES) v_store(y + i, v_load(x + i) * factor * v_load(weight + i));
        for (; i < n; i++) y[i] = x[i] * factor * weight[i];
    } else {
        for (; i + LANES <= n; i += LANES) v_store(y + i, v_load(x + i) * factor);
        for (; i < n; i++) y[i] = x[i] * factor;
    }
}
