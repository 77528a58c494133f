// An elementwise function, numbered as the contract lists them.
float apply(float v) {
    switch (kind) {
        case 0: case 1: case 2: case 3: return hadal_gate(kind, v, 1.0);
        case 4: return 1.0 / (1.0 + exp(-v));
        // tanh overflows on some devices above 40.
        case 5: return tanh(clamp(v, -20.0, 20.0));
        default: return max(v, 0.0) + log(1.0 + exp(-abs(v)));
    }
}

void main() {
    uint row = gl_WorkGroupID.y, column = gl_GlobalInvocationID.x;
    if (column >= D) return;
    uint i = row * D + column;
    y_put(i, apply(x_at(i)));
}
