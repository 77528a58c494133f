#if defined(STAGE_append)
// Writes one token's keys and values to the caches: in pairs, since two 16-bit numbers share a word, or in two blocks at a time.
void main() {
    uint token = gl_WorkGroupID.x, head = gl_WorkGroupID.y, sequence = sequence_of(token), position = position_of(token);
    uint k_first = (token * kv_heads + head) * head_dim, v_first = (token * kv_heads + head) * value_dim;
    uint k_row = key_row(sequence, position, head), v_row = value_row(sequence, position, head);
#if key_has_blocks
    for (uint i = 64 * gl_LocalInvocationIndex; i < max(head_dim, value_dim); i += 64 * THREADS) {
        float quantised[64];
        for (uint c = 0; c < 64; c++) quantised[c] = i + c < head_dim ? k_at(k_first + i + c) : 0.0;
        if (i < head_dim) key_put_blocks(k_row + i, quantised);
        for (uint c = 0; c < 64; c++) quantised[c] = i + c < value_dim ? v_at(v_first + i + c) : 0.0;
        if (i < value_dim) value_put_blocks(v_row + i, quantised);
    }
#else
    for (uint i = 2 * gl_LocalInvocationIndex; i < head_dim; i += 2 * THREADS) {
        if (i + 1 < head_dim) key_put(k_row + i, k_at(k_first + i), k_at(k_first + i + 1));
        else key_put_last(k_row + i, k_at(k_first + i));
    }
    for (uint i = 2 * gl_LocalInvocationIndex; i < value_dim; i += 2 * THREADS) {
        if (i + 1 < value_dim) value_put(v_row + i, v_at(v_first + i), v_at(v_first + i + 1));
        else value_put_last(v_row + i, v_at(v_first + i));
    }
#endif
}
#else
// A workgroup takes one head of one token through its blocks, a key for each invocation, then a column of values for each.
shared float query[a_head_dim], shares[THREADS];

void main() {
    uint token = gl_WorkGroupID.x, head = gl_WorkGroupID.y, me = gl_LocalInvocationIndex;
    uint sequence = sequence_of(token), seen = position_of(token) + 1, kv_head = head / (heads / kv_heads);
    uint chosen = B / choices, list = token * B + head / (heads / choices) * chosen;
    for (uint i = me; i < head_dim; i += THREADS) query[i] = q_at((token * heads + head) * head_dim + i) * scale;
    barrier();
    const uint columns = (a_value_dim + THREADS - 1) / THREADS;
    float sums[columns], highest = -1e30, total = 0.0;
    for (uint c = 0; c < columns; c++) sums[c] = 0.0;
    for (uint c = 0; c < chosen; c++) {
        int number = blocks_at(list + c);
        if (number < 0 || uint(number) * block >= seen) continue;
        uint end = min((uint(number) + 1) * block, seen);
        for (uint base = uint(number) * block; base < end; base += THREADS) {
            uint count = min(THREADS, end - base);
            float own = -1e30;
            if (me < count) {
                uint row = key_row(sequence, base + me, kv_head);
                own = 0.0;
                for (uint d = 0; d < head_dim; d++) own += query[d] * key_at(row + d);
            }
            float now = max(highest, hadal_max(own)), shrink = exp(highest - now), share = me < count ? exp(own - now) : 0.0;
            highest = now;
            shares[me] = share;
            total = total * shrink + hadal_sum(share);
            barrier();
            for (uint i = 0; i < columns; i++) {
                uint d = me + i * THREADS;
                sums[i] *= shrink;
                if (d >= value_dim) continue;
                for (uint j = 0; j < count; j++) sums[i] += shares[j] * value_at(value_row(sequence, base + j, kv_head) + d);
            }
            barrier();
        }
    }
    float factor = total > 0.0 ? 1.0 / total : 0.0;
    for (uint i = 0; i < columns; i++) {
        uint d = me + i * THREADS;
        if (d < value_dim) y_put((token * heads + head) * value_dim + d, sums[i] * factor);
    }
}
#endif
