// ap_fixed, ap_ufixed, ap_int and ap_uint for C simulation: the same values, bit for bit, as those of the ap_types that
// hls4ml bundles, in a fraction of their compile time. tests/csim/test_light_headers.py compares the two.
//
// A value is kept in the smallest native integer with at least its width, sign-extended or zero-extended. Widths end
// where __int128 does: 128 bits signed, 127 unsigned; anything wider, of a variable or of an intermediate result, fails to
// compile. So do N != 0, unsigned AP_WRAP_SM, strings and concatenations, which this header does not have.
//
// Where the bundled types deviate from plain arithmetic, this file follows them, and a comment says so.
#ifndef FPGA_FLOW_LIGHT_TYPES_H
#define FPGA_FLOW_LIGHT_TYPES_H

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>

#define AP_MAX(a, b) ((a) > (b) ? (a) : (b))
#define AP_MIN(a, b) ((a) < (b) ? (a) : (b))
#define LIGHT_INLINE inline __attribute__((always_inline))

enum ap_q_mode { AP_RND, AP_RND_ZERO, AP_RND_MIN_INF, AP_RND_INF, AP_RND_CONV, AP_TRN, AP_TRN_ZERO };
enum ap_o_mode { AP_SAT, AP_SAT_ZERO, AP_SAT_SYM, AP_WRAP, AP_WRAP_SM };
typedef signed long long ap_slong;
typedef unsigned long long ap_ulong;

template <int W, bool S> struct ap_int_base;
template <int W, int I, bool S = true, ap_q_mode Q = AP_TRN, ap_o_mode O = AP_WRAP, int N = 0> struct ap_fixed_base;

// Aliases, not derived classes as in the bundled headers: half as many classes to compile.
template <int W> using ap_int = ap_int_base<W, true>;
template <int W> using ap_uint = ap_int_base<W, false>;
template <int W, int I, ap_q_mode Q = AP_TRN, ap_o_mode O = AP_WRAP, int N = 0>
using ap_fixed = ap_fixed_base<W, I, true, Q, O, N>;
template <int W, int I, ap_q_mode Q = AP_TRN, ap_o_mode O = AP_WRAP, int N = 0>
using ap_ufixed = ap_fixed_base<W, I, false, Q, O, N>;

