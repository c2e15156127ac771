// Convolutions by oneDNN 2.x. Blocked layouts only: oneDNN corrupts strided 1x1 backward-weights in nhwc (issue 6035).
#include "CPrimitives.h"
#include <dlfcn.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

static dnnl_engine_t engine;
static _Thread_local dnnl_stream_t stream;

__attribute__((constructor)) static void make_engine(void) { dnnl_engine_create(&engine, dnnl_cpu, 0); }

void wb_thread_prepare(void) {
#if defined(__x86_64__)
    _mm_setcsr(_mm_getcsr() | 0x8040); // flush to zero, denormals are zero
#elif defined(__aarch64__)
    uint64_t mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    __asm__ volatile("msr fpcr, %0" ::"r"(mode | (1ull << 24)));
#endif
    // Found at run time: oneDNN may be built without OpenMP, and then there is nothing to set.
    void (*threads)(int) = (void (*)(int))dlsym(RTLD_DEFAULT, "omp_set_num_threads");
    if (threads) threads(1);
    if (!stream) dnnl_stream_create(&stream, engine, dnnl_stream_in_order);
}

extern const char *wb_kernel_name(void);

void wb_describe(char *text, size_t size) {
    const dnnl_version_t *v = dnnl_version();
    const char *isa = "generic";
    switch ((int)dnnl_get_effective_cpu_isa()) {
    case dnnl_cpu_isa_sse41: isa = "sse41"; break;
    case dnnl_cpu_isa_avx: isa = "avx"; break;
    case dnnl_cpu_isa_avx2: isa = "avx2"; break;
    case dnnl_cpu_isa_avx512_core: isa = "avx512_core"; break;
    case dnnl_cpu_isa_avx512_core_vnni: isa = "avx512_core_vnni"; break;
    case dnnl_cpu_isa_avx512_core_bf16: isa = "avx512_core_bf16"; break;
    case dnnl_cpu_isa_avx512_core_amx: isa = "avx512_core_amx"; break;
    case dnnl_cpu_isa_avx2_vnni: isa = "avx2_vnni"; break;
    }
    // The number grows when results change in their last bits, so that nobody compares what can't be the same.
    snprintf(text, size, "oneDNN %d.%d.%d %s, kernels %s/2", v->major, v->minor, v->patch, isa, wb_kernel_name());
}

struct wb_conv {
    wb_conv_shape shape;
    int oh, ow, dst_block, training;
    dnnl_memory_desc_t src, dst, stored, bias, plain;
    dnnl_memory_desc_t src_bf16, dst_bf16; // of the same layouts, where products are of bfloat16
    dnnl_memory_desc_t fwd_weights, bwd_weights, diff_weights;
    dnnl_primitive_t forward, backward_data, backward_weights;
    dnnl_memory_desc_t fwd_scratch, bwd_d_scratch, bwd_w_scratch;
    char implementations[128];
};

struct wb_call {
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t args[6];
    int count, owns_primitive;
    dnnl_memory_t scratch;
    // When backward to the weights prefers another layout than the stored one: a second step from scratch to there.
    wb_call *then;
    dnnl_memory_t via;
    size_t via_offset;
    // Arguments that are rounded to bfloat16 into the scratch first.
    struct { const float *from; size_t count, offset; dnnl_memory_t to; } rounded[2];
    int rounds;
    int transient; // the output or its gradient is the running thread's
};

static size_t roundup(size_t n, size_t to) { return (n + to - 1) / to * to; }

// Channels a block of a layout that this module knows, or 0.
static int block_of(const dnnl_memory_desc_t *d) {
    static const struct { dnnl_format_tag_t tag; int block; } known[] = {
        {dnnl_nchw, 1}, {dnnl_nChw16c, 16}, {dnnl_nChw8c, 8}, {dnnl_nChw4c, 4}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        dnnl_memory_desc_t like;
        if (dnnl_memory_desc_init_by_tag(&like, d->ndims, d->dims, d->data_type, known[i].tag) == dnnl_success &&
            dnnl_memory_desc_equal(&like, d))
            return known[i].block;
    }
    return 0;
}

static dnnl_format_tag_t tag_of(int block) {
    return block == 16 ? dnnl_nChw16c : block == 8 ? dnnl_nChw8c : block == 4 ? dnnl_nChw4c : dnnl_nchw;
}

