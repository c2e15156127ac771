// CPrimitives: oneDNN's convolutions behind plain C functions, and the kernels it lacks.
// No dnnl type leaves this module. Names: wb_<op>_<direction>_<type>.
//
// Layouts. An image batch is stored in blocks of channels: (n, ceil(c / block), h, w, block), block 1 being plain NCHW.
// A batch of vectors is (n, features) with features padded to a multiple of WB_PAD by zeros.
// Dense weights are (in, out), both padded likewise: a worker that owns a range of inputs owns contiguous memory.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Features of a vector batch are padded to a multiple of this.
#define WB_PAD 16

// ---- threads ------------------------------------------------------------------------------------------------------

/// Makes the calling thread fit to run kernels: one OpenMP thread, denormals flushed to zero, its own stream.
/// Every thread that creates or runs anything of this module calls it once, first.
void wb_thread_prepare(void);
/// Nanoseconds of a clock that never goes back.
uint64_t wb_clock_ns(void);
/// What computes: "oneDNN 2.6.3 avx512_core_vnni, kernels avx512/2". Written to `text`, cut at `size`.
void wb_describe(char *text, size_t size);

/// A team of workers that take tiles of phases and meet at a barrier after each.
typedef struct wb_team wb_team;
wb_team *wb_team_create(int workers, int cores);
void wb_team_destroy(wb_team *);
/// Worker 0: opens the next run of phases for the others (see wb_team_await).
void wb_team_open(wb_team *);
/// Workers 1...: sleeps until worker 0 opens a run. Returns 0 when the team ends.
int wb_team_await(wb_team *, int worker);
/// Worker 0: ends the team; waiting workers leave.
void wb_team_end(wb_team *);
/// The next tile of the current phase of `tiles` tiles for `worker`, or -1. A worker first takes its own share, then others'.
int wb_team_next(wb_team *, int worker, int tiles);
/// Waits until every worker of the team is here; then the next phase begins.
void wb_team_meet(wb_team *, int worker);

/// Helpers that take tiles of small jobs, if they come in time (crew.c).
typedef struct wb_crew wb_crew;
/// `spins`: helpers look out for the next job a while before they sleep.
wb_crew *wb_crew_create(int spins);
void wb_crew_destroy(wb_crew *);
/// The one that has jobs done: opens a job of `tiles` tiles (less than 65,536) when the one before is finished.
void wb_crew_post(wb_crew *, int tiles);
/// A tile of the job, or -1.
int wb_crew_take(wb_crew *);
/// A tile that was taken is done.
void wb_crew_did(wb_crew *);
/// Waits until all `tiles` tiles are done.
void wb_crew_finish(wb_crew *, int tiles);
/// A helper: sleeps until it has a tile; -1 when the crew ends.
int wb_crew_await(wb_crew *);
void wb_crew_end(wb_crew *);

// ---- convolution (oneDNN) -----------------------------------------------------------------------------------------

typedef struct {
    int n, c, h, w;              // input
    int k, kh, kw;               // output channels, kernel
    int stride, pad_top, pad_left, pad_bottom, pad_right;
    int dilation, groups;        // 1 for none
    int bf16;                    // 1: products of bfloat16 values, summed in float32; what is stored stays float32
} wb_conv_shape;

typedef struct wb_conv wb_conv;
typedef struct wb_call wb_call;

/// Plans a convolution for batches of `shape->n`. `src_block` is the layout of its input. `relu` fuses max(0, ·) into forward.
/// `weights_of`: another convolution of the same layer whose storage layout of weights this one must take; NULL: it chooses.
/// `training`: 0 forward only, 1 forward and backward to weights, 2 to the input too.
/// NULL on failure, with a sentence in `error`.
wb_conv *wb_conv_create(const wb_conv_shape *shape, int src_block, int relu, int training, const wb_conv *weights_of,
                        char *error, size_t error_size);