namespace light {

typedef __int128 wide;

constexpr int max(int a, int b) { return a > b ? a : b; }
constexpr int max(int a, int b, int c) { return max(max(a, b), c); }

template <bool Yes, class T> struct enable_if {};
template <class T> struct enable_if<true, T> { typedef T type; };

// The native integer that one computes in with values of so many bits, the sign bit included.
template <bool Wide> struct pick_integer { typedef ap_slong type; };
template <> struct pick_integer<true> { typedef wide type; };
template <int Bits> struct integer {
    static_assert(Bits <= 128, "fpga_flow's light ap_types end at 128 bits (127 if unsigned): simulate with the bundled headers");
    typedef typename pick_integer<(Bits > 64)>::type type;
};
template <int Bits> using integer_t = typename integer<Bits>::type;

template <class T> struct unsigned_of { typedef ap_ulong type; };
template <> struct unsigned_of<wide> { typedef unsigned __int128 type; };

// The native integer that a value is kept in.
template <int Bytes, bool S> struct storage;
template <> struct storage<1, true> { typedef signed char type; };
template <> struct storage<1, false> { typedef unsigned char type; };
template <> struct storage<2, true> { typedef short type; };
template <> struct storage<2, false> { typedef unsigned short type; };
template <> struct storage<4, true> { typedef int type; };
template <> struct storage<4, false> { typedef unsigned type; };
template <> struct storage<8, true> { typedef ap_slong type; };
template <> struct storage<8, false> { typedef ap_ulong type; };
template <> struct storage<16, true> { typedef wide type; };
template <> struct storage<16, false> { typedef wide type; };

// Native numbers in expressions with ap types; `bits` is 0 for anything else.
template <class T> struct native { enum { bits = __is_enum(T) ? 32 : 0, is_signed = true, is_float = false }; };
#define LIGHT_NATIVE(T, B) \
    template <> struct native<T> { enum { bits = B, is_signed = (T)-1 < (T)1, is_float = false }; };
LIGHT_NATIVE(bool, 1)
LIGHT_NATIVE(char, 8)
LIGHT_NATIVE(signed char, 8)
LIGHT_NATIVE(unsigned char, 8)
LIGHT_NATIVE(short, 16)
LIGHT_NATIVE(unsigned short, 16)
LIGHT_NATIVE(int, 32)
LIGHT_NATIVE(unsigned, 32)
LIGHT_NATIVE(long, 8 * sizeof(long))
LIGHT_NATIVE(unsigned long, 8 * sizeof(long))
LIGHT_NATIVE(long long, 64)
LIGHT_NATIVE(unsigned long long, 64)
#undef LIGHT_NATIVE
template <> struct native<float> { enum { bits = 0, is_signed = true, is_float = true }; };
template <> struct native<double> { enum { bits = 0, is_signed = true, is_float = true }; };
template <> struct native<long double> { enum { bits = 0, is_signed = true, is_float = true }; };

// What a native integer or an ap_int becomes in an expression with an ap_fixed, and a native integer with an ap_int.
template <class T> struct int_of { enum { bits = native<T>::bits, is_signed = native<T>::is_signed }; };
template <int W, bool S> struct int_of<ap_int_base<W, S>> { enum { bits = W, is_signed = S }; };
template <class T>
using as_fixed =
    typename enable_if<(int_of<T>::bits > 0), ap_fixed_base<int_of<T>::bits, int_of<T>::bits, int_of<T>::is_signed>>::type;
template <class T>
using as_int = typename enable_if<(native<T>::bits > 0), ap_int_base<native<T>::bits, native<T>::is_signed>>::type;

template <class T> LIGHT_INLINE bool bit(T v, int i) { return (v >> i) & 1; }

// The lowest `n` bits set.
template <class T> LIGHT_INLINE T ones(int n) {
    typedef typename unsigned_of<T>::type U;
    return n <= 0 ? T(0) : T(~U(0) >> (int(sizeof(T)) * 8 - n));
}

// The lowest W bits, sign-extended or zero-extended.
template <class T> LIGHT_INLINE T wrap(T v, int W, bool S) {
    typedef typename unsigned_of<T>::type U;
    const int spare = int(sizeof(T)) * 8 - W;
    return S ? T(U(v) << spare) >> spare : T(U(v) & (~U(0) >> spare));
}

// Shifts within T; bits that leave it are lost, and shifting by the width or more gives what an endless shift gives.
template <class T> LIGHT_INLINE T left(T v, int n) {
    return n < int(sizeof(T)) * 8 ? T(typename unsigned_of<T>::type(v) << n) : T(0);
}
template <class T> LIGHT_INLINE T right(T v, int n) { return n < int(sizeof(T)) * 8 ? v >> n : v < 0 ? T(-1) : T(0); }

// The bits of a value v of fixed<W2,I2> (or unsigned) as fixed<W,I> with rounding q and overflow o.
// This is the algorithm of the bundled ap_fixed_base::operator=, step by step, since its results in the corner cases
// (1 bit with AP_SAT_SYM, AP_WRAP_SM, a carry out of the rounding) follow from its steps and from nothing else.
template <class T>
LIGHT_INLINE T convert(T v, int W2, int I2, bool S2, int W, int I, bool S, ap_q_mode q, ap_o_mode o) {
    const int dropped = (W2 - I2) - (W - I);
    const bool rounds = dropped > 0 && q != AP_TRN && !(q == AP_TRN_ZERO && !S2);
    const bool negative = v < 0;
    bool carry = false;
    T r = wrap(dropped > 0 ? right(v, dropped) : left(v, -dropped), W, S);
    if (rounds) {
        bool half = dropped > W2 ? negative : bit(v, dropped - 1);
        const bool rest = (v & ones<T>(AP_MIN(dropped - 1, W2))) != 0, odd = bit(r, 0), before = bit(r, W - 1);
        if (q == AP_RND_ZERO)
            half = half && (negative || rest);
        else if (q == AP_RND_MIN_INF)
            half = half && rest;
        else if (q == AP_RND_INF)
            half = half && (!negative || rest);
        else if (q == AP_RND_CONV)
            half = half && (odd || rest);
        else if (q == AP_TRN_ZERO)
            half = negative && (half || rest);
        r = wrap(T(r + half), W, S);
        carry = before && !bit(r, W - 1);
    }
    const bool may_round = (W2 - I2) > (W - I) && !(q == AP_TRN || (q == AP_TRN_ZERO && !S2));
    if (o == AP_WRAP || !((!S && S2) || I - S < I2 - S2 + (may_round || (S2 && o == AP_SAT_SYM))))
        return r;
    // The first bit of v above those that r keeps, and whether that one and those above it are all ones or zeros.
    const int above = dropped + W;
    const bool sign = bit(r, W - 1), low = above < W2 && above >= 0 && bit(v, above);
    bool no_zeros = S2 || !carry, no_ones = true, source_negative = negative;
    if (above < W2) {
        bool ones_here, zeros_here, ones_beyond;
        if (above < 0) {
            zeros_here = v == 0;
            ones_here = ones_beyond = false;
            if (above + 1 == 0) // here the bundled code looks at all of v
                ones_beyond = (v & ones<T>(W2)) == ones<T>(W2);
        } else {
            const T here = (v >> above) & ones<T>(W2 - above);
            ones_here = here == ones<T>(W2 - above);
            zeros_here = here == 0;
            ones_beyond = (here >> 1) == ones<T>(W2 - above - 1);
        }
        no_zeros = no_zeros && (carry ? ones_here : zeros_here);
        no_ones = carry ? ones_beyond && (above < 0 || !low) : ones_here;
        source_negative = negative && !(carry && ones_here);
    } else
        source_negative = negative && sign;
    const bool target_negative = S && sign;
    const bool over = (target_negative || !no_zeros) && !negative;
    bool under = (!target_negative || !no_ones) && source_negative;
    if (o == AP_SAT_SYM && S2 && S)
        under = under || (source_negative && (W > 1 ? (r & ones<T>(W - 1)) == 0 : true));
    if (!under && !over)
        return r;
    if (o == AP_SAT_ZERO)
        return 0;
    if (o == AP_WRAP_SM)
        return low == sign ? r : wrap(T((~r & ones<T>(W - 1)) | left(T(low), W - 1)), W, S);
    if (!S)
        return over ? ones<T>(W) : T(0);
    if (over)
        return ones<T>(W - 1);
    return wrap(T(left(T(1), W - 1) | (o == AP_SAT_SYM)), W, S);
}

// A double in the bundled reading: a 54-bit mantissa with sign, whose binary point stands `exponent` + 2 bits from the
// left. It takes subnormal numbers for normal ones, and infinity and NaN for numbers beyond 2^1023.
struct parts {
    ap_slong mantissa;
    int exponent;
    bool negative, zero;
    explicit parts(double d) {
        ap_ulong bits;
        std::memcpy(&bits, &d, sizeof bits);
        negative = bits >> 63;
        zero = (bits << 1) == 0;
        exponent = int((bits >> 52) & 0x7ff) - 1023;
        const ap_slong below = bits & ((1ull << 52) - 1);
        if (exponent == 1024 && below != 0)
            fprintf(stderr, "WARNING: assign NaN to fixed point value\n");
        mantissa = below | (1ll << 52);
    }
};

// Not inlined: it is large, and called for inputs and tables only.
__attribute__((noinline)) inline wide from_double(double d, int W, int I, bool S, ap_q_mode q, ap_o_mode o) {
#ifndef CSIM_COUNT
    // Most numbers are whole multiples of the step, or are rounded down to one, and lie within the range or wrap around. The
    // lowest number is left out: AP_SAT_SYM has none. Scaling a number that stays in the range of normal ones is exact.
    if (-1000 < W - I && W - I < 1000) {
        const ap_ulong bits = ap_ulong(1023 + W - I) << 52; // those of 2^(W-I)
        double step;
        std::memcpy(&step, &bits, sizeof step);
        const double scaled = d * step, size = scaled < 0 ? -scaled : scaled;
        if (1e-300 < size && size < double(1ull << 62)) {
            const ap_slong cut = ap_slong(scaled), whole = cut - (double(cut) > scaled);
            const ap_slong limit = 1ll << AP_MIN(W - S, 62);
            if (q == AP_TRN || double(cut) == scaled) {
                if (whole < limit && (S ? -limit : -1) < whole)
                    return whole;
                if (o == AP_WRAP)
                    return wrap(wide(whole), W, S);
            }
        }
    }
#endif
    const parts p(d);
    if (p.zero)
        return 0;
    return convert<wide>(p.negative ? -p.mantissa : p.mantissa, 54, p.exponent + 2, true, W, I, S, q, o);
}

__attribute__((noinline)) inline wide int_from_double(double d, int W, bool S) {
    const parts p(d);
    if (p.zero)
        return 0;
    const int down = 52 - p.exponent;
    wide v;
    if (down >= 54)
        v = p.negative ? -1 : 0; // and so a small negative number becomes 1, in the bundled types as here
    else
        v = down >= 0 ? right(wide(p.mantissa), down) : -down < W ? left(wide(p.mantissa), -down) : wide(0);
    v = wrap(v, W, S);
    return wrap(p.negative ? -v : v, W, S);
}

// Comparisons as the bundled types make them: values of unlike signs are compared as C compares integers. If one is 32
// bits or wider, and the unsigned one is not the narrower, then a negative number is larger than any other.
template <class T> LIGHT_INLINE bool less(T a, int W, bool S, T b, int W2, bool S2) {
    if (S != S2 && (W >= 32 || W2 >= 32) && (S ? W2 >= W : W >= W2) && (a < 0 || b < 0))
        return b < 0;
    return a < b;
}
template <class T> LIGHT_INLINE bool equal(T a, int W, bool S, T b, int W2, bool S2) {
    if (S == S2)
        return a == b;
    const int bits = W == W2 && W <= 64 ? 64 : max(W, W2, 32);
    return bits >= int(sizeof(T)) * 8 ? a == b : ((a ^ b) & ones<T>(bits)) == 0;
}

[[noreturn]] inline void out_of_range(int hi, int lo, int width) {
    fprintf(stderr, "ERROR: bits %d to %d asked of a value of %d bits\n", hi, lo, width);
    abort();
}

[[noreturn]] inline void other_radix(const char *word) {
    fprintf(stderr, "ERROR: \"%s\" is no decimal number, and the light types read no others\n", word);
    abort();
}

template <class Raw> struct range_ref;
template <class Raw> struct bit_ref;

// The bits of a value: what the bundled types call V.
template <int W, bool S> struct raw {
    static_assert(W >= 1, "a width must be positive");
    static_assert(W + !S <= 128, "fpga_flow's light ap_types end at 128 bits (127 if unsigned): simulate with the bundled headers");
    static const int width = W;
    enum { is_signed = S };
    typedef integer_t<W + !S> calc;
    typedef typename storage<W <= 8 ? 1 : W <= 16 ? 2 : W <= 32 ? 4 : W <= 64 ? 8 : 16, S>::type type;
    type v;
    operator type() const { return v; }
    range_ref<raw> operator()(int hi, int lo) const { return range_ref<raw>(const_cast<raw &>(*this), hi, lo); }
};

// x(hi, lo) and x.range(hi, lo): an unsigned number, which can be assigned to.
template <class Raw> struct range_ref {
    Raw &of;
    int hi, lo;
    typedef integer_t<Raw::width + 1> calc;
    range_ref(Raw &raw, int hi_, int lo_) : of(raw), hi(hi_), lo(lo_) {
        if (lo < 0 || hi < lo || hi >= Raw::width)
            out_of_range(hi, lo, Raw::width);
    }
    range_ref(const range_ref &) = default;
    calc value() const { return (calc(of.v) >> lo) & ones<calc>(hi - lo + 1); }
    operator ap_ulong() const { return ap_ulong(value()); }
    int to_int() const { return int(value()); }
    unsigned to_uint() const { return unsigned(value()); }
    int length() const { return hi >= lo ? hi - lo + 1 : lo - hi + 1; }
    void set(calc bits) {
        const calc mask = ones<calc>(hi - lo + 1);
        of.v = wrap<calc>((calc(of.v) & ~left(mask, lo)) | left(calc(bits & mask), lo), Raw::width, Raw::is_signed);
    }
    range_ref &operator=(const range_ref &other) { return set(calc(other.value())), *this; }
    template <class R2> range_ref &operator=(const range_ref<R2> &other) { return set(calc(other.value())), *this; }
    template <int W2, bool S2> range_ref &operator=(const ap_int_base<W2, S2> &x) { return set(calc(x.V.v)), *this; }
    template <int W2, int I2, bool S2, ap_q_mode Q2, ap_o_mode O2>
    range_ref &operator=(const ap_fixed_base<W2, I2, S2, Q2, O2, 0> &x) = delete; // bits or value: the bundled types differ
    template <class T> typename enable_if<(native<T>::bits > 0), range_ref &>::type operator=(T x) {
        return set(calc(x)), *this;
    }
};

// x[i]
template <class Raw> struct bit_ref {
    range_ref<Raw> of;
    bit_ref(Raw &raw, int i) : of(raw, i, i) {}
    bit_ref(const bit_ref &) = default;
    operator bool() const { return of.value() != 0; }
    bool to_bool() const { return of.value() != 0; }
    bool operator~() const { return of.value() == 0; }
    bit_ref &operator=(bool x) { return of.set(x), *this; }
    bit_ref &operator=(const bit_ref &x) { return of.set(bool(x)), *this; }
};

} // namespace light

