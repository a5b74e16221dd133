// The kernels' arithmetic on native integers. It knows nothing of any project, and is compiled once for all of them.
#include "native.h"
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <type_traits>

// Compiled for processors with and without AVX2, where the loader can choose.
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define KERNELS_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define KERNELS_CLONES
#endif

namespace kernels {

// Copies one window; what lies outside of the image is zero.
template <class U> static void take_window(const Window &g, const U *image, int top, int left, U *to) {
    for (unsigned i = 0; i < g.height; i++, to += g.width * g.channels) {
        const int row = top + int(i);
        const bool inside = left >= 0 && left + int(g.width) <= int(g.in_width);
        if (row < 0 || row >= int(g.in_height))
            memset(to, 0, g.width * g.channels * sizeof(U));
        else if (inside)
            memcpy(to, image + (size_t(row) * g.in_width + left) * g.channels, g.width * g.channels * sizeof(U));
        else
            for (unsigned j = 0; j < g.width; j++) {
                const int column = left + int(j);
                if (column < 0 || column >= int(g.in_width))
                    memset(to + j * g.channels, 0, g.channels * sizeof(U));
                else
                    memcpy(to + j * g.channels, image + (size_t(row) * g.in_width + column) * g.channels,
                           g.channels * sizeof(U));
            }
    }
}

#define KERNELS_INLINE static inline __attribute__((always_inline))

// The product of two numbers without its lowest `drop` bits, rounded down. Without `drop`, it is one modulo 2^32 or 2^64.
template <bool Drops, class U> KERNELS_INLINE U product(U x, U w, int drop) {
    typedef typename std::make_signed<U>::type S;
    return Drops ? U(S(x * w) >> drop) : x * w;
}

template <bool Drops, class U, class T>
KERNELS_INLINE void multiply_by_input(const U *__restrict x, const T *__restrict w, U *__restrict acc, unsigned n_in,
                                      unsigned n_out, int drop) {
    for (unsigned i = 0; i < n_in; i++, w += n_out) {
        const U value = x[i];
        if (value != 0) // after a ReLU, many are
            for (unsigned j = 0; j < n_out; j++)
                acc[j] += product<Drops>(value, U(w[j]), drop);
    }
}

template <bool Drops, class U, class T>
KERNELS_INLINE void multiply_by_output(const U *__restrict x, const T *__restrict w, U *__restrict acc, unsigned n_in,
                                       unsigned n_out, int drop) {
    for (unsigned j = 0; j < n_out; j++, w += n_in) {
        U sum = 0;
        for (unsigned i = 0; i < n_in; i++)
            sum += product<Drops>(x[i], U(w[i]), drop);
        acc[j] += sum;
    }
}

template <bool Drops, class U, class T>
KERNELS_INLINE void multiply_channels(const U *__restrict x, const T *__restrict w, U *__restrict acc, unsigned places,
                                      unsigned channels, int drop) {
    for (unsigned i = 0; i < places; i++, x += channels, w += channels)
        for (unsigned j = 0; j < channels; j++)
            acc[j] += product<Drops>(x[j], U(w[j]), drop);
}

// Calls `each(x, acc)` for every window x, with its outputs set to `start`.
template <class U, class Each>
static void for_windows(const Window &g, const U *image, const U *start, U *acc, unsigned n_out, Each each) {
    Buffer<U> x(g.height * g.width * g.channels);
    for (unsigned i = 0; i < g.out_height; i++)
        for (unsigned j = 0; j < g.out_width; j++, acc += n_out) {
            take_window(g, image, int(i * g.stride_height) - int(g.pad_top), int(j * g.stride_width) - int(g.pad_left),
                        x.values);
            memcpy(acc, start, n_out * sizeof(U));
            each(x.values, acc);
        }
}

#define KERNELS_OF(U, T)                                                                                                \
    KERNELS_CLONES void multiply(Order order, const U *x, const T *w, U *acc, unsigned n_in, unsigned n_out, int drop) { \
        if (order == by_input)                                                                                          \
            drop ? multiply_by_input<true>(x, w, acc, n_in, n_out, drop)                                                \
                 : multiply_by_input<false>(x, w, acc, n_in, n_out, 0);                                                 \
        else                                                                                                            \
            drop ? multiply_by_output<true>(x, w, acc, n_in, n_out, drop)                                               \
                 : multiply_by_output<false>(x, w, acc, n_in, n_out, 0);                                                \
    }                                                                                                                   \
    KERNELS_CLONES static void multiply_depthwise(const U *x, const T *w, U *acc, unsigned places, unsigned channels,   \
                                                  int drop) {                                                           \
        drop ? multiply_channels<true>(x, w, acc, places, channels, drop)                                               \
             : multiply_channels<false>(x, w, acc, places, channels, 0);                                                \
    }                                                                                                                   \
    void convolve(const Window &g, Order order, const U *image, const T *w, const U *start, U *acc, unsigned n_out,     \
                  int drop) {                                                                                           \
        for_windows(g, image, start, acc, n_out, [=](const U *x, U *to) {                                               \
            multiply(order, x, w, to, g.height * g.width * g.channels, n_out, drop);                                    \
        });                                                                                                             \
    }                                                                                                                   \
    void convolve_depthwise(const Window &g, const U *image, const T *w, const U *start, U *acc, int drop) {            \
        for_windows(g, image, start, acc, g.channels, [=](const U *x, U *to) {                                          \
            multiply_depthwise(x, w, to, g.height * g.width, g.channels, drop);                                         \
        });                                                                                                             \
    }
#define KERNELS_OF_BOTH(T) KERNELS_OF(uint32_t, T) KERNELS_OF(uint64_t, T)
KERNELS_OF_BOTH(signed char)
KERNELS_OF_BOTH(unsigned char)
KERNELS_OF_BOTH(short)
KERNELS_OF_BOTH(unsigned short)
KERNELS_OF_BOTH(int)
KERNELS_OF_BOTH(unsigned)
KERNELS_OF_BOTH(long long)
KERNELS_OF_BOTH(unsigned long long)

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

// A number as weight files have them: sign, up to 15 digits with or without a point, spaces around.
static bool read_digits(const char *at, const char *end, long long &digits, int &below) {
    while (at != end && *at == ' ')
        at++;
    const bool negative = at != end && *at == '-';
    if (at != end && (*at == '-' || *at == '+'))
        at++;
    int count = 0;
    digits = below = 0;
    for (; at != end && is_digit(*at) && count <= 15; at++, count++)
        digits = digits * 10 + (*at - '0');
    if (at != end && *at == '.')
        for (at++; at != end && is_digit(*at) && count <= 15; at++, count++, below++)
            digits = digits * 10 + (*at - '0');
    while (at != end && (*at == ' ' || *at == '\r'))
        at++;
    if (negative)
        digits = -digits;
    return at == end && 0 < count && count <= 15;
}

// The digits, and the power of ten that they are divided by, are exact doubles, and so the quotient is the nearest double.
static bool read_short(const char *at, const char *end, double &value) {
    static const double tens[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    long long digits;
    int below;
    if (!read_digits(at, end, digits, below))
        return false;
    value = double(digits) / tens[below];
    return true;
}

size_t read_numbers(const char *folder, const char *name, double *values, size_t count) {
    const std::string path = std::string(folder) + "/" + name;
    std::ifstream file(path.c_str(), std::ios::binary);
    if (file.fail()) {
        std::cerr << "ERROR: file " << path << " does not exist" << std::endl;
        exit(1);
    }
    std::string line;
    if (!std::getline(file, line))
        return 0;
    size_t read = 0;
    // as std::getline splits it: nothing behind a last comma is no number
    for (size_t at = 0; at < line.size(); read++) {
        size_t comma = line.find(',', at);
        if (comma == std::string::npos)
            comma = line.size();
        double value = 0;
        if (!read_short(line.data() + at, line.data() + comma, value))
            std::istringstream(line.substr(at, comma - at)) >> value;
        if (read < count)
            values[read] = value;
        at = comma + 1;
    }
    if (read != count)
        std::cerr << "ERROR: Expected " << count << " values but read only " << read << " values" << std::endl;
    return read < count ? read : count;
}

} // namespace kernels
