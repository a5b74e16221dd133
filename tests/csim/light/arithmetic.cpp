// The operators of pairs of fixed-point types, of all pairs of values, and accumulation into narrower types.
#include "compare.h"
#include <type_traits>

template <class A, class B> void operators() {
    Case c("operators " + name_of<A>() + " " + name_of<B>());
    for (int i = 0; i < 1 << A::width; i++)
        for (int j = 0; j < 1 << B::width; j++) {
            const A a = from_bits<A>(i);
            const B b = from_bits<B>(j);
            put(c, a + b);
            put(c, a - b);
            put(c, a * b);
            put(c, a & b);
            put(c, a | b);
            put(c, a ^ b);
            if (b != B(0)) // the bundled types divide natively: a division by zero is a signal
                put(c, a / b);
            c.add((a < b) + 2 * (a <= b) + 4 * (a > b) + 8 * (a >= b) + 16 * (a == b) + 32 * (a != b));
        }
}

// If I is larger than W, the bundled ++ and -- add a number of no bits, and do not compile.
template <class T> void steps(Case &, T &, std::false_type) {}
template <class T> void steps(Case &c, T &x, std::true_type) {
    put(c, ++x);
    put(c, x--);
    put(c, x);
}

template <class Sum, class A> void accumulate() {
    Case c("accumulate " + name_of<Sum>() + " " + name_of<A>());
    for (int i = 0; i < 1 << Sum::width; i++)
        for (int j = 0; j < 1 << A::width; j++) {
            const A a = from_bits<A>(j);
            Sum s = from_bits<Sum>(i), d = s, m = s, o = s;
            for (int k = 0; k < 4; k++) {
                s += a;
                put(c, s);
                d -= a;
                put(c, d);
            }
            m *= a;
            put(c, m);
            o |= a;
            put(c, o);
            o ^= a;
            put(c, o);
            if (a != A(0)) {
                m = s;
                m /= a;
                put(c, m);
            }
            steps(c, s, std::integral_constant<bool, (Sum::width >= Sum::iwidth)>());
            put(c, -s);
            put(c, ~s);
            c.add(!s);
        }
}

// A signed accumulator in every mode.
template <int W, int I, ap_q_mode Q, class A> void into_modes() {
    accumulate<ap_fixed<W, I, Q, AP_SAT>, A>();
    accumulate<ap_fixed<W, I, Q, AP_SAT_ZERO>, A>();
    accumulate<ap_fixed<W, I, Q, AP_SAT_SYM>, A>();
    accumulate<ap_fixed<W, I, Q, AP_WRAP>, A>();
    accumulate<ap_fixed<W, I, Q, AP_WRAP_SM>, A>();
}
template <int W, int I, class A> void into() {
    into_modes<W, I, AP_RND, A>();
    into_modes<W, I, AP_TRN, A>();
#ifdef LARGE
    into_modes<W, I, AP_RND_ZERO, A>();
    into_modes<W, I, AP_RND_MIN_INF, A>();
    into_modes<W, I, AP_RND_INF, A>();
    into_modes<W, I, AP_RND_CONV, A>();
    into_modes<W, I, AP_TRN_ZERO, A>();
#endif
    accumulate<ap_ufixed<W, I, AP_RND, AP_SAT>, A>();
    accumulate<ap_ufixed<W, I, AP_TRN, AP_WRAP>, A>();
}

template <class A> void with_all() {
    operators<A, ap_fixed<4, 2>>();
    operators<A, ap_ufixed<3, 2>>();
    operators<A, ap_fixed<3, -1>>();
    operators<A, ap_ufixed<2, 4>>();
    operators<A, ap_fixed<1, 1, AP_RND, AP_SAT_SYM>>();
    operators<A, ap_ufixed<1, 0>>();
#ifdef LARGE
    operators<A, ap_fixed<5, 1, AP_TRN, AP_SAT_SYM>>();
    operators<A, ap_fixed<3, 5>>();
    operators<A, ap_ufixed<4, -2>>();
    operators<A, ap_fixed<1, -1>>();
    operators<A, ap_ufixed<6, 3>>();
    operators<A, ap_fixed<8, 3>>();
#endif
}

int main() {
    with_all<ap_fixed<4, 2>>();
    with_all<ap_ufixed<3, 2>>();
    with_all<ap_fixed<3, -1>>();
    with_all<ap_ufixed<2, 4>>();
    with_all<ap_fixed<1, 1>>();
    with_all<ap_ufixed<1, 0>>();
    into<3, 1, ap_fixed<4, 1>>();
    into<1, 1, ap_ufixed<3, 2>>();
#ifdef LARGE
    with_all<ap_fixed<5, 1, AP_TRN, AP_SAT_SYM>>();
    with_all<ap_fixed<3, 5>>();
    with_all<ap_ufixed<4, -2>>();
    with_all<ap_fixed<1, -1>>();
    with_all<ap_ufixed<6, 3>>();
    with_all<ap_fixed<8, 3>>();
    into<4, 2, ap_ufixed<5, 1>>();
    into<4, 6, ap_fixed<5, 3>>();
    into<3, -1, ap_fixed<5, 1>>();
    into<1, 0, ap_fixed<4, 2>>();
#endif
}
