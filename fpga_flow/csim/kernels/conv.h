// Convolutions in streams: ordinary, pointwise and depthwise ones.
#ifndef FPGA_FLOW_KERNELS_CONV_H
#define FPGA_FLOW_KERNELS_CONV_H
#include "dense.h"
#include "im2col.h"
#include <cstdlib>

#include "nnet_utils/nnet_conv1d.h"
#include "nnet_utils/nnet_conv2d.h"
#include "nnet_utils/nnet_dense.h"
#define conv_1d_cl stock_conv_1d_cl
#define conv_2d_cl stock_conv_2d_cl
#define pointwise_conv_2d_cl stock_pointwise_conv_2d_cl
#define depthwise_conv_2d_cl stock_depthwise_conv_2d_cl
#include "nnet_utils/nnet_conv1d_stream.h"
#include "nnet_utils/nnet_conv2d_stream.h"
#include "nnet_utils/nnet_sepconv2d_stream.h"
#undef conv_1d_cl
#undef conv_2d_cl
#undef pointwise_conv_2d_cl
#undef depthwise_conv_2d_cl

namespace kernels {

// The class that multiplies in a stream's convolution: whether it takes each weight once, and in which order.
template <class K, class X, class R, class Config> struct multiplier {
    enum { known = 0, order = by_input, depthwise = 0 };
};
template <class X, class R, class Config> struct multiplier<nnet::DenseLatency<X, R, Config>, X, R, Config> {
    enum { known = 1, order = by_input, depthwise = 0 };
};
template <class X, class R, class Config> struct multiplier<nnet::DenseResource_rf_leq_nin<X, R, Config>, X, R, Config> {
    enum { known = leq_nin<Config>(), order = by_output, depthwise = 0 };
};
template <class X, class R, class Config> struct multiplier<nnet::DenseResource_rf_gt_nin_rem0<X, R, Config>, X, R, Config> {
    enum { known = gt_nin_rem0<Config>(), order = by_output, depthwise = 0 };
};
// The depthwise ones: the weight of input i is added to output i % n_out.
template <class X, class R, class Config> struct multiplier<nnet::DepthwiseDenseLatency<X, R, Config>, X, R, Config> {
    enum { known = 1, order = by_input, depthwise = 1 };
};
template <class X, class R, class Config>
struct multiplier<nnet::DepthwiseDenseResource_rf_leq_nout<X, R, Config>, X, R, Config> {
    enum { known = Config::reuse_factor <= Config::n_out && Config::n_in % Config::reuse_factor == 0, order = by_input, depthwise = 1 };
};

template <class Config> using as_is = Config;

// The configuration of a 1D convolution as that of a 2D one.
template <class Config> struct one_row : Config {
    static const unsigned in_height = 1, filt_height = 1, stride_height = 1, pad_top = 0, pad_bottom = 0;
};

// A stream's convolution: the windows of its line buffer, of which it computes every stride-th that lies in the image.
// (With one row, it keeps no lines, and moves down by one whatever the stride.)
template <class Config> constexpr unsigned stride_height() {
    return Config::filt_height == 1 ? 1 : unsigned(Config::stride_height);
}
template <class Config> Window stream_window(unsigned stride_height) {
    return {Config::in_height, Config::in_width, Config::n_chan, Config::filt_height, Config::filt_width, stride_height,
            Config::stride_width, 0, 0, (Config::in_height - Config::filt_height) / stride_height + 1,
            (Config::in_width - Config::filt_width) / Config::stride_width + 1};
}

template <class X, class R, class Config> struct stream_conv {
    typedef typename Config::mult_config Mult;
    typedef typename X::value_type x_t;
    typedef typename R::value_type r_t;
    typedef sums<x_t, Mult> S;
    typedef multiplier<typename Mult::template kernel<x_t, r_t, Mult>, x_t, r_t, Mult> M;
    enum {
        depthwise = M::depthwise,
        exact = packs<X>::known && unsigned(X::size) == unsigned(Config::n_chan) &&
                unsigned(R::size) == unsigned(Config::n_filt) && S::exact && M::known &&
                Mult::n_in == Config::filt_height * Config::filt_width * Config::n_chan &&
                unsigned(Mult::n_out) == unsigned(Config::n_filt) &&
                (!M::depthwise || unsigned(Config::n_filt) == unsigned(Config::n_chan)) &&
                Config::implementation == nnet::conv_implementation::linebuffer && Config::pad_top == 0 &&
                Config::pad_bottom == 0 && Config::pad_left == 0 && Config::pad_right == 0 &&
                Config::filt_height <= Config::in_height && Config::filt_width <= Config::in_width
    };
};

template <class Config, class X, class R, class W, class B>
void stream_convolve(hls::stream<X> &data, hls::stream<R> &res, const W *weights, const B *biases, const Window &window,
                     bool depthwise) {
    typedef stream_conv<X, R, Config> C;
    typedef typename C::S S;
    typedef typename S::type U;
    const unsigned pixels = window.in_height * window.in_width;
    Buffer<U> image(window.inputs()), acc(window.outputs() * Config::n_filt);
    U start[Config::n_filt];
    load<S::up>(data.next(pixels)->data, image.values, window.inputs());
    data.skip(pixels);
    load_biases<typename S::accum_t>(biases, start, Config::n_filt);
    if (depthwise)
        convolve_depthwise(window, image.values, native(weights), start, acc.values, S::drop);
    else
        convolve(window, Order(C::M::order), image.values, native(weights), start, acc.values, Config::n_filt, S::drop);
    store<typename S::accum_t>(acc.values, res.extend(window.outputs())->data, window.outputs() * Config::n_filt);
}

} // namespace kernels

