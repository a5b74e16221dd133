/* fpz.h: reads the weights of .fpz files. C99 or C++, one header, no memory of its own, no library but memset.
 *
 *     static fpz_work work;                               about 32 KB; one for each thread
 *     fpz_file file;
 *     fpz_weight weight;
 *     if (fpz_open(&file, data, size)) ...                checks the whole file
 *     for (uint32_t i = 0; i < file.weights; i++) {       in the order of the layers, see `fpga-flow unpack`
 *         if (fpz_find(&file, i, &weight)) ...
 *         if (fpz_floats(&weight, floats, capacity, &work)) ...
 *         or fpz_integers(&weight, integers, capacity, &fraction, &work)
 *     }
 *
 * Every function returns FPZ_OK or what is wrong, and never reads or writes outside of the buffers that it is given,
 * whatever is in the file. The format is described in docs/reference/fpz.md. Files coded with ANS are refused
 * (FPZ_UNSUPPORTED). Of weights that share values by a rule (weight.rule is not 0), the values of the groups are read;
 * fpz_group tells which of them a weight has.
 */
#ifndef FPZ_H
#define FPZ_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FPZ_MAX_AXES 8
#ifndef FPZ_MAX_SYMBOLS
#define FPZ_MAX_SYMBOLS 4096 /* may be less on small devices: larger alphabets are then FPZ_UNSUPPORTED */
#endif

typedef enum {
    FPZ_OK = 0,
    FPZ_NO_FPZ,      /* it does not begin like a .fpz file */
    FPZ_VERSION,     /* another version of the format */
    FPZ_CUT,         /* it ends too early */
    FPZ_CHECKSUM,    /* a checksum is wrong */
    FPZ_DAMAGED,     /* something can't be what an encoder wrote */
    FPZ_NO_WEIGHT,   /* there is no weight of this number */
    FPZ_TOO_SMALL,   /* the weight has more values than the buffer */
    FPZ_NO_FIXED,    /* the values are no whole numbers times a power of two */
    FPZ_UNSUPPORTED  /* coded with ANS, or with a larger alphabet than FPZ_MAX_SYMBOLS */
} fpz_error;

typedef struct {
    const uint8_t *data;
    size_t size;
    uint32_t layers, weights;
} fpz_file;

typedef struct {
    uint32_t layer;               /* number of its layer among those that have weights, from 0 */
    uint32_t axes;
    uint64_t shape[FPZ_MAX_AXES]; /* the last axis runs fastest */
    uint64_t count;               /* values that are read: all of them, or one for each group of a rule */
    uint64_t rule, settings[2];   /* 0: none; 1: hash (seed, buckets); 2: circulant (block);
                                     3: transfer (rotations, flips) */
    uint8_t coding;
    const uint8_t *data;          /* what follows the header */
    size_t size;
} fpz_weight;

/* A stream of symbols that is being read. */
typedef struct {
    const uint8_t *data;
    size_t size, bit;             /* bytes, and the next bit */
    uint32_t coder, width;
    uint64_t left, done;          /* symbols to come in all, and done in the chunk */
    int is_long;
    const uint8_t *blocks;        /* the sizes of the chunk's blocks that are not begun yet */
    size_t block_end;
    uint16_t counts[16];
    uint16_t *symbols;            /* in the order of their codes */
} fpz_stream;

typedef struct {
    uint16_t gaps[FPZ_MAX_SYMBOLS], symbols[FPZ_MAX_SYMBOLS];
    int32_t values[FPZ_MAX_SYMBOLS];
} fpz_work;

enum { FPZ_PACKED, FPZ_HUFFMAN, FPZ_ANS };
enum { FPZ_FLOATS, FPZ_RANGE, FPZ_LISTED, FPZ_CODEBOOK };
enum { FPZ_SPARSE = 16, FPZ_TRANSPOSED = 32 };
#define FPZ_BLOCK UINT64_C(4096)
#define FPZ_CHUNK (1024 * FPZ_BLOCK)
#define FPZ_MAX_WHOLE INT64_C(2147483647)

#define FPZ_TRY(call) do { fpz_error fpz_result = (call); if (fpz_result) return fpz_result; } while (0)

