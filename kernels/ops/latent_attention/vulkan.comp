// The absorbed form: prepare takes each query through its head's key rows of kv_b, so that it is scored against the cached rows as they
// are; all heads share these. expand takes the weighted sum of rows through the head's value rows of kv_b. The sum takes the place of the
// query that it came from.
#define KEY (rank + rope_dim)

uint query_place(uint token, uint head) { return (token * heads + head) * KEY; }

#if defined(STAGE_prepare)
// A tile of up to 32 tokens: the first workgroup along x writes their rows to the cache, each of the others makes 128 columns of one head's
// queries.
#define TOKENS 32
#define COLUMNS 128
#define PITCH (COLUMNS + 4)
#define TOKEN_PITCH (TOKENS + 4)

shared float weights[32 * PITCH], numbers[32 * TOKEN_PITCH];

float row_part(uint token, uint i) { return i < rank ? latent_at(token * rank + i) : k_rope_at(token * rope_dim + i - rank); }

// In pairs, since two 16-bit numbers share a word, or in two blocks at a time.
void append(uint token) {
    uint row = cached_latent_row(sequence_of(token), position_of(token), 0);
#if cached_latent_has_blocks
    for (uint i = 64 * gl_LocalInvocationIndex; i < KEY; i += 64 * THREADS) {
        float quantised[64];
        for (uint c = 0; c < 64; c++) quantised[c] = i + c < KEY ? row_part(token, i + c) : 0.0;
        cached_latent_put_blocks(row + i, quantised);
    }
#else
    for (uint i = 2 * gl_LocalInvocationIndex; i < KEY; i += 2 * THREADS) {
        if (i + 1 < KEY) cached_latent_put(row + i, row_part(token, i), row_part(token, i + 1));
        else cached_latent_put_last(row + i, row_part(token, i));
    }
#endif
}

void main() {
    uint first = TOKENS * gl_WorkGroupID.y, count = min(TOKENS, N - first), me = gl_LocalInvocationIndex;
    if (gl_WorkGroupID.x == 0) {
        for (uint t = 0; t < count; t++) append(first + t);
        return;
    }
    uint spans = (rank + COLUMNS - 1) / COLUMNS, head = (gl_WorkGroupID.x - 1) / spans, base = (gl_WorkGroupID.x - 1) % spans * COLUMNS;
    uint width = nope_dim + rope_dim;
    if (base == 0) {
        for (uint i = me; i < count * rope_dim; i += THREADS) {
            uint token = first + i / rope_dim, d = i % rope_dim;
            absorbed_put(query_place(token, head) + rank + d, q_at((token * heads + head) * width + nope_dim + d));
        }
    }
    bool few = count <= 8;
    // Few tokens: a column of each. Many: 4 columns of 8 tokens.
    uint across = 4 * (me % 32), down = 8 * (me / 32);
    float sums[32];
    [[unroll]] for (uint i = 0; i < 32; i++) sums[i] = 0.0;
    for (uint d = 0; d < nope_dim; d += 32) {
        // A block of columns by each invocation, neighbours taking neighbouring blocks.
        uint row = me / 4, column = 32 * (me % 4);
        float v[32];
        if (d + row < nope_dim && base + column < rank) kv_b_block(head * (nope_dim + value_dim) + d + row, base / 32 + me % 4, rank, v);
        else [[unroll]] for (uint k = 0; k < 32; k++) v[k] = 0.0;
        [[unroll]] for (uint k = 0; k < 32; k++) weights[row * PITCH + column + k] = v[k];
        for (uint i = me; i < 32 * (few ? 8 : TOKENS); i += THREADS) {
            uint t = i / 32, k = i % 32;
            numbers[k * TOKEN_PITCH + t] = t < count && d + k < nope_dim ? q_at(((first + t) * heads + head) * width + d + k) : 0.0;
        }
        barrier();
        if (few) {
            for (uint k = 0; k < 32; k++) {
                float w = weights[k * PITCH + me];
                [[unroll]] for (uint t = 0; t < 8; t++) sums[t] += w * numbers[k * TOKEN_PITCH + t];
            }
        } else {
            for (uint k = 0; k < 32; k++) {
                float a[4], b[8];
                [[unroll]] for (uint i = 0; i < 4; i++) a[i] = weights[k * PITCH + across + i];
                [[unroll]] for (uint t = 0; t < 8; t++) b[t] = numbers[k * TOKEN_PITCH + down + t];
                [[unroll]] for (uint t = 0; t < 8; t++) [[unroll]] for (uint i = 0; i < 4; i++) sums[4 * t + i] += a[i] * b[t];
            }
        }
        barrier();
    }
    if (few) {
        [[unroll]] for (uint t = 0; t < 8; t++) {
            if (t < count && base + me < rank) absorbed_put(query_place(first + t, head) + base + me, sums[t]);
        }
        return;
    }
    [[unroll]] for (uint t = 0; t < 8; t++) {
        [[unroll]] for (uint i = 0; i < 4; i++) {
            if (down + t < count && base + across + i < rank) absorbed_put(query_place(first + down + t, head) + base + across + i, sums[4 * t + i]);
        }
    }
}

