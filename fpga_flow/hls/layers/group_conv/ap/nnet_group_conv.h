#ifndef NNET_GROUP_CONV_H_
#define NNET_GROUP_CONV_H_

#include "ap_shift_reg.h"
#include "hls_stream.h"
#include "nnet_common.h"
#include "nnet_conv_stream.h"
#include "nnet_mult.h"

// A convolution whose filters read the channels of their group only, and pixels that lie `dilation` apart. There is no
// padding; a sequence is an image of one row.
//
// Weights lie as (window and channels of a group, filters) with the latency strategy, and as (filters, window and channels
// of a group) with the resource strategy.

namespace nnet {

struct group_conv_config {
    static const unsigned in_height = 1;
    static const unsigned in_width = 10;
    static const unsigned n_chan = 4;
    static const unsigned filt_height = 1;
    static const unsigned filt_width = 3;
    static const unsigned n_filt = 4;
    static const unsigned stride_height = 1;
    static const unsigned stride_width = 1;
    static const unsigned dilation_height = 1;
    static const unsigned dilation_width = 1;
    static const unsigned out_height = 1;
    static const unsigned out_width = 8;
    static const unsigned groups = 2;
    static const unsigned reuse_factor = 1;
    static const unsigned strategy = nnet::latency;
    static const unsigned multiplier_limit = 24;
    typedef float accum_t;
    typedef float weight_t;
    typedef float bias_t;
};

// Sizes that follow from those of a configuration.
template <typename CONFIG_T> struct group_conv_sizes {
    static const unsigned kernel_size = CONFIG_T::filt_height * CONFIG_T::filt_width;
    static const unsigned group_chan = CONFIG_T::n_chan / CONFIG_T::groups;
    static const unsigned group_filt = CONFIG_T::n_filt / CONFIG_T::groups;
    static const unsigned n_in = kernel_size * group_chan; // of each filter
    static const unsigned n_window = kernel_size * CONFIG_T::n_chan;
    static const unsigned n_weights = n_in * CONFIG_T::n_filt;
};

// The window as hls4ml's line buffer keeps it: all pixels from the first to the last that a filter reads. Registers that
// none reads are not built.
template <typename CONFIG_T> struct group_conv_line_buffer {
    static const unsigned in_width = CONFIG_T::in_width;
    static const unsigned n_chan = CONFIG_T::n_chan;
    static const unsigned filt_height = (CONFIG_T::filt_height - 1) * CONFIG_T::dilation_height + 1;
    static const unsigned filt_width = (CONFIG_T::filt_width - 1) * CONFIG_T::dilation_width + 1;
};

// What the filters read of a channels-last image of `width` pixels a row, from its pixel (row, column) on, the values of
// each group after each other.
template <class data_T, typename CONFIG_T>
void group_conv_window(data_T *image, unsigned width, unsigned row, unsigned column,
                       data_T window[group_conv_sizes<CONFIG_T>::n_window]) {
    #pragma HLS INLINE
    typedef group_conv_sizes<CONFIG_T> S;

WindowGroupLoop:
    for (unsigned g = 0; g < CONFIG_T::groups; g++) {
        #pragma HLS UNROLL
    WindowHeightLoop:
        for (unsigned i = 0; i < CONFIG_T::filt_height; i++) {
            #pragma HLS UNROLL
        WindowWidthLoop:
            for (unsigned j = 0; j < CONFIG_T::filt_width; j++) {
                #pragma HLS UNROLL
                const unsigned pixel = (row + i * CONFIG_T::dilation_height) * width + column + j * CONFIG_T::dilation_width;
                const unsigned place = (g * S::kernel_size + i * CONFIG_T::filt_width + j) * S::group_chan;
            WindowChannelLoop:
                for (unsigned c = 0; c < S::group_chan; c++) {
                    #pragma HLS UNROLL
                    window[place + c] = image[pixel * CONFIG_T::n_chan + g * S::group_chan + c];
                }
            }
        }
    }
}

// All filters at one position, weights as constants of the logic.
template <class data_T, class res_T, typename CONFIG_T>
void group_filters_latency(data_T window[group_conv_sizes<CONFIG_T>::n_window], res_T res[CONFIG_T::n_filt],
                           typename CONFIG_T::weight_t weights[group_conv_sizes<CONFIG_T>::n_weights],
                           typename CONFIG_T::bias_t biases[CONFIG_T::n_filt]) {
    typedef group_conv_sizes<CONFIG_T> S;
    typedef typename CONFIG_T::accum_t accum_t;
    #pragma HLS function_instantiate variable=weights,biases
    #pragma HLS PIPELINE II=CONFIG_T::reuse_factor
    #pragma HLS ARRAY_PARTITION variable=weights complete
    #pragma HLS ARRAY_PARTITION variable=biases complete
    #pragma HLS ALLOCATION operation instances=mul limit=CONFIG_T::multiplier_limit

FilterLoop:
    for (unsigned j = 0; j < CONFIG_T::n_filt; j++) {
        #pragma HLS UNROLL
        accum_t acc = (accum_t)biases[j];
    ProductLoop:
        for (unsigned i = 0; i < S::n_in; i++) {
            #pragma HLS UNROLL
            acc += (accum_t)product::mult<data_T, typename CONFIG_T::weight_t>::product(
                window[j / S::group_filt * S::n_in + i], weights[i * CONFIG_T::n_filt + j]);
        }
        res[j] = (res_T)acc;
    }
}

// All filters at one position, weights in memory: each multiplier takes `reuse_factor` of them, one after the other. These
// are of one filter if they are no more than it has, else of whole filters.
template <class data_T, class res_T, typename CONFIG_T>
void group_filters_resource(data_T window[group_conv_sizes<CONFIG_T>::n_window], res_T res[CONFIG_T::n_filt],
                            typename CONFIG_T::weight_t weights[group_conv_sizes<CONFIG_T>::n_weights],
                            typename CONFIG_T::bias_t biases[CONFIG_T::n_filt]) {
    typedef group_conv_sizes<CONFIG_T> S;
    typedef typename CONFIG_T::accum_t accum_t;
    constexpr unsigned block_factor = DIV_ROUNDUP(S::n_weights, CONFIG_T::reuse_factor);
    #pragma HLS function_instantiate variable=weights,biases
    #pragma HLS ARRAY_RESHAPE variable=weights block factor=block_factor
    #pragma HLS ARRAY_PARTITION variable=biases complete
    static_assert(CONFIG_T::strategy == nnet::latency ||
                      (S::n_weights % CONFIG_T::reuse_factor == 0 &&
                       (S::n_in % CONFIG_T::reuse_factor == 0 || CONFIG_T::reuse_factor % S::n_in == 0)),
                  "the reuse factor must divide a filter's weights, or be that of whole filters");

    accum_t acc[CONFIG_T::n_filt];
    #pragma HLS ARRAY_PARTITION variable=acc complete

BiasLoop:
    for (unsigned j = 0; j < CONFIG_T::n_filt; j++) {
        #pragma HLS UNROLL
        acc[j] = (accum_t)biases[j];
    }

ReuseLoop:
    for (unsigned i = 0; i < CONFIG_T::reuse_factor; i++) {
        #pragma HLS PIPELINE II=1 rewind
        const bool whole = CONFIG_T::reuse_factor > S::n_in;
        const unsigned filter = whole ? i / S::n_in : 0; // behind that of a multiplier's first weight
        const unsigned value = whole ? i % S::n_in : i;

    MultiplierLoop:
        for (unsigned m = 0; m < block_factor; m++) {
            #pragma HLS UNROLL
            const unsigned first = m * CONFIG_T::reuse_factor;
            const unsigned j = first / S::n_in + filter;
            acc[j] += (accum_t)product::mult<data_T, typename CONFIG_T::weight_t>::product(
                window[j / S::group_filt * S::n_in + first % S::n_in + value], weights[first + i]);
        }
    }

ResultLoop:
    for (unsigned j = 0; j < CONFIG_T::n_filt; j++) {
        #pragma HLS UNROLL
        res[j] = (res_T)acc[j];
    }
}

template <class data_T, class res_T, typename CONFIG_T>
void group_filters(data_T window[group_conv_sizes<CONFIG_T>::n_window], res_T res[CONFIG_T::n_filt],
                   typename CONFIG_T::weight_t weights[group_conv_sizes<CONFIG_T>::n_weights],
                   typename CONFIG_T::bias_t biases[CONFIG_T::n_filt]) {
    #pragma HLS INLINE
    if (CONFIG_T::strategy == nnet::latency)
        group_filters_latency<data_T, res_T, CONFIG_T>(window, res, weights, biases);
    else
        group_filters_resource<data_T, res_T, CONFIG_T>(window, res, weights, biases);
}

// Arrays: one position after the other.
template <class data_T, class res_T, typename CONFIG_T>
void group_conv(data_T data[CONFIG_T::in_height * CONFIG_T::in_width * CONFIG_T::n_chan],
                res_T res[CONFIG_T::out_height * CONFIG_T::out_width * CONFIG_T::n_filt],
                typename CONFIG_T::weight_t weights[group_conv_sizes<CONFIG_T>::n_weights],
                typename CONFIG_T::bias_t biases[CONFIG_T::n_filt]) {
    typedef group_conv_sizes<CONFIG_T> S;

PositionLoop:
    for (unsigned i = 0; i < CONFIG_T::out_height * CONFIG_T::out_width; i++) {
        if (CONFIG_T::strategy == nnet::latency) {
            #pragma HLS PIPELINE II=CONFIG_T::reuse_factor rewind
        }
        data_T window[S::n_window];
        #pragma HLS ARRAY_PARTITION variable=window complete
        res_T filtered[CONFIG_T::n_filt];
        #pragma HLS ARRAY_PARTITION variable=filtered complete

        group_conv_window<data_T, CONFIG_T>(data, CONFIG_T::in_width, i / CONFIG_T::out_width * CONFIG_T::stride_height,
                                            i % CONFIG_T::out_width * CONFIG_T::stride_width, window);
        group_filters<data_T, res_T, CONFIG_T>(window, filtered, weights, biases);

    PositionResultLoop:
        for (unsigned j = 0; j < CONFIG_T::n_filt; j++) {
            #pragma HLS UNROLL
            res[i * CONFIG_T::n_filt + j] = filtered[j];
        }
    }
}

// Whether a window ends at this place along an axis.
template <unsigned reach, unsigned stride> bool group_conv_window_ends(unsigned place) {
    #pragma HLS INLINE
    return place >= reach - 1 && (place - (reach - 1)) % stride == 0;
}

// Streams: a line buffer.
template <class data_T, class res_T, typename CONFIG_T>
void group_conv(hls::stream<data_T> &data, hls::stream<res_T> &res,
                typename CONFIG_T::weight_t weights[group_conv_sizes<CONFIG_T>::n_weights],
                typename CONFIG_T::bias_t biases[CONFIG_T::n_filt]) {
    typedef group_conv_sizes<CONFIG_T> S;
    typedef group_conv_line_buffer<CONFIG_T> L;
    typedef typename data_T::value_type data_t;
    typedef typename res_T::value_type res_t;
    static_assert(data_T::size == CONFIG_T::n_chan && res_T::size == CONFIG_T::n_filt, "a word is a pixel");

    static ap_shift_reg<data_t, CONFIG_T::in_width> lines[MAX(L::filt_height - 1, 1)][CONFIG_T::n_chan];
    #pragma HLS ARRAY_PARTITION variable=lines complete dim=2
    static data_t reached[L::filt_height * L::filt_width * CONFIG_T::n_chan];
    #pragma HLS ARRAY_PARTITION variable=reached complete

ReadInputHeight:
    for (unsigned i = 0; i < CONFIG_T::in_height; i++) {
    ReadInputWidth:
        for (unsigned j = 0; j < CONFIG_T::in_width; j++) {
            #pragma HLS LOOP_FLATTEN
            if (CONFIG_T::strategy == nnet::latency) {
                #pragma HLS PIPELINE II=CONFIG_T::reuse_factor
            }
            data_T in = data.read();
            if (L::filt_height > 1)
                shift_line_buffer<data_T, L>(in, lines, reached);
            else
                kernel_shift_1d<data_T, L>(in, reached);

            if (group_conv_window_ends<L::filt_height, CONFIG_T::stride_height>(i) &&
                group_conv_window_ends<L::filt_width, CONFIG_T::stride_width>(j)) {
                data_t window[S::n_window];
                #pragma HLS ARRAY_PARTITION variable=window complete
                res_t filtered[CONFIG_T::n_filt];
                #pragma HLS ARRAY_PARTITION variable=filtered complete

                group_conv_window<data_t, CONFIG_T>(reached, L::filt_width, 0, 0, window);
                group_filters<data_t, res_t, CONFIG_T>(window, filtered, weights, biases);

                res_T out;
                PRAGMA_DATA_PACK(out)
            PackLoop:
                for (unsigned f = 0; f < CONFIG_T::n_filt; f++) {
                    #pragma HLS UNROLL
                    out[f] = filtered[f];
                }
                res.write(out);
            }
        }
    }
}

} // namespace nnet

#endif
