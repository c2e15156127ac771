// What the PNG and JPEG readers share with image.c; not seen outside this target.
#pragma once

#include "CImages.h"

/// Interleaved 8-bit pixels as a file holds them: 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA) values a pixel.
typedef struct {
    int width;
    int height;
    int channels;
    uint8_t *pixels;  // from malloc; the caller frees it
} wb_raster;

void wb_image_say(char *error, const char *text);
bool wb_image_size_fits(uint64_t width, uint64_t height, char *error);

// With `raster` NULL only the header is read.
bool wb_png_read(const uint8_t *bytes, size_t count, wb_image_info *info, wb_raster *raster, char *error);
bool wb_jpeg_read(const uint8_t *bytes, size_t count, wb_image_info *info, wb_raster *raster, char *error);
