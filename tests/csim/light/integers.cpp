// The operators of ap_int and ap_uint with each other, with native numbers and with fixed-point types.
#include "compare.h"

template <class T> std::string int_name() { return std::to_string(T::width) + (T(-1) < T(0) ? "s" : "u"); }

template <class A, class B> void operators() {
    Case c("integers " + int_name<A>() + " " + int_name<B>());
    const Values left(A::width, 60), right(B::width, 60);
    for (int i = 0; i < left.number; i++)
        for (int j = 0; j < right.number; j++) {
            const A a = left[i];
            const B b = right[j];
            put(c, a + b);
            put(c, a - b);
            put(c, a * b);
            put(c, a & b);
            put(c, a | b);
            put(c, a ^ b);
            if (b != 0) {
                put(c, a / b);
                put(c, a % b);
            }
            if (B::width <= 8) {
                put(c, a << b);
                put(c, a >> b);
            }
            c.add((a < b) + 2 * (a <= b) + 4 * (a > b) + 8 * (a >= b) + 16 * (a == b) + 32 * (a != b));
            A s = a;
            put(c, s += b);
            put(c, s -= b);
            put(c, s *= b);
            put(c, s |= b);
            put(c, s ^= b);
            put(c, s &= b);
            if (b != 0) {
                s = a;
                put(c, s /= b);
                s = a;
                put(c, s %= b);
            }
        }
}

// Expressions with a native integer: its width and sign decide the result's type.
template <class A, class T> void with_native(const char *type) {
    Case c("native " + int_name<A>() + " " + type);
    const Values left(A::width, 60);
    const T numbers[] = {T(0), T(1), T(2), T(3), T(7), T(-1), T(-2), T(100)};
    for (int i = 0; i < left.number; i++)
        for (T n : numbers) {
            const A a = left[i];
            put(c, a + n);
            put(c, n - a);
            put(c, a * n);
            put(c, a & n);
            if (n != T(0)) {
                put(c, a / n);
                put(c, a % n);
            }
            c.add((a < n) + 2 * (a <= n) + 4 * (a > n) + 8 * (a >= n) + 16 * (a == n) + 32 * (n != a) + 64 * (n < a));
            A s = a;
            put(c, s += n);
            put(c, s -= n);
            put(c, s *= n);
            const ap_fixed<9, 5> f = from_bits<ap_fixed<9, 5>>(uint64_t(i) * 7);
            put(c, f + n);
            put(c, n - f);
            put(c, f * n);
            if (n != T(0))
                put(c, f / n);
            c.add((f < n) + 2 * (f <= n) + 4 * (f > n) + 8 * (f >= n) + 16 * (f == n) + 32 * (n != f));
            ap_fixed<9, 5, AP_RND, AP_SAT> g = f;
            put(c, g += n);
            put(c, g -= n);
            put(c, g *= n);
            put(c, ap_fixed<9, 5, AP_RND, AP_SAT>(n));
        }
}

template <class A> void with_fixed() {
    Case c("fixed " + int_name<A>());
    typedef ap_fixed<7, 3, AP_RND, AP_SAT> F;
    const Values left(A::width, 60);
    for (int i = 0; i < left.number; i++)
        for (int j = 0; j < 128; j++) {
            const A a = left[i];
            const F f = from_bits<F>(j);
            put(c, a + f);
            put(c, f - a);
            put(c, a * f);
            put(c, f | a);
            if (f != F(0))
                put(c, a / f);
            if (a != 0)
                put(c, f / a);
            c.add((a < f) + 2 * (a <= f) + 4 * (f > a) + 8 * (a >= f) + 16 * (f == a) + 32 * (a != f));
            F g = f;
            put(c, g += a);
            put(c, g *= a);
            A s = a;
            put(c, s += f);
            put(c, s *= f);
            put(c, A(f));
            put(c, F(a));
            if (A::width <= 8) {
                put(c, f << a);
                put(c, f >> a);
                g = f;
                g <<= a;
                put(c, g);
                g >>= a;
                put(c, g);
            }
        }
}

template <class A> void alone() {
    Case c("alone " + int_name<A>());
    const Values values(A::width);
    for (int i = 0; i < values.number; i++) {
        A a = values[i];
        put(c, -a);
        put(c, ~a);
        put(c, +a);
        c.add(!a);
        c.add(a.to_int());
        c.add(a.to_uint());
        c.add(a.to_int64());
        c.add(a.to_uint64());
        c.add_double(a.to_double());
        c.add_double(a.to_float());
        c.add_double(a * 0.5);
        c.add_double(0.5f + a);
        put(c, ++a);
        put(c, a--);
        put(c, a);
        for (int n = -A::width - 2; n <= A::width + 2; n++) {
            put(c, a << n);
            put(c, a >> n);
            if (n >= 0) {
                put(c, a << unsigned(n));
                A s = a;
                put(c, s <<= n);
                put(c, s >>= n);
            }
        }
        for (int n = 0; n < A::width; n++) {
            c.add(bool(a[n]));
            a[n] = !a[n];
            put(c, a);
            put(c, A(a(A::width - 1, n)));
            put(c, A(a.range(n, 0)));
            a.range(n, 0) = i;
            put(c, a);
        }
        for (int n = -130; n <= 130; n++) { // halves and quarters: truncated, tiny negative ones become 1
            put(c, A(n / 4.0));
            put(c, A(n / 4.0f));
            put(c, A(__builtin_ldexp(n, n / 4)));
        }
    }
}

template <class A> void with_all() {
    operators<A, ap_int<3>>();
    operators<A, ap_uint<4>>();
    operators<A, ap_int<1>>();
    operators<A, ap_uint<1>>();
    operators<A, ap_uint<32>>();
    operators<A, ap_int<33>>();
    with_native<A, int>("int");
    with_native<A, unsigned>("unsigned");
    with_native<A, bool>("bool");
    with_fixed<A>();
    alone<A>();
#ifdef LARGE
    operators<A, ap_int<5>>();
    operators<A, ap_uint<8>>();
    operators<A, ap_int<32>>();
    operators<A, ap_uint<31>>();
    operators<A, ap_int<62>>();
    with_native<A, signed char>("schar");
    with_native<A, unsigned short>("ushort");
    with_native<A, long>("long");
    with_native<A, unsigned long long>("ulonglong");
#endif
}

int main() {
    with_all<ap_int<4>>();
    with_all<ap_uint<3>>();
    with_all<ap_uint<1>>();
    with_all<ap_int<32>>();
#ifdef LARGE
    with_all<ap_int<1>>();
    with_all<ap_int<8>>();
    with_all<ap_uint<5>>();
    with_all<ap_uint<31>>();
    with_all<ap_uint<33>>();
    with_all<ap_int<60>>();
#endif
}
