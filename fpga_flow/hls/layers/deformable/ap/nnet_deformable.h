#ifndef NNET_DEFORMABLE_H_
#define NNET_DEFORMABLE_H_

#include "ap_fixed.h"
#include "nnet_common.h"

// An image sampled for a deformable convolution: at each place of the kernel, shifted by an offset downwards and one to
// the right, clamped to the image, with bilinear interpolation. Every type holds every value, so that nothing is rounded.
// The output's positions are computed one after the other, the places and channels of each at once.

namespace nnet {

struct deformable_config {
    static const unsigned in_height = 8;
    static const unsigned in_width = 8;
    static const unsigned n_chan = 1;
    static const unsigned out_height = 8;
    static const unsigned out_width = 8;
    static const unsigned filt_height = 3;
    static const unsigned filt_width = 3;
    static const unsigned stride_height = 1;
    static const unsigned stride_width = 1;
    static const unsigned pad_top = 1;
    static const unsigned pad_left = 1;
    typedef ap_fixed<8, 5> position_t;
    typedef ap_ufixed<4, 1> share_t;
};

// The pixels before and behind a position along an axis, and how far it lies from the former.
template <typename CONFIG_T> struct deformable_position {
    unsigned before, behind;
    typename CONFIG_T::share_t share;
};

template <class offset_T, typename CONFIG_T>
deformable_position<CONFIG_T> deformable_clamp(int start, offset_T offset, int size) {
    #pragma HLS INLINE
    typename CONFIG_T::position_t position = offset;
    position += start;
    if (position < 0)
        position = 0;
    if (position > size - 1)
        position = size - 1;
    deformable_position<CONFIG_T> found;
    const int before = position.to_int();
    found.before = before;
    found.behind = before + 1 < size ? before + 1 : before;
    found.share = position - before;
    return found;
}

template <class T, class share_T> auto deformable_between(T one, T other, share_T share) -> decltype(one + (other - one) * share) {
    #pragma HLS INLINE
    return one + (other - one) * share;
}

template <class data_T, class offset_T, class res_T, typename CONFIG_T>
void deformable(
    data_T data[CONFIG_T::in_height * CONFIG_T::in_width * CONFIG_T::n_chan],
    offset_T offsets[CONFIG_T::out_height * CONFIG_T::out_width * CONFIG_T::filt_height * CONFIG_T::filt_width * 2],
    res_T res[CONFIG_T::out_height * CONFIG_T::out_width * CONFIG_T::filt_height * CONFIG_T::filt_width * CONFIG_T::n_chan]) {
    static const unsigned taps = CONFIG_T::filt_height * CONFIG_T::filt_width;

PositionLoop:
    for (unsigned position = 0; position < CONFIG_T::out_height * CONFIG_T::out_width; position++) {
        #pragma HLS PIPELINE
        const int top = int(position / CONFIG_T::out_width * CONFIG_T::stride_height) - int(CONFIG_T::pad_top);
        const int left = int(position % CONFIG_T::out_width * CONFIG_T::stride_width) - int(CONFIG_T::pad_left);

    TapLoop:
        for (unsigned tap = 0; tap < taps; tap++) {
            #pragma HLS UNROLL
            const unsigned at = position * taps + tap;
            const int row = top + int(tap / CONFIG_T::filt_width), column = left + int(tap % CONFIG_T::filt_width);
            const deformable_position<CONFIG_T> down =
                deformable_clamp<offset_T, CONFIG_T>(row, offsets[2 * at], CONFIG_T::in_height);
            const deformable_position<CONFIG_T> right =
                deformable_clamp<offset_T, CONFIG_T>(column, offsets[2 * at + 1], CONFIG_T::in_width);
            const unsigned upper = down.before * CONFIG_T::in_width, lower = down.behind * CONFIG_T::in_width;

        ChannelLoop:
            for (unsigned channel = 0; channel < CONFIG_T::n_chan; channel++) {
                #pragma HLS UNROLL
                res[at * CONFIG_T::n_chan + channel] = deformable_between(
                    deformable_between(data[(upper + right.before) * CONFIG_T::n_chan + channel],
                                       data[(upper + right.behind) * CONFIG_T::n_chan + channel], right.share),
                    deformable_between(data[(lower + right.before) * CONFIG_T::n_chan + channel],
                                       data[(lower + right.behind) * CONFIG_T::n_chan + channel], right.share),
                    down.share);
            }
        }
    }
}

} // namespace nnet

#endif