// With CSIM_COUNT defined, what happens in conversions is counted (light_count.h); without, this is nothing.
#ifdef CSIM_COUNT
#include "light_count.h"
#define LIGHT_COUNT(...) light::__VA_ARGS__
#else
#define LIGHT_COUNT(...)
#endif

#define LIGHT_FIXED_PARAMS(n) int W##n, int I##n, bool S##n, ap_q_mode Q##n, ap_o_mode O##n, int N##n
#define LIGHT_FIXED(n) ap_fixed_base<W##n, I##n, S##n, Q##n, O##n, N##n>

// ---------------------------------------------------------------------------------------------------------- integers

template <int W, bool S> struct ap_int_base {
    static const int width = W;
    typedef light::raw<W, S> Raw;
    typedef typename Raw::calc calc;
    typedef typename light::storage<8, S>::type RetType;
    Raw V;

    ap_int_base() = default;
    template <int W2, bool S2> ap_int_base(const ap_int_base<W2, S2> &x) {
        set(x.V.v);
        LIGHT_COUNT(count_integer<W, S, W2, S2>(x.V.v, V.v));
    }
    template <LIGHT_FIXED_PARAMS(2)> ap_int_base(const LIGHT_FIXED(2) & x) {
        set(x.to_integer());
        LIGHT_COUNT(count_integer<W, S, light::max(I2, 1), S2>(x.to_integer(), V.v));
    }
    template <class R> ap_int_base(const light::range_ref<R> &x) { set(x.value()); }
    template <class R> ap_int_base(const light::bit_ref<R> &x) { set(ap_slong(bool(x))); }
    template <class T, int Bits = light::native<T>::bits, class = typename light::enable_if<(Bits > 0), T>::type>
    ap_int_base(T x) {
        set(light::integer_t<Bits + 1>(x));
    }
    ap_int_base(double x) { V.v = light::int_from_double(x, W, S); }
    ap_int_base(float x) { V.v = light::int_from_double(x, W, S); }

    // The lowest W bits of any integer.
    template <class T> LIGHT_INLINE void set(T x) { V.v = light::wrap<calc>(calc(x), W, S); }

    operator RetType() const { return RetType(V.v); }
    bool to_bool() const { return V.v != 0; }
    int to_int() const { return int(V.v); }
    unsigned to_uint() const { return unsigned(V.v); }
    long to_long() const { return long(V.v); }
    unsigned long to_ulong() const { return (unsigned long)V.v; }
    ap_slong to_int64() const { return ap_slong(V.v); }
    ap_ulong to_uint64() const { return ap_ulong(V.v); }
    float to_float() const { return float(V.v); }
    double to_double() const { return double(V.v); }
    int length() const { return W; }
    bool is_zero() const { return V.v == 0; }
    bool sign() const { return V.v < 0; }
    bool get_bit(int i) const { return (*this)[i]; }
    bool test(int i) const { return (*this)[i]; }
    void set_bit(int i, bool x) { (*this)[i] = x; }
    void clear(int i) { (*this)[i] = false; }
    bool or_reduce() const { return V.v != 0; }
    bool and_reduce() const { return (calc(V.v) & light::ones<calc>(W)) == light::ones<calc>(W); }

    light::range_ref<Raw> range(int hi, int lo) const { return V(hi, lo); }
    light::range_ref<Raw> range() const { return V(W - 1, 0); }
    light::range_ref<Raw> operator()(int hi, int lo) const { return V(hi, lo); }
    light::bit_ref<Raw> operator[](int i) { return light::bit_ref<Raw>(V, i); }
    bool operator[](int i) const { return light::bit_ref<Raw>(const_cast<Raw &>(V), i); }

    bool operator!() const { return V.v == 0; }
    ap_int_base operator+() const { return *this; }
    ap_int_base<light::max(W, 1 + S) + 1, true> operator-() const {
        ap_int_base<light::max(W, 1 + S) + 1, true> r;
        r.set(-typename ap_int_base<light::max(W, 1 + S) + 1, true>::calc(V.v));
        return r;
    }
    ap_int_base operator~() const {
        ap_int_base r;
        r.set(~calc(V.v));
        return r;
    }
    ap_int_base shifted(ap_slong left) const {
        ap_int_base r;
        if (left >= 0)
            r.set(left >= W ? calc(0) : light::left(calc(V.v), int(left)));
        else
            r.set(light::right(calc(V.v), left > -W ? int(-left) : 128));
        return r;
    }
    ap_int_base &operator++() { return set(calc(V.v) + 1), *this; }
    ap_int_base &operator--() { return set(calc(V.v) - 1), *this; }
    ap_int_base operator++(int) {
        ap_int_base before = *this;
        ++*this;
        return before;
    }
    ap_int_base operator--(int) {
        ap_int_base before = *this;
        --*this;
        return before;
    }
};

