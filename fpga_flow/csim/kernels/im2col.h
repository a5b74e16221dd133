// Convolutions of arrays. For each, hls4ml writes out the copying of its windows, assignment by assignment, as a class
// fill_buffer_<layer>, which takes the compiler minutes. Where that text is nothing but the windows of an image (which
// fpga_flow.csim.kernels checks), an Im2col stands in its place, and the convolution can be computed as a whole.
#ifndef FPGA_FLOW_KERNELS_IM2COL_H
#define FPGA_FLOW_KERNELS_IM2COL_H
#include "dense.h"
#include <cstdlib>

#define conv_1d_latency_cl stock_conv_1d_latency_cl
#define conv_1d_resource_cl stock_conv_1d_resource_cl
#define conv_2d_latency_cl stock_conv_2d_latency_cl
#define conv_2d_resource_cl stock_conv_2d_resource_cl
#include "nnet_utils/nnet_conv1d_latency.h"
#include "nnet_utils/nnet_conv1d_resource.h"
#include "nnet_utils/nnet_conv2d_latency.h"
#include "nnet_utils/nnet_conv2d_resource.h"
#undef conv_1d_latency_cl
#undef conv_1d_resource_cl
#undef conv_2d_latency_cl
#undef conv_2d_resource_cl

namespace kernels {

struct KnownWindows {};

// hls4ml's fill_buffer class as a loop: the windows of partition p are those from p * Pixels on.
template <class T, unsigned InHeight, unsigned InWidth, unsigned Channels, unsigned Height, unsigned Width,
          unsigned StrideHeight, unsigned StrideWidth, unsigned PadTop, unsigned PadLeft, unsigned OutHeight,
          unsigned OutWidth, unsigned Pixels>
class Im2col : public KnownWindows {
  public:
    enum { inputs = Height * Width * Channels, outputs = OutHeight * OutWidth };
    static Window window() {
        return {InHeight, InWidth, Channels, Height, Width, StrideHeight, StrideWidth, PadTop, PadLeft, OutHeight, OutWidth};
    }
    static void fill_buffer(const T *data, T (*buffer)[inputs], const unsigned partition) {
        for (unsigned pixel = 0; pixel < Pixels; pixel++) {
            const unsigned place = partition * Pixels + pixel;
            T *to = buffer[pixel];
            for (unsigned i = 0; i < Height; i++)
                for (unsigned j = 0; j < Width; j++)
                    for (unsigned c = 0; c < Channels; c++) {
                        // above or left of the image, these numbers wrap around to large ones
                        const unsigned row = place / OutWidth * StrideHeight + i - PadTop;
                        const unsigned column = place % OutWidth * StrideWidth + j - PadLeft;
                        if (row < InHeight && column < InWidth)
                            *to++ = data[(row * InWidth + column) * Channels + c];
                        else
                            *to++ = 0;
                    }
        }
    }
};

template <class X, class Config, bool Known> struct array_conv {
    enum { exact = 0 };
};
template <class X, class Config> struct array_conv<X, Config, true> {
    typedef typename Config::template fill_buffer<X, Config> Windows;
    enum {
        exact = sums<X, typename Config::mult_config>::exact &&
                std::is_same<typename Config::accum_t, typename Config::mult_config::accum_t>::value &&
                std::is_same<typename Config::weight_t, typename Config::mult_config::weight_t>::value &&
                unsigned(Windows::outputs) == unsigned(Config::n_partitions * Config::n_pixels)
    };
};
template <class X, class Config>
using array_conv_of =
    array_conv<X, Config, std::is_base_of<KnownWindows, typename Config::template fill_buffer<X, Config>>::value>;

// nnet_conv2d_resource.h takes each weight once, as dense_resource_rf_leq_nin does.
template <class Config> constexpr bool leq_window() {
    return Config::reuse_factor <= Config::mult_config::n_in && Config::mult_config::n_in % Config::reuse_factor == 0;
}

template <Order O, class Config, class X, class R, class W, class B>
void array_convolve(const X *data, R *res, const W *weights, const B *biases) {
    typedef sums<X, typename Config::mult_config> S;
    typedef typename S::type U;
    const Window window = Config::template fill_buffer<X, Config>::window();
    Buffer<U> image(window.inputs()), acc(window.outputs() * Config::n_filt);
    U start[Config::n_filt];
    load<S::up>(data, image.values, window.inputs());
    load_biases<typename S::accum_t>(biases, start, Config::n_filt);
    convolve(window, O, image.values, native(weights), start, acc.values, Config::n_filt, S::drop);
    store<typename S::accum_t>(acc.values, res, window.outputs() * Config::n_filt);
}

} // namespace kernels

#define KERNELS_ARRAY_CONV(name, order, condition)                                                                      \
    template <class data_T, class res_T, typename CONFIG_T>                                                             \
    void name(data_T *data, res_T *res, typename CONFIG_T::weight_t *weights, typename CONFIG_T::bias_t *biases,        \
              kernels::fast) {                                                                                          \
        kernels::array_convolve<kernels::order, CONFIG_T>(data, res, weights, biases);                                  \
    }                                                                                                                   \
    template <class data_T, class res_T, typename CONFIG_T>                                                             \
    void name(data_T *data, res_T *res, typename CONFIG_T::weight_t *weights, typename CONFIG_T::bias_t *biases,        \
              kernels::stock) {                                                                                         \
        stock_##name<data_T, res_T, CONFIG_T>(data, res, weights, biases);                                              \
    }                                                                                                                   \
    template <class data_T, class res_T, typename CONFIG_T>                                                             \
    void name(data_T *data, res_T *res, typename CONFIG_T::weight_t *weights, typename CONFIG_T::bias_t *biases) {      \
        typedef kernels::array_conv_of<data_T, CONFIG_T> C;                                                             \
        name<data_T, res_T, CONFIG_T>(data, res, weights, biases, std::integral_constant<bool, C::exact && (condition)>()); \
    }
namespace nnet {
KERNELS_ARRAY_CONV(conv_1d_latency_cl, by_input, true)
KERNELS_ARRAY_CONV(conv_1d_resource_cl, by_output, kernels::leq_window<CONFIG_T>())
KERNELS_ARRAY_CONV(conv_2d_latency_cl, by_input, true)
KERNELS_ARRAY_CONV(conv_2d_resource_cl, by_output, kernels::leq_window<CONFIG_T>())
} // namespace nnet
#undef KERNELS_ARRAY_CONV
#endif
