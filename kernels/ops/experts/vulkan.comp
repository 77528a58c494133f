// Few tokens: gate_up and down take each choice of a token by itself, a subgroup one row of the expert's weights after the other.
// Many: sort puts the choices in the order of their experts, tiles of choices of one expert then share each row of its weights, and
// combine adds up what came of each token's choices, in the order of the choice. No sum depends on the order in which anything runs.
//
// The weight of a choice multiplies what comes of it, or what goes into it.
float input_weight(uint pair) { return weighted == 1 ? weights_at(pair) : 1.0; }
float output_weight(uint pair) { return weighted == 1 ? 1.0 : weights_at(pair); }

float gated(float g, float u, uint pair, uint expert, uint f) {
    g *= input_weight(pair);
    u *= input_weight(pair);
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

#if defined(STAGE_gate_up) || defined(STAGE_down)
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
#endif

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
        if (subgroupElect()) results_put(pair * F + f, gated(g, u, pair, uint(expert), f));
    }
}
#elif defined(STAGE_down)
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
            ROW_PRODUCT(sum, down, uint(expert) * D + d, F, hadal_push.t_results, pair * F)
#if has_down_bias
            sum += down_bias_at(uint(expert), d);
#endif
            total += output_weight(pair) * sum;
        }
        if (subgroupElect()) y_put(token * D + d, total);
    }
}
#else

// Choices that a workgroup multiplies with the same weights.
#define TILE 32
// What `order` holds: for each tile its expert, where its choices begin in the sorted list and how many they are; then the list.
// There are at most so many tiles: every expert that was chosen has one that may not be full.
uint most_tiles() { return N * K / TILE + min(E, N * K); }
uint place_of(uint slot) { return 3 * most_tiles() + slot; }

#if defined(STAGE_sort)
// A workgroup lists the choices of one expert in ascending order, and its tiles.
shared uint chosen[d_E], running[THREADS];

void main() {
    uint expert = gl_WorkGroupID.x, me = gl_LocalInvocationIndex, pairs = N * K;
    for (uint e = me; e < E; e += THREADS) chosen[e] = 0;
    barrier();
    // Neighbouring choices go to one invocation, so that one running sum over invocations gives each its place.
    uint each = (pairs + THREADS - 1) / THREADS, first = min(me * each, pairs), end = min(first + each, pairs), own = 0;
    for (uint pair = first; pair < end; pair++) {
        int index = indices_at(pair);
        if (index < 0 || index >= int(E)) continue;
        atomicAdd(chosen[index], 1);
        if (index == int(expert)) own++;
    }
    running[me] = own;
    barrier();
    for (uint step = 1; step < THREADS; step *= 2) {
        uint sum = running[me] + (me >= step ? running[me - step] : 0);
        barrier();
        running[me] = sum;
        barrier();
    }
    // Choices and tiles of the experts before this one.
    uint before = 0, tile = 0;
    for (uint e = 0; e < expert; e++) {
        before += chosen[e];
        tile += (chosen[e] + TILE - 1) / TILE;
    }
    uint to = place_of(before + running[me] - own), count = chosen[expert];
    for (uint pair = first; pair < end; pair++) if (indices_at(pair) == int(expert)) order_put(to++, int(pair));
    uint tiles = (count + TILE - 1) / TILE;
    for (uint t = me; t < tiles; t += THREADS) {
        order_put(3 * (tile + t), int(expert));
        order_put(3 * (tile + t) + 1, int(before + t * TILE));
        order_put(3 * (tile + t) + 2, int(min(count - t * TILE, TILE)));
    }
    // The tiles that there might have been are empty.
    if (expert + 1 == E) for (uint t = tile + tiles + me; t < most_tiles(); t += THREADS) order_put(3 * t + 2, 0);
}
#elif defined(STAGE_combine)
// Where the results of a choice begin, after the inner rows of all of them.
void main() {
    uint token = gl_WorkGroupID.y, d = gl_GlobalInvocationID.x;
    if (d >= D) return;
    float total = 0.0;
    for (uint k = 0; k < K; k++) {
        uint pair = token * K + k;
        int expert = indices_at(pair);
        if (expert >= 0 && expert < int(E)) total += output_weight(pair) * results_now(N * K * F + pair * D + d);
    }
    y_put(token * D + d, total);
}
#else
// A workgroup multiplies 128 rows of weights, an invocation decoding one, with a tile of choices: 8 x 4 results by each invocation.
// Half of the rows may be another matrix's, so that an invocation has the gate and the input of the same inner rows.
#define ROWS 128
#define ROW_PITCH 132
#define TILE_PITCH 36