// Operators with a native integer on one side: `as` turns it into the ap type that the bundled headers take it for.
#define LIGHT_INT_MIXED(op)                                                                                             \
    template <int W, bool S, class T, class A = light::as_int<T>>                                                       \
    LIGHT_INLINE auto operator op(const ap_int_base<W, S> &a, T b) {                                                    \
        return a op A(b);                                                                                               \
    }                                                                                                                   \
    template <int W, bool S, class T, class A = light::as_int<T>>                                                       \
    LIGHT_INLINE auto operator op(T a, const ap_int_base<W, S> &b) {                                                    \
        return A(a) op b;                                                                                               \
    }
#define LIGHT_INT_ASSIGN(op)                                                                                            \
    template <int W, bool S, int W2, bool S2>                                                                           \
    LIGHT_INLINE ap_int_base<W, S> &operator op##=(ap_int_base<W, S> &a, const ap_int_base<W2, S2> &b) {                \
        return a = ap_int_base<W, S>(a op b);                                                                           \
    }                                                                                                                   \
    template <int W, bool S, class T, class A = light::as_int<T>>                                                       \
    LIGHT_INLINE ap_int_base<W, S> &operator op##=(ap_int_base<W, S> &a, T b) {                                         \
        return a = ap_int_base<W, S>(a op A(b));                                                                        \
    }
