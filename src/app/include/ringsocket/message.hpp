/* SPDX-License-Identifier: MIT */

/*
 * ringsocket/message.hpp: messages in C++, and reading and writing the values in
 * them. Included by ringsocket.hpp. Knows nothing of clients.
 *
 *     auto [first, more] = unpack<std::int32_t, List<std::uint16_t, 1, 10>>(bytes);
 *
 * checks that the size fits, gives an int32_t and a range of numbers, and throws a
 * Rejection with wrong_size otherwise: what leaves read closes its sender.
 *
 *     message.match(
 *         on_binary<0, std::int16_t, std::int16_t>([&](auto dx, auto dy) { ... }),
 *         on_text<'s', Text<1, 500>>([&](std::string_view words) { ... }));
 *
 * calls by the first byte of a message, which the fields do not include.
 *
 * Fields, and what each is given as:
 *
 *     std::uint8_t to 64, std::int8_t to 64, float, double
 *                        itself, from network byte order (the first byte is the
 *                        most significant one)
 *     Little<T>          T, sent the other way round
 *     std::array<T, n>   itself
 *     List<T, min, max>  Numbers<T>, a range: all the rest, min to max elements
 *     Rest<min, max>     Bytes: all the rest, min to max bytes
 *     Text<min, max>     std::string_view, likewise. In a binary message nobody has
 *                        looked whether it is UTF-8
 *
 * The last three come last. Without a max there is none but the server's. Numbers,
 * bytes and texts are views of the message, which is gone when the callback returns.
 */

#ifndef RINGSOCKET_MESSAGE_HPP
#define RINGSOCKET_MESSAGE_HPP

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace ringsocket {

using Bytes = std::span<const std::byte>;

/* Codes that close a client whose message does not fit; ringsocket/app.h has the same for C. */
inline constexpr std::uint16_t wrong_size = 4900;
inline constexpr std::uint16_t wrong_kind = 4901;
inline constexpr std::uint16_t unknown_case = 4902;

/* Thrown out of read or open, it closes the client that is being served, with this code and
 * reason (UTF-8, at most 123 bytes), and is no fault; out of upgrade it refuses the client, with
 * the code for a status (see Refusal) and the reason for a body. Out of other callbacks it is
 * one, as there is no such client. */
class Rejection : public std::runtime_error {
public:
    explicit Rejection(std::uint16_t code, const std::string &reason = {})
        : std::runtime_error(reason), code_(code) {}

    [[nodiscard]] std::uint16_t code() const noexcept { return code_; }

private:
    std::uint16_t code_;
};

/* What can stand in a message as a number. */
template <class T>
concept Number = (std::integral<T> && !std::same_as<std::remove_cv_t<T>, bool>) ||
                 std::same_as<T, float> || std::same_as<T, double>;

inline constexpr std::size_t any_size = std::numeric_limits<std::size_t>::max();

/* A number whose first byte is the least significant one, to read and to write. */
template <Number T> struct Little {
    explicit constexpr Little(T number) noexcept : value(number) {}

    T value;
};

template <Number T, std::size_t min = 0, std::size_t max = any_size> struct List;
template <std::size_t min = 0, std::size_t max = any_size> struct Rest;
template <std::size_t min = 0, std::size_t max = any_size> struct Text;

namespace detail {

template <std::size_t size>
using Unsigned = std::conditional_t<
    size == 1, std::uint8_t,
    std::conditional_t<size == 2, std::uint16_t,
                       std::conditional_t<size == 4, std::uint32_t, std::uint64_t>>>;

template <Number T> T number(const std::byte *bytes, bool is_little = false) noexcept
{
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(T); i++) {
        value = value << 8 | std::to_integer<std::uint64_t>(bytes[is_little ? sizeof(T) - 1 - i : i]);
    }
    return std::bit_cast<T>(static_cast<Unsigned<sizeof(T)>>(value));
}

template <Number T> void append(std::vector<std::byte> &out, T number, bool is_little = false)
{
    const std::uint64_t value = std::bit_cast<Unsigned<sizeof(T)>>(number);
    for (std::size_t i = 0; i < sizeof(T); i++) {
        out.push_back(static_cast<std::byte>(value >> 8 * (is_little ? i : sizeof(T) - 1 - i)));
    }
}

} // namespace detail

