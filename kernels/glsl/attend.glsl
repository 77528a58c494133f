// Attention of queries over cached keys and values, for kernels that `#include "attend.glsl"`. Before that line they define, as constants,
// QUERY_HEADS, KEY_HEADS, KEY_WIDTH, VALUE_WIDTH and PARTS, and functions:
//
//   uint key_place(sequence, cached, head), value_place(...)      where a token's key and value begin
//   vec4 key_quad(place, i), value_quad(place, i)                 four numbers from i on, a multiple of 4; 0 beyond the width
//   vec4 query_quad(token, head, i)                               the same of a query
//   float logit(product)                                          what a product of query and key is in the softmax
//   float divisor(head, highest, total)                           what sums are divided by, with exp(highest) taken out
//   void result_put(token, head, i, value)
//
// and may define WINDOW, how many keys up to its own a query sees, 0 for all of them; CHUNK, how many tokens form a chunk, 0 for none; and
// FUTURE, how many later keys a query sees, 0xFFFFFFFF for all. FUTURE is not combined with CHUNK.
//
// Two ways, for each sequence of a step. `split`, for up to FEW new tokens: the cache of one token is shared out to as many as PARTS
// workgroups, each of which reads a key once for all query heads that use it; `combine` or the kernel itself adds the parts up. Which keys
// are a part depends on the token's position alone, and on how many later keys it sees. `tiles`, for more: a workgroup takes ATTEND_ROWS
// queries, of neighbouring tokens and the heads that share keys, through the keys a tile at a time.

#define FEW 8
#define GROUP (QUERY_HEADS / KEY_HEADS)

// Room in scratch memory that a part takes: sums of values, the highest logit, and the sum of shares.
#define PART_WIDTH uint(VALUE_WIDTH + 2)

// Parts that there are workgroups for: fewer when many tokens fill the device. N * parts() is at most FEW * PARTS.
uint parts() { return N <= FEW ? uint(PARTS) : max(FEW * uint(PARTS) / N, 1u); }

// Whether a sequence is `split`'s; else it is the tiles'.
bool is_split(uint sequence) {
#if has_selection
    return true;
#else
    return new_of(sequence) <= FEW;
#endif
}

// How many later keys a token sees: of the cache after this step.
uint later_keys(uint sequence, uint position) {
#if defined(FUTURE)
    return FUTURE == 0 ? 0 : min(FUTURE, position_of(first_of(sequence)) + new_of(sequence) - 1 - position);
#else
    return 0;
#endif
}

// The keys that a token may see: the first, and how many.
uvec2 keys_of(uint sequence, uint position) {
#if has_selection
    return uvec2(0, selected);
#elif defined(WINDOW)
    uint first = WINDOW > 0 && position + 1 > WINDOW ? position + 1 - WINDOW : 0;
#if defined(CHUNK)
    if (CHUNK > 0) first = max(first, position - position % max(CHUNK, 1));
#endif
    return uvec2(first, position + 1 + later_keys(sequence, position) - first);
#else
    return uvec2(0, position + 1 + later_keys(sequence, position));
#endif
}

// Keys of a part, a multiple of what `split` takes at a time.
uint part_keys(uint keys) { return max(64u, (keys + 32 * parts() - 1) / (32 * parts()) * 32); }

// Parts that have keys.
uint parts_of(uint keys) { return (keys + part_keys(keys) - 1) / part_keys(keys); }

uint part_place(uint token, uint head, uint part) { return ((token * uint(QUERY_HEADS) + head) * parts() + part) * PART_WIDTH; }

#if defined(STAGE_split)
// Heads whose queries a workgroup has room for, and how many it takes: a group of heads is shared out evenly.
#define MOST_HEADS (KEY_WIDTH > 576 ? 4608 / KEY_WIDTH : 8)
#define BUNDLES ((GROUP + MOST_HEADS - 1) / MOST_HEADS)
#define BUNDLE ((GROUP + BUNDLES - 1) / BUNDLES)
// Keys at a time, and invocations that share one of them.
#define KEYS 32
#define LANES 8
#define SLOTS 16
#define KEY_QUADS ((KEY_WIDTH + 3) / 4)
#define VALUE_QUADS ((VALUE_WIDTH + 3) / 4)
// Invocations side by side in a row of values, the rows that are read at once, and the quads of an invocation.
#define ACROSS (VALUE_QUADS < int(THREADS) ? VALUE_QUADS : int(THREADS))
#define AT_ONCE (int(THREADS) / ACROSS)
#define QUADS ((VALUE_QUADS + int(THREADS) - 1) / int(THREADS))

