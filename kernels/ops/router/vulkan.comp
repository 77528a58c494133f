#if defined(STAGE_logits)
// A workgroup scores one expert for up to four tokens, each invocation taking every THREADS-th 32 columns. A token's sum does not depend on
// the tokens beside it.
#define TOKENS 4
void main() {
    uint expert = gl_WorkGroupID.x, first = TOKENS * gl_WorkGroupID.y, count = min(TOKENS, N - first), blocks = (D + 31) / 32;
    float sums[TOKENS];
    for (uint t = 0; t < TOKENS; t++) sums[t] = 0.0;
    for (uint block = gl_LocalInvocationIndex; block < blocks; block += THREADS) {
        float v[32];
        weight_block(expert, block, D, v);
        uint columns = min(32, D - 32 * block);
        for (uint t = 0; t < count; t++) {
            uint from = (first + t) * D + 32 * block;
            for (uint k = 0; k < columns; k++) sums[t] += v[k] * x_at(from + k);
        }
    }
    for (uint t = 0; t < count; t++) {
        float sum = hadal_sum(sums[t]);
#if has_bias
        sum += bias_at(expert);
#endif
        if (gl_LocalInvocationIndex == 0) logits_put((first + t) * E + expert, sum);
    }
}
#else
// A workgroup chooses for one token. An expert's place is the number of experts before it, so that no order of work decides a tie.
#define SOFTMAX 0
#define SIGMOID 1
#define SQRT_SOFTPLUS 2
#define SOFTMAX_TOPK 3
#define SPARSE_MIXER 4

shared uint keys[d_E], group_keys[a_groups];
shared float chosen[a_top_k];
shared uint experts_chosen[a_top_k];

float highest = 0.0, total = 1.0;

float logit(uint expert) { return logits_now(gl_WorkGroupID.x * E + expert); }

float score(uint expert) {
    float x = logit(expert);
    switch (scoring) {
        case SOFTMAX: return exp(x - highest) / total;
        case SIGMOID: return 1.0 / (1.0 + exp(-x));
        case SQRT_SOFTPLUS: return sqrt(max(x, 0.0) + hadal_log1p(exp(-abs(x))));
        default: return x;
    }
}

// What an expert is chosen by. Scores rise with logits, which tell apart more of them in float32.
float choice(uint expert) {
#if has_selection_bias
    return score(expert) + selection_bias_at(expert);
#else
    return logit(expert);
#endif
}

uint dropped_key() {
#if has_selection_bias
    return hadal_order(dropped == 0 ? 0.0 : uintBitsToFloat(0xFF800000u));
#else
    return 0;
#endif
}

uint group_key(uint group) {
    uint size = E / groups, first = group * size;
    uint best = 0;
    if (group_score == 0) {
        for (uint e = first; e < first + size; e++) best = max(best, hadal_order(choice(e)));
        return best;
    }
    float most = 0.0, second = 0.0;
    for (uint e = first; e < first + size; e++) {
#if has_selection_bias
        float value = choice(e);
#else
        float value = score(e);
#endif
        if (e == first || value > most) {
            second = e == first ? uintBitsToFloat(0xFF800000u) : most;
            most = value;
        } else {
            second = max(second, value);
        }
    }
    return hadal_order(most + second);
}

// Whether an expert's group is among the top_groups, once all groups have their keys.
bool keeps(uint expert) {
    if (groups == 1) return true;
    uint group = expert / (E / groups), own = group_keys[group], before = 0;
    for (uint g = 0; g < groups; g++) before += group_keys[g] > own || group_keys[g] == own && g < group ? 1 : 0;
    return before < top_groups;
}

void main() {
    uint token = gl_WorkGroupID.x, me = gl_LocalInvocationIndex;
    if (scoring == SOFTMAX) {
        float most = logit(0), sum = 0.0;
        for (uint e = me; e < E; e += THREADS) most = max(most, logit(e));
        highest = hadal_max(most);
        for (uint e = me; e < E; e += THREADS) sum += exp(logit(e) - highest);
        total = hadal_sum(sum);
    }
    if (groups > 1) {
        for (uint g = me; g < groups; g += THREADS) group_keys[g] = group_key(g);
        barrier();
    }
    for (uint e = me; e < E; e += THREADS) {
        keys[e] = keeps(e) ? hadal_order(choice(e)) : dropped_key();
    }
    barrier();
    for (uint e = me; e < E; e += THREADS) {
        uint own = keys[e], before = 0;
        for (uint other = 0; other < E; other++) before += keys[other] > own || keys[other] == own && other < e ? 1 : 0;
        if (before >= top_k) continue;
        // An expert outside the kept groups has no weight, should it be chosen for want of a better one.
        chosen[before] = keeps(e) ? score(e) : 0.0;
        experts_chosen[before] = e;
        indices_put(token * top_k + before, int(e));
    }
    barrier();
    if (scoring == SPARSE_MIXER) {
        // Each choice has its share among those that no earlier one took and that are near it.
        for (uint k = me; k < top_k; k += THREADS) {
            float best = logit(experts_chosen[k]), sum = 0.0;
            for (uint e = 0; e < E; e++) {
                bool isFree = true;
                for (uint j = 0; j < k; j++) isFree = isFree && experts_chosen[j] != e;
                float x = logit(e);
                if (isFree && !((best - x) / max(abs(x), best) > within)) sum += exp(x - best);
            }
            chosen[k] = 1.0 / sum;
        }
        barrier();
    }
    if (scoring == SOFTMAX_TOPK) {
        float most = chosen[0], sum = 0.0;
        for (uint k = 1; k < top_k; k++) most = max(most, chosen[k]);
        for (uint k = 0; k < top_k; k++) sum += exp(chosen[k] - most);
        barrier();
        for (uint k = me; k < top_k; k += THREADS) chosen[k] = exp(chosen[k] - most) / sum;
        barrier();
    }
    float sum = 0.0;
    for (uint k = 0; k < top_k; k++) sum += chosen[k];
    float factor = normalise != 0 ? scale / (sum + 1e-20) : scale;
    for (uint k = me; k < top_k; k += THREADS) {
        float own = chosen[k] * factor;
#if has_expert_scale
        own *= expert_scale_at(experts_chosen[k]);
#endif
        weights_put(token * top_k + k, own);
    }
}
#endif
