#if defined(STAGE_append)
// Writes one token's keys and values to the caches: in pairs, since two 16-bit numbers share a word, or in two blocks at a time.
void main() {
#if has_k
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
#endif
}
#else
#define QUERY_HEADS a_heads
#define KEY_HEADS a_kv_heads
#define KEY_WIDTH a_head_dim
#define VALUE_WIDTH a_value_dim
#define PARTS (a_kv_heads > 32 ? 16 : a_kv_heads < 8 ? 64 : 512 / a_kv_heads)
#define WINDOW window
#define CHUNK window_chunk
#define FUTURE window_future
#define has_selection 0

uint key_place(uint sequence, uint position, uint head) { return key_row(sequence, position, head); }
uint value_place(uint sequence, uint position, uint head) { return value_row(sequence, position, head); }

vec4 key_quad(uint place, uint i) {
    if (a_head_dim % 4 == 0) return i < head_dim ? key_at4(place + i) : vec4(0.0);
    vec4 quad = vec4(0.0);
    for (uint c = 0; c < 4; c++) if (i + c < head_dim) quad[c] = key_at(place + i + c);
    return quad;
}

vec4 value_quad(uint place, uint i) {
    if (a_value_dim % 4 == 0) return i < value_dim ? value_at4(place + i) : vec4(0.0);
    vec4 quad = vec4(0.0);
    for (uint c = 0; c < 4; c++) if (i + c < value_dim) quad[c] = value_at(place + i + c);
    return quad;
}

vec4 query_quad(uint token, uint head, uint i) {
    uint first = (token * heads + head) * head_dim + i;
    if (a_head_dim % 4 == 0) return i < head_dim ? q_at4(first / 4) : vec4(0.0);
    vec4 quad = vec4(0.0);
    for (uint c = 0; c < 4; c++) if (i + c < head_dim) quad[c] = q_at(first + c);
    return quad;
}

float logit(float product) {
    float score = product * scale;
    // tanh overflows on some devices above 40.
    return softcap > 0.0 ? softcap * tanh(clamp(score / softcap, -20.0, 20.0)) : score;
}

float divisor(uint head, float highest, float total) {
#if has_sinks
    return total + exp(sinks_at(head) - highest);
#else
    return total;
#endif
}

void result_put(uint token, uint head, uint i, float v) { y_put((token * heads + head) * value_dim + i, v); }

#include "attend.glsl"
#endif
