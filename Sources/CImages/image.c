// From an image file to planes of the wanted channels and size.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"

void wb_image_say(char *error, const char *text) { snprintf(error, WB_ERROR_BYTES, "%s", text); }

bool wb_image_size_fits(uint64_t width, uint64_t height, char *error) {
    if (width > 0 && height > 0 && width * height <= WB_IMAGE_MAX_PIXELS) return true;
    snprintf(
        error, WB_ERROR_BYTES, "%llu x %llu pixels are more than the %d million allowed", (unsigned long long)width,
        (unsigned long long)height, WB_IMAGE_MAX_PIXELS / 1000000);
    return false;
}

static bool read_image(const uint8_t *bytes, size_t count, wb_image_info *info, wb_raster *raster, char *error) {
    static const uint8_t png[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    error[0] = 0;
    if (count >= 8 && memcmp(bytes, png, 8) == 0) return wb_png_read(bytes, count, info, raster, error);
    if (count >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff) {
        return wb_jpeg_read(bytes, count, info, raster, error);
    }
    wb_image_say(error, count == 0 ? "the file is empty" : "not a PNG or JPEG file");
    return false;
}

bool wb_image_header(const uint8_t *bytes, size_t count, wb_image_info *info, char *error) {
    return read_image(bytes, count, info, NULL, error);
}

static uint8_t over_white(int value, int alpha) { return (uint8_t)((value * alpha + 255 * (255 - alpha) + 127) / 255); }

static uint8_t luma(int red, int green, int blue) {
    // 0.299, 0.587, 0.114 in 16 fractional bits; they add up to one.
    return (uint8_t)((red * 19595 + green * 38470 + blue * 7471 + 32768) >> 16);
}

void wb_image_grey(const uint8_t *planes, size_t count, uint8_t *grey) {
    for (size_t i = 0; i < count; i++) grey[i] = luma(planes[i], planes[count + i], planes[2 * count + i]);
}

// Interleaved pixels of any kind to one or three planes.
static void to_planes(const wb_raster *raster, int channels, uint8_t *planes) {
    size_t count = (size_t)raster->width * (size_t)raster->height;
    int stride = raster->channels;
    bool colour = stride >= 3, has_alpha = stride % 2 == 0;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *pixel = raster->pixels + i * (size_t)stride;
        uint8_t red = pixel[0], green = pixel[colour ? 1 : 0], blue = pixel[colour ? 2 : 0];
        if (has_alpha) {
            int alpha = pixel[stride - 1];
            red = over_white(red, alpha);
            green = over_white(green, alpha);
            blue = over_white(blue, alpha);
        }
        if (channels == 1) {
            planes[i] = colour ? luma(red, green, blue) : red;
        } else {
            planes[i] = red;
            planes[count + i] = green;
            planes[2 * count + i] = blue;
        }
    }
}

bool wb_image_decode(
    const uint8_t *bytes, size_t count, int channels, int height, int width, uint8_t *planes, char *error) {
    wb_image_info info;
    wb_raster raster = {0};
    if (!read_image(bytes, count, &info, &raster, error)) return false;
    bool same_size = raster.width == width && raster.height == height;
    bool done = true;
    if (same_size) {
        to_planes(&raster, channels, planes);
    } else {
        uint8_t *full = malloc((size_t)raster.width * (size_t)raster.height * (size_t)channels);
        if (full) to_planes(&raster, channels, full);
        done = full && wb_image_resize(full, channels, raster.height, raster.width, planes, height, width);
        free(full);
        if (!done) wb_image_say(error, "out of memory");
    }
    free(raster.pixels);
    return done;
}
