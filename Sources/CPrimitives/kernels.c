// Dispatch: the kernels of kernels.inc are compiled for three widths of registers and chosen once, at start.
#include "CPrimitives.h"
#include <math.h>
#include <string.h>

typedef struct {
    const char *name;
    void (*dense_forward)(int, int, int, const float *, int, const float *, float *, int);
    void (*dense_backward_data)(int, int, int, const float *, int, const float *, int, float *, int);
    void (*dense_backward_weights)(int, int, int, const float *, int, const float *, int, float *);
    void (*dense_finish)(int, int, int, size_t, const float *, int, const float *, int, float *, int);
    void (*max_pool_forward)(const wb_pool_shape *, const float *, float *);
    void (*max_pool_backward)(const wb_pool_shape *, const float *, const float *, const float *, int, float *);
    void (*relu_forward)(size_t, const float *, float *);
    void (*relu_backward)(size_t, const float *, const float *, float *);
    void (*unblock)(int, int, int, int, const float *, float *, int);
    void (*block)(int, int, int, int, const float *, int, float *);
    void (*dropout)(int, int, size_t, float, uint64_t, uint32_t, uint32_t, const float *, float *);
    int (*tree_sum)(size_t, int, size_t, const float *, float *);
    int (*all_finite)(size_t, const float *);
    void (*sgd)(size_t, float *, float *, const float *, float, float, float, int);
    void (*adam)(size_t, float *, float *, float *, const float *, float, float, float, float, float, float);
    void (*gather_u8)(const uint8_t *, const int32_t *, int, int, int, const float *, const float *, float *);
    float (*peak)(int);
} wb_kernels;

#if defined(__x86_64__)
#define VW 16
#define WB(name) name##_avx512
#define WB_NAME "avx512"
#define WB_FMA 1
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))), apply_to = function)
#include "kernels.inc"
#pragma clang attribute pop
#undef VW
#undef WB
#undef WB_NAME

#define VW 8
#define WB(name) name##_avx2
#define WB_NAME "avx2"
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "kernels.inc"
#pragma clang attribute pop
#undef VW
#undef WB
#undef WB_NAME
#undef WB_FMA
#endif

#define VW 4
#define WB(name) name##_base
#define WB_NAME "baseline"
#if defined(__aarch64__)
#define WB_FMA 1
#else
#define WB_FMA 0
#endif
#include "kernels.inc"

static const wb_kernels *k = &kernels_base;

__attribute__((constructor)) static void choose(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        k = &kernels_avx512;
    else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        k = &kernels_avx2;
#endif
}

const char *wb_kernel_name(void) { return k->name; }

void wb_dense_forward_f32(int n, int in, int out, const float *x, int ldx, const float *w, float *y, int ldy) {
    k->dense_forward(n, in, out, x, ldx, w, y, ldy);
}
void wb_dense_backward_data_f32(int n, int in, int out, const float *dyt, int ldt, const float *w, int ldw, float *dx,
                                int ldx) {
    k->dense_backward_data(n, in, out, dyt, ldt, w, ldw, dx, ldx);
}
void wb_dense_backward_weights_f32(int n, int in, int out, const float *x, int ldx, const float *dy, int ldy, float *dw) {
    k->dense_backward_weights(n, in, out, x, ldx, dy, ldy, dw);
}
void wb_dense_finish_f32(int n, int out, int parts, size_t stride, const float *partial, int ldp, const float *bias,
                         int relu, float *y, int ldy) {
    k->dense_finish(n, out, parts, stride, partial, ldp, bias, relu, y, ldy);
}
void wb_max_pool_forward_f32(const wb_pool_shape *s, const float *x, float *y) { k->max_pool_forward(s, x, y); }
void wb_max_pool_backward_f32(const wb_pool_shape *s, const float *x, const float *y, const float *dy, int relu,
                              float *dx) {
    k->max_pool_backward(s, x, y, dy, relu, dx);
}
void wb_relu_forward_f32(size_t count, const float *x, float *y) { k->relu_forward(count, x, y); }
void wb_relu_backward_f32(size_t count, const float *y, const float *dy, float *dx) { k->relu_backward(count, y, dy, dx); }
void wb_unblock_f32(int n, int channels, int plane, int block, const float *x, float *rows, int ld) {
    k->unblock(n, channels, plane, block, x, rows, ld);
}
void wb_block_f32(int n, int channels, int plane, int block, const float *rows, int ld, float *x) {
    k->block(n, channels, plane, block, rows, ld, x);
}
void wb_dropout_f32(int n, int count, size_t ld, float rate, uint64_t key, uint32_t step, uint32_t first_row,
                    const float *x, float *y) {
    k->dropout(n, count, ld, rate, key, step, first_row, x, y);
}
int wb_tree_sum_f32(size_t count, int parts, size_t stride, const float *x, float *sum) {
    return k->tree_sum(count, parts, stride, x, sum);
}
int wb_all_finite_f32(size_t count, const float *x) { return k->all_finite(count, x); }
void wb_sgd_update_f32(size_t count, float *p, float *v, const float *g, float rate, float momentum, float decay,
                       int nesterov) {
    k->sgd(count, p, v, g, rate, momentum, decay, nesterov);
}
void wb_adam_update_f32(size_t count, float *p, float *m, float *v, const float *g, float rate, float beta1, float beta2,
                        float epsilon, float c1, float c2) {
    k->adam(count, p, m, v, g, rate, beta1, beta2, epsilon, c1, c2);
}
void wb_gather_u8(const uint8_t *data, const int32_t *indices, int n, int channels, int plane, const float *scale,
                  const float *shift, float *out) {
    k->gather_u8(data, indices, n, channels, plane, scale, shift, out);
}

