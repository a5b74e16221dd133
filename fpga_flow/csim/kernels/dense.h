// nnet::dense_latency and the functions of nnet_dense_resource.h.
#ifndef FPGA_FLOW_KERNELS_DENSE_H
#define FPGA_FLOW_KERNELS_DENSE_H
#include "core.h"
#include <assert.h>
#include <math.h>

#define dense_latency stock_dense_latency
#include "nnet_utils/nnet_dense_latency.h"
#undef dense_latency
#define dense_resource stock_dense_resource
#define dense_resource_rf_leq_nin stock_dense_resource_rf_leq_nin
#define dense_resource_rf_gt_nin_rem0 stock_dense_resource_rf_gt_nin_rem0
#define dense_resource_rf_gt_nin stock_dense_resource_rf_gt_nin
#include "nnet_utils/nnet_dense_resource.h"
#undef dense_resource
#undef dense_resource_rf_leq_nin
#undef dense_resource_rf_gt_nin_rem0
#undef dense_resource_rf_gt_nin

namespace kernels {

template <Order O, class Config, class X, class R, class W, class B>
void dense(const X *data, R *res, const W *weights, const B *biases) {
    typedef sums<X, Config> S;
    typename S::type x[Config::n_in], acc[Config::n_out];
    load<S::up>(data, x, Config::n_in);
    load_biases<typename S::accum_t>(biases, acc, Config::n_out);
    multiply(O, x, native(weights), acc, Config::n_in, Config::n_out, S::drop);
    store<typename S::accum_t>(acc, res, Config::n_out);
}

// Whether the functions of nnet_dense_resource.h take each weight once. Otherwise they end with an assertion, or read
// beyond the arrays.
template <class Config> constexpr bool leq_nin() {
    return Config::reuse_factor <= Config::n_in && Config::n_in % Config::reuse_factor == 0;
}
template <class Config> constexpr bool gt_nin_rem0() {
    return Config::reuse_factor > Config::n_in && Config::reuse_factor % Config::n_in == 0 && Config::n_out > 1;
}
template <class Config> constexpr bool gt_nin() {
    return Config::reuse_factor > Config::n_in && Config::reuse_factor % Config::n_in != 0;
}

} // namespace kernels

#define KERNELS_DENSE(name, order, condition)                                                                           \
    template <class data_T, class res_T, typename CONFIG_T>                                                             \
    void name(data_T *data, res_T *res, typename CONFIG_T::weight_t *weights, typename CONFIG_T::bias_t *biases,        \
              kernels::fast) {                                                                                          \
        kernels::dense<kernels::order, CONFIG_T>(data, res, weights, biases);                                           \
    }                                                                                                                   \
    template <class data_T, class res_T, typename CONFIG_T>                                                             \
    void name(data_T *data, res_T *res, typename CONFIG_T::weight_t *weights, typename CONFIG_T::bias_t *biases,        \
              kernels::stock) {                                                                                         \
        stock_##name<data_T, res_T, CONFIG_T>(data, res, weights, biases);                                              \
    }                                                                                                                   \
    template <class data_T, class res_T, typename CONFIG_T>                                                             \
    void name(data_T data[CONFIG_T::n_in], res_T res[CONFIG_T::n_out],                                                  \
              typename CONFIG_T::weight_t weights[CONFIG_T::n_in * CONFIG_T::n_out],                                    \
              typename CONFIG_T::bias_t biases[CONFIG_T::n_out]) {                                                      \
        name<data_T, res_T, CONFIG_T>(                                                                                  \
            data, res, weights, biases,                                                                                 \
            std::integral_constant<bool, kernels::sums<data_T, CONFIG_T>::exact && (condition)>());                     \
    }
namespace nnet {
KERNELS_DENSE(dense_latency, by_input, true)
KERNELS_DENSE(dense_resource_rf_leq_nin, by_output, kernels::leq_nin<CONFIG_T>())
KERNELS_DENSE(dense_resource_rf_gt_nin_rem0, by_output, kernels::gt_nin_rem0<CONFIG_T>())
KERNELS_DENSE(dense_resource_rf_gt_nin, by_output, kernels::gt_nin<CONFIG_T>())
KERNELS_DENSE(dense_resource, by_output,
              kernels::leq_nin<CONFIG_T>() || kernels::gt_nin_rem0<CONFIG_T>() || kernels::gt_nin<CONFIG_T>())
} // namespace nnet
#undef KERNELS_DENSE
#endif
