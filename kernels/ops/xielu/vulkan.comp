// y = positive x^2 + beta x above 0, negative (exp(min(x, eps)) - 1 - x) + beta x below.
void main() {
    uint row = gl_WorkGroupID.y, column = gl_GlobalInvocationID.x;
    if (column >= D) return;
    uint i = row * D + column;
    float v = x_at(i);
    y_put(i, (v > 0.0 ? positive * v * v : negative * (exp(min(v, eps)) - 1.0 - v)) + beta * v);
}
