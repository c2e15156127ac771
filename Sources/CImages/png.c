// PNG by libpng: its errors come back by longjmp to the setjmp here and no further.
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"

typedef struct {
    const uint8_t *bytes;
    size_t left;
    char *error;
} png_source;

static void read_bytes(png_structp png, png_bytep target, size_t count) {
    png_source *source = png_get_io_ptr(png);
    if (count > source->left) png_error(png, "the file ends early");
    memcpy(target, source->bytes, count);
    source->bytes += count;
    source->left -= count;
}

static void fail(png_structp png, png_const_charp text) {
    wb_image_say(((png_source *)png_get_error_ptr(png))->error, text);
    png_longjmp(png, 1);
}

static void ignore_warning(png_structp png, png_const_charp text) {
    (void)png, (void)text;
}

bool wb_png_read(const uint8_t *bytes, size_t count, wb_image_info *info, wb_raster *raster, char *error) {
    png_source source = {bytes, count, error};
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &source, fail, ignore_warning);
    png_infop head = png ? png_create_info_struct(png) : NULL;
    // Volatile: changed after setjmp, freed after longjmp.
    uint8_t *volatile pixels = NULL;
    png_bytep *volatile rows = NULL;
    if (!head) {
        wb_image_say(error, "libpng could not start");
        png_destroy_read_struct(&png, NULL, NULL);
        return false;
    }
    if (setjmp(png_jmpbuf(png))) {
        png_destroy_read_struct(&png, &head, NULL);
        free(pixels);
        free(rows);
        return false;
    }
    png_set_read_fn(png, &source, read_bytes);
    // Against bombs: few and small ancillary chunks, and of those only transparency is read at all.
    png_set_user_limits(png, WB_IMAGE_MAX_PIXELS, WB_IMAGE_MAX_PIXELS);
    png_set_chunk_cache_max(png, 16);
    png_set_chunk_malloc_max(png, 4 << 20);
    static const png_byte unread[] = "bKGD\0cHRM\0eXIf\0gAMA\0hIST\0iCCP\0iTXt\0oFFs\0pCAL\0pHYs\0sBIT\0sCAL\0sPLT\0"
                                     "sRGB\0sTER\0tEXt\0tIME\0zTXt";
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, unread, (int)(sizeof unread / 5));
    png_read_info(png, head);
    png_uint_32 width = png_get_image_width(png, head), height = png_get_image_height(png, head);
    info->width = (int)width;
    info->height = (int)height;
    info->channels = png_get_color_type(png, head) & PNG_COLOR_MASK_COLOR ? 3 : 1;
    if (!wb_image_size_fits(width, height, error)) {
        png_destroy_read_struct(&png, &head, NULL);
        return false;
    }
    if (raster) {
        png_set_expand(png);  // palette to RGB, small greys to 8 bits, tRNS to alpha
        png_set_scale_16(png);
        png_set_interlace_handling(png);
        png_read_update_info(png, head);
        size_t row_bytes = png_get_rowbytes(png, head);
        raster->width = (int)width;
        raster->height = (int)height;
        raster->channels = png_get_channels(png, head);
        pixels = malloc(row_bytes * height);
        rows = malloc(sizeof *rows * height);
        if (!pixels || !rows) png_error(png, "out of memory");
        for (size_t row = 0; row < height; row++) rows[row] = pixels + row * row_bytes;
        png_read_image(png, rows);
        raster->pixels = pixels;
    }
    free(rows);
    png_destroy_read_struct(&png, &head, NULL);
    return true;
}

size_t wb_png_size_limit(int width, int height) {
    png_image image = {.version = PNG_IMAGE_VERSION, .format = PNG_FORMAT_RGB};
    image.width = (png_uint_32)width;
    image.height = (png_uint_32)height;
    return PNG_IMAGE_PNG_SIZE_MAX(image);
}

int64_t wb_png_encode(const uint8_t *pixels, int width, int height, uint8_t *output, size_t capacity) {
    // The simple interface of libpng catches its own errors.
    png_image image = {.version = PNG_IMAGE_VERSION, .format = PNG_FORMAT_RGB};
    image.width = (png_uint_32)width;
    image.height = (png_uint_32)height;
    png_alloc_size_t size = capacity;
    int written = png_image_write_to_memory(&image, output, &size, 0, pixels, 0, NULL);
    png_image_free(&image);
    return written ? (int64_t)size : -1;
}