static dnnl_primitive_attr_t attributes(int relu) {
    dnnl_primitive_attr_t attr;
    dnnl_primitive_attr_create(&attr);
    dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    if (relu) {
        dnnl_post_ops_t ops;
        dnnl_post_ops_create(&ops);
        dnnl_post_ops_append_eltwise(ops, 1.0f, dnnl_eltwise_relu, 0, 0);
        dnnl_primitive_attr_set_post_ops(attr, ops);
        dnnl_post_ops_destroy(ops);
    }
    return attr;
}

// Notes which of its implementations oneDNN chose.
static void note(wb_conv *c, dnnl_primitive_desc_t pd) {
    const char *name = NULL;
    dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, (void *)&name);
    size_t used = strlen(c->implementations);
    snprintf(c->implementations + used, sizeof c->implementations - used, "%s%s", used ? ", " : "", name ? name : "?");
}

static dnnl_memory_desc_t queried(dnnl_primitive_desc_t pd, dnnl_query_t what) {
    return *dnnl_primitive_desc_query_md(pd, what, 0);
}

// Winograd's F(4x4, 3x3) (Lavin & Gray 2016) needs a quarter of the multiplications and is 1.5 to 2.5 times as fast where
// there are enough channels and tiles; its errors are some 1e-6 of the largest value. `least`: fewest 4x4 tiles of output.
static int suits_winograd(const wb_conv_shape *s, int src_block, int oh, int ow, int least) {
    int pads = s->pad_top <= 1 && s->pad_left <= 1 && s->pad_bottom <= 1 && s->pad_right <= 1;
    int channels = s->c % 16 == 0 && s->k % 16 == 0 && s->c >= 32 && s->k >= 32;
    return src_block == 16 && channels && pads && s->kh == 3 && s->kw == 3 && s->stride == 1 && s->dilation == 1 &&
           s->groups == 1 && s->n * ((oh + 3) / 4) * ((ow + 3) / 4) >= least;
}
enum { FORWARD_TILES = 64, WEIGHTS_TILES = 16 };

static dnnl_primitive_t replaced(wb_conv *c, dnnl_primitive_t old, dnnl_primitive_desc_t pd, dnnl_memory_desc_t *scratch) {
    dnnl_primitive_t made = NULL;
    *scratch = queried(pd, dnnl_query_scratchpad_md);
    note(c, pd);
    if (dnnl_primitive_create(&made, pd) != dnnl_success) return old;
    dnnl_primitive_destroy(old);
    return made;
}

