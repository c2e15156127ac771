// Augmentation: what is drawn for an example, and the dispatch of the kernels in augment.inc.
#include "CPrimitives.h"
#include <math.h>
#include <string.h>

// ---- draws --------------------------------------------------------------------------------------------------------
// Place in the list, epoch, example, and purpose with the turn: each transform of each example has a block of its own.

static void philox(uint32_t c[4], uint64_t key) {
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int r = 0; r < 10; r++) {
        uint64_t a = (uint64_t)0xD2511F53u * c[0], b = (uint64_t)0xCD9E8D57u * c[2];
        c[0] = (uint32_t)(b >> 32) ^ c[1] ^ k0, c[1] = (uint32_t)b, c[2] = (uint32_t)(a >> 32) ^ c[3] ^ k1,
        c[3] = (uint32_t)a;
        k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
}

static void draws(const wb_augment_plan *p, const wb_augment_stream *s, int at, uint32_t draw[4]) {
    uint32_t c[4] = {(uint32_t)at, s->epoch, s->example, p->purpose | s->turn << 16};
    philox(c, p->seed);
    memcpy(draw, c, sizeof c);
}

// The blocks of a transform that needs many: counter[0] is left to the kernel.
static void count_noise(const wb_augment_plan *p, const wb_augment_stream *s, int at, uint32_t counter[4]) {
    counter[0] = 0, counter[1] = s->epoch, counter[2] = s->example;
    counter[3] = p->purpose | (uint32_t)(at + 1) << 8 | s->turn << 16;
}

// A number in -amount to amount.
static float either(uint32_t draw, float amount) { return ((float)(draw >> 8) * 0x1p-23f - 1) * amount; }

// A whole number in 0 to bound - 1; its bias is at most bound / 2^32.
static int below(uint32_t draw, int bound) { return (int)((uint64_t)draw * (uint32_t)bound >> 32); }

// ---- geometry -----------------------------------------------------------------------------------------------------

// Where the result's pixels come from: (x, y) from m * (x, y, 1); while everything is in whole pixels and without rotation
// also as whole numbers, x + column or x - column.
typedef struct {
    float m[6];
    int is_whole, flipped_x, flipped_y, x, y;
} placing;

static int is_geometry(int kind) { return kind <= WB_ZOOM; }

// m = m * (a, b, c; d, e, f): the step that comes after those in m.
static void then(float m[6], float a, float b, float c, float d, float e, float f) {
    float n[6] = {m[0] * a + m[1] * d, m[0] * b + m[1] * e, m[0] * c + m[1] * f + m[2],
                  m[3] * a + m[4] * d, m[3] * b + m[4] * e, m[3] * c + m[4] * f + m[5]};
    memcpy(m, n, sizeof n);
}

static void move(placing *g, int x, int y) {
    g->x += g->flipped_x ? -x : x, g->y += g->flipped_y ? -y : y;
    then(g->m, 1, 0, (float)x, 0, 1, (float)y);
}

// The geometric transforms from place `at` on that follow each other, as one; returns the place behind them.
static int collect(const wb_augment_plan *p, const wb_augment_stream *s, int at, placing *g) {
    *g = (placing){.m = {1, 0, 0, 0, 1, 0}, .is_whole = 1};
    float cx = (float)(p->width - 1) * 0.5f, cy = (float)(p->height - 1) * 0.5f;
    for (; at < p->count && is_geometry(p->list[at].kind); at++) {
        uint32_t draw[4];
        float amount = p->list[at].amount;
        draws(p, s, at, draw);
        switch (p->list[at].kind) {
        case WB_FLIP_HORIZONTAL:
            if (draw[0] >> 31) {
                g->x += g->flipped_x ? 1 - p->width : p->width - 1, g->flipped_x ^= 1;
                then(g->m, -1, 0, (float)(p->width - 1), 0, 1, 0);
            }
            break;
        case WB_FLIP_VERTICAL:
            if (draw[0] >> 31) {
                g->y += g->flipped_y ? 1 - p->height : p->height - 1, g->flipped_y ^= 1;
                then(g->m, 1, 0, 0, 0, -1, (float)(p->height - 1));
            }
            break;
        case WB_CROP: {
            int padding = (int)amount;
            move(g, below(draw[0], 2 * padding + 1) - padding, below(draw[1], 2 * padding + 1) - padding);
            break;
        }
        case WB_SHIFT: {
            int most_x = (int)lrintf(amount * (float)p->width), most_y = (int)lrintf(amount * (float)p->height);
            move(g, below(draw[0], 2 * most_x + 1) - most_x, below(draw[1], 2 * most_y + 1) - most_y);
            break;
        }
        case WB_ROTATE: {
            double angle = (double)either(draw[0], amount) * (3.14159265358979323846 / 180);
            float c = (float)cos(angle), n = (float)sin(angle);
            then(g->m, c, -n, cx - c * cx + n * cy, n, c, cy - n * cx - c * cy);
            g->is_whole = 0;
            break;
        }
        case WB_ZOOM: {
            float by = 1 / (1 + either(draw[0], amount));
            then(g->m, by, 0, cx - by * cx, 0, by, cy - by * cy);
            g->is_whole = 0;
            break;
        }
        default: break;
        }
    }
    return at;
}

