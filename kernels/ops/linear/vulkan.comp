// Workgroups beyond what one axis takes go along another.
uint group_of_rows() { return gl_WorkGroupID.x + 32768 * gl_WorkGroupID.z; }

float with_bias(float sum, uint row) {
#if has_bias
    sum += bias_at(row);
#endif
    return sum;
}

#if defined(STAGE_halves)
// Tokens as float16 for the matrix units, each multiplied by a power of two that brings its largest number to [128, 256): float16 has no
// room for the numbers that some models make, and its smallest are coarse.
void main() {
    uint token = gl_WorkGroupID.x, words = K / 2;
    float most = 0.0;
    for (uint i = gl_LocalInvocationIndex; i < K / 4; i += THREADS) {
        vec4 a = abs(x_at4(token * (K / 4) + i));
        most = max(most, max(max(a.x, a.y), max(a.z, a.w)));
    }
    most = hadal_max(most);
    uint exponent = floatBitsToUint(most) >> 23, raised = exponent == 0 || exponent == 255 ? 127 : min(261 - exponent, 253);
    float factor = uintBitsToFloat(raised << 23);
    if (gl_LocalInvocationIndex == 0) factors_put(token, uintBitsToFloat((254 - raised) << 23));
    for (uint i = gl_LocalInvocationIndex; i < K / 4; i += THREADS) {
        vec4 a = factor * x_at4(token * (K / 4) + i);
        f16vec4 h = f16vec4(a);
        halves_put(token * words + 2 * i, int(packFloat2x16(h.xy)));
        halves_put(token * words + 2 * i + 1, int(packFloat2x16(h.zw)));
    }
}
#elif defined(VARIANT_matrix)
// Many tokens on matrix units: four subgroups, two by two, compute TILE_M x TILE_N results from tiles of DEPTH columns in shared memory.
const uint STRIDE = (DEPTH + 8) / 4, DOWN = TILE_M / (2 * MATRIX_M), ACROSS = TILE_N / (2 * MATRIX_N);
shared f16vec4 rows_tile[TILE_M * STRIDE], tokens_tile[TILE_N * STRIDE];
shared float results[4 * MATRIX_M * MATRIX_N];

void stage_rows(uint row, uint first) {
    for (uint i = gl_LocalInvocationIndex; i < TILE_M * (DEPTH / 32); i += THREADS) {
        uint r = i / (DEPTH / 32), part = i % (DEPTH / 32), at = r * STRIDE + 8 * part;
        float v[32];
        [[unroll]] for (uint k = 0; k < 32; k++) v[k] = 0.0;
        if (row + r < M && first + 32 * part < K) weight_block(row + r, first / 32 + part, K, v);
        [[unroll]] for (uint k = 0; k < 8; k++) rows_tile[at + k] = f16vec4(v[4 * k], v[4 * k + 1], v[4 * k + 2], v[4 * k + 3]);
    }
}

void stage_tokens(uint token, uint first) {
    HadalQuads quads = HadalQuads(hadal_push.t_halves);
    for (uint i = gl_LocalInvocationIndex; i < TILE_N * (DEPTH / 8); i += THREADS) {
        uint t = i / (DEPTH / 8), column = first + 8 * (i % (DEPTH / 8)), at = t * STRIDE + 2 * (i % (DEPTH / 8));
        uvec4 q = uvec4(0);
        if (token + t < N && column < K) q = quads.at[((token + t) * K + column) / 8];
        tokens_tile[at] = f16vec4(unpackFloat2x16(q.x), unpackFloat2x16(q.y));
        tokens_tile[at + 1] = f16vec4(unpackFloat2x16(q.z), unpackFloat2x16(q.w));
    }
}

void main() {
    uint row = TILE_M * group_of_rows(), token = TILE_N * gl_WorkGroupID.y;
    uint down = gl_SubgroupID / 2 * (TILE_M / 2), across = gl_SubgroupID % 2 * (TILE_N / 2);
    coopmat<float, gl_ScopeSubgroup, MATRIX_M, MATRIX_N, gl_MatrixUseAccumulator> sums[DOWN * ACROSS];
    [[unroll]] for (uint i = 0; i < DOWN * ACROSS; i++) sums[i] = coopmat<float, gl_ScopeSubgroup, MATRIX_M, MATRIX_N, gl_MatrixUseAccumulator>(0.0);
    for (uint first = 0; first < K; first += DEPTH) {
        stage_rows(row, first);
        stage_tokens(token, first);
        barrier();
        for (uint k = 0; k < DEPTH; k += MATRIX_K) {
            coopmat<float16_t, gl_ScopeSubgroup, MATRIX_M, MATRIX_K, gl_MatrixUseA> a[DOWN];
            [[unroll]] for (uint i = 0; i < DOWN; i++)
                coopMatLoad(a[i], rows_tile, (down + i * MATRIX_M) * STRIDE + k / 4, STRIDE, gl_CooperativeMatrixLayoutRowMajor);
            [[unroll]] for (uint j = 0; j < ACROSS; j++) {
                coopmat<float16_t, gl_ScopeSubgroup, MATRIX_K, MATRIX_N, gl_MatrixUseB> b;
                coopMatLoad(b, tokens_tile, (across + j * MATRIX_N) * STRIDE + k / 4, STRIDE, gl_CooperativeMatrixLayoutColumnMajor);
                [[unroll]] for (uint i = 0; i < DOWN; i++) sums[j * DOWN + i] = coopMatMulAdd(a[i], b, sums[j * DOWN + i]);
            }
        }
        barrier();
    }
    uint mine = gl_SubgroupID * MATRIX_M * MATRIX_N;
    [[unroll]] for (uint j = 0; j < ACROSS; j++) {
        [[unroll]] for (uint i = 0; i < DOWN; i++) {
            coopMatStore(sums[j * DOWN + i], results, mine, MATRIX_M, gl_CooperativeMatrixLayoutColumnMajor);
            barrier();
            for (uint e = gl_SubgroupInvocationID; e < MATRIX_M * MATRIX_N; e += gl_SubgroupSize) {
                uint r = row + down + i * MATRIX_M + e % MATRIX_M, t = token + across + j * MATRIX_N + e / MATRIX_M;
                if (r < M && t < N) y_put(t * M + r, with_bias(results[mine + e] * factors_now(t), r));
            }
            barrier();
        }
    }
}
#elif defined(VARIANT_dot)
// Few tokens with quantised weights, in whole numbers: a workgroup quantises SEGMENT columns of its tokens into shared memory, and each of
// its subgroups multiplies them with ROWS rows of the weight. Where rows are long, all subgroups share the same ones instead.
const bool SHARES = d_K >= WIDE;
shared uvec4 codes[TOKENS * SEGMENT / 8];
shared vec2 numbers[TOKENS * SEGMENT / 16];
shared float partial[SUBGROUPS][ROWS][TOKENS];