// Makes the planned convolution one of bfloat16 products: input, weights and gradient of the output are rounded, sums and
// everything that is kept are float32, in the layouts that the float32 convolution chose. 0 when oneDNN has none.
static int to_bf16(wb_conv *c, int src_block, int relu, const dnnl_dim_t *strides, const dnnl_dim_t *dilates,
                   const dnnl_dim_t *pad_l, const dnnl_dim_t *pad_r, int wn, const dnnl_dim_t *wd) {
    dnnl_memory_desc_t weights, diff;
    dnnl_memory_desc_init_by_tag(&c->src_bf16, 4, c->src.dims, dnnl_bf16, tag_of(src_block));
    dnnl_memory_desc_init_by_tag(&c->dst_bf16, 4, c->dst.dims, dnnl_bf16, tag_of(c->dst_block));
    dnnl_memory_desc_init_by_tag(&weights, wn, wd, dnnl_bf16, dnnl_format_tag_any);
    dnnl_memory_desc_init_by_tag(&diff, wn, wd, dnnl_f32, dnnl_format_tag_any);
    c->implementations[0] = 0;
    dnnl_convolution_desc_t d;
    dnnl_primitive_desc_t fwd = NULL, pd = NULL;
    dnnl_primitive_attr_t attr = attributes(relu), plain = attributes(0);
    int made = 0;
    if (dnnl_dilated_convolution_forward_desc_init(&d, c->training ? dnnl_forward_training : dnnl_forward_inference,
                                                   dnnl_convolution_direct, &c->src_bf16, &weights, &c->bias, &c->dst,
                                                   strides, dilates, pad_l, pad_r) != dnnl_success ||
        dnnl_primitive_desc_create(&fwd, &d, attr, engine, NULL) != dnnl_success)
        goto out;
    c->fwd_weights = queried(fwd, dnnl_query_weights_md);
    c->forward = replaced(c, c->forward, fwd, &c->fwd_scratch);
    if (c->backward_weights) {
        if (dnnl_dilated_convolution_backward_weights_desc_init(&d, dnnl_convolution_direct, &c->src_bf16, &diff, &c->bias,
                                                                &c->dst_bf16, strides, dilates, pad_l, pad_r) != dnnl_success ||
            dnnl_primitive_desc_create(&pd, &d, plain, engine, fwd) != dnnl_success)
            goto out;
        c->diff_weights = queried(pd, dnnl_query_diff_weights_md);
        c->backward_weights = replaced(c, c->backward_weights, pd, &c->bwd_w_scratch);
        dnnl_primitive_desc_destroy(pd);
    }
    if (c->backward_data) {
        if (dnnl_dilated_convolution_backward_data_desc_init(&d, dnnl_convolution_direct, &c->src, &weights, &c->dst_bf16,
                                                             strides, dilates, pad_l, pad_r) != dnnl_success ||
            dnnl_primitive_desc_create(&pd, &d, plain, engine, fwd) != dnnl_success)
            goto out;
        c->bwd_weights = queried(pd, dnnl_query_weights_md);
        c->backward_data = replaced(c, c->backward_data, pd, &c->bwd_d_scratch);
        dnnl_primitive_desc_destroy(pd);
    }
    made = 1;
out:
    if (fwd) dnnl_primitive_desc_destroy(fwd);
    dnnl_primitive_attr_destroy(attr);
    dnnl_primitive_attr_destroy(plain);
    return made;
}

#define FAIL(...) do { snprintf(error, error_size, __VA_ARGS__); wb_conv_destroy(c); return NULL; } while (0)