shared float row_tile[32 * ROW_PITCH], choice_tile[32 * TILE_PITCH];
shared uint choices[TILE];

void main() {
    uint tile = 3 * gl_WorkGroupID.y, count = uint(order_now(tile + 2));
    if (count == 0) return;
    uint expert = uint(order_now(tile)), first = uint(order_now(tile + 1)), me = gl_LocalInvocationIndex;
    // The choices of this tile, as pairs of a token and one of its choices.
    if (me < count) choices[me] = uint(order_now(place_of(first + me)));
    barrier();
#if defined(STAGE_gate_up_tiles)
    uint columns = D, base = ROWS / 2 * gl_WorkGroupID.x, f_mine = base + me % (ROWS / 2);
    bool decodes = f_mine < F;
    uint row = expert * F + f_mine;
#else
    uint columns = F, base = ROWS * gl_WorkGroupID.x;
    bool decodes = base + me < D;
    uint row = expert * D + base + me;
#endif
    // An invocation's rows are four from `down` on and as many half a tile further; its choices four from `across` on.
    uint down = 4 * (me / 8), across = 4 * (me % 8);
    float low[4][4], high[4][4];
    [[unroll]] for (uint i = 0; i < 4; i++) [[unroll]] for (uint j = 0; j < 4; j++) low[i][j] = high[i][j] = 0.0;
    for (uint block = 0; 32 * block < columns; block++) {
        uint left = columns - 32 * block;
        if (decodes) {
            float v[32];
#if defined(STAGE_gate_up_tiles)
            if (me < ROWS / 2) gate_block(row, block, D, v);
            else up_block(row, block, D, v);
#else
            down_block(row, block, F, v);
#endif
            [[unroll]] for (uint k = 0; k < 32; k++) row_tile[k * ROW_PITCH + me] = k < left ? v[k] : 0.0;
        } else {
            [[unroll]] for (uint k = 0; k < 32; k++) row_tile[k * ROW_PITCH + me] = 0.0;
        }
        // Thirty-two columns of a choice by as many neighbours.
        for (uint i = me; i < 32 * TILE; i += THREADS) {
            uint choice = i / 32, k = i % 32;
            float v = 0.0;
            if (choice < count && k < left) {
#if defined(STAGE_gate_up_tiles)
                v = x_at(choices[choice] / K * D + 32 * block + k);
#else
                v = results_now((first + choice) * F + 32 * block + k);
#endif
            }
            choice_tile[k * TILE_PITCH + choice] = v;
        }
        barrier();
        for (uint k = 0; k < 32; k++) {
            float a[4], b[4], c[4];
            [[unroll]] for (uint i = 0; i < 4; i++) {
                a[i] = row_tile[k * ROW_PITCH + down + i];
                b[i] = row_tile[k * ROW_PITCH + ROWS / 2 + down + i];
                c[i] = choice_tile[k * TILE_PITCH + across + i];
            }
            [[unroll]] for (uint i = 0; i < 4; i++) {
                [[unroll]] for (uint j = 0; j < 4; j++) {
                    low[i][j] += a[i] * c[j];
                    high[i][j] += b[i] * c[j];
                }
            }
        }
        barrier();
    }
    [[unroll]] for (uint j = 0; j < 4; j++) {
        uint choice = across + j;
        if (choice >= count) continue;
        [[unroll]] for (uint i = 0; i < 4; i++) {
#if defined(STAGE_gate_up_tiles)
            // Inner rows lie in the order of the sorted list, as the next stage reads them.
            uint f = base + down + i;
            if (f < F) results_put((first + choice) * F + f, gated(low[i][j], high[i][j], choices[choice], expert, f));
#else
            [[unroll]] for (uint h = 0; h < 2; h++) {
                uint d = base + h * ROWS / 2 + down + i;
                if (d >= D) continue;
                float sum = h == 0 ? low[i][j] : high[i][j];
#if has_down_bias
                sum += down_bias_at(expert, d);
#endif
                results_put(N * K * F + choices[choice] * D + d, sum);
            }
#endif
        }
    }
}
#endif
#endif
