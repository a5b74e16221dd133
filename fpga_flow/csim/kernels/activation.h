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

// R(x) for x > 0. Where the rounded number lies in the range of R, it needs none of what the conversion does for others.
template <class R, class X, bool Known> struct convert_positive {
    static R of(const X &x) { return R(x); }
};
template <int W, int I, bool S, ap_q_mode Q, ap_o_mode O, class X>
struct convert_positive<ap_fixed_base<W, I, S, Q, O, 0>, X, true> {
    typedef ap_fixed_base<W, I, S, Q, O, 0> R;
    enum { dropped = int(kept<X>::fraction) - (W - I), down = dropped > 0 ? dropped : 0, up = dropped < 0 ? -dropped : 0 };
    static R of(const X &x) {
        const ap_slong v = x.V.v, highest = (1ll << (W - S)) - 1;
        if (up > 0 && v > highest >> up)
            return R(x);
        ap_slong whole = (v >> down) << up;
        if (down > 0) {
            const ap_slong rest = v & ((1ll << down) - 1), half = (1ll << down) >> 1;
            if (Q == AP_RND || Q == AP_RND_INF)
                whole += rest >= half;
            else if (Q == AP_RND_ZERO || Q == AP_RND_MIN_INF)
                whole += rest > half;
            else if (Q == AP_RND_CONV)
                whole += rest > half || (rest == half && (whole & 1));
        }
        if (whole > highest)
            return R(x);
        R r;
        r.set_bits(typename R::calc(whole));
        return r;
    }
};
template <class R, class X> struct rounds_simply {
    enum {
        dropped = int(kept<X>::fraction) - int(kept<R>::fraction),
        value = kept<R>::known && int(kept<X>::width) < 62 && int(kept<R>::width) < 62 && dropped < 62 && -dropped < 62
    };
};

// One function for all layers of a pair of types.
template <class X, class R> __attribute__((noinline)) void relu(const X *from, R *to, unsigned count) {
    const R zero = 0;
    for (unsigned i = 0; i < count; i++)
        to[i] = from[i].V.v > 0 ? convert_positive<R, X, rounds_simply<R, X>::value>::of(from[i]) : zero;
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
