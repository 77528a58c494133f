void main() {
    uint token = gl_WorkGroupID.y, column = gl_GlobalInvocationID.x, sequence = sequence_of(token);
    // The workgroups of a sequence's first token go through all of its tokens.
    if (column >= D || token != first_of(sequence)) return;
    float value = past_of(sequence) == 0 ? 0.0 : sum_at(sum_before(sequence, 0u) + column);
    for (uint end = token + new_of(sequence); token < end; token++) {
        value = keep_at(column) * value + x_at(token * D + column);
        y_put(token * D + column, value);
    }
    sum_put(sum_after(sequence, 0u) + column, value);
}