/* Reading of bytes: a pointer that moves towards an end. */

static inline fpz_error fpz_byte(const uint8_t **at, const uint8_t *end, uint32_t *value) {
    if (*at == end) return FPZ_CUT;
    *value = *(*at)++;
    return FPZ_OK;
}

static inline fpz_error fpz_varint(const uint8_t **at, const uint8_t *end, uint64_t *value) {
    uint32_t byte, shift = 0;
    *value = 0;
    do {
        if (shift >= 63) return FPZ_DAMAGED;
        FPZ_TRY(fpz_byte(at, end, &byte));
        *value |= (uint64_t)(byte & 127) << shift;
        shift += 7;
    } while (byte & 128);
    return FPZ_OK;
}

static inline fpz_error fpz_signed(const uint8_t **at, const uint8_t *end, int64_t most, int64_t *value) {
    uint64_t number;
    FPZ_TRY(fpz_varint(at, end, &number));
    if (number > 2 * (uint64_t)most) return FPZ_DAMAGED;
    *value = number & 1 ? -(int64_t)(number / 2) - 1 : (int64_t)(number / 2);
    return FPZ_OK;
}

static inline uint32_t fpz_crc(uint32_t crc, const uint8_t *data, size_t size) {
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc = table[(crc ^ data[i]) & 15] ^ crc >> 4;
        crc = table[(crc ^ (uint32_t)(data[i] >> 4)) & 15] ^ crc >> 4;
    }
    return ~crc;
}

/* The next section, and the checksum of all up to it. */
static inline fpz_error fpz_section(const uint8_t **at, const uint8_t *end, const uint8_t **body, size_t *size,
                                    uint32_t *crc, int check) {
    const uint8_t *start = *at;
    uint64_t length;
    FPZ_TRY(fpz_varint(at, end, &length));
    if (length > (uint64_t)(end - *at) || (uint64_t)(end - *at) - length < 4) return FPZ_CUT;
    *body = *at;
    *size = (size_t)length;
    *at += length;
    if (check) {
        *crc = fpz_crc(*crc, start, (size_t)(*at - start));
        uint32_t stored = (*at)[0] | (uint32_t)(*at)[1] << 8 | (uint32_t)(*at)[2] << 16 | (uint32_t)(*at)[3] << 24;
        if (stored != *crc) return FPZ_CHECKSUM;
    }
    *at += 4;
    return FPZ_OK;
}

static inline fpz_error fpz_open(fpz_file *file, const void *data, size_t size) {
    const uint8_t *at = (const uint8_t *)data, *end = at + size, *body;
    size_t length;
    uint64_t layers;
    file->data = at;
    file->size = size;
    file->layers = file->weights = 0;
    if (size < 4 || at[0] != 'F' || at[1] != 'P' || at[2] != 'Z') return FPZ_NO_FPZ;
    if (at[3] != 1) return FPZ_VERSION;
    uint32_t crc = fpz_crc(0, at, 4);
    at += 4;
    FPZ_TRY(fpz_section(&at, end, &body, &length, &crc, 1));
    FPZ_TRY(fpz_varint(&body, body + length, &layers));
    if (layers > size) return FPZ_CUT;
    for (; file->layers < layers; file->layers++) {
        FPZ_TRY(fpz_section(&at, end, &body, &length, &crc, 1));
        for (const uint8_t *section_end = body + length; body < section_end; file->weights++) {
            uint64_t bytes;
            FPZ_TRY(fpz_varint(&body, section_end, &bytes));
            if (bytes > (uint64_t)(section_end - body)) return FPZ_CUT;
            body += bytes;
        }
    }
    return at == end ? FPZ_OK : FPZ_DAMAGED;
}

