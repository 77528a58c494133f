// The input at a row counted from the sequence's first token of the step; negative ones are the window's, zeros before the first token.
float input_row(uint sequence, int row, uint column) {
    if (row >= 0) return x_at((first_of(sequence) + uint(row)) * D + column);
    if (past_of(sequence) == 0) return 0.0;
    return past_at(past_before(sequence, 0u) + uint(int(K) - 1 + row) * D + column);
}

void main() {
    uint token = gl_WorkGroupID.y, column = gl_GlobalInvocationID.x;
    if (column >= D) return;
    uint sequence = sequence_of(token);
    int window = int(K) - 1, t = int(token - first_of(sequence)), count = int(new_of(sequence));
    float sum = 0.0;
#if has_bias
    sum = bias_at(column);
#endif
    for (int tap = 0; tap < int(K); tap++) sum = fma(weight_at(column, uint(tap)), input_row(sequence, t - window + tap, column), sum);
    y_put(token * D + column, silu != 0 ? sum / (1.0 + exp(-sum)) : sum);
    // The last tokens are the next step's window; the first of the step moves on what is left of this one's.
    uint after = past_after(sequence, 0u);
    if (t >= count - window) past_put(after + uint(window - count + t) * D + column, x_at(token * D + column));
    if (t == 0)
        for (int r = 0; r < window - count; r++) past_put(after + uint(r) * D + column, input_row(sequence, count - window + r, column));
}
