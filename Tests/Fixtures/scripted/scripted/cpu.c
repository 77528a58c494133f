/*
 * scripted: what a model says whose answers come from rules (docs/models.md).
 *
 * A row of the state holds what later tokens have to know, in integers below 256, which every type of cache holds exactly. A token looks at
 * the row before it alone, and only the token that opens an answer reads the turns before: so a long prompt costs no more than its length.
 */
#include "hadal_kernel.h"
#ifndef HADAL_ISA
enum { TEXT, SYSTEM, USER, TOOL, ASSISTANT, END, END_OF_REASONING };                       /* kinds of tokens */
enum { KIND, LENGTH, BYTES };                                                             /* columns of the vocabulary */
enum { RULE_TURN, NEEDLE, NEEDLE_LENGTH, REPLY, REPLY_LENGTH, BODY };                      /* columns of the rules */
enum { ID = 0, TURN = 2, ROUND = 3, RULE = 6, SAID = 8, COLUMNS = 11 };                   /* columns of the state */
enum { WINDOW = 4096, LONGEST_NEEDLE = 255, MOST_RULES = 1024 };
#define STEP_OF_LOGIT 40.0f /* between a token and one that is a byte longer: temperature does not close it */
#include "hadal_each_isa.h"
HADAL_EXPORT_KERNEL(scripted, 0)
#else
#include "hadal_simd.h"
#include "hadal_cache.h"
#define whole_number HADAL_FN(whole_number)
#define state_read HADAL_FN(state_read)
#define state_write HADAL_FN(state_write)
#define from_pieces HADAL_FN(from_pieces)
#define to_pieces HADAL_FN(to_pieces)
#define entry HADAL_FN(entry)
#define byte_of HADAL_FN(byte_of)
#define find_rule HADAL_FN(find_rule)
#define continues HADAL_FN(continues)
#define next_token HADAL_FN(next_token)

/* An element that stands for an integer, 0 where it is none below the limit. */
INLINE int64_t whole_number(float x, int64_t limit) { return x >= 0 && x < (float)limit ? (int64_t)x : 0; }

INLINE void state_read(const hadal_kernel_args *args, const hadal_sequence *sequence, int64_t position, float *row) {
    const hadal_kernel_state *past = &args->states[0];
    cache_floats(row, cache_row(past, args->step, sequence, 0, position), past->dtype, 1, COLUMNS);
}
INLINE void state_write(const hadal_kernel_args *args, const hadal_sequence *sequence, int64_t position, const float *row) {
    const hadal_kernel_state *past = &args->states[0];
    cache_store(past->dtype, cache_row(past, args->step, sequence, 0, position), row, COLUMNS);
}
INLINE int64_t from_pieces(const float *pieces, int count) {
    int64_t value = 0;
    for (int i = count; i-- > 0;) value = value << 8 | whole_number(pieces[i], 256);
    return value;
}
INLINE void to_pieces(float *pieces, int count, int64_t value) {
    for (int i = 0; i < count; i++, value >>= 8) pieces[i] = (float)(value & 255);
}

/* A number in a table, 0 outside of it. */
INLINE int64_t entry(const hadal_kernel_tensor *table, int64_t row, int64_t column, int64_t limit) {
    if (row < 0 || row >= table->rows || column < 0 || column >= table->columns) return 0;
    return whole_number(((const float *)table->data)[row * table->columns + column], limit);
}
/* A byte of the text that rules refer to, -1 outside of it. */
INLINE int byte_of(const hadal_kernel_tensor *text, int64_t at) {
    const int64_t size = text->rows * text->columns;
    return at >= 0 && at < size ? (int)whole_number(((const float *)text->data)[at], 256) : -1;
}

/* The first rule, counted from 1, that the turns from `begin` to `end` fit; 0: none. */
static int64_t find_rule(const hadal_kernel_args *args, const hadal_sequence *sequence, int64_t begin, int64_t end) {
    const hadal_kernel_tensor *vocabulary = &args->inputs[1], *rules = &args->inputs[2], *text = &args->inputs[3];
    const int64_t count = rules->rows < MOST_RULES ? rules->rows : MOST_RULES, columns = vocabulary->columns;
    uint8_t window[WINDOW], seen = 0;
    int64_t held = 0, best = count;
    for (int64_t position = begin; position < end && best > 0; position++) {
        float row[COLUMNS];
        state_read(args, sequence, position, row);
        const int64_t id = from_pieces(row + ID, 2), turn = from_pieces(row + TURN, 1), kind = entry(vocabulary, id, KIND, 256);
        int64_t length = entry(vocabulary, id, LENGTH, 256);
        if (kind >= SYSTEM && kind <= ASSISTANT) held = 0; /* nothing is found across the border of two turns */
        if (turn < SYSTEM || turn > TOOL) continue;
        seen |= (uint8_t)(1 << turn);
        if (kind != TEXT && kind != END_OF_REASONING) length = 0;
        if (length > columns - BYTES) length = columns - BYTES > 0 ? columns - BYTES : 0;
        for (int64_t i = 0; i < length; i++) {
            if (held == WINDOW) {
                memmove(window, window + WINDOW - LONGEST_NEEDLE, LONGEST_NEEDLE);
                held = LONGEST_NEEDLE;
            }
            const int byte = (int)entry(vocabulary, id, BYTES + i, 256);
            window[held++] = (uint8_t)byte;
            for (int64_t rule = 0; rule < best; rule++) {
                const int64_t at = entry(rules, rule, NEEDLE, 1 << 24), n = entry(rules, rule, NEEDLE_LENGTH, LONGEST_NEEDLE + 1);
                const int64_t wanted = entry(rules, rule, RULE_TURN, 256);
                if (n == 0 || n > held || byte_of(text, at + n - 1) != byte) continue;
                if (wanted == 0 ? turn == SYSTEM : wanted != turn) continue;
                int64_t same = 1;
                while (same < n && byte_of(text, at + n - 1 - same) == window[held - 1 - same]) same++;
                if (same == n) best = rule;
            }
        }
    }
    /* Rules that look for nothing fit every turn of their kind. */
    for (int64_t rule = 0; rule < best; rule++) {
        const int64_t wanted = entry(rules, rule, RULE_TURN, 256);
        if (entry(rules, rule, NEEDLE_LENGTH, LONGEST_NEEDLE + 1) != 0) continue;
        if (wanted == 0 || (wanted <= TOOL && (seen >> wanted & 1))) best = rule;
    }
    return best < count ? best + 1 : 0;
}