static inline fpz_error fpz_header(fpz_weight *weight, const uint8_t *at, const uint8_t *end) {
    uint32_t coding, axes;
    FPZ_TRY(fpz_byte(&at, end, &coding));
    FPZ_TRY(fpz_byte(&at, end, &axes));
    weight->coding = (uint8_t)coding;
    weight->axes = axes & 15;
    if ((axes & ~31u) || weight->axes > FPZ_MAX_AXES || (coding >> 2 & 3) > FPZ_ANS) return FPZ_DAMAGED;
    if ((coding & FPZ_TRANSPOSED) && !(coding & FPZ_SPARSE)) return FPZ_DAMAGED;
    weight->count = 1;
    int is_empty = 0;
    for (uint32_t i = 0; i < weight->axes; i++) {
        FPZ_TRY(fpz_varint(&at, end, &weight->shape[i]));
        if (weight->shape[i] > UINT64_C(1) << 32) return FPZ_DAMAGED;
        if (weight->shape[i] == 0) {
            is_empty = 1;
            continue; /* the other axes of an empty array are limited, too */
        }
        if (weight->count > (UINT64_C(1) << 48) / weight->shape[i]) return FPZ_TOO_SMALL;
        weight->count *= weight->shape[i];
    }
    if (is_empty) weight->count = 0;
    weight->rule = weight->settings[0] = weight->settings[1] = 0;
    if (axes & 16) {
        uint64_t count = weight->count;
        FPZ_TRY(fpz_varint(&at, end, &weight->rule));
        if (weight->rule < 1 || weight->rule > 3) return FPZ_DAMAGED;
        for (uint64_t i = 0; i < (weight->rule == 2 ? 1 : 2); i++) FPZ_TRY(fpz_varint(&at, end, &weight->settings[i]));
        FPZ_TRY(fpz_varint(&at, end, &weight->count));
        if (weight->count > count) return FPZ_DAMAGED;
    }
    weight->data = at;
    weight->size = (size_t)(end - at);
    return FPZ_OK;
}

/* Look up a weight by its number. The file must have been opened without an error. */
static inline fpz_error fpz_find(const fpz_file *file, uint32_t number, fpz_weight *weight) {
    const uint8_t *at = file->data + 4, *end = file->data + file->size, *body;
    size_t length;
    uint32_t crc = 0;
    if (number >= file->weights) return FPZ_NO_WEIGHT;
    FPZ_TRY(fpz_section(&at, end, &body, &length, &crc, 0));
    for (weight->layer = 0; weight->layer < file->layers; weight->layer++) {
        FPZ_TRY(fpz_section(&at, end, &body, &length, &crc, 0));
        for (const uint8_t *section_end = body + length; body < section_end; number--) {
            uint64_t bytes;
            FPZ_TRY(fpz_varint(&body, section_end, &bytes));
            if (bytes > (uint64_t)(section_end - body)) return FPZ_CUT;
            if (number == 0) return fpz_header(weight, body, body + bytes);
            body += bytes;
        }
    }
    return FPZ_NO_WEIGHT;
}

/* Streams of symbols. */

static inline fpz_error fpz_bits(fpz_stream *stream, uint32_t width, uint32_t *value) {
    if (width > 8 * stream->size - stream->bit) return FPZ_CUT;
    uint64_t found = 0;
    for (uint32_t got = 0; got < width;) {
        uint32_t offset = (uint32_t)(stream->bit & 7), take = 8 - offset;
        if (take > width - got) take = width - got;
        found = found << take | (uint32_t)(stream->data[stream->bit >> 3] >> (8 - offset - take) & ((1 << take) - 1));
        stream->bit += take;
        got += take;
    }
    *value = (uint32_t)found;
    return FPZ_OK;
}

static inline uint32_t fpz_width(uint64_t symbols) {
    uint32_t width = 0;
    for (uint64_t most = symbols - 1; symbols && most; most >>= 1) width++;
    return width;
}

/* The table of a Huffman code: the lengths of its codes become the number of codes of each length, and the symbols in
 * the order of their codes. */