#define LIGHT_INT_OP(op, bits, sign)                                                                                    \
    template <int W, bool S, int W2, bool S2>                                                                           \
    LIGHT_INLINE auto operator op(const ap_int_base<W, S> &a, const ap_int_base<W2, S2> &b) {                           \
        typedef ap_int_base<(bits), (sign)> R;                                                                          \
        typedef typename R::calc T;                                                                                     \
        R r;                                                                                                            \
        r.set(T(T(a.V.v) op T(b.V.v)));                                                                                 \
        return r;                                                                                                       \
    }                                                                                                                   \
    LIGHT_INT_MIXED(op)                                                                                                 \
    LIGHT_INT_ASSIGN(op)
LIGHT_INT_OP(*, W + W2, S || S2)
LIGHT_INT_OP(+, light::max(W + (S2 && !S), W2 + (S && !S2)) + 1, S || S2)
LIGHT_INT_OP(-, light::max(W + (S2 && !S), W2 + (S && !S2)) + 1, true)
LIGHT_INT_OP(&, light::max(W + (S2 && !S), W2 + (S && !S2)), S || S2)
LIGHT_INT_OP(|, light::max(W + (S2 && !S), W2 + (S && !S2)), S || S2)
LIGHT_INT_OP(^, light::max(W + (S2 && !S), W2 + (S && !S2)), S || S2)

// The bundled types divide in the signedness of the wider operand, so that a narrower negative divisor of an unsigned
// number is taken for a large one; and so is any negative divisor where an unsigned number's remainder is asked for.
#define LIGHT_INT_DIVIDE(op, bits, sign, result)                                                                        \
    template <int W, bool S, int W2, bool S2>                                                                           \
    LIGHT_INLINE auto operator op(const ap_int_base<W, S> &a, const ap_int_base<W2, S2> &b) {                           \
        const int width = light::max(W, W2) + (S || S2);                                                                \
        const bool is_signed = W > W2 ? S : W2 > W ? S2 : S || S2;                                                      \
        typedef light::integer_t<width + !is_signed> T;                                                                 \
        const T x = light::wrap(T(a.V.v), width, is_signed), y = light::wrap(T(b.V.v), width, is_signed);               \
        ap_int_base<(bits), (sign)> r;                                                                                  \
        r.set(T(result));                                                                                               \
        return r;                                                                                                       \
    }                                                                                                                   \
    LIGHT_INT_MIXED(op)                                                                                                 \
    LIGHT_INT_ASSIGN(op)
LIGHT_INT_DIVIDE(/, W + S2, S || S2, x / y)
LIGHT_INT_DIVIDE(%, AP_MIN(W, W2 + (!S2 && S)), S, !S && y < 0 ? x : x % y)

#define LIGHT_INT_COMPARE(op, expression)                                                                               \
    template <int W, bool S, int W2, bool S2>                                                                           \
    LIGHT_INLINE bool operator op(const ap_int_base<W, S> &a, const ap_int_base<W2, S2> &b) {                           \
        typedef light::integer_t<light::max(W + !S, W2 + !S2)> T;                                                       \
        const T x = T(a.V.v), y = T(b.V.v);                                                                             \
        return expression;                                                                                              \
    }                                                                                                                   \
    LIGHT_INT_MIXED(op)
LIGHT_INT_COMPARE(==, light::equal(x, W, S, y, W2, S2))
LIGHT_INT_COMPARE(!=, !light::equal(x, W, S, y, W2, S2))
LIGHT_INT_COMPARE(<, light::less(x, W, S, y, W2, S2))
LIGHT_INT_COMPARE(>=, !light::less(x, W, S, y, W2, S2))
LIGHT_INT_COMPARE(>, light::less(y, W2, S2, x, W, S))
LIGHT_INT_COMPARE(<=, !light::less(y, W2, S2, x, W, S))

// Shifts keep the left operand's type; a negative distance shifts the other way.
#define LIGHT_INT_SHIFT(op, sign)                                                                                       \
    template <int W, bool S, int W2, bool S2>                                                                           \
    LIGHT_INLINE ap_int_base<W, S> operator op(const ap_int_base<W, S> &a, const ap_int_base<W2, S2> &n) {              \
        return a.shifted(sign(S2 ? ap_slong(n.V.v) : ap_slong(n.to_uint())));                                           \
    }                                                                                                                   \
    template <int W, bool S, class T, class A = light::as_int<T>>                                                       \
    LIGHT_INLINE ap_int_base<W, S> operator op(const ap_int_base<W, S> &a, T n) {                                       \
        return a.shifted(sign ap_slong(n));                                                                             \
    }                                                                                                                   \
    LIGHT_INT_ASSIGN(op)