void wb_conv_destroy(wb_conv *);
/// Which of its implementations oneDNN chose for forward, backward to the weights and to the input: "jit:avx512_core, …".
const char *wb_conv_implementations(const wb_conv *);
int wb_conv_out_h(const wb_conv *);
int wb_conv_out_w(const wb_conv *);
/// Block of the output's layout.
int wb_conv_dst_block(const wb_conv *);
/// Floats of the stored weights (may exceed k*c/groups*kh*kw: padding).
size_t wb_conv_weights_floats(const wb_conv *);
/// Bytes of scratch that any call of this convolution needs.
size_t wb_conv_scratch_bytes(const wb_conv *);
/// Floats of the weights as forward and as backward to the input want them; 0: as stored.
size_t wb_conv_forward_weights_floats(const wb_conv *);
size_t wb_conv_backward_weights_floats(const wb_conv *);
/// Between plain (k, c/groups, kh, kw) and the stored layout.
void wb_conv_pack_weights(const wb_conv *, const float *plain, float *stored);
void wb_conv_unpack_weights(const wb_conv *, const float *stored, float *plain);

// Calls are bound to their buffers once and run many times, by one thread at a time.
wb_call *wb_conv_bind_forward(const wb_conv *, const float *src, const float *weights, const float *bias, float *dst);
wb_call *wb_conv_bind_backward_data(const wb_conv *, const float *dst_gradient, const float *weights, float *src_gradient);
wb_call *wb_conv_bind_backward_weights(const wb_conv *, const float *src, const float *dst_gradient,
                                       float *weights_gradient, float *bias_gradient);
/// Stored weights to those that forward or backward wants, where they differ.
wb_call *wb_conv_bind_forward_repack(const wb_conv *, const float *stored, float *wanted);
wb_call *wb_conv_bind_backward_repack(const wb_conv *, const float *stored, float *wanted);
/// Says that the output (of forward) or its gradient (of backward) of a bound call lies at the start of the running thread's
/// transient memory, wherever that is.
void wb_call_use_transient(wb_call *);
/// Runs a bound call. `scratch` and `transient` belong to the running thread, aligned to 64 bytes. 0 on success.
int wb_call_run(wb_call *, void *scratch, void *transient);
void wb_call_destroy(wb_call *);

// ---- data ---------------------------------------------------------------------------------------------------------

/// out[i][c][p] = data[indices[i]][c][p] * scale[c] + shift[c].
void wb_gather_u8(const uint8_t *data, const int32_t *indices, int n, int channels, int plane, const float *scale,
                  const float *shift, float *out);
/// out[i] = data[indices[i]], rows of `features` padded with zeros to `ld`.
void wb_gather_f32(const float *data, const int32_t *indices, int n, int features, int ld, float *out);

// ---- augmentation (augment.c) -------------------------------------------------------------------------------------

/// Kinds of transforms; the geometric ones come first.
enum {
    WB_FLIP_HORIZONTAL, WB_FLIP_VERTICAL, WB_CROP, WB_SHIFT, WB_ROTATE, WB_ZOOM,
    WB_BRIGHTNESS, WB_CONTRAST, WB_NOISE, WB_CUTOUT
};
/// `amount`: pixels (crop, cutout), degrees, a fraction, or a deviation; unused for flips.
typedef struct {
    int kind;
    float amount;
} wb_augmentation;

/// What is done to every example. At most 254 transforms; `purpose` less than 256.
typedef struct {
    const wb_augmentation *list;
    int count;
    int channels, height, width;      // images only
    const float *scale, *shift;       // images only: a byte times scale[c] plus shift[c]; black is shift[c]
    uint64_t seed;
    uint32_t purpose;
    int vector;                       // floats of a vector: 0 the widest here; 4 and 8 give the same bits, for tests
} wb_augment_plan;

/// Which numbers are drawn: Philox 4x32-10 over (place in the list or block, epoch, example, purpose and turn), where `turn`
/// counts the times that the example came in this epoch before (less than 65536).
typedef struct {
    uint32_t epoch, example, turn;
} wb_augment_stream;

/// Floats of scratch for wb_augment_u8.
size_t wb_augment_scratch_floats(const wb_augment_plan *);
/// One image (channels, height, width) of bytes to floats: scaled, shifted, augmented.
void wb_augment_u8(const wb_augment_plan *, wb_augment_stream, const uint8_t *image, float *scratch, float *out);
/// One row of a table, in place: noise of `deviation` * units[i].
void wb_augment_f32(const wb_augment_plan *, wb_augment_stream, int features, const float *units, float *row);
/// out = a * weight + b * (1 - weight).
void wb_mix_f32(size_t count, float weight, const float *a, const float *b, float *out);

