#ifndef NNET_CRELU_H_
#define NNET_CRELU_H_

#include "nnet_common.h"

// Concatenated ReLU: of each pixel max(x, 0) for all channels, then max(-x, 0) for all channels. The result's type holds
// both without rounding. This is for ac_types.

namespace nnet {

struct crelu_config {
    static const unsigned n_pixels = 1;
    static const unsigned n_chan = 4;
};

template <class data_T, class res_T> res_T positive_part(data_T value) {
    return value > 0 ? res_T(value) : res_T(0);
}

template <class data_T, class res_T> res_T negative_part(data_T value) {
    return value < 0 ? res_T(-value) : res_T(0);
}

template <class data_T, class res_T, typename CONFIG_T>
void crelu(data_T data[CONFIG_T::n_pixels * CONFIG_T::n_chan], res_T res[2 * CONFIG_T::n_pixels * CONFIG_T::n_chan]) {
CReLUPixelLoop:
    #pragma unroll
    for (unsigned i = 0; i < CONFIG_T::n_pixels; i++) {
    CReLUChannelLoop:
        #pragma unroll
        for (unsigned j = 0; j < CONFIG_T::n_chan; j++) {
            const data_T value = data[i * CONFIG_T::n_chan + j];
            res[2 * i * CONFIG_T::n_chan + j] = positive_part<data_T, res_T>(value);
            res[(2 * i + 1) * CONFIG_T::n_chan + j] = negative_part<data_T, res_T>(value);
        }
    }
}

template <class data_T, class res_T, typename CONFIG_T> void crelu(stream<data_T> &data, stream<res_T> &res) {
    typedef typename data_T::value_type data_t;
    typedef typename res_T::value_type res_t;
    static_assert(res_T::size == 2 * CONFIG_T::n_chan && CONFIG_T::n_chan % data_T::size == 0, "a word is a pixel");

CReLUStreamLoop:
    for (unsigned i = 0; i < CONFIG_T::n_pixels; i++) {
        data_t pixel[CONFIG_T::n_chan];

    CReLUReadLoop: // behind a flattened image, a word holds fewer than all channels
        for (unsigned k = 0; k < CONFIG_T::n_chan; k += data_T::size) {
            data_T in = data.read();

        CReLUUnpackLoop:
            #pragma unroll
            for (unsigned j = 0; j < data_T::size; j++) {
                pixel[k + j] = in[j];
            }
        }

        res_T out;

    CReLUPackLoop:
        #pragma unroll
        for (unsigned j = 0; j < CONFIG_T::n_chan; j++) {
            out[j] = positive_part<data_t, res_t>(pixel[j]);
            out[CONFIG_T::n_chan + j] = negative_part<data_t, res_t>(pixel[j]);
        }

        res.write(out);
    }
}

} // namespace nnet

#endif
