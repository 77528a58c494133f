// append writes the keys. search gives a head of a token to a workgroup: every invocation scores a block, and the best top_k of those kept so
// far and of the new ones stay. Kept blocks lie before new ones and are in ascending order, so that ties go to the lower number.
#if defined(STAGE_append)
void main() {
    uint token = gl_WorkGroupID.x, from = token * dim, row = key_row(sequence_of(token), position_of(token), 0);
#if key_has_blocks
    for (uint i = 64 * gl_LocalInvocationIndex; i < dim; i += 64 * THREADS) {
        float quantised[64];
        for (uint c = 0; c < 64; c++) quantised[c] = i + c < dim ? k_at(from + i + c) : 0.0;
        key_put_blocks(row + i, quantised);
    }
#else
    for (uint i = 2 * gl_LocalInvocationIndex; i < dim; i += 2 * THREADS) {
        if (i + 1 < dim) key_put(row + i, k_at(from + i), k_at(from + i + 1));
        else key_put_last(row + i, k_at(from + i));
    }
#endif
}
#else
shared uint scores[a_top_k + THREADS], numbers[a_top_k + THREADS], next_scores[a_top_k], next_numbers[a_top_k], places[a_top_k + THREADS];

// The greatest product of the query with keys from ..< end.
uint score(uint sequence, uint q_first, uint from, uint end) {
    uint best = 0;
    for (uint j = from; j < end; j++) {
        uint row = key_row(sequence, j, 0);
        float sum = 0.0;
        for (uint d = 0; d < dim; d++) sum += q_at(q_first + d) * key_at(row + d);
        best = max(best, isnan(sum) ? 1 : hadal_order(sum));
    }
    return best;
}

void main() {
    uint token = gl_WorkGroupID.x, head = gl_WorkGroupID.y, me = gl_LocalInvocationIndex;
    uint sequence = sequence_of(token), seen = position_of(token) + 1, own = (seen - 1) / block, to = (token * heads + head) * top_k;
    if (own < top_k) {
        for (uint i = me; i < top_k; i += THREADS) blocks_put(to + i, i <= own ? int(i) : -1);
        return;
    }
    uint count = 0;
    for (uint base = 0; base <= own; base += THREADS) {
        uint fresh = min(THREADS, own + 1 - base), number = base + me;
        if (me < fresh) {
            bool always = number + local > own;
            scores[count + me] = always ? 0xFFFFFFFFu : score(sequence, (token * heads + head) * dim, number * block, min((number + 1) * block, seen));
            numbers[count + me] = number;
        }
        barrier();
        uint all = count + fresh;
        // A candidate's place is the number of those before it.
        for (uint i = me; i < all; i += THREADS) {
            uint before = 0;
            for (uint j = 0; j < all; j++) before += scores[j] > scores[i] || scores[j] == scores[i] && j < i ? 1 : 0;
            places[i] = before;
        }
        barrier();
        // Those that stay keep their order.
        for (uint i = me; i < all; i += THREADS) {
            if (places[i] >= top_k) continue;
            uint at = 0;
            for (uint j = 0; j < i; j++) at += places[j] < top_k ? 1 : 0;
            next_scores[at] = scores[i];
            next_numbers[at] = numbers[i];
        }
        barrier();
        count = min(all, top_k);
        for (uint i = me; i < count; i += THREADS) {
            scores[i] = next_scores[i];
            numbers[i] = next_numbers[i];
        }
        barrier();
    }
    for (uint i = me; i < top_k; i += THREADS) blocks_put(to + i, i < count ? int(numbers[i]) : -1);
}
#endif
