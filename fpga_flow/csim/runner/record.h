// Names of types, and the recording of layers' outputs; it stands behind the project's nnet_helpers.h and in front of its
// other sources, whose calls of save_layer_output become calls of what is defined here.
// CSIM_AC: the types are Siemens' ac_fixed and ac_int, else AMD's ap_fixed and ap_int. CSIM_TRACE: layers are recorded.

#include "runner.h"
#include <cstdio>
#include <vector>

namespace csim {

template <class T> struct type_name { // of an array's elements, or of an AXI packet's data, where it is one
    template <class A> static auto of(char *text, A *, int) -> decltype(type_name<typename A::value_type>::print(text)) {
        return type_name<typename A::value_type>::print(text);
    }
    template <class A> static auto of(char *text, A *, long) -> decltype(type_name<decltype(A::data)>::print(text)) {
        return type_name<decltype(A::data)>::print(text);
    }
    static void of(char *text, ...) { snprintf(text, 64, "other"); }
    static void print(char *text) { of(text, (T *)nullptr, 0); }
};
template <> struct type_name<float> {
    static void print(char *text) { snprintf(text, 64, "float"); }
};
template <> struct type_name<double> {
    static void print(char *text) { snprintf(text, 64, "double"); }
};
template <int W, int I, bool S> struct fixed_name {
    static void print(char *text) { snprintf(text, 64, "%sfixed<%d,%d>", S ? "" : "u", W, I); }
};
#ifdef CSIM_AC
template <int W, int I, bool S, ac_q_mode Q, ac_o_mode O> struct type_name<ac_fixed<W, I, S, Q, O>> : fixed_name<W, I, S> {};
template <int W, bool S> struct type_name<ac_int<W, S>> : fixed_name<W, W, S> {};
#else
template <int W, int I, ap_q_mode Q, ap_o_mode O, int N> struct type_name<ap_fixed<W, I, Q, O, N>> : fixed_name<W, I, true> {};
template <int W, int I, ap_q_mode Q, ap_o_mode O, int N> struct type_name<ap_ufixed<W, I, Q, O, N>> : fixed_name<W, I, false> {};
template <int W> struct type_name<ap_int<W>> : fixed_name<W, W, true> {};
template <int W> struct type_name<ap_uint<W>> : fixed_name<W, W, false> {};
#endif

template <class T> auto value(const T &x) -> decltype(x.to_double()) { return x.to_double(); }
inline double value(double x) { return x; }

inline void take_events(const char *layer) {
#ifdef CSIM_COUNT
    light::take_events([layer](const std::string &type, unsigned long long wrapped, unsigned long long saturated,
                               double lowest, double highest) {
        event(layer, type.c_str(), wrapped, saturated, lowest, highest);
    });
#else
    (void)layer;
#endif
}

#ifdef CSIM_TRACE
template <class T> void record_values(const char *layer, const std::vector<double> &values) {
    char type[64];
    type_name<T>::print(type);
    take_events(layer);
    record(layer, type, values.data(), values.size());
    forget_events(); // of the conversions to double
}
#endif

} // namespace csim

#ifdef CSIM_TRACE
namespace nnet {

template <class T> void csim_record(T *data, const char *layer, size_t size) {
    std::vector<double> values(size);
    for (size_t i = 0; i < size; i++)
        values[i] = csim::value(data[i]);
    csim::record_values<T>(layer, values);
}

#ifndef CSIM_AC
template <class T> void csim_record(hls::stream<T> &data, const char *layer, size_t) {
    std::vector<double> values;
    for (size_t left = data.size(); left > 0; left--) {
        T pack = data.read();
        for (size_t i = 0; i < T::size; i++)
            values.push_back(csim::value(pack[i]));
        data.write(pack);
    }
    csim::record_values<T>(layer, values);
}
#endif

} // namespace nnet
#define save_layer_output csim_record
#endif
