// The functions of the bundled hls_math.h: computed in double precision, as there.
#ifndef FPGA_FLOW_LIGHT_HLS_MATH_H
#define FPGA_FLOW_LIGHT_HLS_MATH_H
#include "ap_fixed.h"
#include <cmath>

namespace hls {

template <class T> static T exp(const T x) { return (T)std::exp(x.to_double()); }
template <class T> T sin(T x) { return (T)std::sin(x.to_double()); }
template <class T> T cos(T x) { return (T)std::cos(x.to_double()); }
template <class T> T asin(T x) { return (T)std::asin(x.to_double()); }
template <class T> T acos(T x) { return (T)std::acos(x.to_double()); }
template <class T> T atan(T x) { return (T)std::atan(x.to_double()); }

} // namespace hls
#endif
