// Conversions between fixed-point types and from double, in every rounding and overflow mode, of all values.
// LARGE takes more types.
#include "compare.h"

template <class To, class From> void convert_all() {
    Case c("convert " + name_of<From>() + " " + name_of<To>());
    const Values values(From::width);
    for (int i = 0; i < values.number; i++)
        put(c, To(from_bits<From>(values[i])));
}

// Multiples of 1/64 within +-10, and each with next to nothing more or less; powers of two far out; random ones.
template <class To> void doubles() {
    Case c("double " + name_of<To>());
    for (int i = -640; i <= 640; i++) {
        const double tiny[] = {0, 1e-9, -1e-9};
        for (double more : tiny) {
            put(c, To(i / 64.0 + more));
            put(c, To(float(i / 64.0 + more)));
        }
    }
    for (int i = -1000; i <= 1000; i++) {
        put(c, To(__builtin_ldexp(1.0, i)));
        put(c, To(__builtin_ldexp(-1.0, i)));
    }
    for (int i = 0; i < 1000; i++)
        put(c, To(__builtin_ldexp(double(int64_t(random_bits())), int(random_bits() % 80) - 75)));
}

template <class To> void from_all() {
    doubles<To>();
    convert_all<To, ap_fixed<6, 2>>();
    convert_all<To, ap_ufixed<6, 2>>();
    convert_all<To, ap_fixed<4, 6>>();
    convert_all<To, ap_ufixed<5, -1>>();
#ifdef LARGE
    convert_all<To, ap_fixed<1, 1>>();
    convert_all<To, ap_ufixed<1, 0>>();
    convert_all<To, ap_fixed<3, -2>>();
    convert_all<To, ap_ufixed<7, 5>>();
    convert_all<To, ap_fixed<10, 5>>();
    convert_all<To, ap_fixed<7, 3, AP_RND, AP_SAT_SYM>>();
#endif
}

template <ap_q_mode Q, ap_o_mode O, int W, int I> struct Both {
    static void run() {
        from_all<ap_fixed<W, I, Q, O>>();
        from_all<ap_ufixed<W, I, Q, O>>();
    }
};
template <ap_q_mode Q, int W, int I> struct Both<Q, AP_WRAP_SM, W, I> { // the bundled ap_ufixed exits with AP_WRAP_SM
    static void run() { from_all<ap_fixed<W, I, Q, AP_WRAP_SM>>(); }
};

template <ap_q_mode Q, ap_o_mode O> void targets() {
    Both<Q, O, 1, 1>::run();
    Both<Q, O, 3, 1>::run();
#ifdef LARGE
    Both<Q, O, 1, 0>::run();
    Both<Q, O, 1, -1>::run();
    Both<Q, O, 1, 3>::run();
    Both<Q, O, 2, 0>::run();
    Both<Q, O, 2, 2>::run();
    Both<Q, O, 3, 5>::run();
    Both<Q, O, 4, -2>::run();
    Both<Q, O, 4, 2>::run();
    Both<Q, O, 8, 4>::run();
#endif
}
// The further corners, in fewer modes, so that the bundled headers compile in reasonable time.
template <ap_q_mode Q, ap_o_mode O> void corners() {
    Both<Q, O, 1, 0>::run();
    Both<Q, O, 2, 4>::run();
    Both<Q, O, 4, -2>::run();
}
template <ap_q_mode Q> void overflows() {
    targets<Q, AP_SAT>();
    targets<Q, AP_SAT_ZERO>();
    targets<Q, AP_SAT_SYM>();
    targets<Q, AP_WRAP>();
    targets<Q, AP_WRAP_SM>();
}

int main() {
    overflows<AP_RND>();
    overflows<AP_RND_ZERO>();
    overflows<AP_RND_MIN_INF>();
    overflows<AP_RND_INF>();
    overflows<AP_RND_CONV>();
    overflows<AP_TRN>();
    overflows<AP_TRN_ZERO>();
    corners<AP_RND, AP_SAT>();
    corners<AP_RND_CONV, AP_SAT_SYM>();
    corners<AP_TRN, AP_WRAP_SM>();
    corners<AP_TRN_ZERO, AP_SAT_ZERO>();
}