LIGHT_INT_SHIFT(<<, +)
LIGHT_INT_SHIFT(>>, -)

#define LIGHT_INT_FLOAT(op)                                                                                             \
    template <int W, bool S, class T>                                                                                   \
    LIGHT_INLINE typename light::enable_if<light::native<T>::is_float, T>::type operator op(                            \
        const ap_int_base<W, S> &a, T b) {                                                                              \
        return typename ap_int_base<W, S>::RetType(a) op b;                                                             \
    }                                                                                                                   \
    template <int W, bool S, class T>                                                                                   \
    LIGHT_INLINE typename light::enable_if<light::native<T>::is_float, T>::type operator op(                            \
        T a, const ap_int_base<W, S> &b) {                                                                              \
        return a op typename ap_int_base<W, S>::RetType(b);                                                             \
    }
LIGHT_INT_FLOAT(*)
LIGHT_INT_FLOAT(/)
LIGHT_INT_FLOAT(+)
LIGHT_INT_FLOAT(-)

// In the bundled headers (a, b) concatenates; without this it would silently be b.
template <int W, bool S, int W2, bool S2> void operator,(const ap_int_base<W, S> &, const ap_int_base<W2, S2> &) = delete;

template <int W, bool S> std::ostream &operator<<(std::ostream &out, const ap_int_base<W, S> &x) {
    static_assert(W <= 64, "fpga_flow's light ap_types print no integers of more than 64 bits");
    return out << std::to_string(typename ap_int_base<W, S>::RetType(x));
}
// A whole word, of which the bundled types take the sign and the decimal digits behind it: "-2.0" is -2.
template <int W, bool S> std::istream &operator>>(std::istream &in, ap_int_base<W, S> &x) {
    std::string word;
    in >> word;
    const size_t sign = word[0] == '-';
    if (word[sign] == '0' && word[sign + (word.size() > sign)] > '9')
        light::other_radix(word.c_str());
    const ap_ulong digits = strtoull(word.c_str() + sign, NULL, 10);
    x = ap_int_base<W, S>(ap_slong(sign ? -digits : digits));
    return in;
}

// ------------------------------------------------------------------------------------------------------- fixed point

template <int W, int I, bool S, ap_q_mode Q, ap_o_mode O, int N> struct ap_fixed_base {
    static_assert(N == 0, "fpga_flow's light ap_types have no N but 0: simulate with the bundled headers");
    static_assert(S || O != AP_WRAP_SM, "ap_ufixed cannot have AP_WRAP_SM");
    static const int width = W;
    static const int iwidth = I;
    static const ap_q_mode qmode = Q;
    static const ap_o_mode omode = O;
    typedef light::raw<W, S> Raw;
    typedef typename Raw::calc calc;
    Raw V;

    ap_fixed_base() = default;
    template <LIGHT_FIXED_PARAMS(2)> ap_fixed_base(const LIGHT_FIXED(2) & x) { set<W2, I2, S2>(x.V.v); }
    template <int W2, bool S2> ap_fixed_base(const ap_int_base<W2, S2> &x) { set<W2, W2, S2>(x.V.v); }
    template <class R> ap_fixed_base(const light::range_ref<R> &x) { set<R::width, R::width, false>(x.value()); }
    template <class R> ap_fixed_base(const light::bit_ref<R> &x) { set<1, 1, false>(bool(x)); }
    template <class T, int Bits = light::native<T>::bits, class = typename light::enable_if<(Bits > 0), T>::type>
    ap_fixed_base(T x) {
        const bool fits = W >= I && I - S >= Bits - light::native<T>::is_signed && (S || !light::native<T>::is_signed);
        set<Bits, Bits, light::native<T>::is_signed, !fits>(x); // constants are of no interest
    }
    ap_fixed_base(double x) {
        V.v = light::from_double(x, W, I, S, Q, O);
        LIGHT_COUNT(count_double<W, I, S, Q, O>(x, V.v));
    }
    ap_fixed_base(float x) : ap_fixed_base(double(x)) {}

    // The lowest W bits of an integer.
    template <class X> LIGHT_INLINE void set_bits(X x) { V.v = light::wrap(calc(x), W, S); }

    // The value whose bits are x in fixed<W2,I2>, or ufixed.
    template <int W2, int I2, bool S2, bool Counted = true, class X> LIGHT_INLINE void set(X x) {
        typedef light::integer_t<light::max(W + !S, W2 + !S2)> T;
        if (Q == AP_TRN && O == AP_WRAP) { // by far the most frequent: spare the compiler the rest
            const int dropped = (W2 - I2) - (W - I);
            V.v = light::wrap(dropped > 0 ? light::right(T(x), dropped) : light::left(T(x), -dropped), W, S);
        } else
            V.v = light::convert<T>(x, W2, I2, S2, W, I, S, Q, O);
        LIGHT_COUNT(count<W, I, S, Q, O, Counted>(T(x), W2, I2, T(V.v)));
    }

    // Truncated towards zero; 1 bit if there are no bits above the point, which a negative value sets if I is 0 (if I is
    // negative, the bundled types read a variable that nothing was written to).
    typedef ap_int_base<light::max(I, 1), S> Integer;
    typename Integer::calc to_integer() const {
        typedef light::integer_t<light::max(W, I) + !S> T;
        T r = I <= 0 ? T(0) : I <= W ? light::right(T(V.v), W - I) : light::left(T(V.v), I - W);
        if (I >= 0 && I < W && V.v < 0 && (V.v & light::ones<T>(W - I)) != 0)
            r = light::wrap(T(r + 1), light::max(I, 1), S);
        return r;
    }
    Integer to_ap_int_base() const { return Integer(*this); }
    int to_int() const { return int(to_integer()); }
    unsigned to_uint() const { return unsigned(to_integer()); }
    ap_slong to_int64() const { return ap_slong(to_integer()); }
    ap_ulong to_uint64() const { return ap_ulong(to_integer()); }
    // Scaling by a power of two is exact, so rounding happens once, to the nearest even number.
    double to_double() const { return double(calc(V.v)) * __builtin_ldexp(1.0, I - W); }
    float to_float() const { return float(calc(V.v)) * __builtin_ldexpf(1.0f, I - W); }
    template <class T, class = typename light::enable_if<(light::native<T>::bits > 1), T>::type> operator T() const {
        return T(to_integer());
    }
    operator bool() const { return V.v != 0; }
    operator float() const { return to_float(); }
    operator double() const { return to_double(); }
    operator long double() const { return to_double(); }

    int length() const { return W; }
    bool is_zero() const { return V.v == 0; }
    bool is_neg() const { return V.v < 0; }
    light::range_ref<Raw> range(int hi, int lo) const { return V(hi, lo); }
    light::range_ref<Raw> range() const { return V(W - 1, 0); }
    light::range_ref<Raw> operator()(int hi, int lo) const { return V(hi, lo); }
    light::bit_ref<Raw> operator[](int i) { return light::bit_ref<Raw>(V, i); }
    bool operator[](int i) const { return light::bit_ref<Raw>(const_cast<Raw &>(V), i); }

    bool operator!() const { return V.v == 0; }
    ap_fixed_base operator+() const { return *this; }
    ap_fixed_base<W + 1, I + 1, true> operator-() const {
        typedef ap_fixed_base<W + 1, I + 1, true> R;
        R r;
        r.V.v = -typename R::calc(V.v);
        return r;
    }
    ap_fixed_base<W, I, S> operator~() const {
        ap_fixed_base<W, I, S> r;
        r.V.v = light::wrap(calc(~calc(V.v)), W, S);
        return r;
    }
    // Shifts keep the type, and neither round nor saturate.
    ap_fixed_base shifted(ap_slong left) const {
        ap_fixed_base r;
        if (left >= 0)
            r.V.v = left >= W ? calc(0) : light::wrap(light::left(calc(V.v), int(left)), W, S);
        else
            r.V.v = light::right(calc(V.v), left > -W ? int(-left) : 128);
        return r;
    }
    ap_fixed_base &operator++() { return *this = ap_fixed_base(*this + true); }
    ap_fixed_base &operator--() { return *this = ap_fixed_base(*this - true); }
    ap_fixed_base operator++(int) {
        ap_fixed_base before = *this;
        ++*this;
        return before;
    }
    ap_fixed_base operator--(int) {
        ap_fixed_base before = *this;
        --*this;
        return before;
    }
};

