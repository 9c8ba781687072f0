/* A test app that does something in one of its callbacks, named by a define when a test compiles
 * it: DO_INIT, DO_OPEN, DO_READ, DO_CLOSE or DO_TIMER, statements of C. Not an example to follow. */

#include <ringsocket.h>

#ifndef DO_INIT
#define DO_INIT
#endif
#ifndef DO_OPEN
#define DO_OPEN
#endif
#ifndef DO_READ
#define DO_READ
#endif
#ifndef DO_CLOSE
#define DO_CLOSE
#endif
#ifndef DO_TIMER
#define DO_TIMER
#endif

/* A helper that may not be called does not return. */
#define CALLBACK(name, type, statement, result) \
    static type name(rs_t *rs) \
    { \
        (void) rs; \
        statement; \
        RS_LOG(LOG_NOTICE, "it went on in " #name); \
        return result; \
    }

CALLBACK(init_cb, rs_cb_ret, DO_INIT, RS_CB_OK)
CALLBACK(open_cb, rs_cb_ret, DO_OPEN, RS_CB_OK)
CALLBACK(read_cb, rs_cb_ret, DO_READ, RS_CB_OK)
CALLBACK(close_cb, rs_cb_ret, DO_CLOSE, RS_CB_OK)
CALLBACK(timer_cb, rs_timer_ret, DO_TIMER, RS_TIMER_NEVER)

RS_APP(RS_INIT(init_cb), RS_OPEN(open_cb), RS_READ_ANY(read_cb), RS_CLOSE(close_cb),
       RS_TIMER_WAKE(timer_cb, 1000));