#else
#define QUERY_HEADS a_heads
#define KEY_HEADS 1
#define KEY_WIDTH (a_rank + a_rope_dim)
#define VALUE_WIDTH a_rank
#define PARTS (a_heads > 256 ? 8 : a_heads < 32 ? 64 : 2048 / a_heads)

// The sums are quotients already, whatever way they came about.
#if defined(STAGE_expand)
#define ROWS 64
#define TOKENS 32
#define PITCH (ROWS + 4)
#define TOKEN_PITCH (TOKENS + 4)

shared float weights[64 * PITCH], numbers[64 * TOKEN_PITCH];

// A workgroup makes 64 values of one head for up to 32 tokens.
void main() {
    uint head = gl_WorkGroupID.y, base = ROWS * gl_WorkGroupID.x, first = TOKENS * gl_WorkGroupID.z, count = min(TOKENS, N - first);
    uint me = gl_LocalInvocationIndex, row = me % ROWS, part = me / ROWS;
    // Few tokens: the halves of each 64 columns are added up at the end. Many: 4 rows of 4 tokens.
    bool few = count <= 8;
    uint across = 4 * (me % 16), down = 4 * (me / 16);
    float sums[16];
    [[unroll]] for (uint i = 0; i < 16; i++) sums[i] = 0.0;
    for (uint d = 0; d < rank; d += 64) {
        // Two neighbours decode 64 columns of a row.
        uint r = me / 2, column = 32 * (me % 2);
        float v[32];
        if (base + r < value_dim && d + column < rank) kv_b_block(head * (nope_dim + value_dim) + nope_dim + base + r, (d + column) / 32, rank, v);
        else [[unroll]] for (uint k = 0; k < 32; k++) v[k] = 0.0;
        [[unroll]] for (uint k = 0; k < 32; k++) weights[(column + k) * PITCH + r] = d + column + k < rank ? v[k] : 0.0;
        for (uint i = me; i < 64 * (few ? 8 : TOKENS); i += THREADS) {
            uint t = i / 64, k = i % 64;
            numbers[k * TOKEN_PITCH + t] = t < count && d + k < rank ? absorbed_now(query_place(first + t, head) + d + k) : 0.0;
        }
        barrier();
        if (few) {
            for (uint k = 32 * part; k < 32 * part + 32; k++) {
                float w = weights[k * PITCH + row];
                [[unroll]] for (uint t = 0; t < 8; t++) sums[t] += w * numbers[k * TOKEN_PITCH + t];
            }
        } else {
            for (uint k = 0; k < 64; k++) {
                float a[4], b[4];
                [[unroll]] for (uint i = 0; i < 4; i++) {
                    a[i] = weights[k * PITCH + across + i];
                    b[i] = numbers[k * TOKEN_PITCH + down + i];
                }
                [[unroll]] for (uint t = 0; t < 4; t++) [[unroll]] for (uint i = 0; i < 4; i++) sums[4 * t + i] += a[i] * b[t];
            }
        }
        barrier();
    }
    if (few) {
        [[unroll]] for (uint t = 0; t < 8; t++) weights[t * THREADS + me] = sums[t];
        barrier();
        for (uint i = me; i < count * ROWS; i += THREADS) {
            uint t = i / ROWS, r = i % ROWS;
            if (base + r < value_dim) {
                y_put(((first + t) * heads + head) * value_dim + base + r, weights[t * THREADS + r] + weights[t * THREADS + ROWS + r]);
            }
        }
        return;
    }
    [[unroll]] for (uint t = 0; t < 4; t++) {
        [[unroll]] for (uint i = 0; i < 4; i++) {
            if (down + t < count && base + across + i < value_dim) {
                y_put(((first + down + t) * heads + head) * value_dim + base + across + i, sums[4 * t + i]);
            }
        }
    }
}

#else
uint key_place(uint sequence, uint position, uint head) { return cached_latent_row(sequence, position, 0); }
uint value_place(uint sequence, uint position, uint head) { return cached_latent_row(sequence, position, 0); }

vec4 key_quad(uint place, uint i) {
    if (KEY_WIDTH % 4 == 0) return i < KEY ? cached_latent_at4(place + i) : vec4(0.0);
    vec4 quad = vec4(0.0);
    for (uint c = 0; c < 4; c++) if (i + c < KEY) quad[c] = cached_latent_at(place + i + c);
    return quad;
}

// Columns of the rotary key beside the last of the value may come along; no one stores them.
vec4 value_quad(uint place, uint i) { return i < rank ? key_quad(place, i) : vec4(0.0); }

vec4 query_quad(uint token, uint head, uint i) {
    uint first = query_place(token, head) + i;
    if (KEY_WIDTH % 4 == 0) return i < KEY ? HadalVectors(hadal_push.t_absorbed).at[first / 4] : vec4(0.0);
    vec4 quad = vec4(0.0);
    for (uint c = 0; c < 4; c++) if (i + c < KEY) quad[c] = absorbed_now(first + c);
    return quad;
}

float logit(float product) { return product * scale; }
float divisor(uint head, float highest, float total) { return total; }
void result_put(uint token, uint head, uint i, float v) { absorbed_put(query_place(token, head) + i, v); }

#include "attend.glsl"
#endif
#endif
