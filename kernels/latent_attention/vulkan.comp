#if defined(STAGE_append)
// Writes one token's row to the cache, the latent and then the rotary key, in pairs, since two 16-bit numbers share a word.
float row_part(uint token, uint i) { return i < rank ? latent_at(token * rank + i) : k_rope_at(token * rope_dim + i - rank); }

void main() {
    uint token = gl_WorkGroupID.x, key = rank + rope_dim;
    uint row = cached_latent_row(sequence_of(token), position_of(token), 0);
    for (uint i = 2 * gl_LocalInvocationIndex; i < key; i += 2 * THREADS) {
        if (i + 1 < key) cached_latent_put(row + i, row_part(token, i), row_part(token, i + 1));
        else cached_latent_put_last(row + i, row_part(token, i));
    }
}
#else
// One head of one token by each workgroup, in the absorbed form: the query is taken through the head's key rows of kv_b once, scored
// against the cached rows as they are, and their weighted sum taken through the head's value rows of kv_b.
// Cached tokens that are scored before their rows are summed up.
#define TILE 32
// Pairs of columns of the sum that an invocation keeps.
#define PAIRS ((a_rank / 2 + int(THREADS)) / int(THREADS))

shared float query[a_rank + a_rope_dim], partial[THREADS], shares[TILE];
shared uint rows[TILE];

// Sums up what the invocations have for each of some results: of result r the parts r * parts ..< (r + 1) * parts.
float part_sum(uint result, uint parts) {
    float sum = 0.0;
    for (uint i = 0; i < parts; i++) sum += partial[result * parts + i];
    return sum;
}

void main() {
    uint token = gl_WorkGroupID.x, head = gl_WorkGroupID.y, me = gl_LocalInvocationIndex;
    uint sequence = sequence_of(token), position = position_of(token);
    uint key = rank + rope_dim, blocks = (rank + 31) / 32, first = head * (nope_dim + value_dim);
    uint q_first = (token * heads + head) * (nope_dim + rope_dim);

    // The absorbed query. A group of invocations holds a block of columns each and takes every so many-th row; one adds after the other.
    for (uint i = me; i < key; i += THREADS) query[i] = i < rank ? 0.0 : q_at(q_first + nope_dim + i - rank);
    barrier();
    uint across = min(blocks, THREADS), groups = THREADS / across, group = me / across;
    for (uint base = 0; base < blocks; base += across) {
        uint block = base + me % across;
        bool works = group < groups && block < blocks;
        float sums[32];
        for (uint k = 0; k < 32; k++) sums[k] = 0.0;
        if (works) {
            for (uint d = group; d < nope_dim; d += groups) {
                float v[32], factor = q_at(q_first + d);
                kv_b_block(first + d, block, rank, v);
                for (uint k = 0; k < 32; k++) sums[k] += factor * v[k];
            }
        }
        for (uint turn = 0; turn < groups; turn++) {
            if (works && turn == group) {
                for (uint k = 0; k < 32; k++) if (32 * block + k < rank) query[32 * block + k] += sums[k];
            }
            barrier();
        }
    }

    // Softmax over the cached tokens with a running maximum.
    float highest = -1e30, total = 0.0;
    vec2 sums[PAIRS];
    for (uint p = 0; p < PAIRS; p++) sums[p] = vec2(0.0);
#if has_selection
    uint candidates = selected;
#else
    uint candidates = position + 1;
#endif
    for (uint base = 0; base < candidates; base += TILE) {
        uint count = min(TILE, candidates - base);
        for (uint j = gl_SubgroupID; j < count; j += gl_NumSubgroups) {
#if has_selection
            int chosen = selection_at(token * selected + base + j);
            bool seen = chosen >= 0 && chosen <= int(position);
            uint cached = seen ? uint(chosen) : 0;
#else
            const bool seen = true;
            uint cached = base + j;
#endif
            uint row = cached_latent_row(sequence, cached, 0);
            float product = 0.0;
            for (uint i = 2 * gl_SubgroupInvocationID; i < key; i += 2 * gl_SubgroupSize) {
                if (i + 1 < key) {
                    vec2 pair = cached_latent_at2(row + i);
                    product += query[i] * pair.x + query[i + 1] * pair.y;
                } else {
                    product += query[i] * cached_latent_at(row + i);
                }
            }
            product = subgroupAdd(product) * scale;
            if (subgroupElect()) {
                shares[j] = seen ? product : -1e30;
                rows[j] = seen ? row : 0xFFFFFFFFu;
            }
        }
        barrier();
        float now = highest;
        for (uint j = 0; j < count; j++) now = max(now, shares[j]);
        float shrink = exp(highest - now);
        highest = now;
        barrier();
        for (uint j = me; j < count; j += THREADS) shares[j] = rows[j] == 0xFFFFFFFFu ? 0.0 : exp(shares[j] - now);
        barrier();
        total *= shrink;
        for (uint j = 0; j < count; j++) total += shares[j];
        for (uint p = 0; p < PAIRS; p++) sums[p] *= shrink;
        for (uint j = 0; j < count; j++) {
            uint row = rows[j];
            if (row == 0xFFFFFFFFu) continue;
            float share = shares[j];
            for (uint p = 0; p < PAIRS; p++) {
                uint column = 2 * (me + p * THREADS);
                // The pair at the end may reach into the rotary key; that half is left alone.
                if (column < rank) sums[p] += share * cached_latent_at2(row + column);
            }
        }
        barrier();
    }

    float factor = total == 0.0 ? 0.0 : 1.0 / total;
    for (uint p = 0; p < PAIRS; p++) {
        uint column = 2 * (me + p * THREADS);
        if (column < rank) query[column] = sums[p].x * factor;
        if (column + 1 < rank) query[column + 1] = sums[p].y * factor;
    }
    barrier();

    // The values: as many rows at a time as there are invocations for their blocks.
    for (uint base = 0; base < value_dim; base += groups) {
        uint d = base + group;
        float sum = 0.0;
        if (group < groups && d < value_dim) {
            for (uint block = me % across; block < blocks; block += across) {
                float v[32];
                kv_b_block(first + nope_dim + d, block, rank, v);
                for (uint k = 0; k < 32; k++) if (32 * block + k < rank) sum += v[k] * query[32 * block + k];
            }
        }
        partial[me] = sum;
        barrier();
        for (uint r = me; r < groups && base + r < value_dim; r += THREADS) y_put((token * heads + head) * value_dim + base + r, part_sum(r, across));
        barrier();
    }
}
#endif
