/*
 * first-app greets whoever comes, tells the others what somebody says, and adds numbers.
 */

#include <ringsocket.hpp>

#include <string>

using namespace ringsocket;

class Room {
public:
    void open(Context &cx, Client client)
    {
        here_++;
        cx.to(client).text("welcome: " + count());
    }

    /* The first byte of a message tells which it is. What fits none closes its sender. */
    void read(Context &cx, Client client, Message message)
    {
        message.match(
            /* "!hello" is for everybody else. */
            on_text<'!', Text<1, 500>>([&](std::string_view words) {
                cx.to_all().except(client).text(words);
            }),
            /* "?" asks how many are here. */
            on_text<'?'>([&] { cx.to(client).text(count()); }),
            /* 1, and two numbers in network byte order. */
            on_binary<1, std::int32_t, std::int32_t>([&](std::int32_t a, std::int32_t b) {
                cx.to(client).binary(pack(std::int64_t{a} + b));
            }));
    }

    void close(Context &, Client) { here_--; }

private:
    std::string count() const { return std::to_string(here_) + " here"; }

    /* The state is the object. Callbacks run one at a time, so it needs no lock. */
    unsigned here_ = 0;
};

RINGSOCKET_EXPORT(Room);