shared vec4 queries[BUNDLE * KEY_QUADS], gathered[THREADS];
shared float products[BUNDLE * KEYS * (LANES + 1)], shares[KEYS * BUNDLE], row_values[THREADS], shrinks[BUNDLE];
shared uint key_places[KEYS], value_places[KEYS];

#define UNSEEN 0xFFFFFFFFu

void put(uint token, uint head, uint part, uint quad, vec4 sum, float factor) {
    for (uint c = 0; c < 4; c++) {
        uint i = 4 * quad + c;
        if (i >= VALUE_WIDTH) return;
        if (parts() == 1) result_put(token, head, i, sum[c] * factor);
        else parts_put(part_place(token, head, part) + i, sum[c]);
    }
}

// Workgroups: bundles of heads, tokens, parts. 128 invocations.
void main() {
    uint token = gl_WorkGroupID.y, part = gl_WorkGroupID.z, me = gl_LocalInvocationIndex;
    uint sequence = sequence_of(token), position = position_of(token);
    if (!is_split(sequence)) return;
    uvec2 keys = keys_of(sequence, position);
    if (part >= parts_of(keys.y)) return;
    uint first = keys.x + part * part_keys(keys.y), end = min(keys.x + keys.y, first + part_keys(keys.y));
    uint key_head = gl_WorkGroupID.x / BUNDLES, bundle = gl_WorkGroupID.x % BUNDLES;
    uint head = key_head * GROUP + bundle * BUNDLE, heads_here = min(uint(BUNDLE), GROUP - bundle * BUNDLE);
    for (uint i = me; i < BUNDLE * KEY_QUADS; i += THREADS) {
        queries[i] = i / KEY_QUADS < heads_here ? query_quad(token, head + i / KEY_QUADS, 4 * (i % KEY_QUADS)) : vec4(0.0);
    }
    // A head has a slot of invocations, which share its keys.
    uint my_head = me / SLOTS, slot = me % SLOTS;
    float highest = -1e30, total = 0.0;
    vec4 sums[BUNDLE * QUADS];
    for (uint i = 0; i < BUNDLE * QUADS; i++) sums[i] = vec4(0.0);
    for (uint base = first; base < end; base += KEYS) {
        uint count = min(KEYS, end - base);
        if (me < count) {
#if has_selection
            int chosen = selection_at(token * selected + base + me);
            bool seen = chosen >= 0 && chosen <= int(position);
            uint cached = seen ? uint(chosen) : 0;
#else
            const bool seen = true;
            uint cached = base + me;
#endif
            key_places[me] = seen ? key_place(sequence, cached, key_head) : UNSEEN;
            value_places[me] = value_place(sequence, cached, key_head);
        }
        barrier();
        for (uint j = me / LANES; j < count; j += THREADS / LANES) {
            uint place = key_places[j];
            if (place == UNSEEN) continue;
            float sum[BUNDLE];
            for (uint h = 0; h < BUNDLE; h++) sum[h] = 0.0;
            for (uint q = me % LANES; q < KEY_QUADS; q += LANES) {
                vec4 key = key_quad(place, 4 * q);
                for (uint h = 0; h < BUNDLE; h++) sum[h] += dot(key, queries[h * KEY_QUADS + q]);
            }
            for (uint h = 0; h < BUNDLE; h++) products[(h * KEYS + j) * (LANES + 1) + me % LANES] = sum[h];
        }
        barrier();
        float own[KEYS / SLOTS], most = -1e30;
        for (uint i = 0; i < KEYS / SLOTS; i++) {
            uint j = slot + i * SLOTS;
            own[i] = -1e30;
            if (my_head < BUNDLE && j < count && key_places[j] != UNSEEN) {
                float sum = 0.0;
                for (uint lane = 0; lane < LANES; lane++) sum += products[(my_head * KEYS + j) * (LANES + 1) + lane];
                own[i] = logit(sum);
            }
            most = max(most, own[i]);
        }
        row_values[me] = most;
        barrier();
        float now = highest;
        for (uint i = 0; i < SLOTS; i++) now = max(now, row_values[my_head * SLOTS + i]);
        float shrink = exp(highest - now);
        highest = now;
        total *= shrink;
        if (my_head < BUNDLE) {
            for (uint i = 0; i < KEYS / SLOTS; i++) {
                uint j = slot + i * SLOTS;
                if (j >= count) continue;
                float share = key_places[j] == UNSEEN ? 0.0 : exp(own[i] - now);
                shares[j * BUNDLE + my_head] = share;
                total += share;
            }
            if (slot == 0) shrinks[my_head] = shrink;
        }
        barrier();
        for (uint h = 0; h < BUNDLE; h++) for (uint i = 0; i < QUADS; i++) sums[h * QUADS + i] *= shrinks[h];
        if (me / ACROSS < AT_ONCE) {
            for (uint j = me / ACROSS; j < count; j += AT_ONCE) {
                if (key_places[j] == UNSEEN) continue;
                for (uint i = 0; i < QUADS; i++) {
                    uint quad = me % ACROSS + i * THREADS;
                    if (quad >= VALUE_QUADS) continue;
                    vec4 value = value_quad(value_places[j], 4 * quad);
                    for (uint h = 0; h < BUNDLE; h++) sums[h * QUADS + i] += shares[j * BUNDLE + h] * value;
                }
            }
        }
        barrier();
    }
    row_values[me] = total;
    // One invocation of each head has its highest logit.
    if (slot == 0 && my_head < BUNDLE) shrinks[my_head] = highest;
    barrier();
    for (uint h = 0; h < heads_here; h++) {
        float sum = 0.0;
        for (uint i = 0; i < SLOTS; i++) sum += row_values[h * SLOTS + i];
        if (me == 0 && parts() > 1) {
            uint place = part_place(token, head + h, part) + VALUE_WIDTH;
            parts_put(place, shrinks[h]);
            parts_put(place + 1, sum);
        }
        float most = shrinks[h], below = divisor(head + h, most, sum), factor = below == 0.0 ? 0.0 : 1.0 / below;
        if (AT_ONCE == 1) {
            for (uint i = 0; i < QUADS; i++) put(token, head + h, part, me + i * THREADS, sums[h * QUADS + i], factor);
            continue;
        }
        gathered[me] = sums[h * QUADS];
        barrier();
        if (me < ACROSS) {
            vec4 all = gathered[me];
            for (uint i = 1; i < AT_ONCE; i++) all += gathered[i * ACROSS + me];
            put(token, head + h, part, me, all, factor);
        }
        barrier();
    }
}
#endif

