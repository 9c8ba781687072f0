/* SPDX-License-Identifier: MIT */

/*
 * ringsocket/util.h: small macros that apps use: bounds, sizes, byte order, heap.
 * Not for: anything that needs the server (helpers.h). Included by ringsocket.h.
 */

#ifndef RINGSOCKET_UTIL_H
#define RINGSOCKET_UTIL_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Number of elements of an array; not of a pointer. */
#define RS_ELEM_C(array) (sizeof(array) / sizeof(*(array)))

/* The arguments are evaluated more than once. */
#define RS_MIN(a, b) ((b) < (a) ? (b) : (a))
#define RS_MAX(a, b) ((b) > (a) ? (b) : (a))

/* The value that is nearest to `value` between both bounds. */
#define RS_BOUNDS(lower, value, upper) RS_MIN(RS_MAX(lower, value), upper)

/* Length of a string literal or character array, without its NUL. */
#define RS_CONST_STRLEN(literal) (sizeof(literal) - sizeof(char))

/* What a macro stands for, as a string literal. */
#define RS_STRINGIFY(macro) RS_STRINGIFIED(macro)
#define RS_STRINGIFIED(text) #text

/* Byte order: network (big-endian) to host, and back. Constant for constants. */
#define RS_IS_LITTLE_ENDIAN (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define RS_NTOH16(net) ((uint16_t) __builtin_bswap16((uint16_t) (net)))
#define RS_NTOH32(net) ((uint32_t) __builtin_bswap32((uint32_t) (net)))
#define RS_NTOH64(net) ((uint64_t) __builtin_bswap64((uint64_t) (net)))
#else
#define RS_NTOH16(net) ((uint16_t) (net))
#define RS_NTOH32(net) ((uint32_t) (net))
#define RS_NTOH64(net) ((uint64_t) (net))
#endif
#define RS_HTON16(host) RS_NTOH16(host)
#define RS_HTON32(host) RS_NTOH32(host)
#define RS_HTON64(host) RS_NTOH64(host)

/* Reads a number in network byte order from anywhere, aligned or not. */
#define RS_R_NTOH16(from) rs_r_ntoh16_(from)
#define RS_R_NTOH32(from) rs_r_ntoh32_(from)
#define RS_R_NTOH64(from) rs_r_ntoh64_(from)

/* Writes a number in network byte order to anywhere, aligned or not. */
#define RS_W_HTON16(to, host) rs_w_hton16_((to), (host))
#define RS_W_HTON32(to, host) rs_w_hton32_((to), (host))
#define RS_W_HTON64(to, host) rs_w_hton64_((to), (host))

#define RS_BYTE_ORDER_(bits) \
    static inline uint##bits##_t rs_r_ntoh##bits##_(const void *from) \
    { \
        uint##bits##_t net; \
        memcpy(&net, from, sizeof(net)); \
        return RS_NTOH##bits(net); \
    } \
    static inline void rs_w_hton##bits##_(void *to, uint##bits##_t host) \
    { \
        const uint##bits##_t net = RS_HTON##bits(host); \
        memcpy(to, &net, sizeof(net)); \
    }

RS_BYTE_ORDER_(16)
RS_BYTE_ORDER_(32)
RS_BYTE_ORDER_(64)

/* What a function of an app's own may return, or RS_OK. A plain number, so that
 * it takes enumerators of every kind without a warning. */
typedef int rs_ret;
enum { RS_CLOSE_PEER = -1, RS_FATAL = -2, RS_AGAIN = -3 };

/* Returns from the enclosing function with what `call` returns, unless RS_OK. */
#define RS_GUARD(call) \
    do { \
        const int rs_guarded_ = (int) (call); \
        if (rs_guarded_ != 0) { \
            return rs_guarded_; \
        } \
    } while (0)

/* Zeroed room for elem_c of what `pointer` points to. The enclosing function
 * returns RS_FATAL if there is none. */
#define RS_CALLOC(pointer, elem_c) \
    do { \
        (pointer) = calloc((elem_c), sizeof(*(pointer))); \
        if ((pointer) == NULL) { \
            RS_LOG_ERRNO(LOG_ALERT, "calloc()"); \
            return RS_FATAL; \
        } \
    } while (0)

/* Room for elem_c in place of what `pointer` had. As above; what it had stays. */
#define RS_REALLOC(pointer, elem_c) \
    do { \
        void *const rs_moved_ = reallocarray((pointer), (elem_c), sizeof(*(pointer))); \
        if (rs_moved_ == NULL) { \
            RS_LOG_ERRNO(LOG_ALERT, "reallocarray()"); \
            return RS_FATAL; \
        } \
        (pointer) = rs_moved_; \
    } while (0)

#define RS_FREE(pointer) \
    do { \
        free(pointer); \
        (pointer) = NULL; \
    } while (0)

#endif /* RINGSOCKET_UTIL_H */
