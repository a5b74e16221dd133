// What the comparison of the two sets of headers prints: one line per case, with the number of results and a hash of them.
// With DUMP=<case> in the environment, that case's results one by one.
#ifndef COMPARE_H
#define COMPARE_H
#include "ap_fixed.h"
#include "ap_int.h"
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

struct Case {
    std::string name;
    uint64_t hash, count;
    bool dump;
    explicit Case(const std::string &name_) : name(name_), hash(1469598103934665603ull), count(0) {
        const char *wanted = getenv("DUMP");
        dump = wanted != NULL && name == wanted;
    }
    ~Case() { printf("%s %llu %016llx\n", name.c_str(), (unsigned long long)count, (unsigned long long)hash); }
    void word(uint64_t x) { hash = (hash ^ x) * 1099511628211ull, hash ^= hash >> 29; }
    void add(uint64_t low, uint64_t high = 0) {
        word(low);
        word(high);
        count++;
        if (dump)
            printf("  %llu: %016llx %016llx\n", (unsigned long long)count, (unsigned long long)high, (unsigned long long)low);
    }
    void add_double(double x) {
        uint64_t bits;
        memcpy(&bits, &x, 8);
        add(bits);
    }
};

// A result with its type: width, integer bits and signedness, then the bits themselves.
template <int W, int I, bool S, ap_q_mode Q, ap_o_mode O, int N>
void put(Case &c, const ap_fixed_base<W, I, S, Q, O, N> &x) {
    c.word(W * 65536 + (I + 1000) * 2 + S);
    c.word(Q * 16 + O);
    uint64_t high = 0;
    if (W > 64)
        high = uint64_t(x.range(W - 1, W > 64 ? 64 : 0));
    c.add(uint64_t(x.range(W > 64 ? 63 : W - 1, 0)), high);
}
template <int W, bool S> void put(Case &c, const ap_int_base<W, S> &x) {
    c.word(W * 2 + S);
    uint64_t high = 0;
    if (W > 64)
        high = uint64_t(x.range(W - 1, W > 64 ? 64 : 0));
    c.add(uint64_t(x.range(W > 64 ? 63 : W - 1, 0)), high);
}

// The value of T whose bits are the lowest of `bits`.
template <class T> T from_bits(uint64_t bits) {
    T x;
    ap_uint<(T::width > 64 ? 64 : T::width)> low = bits;
    if (T::width > 64)
        x.range() = ap_uint<T::width>(0);
    x.range(T::width > 64 ? 63 : T::width - 1, 0) = low;
    return x;
}

inline uint64_t random_bits() {
    static uint64_t state = 88172645463325252ull;
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state;
}
// Random bits, often with long runs of equal ones, where carries and overflows happen.
inline uint64_t random_value(int width) {
    uint64_t bits = random_bits();
    switch (random_bits() % 4) {
    case 0: bits >>= random_bits() % 64; break;
    case 1: bits = ~(bits >> random_bits() % 64); break;
    case 2: bits <<= random_bits() % 64; break;
    }
    return width >= 64 ? bits : bits & ((1ull << width) - 1);
}
// All values of a type of up to 10 bits, else random ones.
struct Values {
    int width, number, random;
    explicit Values(int width_, int random_ = 200) : width(width_), random(random_) {
        number = width <= 10 ? 1 << width : random;
    }
    uint64_t operator[](int i) const { return width <= 10 ? uint64_t(i) : random_value(width); }
};

template <bool S, int W, int I, ap_q_mode Q = AP_TRN, ap_o_mode O = AP_WRAP> struct fixed_of;
template <int W, int I, ap_q_mode Q, ap_o_mode O> struct fixed_of<true, W, I, Q, O> { typedef ap_fixed<W, I, Q, O> type; };
template <int W, int I, ap_q_mode Q, ap_o_mode O> struct fixed_of<false, W, I, Q, O> { typedef ap_ufixed<W, I, Q, O> type; };
template <class T> struct sign_of;
template <int W, int I, bool S, ap_q_mode Q, ap_o_mode O, int N> struct sign_of<ap_fixed_base<W, I, S, Q, O, N>> {
    enum { value = S };
};

template <class T> std::string name_of() {
    char text[80];
    snprintf(text, sizeof text, "%d,%d,%d,%d,%d", T::width, T::iwidth, int(T(-1) < T(0)), int(T::qmode), int(T::omode));
    return text;
}
#endif
