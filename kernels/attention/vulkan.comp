#if defined(STAGE_append)
// Writes one token's keys and values to the caches, in pairs, since two 16-bit numbers share a word.
void main() {
    uint token = gl_WorkGroupID.x, head = gl_WorkGroupID.y, sequence = sequence_of(token), position = position_of(token);
    uint k_first = (token * kv_heads + head) * head_dim, v_first = (token * kv_heads + head) * value_dim;
    uint k_row = key_row(sequence, position, head), v_row = value_row(sequence, position, head);
    for (uint i = 2 * gl_LocalInvocationIndex; i < head_dim; i += 2 * THREADS) {
        if (i + 1 < head_dim) key_put(k_row + i, k_at(k_first + i), k_at(k_first + i + 1));
        else key_put_last(k_row + i, k_at(k_first + i));
    }
    for (uint i = 2 * gl_LocalInvocationIndex; i < value_dim; i += 2 * THREADS) {
        if (i + 1 < value_dim) value_put(v_row + i, v_at(v_first + i), v_at(v_first + i + 1));
        else value_put_last(v_row + i, v_at(v_first + i));
    }
}
#else
// One query head of one token by each workgroup: softmax over the cached keys, THREADS of them at a time, with a running maximum.
#define WIDEST 1024
shared float query[WIDEST];
shared float shares[THREADS];
shared uint value_rows[THREADS];

void main() {
    uint token = gl_WorkGroupID.x, head = gl_WorkGroupID.y, me = gl_LocalInvocationIndex;
    uint sequence = sequence_of(token), position = position_of(token), kv_head = head / (heads / kv_heads);
    for (uint i = me; i < head_dim; i += THREADS) query[i] = q_at((token * heads + head) * head_dim + i);
    barrier();
    uint first = window > 0 && position + 1 > window ? position + 1 - window : 0;
    float highest = -1e30, total = 0.0, sums[WIDEST / THREADS];
    for (uint d = 0; d < WIDEST / THREADS; d++) sums[d] = 0.0;
    for (uint base = first; base <= position; base += THREADS) {
        uint cached = base + me;
        float score = -1e30;
        if (cached <= position) {
            uint row = key_row(sequence, cached, kv_head);
            float product = 0.0;
            for (uint i = 0; i < head_dim; i++) product += query[i] * key_at(row + i);
            score = product * scale;
            if (softcap > 0.0) score = softcap * tanh(clamp(score / softcap, -20.0, 20.0));
            value_rows[me] = value_row(sequence, cached, kv_head);
        }
        float now = max(highest, hadal_max(score)), shrink = exp(highest - now);
        float share = cached <= position ? exp(score - now) : 0.0;
        shares[me] = share;
        total = total * shrink + hadal_sum(share);
        highest = now;
        uint count = min(THREADS, position + 1 - base);
        for (uint d = 0; d < WIDEST / THREADS; d++) {
            uint column = me + d * THREADS;
            if (column >= value_dim) break;
            float sum = sums[d] * shrink;
            for (uint j = 0; j < count; j++) sum += shares[j] * value_at(value_rows[j] + column);
            sums[d] = sum;
        }
        barrier();
    }
    float divisor = total;
#if has_sinks
    float sink = sinks_at(head), most = max(highest, sink);
    divisor = total * exp(highest - most) + exp(sink - most);
    divisor /= exp(highest - most);
#endif
    for (uint d = 0; d < WIDEST / THREADS; d++) {
        uint column = me + d * THREADS;
        if (column < value_dim) y_put((token * heads + head) * value_dim + column, sums[d] / divisor);
    }
}
#endif
