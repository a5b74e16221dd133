#ifndef NNET_ABSOLUTE_H_
#define NNET_ABSOLUTE_H_

#include "hls_stream.h"
#include "nnet_common.h"

// The magnitude of each value. The result's type holds it without rounding.

namespace nnet {

struct absolute_config {
    static const unsigned n_values = 1;
};

template <class data_T, class res_T> res_T magnitude(data_T value) {
    #pragma HLS INLINE
    return value < 0 ? res_T(-value) : res_T(value);
}

template <class data_T, class res_T, typename CONFIG_T>
void absolute(data_T data[CONFIG_T::n_values], res_T res[CONFIG_T::n_values]) {
    #pragma HLS PIPELINE

AbsoluteLoop:
    for (unsigned i = 0; i < CONFIG_T::n_values; i++) {
        #pragma HLS UNROLL
        res[i] = magnitude<data_T, res_T>(data[i]);
    }
}

template <class data_T, class res_T, typename CONFIG_T>
void absolute(hls::stream<data_T> &data, hls::stream<res_T> &res) {
AbsoluteStreamLoop:
    for (unsigned i = 0; i < CONFIG_T::n_values / data_T::size; i++) {
        #pragma HLS PIPELINE

        data_T in = data.read();
        res_T out;
        PRAGMA_DATA_PACK(out)

    AbsoluteWordLoop:
        for (unsigned j = 0; j < data_T::size; j++) {
            #pragma HLS UNROLL
            out[j] = magnitude<typename data_T::value_type, typename res_T::value_type>(in[j]);
        }

        res.write(out);
    }
}

} // namespace nnet

#endif
