// append writes the keys. search goes through the cached keys of a token in parts, a workgroup each: a key's score is computed once, and
// candidates are kept in memory that does not grow with the cache, thinned to the top_k best whenever they have filled it. merge finds
// the top_k best of all parts. Candidates stay in ascending order throughout, so that ties go to the lower index.
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
#define DIGITS 256
// Candidates beyond top_k that a part has room for.
#define SPARE max(top_k, 512)
#define ROOM (top_k + SPARE)

// What invocations of a workgroup hand each other through memory.
layout(buffer_reference, std430, buffer_reference_align = 4) coherent buffer Candidates { uint at[]; };

// Parts that each token's keys are searched in: many where there are few tokens. The scratch memory's size follows from it.
uint parts() { return 256 / (N + 1) + 1; }
// Candidates of a part begin here: their scores, then their indices. How many they are is kept in a list of its own.
uint scores_of(uint token, uint part) { return 2 * ROOM * (token * parts() + part); }

Candidates kept() { return Candidates(hadal_push.t_candidates); }
Candidates counts() { return Candidates(hadal_push.t_counts); }

shared uint histogram[DIGITS], running[THREADS];

void agree() {
    memoryBarrierBuffer();
    barrier();
}

// How many invocations before this one, and how many in all, have it true.
uvec2 place(bool isTrue) {
    uint me = gl_LocalInvocationIndex;
    running[me] = isTrue ? 1 : 0;
    barrier();
    for (uint step = 1; step < THREADS; step *= 2) {
        uint sum = running[me] + (me >= step ? running[me - step] : 0);
        barrier();
        running[me] = sum;
        barrier();
    }
    uvec2 result = uvec2(running[me] - (isTrue ? 1 : 0), running[THREADS - 1]);
    barrier();
    return result;
}

// The top_k-th highest score of the candidates of `lists` parts from `first` on, and how many equal to it are among the top_k highest.
// There are at least top_k.
uvec2 ranked(uint token, uint first, uint lists) {
    uint found = 0, rank = top_k;
    for (int shift = 24; shift >= 0; shift -= 8) {
        for (uint i = gl_LocalInvocationIndex; i < DIGITS; i += THREADS) histogram[i] = 0;
        barrier();
        for (uint part = first; part < first + lists; part++) {
            uint from = scores_of(token, part), count = counts().at[token * parts() + part];
            for (uint i = gl_LocalInvocationIndex; i < count; i += THREADS) {
                uint score = kept().at[from + i];
                if (shift == 24 || score >> (shift + 8) == found >> (shift + 8)) atomicAdd(histogram[(score >> shift) & 255u], 1);
            }
        }
        barrier();
        uint digit = DIGITS - 1;
        for (; digit > 0 && histogram[digit] < rank; digit--) rank -= histogram[digit];
        found |= digit << shift;
        barrier();
    }
    return uvec2(found, rank);
}

#if defined(STAGE_search)
// Keys scored together; each is multiplied with a share of the heads by THREADS / KEYS invocations.
#define KEYS 16
#define SHARES (THREADS / KEYS)
// Heads that an invocation multiplies at a time.
#define HEADS 4

shared float keys[KEYS][a_dim + 1], sums[KEYS][THREADS / KEYS + 1];

float rectified(float x) { return x < 0.0 ? 0.0 : x; }

