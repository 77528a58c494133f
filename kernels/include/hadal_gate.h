/* The gate of a gated feed-forward network, shared by glu and experts. Included once per pass, after hadal_simd.h. */
#ifndef HADAL_GATE_NAMES
#define HADAL_GATE_NAMES
#define gated HADAL_FN(gated)
enum { GATE_SILU, GATE_GELU, GATE_GELU_TANH, GATE_RELU };
#endif

/* activation(gate) * (up + offset); with limit > 0, gate <= limit and -limit <= up <= limit first. */
INLINE vf gated(int64_t kind, float alpha, float limit, float offset, vf gate, vf up) {
    if (limit > 0) {
        vf high = v_splat(limit), low = v_splat(-limit);
        gate = v_select(gate > high, high, gate);
        up = v_select(up > high, high, v_select(up < low, low, up));
    }
    up = up + offset;
    switch (kind) {
    case GATE_SILU: return gate * v_sigmoid(alpha * gate) * up;
    case GATE_GELU: return v_gelu(gate) * up;
    case GATE_GELU_TANH:
        return 0.5f * gate * (1.0f + v_tanh(0.79788456080286536f * (gate + 0.044715f * gate * gate * gate))) * up;
    default: return v_select(gate < v_splat(0), v_splat(0), gate) * up;
    }
}
