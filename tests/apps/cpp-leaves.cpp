/* A test app in C++ that takes leave as leaves.c does, and counts how often it was asked to
 * `count`. Not an example to follow. */

#include <ringsocket.hpp>

using namespace ringsocket;

/* Without -fvisibility=hidden gcc has all libraries of a process share it. */
inline int count;

namespace {

class Leaves {
public:
    static constexpr std::array<std::string_view, 1> subprotocols = {"leaves"};

    void read(Context &cx, Client client, std::string_view text)
    {
        if (text == "early") {
            early_ = client;
        }
        if (text == "count") {
            cx.to(client).text(std::to_string(++count));
            return;
        }
        cx.to(client).text(text == "version" ? version : text);
    }

    void drain(Context &cx, std::chrono::microseconds wait)
    {
        cx.to_all().text("draining " + std::to_string(wait.count()));
        if (early_ != Client()) {
            cx.close(early_, 4000, "you wanted it");
        }
#ifdef MISUSE
        throw Rejection(4000, "nobody");
#endif
    }

private:
#define TEXT_OF_(x) #x
#define TEXT_OF(x) TEXT_OF_(x)
    static constexpr std::string_view version = TEXT_OF(VERSION);
    Client early_;
};

} // namespace

RINGSOCKET_EXPORT(Leaves);
