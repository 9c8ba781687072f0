/* SPDX-License-Identifier: MIT */

/*
 * ringsocket/handle.hpp: a way into an app in C++ from threads of its own, such as one
 * that waits for a database. Included by ringsocket.hpp.
 *
 *     explicit Oracle(Context &cx) : handle_(cx) {}
 *
 *     ... on a thread of the app, with a copy of the handle:
 *     const Result result = handle.post([client, answer](Oracle &app, Context &cx) {
 *         app.answered++;
 *         cx.to(client).text(answer);
 *     });
 */

#ifndef RINGSOCKET_HANDLE_HPP
#define RINGSOCKET_HANDLE_HPP

#include "context.hpp"
#include "guard.hpp"

#include <memory>
#include <stdexcept>
#include <type_traits>

namespace ringsocket {

/* Brings work from other threads to the app, whose class is App. Copies are cheap, and any thread
 * may have one; one object is for one thread at a time. It may outlive the app. */
template <class App> class Handle {
public:
    /* Of no app, as is one that was moved from. */
    Handle() = default;
    /* In any callback, also in the constructor of the app; in its destructor it is of no app.
     * Throws a std::logic_error if App is not the class whose callback this is. */
    explicit Handle(const Context &cx) : host_(cx.raw()->host)
    {
        if (!cx.is_of<App>()) {
            throw std::logic_error("a Handle of another class than the app's");
        }
        raw_ = {host_->acquire(cx.raw()), host_->release};
    }

    /* Has call(App &, Context &) called as one more callback, soon, and does not wait. Calls that
     * one thread posts are made in that order; what the constructor posts is called after it. What
     * it throws stops the app, as out of any callback. It is moved, and destroyed when it has been
     * called; or, if the app is over before, on some thread without having been called.
     * Result::ok; limit while RS_POSTED_MAX_C calls wait; not_here if the app is over; bad_argument
     * for a handle of no app: then the call is destroyed before this returns. May throw
     * std::bad_alloc, and what moving the call throws. */
    template <class Call> [[nodiscard]] Result post(Call call) const
    {
        static_assert(std::is_invocable_v<Call, App &, Context &>,
                      "what is posted takes (App &, Context &)");
        static_assert(std::is_nothrow_destructible_v<Call>,
                      "the server destroys the call, and takes no exception");
        if (raw_ == nullptr) {
            return Result::bad_argument;
        }
        auto owned = std::make_unique<Call>(std::move(call));
        const int result = host_->post(raw_.get(), run<Call>, owned.get(), discard<Call>);
        if (result == RS_OK) {
            (void) owned.release(); /* it may have run already */
        }
        return Result(result);
    }

    /* Whether it is of an app, which may be over. */
    explicit operator bool() const noexcept { return raw_ != nullptr; }

private:
    template <class Call> static int run(rs_t *rs, void *state, void *argument) noexcept
    {
        return detail::guard<App>(rs, "post", [&](Context &cx) {
            const std::unique_ptr<Call> call(static_cast<Call *>(argument));
            std::move(*call)(*static_cast<App *>(state), cx);
        });
    }
    template <class Call> static void discard(void *argument) noexcept
    {
        delete static_cast<Call *>(argument);
    }

    const struct rs_host *host_ = nullptr;
    std::shared_ptr<rs_handle_t> raw_;
};

} // namespace ringsocket

#endif /* RINGSOCKET_HANDLE_HPP */