#if defined(STAGE_combine)
// Adds up the parts of one head of one token.
void main() {
    uint token = gl_WorkGroupID.x, head = gl_WorkGroupID.y;
    uint sequence = sequence_of(token);
    if (parts() == 1 || !is_split(sequence)) return;
    uint count = parts_of(keys_of(sequence, position_of(token)).y);
    float highest = -1e30, total = 0.0;
    for (uint p = 0; p < count; p++) highest = max(highest, parts_now(part_place(token, head, p) + VALUE_WIDTH));
    for (uint p = 0; p < count; p++) {
        uint place = part_place(token, head, p) + VALUE_WIDTH;
        total += parts_now(place + 1) * exp(parts_now(place) - highest);
    }
    float below = divisor(head, highest, total), factor = below == 0.0 ? 0.0 : 1.0 / below;
    for (uint i = gl_LocalInvocationIndex; i < VALUE_WIDTH; i += THREADS) {
        float sum = 0.0;
        for (uint p = 0; p < count; p++) {
            uint place = part_place(token, head, p);
            sum += parts_now(place + i) * exp(parts_now(place + VALUE_WIDTH) - highest);
        }
        result_put(token, head, i, sum * factor);
    }
}
#endif

#if defined(STAGE_tiles)
// A row is one head's query of one token; the heads of a token that share keys are neighbours. An invocation has 4 x 4 products of rows
// and keys, then as many sums of rows and columns of values, of each COLUMNS columns.
#define ROWS 32
#define COLUMNS (int(THREADS) / 2)
#define DEPTH (4096 / int(THREADS))
#define ROW_PITCH (ROWS + 4)
#define PITCH (COLUMNS + 4)
#define PASSES ((VALUE_WIDTH + COLUMNS - 1) / COLUMNS)
// Invocations that share a row's keys.
#define SHARERS (int(THREADS) / ROWS)