wb_conv *wb_conv_create(const wb_conv_shape *s, int src_block, int relu, int training, const wb_conv *weights_of,
                        char *error, size_t error_size) {
    wb_thread_prepare();
    wb_conv *c = calloc(1, sizeof *c);
    c->shape = *s;
    c->training = training;
    c->oh = (s->h + s->pad_top + s->pad_bottom - s->dilation * (s->kh - 1) - 1) / s->stride + 1;
    c->ow = (s->w + s->pad_left + s->pad_right - s->dilation * (s->kw - 1) - 1) / s->stride + 1;
    if (c->oh < 1 || c->ow < 1) FAIL("a %dx%d kernel does not fit an input of %dx%d", s->kh, s->kw, s->h, s->w);

    int grouped = s->groups > 1;
    dnnl_dims_t src_dims = {s->n, s->c, s->h, s->w}, dst_dims = {s->n, s->k, c->oh, c->ow}, bias_dims = {s->k};
    dnnl_dims_t wei_dims = {s->k, s->c, s->kh, s->kw};
    dnnl_dims_t group_dims = {s->groups, s->k / s->groups, s->c / s->groups, s->kh, s->kw};
    dnnl_dims_t strides = {s->stride, s->stride}, dilates = {s->dilation - 1, s->dilation - 1};
    dnnl_dims_t pad_l = {s->pad_top, s->pad_left}, pad_r = {s->pad_bottom, s->pad_right};
    const dnnl_dim_t *wd = grouped ? group_dims : wei_dims;
    int wn = grouped ? 5 : 4;

    dnnl_memory_desc_t any_dst, any_wei;
    dnnl_memory_desc_init_by_tag(&c->src, 4, src_dims, dnnl_f32, tag_of(src_block));
    dnnl_memory_desc_init_by_tag(&any_dst, 4, dst_dims, dnnl_f32, dnnl_format_tag_any);
    dnnl_memory_desc_init_by_tag(&any_wei, wn, wd, dnnl_f32, dnnl_format_tag_any);
    dnnl_memory_desc_init_by_tag(&c->plain, wn, wd, dnnl_f32, grouped ? dnnl_goihw : dnnl_oihw);
    dnnl_memory_desc_init_by_tag(&c->bias, 1, bias_dims, dnnl_f32, dnnl_a);

    // Forward: first any output layout, then the blocked ones one after another, until one is that this module knows.
    dnnl_primitive_desc_t fwd = NULL;
    dnnl_prop_kind_t prop = training ? dnnl_forward_training : dnnl_forward_inference;
    // Another convolution of the same layer must lie alike.
    int tries[] = {weights_of ? weights_of->dst_block : 0, 16, 8, 1};
    for (int winograd = suits_winograd(s, src_block, c->oh, c->ow, FORWARD_TILES); winograd >= 0 && !fwd; winograd--)
        for (int i = 0; i < 4 && !fwd; i++) {
            dnnl_memory_desc_t dst = any_dst;
            if (tries[i]) dnnl_memory_desc_init_by_tag(&dst, 4, dst_dims, dnnl_f32, tag_of(tries[i]));
            for (int own = weights_of ? 1 : 0; own >= 0 && !fwd; own--) {
                dnnl_convolution_desc_t d;
                const dnnl_memory_desc_t *wei = own ? &weights_of->stored : &any_wei;
                // For inference alone Winograd would want weights in a layout from which there is no way back.
                if (dnnl_dilated_convolution_forward_desc_init(
                        &d, winograd ? dnnl_forward_training : prop,
                        winograd ? dnnl_convolution_winograd : dnnl_convolution_direct, &c->src, wei, &c->bias, &dst, strides,
                        dilates, pad_l, pad_r) != dnnl_success)
                    continue;
                dnnl_primitive_attr_t attr = attributes(relu);
                if (dnnl_primitive_desc_create(&fwd, &d, attr, engine, NULL) != dnnl_success) fwd = NULL;
                dnnl_primitive_attr_destroy(attr);
                if (fwd) {
                    c->dst = queried(fwd, dnnl_query_dst_md);
                    c->dst_block = block_of(&c->dst);
                    if (!c->dst_block) {
                        dnnl_primitive_desc_destroy(fwd);
                        fwd = NULL;
                    }
                }
            }
        }
    if (!fwd) FAIL("oneDNN has no convolution for this shape");
    c->fwd_weights = queried(fwd, dnnl_query_weights_md);
    c->stored = weights_of ? weights_of->stored : c->fwd_weights;
    c->fwd_scratch = queried(fwd, dnnl_query_scratchpad_md);
    note(c, fwd);
    if (dnnl_primitive_create(&c->forward, fwd) != dnnl_success) {
        dnnl_primitive_desc_destroy(fwd);
        FAIL("oneDNN could not make the forward convolution");
    }

    dnnl_primitive_attr_t attr = attributes(0);
    const char *broken = NULL;
    if (training >= 1) {
        dnnl_primitive_desc_t pd = NULL;
        for (int winograd = suits_winograd(s, src_block, c->oh, c->ow, WEIGHTS_TILES); winograd >= 0 && !pd; winograd--)
            for (int own = 1; own >= 0 && !pd; own--) {
                dnnl_convolution_desc_t d;
                if (dnnl_dilated_convolution_backward_weights_desc_init(
                        &d, winograd ? dnnl_convolution_winograd : dnnl_convolution_direct, &c->src,
                        own ? &c->stored : &any_wei, &c->bias, &c->dst, strides, dilates, pad_l, pad_r) == dnnl_success &&
                    dnnl_primitive_desc_create(&pd, &d, attr, engine, fwd) != dnnl_success)
                    pd = NULL;
            }
        if (pd) {
            c->diff_weights = queried(pd, dnnl_query_diff_weights_md);
            c->bwd_w_scratch = queried(pd, dnnl_query_scratchpad_md);
            note(c, pd);
            if (dnnl_primitive_create(&c->backward_weights, pd) != dnnl_success) broken = "weights";
            dnnl_primitive_desc_destroy(pd);
        } else broken = "weights";
    }
    if (training >= 2 && !broken) {
        dnnl_primitive_desc_t pd = NULL;
        for (int winograd = suits_winograd(s, src_block, c->oh, c->ow, FORWARD_TILES); winograd >= 0 && !pd; winograd--) {
            dnnl_convolution_desc_t d;
            if (dnnl_dilated_convolution_backward_data_desc_init(
                    &d, winograd ? dnnl_convolution_winograd : dnnl_convolution_direct, &c->src, &any_wei, &c->dst, strides,
                    dilates, pad_l, pad_r) == dnnl_success &&
                dnnl_primitive_desc_create(&pd, &d, attr, engine, fwd) != dnnl_success)
                pd = NULL;
        }
        if (pd) {
            c->bwd_weights = queried(pd, dnnl_query_weights_md);
            c->bwd_d_scratch = queried(pd, dnnl_query_scratchpad_md);
            note(c, pd);
            if (dnnl_primitive_create(&c->backward_data, pd) != dnnl_success) broken = "input";
            dnnl_primitive_desc_destroy(pd);
        } else broken = "input";
    }
    dnnl_primitive_attr_destroy(attr);
    dnnl_primitive_desc_destroy(fwd);
    if (s->bf16 && !broken && !to_bf16(c, src_block, relu, strides, dilates, pad_l, pad_r, wn, wd))
        FAIL("oneDNN has no bf16 convolution of this shape on this processor: use precision f32");
    if (broken) FAIL("oneDNN has no backward convolution to the %s for this shape", broken);
    return c;
}

