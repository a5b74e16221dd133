// Bits, ranges, conversions to native numbers, printing, reading, shifts and streams.
#include "compare.h"
#include "hls_math.h"
#include "hls_stream.h"
#include "utils/x_hls_utils.h"
#include <sstream>

template <class T> void print(Case &c, const T &x) {
    for (int digits = 6; digits <= 10; digits++) {
        std::ostringstream out;
        out.precision(digits);
        out << x;
        for (char letter : out.str())
            c.add(letter);
    }
}

template <class T> void access() {
    Case c("access " + name_of<T>());
    const Values values(T::width);
    for (int i = 0; i < values.number; i++) {
        T x = from_bits<T>(values[i]);
        if (T::iwidth >= 0) { // below, the bundled conversion to integers reads what nothing was written to
            c.add(x.to_int());
            c.add(x.to_uint());
            c.add(x.to_int64());
            c.add(int(x));
            c.add((unsigned)x);
            c.add((unsigned char)(x));
            c.add((long)(x));
            put(c, x.to_ap_int_base());
            put(c, ap_int<4>(x));
            put(c, ap_uint<9>(x));
        }
        c.add_double(x.to_double());
        c.add_double(x.to_float());
        c.add_double((float)x);
        c.add_double((double)x);
        c.add(x ? 1 : 2);
        c.add(x.length() + T::width);
        for (int n = -T::width - 2; n <= T::width + 2; n++) {
            put(c, x << n);
            put(c, x >> n);
            T s = x;
            s >>= n;
            put(c, s);
            if (n >= 0)
                put(c, x << unsigned(n));
        }
        for (int n = 0; n < T::width; n++) {
            c.add(bool(x[n]));
            T y = x;
            y[n] = 1;
            put(c, y);
            y[n] = y[0];
            put(c, y);
            ap_uint<T::width> bits = y.range(T::width - 1, n);
            put(c, bits);
            c.add((unsigned)y(n, 0));
            y(n, 0) = i;
            put(c, y);
            y.range(T::width - 1, n) = ap_int<3>(-3);
            put(c, y);
            y.range() = x.range();
            put(c, y);
            put(c, T(y(n, 0)));
            put(c, ap_fixed<12, 9>(y[n]));
        }
        if (T::width >= T::iwidth) // otherwise the bundled types print another number
            print(c, x);
        std::istringstream in(std::to_string(x.to_double()) + " 1");
        T read;
        in >> read;
        put(c, read);
        put(c, hls::exp(ap_fixed<14, 6>(x)));
    }
    put(c, hls::numeric_limits<T>::max());
    put(c, hls::numeric_limits<T>::min());
    put(c, hls::numeric_limits<T>::epsilon());
}

void streams() {
    Case c("streams");
    hls::stream<ap_int<20>> s("name"), unnamed;
    ap_int<20> x = 0;
    for (int i = 0; i < 20000; i++) {
        if (random_bits() % 5 < 3)
            s.write(i);
        else if (!s.empty())
            put(c, s.read());
        c.add(s.size());
    }
    while (s.read_nb(x))
        put(c, x);
    s << ap_int<20>(7);
    s >> x;
    put(c, x);
    c.add(s.empty() + 2 * s.full() + 4 * unnamed.empty());
}

void integers() {
    Case c("printed integers");
    for (int i = 0; i < 300; i++) {
        print(c, ap_int<8>(i));
        print(c, ap_uint<7>(i));
        print(c, ap_int<40>(i * 12345678ll - 1000000000ll));
        std::istringstream in(std::to_string(i - 150) + (i % 3 == 0 ? ", 3" : i % 3 == 1 ? ".75 3.0" : " -3.5"));
        ap_int<6> read;
        ap_uint<3> next = 0;
        in >> read >> next;
        put(c, read);
        put(c, next);
    }
}

int main() {
    access<ap_fixed<8, 3>>();
    access<ap_ufixed<6, 0, AP_RND, AP_SAT>>();
    access<ap_fixed<5, 0>>();
    access<ap_fixed<1, 1>>();
    access<ap_fixed<4, 7>>();
    access<ap_fixed<5, -2>>();
    access<ap_fixed<20, 10>>();
    streams();
    integers();
}
