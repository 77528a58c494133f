// A workgroup takes up to THREADS columns of the matrix of a head, each invocation one of them. Only the workgroups of a sequence's first token
// do, and go through all of its tokens.
shared float fades[256], keys[256], queries[256];

void main() {
    uint token = gl_WorkGroupID.z, sequence = sequence_of(token), head = gl_WorkGroupID.y;
    if (token != first_of(sequence)) return;
    const uint size = K / key_heads, width = V / value_heads, gates = G / value_heads, me = gl_LocalInvocationIndex;
    uint column = gl_WorkGroupID.x * THREADS + me, key_head = tiled != 0 ? head % key_heads : head / (value_heads / key_heads);
    uint before = memory_before(sequence, head), after = memory_after(sequence, head);
    bool is_mine = column < width;
    for (uint i = 0; i < size && is_mine; i++)
        memory_put(after + i * width + column, past_of(sequence) == 0 ? 0.0 : memory_at(before + i * width + column));
    for (uint end = token + new_of(sequence); token < end; token++) {
        float q_sum = 0.0, k_sum = 0.0;
        if (norm_eps > 0.0) {
            for (uint i = me; i < size; i += THREADS) {
                float a = q_at(token * K + key_head * size + i), b = k_at(token * K + key_head * size + i);
                q_sum = fma(a, a, q_sum);
                k_sum = fma(b, b, k_sum);
            }
            q_sum = hadal_sum(q_sum) + norm_eps;
            k_sum = hadal_sum(k_sum) + norm_eps;
        }
        float q_factor = norm_eps > 0.0 ? scale / sqrt(q_sum) : scale, k_factor = norm_eps > 0.0 ? 1.0 / sqrt(k_sum) : 1.0;
        barrier();
        for (uint i = me; i < size; i += THREADS) {
            queries[i] = q_at(token * K + key_head * size + i) * q_factor;
            keys[i] = k_at(token * K + key_head * size + i) * k_factor;
            fades[i] = exp(decay_at(token * G + head * gates + (gates == 1 ? 0 : i)));
        }
        barrier();
        if (!is_mine) continue;
        float held = 0.0, sum = 0.0;
        for (uint i = 0; i < size; i++) held = fma(keys[i] * fades[i], memory_at(after + i * width + column), held);
        uint at = token * V + head * width + column;
        float change = beta_at(token * value_heads + head) * (v_at(at) - held);
        for (uint i = 0; i < size; i++) {
            float s = fma(keys[i], change, fades[i] * memory_at(after + i * width + column));
            memory_put(after + i * width + column, s);
            sum = fma(queries[i], s, sum);
        }
        y_put(at, sum);
    }
}
