// Random values of types up to 63 bits, with products up to 126, and conversions of these back.
#include "compare.h"

template <class A, class B> void operators() {
    Case c("wide " + name_of<A>() + " " + name_of<B>());
    typedef ap_fixed<20, 8, AP_RND_CONV, AP_SAT_SYM> Narrow;
    typedef ap_ufixed<30, 4, AP_RND, AP_SAT> Unsigned;
    for (int i = 0; i < 3000; i++) {
        const A a = from_bits<A>(random_value(A::width));
        B b = from_bits<B>(random_value(B::width));
        if (i % 5 == 0)
            b = a;
        put(c, a + b);
        put(c, a - b);
        put(c, a * b);
        put(c, a & b);
        put(c, a ^ b);
        put(c, Narrow(a * b));
        put(c, Unsigned(a * b));
        put(c, Narrow(a - b));
        put(c, A(a * b));
        if (b != B(0))
            put(c, a / b);
        c.add((a < b) + 2 * (a <= b) + 4 * (a > b) + 8 * (a >= b) + 16 * (a == b) + 32 * (a != b));
        A s = a;
        put(c, s += b);
        put(c, s -= b);
        put(c, s *= b);
        put(c, -a);
        put(c, ~a);
        c.add(a.to_int());
        c.add(a.to_int64());
        c.add_double(a.to_double());
        c.add_double(a.to_float());
        c.add_double((a * b).to_double());
        c.add_double((a * b).to_float());
        c.add(bool(a));
        c.add((a < 0.3) + 2 * (a <= 1.5f) + 4 * (a > 3.0) + 8 * (0.25 >= a) + 16 * (a == 0.0) + 32 * (1.0 != a));
        const int n = int(random_bits() % 140) - 70;
        put(c, a << n);
        put(c, a >> n);
        put(c, A(a.to_double()));
    }
}

template <class A> void with_all() {
    operators<A, ap_fixed<16, 6>>();
    operators<A, ap_ufixed<31, 12>>();
    operators<A, ap_fixed<63, 20>>();
#ifdef LARGE
    operators<A, ap_fixed<33, 10, AP_RND, AP_SAT>>();
    operators<A, ap_ufixed<32, 1>>();
    operators<A, ap_fixed<48, 31>>();
    operators<A, ap_ufixed<62, 5, AP_RND_CONV, AP_SAT>>();
#endif
}

int main() {
    with_all<ap_fixed<18, 8, AP_RND, AP_SAT>>();
    with_all<ap_ufixed<32, 16>>();
    with_all<ap_fixed<63, 30, AP_RND_CONV, AP_SAT_SYM>>();
#ifdef LARGE
    with_all<ap_fixed<33, 12, AP_TRN_ZERO, AP_SAT_ZERO>>();
    with_all<ap_fixed<31, 1, AP_RND_INF, AP_WRAP_SM>>();
    with_all<ap_ufixed<61, 21, AP_RND_MIN_INF, AP_SAT>>();
#endif
}
