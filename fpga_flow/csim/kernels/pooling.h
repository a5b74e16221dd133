// nnet::pooling2d_cl for the largest value, without padding.
#ifndef FPGA_FLOW_KERNELS_POOLING_H
#define FPGA_FLOW_KERNELS_POOLING_H
#include "conv.h"

#define pooling2d_cl stock_pooling2d_cl
#include "nnet_utils/nnet_pooling.h"
#include "nnet_utils/nnet_pooling_stream.h"
#undef pooling2d_cl

namespace kernels {

// The largest of each window's values as numbers of type A, by way of B. One function for all layers of the same types.
template <class A, class B, class X, class R>
__attribute__((noinline)) void max_pool(const X *image, R *res, const Window &g) {
    for (unsigned i = 0; i < g.out_height; i++)
        for (unsigned j = 0; j < g.out_width; j++)
            for (unsigned c = 0; c < g.channels; c++) {
                const X *corner = image + (size_t(i * g.stride_height) * g.in_width + j * g.stride_width) * g.channels + c;
                A largest = A(*corner);
                for (unsigned k = 0; k < g.height; k++)
                    for (unsigned l = 0; l < g.width; l++) {
                        const A value = A(corner[(k * g.in_width + l) * g.channels]);
                        if (value.V.v > largest.V.v)
                            largest = value;
                    }
                *res++ = R(B(largest));
            }
}

template <class X, class R, class Config> struct pool {
    enum {
        exact = kept<X>::known && kept<typename Config::accum_t>::known && Config::pool_op == nnet::Max &&
                Config::pad_top == 0 && Config::pad_bottom == 0 && Config::pad_left == 0 && Config::pad_right == 0 &&
                Config::pool_height <= Config::in_height && Config::pool_width <= Config::in_width
    };
    static Window window() {
        return {Config::in_height, Config::in_width, Config::n_filt, Config::pool_height, Config::pool_width,
                Config::stride_height, Config::stride_width, 0, 0,
                (Config::in_height - Config::pool_height) / Config::stride_height + 1,
                (Config::in_width - Config::pool_width) / Config::stride_width + 1};
    }
};
template <class X, class R, class Config> struct stream_pool {
    enum {
        exact = packs<X>::known && unsigned(X::size) == unsigned(Config::n_filt) &&
                unsigned(R::size) == unsigned(Config::n_filt) &&
                pool<typename X::value_type, typename R::value_type, Config>::exact &&
                Config::implementation == nnet::conv_implementation::linebuffer &&
                unsigned(Config::filt_height) == unsigned(Config::pool_height) &&
                unsigned(Config::filt_width) == unsigned(Config::pool_width) &&
                unsigned(Config::n_chan) == unsigned(Config::n_filt) &&
                // others end with an assertion
                unsigned(Config::stride_height) == unsigned(Config::pool_height) &&
                unsigned(Config::stride_width) == unsigned(Config::pool_width)
    };
};
// An array's results lie where out_width says.
template <class X, class R, class Config> struct array_pool {
    enum {
        exact = pool<X, R, Config>::exact &&
                unsigned(Config::out_width) == (Config::in_width - Config::pool_width) / Config::stride_width + 1
    };
};

} // namespace kernels

namespace nnet {

template <class data_T, class res_T, typename CONFIG_T>
void pooling2d_cl(hls::stream<data_T> &data, hls::stream<res_T> &res, kernels::fast) {
    typedef kernels::pool<typename data_T::value_type, typename res_T::value_type, CONFIG_T> Pool;
    typedef typename CONFIG_T::accum_t A; // the values become accumulators before they are compared
    const kernels::Window window = Pool::window();
    const unsigned pixels = window.in_height * window.in_width;
    kernels::max_pool<A, A>(data.next(pixels)->data, res.extend(window.outputs())->data, window);
    data.skip(pixels);
}
template <class data_T, class res_T, typename CONFIG_T>
void pooling2d_cl(hls::stream<data_T> &data, hls::stream<res_T> &res, kernels::stock) {
    stock_pooling2d_cl<data_T, res_T, CONFIG_T>(data, res);
}
template <class data_T, class res_T, typename CONFIG_T>
void pooling2d_cl(hls::stream<data_T> &data, hls::stream<res_T> &res) {
    typedef kernels::stream_pool<data_T, res_T, CONFIG_T> Pool;
    pooling2d_cl<data_T, res_T, CONFIG_T>(data, res, std::integral_constant<bool, Pool::exact>());
}

template <class data_T, class res_T, typename CONFIG_T> void pooling2d_cl(data_T *data, res_T *res, kernels::fast) {
    // the values are compared as they are
    kernels::max_pool<data_T, typename CONFIG_T::accum_t>(data, res, kernels::pool<data_T, res_T, CONFIG_T>::window());
}
template <class data_T, class res_T, typename CONFIG_T> void pooling2d_cl(data_T *data, res_T *res, kernels::stock) {
    stock_pooling2d_cl<data_T, res_T, CONFIG_T>(data, res);
}
template <class data_T, class res_T, typename CONFIG_T>
void pooling2d_cl(data_T data[CONFIG_T::in_height * CONFIG_T::in_width * CONFIG_T::n_filt],
                  res_T res[CONFIG_T::out_height * CONFIG_T::out_width * CONFIG_T::n_filt]) {
    typedef kernels::array_pool<data_T, res_T, CONFIG_T> Pool;
    pooling2d_cl<data_T, res_T, CONFIG_T>(data, res, std::integral_constant<bool, Pool::exact>());
}

} // namespace nnet
#endif
