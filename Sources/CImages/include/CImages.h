// PNG and JPEG pixels, image resizing, gzip and SHA-256 as plain C: no type of libpng, libjpeg, zlib or OpenSSL, and
// none of their longjmp or exit, gets past this header. Every function may be called from several threads at once.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Room for an error text, terminating zero included.
enum { WB_ERROR_BYTES = 200 };

/// What the header of an image file says.
typedef struct {
    int width;
    int height;
    /// 1: grey; 3: colour (palettes count as colour). Transparency is not counted.
    int channels;
} wb_image_info;

/// Most pixels of an image that is decoded; larger ones are an error before any memory is taken for them.
enum { WB_IMAGE_MAX_PIXELS = 64 * 1000 * 1000 };

/// Reads the header of a PNG or JPEG file from memory; pixels are not touched.
/// Returns whether it worked; if not, `error` (WB_ERROR_BYTES long) says why.
bool wb_image_header(const uint8_t *_Nonnull bytes, size_t count, wb_image_info *_Nonnull info, char *_Nonnull error);

/// Decodes a PNG or JPEG file to planes: `planes` takes channels * height * width bytes.
/// `channels` is 1 (BT.601 luma of the 8-bit values) or 3 (a grey image repeats itself). 16-bit samples become 8-bit,
/// palettes are expanded, transparency lies over white, EXIF orientation and colour profiles are ignored. An image of
/// another size is stretched as wb_image_resize does. A file that ends early is an error, not a half-grey image.
bool wb_image_decode(
    const uint8_t *_Nonnull bytes, size_t count, int channels, int height, int width, uint8_t *_Nonnull planes,
    char *_Nonnull error);

/// Bytes that wb_png_encode may need for a picture of this size.
size_t wb_png_size_limit(int width, int height);

/// Writes `width` x `height` interleaved RGB pixels as a PNG file. Returns its bytes, or -1 where it did not work.
int64_t wb_png_encode(const uint8_t *_Nonnull pixels, int width, int height, uint8_t *_Nonnull output, size_t capacity);

/// Stretches planes to another size with a triangle filter whose support grows with the shrinking (antialiased; the
/// same filter and rounding as Pillow's BILINEAR, so enlarging is plain bilinear). False: out of memory.
bool wb_image_resize(
    const uint8_t *_Nonnull source, int channels, int height, int width, uint8_t *_Nonnull target, int target_height,
    int target_width);

/// BT.601 luma of three planes of `count` pixels each.
void wb_image_grey(const uint8_t *_Nonnull planes, size_t count, uint8_t *_Nonnull grey);

/// Unpacks gzip data (all members) until it ends or `capacity` bytes are there. Returns the bytes written, or -1 with
/// `error` set for damaged or cut data. A full output says nothing about what follows: ask for one byte more than is
/// expected to learn whether there is more.
int64_t wb_gunzip(
    const uint8_t *_Nonnull bytes, size_t count, uint8_t *_Nonnull output, size_t capacity, char *_Nonnull error);

/// How many bytes gzip makes of `count` bytes at its highest level; -1: zlib refused.
int64_t wb_gzip_size(const uint8_t *_Nonnull bytes, size_t count);

/// SHA-256 of `count` bytes into the 32 bytes of `digest`. False: libcrypto refused.
bool wb_sha256(const void *_Nullable bytes, size_t count, uint8_t *_Nonnull digest);

/// SHA-256 of what comes piece by piece: begin, add…, end, free. False, or no state to begin with: libcrypto refused.
typedef struct wb_sha256_state wb_sha256_state;
wb_sha256_state *_Nullable wb_sha256_begin(void);
bool wb_sha256_add(wb_sha256_state *_Nullable state, const void *_Nullable bytes, size_t count);
bool wb_sha256_end(wb_sha256_state *_Nullable state, uint8_t *_Nonnull digest);
void wb_sha256_free(wb_sha256_state *_Nullable state);

/// Unpacks raw deflate data (RFC 1951) until it ends or `capacity` bytes are there, as wb_gunzip does with gzip. `taken`
/// gets the bytes of input that were used. Returns the bytes written, or -1 with `error` set.
int64_t wb_inflate(
    const uint8_t *_Nonnull bytes, size_t count, uint8_t *_Nonnull output, size_t capacity, size_t *_Nonnull taken,
    char *_Nonnull error);

/// CRC-32 of `count` bytes, as zip and gzip have it.
uint32_t wb_crc32(const uint8_t *_Nonnull bytes, size_t count);
