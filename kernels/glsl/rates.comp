// What a device can do at most: multiply-adds that depend on nothing but themselves. The host counts them and takes the time.
#version 450
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_buffer_reference_uvec2 : require
#extension GL_EXT_control_flow_attributes : require
#if defined(FEATURE_cooperative_matrix)
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#endif

layout(constant_id = 0) const uint THREADS = 64u;
layout(constant_id = 1) const uint MATRIX_M = 16u;
layout(constant_id = 2) const uint MATRIX_N = 16u;
layout(constant_id = 3) const uint MATRIX_K = 16u;
layout(local_size_x_id = 0) in;
layout(buffer_reference, std430, buffer_reference_align = 4) buffer Floats { float at[]; };
layout(push_constant) uniform Push {
    uvec2 target;
    uint rounds;
    float start;
} push;

#if defined(FEATURE_cooperative_matrix)
// Eight sums a subgroup. All of it is written: a compiler then cannot leave any of it out.
void main() {
    coopmat<float16_t, gl_ScopeSubgroup, MATRIX_M, MATRIX_K, gl_MatrixUseA> a = coopmat<float16_t, gl_ScopeSubgroup, MATRIX_M, MATRIX_K, gl_MatrixUseA>(float16_t(push.start));
    coopmat<float16_t, gl_ScopeSubgroup, MATRIX_K, MATRIX_N, gl_MatrixUseB> b = coopmat<float16_t, gl_ScopeSubgroup, MATRIX_K, MATRIX_N, gl_MatrixUseB>(float16_t(push.start));
    coopmat<float, gl_ScopeSubgroup, MATRIX_M, MATRIX_N, gl_MatrixUseAccumulator> sums[8];
    [[unroll]] for (uint i = 0; i < 8; i++) sums[i] = coopmat<float, gl_ScopeSubgroup, MATRIX_M, MATRIX_N, gl_MatrixUseAccumulator>(float(i));
    for (uint round = 0; round < push.rounds; round++) [[unroll]] for (uint i = 0; i < 8; i++) sums[i] = coopMatMulAdd(a, b, sums[i]);
    Floats target = Floats(push.target);
    [[unroll]] for (uint i = 0; i < 8; i++) coopMatStore(sums[i], target.at, i * MATRIX_M * MATRIX_N, MATRIX_N, gl_CooperativeMatrixLayoutRowMajor);
}
#else
// Four times four sums an invocation.
void main() {
    vec4 factor = vec4(push.start), sums[4];
    [[unroll]] for (uint i = 0; i < 4; i++) sums[i] = vec4(gl_LocalInvocationIndex + i);
    for (uint round = 0; round < push.rounds; round++) [[unroll]] for (uint i = 0; i < 4; i++) sums[i] = fma(sums[i], factor, factor);
    vec4 all = sums[0] + sums[1] + sums[2] + sums[3];
    Floats(push.target).at[gl_LocalInvocationIndex] = all.x + all.y + all.z + all.w;
}
#endif
