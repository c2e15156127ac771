// Inference: sums over windows of floats and of bytes, chosen at start as the other kernels are, and what works on bytes alone.
#include "CPrimitives.h"
#include <math.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

// Vectors wider than the registers go between functions that are inlined alone.
#pragma clang diagnostic ignored "-Wpsabi"
typedef uint8_t u8x16 __attribute__((vector_size(16), aligned(1)));
typedef int8_t i8x16 __attribute__((vector_size(16), aligned(1)));
typedef int32_t i32x16 __attribute__((vector_size(64), aligned(1)));
typedef float f32x16 __attribute__((vector_size(64), aligned(1)));

#if defined(__x86_64__)
#define WB_FMA 1
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma"))), apply_to = function)
#define VW 16
#define WB_VNNI 1
#define WB_BYTES 1
#define WB(name) name##_bytes16
#include "inference.inc"
#include "bytes.inc"
#undef WB
#undef WB_BYTES
#undef WB_VNNI
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)
#define WB_VNNI 0
#define WB_BYTES 0
#define WB(name) name##_floats16
#include "inference.inc"
#undef WB
#undef WB_BYTES
#undef VW
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define VW 8
#define WB_BYTES 1
#define WB(name) name##_bytes8
#include "inference.inc"
#include "bytes.inc"
#undef WB
#undef WB_BYTES
#define WB_BYTES 0
#define WB(name) name##_floats8
#include "inference.inc"
#undef WB
#undef WB_BYTES
#undef VW
#undef WB_FMA
#undef WB_VNNI
#pragma clang attribute pop
#endif

#define VW 4
#define WB_VNNI 0
#if defined(__aarch64__)
#define WB_FMA 1
#else
#define WB_FMA 0
#endif
#define WB_BYTES 1
#define WB(name) name##_bytes4
#include "inference.inc"
#include "bytes.inc"
#undef WB
#undef WB_BYTES
#define WB_BYTES 0
#define WB(name) name##_floats4
#include "inference.inc"
#undef WB
#undef WB_BYTES

// Lanes of the widest kernels here.
static int floats_width = 4, bytes_width = 4;

__attribute__((constructor)) static void choose(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    int wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    int middle = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    floats_width = wide ? 16 : middle ? 8 : 4;
    bytes_width = wide && __builtin_cpu_supports("avx512vnni") ? 16 : middle ? 8 : 4;
#endif
}

static int width_of(const wb_window *s, int widest) { return s->lanes && s->lanes < widest ? s->lanes : widest; }

void wb_window_u8(const wb_window *s, const uint8_t *x, const int8_t *w, void *y) {
    const uint8_t *weights = (const uint8_t *)w;
    switch (width_of(s, bytes_width)) {
#if defined(__x86_64__)
    case 16: window_bytes16(s, x, weights, y); return;
    case 8: window_bytes8(s, x, weights, y); return;
#endif
    default: window_bytes4(s, x, weights, y);
    }
}

void wb_window_f32(const wb_window *s, const float *x, const float *w, float *y) {
    const uint8_t *from = (const uint8_t *)x, *weights = (const uint8_t *)w;
    switch (width_of(s, floats_width)) {
#if defined(__x86_64__)
    case 16: window_floats16(s, from, weights, (uint8_t *)y); return;
    case 8: window_floats8(s, from, weights, (uint8_t *)y); return;
#endif
    default: window_floats4(s, from, weights, (uint8_t *)y);
    }
}

#if defined(__x86_64__)
#define BY_WIDTH(name, ...)                                                                                            \
    bytes_width == 16 ? name##_bytes16(__VA_ARGS__) : bytes_width == 8 ? name##_bytes8(__VA_ARGS__) : name##_bytes4(__VA_ARGS__)
#else
#define BY_WIDTH(name, ...) name##_bytes4(__VA_ARGS__)
#endif

void wb_quantize_u8(size_t count, const float *x, float inverse, int zero, uint8_t *y) { BY_WIDTH(quantize_u8, count, x, inverse, zero, y); }
void wb_dequantize_u8(size_t count, const uint8_t *x, float scale, int zero, float *y) { BY_WIDTH(dequantize_u8, count, x, scale, zero, y); }
void wb_border(int blocks, int height, int width, int pixel, int top, int left, int rows, int columns, const uint8_t *x, uint8_t *y) { BY_WIDTH(border, blocks, height, width, pixel, top, left, rows, columns, x, y); }
void wb_table_u8(size_t count, int channels, const uint8_t *tables, const uint8_t *x, uint8_t *y) { BY_WIDTH(table_u8, count, channels, tables, x, y); }
void wb_interleave_u8(int channels, int plane, int to, const uint8_t *x, const uint8_t *tables, uint8_t *y) { BY_WIDTH(interleave_u8, channels, plane, to, x, tables, y); }
void wb_pool_u8(const wb_pool_shape *s, int average, float scale, int zero_in, int zero_out, const uint8_t *x, uint8_t *y) { BY_WIDTH(pool_u8, s, average, scale, zero_in, zero_out, x, y); }
void wb_depthwise_u8(const wb_window *s, int height, int width, const uint8_t *x, const int8_t *w, uint8_t *y) { BY_WIDTH(depthwise_u8, s, height, width, x, w, y); }
void wb_add_u8(size_t count, const uint8_t *a, float a_scale, const uint8_t *b, float b_scale, float offset, int zero, int low, uint8_t *y) { BY_WIDTH(add_u8, count, a, a_scale, b, b_scale, offset, zero, low, y); }
void wb_global_average_u8(int blocks, int plane, float scale, int zero_in, int zero_out, const uint8_t *x, uint8_t *y) { BY_WIDTH(global_average_u8, blocks, plane, scale, zero_in, zero_out, x, y); }

void wb_interleave_f32(int channels, int plane, int to, const uint8_t *x, const float *scale, const float *shift, float *y) {
    if (to == 1) {
        for (int c = 0; c < channels; c++)
            for (int p = 0; p < plane; p++) y[(size_t)c * plane + p] = (float)x[(size_t)c * plane + p] * scale[c] + shift[c];
        return;
    }
    for (int p = 0; p < plane; p++)
        for (int c = 0; c < channels; c++) y[(size_t)p * to + c] = (float)x[(size_t)c * plane + p] * scale[c] + shift[c];
}
