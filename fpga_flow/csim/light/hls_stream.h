// hls::stream for C simulation: an unbounded queue in one thread, with the bundled header's interface and warnings,
// but without the name that the bundled one composes for every stream it constructs.
#ifndef FPGA_FLOW_LIGHT_HLS_STREAM_H
#define FPGA_FLOW_LIGHT_HLS_STREAM_H
#include <iostream>
#include <sstream> // the bundled header includes it, and hls4ml's nnet_helpers.h relies on that
#include <string>
#include <vector>

namespace hls {

template <class T> class stream {
  public:
    stream() : head(0) {}
    stream(const std::string &) : head(0) {}
    stream(const stream &) = delete;
    stream &operator=(const stream &) = delete;
    ~stream() {
        if (!empty())
            warn("contains leftover data");
    }

    bool empty() const { return head == values.size(); }
    bool full() const { return false; }
    size_t size() const { return values.size() - head; }

    void write(const T &value) {
        if (head == values.size()) {
            values.clear();
            head = 0;
        } else if (head > 255 && head > values.size() / 2) {
            // a stream that never runs empty must not grow for ever
            values.erase(values.begin(), values.begin() + head);
            head = 0;
        }
        values.push_back(value);
    }
    T read() {
        if (empty()) {
            warn("is read while empty");
            return T();
        }
        return values[head++];
    }
    void read(T &value) { value = read(); }
    bool read_nb(T &value) {
        bool there = !empty();
        value = there ? read() : T();
        return there;
    }
    bool write_nb(const T &value) {
        write(value);
        return true;
    }
    void operator>>(T &value) { read(value); }
    void operator<<(const T &value) { write(value); }

  private:
    std::vector<T> values; // those before `head` were read
    size_t head;

    static void warn(const char *what) {
        std::cout << "WARNING: Hls::stream " << what << ", which may result in RTL simulation hanging." << std::endl;
    }
};

} // namespace hls
#endif