/* Numbers in a message, each decoded when it is asked for. */
template <Number T> class Numbers {
public:
    class iterator {
    public:
        using value_type = T;
        using difference_type = std::ptrdiff_t;
        using reference = T;
        using pointer = void;
        using iterator_category = std::input_iterator_tag;
        using iterator_concept = std::forward_iterator_tag;

        iterator() = default;
        explicit iterator(const std::byte *at) noexcept : at_(at) {}
        T operator*() const noexcept { return detail::number<T>(at_); }
        iterator &operator++() noexcept
        {
            at_ += sizeof(T);
            return *this;
        }
        iterator operator++(int) noexcept
        {
            const iterator before = *this;
            ++*this;
            return before;
        }
        bool operator==(const iterator &) const = default;

    private:
        const std::byte *at_ = nullptr;
    };

    Numbers() = default;
    /* Of whole numbers; bytes left over are not seen. */
    explicit Numbers(Bytes bytes) noexcept : bytes_(bytes) {}

    [[nodiscard]] std::size_t size() const noexcept { return bytes_.size() / sizeof(T); }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    /* i is less than size(). */
    T operator[](std::size_t i) const noexcept
    {
        return detail::number<T>(bytes_.data() + i * sizeof(T));
    }
    [[nodiscard]] iterator begin() const noexcept { return iterator(bytes_.data()); }
    [[nodiscard]] iterator end() const noexcept { return iterator(bytes_.data() + size() * sizeof(T)); }

private:
    Bytes bytes_;
};

namespace detail {

/* Sizes of a field in bytes, and its value from as many. */
template <class F> struct Field;

template <std::size_t size> struct Fixed {
    static constexpr std::size_t min = size, max = size, unit = 1;
};

template <std::size_t min_c, std::size_t max_c, std::size_t size> struct Open {
    static_assert(min_c <= max_c, "a field's min exceeds its max");
    static constexpr std::size_t min = min_c * size, unit = size;
    static constexpr std::size_t max = max_c > any_size / size ? any_size : max_c * size;
};

template <Number T> struct Field<T> : Fixed<sizeof(T)> {
    static T value(Bytes bytes) noexcept { return number<T>(bytes.data()); }
};

template <Number T> struct Field<Little<T>> : Fixed<sizeof(T)> {
    static T value(Bytes bytes) noexcept { return number<T>(bytes.data(), true); }
};

template <Number T, std::size_t n> struct Field<std::array<T, n>> : Fixed<sizeof(T) * n> {
    static std::array<T, n> value(Bytes bytes) noexcept
    {
        std::array<T, n> all{};
        std::ranges::copy(Numbers<T>(bytes), all.begin());
        return all;
    }
};

template <Number T, std::size_t min_c, std::size_t max_c>
struct Field<List<T, min_c, max_c>> : Open<min_c, max_c, sizeof(T)> {
    static Numbers<T> value(Bytes bytes) noexcept { return Numbers<T>(bytes); }
};

template <std::size_t min_c, std::size_t max_c>
struct Field<Rest<min_c, max_c>> : Open<min_c, max_c, 1> {
    static Bytes value(Bytes bytes) noexcept { return bytes; }
};

template <std::size_t min_c, std::size_t max_c>
struct Field<Text<min_c, max_c>> : Open<min_c, max_c, 1> {
    static std::string_view value(Bytes bytes) noexcept
    {
        return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
    }
};

template <class F> using Value = decltype(Field<F>::value(Bytes()));

/* Whether all fields but the last have one size. */
template <class... F> constexpr bool open_comes_last()
{
    std::size_t left = sizeof...(F);
    return ((--left == 0 || Field<F>::min == Field<F>::max) && ...);
}

template <class... F> constexpr bool fits(std::size_t size)
{
    constexpr std::size_t min = (std::size_t{0} + ... + Field<F>::min);
    std::size_t room = 0, unit = 1;
    ((room = Field<F>::max - Field<F>::min, unit = Field<F>::unit), ...);
    return size >= min && size - min <= room && (size - min) % unit == 0;
}

/* The field's value, from the front of what is left: of an open one, which is the last, all. */
template <class F> Value<F> take(Bytes &left)
{
    const std::size_t size = Field<F>::min == Field<F>::max ? Field<F>::min : left.size();
    const Bytes bytes = left.first(size);
    left = left.subspan(size);
    return Field<F>::value(bytes);
}

inline Bytes bytes_of(std::string_view text) noexcept { return std::as_bytes(std::span(text)); }

} // namespace detail

/* The values of all fields, which are the whole of the bytes.
 * Throws a Rejection with wrong_size if the sizes do not fit. */
