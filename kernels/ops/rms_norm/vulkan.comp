// A workgroup normalises one slice of one row.
void main() {
    uint width = D / groups, first = gl_WorkGroupID.x * width;
    float squares = 0.0;
    for (uint k = gl_LocalInvocationIndex; k < width; k += THREADS) {
        float v = x_at(first + k);
        squares += v * v;
    }
    float factor = inversesqrt(hadal_sum(squares) / float(width) + eps);
    for (uint k = gl_LocalInvocationIndex; k < width; k += THREADS) {
        float v = x_at(first + k) * factor;
#if has_weight
        // A slice's own part of the weight, or the one that all slices share.
        v *= weight_at(first % W + k);
#endif
        y_put(first + k, v);
    }
}
