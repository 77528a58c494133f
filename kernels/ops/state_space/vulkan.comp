// An invocation takes a row of the matrix of a head. Only the workgroups of a sequence's first token do, and go through all of its tokens.
void main() {
    uint token = gl_WorkGroupID.z, sequence = sequence_of(token), head = gl_WorkGroupID.y;
    if (token != first_of(sequence)) return;
    const uint size = D / H, width = K / groups, group = head / (H / groups);
    uint row = gl_GlobalInvocationID.x;
    if (row >= size) return;
    uint before = memory_before(sequence, head) + row * width, after = memory_after(sequence, head) + row * width;
    for (uint i = 0; i < width; i++) memory_put(after + i, past_of(sequence) == 0 ? 0.0 : memory_at(before + i));
    for (uint end = token + new_of(sequence); token < end; token++) {
        float raw = dt_at(token * H + head);
#if has_bias
        raw += bias_at(head);
#endif
        float step = max(max(raw, 0.0) + hadal_log1p(exp(-abs(raw))), dt_minimum);
        if (dt_maximum > 0.0) step = min(step, dt_maximum);
        uint at = token * D + head * size + row;
        float u = u_at(at), sum = 0.0, fade = 0.0;
        for (uint i = 0; i < width; i++) {
            if (i == 0 || M > 1) {
                float entry = a_at(head, i);
                fade = exp(step * (form != 0 ? entry : -exp(entry)));
            }
            float s = fma(step * u, b_at(token * K + group * width + i), fade * memory_at(after + i));
            memory_put(after + i, s);
            sum = fma(s, c_at(token * K + group * width + i), sum);
        }
#if has_skip
        sum = fma(skip_at(head), u, sum);
#endif
        y_put(at, sum);
    }
}
