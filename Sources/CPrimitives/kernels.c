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
    void (*max_pool_forward_kept)(const wb_pool_shape *, const float *, int, float *, uint8_t *);
    void (*max_pool_backward_kept)(const wb_pool_shape *, const uint8_t *, const float *, float *);
    void (*average_pool_forward)(const wb_pool_shape *, const float *, float *);
    void (*average_pool_backward)(const wb_pool_shape *, const float *, float *);
    void (*depthwise_forward)(const wb_depthwise_shape *, const float *, const float *, const float *, int, float *);
    void (*depthwise_backward_data)(const wb_depthwise_shape *, const float *, const float *, float *);
    void (*depthwise_backward_weights)(const wb_depthwise_shape *, const float *, const float *, float *, float *);
    void (*activation_forward)(int, float, size_t, const float *, float *);
    void (*activation_backward)(int, float, size_t, const float *, const float *, const float *, float *);
    void (*norm_statistics)(const wb_norm_shape *, const float *, float *, float *);
    void (*norm_apply)(const wb_norm_shape *, const float *, const float *, const float *, const float *, int, float *);
    void (*norm_sums)(const wb_norm_shape *, const float *, const float *, const float *, const float *, float *, float *);
    void (*norm_backward)(const wb_norm_shape *, const float *, const float *, const float *, const float *, const float *,
                          const float *, const float *, float *);
    void (*layer_norm_forward)(int, int, int, const float *, const float *, const float *, float, float *, float *);
    void (*layer_norm_backward)(int, int, int, const float *, const float *, const float *, const float *, float *, float *,
                                float *);
    void (*add)(size_t, const float *, const float *, int, float *);
    void (*join_backward)(size_t, const float *, const float *, const float *, float *);
    void (*multiply)(size_t, const float *, const float *, float *);
    double (*sum_squares)(size_t, const float *);
    void (*to_bf16)(size_t, const float *, uint16_t *);
    void (*round_bf16)(size_t, const float *, float *);
    void (*relu_backward)(size_t, const float *, const float *, float *);
    void (*unblock)(int, int, int, int, const float *, float *, int);
    void (*block)(int, int, int, int, const float *, int, float *);
    void (*dropout)(int, int, size_t, float, uint64_t, uint32_t, uint32_t, const float *, float *);
    int (*tree_sum)(size_t, int, size_t, const float *, float *);
    int (*all_finite)(size_t, const float *);
    void (*update)(size_t, const wb_update *, float *, float *, float *, float *, const float *);
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
void wb_max_pool_forward_kept_f32(const wb_pool_shape *s, const float *x, int relu, float *y, uint8_t *which) {
    k->max_pool_forward_kept(s, x, relu, y, which);
}
void wb_max_pool_backward_kept_f32(const wb_pool_shape *s, const uint8_t *which, const float *dy, float *dx) {
    k->max_pool_backward_kept(s, which, dy, dx);
}
void wb_average_pool_forward_f32(const wb_pool_shape *s, const float *x, float *y) { k->average_pool_forward(s, x, y); }
void wb_average_pool_backward_f32(const wb_pool_shape *s, const float *dy, float *dx) { k->average_pool_backward(s, dy, dx); }
void wb_depthwise_forward_f32(const wb_depthwise_shape *s, const float *x, const float *w, const float *bias, int relu,
                              float *y) {
    k->depthwise_forward(s, x, w, bias, relu, y);
}
void wb_depthwise_backward_data_f32(const wb_depthwise_shape *s, const float *dy, const float *w, float *dx) {
    k->depthwise_backward_data(s, dy, w, dx);
}
void wb_depthwise_backward_weights_f32(const wb_depthwise_shape *s, const float *x, const float *dy, float *dw, float *db) {
    k->depthwise_backward_weights(s, x, dy, dw, db);
}
void wb_activation_forward_f32(int kind, float slope, size_t count, const float *x, float *y) {
    k->activation_forward(kind, slope, count, x, y);
}
void wb_activation_backward_f32(int kind, float slope, size_t count, const float *x, const float *y, const float *dy,
                                float *dx) {
    k->activation_backward(kind, slope, count, x, y, dy, dx);
}
void wb_norm_statistics_f32(const wb_norm_shape *s, const float *x, float *mean, float *squares) {
    k->norm_statistics(s, x, mean, squares);
}
void wb_norm_apply_f32(const wb_norm_shape *s, const float *x, const float *mean, const float *factor, const float *shift,
                       int relu, float *y) {
    k->norm_apply(s, x, mean, factor, shift, relu, y);
}
void wb_norm_sums_f32(const wb_norm_shape *s, const float *x, const float *mean, const float *y, const float *dy,
                      float *sum, float *product) {
    k->norm_sums(s, x, mean, y, dy, sum, product);
}
void wb_norm_backward_f32(const wb_norm_shape *s, const float *x, const float *mean, const float *y, const float *dy,
                          const float *factor, const float *a, const float *b, float *dx) {
    k->norm_backward(s, x, mean, y, dy, factor, a, b, dx);
}
void wb_layer_norm_forward_f32(int n, int width, int ld, const float *x, const float *gamma, const float *beta,
                               float epsilon, float *y, float *statistics) {
    k->layer_norm_forward(n, width, ld, x, gamma, beta, epsilon, y, statistics);
}
void wb_layer_norm_backward_f32(int n, int width, int ld, const float *x, const float *statistics, const float *gamma,
                                const float *dy, float *dx, float *dgamma, float *dbeta) {
    k->layer_norm_backward(n, width, ld, x, statistics, gamma, dy, dx, dgamma, dbeta);
}
void wb_add_f32(size_t count, const float *a, const float *b, int relu, float *y) { k->add(count, a, b, relu, y); }
void wb_join_backward_f32(size_t count, const float *y, const float *a, const float *b, float *dx) {
    k->join_backward(count, y, a, b, dx);
}
void wb_multiply_f32(size_t count, const float *a, const float *b, float *y) { k->multiply(count, a, b, y); }
void wb_to_bf16(size_t count, const float *x, uint16_t *y) { k->to_bf16(count, x, y); }
void wb_round_bf16_f32(size_t count, const float *x, float *y) { k->round_bf16(count, x, y); }
double wb_sum_squares_f32(size_t count, const float *x) { return k->sum_squares(count, x); }
int wb_tree_sum_squares_f32(size_t count, int parts, size_t stride, const float *x, float *sum, double *squares) {
    int finite = k->tree_sum(count, parts, stride, x, sum);
    *squares = k->sum_squares(count, sum);
    return finite;
}

