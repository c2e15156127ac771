// JPEG by libjpeg-turbo: its error exit becomes a longjmp to the setjmp here, and warnings that mean lost pixels count
// as errors.
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jerror.h>
#include <jpeglib.h>

#include "codec.h"

typedef struct {
    struct jpeg_error_mgr base;
    jmp_buf jump;
    char *error;
} jpeg_failure;

/// More scans than any encoder writes: each may make the decoder walk over the whole image again.
enum { MAX_SCANS = 100 };

static void fail(j_common_ptr codec) {
    jpeg_failure *failure = (jpeg_failure *)codec->err;
    char text[JMSG_LENGTH_MAX];
    failure->base.format_message(codec, text);
    wb_image_say(failure->error, text);
    longjmp(failure->jump, 1);
}

static void on_message(j_common_ptr codec, int level) {
    if (level >= 0) return;
    switch (codec->err->msg_code) {
    case JWRN_HIT_MARKER:
    case JWRN_JPEG_EOF:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_MUST_RESYNC: fail(codec);
    default: return;  // harmless: odd JFIF versions, bytes between markers
    }
}

static void on_progress(j_common_ptr codec) {
    if (codec->is_decompressor && ((j_decompress_ptr)codec)->input_scan_number > MAX_SCANS) {
        jpeg_failure *failure = (jpeg_failure *)codec->err;
        wb_image_say(failure->error, "more than 100 scans");
        longjmp(failure->jump, 1);
    }
}

// Printers' inks to RGB; files with Adobe's marker hold them inverted.
static void inks_to_rgb(const uint8_t *inks, size_t count, bool inverted, uint8_t *rgb) {
    for (size_t i = 0; i < count; i++) {
        int black = inverted ? inks[4 * i + 3] : 255 - inks[4 * i + 3];
        for (int c = 0; c < 3; c++) {
            int ink = inverted ? inks[4 * i + c] : 255 - inks[4 * i + c];
            rgb[3 * i + c] = (uint8_t)((ink * black + 127) / 255);
        }
    }
}

bool wb_jpeg_read(const uint8_t *bytes, size_t count, wb_image_info *info, wb_raster *raster, char *error) {
    struct jpeg_decompress_struct codec = {0};
    jpeg_failure failure = {.error = error};
    struct jpeg_progress_mgr progress = {.progress_monitor = on_progress};
    // Volatile: changed after setjmp, freed after longjmp.
    uint8_t *volatile pixels = NULL;
    uint8_t *volatile inks = NULL;
    codec.err = jpeg_std_error(&failure.base);
    failure.base.error_exit = fail;
    failure.base.emit_message = on_message;
    if (setjmp(failure.jump)) {
        jpeg_destroy_decompress(&codec);
        free(pixels);
        free(inks);
        return false;
    }
    jpeg_create_decompress(&codec);
    codec.progress = &progress;
    codec.mem->max_memory_to_use = 512 << 20;
    jpeg_mem_src(&codec, bytes, count);
    jpeg_read_header(&codec, TRUE);
    info->width = (int)codec.image_width;
    info->height = (int)codec.image_height;
    info->channels = codec.jpeg_color_space == JCS_GRAYSCALE ? 1 : 3;
    if (!wb_image_size_fits(codec.image_width, codec.image_height, error)) {
        jpeg_destroy_decompress(&codec);
        return false;
    }
    if (raster) {
        bool has_inks = codec.jpeg_color_space == JCS_CMYK || codec.jpeg_color_space == JCS_YCCK;
        codec.out_color_space = info->channels == 1 ? JCS_GRAYSCALE : has_inks ? JCS_CMYK : JCS_RGB;
        jpeg_start_decompress(&codec);
        size_t width = codec.output_width, height = codec.output_height;
        raster->width = (int)width;
        raster->height = (int)height;
        raster->channels = info->channels;
        pixels = malloc(width * height * (size_t)info->channels);
        if (has_inks) inks = malloc(width * 4);
        if (!pixels || (has_inks && !inks)) {
            wb_image_say(error, "out of memory");
            longjmp(failure.jump, 1);
        }
        while (codec.output_scanline < height) {
            uint8_t *target = pixels + codec.output_scanline * width * (size_t)info->channels;
            JSAMPROW row = has_inks ? inks : target;
            jpeg_read_scanlines(&codec, &row, 1);
            if (has_inks) inks_to_rgb(inks, width, codec.saw_Adobe_marker, target);
        }
        jpeg_finish_decompress(&codec);
        raster->pixels = pixels;
    }
    free(inks);
    jpeg_destroy_decompress(&codec);
    return true;
}