static inline fpz_error fpz_table(fpz_stream *stream, uint32_t alphabet) {
    size_t start = stream->bit;
    uint32_t total = 0;
    if (alphabet > FPZ_MAX_SYMBOLS) return alphabet > 4096 ? FPZ_DAMAGED : FPZ_UNSUPPORTED;
    for (int pass = 0; pass < 2; pass++) {
        uint32_t places[16] = {0};
        int length = 4;
        stream->bit = start;
        for (uint32_t i = 1, place = 0; pass && i < 16; i++) {
            places[i] = place;
            place += stream->counts[i];
        }
        if (!pass) memset(stream->counts, 0, sizeof stream->counts);
        for (uint32_t symbol = 0; symbol < alphabet; symbol++) {
            uint32_t bit, value;
            FPZ_TRY(fpz_bits(stream, 1, &bit));
            if (bit) {
                FPZ_TRY(fpz_bits(stream, 1, &bit));
                FPZ_TRY(fpz_bits(stream, bit ? 4 : 1, &value));
                length = bit ? (int)value : value ? length - 1 : length + 1;
            }
            if (length < 0 || length > 15) return FPZ_DAMAGED;
            if (length == 0) continue;
            if (pass) {
                stream->symbols[places[length]++] = (uint16_t)symbol;
            } else {
                stream->counts[length]++;
                total += 1u << (15 - length);
            }
        }
        if (total != 1u << 15 && !(alphabet == 1 && total == 0)) return FPZ_DAMAGED;
    }
    stream->bit = (stream->bit + 7) & ~(size_t)7;
    stream->width = total ? 1 : 0; /* 0: the only symbol needs no bits */
    return FPZ_OK;
}

/* Begin a stream of `count` symbols below `alphabet` at *at; its symbols come from fpz_next. */
static inline fpz_error fpz_begin(fpz_stream *stream, const uint8_t *at, const uint8_t *end, uint32_t coder,
                                  uint64_t alphabet, uint64_t count, uint16_t *symbols) {
    stream->data = at;
    stream->size = (size_t)(end - at);
    stream->bit = 0;
    stream->coder = coder;
    stream->left = count;
    stream->done = 0;
    stream->is_long = count > FPZ_BLOCK;
    stream->blocks = at;
    stream->block_end = 0;
    stream->symbols = symbols;
    if (coder == FPZ_ANS) return FPZ_UNSUPPORTED;
    if (coder == FPZ_PACKED) {
        stream->width = fpz_width(alphabet);
        return FPZ_OK;
    }
    if (count == 0 || alphabet > 4096) return FPZ_DAMAGED;
    return fpz_table(stream, (uint32_t)alphabet);
}

/* At the beginning of a chunk: its bits begin behind the sizes of its blocks. */
static inline fpz_error fpz_chunk(fpz_stream *stream) {
    uint64_t count = stream->left < FPZ_CHUNK ? stream->left : FPZ_CHUNK;
    size_t sizes = (size_t)((count + FPZ_BLOCK - 1) / FPZ_BLOCK * 2);
    size_t byte = (stream->bit + 7) / 8;
    if (byte > stream->size || sizes > stream->size - byte) return FPZ_CUT;
    stream->blocks = stream->data + byte;
    stream->bit = stream->block_end = 8 * (byte + sizes);
    return FPZ_OK;
}

static inline fpz_error fpz_next(fpz_stream *stream, uint32_t *symbol) {
    if (stream->left == 0) return FPZ_DAMAGED;
    if (stream->coder == FPZ_PACKED) {
        stream->left--;
        return fpz_bits(stream, stream->width, symbol);
    }
    if (stream->width == 0) {
        stream->left--;
        *symbol = 0;
        return FPZ_OK;
    }
    if (stream->is_long && stream->done % FPZ_BLOCK == 0) {
        if (stream->bit != stream->block_end && stream->done) return FPZ_DAMAGED;
        if (stream->done % FPZ_CHUNK == 0) FPZ_TRY(fpz_chunk(stream));
        stream->block_end += stream->blocks[0] | (uint32_t)stream->blocks[1] << 8;
        stream->blocks += 2;
    }
    uint32_t code = 0, first = 0, place = 0;
    for (uint32_t length = 1; length < 16; length++) {
        if (stream->bit >= 8 * stream->size) return FPZ_CUT;
        code = code << 1 | (stream->data[stream->bit >> 3] >> (7 - (stream->bit & 7)) & 1u);
        stream->bit++;
        first <<= 1;
        if (code - first < stream->counts[length]) {
            *symbol = stream->symbols[place + code - first];
            stream->done++;
            stream->left--;
            if (stream->is_long && stream->left == 0 && stream->bit != stream->block_end) return FPZ_DAMAGED;
            return FPZ_OK;
        }
        first += stream->counts[length];
        place += stream->counts[length];
    }
    return FPZ_DAMAGED;
}