// ---- layers -------------------------------------------------------------------------------------------------------

typedef struct {
    int n, blocks, block;        // examples, blocks of channels, channels a block
    int h, w, out_h, out_w;
    int size, stride, pad_top, pad_left; // what is padded never wins a maximum and does not count in a mean
} wb_pool_shape;

void wb_max_pool_forward_f32(const wb_pool_shape *, const float *x, float *y);
/// The gradient goes to the first largest value of a window. With `relu`, x is the output of a ReLU and the gradient
/// of what went into that ReLU is written: nothing passes where x <= 0.
void wb_max_pool_backward_f32(const wb_pool_shape *, const float *x, const float *y, const float *dy, int relu, float *dx);
/// Windows of 2x2, 2 apart, not padded, of whole vectors of 16 channels: which of its four values each maximum is (the first of
/// equals) is kept in `which`, 4 where no gradient passes (with `relu`: where the maximum is not positive).
void wb_max_pool_forward_kept_f32(const wb_pool_shape *, const float *x, int relu, float *y, uint8_t *which);
void wb_max_pool_backward_kept_f32(const wb_pool_shape *, const uint8_t *which, const float *dy, float *dx);
void wb_average_pool_forward_f32(const wb_pool_shape *, const float *x, float *y);
void wb_average_pool_backward_f32(const wb_pool_shape *, const float *dy, float *dx);
/// Means over all pixels of each channel: (n, blocks, plane, block) to rows of `ld` floats, and back.
void wb_global_average_forward_f32(int n, int channels, int plane, int block, const float *x, float *y, int ld);
void wb_global_average_backward_f32(int n, int channels, int plane, int block, const float *dy, int ld, float *dx);

typedef struct {
    int n, blocks, block;        // examples, blocks of channels, channels a block; the output lies alike
    int h, w, out_h, out_w;
    int kernel, stride, dilation, pad_top, pad_left;
} wb_depthwise_shape;

/// A convolution of each channel by itself. Weights are (blocks, kernel*kernel, block), bias (blocks*block).
void wb_depthwise_forward_f32(const wb_depthwise_shape *, const float *x, const float *w, const float *bias, int relu, float *y);
void wb_depthwise_backward_data_f32(const wb_depthwise_shape *, const float *dy, const float *w, float *dx);
void wb_depthwise_backward_weights_f32(const wb_depthwise_shape *, const float *x, const float *dy, float *dw, float *db);

/// Elementwise functions; those that need it look at x, the others at y, in backward.
enum { WB_RELU, WB_LEAKY_RELU, WB_ELU, WB_GELU, WB_SILU, WB_SIGMOID, WB_TANH };
/// y = f(x); `slope` is that of WB_LEAKY_RELU. In place allowed.
void wb_activation_forward_f32(int kind, float slope, size_t count, const float *x, float *y);
/// dx = dy * f'(x), where y = f(x). In place (dx = dy) allowed.
void wb_activation_backward_f32(int kind, float slope, size_t count, const float *x, const float *y, const float *dy,
                                float *dx);
/// The nearest bfloat16 values (ties to even), as such and as floats. In place allowed for the latter.
void wb_to_bf16(size_t count, const float *x, uint16_t *y);
void wb_round_bf16_f32(size_t count, const float *x, float *y);
/// Zeroes what lies beyond `channels` in (n, blocks, plane, block).
void wb_clear_padding_f32(int n, int channels, int plane, int block, float *x);
/// Softmax over the first `width` of `ld` floats of each row, the rest zero; backward from y.
void wb_softmax_forward_f32(int n, int width, int ld, const float *x, float *y);
void wb_softmax_backward_f32(int n, int width, int ld, const float *y, const float *dy, float *dx);

// ---- normalisation ------------------------------------------------------------------------------------------------
// Over (n, blocks, plane, block); arrays of channels have blocks*block floats. Rows of vectors are one pixel of one block.