template <class... F> std::tuple<detail::Value<F>...> unpack(Bytes bytes)
{
    static_assert(detail::open_comes_last<F...>(), "List, Rest and Text come last");
    if (!detail::fits<F...>(bytes.size())) {
        throw Rejection(wrong_size);
    }
    return std::tuple<detail::Value<F>...>{detail::take<F>(bytes)...};
}

template <class... F> std::tuple<detail::Value<F>...> unpack(std::string_view text)
{
    return unpack<F...>(detail::bytes_of(text));
}

/* Writes one value after another: numbers in network byte order and of the size of their type
 * (so name it: std::uint16_t{1}, not 1), Little numbers, texts, bytes, and ranges of numbers. */
template <class... V> std::vector<std::byte> pack(const V &...values)
{
    std::vector<std::byte> out;
    const auto add = [&out]<class T>(const T &value) {
        if constexpr (Number<T>) {
            detail::append(out, value);
        } else if constexpr (requires { value.value; }) {
            detail::append(out, value.value, true);
        } else if constexpr (std::convertible_to<const T &, std::string_view>) {
            const Bytes bytes = detail::bytes_of(value);
            out.insert(out.end(), bytes.begin(), bytes.end());
        } else if constexpr (std::convertible_to<const T &, Bytes>) {
            const Bytes bytes = value;
            out.insert(out.end(), bytes.begin(), bytes.end());
        } else {
            for (const auto number : value) {
                detail::append(out, number);
            }
        }
    };
    (add(values), ...);
    return out;
}

namespace detail {

enum class Kinds { binary, text, both };

template <Kinds kinds, std::uint8_t first, class Handler, class... F> struct Case {
    static_assert(std::is_invocable_v<Handler &, Value<F>...>,
                  "a case's function takes what its fields are given as, see ringsocket/message.hpp");
    static constexpr std::uint8_t byte = first;
    Handler handler;

    /* Whether this is the case. */
    bool take(bool is_text, Bytes bytes)
    {
        if (std::to_integer<std::uint8_t>(bytes[0]) != first) {
            return false;
        }
        if (kinds != Kinds::both && is_text != (kinds == Kinds::text)) {
            throw Rejection(wrong_kind);
        }
        std::apply(handler, unpack<F...>(bytes.subspan(1)));
        return true;
    }
};

template <std::size_t n> constexpr bool all_differ(std::array<std::uint8_t, n> bytes)
{
    std::ranges::sort(bytes);
    return std::ranges::adjacent_find(bytes) == bytes.end();
}

} // namespace detail

/* A case of Message::match: for binary messages, texts, or both, whose first byte is this. */
template <std::uint8_t byte, class... F, class Handler> auto on_binary(Handler handler)
{
    return detail::Case<detail::Kinds::binary, byte, Handler, F...>{std::move(handler)};
}

template <std::uint8_t byte, class... F, class Handler> auto on_text(Handler handler)
{
    return detail::Case<detail::Kinds::text, byte, Handler, F...>{std::move(handler)};
}

template <std::uint8_t byte, class... F, class Handler> auto on_any(Handler handler)
{
    return detail::Case<detail::Kinds::both, byte, Handler, F...>{std::move(handler)};
}

/* A message of either kind. A view: gone when the callback returns. */
class Message {
public:
    Message(std::string_view text) noexcept : bytes_(detail::bytes_of(text)), is_text_(true) {}
    Message(Bytes bytes) noexcept : bytes_(bytes), is_text_(false) {}

    [[nodiscard]] bool is_text() const noexcept { return is_text_; }
    [[nodiscard]] Bytes bytes() const noexcept { return bytes_; }
    /* The same as characters; UTF-8 if is_text(). */
    [[nodiscard]] std::string_view text() const noexcept
    {
        return {reinterpret_cast<const char *>(bytes_.data()), bytes_.size()};
    }

    /* Calls the case of the first byte with the values that follow. Throws a Rejection if there
     * is no byte or the size does not fit (wrong_size), the kind is not that of the case
     * (wrong_kind), or there is no such case (unknown_case). */
    template <class... Cases> void match(Cases... cases) const
    {
        static_assert(detail::all_differ(std::array<std::uint8_t, sizeof...(Cases)>{Cases::byte...}),
                      "two cases have the same first byte");
        if (bytes_.empty()) {
            throw Rejection(wrong_size);
        }
        if (!(cases.take(is_text_, bytes_) || ...)) {
            throw Rejection(unknown_case);
        }
    }

private:
    Bytes bytes_;
    bool is_text_;
};

} // namespace ringsocket

#endif /* RINGSOCKET_MESSAGE_HPP */