/* Where a stream ended from which all symbols were taken. */
static inline const uint8_t *fpz_end(const fpz_stream *stream) { return stream->data + (stream->bit + 7) / 8; }

/* Values: symbols of an alphabet, or float32. */
typedef struct {
    fpz_stream stream;
    uint32_t kind;
    uint64_t alphabet;
    int64_t first, fraction;
    double scale;
    const uint8_t *floats; /* of a codebook, or of all values */
    const int32_t *listed;
} fpz_values;

static inline double fpz_power(int64_t exponent) {
    double made = 1;
    for (; exponent > 0; exponent--) made *= 2;
    for (; exponent < 0; exponent++) made /= 2;
    return made;
}

static inline fpz_error fpz_alphabet(fpz_values *values, const uint8_t *at, const uint8_t *end, uint32_t coding,
                                     uint64_t count, fpz_work *work) {
    uint32_t coder = coding >> 2 & 3;
    values->kind = coding & 3;
    values->fraction = 0;
    if (values->kind == FPZ_FLOATS) {
        if (coder != FPZ_PACKED) return FPZ_DAMAGED;
        values->floats = at;
        if (count > (uint64_t)(end - at) / 4) return FPZ_CUT;
        return fpz_begin(&values->stream, at, at + 4 * count, FPZ_PACKED, UINT64_C(1) << 32, count, work->symbols);
    }
    if (values->kind == FPZ_CODEBOOK) {
        FPZ_TRY(fpz_varint(&at, end, &values->alphabet));
        if (values->alphabet > 4096) return FPZ_DAMAGED;
        values->floats = at;
        if (values->alphabet > (uint64_t)(end - at) / 4) return FPZ_CUT;
        at += 4 * values->alphabet;
    } else {
        FPZ_TRY(fpz_signed(&at, end, 149, &values->fraction));
        FPZ_TRY(fpz_signed(&at, end, FPZ_MAX_WHOLE, &values->first));
        FPZ_TRY(fpz_varint(&at, end, &values->alphabet));
        values->scale = fpz_power(-values->fraction);
        if (values->kind == FPZ_RANGE) {
            if (values->alphabet > 2 * (uint64_t)FPZ_MAX_WHOLE + 1) return FPZ_DAMAGED;
            if (values->first + (int64_t)values->alphabet - 1 > FPZ_MAX_WHOLE) return FPZ_DAMAGED;
        } else {
            uint32_t width, step;
            if (values->alphabet > 4096) return FPZ_DAMAGED;
            if (values->alphabet > FPZ_MAX_SYMBOLS) return FPZ_UNSUPPORTED;
            FPZ_TRY(fpz_byte(&at, end, &width));
            if (width > 32) return FPZ_DAMAGED;
            fpz_stream steps;
            steps.data = at;
            steps.size = (size_t)(end - at);
            steps.bit = 0;
            int64_t whole = values->first;
            for (uint64_t i = 0; i < values->alphabet; i++) {
                work->values[i] = (int32_t)whole;
                if (i + 1 == values->alphabet) break;
                FPZ_TRY(fpz_bits(&steps, width, &step));
                whole += (int64_t)step + 1;
                if (whole > FPZ_MAX_WHOLE) return FPZ_DAMAGED;
            }
            values->listed = work->values;
            at += (steps.bit + 7) / 8;
        }
    }
    if (values->alphabet < 1) return FPZ_DAMAGED;
    return fpz_begin(&values->stream, at, end, coder, values->alphabet, count, work->symbols);
}

