#if defined(STAGE_tiles)
// Many tokens: a workgroup computes 32 x 32 results, 4 x 4 by each invocation, from tiles of 32 columns in shared memory.
shared float rows_tile[32][33], tokens_tile[32][33];

void main() {
    uint row = 32 * gl_WorkGroupID.x, token = 32 * gl_WorkGroupID.y, me = gl_LocalInvocationIndex, down = 4 * (me / 8), across = 4 * (me % 8);
    float sums[4][4];
    [[unroll]] for (uint i = 0; i < 4; i++) [[unroll]] for (uint j = 0; j < 4; j++) sums[i][j] = 0.0;
    for (uint block = 0; 32 * block < K; block++) {
        if (me < 32) {
            float v[32];
            if (row + me < M) weight_block(row + me, block, K, v);
            [[unroll]] for (uint k = 0; k < 32; k++) rows_tile[me][k] = row + me < M && 32 * block + k < K ? v[k] : 0.0;
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
            [[unroll]] for (uint i = 0; i < 4; i++) a[i] = rows_tile[down + i][k];
            [[unroll]] for (uint j = 0; j < 4; j++) b[j] = tokens_tile[across + j][k];
            [[unroll]] for (uint i = 0; i < 4; i++) [[unroll]] for (uint j = 0; j < 4; j++) sums[i][j] += a[i] * b[j];
        }
        barrier();
    }
    [[unroll]] for (uint i = 0; i < 4; i++) {
        [[unroll]] for (uint j = 0; j < 4; j++) {
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
#else
// Few tokens: a workgroup multiplies ROWS rows of the weight with TOKENS tokens, each invocation taking every THREADS-th 32 columns.
// Vocabularies may need more workgroups than a device takes along one axis; the others are along z.
void main() {
    uint row = ROWS * (65535 * gl_WorkGroupID.z + gl_WorkGroupID.x), first = TOKENS * gl_WorkGroupID.y, blocks = (K + 31) / 32;
    if (row >= M) return;
    float sums[ROWS][TOKENS];
    [[unroll]] for (uint r = 0; r < ROWS; r++) [[unroll]] for (uint t = 0; t < TOKENS; t++) sums[r][t] = 0.0;
    for (uint block = gl_LocalInvocationIndex; block < blocks; block += THREADS) {
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            float v[32];
            // A row or token beyond the last is computed as the last, and not stored.
            weight_block(min(row + r, M - 1), block, K, v);
            [[unroll]] for (uint t = 0; t < TOKENS; t++) {
                uint x_first = min(first + t, N - 1) * K + 32 * block;
                float sum = 0.0;
                if (K % 32 == 0) {
                    [[unroll]] for (uint k = 0; k < 8; k++) sum += dot(vec4(v[4 * k], v[4 * k + 1], v[4 * k + 2], v[4 * k + 3]), x_at4(x_first / 4 + k));
                } else {
                    uint columns = min(32, K - 32 * block);
                    for (uint k = 0; k < columns; k++) sum += v[k] * x_at(x_first + k);
                }
                sums[r][t] += sum;
            }
        }
    }
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        [[unroll]] for (uint t = 0; t < TOKENS; t++) {
            float sum = hadal_sum(sums[r][t]);
            if (gl_LocalInvocationIndex > 0 || row + r >= M || first + t >= N) continue;
#if has_bias
            sum += bias_at(row + r);
#endif
            y_put((first + t) * M + row + r, sum);
        }
    }
}
#endif
