void main() {
    uint row = gl_WorkGroupID.y, column = gl_GlobalInvocationID.x;
    if (column >= D) return;
    uint i = row * D + column;
    float entry = a_at(column / (D / H)), rate = form != 0 ? -entry : exp(entry), sum = x_at(i);
#if has_bias
    sum += bias_at(column);
#endif
    if (lower_bound < 0.0) y_put(i, lower_bound / (1.0 + exp(-rate * sum)));
    else y_put(i, -rate * (max(sum, 0.0) + hadal_log1p(exp(-abs(sum)))));
}