#define KERNELS_STREAM_CONV(name, config, condition, stride, depthwise)                                                      \
    template <class data_T, class res_T, typename CONFIG_T>                                                             \
    void name(hls::stream<data_T> &data, hls::stream<res_T> &res, typename CONFIG_T::weight_t *weights,                 \
              typename CONFIG_T::bias_t *biases, kernels::fast) {                                                       \
        typedef kernels::config Config;                                                                                 \
        kernels::stream_convolve<Config>(data, res, weights, biases, kernels::stream_window<Config>(stride), depthwise); \
    }                                                                                                                   \
    template <class data_T, class res_T, typename CONFIG_T>                                                             \
    void name(hls::stream<data_T> &data, hls::stream<res_T> &res, typename CONFIG_T::weight_t *weights,                 \
              typename CONFIG_T::bias_t *biases, kernels::stock) {                                                      \
        stock_##name<data_T, res_T, CONFIG_T>(data, res, weights, biases);                                              \
    }                                                                                                                   \
    template <class data_T, class res_T, typename CONFIG_T>                                                             \
    void name(hls::stream<data_T> &data, hls::stream<res_T> &res, typename CONFIG_T::weight_t *weights,                 \
              typename CONFIG_T::bias_t *biases) {                                                                      \
        typedef kernels::config Config;                                                                                 \
        typedef kernels::stream_conv<data_T, res_T, Config> C;                                                          \
        name<data_T, res_T, CONFIG_T>(data, res, weights, biases, std::integral_constant<bool, C::exact && (condition)>()); \
    }
namespace nnet {
KERNELS_STREAM_CONV(conv_1d_cl, one_row<CONFIG_T>, !C::depthwise, kernels::stride_height<Config>(), false)
KERNELS_STREAM_CONV(conv_2d_cl, as_is<CONFIG_T>, !C::depthwise, kernels::stride_height<Config>(), false)
KERNELS_STREAM_CONV(pointwise_conv_2d_cl, as_is<CONFIG_T>,
                    Config::filt_height == 1 && Config::filt_width == 1 && !C::depthwise, Config::stride_height, false)
KERNELS_STREAM_CONV(depthwise_conv_2d_cl, as_is<CONFIG_T>, C::depthwise, kernels::stride_height<Config>(), true)
} // namespace nnet
#undef KERNELS_STREAM_CONV
#endif