void wb_conv_destroy(wb_conv *c) {
    if (!c) return;
    if (c->forward) dnnl_primitive_destroy(c->forward);
    if (c->backward_data) dnnl_primitive_destroy(c->backward_data);
    if (c->backward_weights) dnnl_primitive_destroy(c->backward_weights);
    free(c);
}

const char *wb_conv_implementations(const wb_conv *c) { return c->implementations; }
int wb_conv_out_h(const wb_conv *c) { return c->oh; }
int wb_conv_out_w(const wb_conv *c) { return c->ow; }
int wb_conv_dst_block(const wb_conv *c) { return c->dst_block; }

static size_t floats(const dnnl_memory_desc_t *d) { return (dnnl_memory_desc_get_size(d) + 3) / sizeof(float); }
size_t wb_conv_weights_floats(const wb_conv *c) { return floats(&c->stored); }
size_t wb_conv_forward_weights_floats(const wb_conv *c) {
    return dnnl_memory_desc_equal(&c->fwd_weights, &c->stored) ? 0 : floats(&c->fwd_weights);
}
size_t wb_conv_backward_weights_floats(const wb_conv *c) {
    return !c->backward_data || dnnl_memory_desc_equal(&c->bwd_weights, &c->stored) ? 0 : floats(&c->bwd_weights);
}

static size_t scratch_of(dnnl_primitive_t p, const dnnl_memory_desc_t *d) {
    return p ? roundup(dnnl_memory_desc_get_size(d), 64) : 0;
}
size_t wb_conv_scratch_bytes(const wb_conv *c) {
    size_t most = scratch_of(c->forward, &c->fwd_scratch), other = scratch_of(c->backward_data, &c->bwd_d_scratch);
    if (other > most) most = other;
    other = scratch_of(c->backward_weights, &c->bwd_w_scratch);
    if (c->backward_weights) other += roundup(dnnl_memory_desc_get_size(&c->diff_weights), 64);
    if (other > most) most = other;
    if (c->shape.bf16)
        most += roundup(dnnl_memory_desc_get_size(&c->src_bf16), 64) + roundup(dnnl_memory_desc_get_size(&c->dst_bf16), 64);
    return most;
}

static dnnl_memory_t memory(const dnnl_memory_desc_t *d, const void *data) {
    dnnl_memory_t m = NULL;
    dnnl_memory_create(&m, d, engine, (void *)data);
    return m;
}

static wb_call *call(dnnl_primitive_t p) {
    wb_call *k = calloc(1, sizeof *k);
    k->primitive = p;
    return k;
}
static void argument(wb_call *k, int index, dnnl_memory_t m) { k->args[k->count++] = (dnnl_exec_arg_t){index, m}; }
static void scratchpad(wb_call *k, const dnnl_memory_desc_t *d) {
    if (!dnnl_memory_desc_get_size(d)) return;
    k->scratch = memory(d, NULL);
    argument(k, DNNL_ARG_SCRATCHPAD, k->scratch);
}