/* Bytes of the token where a reply continues with it at `said`, else 0. */
INLINE int64_t continues(const hadal_kernel_args *args, int64_t id, int64_t rule, int64_t said) {
    const hadal_kernel_tensor *vocabulary = &args->inputs[1], *rules = &args->inputs[2], *text = &args->inputs[3];
    const int64_t kind = entry(vocabulary, id, KIND, 256), length = entry(vocabulary, id, LENGTH, 256);
    const int64_t begin = entry(rules, rule, REPLY, 1 << 24), size = entry(rules, rule, REPLY_LENGTH, 1 << 24);
    if ((kind != TEXT && kind != END_OF_REASONING) || length > vocabulary->columns - BYTES || length > size - said) return 0;
    for (int64_t i = 0; i < length; i++)
        if (byte_of(text, begin + said + i) != (int)entry(vocabulary, id, BYTES + i, 256)) return 0;
    return length;
}

/* The row of a token, given that of the token before it, and its logits. */
static void next_token(const hadal_kernel_args *args, const hadal_sequence *sequence, int64_t position, int64_t id, float *row, float *y) {
    const hadal_kernel_tensor *vocabulary = &args->inputs[1], *rules = &args->inputs[2];
    const int64_t kind = entry(vocabulary, id, KIND, 256), before = from_pieces(row + TURN, 1);
    int64_t turn = before, round = from_pieces(row + ROUND, 3), rule = from_pieces(row + RULE, 2);
    int64_t said = from_pieces(row + SAID, 3) - 1; /* -1: not what the rule says */
    if (round > position) round = position;
    if (kind >= SYSTEM && kind <= ASSISTANT) {
        turn = kind;
        if (kind == ASSISTANT) {
            rule = find_rule(args, sequence, round, position);
            said = 0;
        } else if (before == ASSISTANT || position == 0) {
            round = position;
        }
    } else if (kind == END) {
        rule = 0;
    } else if (turn == ASSISTANT && rule > 0) {
        const int64_t body = entry(rules, rule - 1, BODY, 1 << 24), length = said < 0 ? 0 : continues(args, id, rule - 1, said);
        int isBlank = entry(vocabulary, id, LENGTH, 256) > 0;
        for (int64_t i = 0; i < entry(vocabulary, id, LENGTH, 256); i++) isBlank &= entry(vocabulary, id, BYTES + i, 256) == '\n';
        if (length > 0) said += length;
        else if (kind == END_OF_REASONING) said = body; /* it was cut short, or there is none */
        else if (!isBlank || said != body) said = -1;
    }
    if (turn != ASSISTANT) rule = 0;
    to_pieces(row + ID, 2, id);
    to_pieces(row + TURN, 1, turn);
    to_pieces(row + ROUND, 3, round);
    to_pieces(row + RULE, 2, rule);
    to_pieces(row + SAID, 3, said + 1);

    const int64_t tokens = vocabulary->rows;
    memset(y, 0, (size_t)tokens * 4);
    int speaks = 0;
    if (rule > 0 && said >= 0)
        for (int64_t token = 0; token < tokens; token++) {
            y[token] = STEP_OF_LOGIT * (float)continues(args, token, rule - 1, said);
            speaks |= y[token] > 0;
        }
    /* A reply that is over ends. One that had to take another way, such as a constraint's, ends its reasoning first, and what it can then. */
    for (int64_t token = 0; !speaks && token < tokens; token++) {
        const int64_t of = entry(vocabulary, token, KIND, 256);
        if (of == END) y[token] = STEP_OF_LOGIT;
        if (of == END_OF_REASONING && rule > 0 && said < 0) y[token] = 2 * STEP_OF_LOGIT;
    }
}

HADAL_KERNEL(scripted) {
    const int32_t *tokens = args->inputs[0].data;
    float *y = args->outputs[0].data;
    int64_t s, end;
    hadal_share(args->step->sequence_count, 1, thread, &s, &end); /* a token depends on the one before it: a thread has whole sequences */
    for (; s < end; s++) {
        const hadal_sequence *sequence = step_sequence(args->step, (uint32_t)s);
        float row[COLUMNS] = {0};
        if (sequence->past > 0) state_read(args, sequence, sequence->past - 1, row);
        for (int64_t t = 0; t < sequence->token_count; t++) {
            const int64_t at = (int64_t)sequence->first_token + t, position = (int64_t)sequence->past + t;
            next_token(args, sequence, position, tokens[at], row, y + at * args->outputs[0].columns);
            state_write(args, sequence, position, row);
        }
    }
}

#endif
