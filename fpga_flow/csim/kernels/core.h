// What the kernels share: which types sums can be computed for in native integers, and the way from ap types to native
// integers and back. The arithmetic stands in kernels.cpp, which is compiled once for all projects.
//
// An accumulator that wraps and truncates holds the sum of what it is given modulo 2^W, whatever the order. So the sum may be
// computed modulo 2^32 or 2^64, and cut to W bits at the end. If the accumulator has fewer bits below the point than the
// products have, each product is rounded down first.
#ifndef FPGA_FLOW_KERNELS_CORE_H
#define FPGA_FLOW_KERNELS_CORE_H

#ifdef CSIM_COUNT
#error "the kernels count no overflows: compile the project's own code"
#endif

#include "helpers.h"
#include "nnet_utils/nnet_mult.h"
#include "nnet_utils/nnet_types.h"
#include <type_traits>

namespace kernels {

// How an ap type is kept. `known`: in a native integer of 64 bits or less; `wraps`: assigning to it only drops bits.
template <class T> struct kept {
    typedef void type;
    enum { known = 0, is_signed = 0, wraps = 0, width = 0, fraction = 0 };
};
template <int W, int I, bool S, ap_q_mode Q, ap_o_mode O> struct kept<ap_fixed_base<W, I, S, Q, O, 0>> {
    typedef typename light::raw<W, S>::type type;
    enum { known = W <= 64, is_signed = S, wraps = known && Q == AP_TRN && O == AP_WRAP, width = W, fraction = W - I };
};
template <int W, bool S> struct kept<ap_int_base<W, S>> {
    typedef typename light::raw<W, S>::type type;
    // no accumulator: an ap_int takes the integer part, rounded towards zero, of an ap_fixed
    enum { known = W <= 64, is_signed = S, wraps = 0, width = W, fraction = 0 };
};

// Packs of values in a stream.
template <class T> struct packs {
    enum { known = 0 };
};
template <class T, unsigned N> struct packs<nnet::array<T, N>> {
    enum { known = kept<T>::known };
};

// The sums of products of a matrix, for inputs of type X and a dense layer's configuration: whether native integers give
// them, of which type, and by how many bits the products are to be shifted to the accumulator's point.
template <class X, class Config> struct sums {
    typedef typename Config::accum_t accum_t;
    typedef typename Config::weight_t weight_t;
    enum {
        shift = int(kept<accum_t>::fraction) - int(kept<X>::fraction) - int(kept<weight_t>::fraction),
        up = shift > 0 ? shift : 0,
        product_width = int(kept<X>::width) + int(kept<weight_t>::width) + !(kept<X>::is_signed || kept<weight_t>::is_signed),
        // a product whose lowest bits are dropped must fit
        width = shift < 0 && int(product_width) > int(kept<accum_t>::width) ? int(product_width) : int(kept<accum_t>::width),
        // dropping all of a product leaves its sign
        drop = shift >= 0 ? 0 : -shift < (width <= 32 ? 31 : 63) ? -shift : (width <= 32 ? 31 : 63),
        // nnet::cast does something else than to convert if both types are ap_uint<1>
        exact = kept<X>::known && kept<weight_t>::known && kept<accum_t>::wraps && width <= 64 &&
                std::is_same<typename Config::template product<X, weight_t>, nnet::product::mult<X, weight_t>>::value &&
                !(std::is_same<X, ap_uint<1>>::value && std::is_same<weight_t, ap_uint<1>>::value)
    };
    typedef typename std::conditional<(width <= 32), uint32_t, uint64_t>::type type;
};

template <int Shift, class X, class U> __attribute__((noinline)) void load(const X *from, U *to, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        to[i] = Shift < 8 * int(sizeof(U)) ? U(from[i].V.v) << (Shift & 63) : U(0);
}

template <class A, class B, class U> __attribute__((noinline)) void load_biases(const B *from, U *to, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        to[i] = U(A(from[i]).V.v);
}

template <class A, class U, class R> __attribute__((noinline)) void store(const U *from, R *to, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        A sum;
        sum.set_bits(typename A::calc(from[i]));
        to[i] = R(sum);
    }
}

// The weights as native integers.
template <class W> const typename kept<W>::type *native(const W *weights) {
    static_assert(sizeof(W) == sizeof(typename kept<W>::type), "a weight is a native integer and nothing else");
    return &weights->V.v;
}

typedef std::true_type fast;
typedef std::false_type stock;

} // namespace kernels
#endif