typedef struct {
    int n, blocks, plane, block;
} wb_norm_shape;

/// Mean of each channel over n*plane values, and the sum of squared deviations from it.
void wb_norm_statistics_f32(const wb_norm_shape *, const float *x, float *mean, float *squares);
/// y = (x - mean) * factor + shift, then max(0, .) with `relu`.
void wb_norm_apply_f32(const wb_norm_shape *, const float *x, const float *mean, const float *factor, const float *shift,
                       int relu, float *y);
/// Sums over n*plane of dy and of dy * (x - mean). y not NULL: it is the output of a ReLU, dy counts where y > 0.
void wb_norm_sums_f32(const wb_norm_shape *, const float *x, const float *mean, const float *y, const float *dy,
                      float *sum, float *product);
/// dx = factor * (dy - a - (x - mean) * b), dy as in wb_norm_sums_f32.
void wb_norm_backward_f32(const wb_norm_shape *, const float *x, const float *mean, const float *y, const float *dy,
                          const float *factor, const float *a, const float *b, float *dx);
/// Layer norm of rows (Ba et al. 2016): y = (x - mean) / sqrt(variance + epsilon) * gamma + beta; `statistics` keeps mean
/// and 1/deviation of each row for backward, which gives dx and the sums of gamma's and beta's gradients over the rows.
void wb_layer_norm_forward_f32(int n, int width, int ld, const float *x, const float *gamma, const float *beta,
                               float epsilon, float *y, float *statistics);
void wb_layer_norm_backward_f32(int n, int width, int ld, const float *x, const float *statistics, const float *gamma,
                                const float *dy, float *dx, float *dgamma, float *dbeta);

/// y = a + b, then max(0, .) with `relu`; y = a * b. In place allowed.
void wb_add_f32(size_t count, const float *a, const float *b, int relu, float *y);
/// dx = a + b where y > 0 (y NULL: everywhere), else 0: gradients of two branches after a ReLU. In place allowed.
void wb_join_backward_f32(size_t count, const float *y, const float *a, const float *b, float *dx);
void wb_multiply_f32(size_t count, const float *a, const float *b, float *y);

/// dx = y > 0 ? dy : 0. In place allowed.
void wb_relu_backward_f32(size_t count, const float *y, const float *dy, float *dx);

/// (n, blocks, h*w, block) to rows of channels*plane padded with zeros to `ld`, and back (padded channels become zero).
void wb_unblock_f32(int n, int channels, int plane, int block, const float *x, float *rows, int ld);
void wb_block_f32(int n, int channels, int plane, int block, const float *rows, int ld, float *x);

/// y[n][out] += x[n][in] * w[in][out]; `out` a multiple of WB_PAD. ldx, ldy: floats between rows.
void wb_dense_forward_f32(int n, int in, int out, const float *x, int ldx, const float *w, float *y, int ldy);
/// dx[n][in] = dy[n][out] * w[in][out]^T; `in` a multiple of WB_PAD; dy comes turned: dyt[out][ldt], ldt a multiple of
/// WB_PAD and at least n.
void wb_dense_backward_data_f32(int n, int in, int out, const float *dyt, int ldt, const float *w, int ldw, float *dx, int ldx);
/// dw[in][out] (+)= x[n][in]^T * dy[n][out].
void wb_dense_backward_weights_f32(int n, int in, int out, const float *x, int ldx, const float *dy, int ldy, float *dw);
/// db[out] = sum of dy's rows, in order.
void wb_bias_backward_f32(int n, int out, const float *dy, int ldy, float *db);
/// y[n] = act(bias + sum of `parts` partial products, added pairwise); `stride` floats between parts. relu 0 or 1.
void wb_dense_finish_f32(int n, int out, int parts, size_t stride, const float *partial, int ldp, const float *bias,
                         int relu, float *y, int ldy);
/// yt[column][row] = x[row][column].
void wb_transpose_f32(int rows, int columns, const float *x, int ldx, float *yt, int ldt);

