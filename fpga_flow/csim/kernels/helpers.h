// nnet::load_weights_from_txt: one reader for all ap_fixed types, instead of a stream for each number.
#ifndef FPGA_FLOW_KERNELS_HELPERS_H
#define FPGA_FLOW_KERNELS_HELPERS_H
#include "ap_fixed.h"
#include "ap_int.h"
#include "hls_stream.h"
#include "native.h"
#include <assert.h> // hls4ml's nnet_helpers.h relies on others to include it

#define load_weights_from_txt stock_load_weights_from_txt
#include "nnet_utils/nnet_helpers.h"
#undef load_weights_from_txt

namespace kernels {

template <class T, size_t Size> struct weights {
    static void read(T *w, const char *name) { nnet::stock_load_weights_from_txt<T, Size>(w, name); }
};
template <int W, int I, bool S, ap_q_mode Q, ap_o_mode O, size_t Size> struct weights<ap_fixed_base<W, I, S, Q, O, 0>, Size> {
    typedef ap_fixed_base<W, I, S, Q, O, 0> T;
    static void convert(const double *from, T *to, size_t count) {
        for (size_t i = 0; i < count; i++)
            to[i] = T(from[i]);
    }
    static void read(T *w, const char *name) {
        Buffer<double> values(Size);
        convert(values.values, w, read_numbers(WEIGHTS_DIR, name, values.values, Size));
    }
};

} // namespace kernels

namespace nnet {
template <class T, size_t SIZE> void load_weights_from_txt(T *w, const char *fname) {
    kernels::weights<T, SIZE>::read(w, fname);
}
} // namespace nnet
#endif
