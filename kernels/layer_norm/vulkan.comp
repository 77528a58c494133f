// A workgroup normalises one row. The variance is taken around the mean, in a second pass: one pass would cancel.
void main() {
    uint first = gl_WorkGroupID.x * D;
    float sum = 0.0;
    for (uint k = gl_LocalInvocationIndex; k < D; k += THREADS) sum += x_at(first + k);
    float mean = hadal_sum(sum) / float(D);
    float squares = 0.0;
    for (uint k = gl_LocalInvocationIndex; k < D; k += THREADS) {
        float v = x_at(first + k) - mean;
        squares += v * v;
    }
    float factor = inversesqrt(hadal_sum(squares) / float(D) + eps);
    for (uint k = gl_LocalInvocationIndex; k < D; k += THREADS) {
        float v = (x_at(first + k) - mean) * factor;
#if has_weight
        v *= weight_at(k);
#endif
#if has_bias
        v += bias_at(k);
#endif
        y_put(first + k, v);
    }
}