void wb_clear_padding_f32(int n, int channels, int plane, int block, float *x) {
    int blocks = (channels + block - 1) / block, used = channels - (blocks - 1) * block;
    if (used == block) return;
    for (int i = 0; i < n; i++) {
        float *last = x + ((size_t)i * blocks + blocks - 1) * plane * block;
        for (int p = 0; p < plane; p++)
            for (int c = used; c < block; c++) last[(size_t)p * block + c] = 0;
    }
}

void wb_global_average_forward_f32(int n, int channels, int plane, int block, const float *x, float *y, int ld) {
    int blocks = (channels + block - 1) / block;
    for (int i = 0; i < n; i++) {
        float *row = y + (size_t)i * ld;
        for (int c = 0; c < ld; c++) row[c] = 0;
        for (int b = 0; b < blocks; b++) {
            const float *from = x + ((size_t)i * blocks + b) * plane * block;
            int here = channels - b * block < block ? channels - b * block : block;
            for (int p = 0; p < plane; p++)
                for (int c = 0; c < here; c++) row[b * block + c] += from[(size_t)p * block + c];
        }
        for (int c = 0; c < channels; c++) row[c] /= (float)plane;
    }
}
void wb_global_average_backward_f32(int n, int channels, int plane, int block, const float *dy, int ld, float *dx) {
    int blocks = (channels + block - 1) / block;
    for (int i = 0; i < n; i++)
        for (int b = 0; b < blocks; b++) {
            float *to = dx + ((size_t)i * blocks + b) * plane * block;
            for (int p = 0; p < plane; p++)
                for (int c = 0; c < block; c++)
                    to[(size_t)p * block + c] = b * block + c < channels ? dy[(size_t)i * ld + b * block + c] / (float)plane : 0;
        }
}