// Scores of THREADS keys from `first` on, one for each invocation; those from `end` on are 0.
float score(uint token, uint sequence, uint first, uint end) {
    uint me = gl_LocalInvocationIndex, key = me % KEYS, part = me / KEYS;
    float mine = 0.0;
    for (uint tile = 0; tile < THREADS && first + tile < end; tile += KEYS) {
        for (uint i = me; i < KEYS * dim; i += THREADS) {
            uint cached = first + tile + i / dim;
            keys[i / dim][i % dim] = cached < end ? key_at(key_row(sequence, cached, 0) + i % dim) : 0.0;
        }
        barrier();
        float sum = 0.0;
        for (uint head = HEADS * part; head < heads; head += HEADS * SHARES) {
            float products[HEADS];
            for (uint h = 0; h < HEADS; h++) products[h] = 0.0;
            uint q_first = (token * heads + head) * dim, count = min(HEADS, heads - head);
            for (uint d = 0; d < dim; d++) {
                float value = keys[key][d];
                for (uint h = 0; h < HEADS; h++) if (h < count) products[h] += q_at(q_first + h * dim + d) * value;
            }
            for (uint h = 0; h < count; h++) sum += w_at(token * heads + head + h) * rectified(products[h]);
        }
        sums[key][part] = sum;
        barrier();
        if (me >= tile && me < tile + KEYS) {
            for (uint s = 0; s < SHARES; s++) mine += sums[me - tile][s];
        }
        barrier();
    }
    return mine;
}

// Keeps the top_k best candidates of a part; returns the lowest score among them.
uint thin(uint token, uint part, uint count) {
    uvec2 lowest = ranked(token, part, 1);
    uint from = scores_of(token, part), to = 0, ties = 0;
    for (uint base = 0; base < count; base += THREADS) {
        uint i = base + gl_LocalInvocationIndex;
        uint value = 0, cached = 0;
        if (i < count) {
            value = kept().at[from + i];
            cached = kept().at[from + ROOM + i];
        }
        uvec2 tie = place(i < count && value == lowest.x);
        bool stays = i < count && (value > lowest.x || value == lowest.x && ties + tie.x < lowest.y);
        uvec2 at = place(stays);
        if (stays) {
            kept().at[from + to + at.x] = value;
            kept().at[from + ROOM + to + at.x] = cached;
        }
        to += at.y;
        ties += tie.y;
        agree();
    }
    return lowest.x;
}

void main() {
    uint token = gl_WorkGroupID.x, part = gl_WorkGroupID.y, me = gl_LocalInvocationIndex;
    uint sequence = sequence_of(token), seen = position_of(token) + 1, slot = token * parts() + part;
    if (seen <= top_k) return;
    // Whole tiles, so that short caches are not cut small.
    uint length = (seen + parts() - 1) / parts();
    length = max((length + THREADS - 1) / THREADS * THREADS, 2 * THREADS);
    uint first = part * length, end = min(first + length, seen), count = 0;
    // Scores must be above it, once top_k are known.
    uint floor_ = 0;
    bool isFull = false;
    for (uint base = first; base < end; base += THREADS) {
        uint cached = base + me, value = hadal_order(score(token, sequence, base, end));
        bool offered = cached < end && (!isFull || value > floor_);
        uvec2 at = place(offered);
        if (offered) {
            uint to = scores_of(token, part) + count + at.x;
            kept().at[to] = value;
            kept().at[to + ROOM] = cached;
        }
        count += at.y;
        if (count > ROOM - THREADS) {
            if (me == 0) counts().at[slot] = count;
            agree();
            floor_ = thin(token, part, count);
            count = top_k;
            isFull = true;
        }
    }
    if (me == 0) counts().at[slot] = count;
}
#else
void main() {
    uint token = gl_WorkGroupID.x, me = gl_LocalInvocationIndex, seen = position_of(token) + 1, to = token * top_k;
    if (seen <= top_k) {
        for (uint i = me; i < top_k; i += THREADS) selection_put(to + i, i < seen ? int(i) : -1);
        return;
    }
    uvec2 lowest = ranked(token, 0, parts());
    uint ties = 0;
    for (uint part = 0; part < parts(); part++) {
        uint from = scores_of(token, part), count = counts().at[token * parts() + part];
        for (uint base = 0; base < count; base += THREADS) {
            uint i = base + me, value = i < count ? kept().at[from + i] : 0;
            uvec2 tie = place(i < count && value == lowest.x);
            bool stays = i < count && (value > lowest.x || value == lowest.x && ties + tie.x < lowest.y);
            uvec2 at = place(stays);
            if (stays) selection_put(to + at.x, int(kept().at[from + ROOM + i]));
            to += at.y;
            ties += tie.y;
        }
    }
}
#endif
#endif
