// A workgroup normalises one slice of one row. The variance is taken around the mean, in a second pass: one pass would cancel.
void main() {
    uint width = D / groups, first = gl_WorkGroupID.x * width;
    float sum = 0.0;
    for (uint k = gl_LocalInvocationIndex; k < width; k += THREADS) sum += x_at(first + k);
    float mean = hadal_sum(sum) / float(width);
    float squares = 0.0;
    for (uint k = gl_LocalInvocationIndex; k < width; k += THREADS) {
        float v = x_at(first + k) - mean;
        squares += v * v;
    }
    float factor = inversesqrt(hadal_sum(squares) / float(width) + eps);
#if has_weight || has_bias
    // Where the slice's own part begins; 0 where all slices share one.
    uint own = first % W;
#endif
    for (uint k = gl_LocalInvocationIndex; k < width; k += THREADS) {
        float v = (x_at(first + k) - mean) * factor;
#if has_weight
        v *= weight_at(own + k);
#endif
#if has_bias
        v += bias_at(own + k);
#endif
        y_put(first + k, v);
    }
}