/// Inverted dropout. A value's fate follows from (key, row, position) alone (Philox 4x32-10, Salmon et al. 2011).
/// In backward the same call is applied to the gradient.
void wb_dropout_f32(int n, int count, size_t ld, float rate, uint64_t key, uint32_t step, uint32_t first_row,
                    const float *x, float *y);

// Losses. `weights` (n), NULL for none, multiply each example's loss and gradient; `scale` multiplies gradients alone.
// Gradients are zero in the padding; what is NULL is not wanted. With `second` labels (NULL: none) the loss is mix[i] of that
// of the first label plus 1 - mix[i] of that of the second.

/// Softmax cross-entropy of rows of logits (ld floats apart) against `labels`: losses[i] = -sum q log p, where q is
/// 1 - smoothing at the label and smoothing/classes everywhere on top (Szegedy et al. 2016); dlogits = (p - q) * scale;
/// probabilities (n, classes); hits[i] = 1 when the largest logit is the label's (the first of equals).
void wb_softmax_cross_entropy_f32(int n, int classes, int ld, const float *logits, const int32_t *labels,
                                  const int32_t *second, const float *mix, float smoothing, const float *weights,
                                  float scale, double *losses, int32_t *hits, float *dlogits, float *probabilities);
/// Binary cross-entropy of one logit a row against labels 0 and 1; probabilities (n, 2).
void wb_sigmoid_cross_entropy_f32(int n, int ld, const float *logits, const int32_t *labels, const int32_t *second,
                                  const float *mix, const float *weights, float scale, double *losses, int32_t *hits, float *dlogits, float *probabilities);
/// Mean over the outputs of (y - target)^2, or with delta > 0 Huber's loss (Huber 1964): d^2/2 where |d| <= delta, else
/// delta*(|d| - delta/2). targets and predictions (n, outputs).
void wb_regression_loss_f32(int n, int outputs, int ld, const float *y, const float *targets, float delta,
                            const float *weights, float scale, double *losses, float *dy, float *predictions);

// ---- sums and updates ---------------------------------------------------------------------------------------------

/// sum = pairwise tree over `parts` arrays `stride` floats apart: ((0+1)+(2+3))+… ; returns 1 when all sums are finite.
int wb_tree_sum_f32(size_t count, int parts, size_t stride, const float *x, float *sum);
/// The same, with the sum of the squares of the sums in `squares`.
int wb_tree_sum_squares_f32(size_t count, int parts, size_t stride, const float *x, float *sum, double *squares);
/// Sum of squares, in double precision.
double wb_sum_squares_f32(size_t count, const float *x);
/// 1 when every value is finite.
int wb_all_finite_f32(size_t count, const float *x);

enum { WB_SGD, WB_ADAM, WB_RMSPROP, WB_ADAGRAD };

/// The update of one step. The gradient is multiplied by `scale` first.
/// WB_SGD (as PyTorch states it): g += decay*p; m = beta1*m + g; p -= rate * (nesterov ? g + beta1*m : m); beta1 is the momentum.
/// WB_ADAM (Kingma & Ba 2015): c1 = 1/(1-beta1^t), c2 = 1/(1-beta2^t); decay is decoupled: p *= 1 - rate*decay first
/// (Loshchilov & Hutter 2019).
/// WB_RMSPROP (Tieleman & Hinton 2012): g += decay*p; v = beta2*v + (1-beta2)*g*g; p -= rate * g / (sqrt(v) + epsilon), by way
/// of m = beta1*m + that quotient when beta1 is not 0.
/// WB_ADAGRAD (Duchi et al. 2011): g += decay*p; v += g*g; p -= rate * g / (sqrt(v) + epsilon).
/// average not 0: a = average*a + (1-average)*p follows, an exponential moving average of the parameters.
typedef struct {
    int kind, nesterov;
    float rate, beta1, beta2, epsilon, decay, c1, c2, scale, average;
} wb_update;

/// Applies `u` to `count` parameters. m, v and average may be NULL where `u` does not use them.
void wb_update_f32(size_t count, const wb_update *u, float *p, float *m, float *v, float *average, const float *g);

// ---- inference (inference.c) --------------------------------------------------------------------------------------
// Outputs come in blocks of 16. Weights are (blocks, runs, steps, 16), a step being one float or four bytes of the input.

