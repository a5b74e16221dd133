// nnet::relu and nnet::linear, in streams.
#ifndef FPGA_FLOW_KERNELS_ACTIVATION_H
#define FPGA_FLOW_KERNELS_ACTIVATION_H
#include "core.h"

#define relu stock_relu
#define linear stock_linear
#include "nnet_utils/nnet_activation.h"
#include "nnet_utils/nnet_activation_stream.h"
#undef relu
#undef linear

namespace kernels {

// One function for all layers of a pair of types.
template <class X, class R> __attribute__((noinline)) void relu(const X *from, R *to, unsigned count) {
    const R zero = 0;
    for (unsigned i = 0; i < count; i++)
        to[i] = from[i].V.v > 0 ? R(from[i]) : zero;
}
template <class X, class R> __attribute__((noinline)) void linear(const X *from, R *to, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        to[i] = R(from[i]);
}

} // namespace kernels

#define KERNELS_ACTIVATION(name)                                                                                        \
    template <class data_T, class res_T, typename CONFIG_T> void name(data_T *data, res_T *res, kernels::fast) {        \
        kernels::name(data, res, CONFIG_T::n_in);                                                                       \
    }                                                                                                                   \
    template <class data_T, class res_T, typename CONFIG_T> void name(data_T *data, res_T *res, kernels::stock) {       \
        stock_##name<data_T, res_T, CONFIG_T>(data, res);                                                               \
    }                                                                                                                   \
    template <class data_T, class res_T, typename CONFIG_T>                                                             \
    void name(data_T data[CONFIG_T::n_in], res_T res[CONFIG_T::n_in]) {                                                 \
        name<data_T, res_T, CONFIG_T>(data, res, std::integral_constant<bool, kernels::kept<data_T>::known>());         \
    }                                                                                                                   \
    template <class data_T, class res_T, typename CONFIG_T>                                                             \
    void name(hls::stream<data_T> &data, hls::stream<res_T> &res, kernels::fast) {                                      \
        const unsigned packs = CONFIG_T::n_in / res_T::size;                                                            \
        kernels::name(data.next(packs)->data, res.extend(packs)->data, packs * res_T::size);                                 \
        data.skip(packs);                                                                                               \
    }                                                                                                                   \
    template <class data_T, class res_T, typename CONFIG_T>                                                             \
    void name(hls::stream<data_T> &data, hls::stream<res_T> &res, kernels::stock) {                                     \
        stock_##name<data_T, res_T, CONFIG_T>(data, res);                                                               \
    }                                                                                                                   \
    template <class data_T, class res_T, typename CONFIG_T>                                                             \
    void name(hls::stream<data_T> &data, hls::stream<res_T> &res) {                                                     \
        name<data_T, res_T, CONFIG_T>(                                                                                  \
            data, res,                                                                                                  \
            std::integral_constant<bool, kernels::packs<data_T>::known && kernels::packs<res_T>::known &&               \
                                             unsigned(data_T::size) == unsigned(res_T::size)>());                       \
    }
namespace nnet {
KERNELS_ACTIVATION(relu)
KERNELS_ACTIVATION(linear)
} // namespace nnet
#undef KERNELS_ACTIVATION
#endif