void quantise(uint token, uint first, uint groups) {
    for (uint i = gl_LocalInvocationIndex; i < TOKENS * groups; i += THREADS) {
        uint t = i / groups, g = i % groups, at = (min(token + t, N - 1) * K + first) / 4 + 4 * g;
        HadalGroup group = hadal_quantise(x_at4(at), x_at4(at + 1), x_at4(at + 2), x_at4(at + 3));
        g += t * (SEGMENT / 16);
        codes[2 * g] = group.high;
        codes[2 * g + 1] = group.low;
        numbers[g] = group.numbers;
    }
}

void main() {
    uint team = SHARES ? 0 : gl_SubgroupID, row = ROWS * (SHARES ? group_of_rows() : SUBGROUPS * group_of_rows() + team);
    uint token = TOKENS * gl_WorkGroupID.y;
    uint lane = gl_SubgroupInvocationID + (SHARES ? gl_SubgroupID * SUBGROUP : 0), lanes = SHARES ? THREADS : SUBGROUP;
    float sums[ROWS][TOKENS];
    [[unroll]] for (uint r = 0; r < ROWS; r++) [[unroll]] for (uint t = 0; t < TOKENS; t++) sums[r][t] = 0.0;
    for (uint first = 0; first < K; first += SEGMENT) {
        uint columns = min(SEGMENT, K - first);
        quantise(token, first, columns / 16);
        barrier();
        for (uint chunk = lane; chunk < columns / 32; chunk += lanes) {
            HadalChunk w[ROWS];
            // A row or token beyond the last is computed as the last, and not stored.
            [[unroll]] for (uint r = 0; r < ROWS; r++) w[r] = weight_chunk(min(row + r, M - 1), first / 32 + chunk);
            uvec2 groups = w[0].groups - first / 16;
            [[unroll]] for (uint t = 0; t < TOKENS; t++) {
                uvec2 g = groups + t * (SEGMENT / 16);
                uvec4 high = codes[2 * g.x], low = codes[2 * g.x + 1], second_high = codes[2 * g.y], second_low = codes[2 * g.y + 1];
                vec2 n = numbers[g.x], second_n = numbers[g.y];
                [[unroll]] for (uint r = 0; r < ROWS; r++) {
                    sums[r][t] += hadal_product(w[r].first, high, low, n, w[r].scale.x, w[r].offset.x)
                        + hadal_product(w[r].second, second_high, second_low, second_n, w[r].scale.y, w[r].offset.y);
                }
            }
        }
        barrier();
    }
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        [[unroll]] for (uint t = 0; t < TOKENS; t++) {
            float sum = subgroupAdd(sums[r][t]);
            if (SHARES) {
                if (subgroupElect()) partial[gl_SubgroupID][r][t] = sum;
            } else if (subgroupElect() && row + r < M && token + t < N) {
                y_put((token + t) * M + row + r, with_bias(sum, row + r));
            }
        }
    }
    if (!SHARES) return;
    barrier();
    uint r = gl_LocalInvocationIndex / TOKENS, t = gl_LocalInvocationIndex % TOKENS;
    if (r >= ROWS || row + r >= M || token + t >= N) return;
    float sum = 0.0;
    for (uint i = 0; i < SUBGROUPS; i++) sum += partial[i][r][t];
    y_put((token + t) * M + row + r, with_bias(sum, row + r));
}
#elif defined(STAGE_tiles)
// Many tokens: a workgroup computes 32 x 32 results, 4 x 4 by each invocation, from tiles of 32 columns in shared memory.
shared float rows_tile[32][33], tokens_tile[32][33];

void main() {
    uint row = 32 * group_of_rows(), token = 32 * gl_WorkGroupID.y, me = gl_LocalInvocationIndex, down = 4 * (me / 8), across = 4 * (me % 8);
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
            y_put(t * M + r, with_bias(sums[i][j], r));
        }
    }
}
#else
// Few tokens: a workgroup multiplies ROWS rows of the weight with TOKENS tokens, each invocation taking every THREADS-th 32 columns.
void main() {
    uint row = ROWS * group_of_rows(), first = TOKENS * gl_WorkGroupID.y, blocks = (K + 31) / 32;
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
            y_put((first + t) * M + row + r, with_bias(sum, row + r));
        }
    }
}
#endif
