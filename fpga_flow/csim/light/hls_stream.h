// hls::stream for C simulation: an unbounded queue in one thread, with the bundled header's interface and warnings,
// but without the name that the bundled one composes for every stream it constructs.
#ifndef FPGA_FLOW_LIGHT_HLS_STREAM_H
#define FPGA_FLOW_LIGHT_HLS_STREAM_H
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <new>
#include <sstream> // the bundled header includes it, and hls4ml's nnet_helpers.h relies on that
#include <string>
#include <type_traits>
#include <vector>

namespace light {

// A queue of bytes; no template, for the compiler's sake.
class bytes {
  public:
    bytes() : memory(nullptr), head(0), tail(0), capacity(0) {}
    bytes(const bytes &) = delete;
    bytes &operator=(const bytes &) = delete;
    ~bytes() { std::free(memory); }
    size_t size() const { return tail - head; }
    char *front() const { return memory + head; }
    void skip(size_t count) {
        head += count;
        if (head == tail)
            head = tail = 0;
    }
    char *extend(size_t count) {
        if (capacity - tail < count)
            make_room(count);
        tail += count;
        return memory + tail - count;
    }

  private:
    char *memory;
    size_t head, tail, capacity;

    __attribute__((noinline)) void make_room(size_t count) {
        const size_t used = tail - head;
        if (used + count > capacity / 2) { // else what was read makes room enough
            capacity = 2 * (used + count) < 1024 ? 1024 : 2 * (used + count);
            char *larger = static_cast<char *>(std::malloc(capacity));
            if (larger == nullptr)
                throw std::bad_alloc();
            if (used != 0)
                std::memcpy(larger, memory + head, used);
            std::free(memory);
            memory = larger;
        } else if (used != 0)
            std::memmove(memory, memory + head, used);
        head = 0;
        tail = used;
    }
};

// A queue of values that are copied as bytes are: ap types, and nnet::array of them.
template <class T, bool Bytes> class queue {
  public:
    size_t size() const { return values.size() / sizeof(T); }
    void push(const T &value) { new (values.extend(sizeof(T))) T(value); }
    const T &front() const { return *reinterpret_cast<const T *>(values.front()); }
    // `count` values more, which are not initialised.
    T *extend(size_t count) { return reinterpret_cast<T *>(values.extend(count * sizeof(T))); }
    void skip(size_t count) { values.skip(count * sizeof(T)); }

  private:
    bytes values;
};

// A queue of anything else.
template <class T> class queue<T, false> {
  public:
    queue() : head(0) {}
    size_t size() const { return values.size() - head; }
    void push(const T &value) {
        if (head > 255 && head > values.size() / 2) { // a queue that never runs empty must not grow for ever
            values.erase(values.begin(), values.begin() + head);
            head = 0;
        }
        values.push_back(value);
    }
    const T &front() const { return values[head]; }
    void skip(size_t count) {
        head += count;
        if (head == values.size()) {
            values.clear();
            head = 0;
        }
    }

  private:
    std::vector<T> values; // those before `head` were read
    size_t head;
};

} // namespace light

namespace hls {

template <class T> class stream {
  public:
    stream() {}
    stream(const std::string &) {}
    stream(const char *) {}
    stream(const stream &) = delete;
    stream &operator=(const stream &) = delete;
    ~stream() {
        if (!empty())
            warn("contains leftover data");
    }

    bool empty() const { return values.size() == 0; }
    bool full() const { return false; }
    size_t size() const { return values.size(); }

    void write(const T &value) { values.push(value); }
    T read() {
        if (empty()) {
            warn("is read while empty");
            return T();
        }
        T value(values.front());
        values.skip(1);
        return value;
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

    // Not in the bundled header, for fpga_flow's kernels, which read and write many values at once: the next `count` values,
    // until they are skipped; `count` more of them, to be written.
    const T *next(size_t count) {
        while (size() < count) {
            warn("is read while empty");
            write(T());
        }
        return &values.front();
    }
    void skip(size_t count) { values.skip(count); }
    T *extend(size_t count) { return values.extend(count); }

  private:
    light::queue<T, std::is_trivially_copy_constructible<T>::value && std::is_trivially_destructible<T>::value> values;

    static void warn(const char *what) {
        std::cout << "WARNING: Hls::stream " << what << ", which may result in RTL simulation hanging." << std::endl;
    }
};

} // namespace hls
#endif