#define LIGHT_FIXED_MIXED(op)                                                                                           \
    template <LIGHT_FIXED_PARAMS(), class T, class A = light::as_fixed<T>>                                              \
    LIGHT_INLINE auto operator op(const LIGHT_FIXED() & a, const T &b) {                                                \
        return a op A(b);                                                                                               \
    }                                                                                                                   \
    template <LIGHT_FIXED_PARAMS(), class T, class A = light::as_fixed<T>>                                              \
    LIGHT_INLINE auto operator op(const T &a, const LIGHT_FIXED() & b) {                                                \
        return A(a) op b;                                                                                               \
    }
// An ap_int that is changed by an ap_fixed takes the integer part of it.
#define LIGHT_FIXED_ASSIGN(op)                                                                                          \
    template <LIGHT_FIXED_PARAMS(), LIGHT_FIXED_PARAMS(2)>                                                              \
    LIGHT_INLINE LIGHT_FIXED() & operator op##=(LIGHT_FIXED() & a, const LIGHT_FIXED(2) & b) {                          \
        return a = LIGHT_FIXED()(a op b);                                                                               \
    }                                                                                                                   \
    template <LIGHT_FIXED_PARAMS(), class T, class A = light::as_fixed<T>>                                              \
    LIGHT_INLINE LIGHT_FIXED() & operator op##=(LIGHT_FIXED() & a, const T &b) {                                        \
        return a = LIGHT_FIXED()(a op A(b));                                                                            \
    }                                                                                                                   \
    template <int W, bool S, LIGHT_FIXED_PARAMS(2)>                                                                     \
    LIGHT_INLINE ap_int_base<W, S> &operator op##=(ap_int_base<W, S> &a, const LIGHT_FIXED(2) & b) {                    \
        return a op##= b.to_ap_int_base();                                                                             \
    }
// Both operands are aligned to the longer fraction F; the result has `i` bits above the point.
#define LIGHT_FIXED_OP(op, extra, sign)                                                                                 \
    template <LIGHT_FIXED_PARAMS(), LIGHT_FIXED_PARAMS(2)>                                                              \
    LIGHT_INLINE auto operator op(const LIGHT_FIXED() & a, const LIGHT_FIXED(2) & b) {                                  \
        const int F = light::max(W - I, W2 - I2), i = light::max(I + (S2 && !S), I2 + (S && !S2)) + extra;              \
        typedef ap_fixed_base<F + i, i, (sign)> R;                                                                      \
        typedef typename R::calc T;                                                                                     \
        R r;                                                                                                            \
        r.V.v = T(light::left(T(a.V.v), F - (W - I)) op light::left(T(b.V.v), F - (W2 - I2)));                          \
        return r;                                                                                                       \
    }                                                                                                                   \
    LIGHT_FIXED_MIXED(op)                                                                                               \
    LIGHT_FIXED_ASSIGN(op)
LIGHT_FIXED_OP(+, 1, S || S2)
LIGHT_FIXED_OP(-, 1, true)
LIGHT_FIXED_OP(&, 0, S || S2)
LIGHT_FIXED_OP(|, 0, S || S2)
LIGHT_FIXED_OP(^, 0, S || S2)

