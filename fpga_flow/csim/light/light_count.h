// What happens when values are converted into ap types, counted per type. Part of light_types.h, with CSIM_COUNT defined.
//
// An event is a conversion whose result is not the rounded value: it wrapped around, or saturated. Rounding alone is none.
// Ranges are those of the values before the conversion. Counts are kept for the whole process, without locks.
#ifndef FPGA_FLOW_LIGHT_COUNT_H
#define FPGA_FLOW_LIGHT_COUNT_H

namespace light {

struct tally {
    int W, I;
    bool S;
    ap_ulong wrapped, saturated;
    double lowest, highest;
    bool used;
    tally *next;
};

// Constant: conversions before main() find it ready.
inline tally *&used_tallies() {
    static tally *first = nullptr;
    return first;
}

template <int W, int I, bool S, ap_o_mode O> struct tally_of { static tally value; };
template <int W, int I, bool S, ap_o_mode O> tally tally_of<W, I, S, O>::value = {W, I, S, 0, 0, 0, 0, false, nullptr};

LIGHT_INLINE void note(tally &t, double value, bool event, ap_o_mode o) {
    if (!t.used) {
        t.used = true;
        t.wrapped = t.saturated = 0;
        t.lowest = t.highest = value;
        t.next = used_tallies();
        used_tallies() = &t;
    }
    if (value < t.lowest)
        t.lowest = value;
    if (value > t.highest)
        t.highest = value;
    if (event)
        ++(o == AP_WRAP || o == AP_WRAP_SM ? t.wrapped : t.saturated);
}

// Whether `result`, the bits of a value v of fixed<W2,I2> in a type of `fraction` fractional bits, is v rounded by q.
template <class T> LIGHT_INLINE bool kept(T v, int W2, int I2, int fraction, ap_q_mode q, T result) {
    const int dropped = (W2 - I2) - fraction;
    if (dropped <= 0)
        return right(result, -dropped) == v && (result & ones<T>(AP_MIN(-dropped, int(sizeof(T)) * 8 - 1))) == 0;
    const T down = right(v, dropped);
    const bool negative = v < 0, half = dropped > W2 ? negative : bit(v, dropped - 1), odd = bit(down, 0);
    const bool rest = (v & ones<T>(AP_MIN(dropped - 1, W2))) != 0;
    bool up = false;
    switch (q) {
    case AP_RND: up = half; break;
    case AP_RND_ZERO: up = half && (negative || rest); break;
    case AP_RND_MIN_INF: up = half && rest; break;
    case AP_RND_INF: up = half && (!negative || rest); break;
    case AP_RND_CONV: up = half && (odd || rest); break;
    case AP_TRN: break;
    case AP_TRN_ZERO: up = negative && (half || rest); break;
    }
    return T(down + up) == result;
}

template <int W, int I, bool S, ap_q_mode Q, ap_o_mode O, bool Counted, class T>
LIGHT_INLINE void count(T v, int W2, int I2, T result) {
    if (Counted)
        note(tally_of<W, I, S, O>::value, double(v) * __builtin_ldexp(1.0, I2 - W2), !kept(v, W2, I2, W - I, Q, result), O);
}

// Into an integer of W bits, from an integer. Where all fit nothing is noted: that's what indices do.
template <int W, bool S, int W2, bool S2, class T, class R> LIGHT_INLINE void count_integer(T v, R result) {
    typedef integer_t<max(W + !S, W2 + !S2)> Both;
    if ((S2 && !S) || W - S < W2 - S2)
        note(tally_of<W, W, S, AP_WRAP>::value, double(v), Both(v) != Both(result), AP_WRAP);
}

// Infinity and NaN are events that leave the range alone.
template <int W, int I, bool S, ap_q_mode Q, ap_o_mode O> void count_double(double d, wide result) {
    const parts p(d);
    const bool finite = p.exponent < 1024;
    const bool event = !finite || !kept<wide>(p.zero ? 0 : p.negative ? -p.mantissa : p.mantissa, 54, p.exponent + 2, W - I, Q, result);
    note(tally_of<W, I, S, O>::value, finite ? d : result * __builtin_ldexp(1.0, I - W), event, O);
}

// Calls f(type, wrapped, saturated, lowest, highest) for each type that was converted into since the last call; types that
// differ in what they do on overflow come by themselves.
template <class F> void take_events(F f) {
    for (tally *t = used_tallies(); t != nullptr; t = t->next) {
        t->used = false;
        const std::string type = (t->S ? "fixed<" : "ufixed<") + std::to_string(t->W) + "," + std::to_string(t->I) + ">";
        f(type, t->wrapped, t->saturated, t->lowest, t->highest);
    }
    used_tallies() = nullptr;
}

inline void clear_events() {
    take_events([](const std::string &, ap_ulong, ap_ulong, double, double) {});
}

} // namespace light

#endif