/// y[r][p][o] = sum over runs i and steps q of x[r * x_row + p * x_pixel + offsets[i] + 4q] * w[o / 16][i][q][o % 16],
/// plus bias[o]. Everything that leads through x and y is in bytes; up to three bytes past a run are read.
typedef struct {
    int rows, pixels, blocks;    // outputs
    int runs, steps;             // steps of each run
    const int32_t *offsets;      // where each run begins
    ptrdiff_t x_row, x_pixel;    // from one sum to the next
    ptrdiff_t y_row, y_pixel, y_block;
    int pooled;                  // rows and pixels are maxima of 2x2 sums
    const void *bias;            // int32_t or float, 16 a block
    int relu;                    // floats: max(0, sum)
    const float *scale;          // bytes: a byte is clamp(round(sum * scale[o]) + zero, low, high)
    int zero, low, high;
    int floats;                  // bytes: y is float, sum * scale[o]
    int lanes;                   // 0 the widest here; 4 and 8 give the same integers, for tests
} wb_window;
/// Of unsigned inputs and signed weights, each sum in 32 bits, which they must not leave.
void wb_window_u8(const wb_window *s, const uint8_t *x, const int8_t *w, void *y);
void wb_window_f32(const wb_window *s, const float *x, const float *w, float *y);
/// y = the nearest step to x * inverse (1 / scale), ties to even, plus `zero`; what lies outside 0...255 becomes the nearest.
void wb_quantize_u8(size_t count, const float *x, float inverse, int zero, uint8_t *y);
/// y = (x - zero) * scale.
void wb_dequantize_u8(size_t count, const uint8_t *x, float scale, int zero, float *y);
/// (channels, plane) bytes to floats (plane, to): the channels of a pixel side by side, or as they are where `to` is 1, each times scale[c] plus shift[c].
void wb_interleave_f32(int channels, int plane, int to, const uint8_t *x, const float *scale, const float *shift, float *y);
/// Copies `blocks` planes of `pixel` bytes a pixel into planes of (rows, columns), `top` and `left` from their corner.
void wb_border(int blocks, int height, int width, int pixel, int top, int left, int rows, int columns, const uint8_t *x, uint8_t *y);
/// y = tables[x]; with 16 channels one table of 256 bytes for each channel of a block.
void wb_table_u8(size_t count, int channels, const uint8_t *tables, const uint8_t *x, uint8_t *y);
/// (channels, plane) to (plane, to): the channels of a pixel side by side, or as they are where `to` is 1; `tables` NULL or 256 bytes a channel.
void wb_interleave_u8(int channels, int plane, int to, const uint8_t *x, const uint8_t *tables, uint8_t *y);
/// Maximum, or mean of (x - zero_in) * scale: images of bytes in blocks of 16 channels; `n` and `block` are not read.
void wb_pool_u8(const wb_pool_shape *s, int average, float scale, int zero_in, int zero_out, const uint8_t *x, uint8_t *y);
/// One channel a sum: weights (blocks, taps, 16); a step of `s` is a tap, x_row and x_pixel lead through (height, width) planes.
void wb_depthwise_u8(const wb_window *s, int height, int width, const uint8_t *x, const int8_t *w, uint8_t *y);
/// y = a * a_scale + b * b_scale + offset, rounded, at least `low`.
void wb_add_u8(size_t count, const uint8_t *a, float a_scale, const uint8_t *b, float b_scale, float offset, int zero, int low, uint8_t *y);
/// Means of (x - zero_in) * scale over all pixels of each channel.
void wb_global_average_u8(int blocks, int plane, float scale, int zero_in, int zero_out, const uint8_t *x, uint8_t *y);

/// Peak of float32 multiply-adds on this thread, GFLOP/s, measured over about 50 ms.
double wb_measure_peak_gflops(void);
/// Speed of a 3x3 convolution of 8 images of 64 channels and 16x16 pixels on this thread as training computes it (float32
/// goes by Winograd), in GFLOP/s of the plain sums; 0 when there is none of that precision here.
double wb_measure_conv_gflops(int bf16);