shared float row_tile[DEPTH * ROW_PITCH], tile[DEPTH * PITCH], shares[COLUMNS * ROW_PITCH], stats[THREADS], row_factors[ROWS];
shared uint key_places[COLUMNS], value_places[COLUMNS];

// Workgroups: tiles of rows, heads of keys. 128 or 256 invocations.
void main() {
#if !has_selection
    uint key_head = gl_WorkGroupID.y, me = gl_LocalInvocationIndex, rows = N * GROUP, first_row = ROWS * gl_WorkGroupID.x;
    uint down = 4 * (me % 8), across = 4 * (me / 8);
    // The row whose softmax this invocation shares.
    uint my_row = first_row + me % ROWS, my_token = min(my_row, rows - 1) / GROUP, my_part = me / ROWS;
    uint my_sequence = my_row < rows ? sequence_of(my_token) : 0xFFFFFFFFu, my_position = position_of(my_token);
    uint first_token = first_row / GROUP, end_token = (min(first_row + ROWS, rows) + GROUP - 1) / GROUP;
    float highest = -1e30, total = 0.0, sums[PASSES * 16];
    for (uint i = 0; i < PASSES * 16; i++) sums[i] = 0.0;
    for (uint token = first_token; token < end_token;) {
        uint sequence = sequence_of(token), next = min(first_of(sequence) + new_of(sequence), end_token);
        uint begin = keys_of(sequence, position_of(token)).x, end = is_split(sequence) ? 0 : position_of(next - 1) + 1;
        if (end > 0) end += later_keys(sequence, position_of(next - 1));
        for (uint base = begin; base < end; base += COLUMNS) {
            uint count = min(COLUMNS, end - base);
            // Beyond the last it is the last, so that every place is one.
            if (me < COLUMNS) {
                uint cached = base + min(me, count - 1);
                key_places[me] = key_place(sequence, cached, key_head);
                value_places[me] = value_place(sequence, cached, key_head);
            }
            barrier();
            float products[16];
            [[unroll]] for (uint i = 0; i < 16; i++) products[i] = 0.0;
            for (uint depth = 0; depth < KEY_WIDTH; depth += DEPTH) {
                for (uint i = me; i < ROWS * DEPTH / 4; i += THREADS) {
                    uint row = i / (DEPTH / 4), d = 4 * (i % (DEPTH / 4));
                    // Rows beyond the last are computed as the last, and not stored.
                    uint r = min(first_row + row, rows - 1);
                    vec4 quad = query_quad(r / GROUP, key_head * GROUP + r % GROUP, depth + d);
                    [[unroll]] for (uint c = 0; c < 4; c++) row_tile[(d + c) * ROW_PITCH + row] = quad[c];
                }
                for (uint i = me; i < COLUMNS * DEPTH / 4; i += THREADS) {
                    uint key = i / (DEPTH / 4), d = 4 * (i % (DEPTH / 4));
                    vec4 quad = key_quad(key_places[key], depth + d);
                    [[unroll]] for (uint c = 0; c < 4; c++) tile[(d + c) * PITCH + key] = quad[c];
                }
                barrier();
                for (uint k = 0; k < DEPTH; k++) {
                    float a[4], b[4];
                    [[unroll]] for (uint i = 0; i < 4; i++) a[i] = row_tile[k * ROW_PITCH + down + i];
                    [[unroll]] for (uint j = 0; j < 4; j++) b[j] = tile[k * PITCH + across + j];
                    [[unroll]] for (uint i = 0; i < 4; i++) [[unroll]] for (uint j = 0; j < 4; j++) products[4 * i + j] += a[i] * b[j];
                }
                barrier();
            }
            [[unroll]] for (uint j = 0; j < 4; j++) {
                [[unroll]] for (uint i = 0; i < 4; i++) shares[(across + j) * ROW_PITCH + down + i] = products[4 * i + j];
            }
            barrier();
            // Each invocation of a row takes every SHARERS-th key.
            float own[COLUMNS / SHARERS], most = -1e30;
            uvec2 seen = keys_of(sequence, my_position);
            bool is_mine = my_sequence == sequence;
            for (uint i = 0; i < COLUMNS / SHARERS; i++) {
                uint key = my_part + i * SHARERS;
                bool sees = is_mine && base + key >= seen.x && base + key < seen.x + seen.y;
                own[i] = sees ? logit(shares[key * ROW_PITCH + me % ROWS]) : -1e30;
                most = max(most, own[i]);
            }
            stats[me] = most;
            barrier();
            float now = highest;
            for (uint i = 0; i < SHARERS; i++) now = max(now, stats[i * ROWS + me % ROWS]);
            float shrink = exp(highest - now);
            highest = now;
            total *= shrink;
            for (uint i = 0; i < COLUMNS / SHARERS; i++) {
                uint key = my_part + i * SHARERS;
                bool sees = is_mine && base + key >= seen.x && base + key < seen.x + seen.y;
                float share = sees ? exp(own[i] - now) : 0.0;
                shares[key * ROW_PITCH + me % ROWS] = share;
                total += share;
            }
            if (my_part == 0) row_factors[me] = shrink;
            barrier();
            [[unroll]] for (uint i = 0; i < 4; i++) {
                float factor = row_factors[down + i];
                for (uint p = 0; p < PASSES; p++) [[unroll]] for (uint j = 0; j < 4; j++) sums[16 * p + 4 * i + j] *= factor;
            }
            for (uint p = 0; p < PASSES; p++) {
                for (uint part = 0; part < count; part += DEPTH) {
                    for (uint i = me; i < DEPTH * COLUMNS / 4; i += THREADS) {
                        uint key = i / (COLUMNS / 4), column = 4 * (i % (COLUMNS / 4));
                        vec4 quad = value_quad(value_places[part + key], p * COLUMNS + column);
                        [[unroll]] for (uint c = 0; c < 4; c++) tile[key * PITCH + column + c] = quad[c];
                    }
                    barrier();
                    for (uint k = 0; k < DEPTH; k++) {
                        float a[4], b[4];
                        [[unroll]] for (uint i = 0; i < 4; i++) a[i] = shares[(part + k) * ROW_PITCH + down + i];
                        [[unroll]] for (uint j = 0; j < 4; j++) b[j] = tile[k * PITCH + across + j];
                        [[unroll]] for (uint i = 0; i < 4; i++) [[unroll]] for (uint j = 0; j < 4; j++) sums[16 * p + 4 * i + j] += a[i] * b[j];
                    }
                    barrier();
                }
            }
        }
        token = next;
    }
    stats[me] = total;
    barrier();
    if (my_part == 0) {
        float all = 0.0;
        for (uint i = 0; i < SHARERS; i++) all += stats[i * ROWS + me];
        float below = divisor(key_head * GROUP + my_row % GROUP, highest, all);
        row_factors[me] = below == 0.0 ? 0.0 : 1.0 / below;
    }
    barrier();
    [[unroll]] for (uint i = 0; i < 4; i++) {
        uint r = first_row + down + i;
        if (r >= rows || is_split(sequence_of(r / GROUP))) continue;
        for (uint p = 0; p < PASSES; p++) {
            [[unroll]] for (uint j = 0; j < 4; j++) {
                uint column = p * COLUMNS + across + j;
                if (column < VALUE_WIDTH) result_put(r / GROUP, key_head * GROUP + r % GROUP, column, sums[16 * p + 4 * i + j] * row_factors[down + i]);
            }
        }
    }
#endif
}
#endif