void wb_softmax_forward_f32(int n, int width, int ld, const float *x, float *y) {
    for (int i = 0; i < n; i++, x += ld, y += ld) {
        float most = x[0], sum = 0;
        for (int j = 1; j < width; j++) most = x[j] <= most ? most : x[j];
        for (int j = 0; j < width; j++) sum += y[j] = expf(x[j] - most);
        for (int j = 0; j < width; j++) y[j] /= sum;
        for (int j = width; j < ld; j++) y[j] = 0;
    }
}
void wb_softmax_backward_f32(int n, int width, int ld, const float *y, const float *dy, float *dx) {
    for (int i = 0; i < n; i++, y += ld, dy += ld, dx += ld) {
        float sum = 0;
        for (int j = 0; j < width; j++) sum += y[j] * dy[j];
        for (int j = 0; j < width; j++) dx[j] = y[j] * (dy[j] - sum);
        for (int j = width; j < ld; j++) dx[j] = 0;
    }
}

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
void wb_update_f32(size_t count, const wb_update *u, float *p, float *m, float *v, float *average, const float *g) {
    k->update(count, u, p, m, v, average, g);
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
                                  const int32_t *second, const float *mix, float smoothing, const float *weights,
                                  float scale, double *losses, int32_t *hits, float *dlogits, float *probabilities) {
    for (int i = 0; i < n; i++) {
        const float *z = logits + (size_t)i * ld;
        float weight = weights ? weights[i] : 1, share = smoothing / (float)classes;
        int best = 0, finite = 1;
        for (int j = 0; j < classes; j++) {
            if (z[j] > z[best]) best = j;
            if (!isfinite(z[j])) finite = 0;
        }
        // exp is taken of differences from the largest logit, so it cannot overflow; a NaN stays one and is seen in the loss.
        double sum = 0, mean = 0;
        for (int j = 0; j < classes; j++) sum += finite ? exp((double)z[j] - (double)z[best]) : NAN;
        double log_sum = log(sum) + (double)z[best];
        losses[i] = labels ? log_sum - (double)z[labels[i]] : 0;
        // Of two labels the first counts `mix` and the second the rest.
        float rest = second ? 1 - mix[i] : 0;
        if (second) losses[i] += (double)rest * ((double)z[labels[i]] - (double)z[second[i]]);
        if (labels && smoothing != 0) {
            for (int j = 0; j < classes; j++) mean += (double)z[j];
            losses[i] = (1 - (double)smoothing) * losses[i] + (double)smoothing * (log_sum - mean / classes);
        }
        losses[i] *= (double)weight;
        if (hits) hits[i] = labels && finite && best == labels[i];
        for (int j = 0; j < classes && (dlogits || probabilities); j++) {
            float p = finite ? (float)(exp((double)z[j] - (double)z[best]) / sum) : NAN;
            if (probabilities) probabilities[(size_t)i * classes + j] = p;
            float wanted = labels && labels[i] == j ? 1 - rest : 0;
            if (second && second[i] == j) wanted += rest;
            if (dlogits) dlogits[(size_t)i * ld + j] = (p - wanted * (1 - smoothing) - share) * (weight * scale);
        }
        if (dlogits)
            for (int j = classes; j < ld; j++) dlogits[(size_t)i * ld + j] = 0;
    }
}

void wb_sigmoid_cross_entropy_f32(int n, int ld, const float *logits, const int32_t *labels, const int32_t *second,
                                  const float *mix, const float *weights, float scale, double *losses, int32_t *hits,
                                  float *dlogits, float *probabilities) {
    for (int i = 0; i < n; i++) {
        double z = logits[(size_t)i * ld], small = exp(-fabs(z));
        double p = z >= 0 ? 1 / (1 + small) : small / (1 + small), other = z >= 0 ? small / (1 + small) : 1 / (1 + small);
        float weight = weights ? weights[i] : 1, wanted = labels ? (float)labels[i] : 0;
        if (second) wanted = mix[i] * wanted + (1 - mix[i]) * (float)second[i];
        // log(1 + e^z) - wanted*z, written so that nothing overflows.
        losses[i] = labels ? (double)weight * ((z > 0 ? z : 0) + log1p(small) - (double)wanted * z) : 0;
        if (hits) hits[i] = labels && isfinite(z) && (z > 0) == (labels[i] != 0);
        if (probabilities) probabilities[2 * i + 1] = (float)p, probabilities[2 * i] = (float)other;
        if (!dlogits) continue;
        dlogits[(size_t)i * ld] = ((float)p - wanted) * (weight * scale);
        for (int j = 1; j < ld; j++) dlogits[(size_t)i * ld + j] = 0;
    }
}

void wb_regression_loss_f32(int n, int outputs, int ld, const float *y, const float *targets, float delta,
                            const float *weights, float scale, double *losses, float *dy, float *predictions) {
    for (int i = 0; i < n; i++) {
        float weight = weights ? weights[i] : 1;
        double sum = 0;
        for (int j = 0; j < outputs; j++) {
            float v = y[(size_t)i * ld + j], d = targets ? v - targets[(size_t)i * outputs + j] : 0, a = fabsf(d);
            int far = delta > 0 && a > delta;
            sum += far ? (double)delta * (a - 0.5 * delta) : delta > 0 ? 0.5 * d * d : (double)d * d;
            float slope = far ? copysignf(delta, d) : delta > 0 ? d : 2 * d;
            if (dy) dy[(size_t)i * ld + j] = slope / (float)outputs * (weight * scale);
            if (predictions) predictions[(size_t)i * outputs + j] = v;
        }
        losses[i] = (double)weight * sum / outputs;
        for (int j = outputs; dy && j < ld; j++) dy[(size_t)i * ld + j] = 0;
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
