// Thirty-two columns of a token's row by each invocation.
void main() {
    uint token = gl_WorkGroupID.y, block = gl_GlobalInvocationID.x;
    if (32 * block >= D) return;
    float v[32];
    weight_block(uint(tokens_at(token)), block, D, v);
    for (uint k = 0; k < 32 && 32 * block + k < D; k++) y_put(token * D + 32 * block + k, v[k]);
}