static wb_call *reorder(const dnnl_memory_desc_t *from, const void *x, const dnnl_memory_desc_t *to, void *y) {
    wb_thread_prepare();
    dnnl_primitive_attr_t attr = attributes(0);
    dnnl_primitive_desc_t pd = NULL;
    dnnl_reorder_primitive_desc_create(&pd, from, engine, to, engine, attr);
    dnnl_primitive_t p = NULL;
    dnnl_primitive_create(&p, pd);
    wb_call *k = call(p);
    k->owns_primitive = 1;
    argument(k, DNNL_ARG_FROM, memory(from, x));
    argument(k, DNNL_ARG_TO, memory(to, y));
    dnnl_primitive_attr_destroy(attr);
    dnnl_primitive_desc_destroy(pd);
    return k;
}

static void reorder_now(const dnnl_memory_desc_t *from, const void *x, const dnnl_memory_desc_t *to, void *y) {
    wb_call *k = reorder(from, x, to, y);
    wb_call_run(k, NULL, NULL);
    wb_call_destroy(k);
}
void wb_conv_pack_weights(const wb_conv *c, const float *plain, float *stored) {
    memset(stored, 0, dnnl_memory_desc_get_size(&c->stored));
    reorder_now(&c->plain, plain, &c->stored, stored);
}
void wb_conv_unpack_weights(const wb_conv *c, const float *stored, float *plain) {
    reorder_now(&c->stored, stored, &c->plain, plain);
}

// An image that the primitive reads: as it is, or rounded into the scratch from `*offset` on.
static void image(const wb_conv *c, wb_call *k, int index, const dnnl_memory_desc_t *md, const dnnl_memory_desc_t *md_bf16,
                  const float *x, size_t *offset) {
    if (!c->shape.bf16) {
        argument(k, index, memory(md, x));
        return;
    }
    dnnl_memory_t m = memory(md_bf16, NULL);
    argument(k, index, m);
    k->rounded[k->rounds].from = x;
    k->rounded[k->rounds].count = floats(md);
    k->rounded[k->rounds].offset = *offset;
    k->rounded[k->rounds++].to = m;
    *offset += roundup(dnnl_memory_desc_get_size(md_bf16), 64);
}

wb_call *wb_conv_bind_forward(const wb_conv *c, const float *src, const float *weights, const float *bias, float *dst) {
    wb_call *k = call(c->forward);
    size_t offset = scratch_of(c->forward, &c->fwd_scratch);
    image(c, k, DNNL_ARG_SRC, &c->src, &c->src_bf16, src, &offset);
    argument(k, DNNL_ARG_WEIGHTS, memory(&c->fwd_weights, weights));
    argument(k, DNNL_ARG_BIAS, memory(&c->bias, bias));
    argument(k, DNNL_ARG_DST, memory(&c->dst, dst));
    scratchpad(k, &c->fwd_scratch);
    return k;
}

wb_call *wb_conv_bind_backward_data(const wb_conv *c, const float *dy, const float *weights, float *dx) {
    wb_call *k = call(c->backward_data);
    size_t offset = scratch_of(c->backward_data, &c->bwd_d_scratch);
    image(c, k, DNNL_ARG_DIFF_DST, &c->dst, &c->dst_bf16, dy, &offset);
    argument(k, DNNL_ARG_WEIGHTS, memory(&c->bwd_weights, weights));
    argument(k, DNNL_ARG_DIFF_SRC, memory(&c->src, dx));
    scratchpad(k, &c->bwd_d_scratch);
    return k;
}

wb_call *wb_conv_bind_backward_weights(const wb_conv *c, const float *src, const float *dy, float *dw, float *db) {
    wb_call *k = call(c->backward_weights);
    int same = dnnl_memory_desc_equal(&c->diff_weights, &c->stored);
    dnnl_memory_t out = memory(&c->diff_weights, same ? dw : NULL);
    size_t offset = scratch_of(c->backward_weights, &c->bwd_w_scratch);
    k->via_offset = offset;
    if (!same) offset += roundup(dnnl_memory_desc_get_size(&c->diff_weights), 64);
    image(c, k, DNNL_ARG_SRC, &c->src, &c->src_bf16, src, &offset);
    image(c, k, DNNL_ARG_DIFF_DST, &c->dst, &c->dst_bf16, dy, &offset);
    argument(k, DNNL_ARG_DIFF_WEIGHTS, out);
    argument(k, DNNL_ARG_DIFF_BIAS, memory(&c->bias, db));
    scratchpad(k, &c->bwd_w_scratch);
    if (!same) {
        k->via = out;
        k->then = reorder(&c->diff_weights, NULL, &c->stored, dw);
    }
    return k;
}

