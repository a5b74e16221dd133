// Compares the short conversion of numbers above 0 with the types' own, for all modes; prints how many were compared.
#include "kernels.h"
#include <cstdio>
#include <random>

static long compared;
static std::mt19937_64 generator(2);

template <class X, class R> void compare() {
    for (int k = 0; k < 400; k++) {
        X x;
        if (X::width <= 8 && k < 256)
            x.set_bits(typename X::calc(k));
        else if (k % 3 == 0) // near few high bits
            x.set_bits(typename X::calc(((generator() % 16) << (generator() % 40)) + generator() % 3 - 1));
        else
            x.set_bits(typename X::calc(generator() >> (generator() % 60)));
        if (!(x.V.v > 0))
            continue;
        compared++;
        const R own(x), quick = kernels::convert_positive<R, X, kernels::rounds_simply<R, X>::value>::of(x);
        if (own.V.v != quick.V.v) {
            printf("fixed<%d,%d> to fixed<%d,%d> with modes %d and %d: %lld became %lld, not %lld\n", X::width, X::iwidth,
                   R::width, R::iwidth, R::qmode, R::omode, (long long)x.V.v, (long long)quick.V.v, (long long)own.V.v);
            exit(1);
        }
    }
}
template <class X, int W, int I, ap_q_mode Q> void overflows() {
    compare<X, ap_fixed<W, I, Q, AP_SAT>>();
    compare<X, ap_fixed<W, I, Q, AP_SAT_ZERO>>();
    compare<X, ap_fixed<W, I, Q, AP_SAT_SYM>>();
    compare<X, ap_fixed<W, I, Q, AP_WRAP>>();
    compare<X, ap_fixed<W, I, Q, AP_WRAP_SM>>();
    compare<X, ap_ufixed<W, I, Q, AP_SAT>>();
    compare<X, ap_ufixed<W, I, Q, AP_WRAP>>();
    compare<X, ap_ufixed<W, I, Q, AP_SAT_ZERO>>();
    compare<X, ap_ufixed<W, I, Q, AP_SAT_SYM>>();
}
template <class X, int W, int I> void modes() {
    overflows<X, W, I, AP_RND>();
    overflows<X, W, I, AP_RND_ZERO>();
    overflows<X, W, I, AP_RND_MIN_INF>();
    overflows<X, W, I, AP_RND_INF>();
    overflows<X, W, I, AP_RND_CONV>();
    overflows<X, W, I, AP_TRN>();
    overflows<X, W, I, AP_TRN_ZERO>();
}
template <class X> void results() {
    modes<X, 6, 2>();
    modes<X, 1, 0>();
    modes<X, 5, -2>();
#ifdef LARGE
    modes<X, 4, 6>();
    modes<X, 60, 4>();
#endif
}
int main() {
    results<ap_fixed<8, 3>>();
    results<ap_ufixed<8, 0>>();
#ifdef LARGE
    results<ap_fixed<24, 12>>();
    results<ap_fixed<61, 30>>();
    results<ap_ufixed<7, 9>>();
    results<ap_fixed<16, -3>>();
#endif
    printf("%ld\n", compared);
}
