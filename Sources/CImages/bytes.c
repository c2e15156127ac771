// gzip by zlib, SHA-256 by libcrypto.
#include <openssl/evp.h>
#include <stdio.h>
#include <zlib.h>

#include "CImages.h"

int64_t wb_gunzip(const uint8_t *bytes, size_t count, uint8_t *output, size_t capacity, char *error) {
    z_stream stream = {0};
    if (inflateInit2(&stream, 15 + 16) != Z_OK) {
        snprintf(error, WB_ERROR_BYTES, "zlib could not start");
        return -1;
    }
    size_t taken = 0, given = 0;
    int status = Z_OK;
    while (given < capacity) {
        // zlib counts in 32 bits: feed it in pieces.
        size_t in = count - taken, out = capacity - given;
        stream.next_in = (Bytef *)(bytes + taken);
        stream.avail_in = in > 1u << 30 ? 1u << 30 : (uInt)in;
        stream.next_out = output + given;
        stream.avail_out = out > 1u << 30 ? 1u << 30 : (uInt)out;
        uInt in_before = stream.avail_in, out_before = stream.avail_out;
        status = inflate(&stream, Z_NO_FLUSH);
        taken += in_before - stream.avail_in;
        given += out_before - stream.avail_out;
        if (status == Z_STREAM_END) {
            // Another member may follow; zero padding may not (gzip itself only warns about it).
            if (taken == count || bytes[taken] != 0x1f) break;
            if (inflateReset(&stream) != Z_OK) break;
            continue;
        }
        if (status == Z_OK && (stream.avail_in < in_before || stream.avail_out < out_before)) continue;
        break;
    }
    bool cut = taken == count && status != Z_STREAM_END;
    bool full = given == capacity;
    if (!full && status != Z_STREAM_END) {
        snprintf(
            error, WB_ERROR_BYTES, "%s",
            cut || status == Z_BUF_ERROR ? "the gzip data ends early" : stream.msg ? stream.msg : "damaged gzip data");
        inflateEnd(&stream);
        return -1;
    }
    inflateEnd(&stream);
    return (int64_t)given;
}

int64_t wb_inflate(
    const uint8_t *bytes, size_t count, uint8_t *output, size_t capacity, size_t *taken, char *error) {
    z_stream stream = {0};
    *taken = 0;
    if (inflateInit2(&stream, -15) != Z_OK) {
        snprintf(error, WB_ERROR_BYTES, "zlib could not start");
        return -1;
    }
    size_t given = 0;
    int status = Z_OK;
    while (status == Z_OK && given < capacity) {
        // zlib counts in 32 bits: feed it in pieces.
        size_t in = count - *taken, out = capacity - given;
        stream.next_in = (Bytef *)(bytes + *taken);
        stream.avail_in = in > 1u << 30 ? 1u << 30 : (uInt)in;
        stream.next_out = output + given;
        stream.avail_out = out > 1u << 30 ? 1u << 30 : (uInt)out;
        uInt in_before = stream.avail_in, out_before = stream.avail_out;
        status = inflate(&stream, Z_NO_FLUSH);
        *taken += in_before - stream.avail_in;
        given += out_before - stream.avail_out;
        if (stream.avail_in == in_before && stream.avail_out == out_before) break;
    }
    bool whole = given == capacity || status == Z_STREAM_END;
    if (!whole) {
        bool ends = status == Z_OK || status == Z_BUF_ERROR;
        snprintf(
            error, WB_ERROR_BYTES, "%s",
            ends ? "the deflated data ends early" : stream.msg ? stream.msg : "damaged deflated data");
    }
    inflateEnd(&stream);
    return whole ? (int64_t)given : -1;
}

uint32_t wb_crc32(const uint8_t *bytes, size_t count) {
    return (uint32_t)crc32_z(crc32_z(0, NULL, 0), bytes, count);
}

int64_t wb_gzip_size(const uint8_t *bytes, size_t count) {
    z_stream stream = {0};
    if (deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK) return -1;
    uint8_t output[1 << 14];
    size_t taken = 0;
    int64_t given = 0;
    int status = Z_OK;
    while (status == Z_OK) {
        // zlib counts in 32 bits: feed it in pieces.
        size_t in = count - taken;
        if (in > 1u << 30) in = 1u << 30;
        stream.next_in = (Bytef *)(bytes + taken);
        stream.avail_in = (uInt)in;
        stream.next_out = output;
        stream.avail_out = sizeof output;
        status = deflate(&stream, taken + in == count ? Z_FINISH : Z_NO_FLUSH);
        taken += in - stream.avail_in;
        given += sizeof output - stream.avail_out;
    }
    deflateEnd(&stream);
    return status == Z_STREAM_END ? given : -1;
}

bool wb_sha256(const void *bytes, size_t count, uint8_t *digest) {
    unsigned int length = 0;
    return EVP_Digest(bytes, count, digest, &length, EVP_sha256(), NULL) == 1 && length == 32;
}

// The state is an EVP_MD_CTX under another name, so that no type of OpenSSL gets out.
wb_sha256_state *wb_sha256_begin(void) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(context);
        context = NULL;
    }
    return (wb_sha256_state *)context;
}

bool wb_sha256_add(wb_sha256_state *state, const void *bytes, size_t count) {
    return state && EVP_DigestUpdate((EVP_MD_CTX *)state, bytes, count) == 1;
}

bool wb_sha256_end(wb_sha256_state *state, uint8_t *digest) {
    unsigned int length = 0;
    return state && EVP_DigestFinal_ex((EVP_MD_CTX *)state, digest, &length) == 1 && length == 32;
}

void wb_sha256_free(wb_sha256_state *state) { EVP_MD_CTX_free((EVP_MD_CTX *)state); }
