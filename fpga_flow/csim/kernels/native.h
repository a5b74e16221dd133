// The kernels' arithmetic on native integers: kernels.cpp, compiled once for all projects.
#ifndef FPGA_FLOW_KERNELS_NATIVE_H
#define FPGA_FLOW_KERNELS_NATIVE_H
#include <cstddef>
#include <cstdint>
#include <new>

namespace kernels {

// A layer's input and its sliding window, as channels-last images; what lies outside of the image is zero.
struct Window {
    unsigned in_height, in_width, channels;
    unsigned height, width;
    unsigned stride_height, stride_width;
    unsigned pad_top, pad_left;
    unsigned out_height, out_width;
    unsigned inputs() const { return in_height * in_width * channels; }
    unsigned outputs() const { return out_height * out_width; } // windows
};

// How the weights of a matrix lie in memory: those of one input after each other, or those of one output.
enum Order { by_input, by_output };

// acc[out] += x[in] * w[in, out] >> drop, modulo 2^32 or 2^64. If bits are dropped, the products must fit; otherwise numbers
// modulo 2^32 or 2^64 are enough.
#define KERNELS_OF(U, T)                                                                                                \
    void multiply(Order order, const U *x, const T *w, U *acc, unsigned n_in, unsigned n_out, int drop);                \
    void convolve(const Window &window, Order order, const U *image, const T *w, const U *start, U *acc, unsigned n_out, \
                  int drop);                                                                                            \
    void convolve_depthwise(const Window &window, const U *image, const T *w, const U *start, U *acc, int drop);
#define KERNELS_OF_BOTH(T) KERNELS_OF(uint32_t, T) KERNELS_OF(uint64_t, T)
KERNELS_OF_BOTH(signed char)
KERNELS_OF_BOTH(unsigned char)
KERNELS_OF_BOTH(short)
KERNELS_OF_BOTH(unsigned short)
KERNELS_OF_BOTH(int)
KERNELS_OF_BOTH(unsigned)
KERNELS_OF_BOTH(long long)
KERNELS_OF_BOTH(unsigned long long)
#undef KERNELS_OF_BOTH
#undef KERNELS_OF

// Reads the numbers of a file's first line, separated by commas, and gives how many there are, `count` at most. Errors are
// those of nnet::load_weights_from_txt. A token that is no number is what a C++ stream makes of it.
size_t read_numbers(const char *folder, const char *name, double *values, size_t count);

// Memory for a function's local arrays, which may be too large for the stack.
template <class T> struct Buffer {
    T *values;
    explicit Buffer(size_t count) : values(static_cast<T *>(::operator new(count * sizeof(T)))) {}
    ~Buffer() { ::operator delete(values); }
    Buffer(const Buffer &) = delete;
    Buffer &operator=(const Buffer &) = delete;
};

} // namespace kernels
#endif