/* The next value: as a whole number, or as a float if `value` is not null. */
static inline fpz_error fpz_value(fpz_values *values, int32_t *whole, float *value) {
    uint32_t symbol;
    FPZ_TRY(fpz_next(&values->stream, &symbol));
    if (values->kind == FPZ_FLOATS || values->kind == FPZ_CODEBOOK) {
        if (value == NULL) return FPZ_NO_FIXED;
        const uint8_t *at = values->floats;
        if (values->kind == FPZ_FLOATS) { /* its bytes were skipped as the symbol of a stream */
            at = values->stream.data + values->stream.bit / 8 - 4;
        } else {
            if (symbol >= values->alphabet) return FPZ_DAMAGED;
            at += 4 * (size_t)symbol;
        }
        uint32_t bits = at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
        if ((bits >> 23 & 255) == 255) return FPZ_DAMAGED;
        memcpy(value, &bits, 4);
        return FPZ_OK;
    }
    if (symbol >= values->alphabet) return FPZ_DAMAGED;
    int64_t found = values->kind == FPZ_LISTED ? values->listed[symbol] : values->first + (int64_t)symbol;
    if (value == NULL) {
        *whole = (int32_t)found;
        return FPZ_OK;
    }
    double scaled = (double)found * values->scale;
    if (scaled > 3.4028234663852886e38 || scaled < -3.4028234663852886e38) return FPZ_DAMAGED;
    *value = (float)scaled;
    return FPZ_OK;
}

/* A place in an array whose first axis runs fastest, as one in an array whose last axis does. */
static inline uint64_t fpz_place(const fpz_weight *weight, uint64_t place) {
    uint64_t found = 0, factor = 1;
    if (!(weight->coding & FPZ_TRANSPOSED) || weight->rule) return place;
    for (uint32_t i = 1; i < weight->axes; i++) factor *= weight->shape[i];
    for (uint32_t i = 0; i < weight->axes; i++) {
        found += place % weight->shape[i] * factor;
        place /= weight->shape[i];
        if (i + 1 < weight->axes) factor /= weight->shape[i + 1];
    }
    return found;
}

/* The next place behind `place` of a nonzero value. */
static inline fpz_error fpz_gap(fpz_stream *gaps, uint32_t escape, uint64_t *place) {
    uint32_t symbol;
    do {
        FPZ_TRY(fpz_next(gaps, &symbol));
        *place += symbol;
    } while (symbol == escape);
    ++*place;
    return FPZ_OK;
}

static inline fpz_error fpz_unpack(const fpz_weight *weight, float *floats, int32_t *wholes, size_t capacity,
                                   int *fraction, fpz_work *work) {
    const uint8_t *at = weight->data, *end = at + weight->size;
    fpz_values values;
    if (weight->count > capacity) return FPZ_TOO_SMALL;
    if (!(weight->coding & FPZ_SPARSE)) {
        FPZ_TRY(fpz_alphabet(&values, at, end, weight->coding, weight->count, work));
        for (uint64_t i = 0; i < weight->count; i++)
            FPZ_TRY(fpz_value(&values, wholes ? wholes + i : NULL, floats ? floats + i : NULL));
        if (fraction) *fraction = (int)values.fraction;
        return fpz_end(&values.stream) == end ? FPZ_OK : FPZ_DAMAGED;
    }
    if (floats) memset(floats, 0, (size_t)weight->count * sizeof *floats);
    if (wholes) memset(wholes, 0, (size_t)weight->count * sizeof *wholes);
    if (fraction) *fraction = 0;
    uint64_t nonzero, escapes;
    uint32_t byte;
    FPZ_TRY(fpz_varint(&at, end, &nonzero));
    if (nonzero == 0) return at == end ? FPZ_OK : FPZ_DAMAGED;
    FPZ_TRY(fpz_byte(&at, end, &byte));
    FPZ_TRY(fpz_varint(&at, end, &escapes));
    uint32_t bits = byte & 15, coder = byte >> 4;
    if (bits < 1 || bits > 12 || coder > FPZ_ANS || nonzero > weight->count || escapes > weight->count)
        return FPZ_DAMAGED;
    if (nonzero + escapes > 64 * (uint64_t)(end - at)) return FPZ_DAMAGED;
    fpz_stream gaps, ahead;
    FPZ_TRY(fpz_begin(&gaps, at, end, coder, UINT64_C(1) << bits, nonzero + escapes, work->gaps));
    ahead = gaps; /* values begin where the indices end, which reading them tells */
    for (uint32_t symbol; ahead.left;) FPZ_TRY(fpz_next(&ahead, &symbol));
    FPZ_TRY(fpz_alphabet(&values, fpz_end(&ahead), end, weight->coding, nonzero, work));
    uint64_t place = 0; /* one behind the last nonzero value */
    for (uint64_t i = 0; i < nonzero; i++) {
        FPZ_TRY(fpz_gap(&gaps, (1u << bits) - 1, &place));
        if (place > weight->count) return FPZ_DAMAGED;
        size_t target = (size_t)fpz_place(weight, place - 1);
        FPZ_TRY(fpz_value(&values, wholes ? wholes + target : NULL, floats ? floats + target : NULL));
    }
    for (uint32_t symbol; gaps.left;) { /* escapes at the end mean nothing; anything else is wrong */
        FPZ_TRY(fpz_next(&gaps, &symbol));
        if (symbol != (1u << bits) - 1) return FPZ_DAMAGED;
    }
    if (fraction) *fraction = (int)values.fraction;
    return fpz_end(&values.stream) == end ? FPZ_OK : FPZ_DAMAGED;
}