wb_call *wb_conv_bind_forward_repack(const wb_conv *c, const float *stored, float *wanted) {
    return reorder(&c->stored, stored, &c->fwd_weights, wanted);
}
wb_call *wb_conv_bind_backward_repack(const wb_conv *c, const float *stored, float *wanted) {
    return reorder(&c->stored, stored, &c->bwd_weights, wanted);
}

void wb_call_use_transient(wb_call *k) { k->transient = 1; }

int wb_call_run(wb_call *k, void *scratch, void *transient) {
    for (int i = 0; k->transient && i < k->count; i++) {
        int rounds = k->rounds > 0 && k->args[i].memory == k->rounded[k->rounds - 1].to;
        if ((k->args[i].arg == DNNL_ARG_DST || k->args[i].arg == DNNL_ARG_DIFF_DST) && !rounds)
            dnnl_memory_set_data_handle(k->args[i].memory, transient);
    }
    if (k->scratch) dnnl_memory_set_data_handle(k->scratch, scratch);
    if (k->via) {
        void *between = (char *)scratch + k->via_offset;
        dnnl_memory_set_data_handle(k->via, between);
        dnnl_memory_set_data_handle(k->then->args[0].memory, between);
    }
    for (int i = 0; i < k->rounds; i++) {
        void *to = (char *)scratch + k->rounded[i].offset;
        // The gradient of the output is what is rounded last.
        const float *from = k->transient && i == k->rounds - 1 && !k->rounded[i].from ? transient : k->rounded[i].from;
        wb_to_bf16(k->rounded[i].count, from, to);
        dnnl_memory_set_data_handle(k->rounded[i].to, to);
    }
    if (!stream) wb_thread_prepare();
    dnnl_status_t status = dnnl_primitive_execute(k->primitive, stream, k->count, k->args);
    if (status == dnnl_success && k->then) return wb_call_run(k->then, scratch, NULL);
    return (int)status;
}

void wb_call_destroy(wb_call *k) {
    if (!k) return;
    if (k->then) wb_call_destroy(k->then);
    for (int i = 0; i < k->count; i++) dnnl_memory_destroy(k->args[i].memory);
    if (k->owns_primitive) dnnl_primitive_destroy(k->primitive);
    free(k);
}

double wb_measure_conv_gflops(int bf16) {
    wb_conv_shape s = {.n = 8, .c = 64, .h = 16, .w = 16, .k = 64, .kh = 3, .kw = 3, .stride = 1, .pad_top = 1, .pad_left = 1,
                       .pad_bottom = 1, .pad_right = 1, .dilation = 1, .groups = 1, .bf16 = bf16};
    char error[128];
    wb_conv *c = wb_conv_create(&s, 16, 0, 0, NULL, error, sizeof error);
    if (!c) return 0;
    size_t in = floats(&c->src), out = floats(&c->dst), weights = floats(&c->fwd_weights);
    float *x = aligned_alloc(64, roundup(in * 4, 64)), *y = aligned_alloc(64, roundup(out * 4, 64));
    float *w = aligned_alloc(64, roundup(weights * 4, 64)), *b = aligned_alloc(64, 256);
    void *scratch = aligned_alloc(64, roundup(wb_conv_scratch_bytes(c) + 64, 64));
    memset(w, 0, weights * 4), memset(b, 0, 256);
    for (size_t i = 0; i < in; i++) x[i] = (float)(i % 7) * 0.1f;
    wb_call *k = wb_conv_bind_forward(c, x, w, b, y);
    double best = 0, work = 2.0 * s.n * s.k * s.c * 9 * c->oh * c->ow;
    for (int r = 0; r < 20; r++) {
        uint64_t start = wb_clock_ns();
        wb_call_run(k, scratch, NULL);
        double rate = work / (double)(wb_clock_ns() - start);
        if (rate > best) best = rate;
    }
    wb_call_destroy(k);
    wb_conv_destroy(c);
    free(x), free(y), free(w), free(b), free(scratch);
    return best;
}