template <LIGHT_FIXED_PARAMS(), LIGHT_FIXED_PARAMS(2)>
LIGHT_INLINE auto operator*(const LIGHT_FIXED() & a, const LIGHT_FIXED(2) & b) {
    typedef ap_fixed_base<W + W2, I + I2, S || S2> R;
    typedef typename R::calc T;
    R r;
    r.V.v = T(a.V.v) * T(b.V.v);
    return r;
}
LIGHT_FIXED_MIXED(*)
LIGHT_FIXED_ASSIGN(*)

template <LIGHT_FIXED_PARAMS(), LIGHT_FIXED_PARAMS(2)>
LIGHT_INLINE auto operator/(const LIGHT_FIXED() & a, const LIGHT_FIXED(2) & b) {
    const int up = light::max(W2 - I2, 0), width = light::max(W + up + (S2 && !S), W2 + (S && !S2));
    typedef light::integer_t<width + !(S || S2)> T;
    typedef ap_fixed_base<S2 + W + up, S2 + I + W2 - I2, S || S2> R;
    R r;
    // the quotient of the lowest numbers overflows before it is widened, in the bundled types as here
    r.set_bits(light::wrap(T(light::left(T(a.V.v), up) / T(b.V.v)), width, S || S2));
    return r;
}
LIGHT_FIXED_MIXED(/)
LIGHT_FIXED_ASSIGN(/)

// The operand with the shorter fraction is aligned to the other's. Where that is the right one, the bundled types convert
// it in its own mode, in which AP_SAT_SYM has no lowest number; where it is the left one, they widen it by one bit more.
#define LIGHT_FIXED_COMPARE(op, expression)                                                                             \
    template <LIGHT_FIXED_PARAMS(), LIGHT_FIXED_PARAMS(2)>                                                              \
    LIGHT_INLINE bool operator op(const LIGHT_FIXED() & a, const LIGHT_FIXED(2) & b) {                                  \
        const int F = W - I, F2 = W2 - I2, w = F < F2 ? W + F2 - F + 1 : W, w2 = F > F2 ? W2 + F - F2 : W2;             \
        typedef light::integer_t<light::max(w + !S, w2 + !S2)> T;                                                       \
        const T x = light::left(T(a.V.v), F < F2 ? F2 - F : 0);                                                         \
        const T lowest = light::wrap(light::left(T(1), w2 - 1), w2, S2), up = light::left(T(b.V.v), F > F2 ? F - F2 : 0); \
        const T y = F > F2 && S2 && O2 == AP_SAT_SYM && up == lowest ? T(up + 1) : up;                                  \
        return expression;                                                                                              \
    }                                                                                                                   \
    LIGHT_FIXED_MIXED(op)                                                                                               \
    template <LIGHT_FIXED_PARAMS()> LIGHT_INLINE bool operator op(const LIGHT_FIXED() & a, double b) {                  \
        return a.to_double() op b;                                                                                      \
    }                                                                                                                   \
    template <LIGHT_FIXED_PARAMS()> LIGHT_INLINE bool operator op(double a, const LIGHT_FIXED() & b) {                  \
        return a op b.to_double();                                                                                      \
    }
LIGHT_FIXED_COMPARE(==, light::equal(x, w, S, y, w2, S2))
LIGHT_FIXED_COMPARE(!=, !light::equal(x, w, S, y, w2, S2))
LIGHT_FIXED_COMPARE(<, light::less(x, w, S, y, w2, S2))
LIGHT_FIXED_COMPARE(>=, !light::less(x, w, S, y, w2, S2))
LIGHT_FIXED_COMPARE(>, light::less(y, w2, S2, x, w, S))
LIGHT_FIXED_COMPARE(<=, !light::less(y, w2, S2, x, w, S))

#define LIGHT_FIXED_SHIFT(op, sign)                                                                                     \
    template <LIGHT_FIXED_PARAMS(), int W2, bool S2>                                                                    \
    LIGHT_INLINE LIGHT_FIXED() operator op(const LIGHT_FIXED() & a, const ap_int_base<W2, S2> &n) {                     \
        return a.shifted(sign(S2 ? ap_slong(n.to_int()) : ap_slong(n.to_uint())));                                      \
    }                                                                                                                   \
    template <LIGHT_FIXED_PARAMS(), class T, class A = light::as_int<T>>                                                \
    LIGHT_INLINE LIGHT_FIXED() operator op(const LIGHT_FIXED() & a, T n) {                                              \
        return a op A(n);                                                                                               \
    }                                                                                                                   \
    template <LIGHT_FIXED_PARAMS(), class T, class A = light::as_fixed<T>>                                              \
    LIGHT_INLINE LIGHT_FIXED() & operator op##=(LIGHT_FIXED() & a, const T &n) {                                        \
        return a = a op n;                                                                                              \
    }
LIGHT_FIXED_SHIFT(<<, +)
LIGHT_FIXED_SHIFT(>>, -)

// Printed is the number, rounded half away from zero to the stream's precision. So do the bundled types, unless the number
// has more digits above the point than that, or I is larger than W: then they print another number.
template <LIGHT_FIXED_PARAMS()> std::ostream &operator<<(std::ostream &out, const LIGHT_FIXED() & x) {
    const double d = x.to_double();
    const int digits = int(out.precision());
    char text[64];
    // printf rounds ties to even: one unit in the last place further from zero, a tie is none
    snprintf(text, sizeof text, "%.*g", digits, digits < 15 ? __builtin_nextafter(d, 2 * d) : d);
    return out << text;
}
template <LIGHT_FIXED_PARAMS()> std::istream &operator>>(std::istream &in, LIGHT_FIXED() & x) {
    double d;
    in >> d;
    x = LIGHT_FIXED()(d);
    return in;
}

#endif
