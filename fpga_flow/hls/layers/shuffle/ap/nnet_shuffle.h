#ifndef NNET_SHUFFLE_H_
#define NNET_SHUFFLE_H_

#include "hls_stream.h"
#include "nnet_common.h"

// The channels of each pixel in another order: the first one of each group, then the second one of each, ... .

namespace nnet {

struct shuffle_config {
    static const unsigned n_pixels = 1;
    static const unsigned n_chan = 4;
    static const unsigned groups = 2;
};

// The channel that stands at a place behind the shuffle.
template <typename CONFIG_T> unsigned shuffled_channel(unsigned place) {
    #pragma HLS INLINE
    return place % CONFIG_T::groups * (CONFIG_T::n_chan / CONFIG_T::groups) + place / CONFIG_T::groups;
}

template <class data_T, class res_T, typename CONFIG_T>
void channel_shuffle(data_T data[CONFIG_T::n_pixels * CONFIG_T::n_chan],
                     res_T res[CONFIG_T::n_pixels * CONFIG_T::n_chan]) {
    #pragma HLS INLINE

ShufflePixelLoop:
    for (unsigned i = 0; i < CONFIG_T::n_pixels; i++) {
        #pragma HLS UNROLL
    ShuffleChannelLoop:
        for (unsigned j = 0; j < CONFIG_T::n_chan; j++) {
            #pragma HLS UNROLL
            res[i * CONFIG_T::n_chan + j] = data[i * CONFIG_T::n_chan + shuffled_channel<CONFIG_T>(j)];
        }
    }
}

template <class data_T, class res_T, typename CONFIG_T>
void channel_shuffle(hls::stream<data_T> &data, hls::stream<res_T> &res) {
    typedef typename data_T::value_type data_t;
    static_assert(res_T::size == CONFIG_T::n_chan && CONFIG_T::n_chan % data_T::size == 0, "a word is a pixel");

ShuffleStreamLoop:
    for (unsigned i = 0; i < CONFIG_T::n_pixels; i++) {
        #pragma HLS PIPELINE

        data_t pixel[CONFIG_T::n_chan];
        #pragma HLS ARRAY_PARTITION variable=pixel complete

    ShuffleReadLoop: // behind a flattened image, a word holds fewer than all channels
        for (unsigned k = 0; k < CONFIG_T::n_chan; k += data_T::size) {
            data_T in = data.read();

        ShuffleUnpackLoop:
            for (unsigned j = 0; j < data_T::size; j++) {
                #pragma HLS UNROLL
                pixel[k + j] = in[j];
            }
        }

        res_T out;
        PRAGMA_DATA_PACK(out)

    ShufflePackLoop:
        for (unsigned j = 0; j < CONFIG_T::n_chan; j++) {
            #pragma HLS UNROLL
            out[j] = pixel[shuffled_channel<CONFIG_T>(j)];
        }

        res.write(out);
    }
}

} // namespace nnet

#endif