void wb_gather_f32(const float *data, const int32_t *indices, int n, int features, int ld, float *out) {
    for (int i = 0; i < n; i++) {
        memcpy(out + (size_t)i * ld, data + (size_t)indices[i] * features, sizeof(float) * (size_t)features);
        for (int j = features; j < ld; j++) out[(size_t)i * ld + j] = 0;
    }
}

void wb_bias_backward_f32(int n, int out, const float *dy, int ldy, float *db) {
    for (int j = 0; j < out; j++) db[j] = 0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < out; j++) db[j] += dy[(size_t)i * ldy + j];
}

void wb_transpose_f32(int rows, int columns, const float *x, int ldx, float *yt, int ldt) {
    for (int j = 0; j < columns; j++)
        for (int i = 0; i < rows; i++) yt[(size_t)j * ldt + i] = x[(size_t)i * ldx + j];
}

void wb_softmax_cross_entropy_f32(int n, int classes, int ld, const float *logits, const int32_t *labels,
                                  const int32_t *second, const float *mix, float scale, double *losses,
                                  int32_t *hits, float *dlogits, float *probabilities) {
    for (int i = 0; i < n; i++) {
        const float *z = logits + (size_t)i * ld;
        int best = 0, finite = 1;
        for (int j = 0; j < classes; j++) {
            if (z[j] > z[best]) best = j;
            if (!isfinite(z[j])) finite = 0;
        }
        // exp is taken of differences from the largest logit, so it cannot overflow; a NaN stays one and is seen in the loss.
        double sum = 0;
        for (int j = 0; j < classes; j++) sum += finite ? exp((double)z[j] - (double)z[best]) : NAN;
        losses[i] = labels ? log(sum) + (double)z[best] - (double)z[labels[i]] : 0;
        // Of two labels the first counts `mix` and the second the rest.
        float rest = second ? 1 - mix[i] : 0;
        if (second) losses[i] += (double)rest * ((double)z[labels[i]] - (double)z[second[i]]);
        if (hits) hits[i] = labels && finite && best == labels[i];
        for (int j = 0; j < classes && (dlogits || probabilities); j++) {
            float p = finite ? (float)(exp((double)z[j] - (double)z[best]) / sum) : NAN;
            if (probabilities) probabilities[(size_t)i * classes + j] = p;
            float wanted = labels && labels[i] == j ? 1 - rest : 0;
            if (second && second[i] == j) wanted += rest;
            if (dlogits) dlogits[(size_t)i * ld + j] = (p - wanted) * scale;
        }
        if (dlogits)
            for (int j = classes; j < ld; j++) dlogits[(size_t)i * ld + j] = 0;
    }
}

double wb_measure_peak_gflops(void) {
    // 16 independent accumulators of VW lanes, 2 operations a multiply-add.
    int lanes = k == &kernels_base ? 4 :
#if defined(__x86_64__)
        k == &kernels_avx512 ? 16 :
#endif
        8;
    volatile float keep = k->peak(100000);
    double best = 0;
    for (int r = 0; r < 5; r++) {
        uint64_t start = wb_clock_ns();
        keep = k->peak(1000000);
        double seconds = (double)(wb_clock_ns() - start) * 1e-9;
        double rate = 2.0 * 16 * lanes * 1e6 / seconds * 1e-9;
        if (rate > best) best = rate;
    }
    (void)keep;
    return best;
}
