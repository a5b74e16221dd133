#ifndef NNET_LOOKUP_H_
#define NNET_LOOKUP_H_

#include "ap_int.h"
#include "hls_stream.h"
#include "nnet_common.h"

// An activation function as a table with the result for each value of its input, in the order of the input's bits read
// as an unsigned number; one table for each channel (last axis), or a single one for all.

namespace nnet {

struct lookup_config {
    static const unsigned n_in = 10;
    static const unsigned table_size = 1024;
    static const unsigned channels = 1;
};

template <class T, typename CONFIG_T> unsigned lookup_index(T value, unsigned element) {
    #pragma HLS INLINE
    ap_uint<T::width> bits = value.range(T::width - 1, 0);
    return element % CONFIG_T::channels * CONFIG_T::table_size + bits.to_uint();
}

template <class data_T, class res_T, typename CONFIG_T>
void lookup(data_T data[CONFIG_T::n_in], res_T res[CONFIG_T::n_in],
            typename CONFIG_T::table_t table[CONFIG_T::channels * CONFIG_T::table_size]) {
    #pragma HLS PIPELINE

LookupLoop:
    for (unsigned i = 0; i < CONFIG_T::n_in; i++) {
        #pragma HLS UNROLL
        res[i] = table[lookup_index<data_T, CONFIG_T>(data[i], i)];
    }
}

template <class data_T, class res_T, typename CONFIG_T>
void lookup(hls::stream<data_T> &data, hls::stream<res_T> &res,
            typename CONFIG_T::table_t table[CONFIG_T::channels * CONFIG_T::table_size]) {
LookupStreamLoop:
    for (unsigned i = 0; i < CONFIG_T::n_in / res_T::size; i++) {
        #pragma HLS PIPELINE

        data_T in = data.read();
        res_T out;
        PRAGMA_DATA_PACK(out)

    LookupPackLoop:
        for (unsigned j = 0; j < res_T::size; j++) {
            #pragma HLS UNROLL
            out[j] = table[lookup_index<typename data_T::value_type, CONFIG_T>(in[j], i * res_T::size + j)];
        }

        res.write(out);
    }
}

} // namespace nnet

#endif
