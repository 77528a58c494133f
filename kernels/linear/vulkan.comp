#if defined(STAGE_rows)
// Few tokens: a workgroup multiplies one row of the weight with up to four tokens, each invocation taking every THREADS-th 32 columns.
#define TOKENS 4
void main() {
    uint row = gl_WorkGroupID.x, first = TOKENS * gl_WorkGroupID.y, count = min(TOKENS, N - first), blocks = (K + 31) / 32;
    float sums[TOKENS];
    for (uint t = 0; t < TOKENS; t++) sums[t] = 0.0;
    for (uint block = gl_LocalInvocationIndex; block < blocks; block += THREADS) {
        float v[32];
        weight_block(row, block, K, v);
        uint columns = min(32, K - 32 * block);
        for (uint t = 0; t < count; t++) {
            uint x_first = (first + t) * K + 32 * block;
            for (uint k = 0; k < columns; k++) sums[t] += v[k] * x_at(x_first + k);
        }
    }
    for (uint t = 0; t < count; t++) {
        float sum = hadal_sum(sums[t]);
#if has_bias
        sum += bias_at(row);
#endif
        if (gl_LocalInvocationIndex == 0) y_put((first + t) * M + row, sum);
    }
}
#else
// Many tokens: a workgroup computes 32 x 32 results, 4 x 4 by each invocation, from tiles of 32 columns in shared memory.
shared float rows_tile[32][33], tokens_tile[32][33];

void main() {
    uint row = 32 * gl_WorkGroupID.x, token = 32 * gl_WorkGroupID.y, me = gl_LocalInvocationIndex, down = 4 * (me / 8), across = 4 * (me % 8);
    float sums[4][4];
    for (uint i = 0; i < 4; i++) for (uint j = 0; j < 4; j++) sums[i][j] = 0.0;
    for (uint block = 0; 32 * block < K; block++) {
        if (me < 32) {
            float v[32];
            if (row + me < M) weight_block(row + me, block, K, v);
            for (uint k = 0; k < 32; k++) rows_tile[me][k] = row + me < M && 32 * block + k < K ? v[k] : 0.0;
        } else {
            uint t = me - 32;
            for (uint k = 0; k < 32; k++) {
                uint column = 32 * block + k;
                tokens_tile[t][k] = token + t < N && column < K ? x_at((token + t) * K + column) : 0.0;
            }
        }
        barrier();
        for (uint k = 0; k < 32; k++) {
            float a[4], b[4];
            for (uint i = 0; i < 4; i++) a[i] = rows_tile[down + i][k];
            for (uint j = 0; j < 4; j++) b[j] = tokens_tile[across + j][k];
            for (uint i = 0; i < 4; i++) for (uint j = 0; j < 4; j++) sums[i][j] += a[i] * b[j];
        }
        barrier();
    }
    for (uint i = 0; i < 4; i++) {
        for (uint j = 0; j < 4; j++) {
            uint r = row + down + i, t = token + across + j;
            if (r >= M || t >= N) continue;
            float sum = sums[i][j];
#if has_bias
            sum += bias_at(r);
#endif
            y_put(t * M + r, sum);
        }
    }
}
#endif
