// The product of 32 decoded weights with the numbers from index `from` on, of which `count` are left in the row.
float block_product(uvec2 values, uint from, uint count, float v[32]) {
    float sum = 0.0;
    if (count >= 32 && (from & 3u) == 0) {
        [[unroll]] for (uint k = 0; k < 8; k++) {
            sum += dot(HadalVectors(values).at[from / 4 + k], vec4(v[4 * k], v[4 * k + 1], v[4 * k + 2], v[4 * k + 3]));
        }
        return sum;
    }
    [[unroll]] for (uint k = 0; k < 32; k++) if (k < count) sum += v[k] * HadalFloats(values).at[from + k];
    return sum;
}

// A subgroup's sum over a row, neighbouring invocations taking neighbouring blocks.
#define ROW_PRODUCT(SUM, MATRIX, ROW, COLUMNS, VALUES, FROM) \
    { \
        float own = 0.0; \
        for (uint block = gl_SubgroupInvocationID; 32 * block < (COLUMNS); block += gl_SubgroupSize) { \
            float v[32]; \
            MATRIX##_block(ROW, block, COLUMNS, v); \
            own += block_product(VALUES, (FROM) + 32 * block, (COLUMNS) - 32 * block, v); \
        } \
        SUM = subgroupAdd(own); \
    }

// Rows that a workgroup multiplies, a subgroup one after the other.
#define ROWS 8

float gated(float g, float u, uint expert, uint f) {
#if has_gate_bias
    g += gate_bias_at(expert, f);
#endif
#if has_up_bias
    u += up_bias_at(expert, f);
#endif
    if (limit > 0.0) {
        g = g > limit ? limit : g;
        u = u > limit ? limit : u < -limit ? -limit : u;
    }
    return hadal_gate(activation, g, alpha) * (u + up_offset);
}

#if defined(STAGE_gate_up)
// Eight inner rows of one chosen expert, for one token.
void main() {
    uint token = gl_WorkGroupID.y, pair = token * K + gl_WorkGroupID.z;
    int expert = indices_at(pair);
    if (expert < 0 || expert >= int(E)) return;
    for (uint r = gl_SubgroupID; r < ROWS; r += gl_NumSubgroups) {
        uint f = ROWS * gl_WorkGroupID.x + r, row = uint(expert) * F + f;
        if (f >= F) return;
        float g, u;
        ROW_PRODUCT(g, gate, row, D, hadal_push.i_x, token * D)
        ROW_PRODUCT(u, up, row, D, hadal_push.i_x, token * D)
        if (subgroupElect()) hidden_put(pair * F + f, gated(g, u, uint(expert), f));
    }
}
#else
// Eight results of one token: its experts in the order of the choice. One that is not there is left out.
void main() {
    uint token = gl_WorkGroupID.y;
    for (uint r = gl_SubgroupID; r < ROWS; r += gl_NumSubgroups) {
        uint d = ROWS * gl_WorkGroupID.x + r;
        if (d >= D) return;
        float total = 0.0;
        for (uint k = 0; k < K; k++) {
            uint pair = token * K + k;
            int expert = indices_at(pair);
            if (expert < 0 || expert >= int(E)) continue;
            float sum;
            ROW_PRODUCT(sum, down, uint(expert) * D + d, F, hadal_push.t_hidden, pair * F)
#if has_down_bias
            sum += down_bias_at(uint(expert), d);
#endif
            total += weights_at(pair) * sum;
        }
        if (subgroupElect()) y_put(token * D + d, total);
    }
}
#endif