// A black square of `side` around a pixel anywhere in the image; what lies outside is cut off.
static void cut(const wb_augment_plan *p, int side, const uint32_t draw[4], float *out) {
    int left = below(draw[0], p->width) - side / 2, top = below(draw[1], p->height) - side / 2;
    int right = left + side < p->width ? left + side : p->width, low = top + side < p->height ? top + side : p->height;
    left = left < 0 ? 0 : left, top = top < 0 ? 0 : top;
    for (int c = 0; c < p->channels; c++)
        for (int y = top; y < low; y++)
            for (int x = left; x < right; x++) out[((size_t)c * p->height + y) * p->width + x] = p->shift[c];
}

// ---- dispatch -----------------------------------------------------------------------------------------------------

typedef struct {
    void (*image)(const wb_augment_plan *, const wb_augment_stream *, const uint8_t *, float *, float *);
    void (*row)(const wb_augment_plan *, const wb_augment_stream *, int, const float *, float *);
    void (*mix)(size_t, float, const float *, const float *, float *);
} augment_kernels;

#if defined(__x86_64__)
#define VW 16
#define WB(name) name##_avx512
#define REVERSED 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))), apply_to = function)
#include "augment.inc"
#pragma clang attribute pop
#undef VW
#undef WB
#undef REVERSED

#define VW 8
#define WB(name) name##_avx2
#define REVERSED 7, 6, 5, 4, 3, 2, 1, 0
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "augment.inc"
#pragma clang attribute pop
#undef VW
#undef WB
#undef REVERSED
#endif

#define VW 4
#define WB(name) name##_base
#define REVERSED 3, 2, 1, 0
#include "augment.inc"

static const augment_kernels *k = &kernels_base;
#if defined(__x86_64__)
static int has_avx512, has_avx2;
#endif

__attribute__((constructor)) static void choose(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                 __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (has_avx512)
        k = &kernels_avx512;
    else if (has_avx2)
        k = &kernels_avx2;
#endif
}

// The kernels of vectors of `width` floats; the widest that the machine has and that are not wider.
static const augment_kernels *kernels(int width) {
#if defined(__x86_64__)
    if (width == 8 && has_avx2) return &kernels_avx2;
#endif
    return width == 4 ? &kernels_base : k;
}

size_t wb_augment_scratch_floats(const wb_augment_plan *p) {
    return (size_t)p->channels * (size_t)(p->height + 3) * (size_t)(p->width + 3);
}
void wb_augment_u8(const wb_augment_plan *p, wb_augment_stream s, const uint8_t *image, float *scratch, float *out) {
    kernels(p->vector)->image(p, &s, image, scratch, out);
}
void wb_augment_f32(const wb_augment_plan *p, wb_augment_stream s, int features, const float *units, float *row) {
    kernels(p->vector)->row(p, &s, features, units, row);
}
void wb_mix_f32(size_t count, float weight, const float *a, const float *b, float *out) {
    k->mix(count, weight, a, b, out);
}
