/* A test app in C++ that throws in the callback that a define names when a test compiles it:
 * THROW_INIT, THROW_UPGRADE, THROW_OPEN, THROW_READ, THROW_CLOSE or THROW_TIMER, an expression to throw. Its read
 * takes text only, and echoes. Not an example to follow. */

#include <ringsocket.hpp>

#include <stdexcept>

using namespace ringsocket;

namespace {

class Throws {
public:
    explicit Throws(Context &cx)
    {
#ifdef THROW_INIT
        throw THROW_INIT;
#endif
        cx.set_timer(std::chrono::milliseconds(1));
    }

    Decision upgrade(Context &, Client, const Upgrade &)
    {
#ifdef THROW_UPGRADE
        throw THROW_UPGRADE;
#endif
        return Accept();
    }

    void open(Context &, Client)
    {
#ifdef THROW_OPEN
        throw THROW_OPEN;
#endif
    }

    void read(Context &cx, Client client, std::string_view text)
    {
#ifdef THROW_READ
        throw THROW_READ;
#endif
        cx.to(client).text(text);
    }

    void close(Context &, Client)
    {
#ifdef THROW_CLOSE
        throw THROW_CLOSE;
#endif
    }

    void timer(Context &)
    {
#ifdef THROW_TIMER
        throw THROW_TIMER;
#endif
    }
};

} // namespace

RINGSOCKET_EXPORT(Throws);
