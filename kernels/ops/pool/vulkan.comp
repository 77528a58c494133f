// A workgroup takes COLUMNS columns of one picked row; PARTS invocations share the tokens of each column.
#define COLUMNS 32
#define PARTS (THREADS / COLUMNS)
// Tokens that are added up before they are added to the sum: a long sequence loses little.
#define RUN 16

shared float parts[THREADS];

void main() {
    uint me = gl_LocalInvocationIndex, part = me / COLUMNS, column = COLUMNS * gl_WorkGroupID.x + me % COLUMNS, picked = gl_WorkGroupID.y;
    int row = rows_at(picked);
    bool is_row = row >= 0 && row < int(N);
    uint last = is_row ? uint(row) : 0, first = first_of(sequence_of(last)), count = last + 1 - first;
    // In the contract's order: mean, first, last, max.
    if (kind == 1 || kind == 2) {
        if (part == 0 && column < D) y_put(picked * D + column, is_row ? x_at((kind == 1 ? first : last) * D + column) : 0.0);
        return;
    }
    float value = 0.0;
    if (is_row && column < D && part < count) {
        value = x_at((first + part) * D + column);
        if (kind == 0) {
            float run = 0.0;
            for (uint i = 1; part + i * PARTS < count; i++) {
                run += x_at((first + part + i * PARTS) * D + column);
                if (i % RUN == 0) {
                    value += run;
                    run = 0.0;
                }
            }
            value += run;
        } else {
            for (uint i = part + PARTS; i < count; i += PARTS) value = max(value, x_at((first + i) * D + column));
        }
    }
    parts[me] = value;
    barrier();
    if (part > 0 || column >= D) return;
    for (uint i = 1; i < min(PARTS, count); i++) value = kind == 0 ? value + parts[i * COLUMNS + me] : max(value, parts[i * COLUMNS + me]);
    y_put(picked * D + column, !is_row ? 0.0 : kind == 0 ? value / float(count) : value);
}