/* Of a weight that is shared by a rule: the number of the group whose value the weight at `place` has (in an array
 * whose last axis runs fastest), and the sign by which it has it, 1 or -1. */
static inline fpz_error fpz_group(const fpz_weight *weight, uint64_t place, uint64_t *group, int *sign) {
    *sign = 1;
    if (weight->rule == 1) { /* hash; the numbers are those of splitmix64 */
        uint64_t h = place + (weight->settings[0] << 32);
        h = (h ^ h >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        h = (h ^ h >> 27) * UINT64_C(0x94d049bb133111eb);
        h ^= h >> 31;
        if (weight->settings[1] == 0) return FPZ_DAMAGED;
        *group = (h >> 1) % weight->settings[1];
        if (h & 1) *sign = -1;
    } else if (weight->rule == 2) { /* circulant */
        uint64_t block = weight->settings[0], columns = weight->axes == 2 ? weight->shape[1] : 0;
        if (block < 1 || block > UINT32_MAX || columns == 0) return FPZ_DAMAGED;
        uint64_t row = place / columns, column = place % columns;
        *group = (row / block * ((columns + block - 1) / block) + column / block) * block
                 + (row % block + block - column % block) % block;
    } else if (weight->rule == 3) { /* transfer: the place in the base filter */
        uint64_t rotations = weight->settings[0], flips = weight->settings[1];
        if (weight->axes != 4 || weight->shape[0] != weight->shape[1] || weight->count == 0) return FPZ_DAMAGED;
        if ((rotations != 1 && rotations != 4) || (flips != 1 && flips != 2)) return FPZ_DAMAGED;
        uint64_t size = weight->shape[0], channels = weight->shape[2], filters = weight->shape[3];
        uint64_t filter = place % filters, orientation = filter % (rotations * flips);
        uint64_t channel = place / filters % channels, column = place / filters / channels % size;
        uint64_t row = place / filters / channels / size;
        if (orientation >= rotations) column = size - 1 - column;
        for (uint64_t turn = 0; turn < orientation % rotations; turn++) {
            uint64_t turned = size - 1 - row;
            row = column;
            column = turned;
        }
        *group = ((filter / (rotations * flips) * channels + channel) * size + row) * size + column;
    } else {
        return FPZ_DAMAGED;
    }
    return *group < weight->count ? FPZ_OK : FPZ_DAMAGED;
}

/* All weight.count values as floats. */
static inline fpz_error fpz_floats(const fpz_weight *weight, float *out, size_t capacity, fpz_work *work) {
    return fpz_unpack(weight, out, NULL, capacity, NULL, work);
}

/* All weight.count values as whole numbers: a value is its whole number times 2**-fraction. */
static inline fpz_error fpz_integers(const fpz_weight *weight, int32_t *out, size_t capacity, int *fraction,
                                     fpz_work *work) {
    return fpz_unpack(weight, NULL, out, capacity, fraction, work);
}

#endif
