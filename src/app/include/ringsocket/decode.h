/* SPDX-License-Identifier: MIT */

/*
 * ringsocket/decode.h: what the parameter macros of RS_READ_... and RS_CASE_... stand
 * for: variables filled from a payload, of which nothing is believed before it has
 * been checked.
 * Not for: apps. Included by ringsocket.h.
 *
 * Within these macros `s_` is the session and `in_` what is left of the payload.
 * Parameter i of a callback becomes the variable v{i}_, and c{i}_ its number of
 * elements; i counts down, so that the last is 1.
 */

#ifndef RINGSOCKET_DECODE_H
#define RINGSOCKET_DECODE_H

#include "loop.h"

/* Arrays of more bytes than this are not on the stack, where the original has them:
 * there the app's author would have to know how much the thread has. */
#define RS_STACK_MAX_ 16384

#define RS_IS_SMALL_(type, count) ((count) <= RS_STACK_MAX_ / sizeof(type))

/* Copies so many bytes out of the payload; false if there are fewer. */
static inline bool rs_take_(struct rs_input_ *input, void *to, size_t size)
{
    if (size > input->size) {
        return false;
    }
    if (size > 0) {
        memcpy(to, input->data, size);
    }
    input->data += size;
    input->size -= size;
    return true;
}

/* Whether all that is left is between min and max elements of that size. */
static inline bool rs_is_whole_(struct rs_input_ input, size_t size, size_t min, size_t max)
{
    const size_t count = input.size / size;

    return input.size % size == 0 && count >= min && count <= max;
}

/* Turns numbers in network byte order into host byte order, where they lie. */
static inline void rs_ntoh_(void *at, size_t size, size_t count)
{
    uint8_t *bytes = at;

    for (; size > 1 && count > 0; count--, bytes += size) {
        if (size == sizeof(uint16_t)) {
            const uint16_t host = RS_R_NTOH16(bytes);
            memcpy(bytes, &host, sizeof(host));
        } else if (size == sizeof(uint32_t)) {
            const uint32_t host = RS_R_NTOH32(bytes);
            memcpy(bytes, &host, sizeof(host));
        } else {
            const uint64_t host = RS_R_NTOH64(bytes);
            memcpy(bytes, &host, sizeof(host));
        }
    }
}

/* Room on the heap, which is the app's to free(3). */
static inline void *rs_heap_(struct rs_session_ *session, size_t size)
{
    void *const room = malloc(RS_MAX(size, 1));

    if (room == NULL) {
        RS_FAULT_(session, "no memory for %zu bytes of a message", size);
    }
    return room;
}

/* -------------------------------------------------------------------------- *
 * From a parameter macro to its kind: RS_NET(uint8_t, 3) is RS_K_NET_2, ...  *
 * -------------------------------------------------------------------------- */

#define RS_KIND_RS_NET(...) RS_KIND_CAT_(RS_K_NET_, RS_ARITY_(__VA_ARGS__)), __VA_ARGS__
#define RS_KIND_RS_NET_STA(...) RS_K_NET_STA, __VA_ARGS__
#define RS_KIND_RS_NET_VLA(...) RS_K_NET_VLA, __VA_ARGS__
#define RS_KIND_RS_NET_HEAP(...) RS_K_NET_HEAP, __VA_ARGS__
#define RS_KIND_RS_NTOH(...) RS_KIND_CAT_(RS_K_NTOH_, RS_ARITY_(__VA_ARGS__)), __VA_ARGS__
#define RS_KIND_RS_NTOH_STA(...) RS_K_NTOH_STA, __VA_ARGS__
#define RS_KIND_RS_NTOH_VLA(...) RS_K_NTOH_VLA, __VA_ARGS__
#define RS_KIND_RS_NTOH_HEAP(...) RS_K_NTOH_HEAP, __VA_ARGS__
#define RS_KIND_RS_STR(...) RS_K_STR, __VA_ARGS__
#define RS_KIND_RS_STR_STA(...) RS_K_STR_STA, __VA_ARGS__
#define RS_KIND_RS_STR_VLA(...) RS_K_STR_VLA, __VA_ARGS__
#define RS_KIND_RS_STR_HEAP(...) RS_K_STR_HEAP, __VA_ARGS__

/* Statements that make variable i, and the arguments that it stands for. */
#define RS_IN_(i, parameter) RS_IN_AS_(i, RS_KIND_##parameter)
#define RS_IN_AS_(i, ...) RS_IN_OF_(i, __VA_ARGS__)
#define RS_IN_OF_(i, kind, ...) RS_IN_##kind(i, __VA_ARGS__)

#define RS_OUT_(i, parameter) RS_OUT_AS_(i, RS_KIND_##parameter)
#define RS_OUT_AS_(i, ...) RS_OUT_OF_(i, __VA_ARGS__)
#define RS_OUT_OF_(i, kind, ...) RS_OUT_##kind(i)

/* -------------------------------------------------------------------------- *
 * Variables                                                                  *
 * -------------------------------------------------------------------------- */

#define RS_WRONG_SIZE_ return rs_refuse_(s_, RS_APP_WS_CLOSE_WRONG_SIZE)

#define RS_FILL_(i, type, count) \
    if (!rs_take_(&in_, v##i##_, (count) * sizeof(type))) { \
        RS_WRONG_SIZE_; \
    }

/* Room for so many elements: an array of the function, zeroed, or a block. */
#define RS_ROOM_(i, type, count) \
    type a##i##_[RS_IS_SMALL_(type, count) ? (count) : 1]; \
    type *const v##i##_ = RS_IS_SMALL_(type, count) ? memset(a##i##_, 0, sizeof(a##i##_)) \
                                                    : rs_block_(s_, (count), sizeof(type));

/* The number of elements, if it is one of those allowed. */
#define RS_COUNT_(i, type, min, max) \
    _Static_assert((i) == 1, "only the last parameter may have a minimum and a maximum"); \
    if (!rs_is_whole_(in_, sizeof(type), (min), (max))) { \
        RS_WRONG_SIZE_; \
    } \
    const size_t c##i##_ = in_.size / sizeof(type);

#define RS_SWAP_(to, type, count) \
    _Static_assert(sizeof(type) == 1 || sizeof(type) == 2 || sizeof(type) == 4 \
                       || sizeof(type) == 8, \
                   "RS_NTOH is for numbers of 1, 2, 4 or 8 bytes"); \
    rs_ntoh_((to), sizeof(type), (count));

#define RS_IN_RS_K_NET_1(i, type) \
    type v##i##_; \
    if (!rs_take_(&in_, &v##i##_, sizeof(v##i##_))) { \
        RS_WRONG_SIZE_; \
    }
#define RS_IN_RS_K_NET_2(i, type, count) RS_ROOM_(i, type, count) RS_FILL_(i, type, count)
#define RS_IN_RS_K_NET_3(i, type, min, max) \
    RS_COUNT_(i, type, min, max) RS_ROOM_(i, type, (max) + 1) RS_FILL_(i, type, c##i##_)
#define RS_IN_RS_K_NET_STA(i, type, min, max) \
    RS_COUNT_(i, type, min, max) \
    static _Thread_local type v##i##_[(max) + 1]; \
    RS_FILL_(i, type, c##i##_)
#define RS_IN_RS_K_NET_VLA(i, type, min, max) \
    RS_COUNT_(i, type, min, max) \
    type v##i##_[c##i##_ + 1]; \
    RS_FILL_(i, type, c##i##_)
#define RS_IN_RS_K_NET_HEAP(i, type, min, max) \
    RS_COUNT_(i, type, min, max) \
    type *const v##i##_ = rs_heap_(s_, c##i##_ * sizeof(type)); \
    RS_FILL_(i, type, c##i##_)

#define RS_IN_RS_K_NTOH_1(i, type) RS_IN_RS_K_NET_1(i, type) RS_SWAP_(&v##i##_, type, 1)
#define RS_IN_RS_K_NTOH_2(i, type, count) \
    RS_IN_RS_K_NET_2(i, type, count) RS_SWAP_(v##i##_, type, count)
#define RS_IN_RS_K_NTOH_3(i, type, min, max) \
    RS_IN_RS_K_NET_3(i, type, min, max) RS_SWAP_(v##i##_, type, c##i##_)
#define RS_IN_RS_K_NTOH_STA(i, type, min, max) \
    RS_IN_RS_K_NET_STA(i, type, min, max) RS_SWAP_(v##i##_, type, c##i##_)
#define RS_IN_RS_K_NTOH_VLA(i, type, min, max) \
    RS_IN_RS_K_NET_VLA(i, type, min, max) RS_SWAP_(v##i##_, type, c##i##_)
#define RS_IN_RS_K_NTOH_HEAP(i, type, min, max) \
    RS_IN_RS_K_NET_HEAP(i, type, min, max) RS_SWAP_(v##i##_, type, c##i##_)

/* Rooms have an element more than max, which the NUL takes. */
#define RS_END_STR_(i) v##i##_[c##i##_] = '\0';
#define RS_IN_RS_K_STR(i, min, max) RS_IN_RS_K_NET_3(i, char, min, max) RS_END_STR_(i)
#define RS_IN_RS_K_STR_STA(i, min, max) RS_IN_RS_K_NET_STA(i, char, min, max) RS_END_STR_(i)
#define RS_IN_RS_K_STR_VLA(i, min, max) RS_IN_RS_K_NET_VLA(i, char, min, max) RS_END_STR_(i)
#define RS_IN_RS_K_STR_HEAP(i, min, max) \
    RS_COUNT_(i, char, min, max) \
    char *const v##i##_ = rs_heap_(s_, c##i##_ + 1); \
    RS_FILL_(i, char, c##i##_) RS_END_STR_(i)

/* -------------------------------------------------------------------------- *
 * Arguments                                                                  *
 * -------------------------------------------------------------------------- */

#define RS_OUT_RS_K_NET_1(i) , v##i##_
#define RS_OUT_RS_K_NET_2(i) , v##i##_
#define RS_OUT_RS_K_NET_3(i) , v##i##_, c##i##_
#define RS_OUT_RS_K_NET_STA(i) , v##i##_, c##i##_
#define RS_OUT_RS_K_NET_VLA(i) , v##i##_, c##i##_
#define RS_OUT_RS_K_NET_HEAP(i) , v##i##_, c##i##_
#define RS_OUT_RS_K_NTOH_1(i) , v##i##_
#define RS_OUT_RS_K_NTOH_2(i) , v##i##_
#define RS_OUT_RS_K_NTOH_3(i) , v##i##_, c##i##_
#define RS_OUT_RS_K_NTOH_STA(i) , v##i##_, c##i##_
#define RS_OUT_RS_K_NTOH_VLA(i) , v##i##_, c##i##_
#define RS_OUT_RS_K_NTOH_HEAP(i) , v##i##_, c##i##_
#define RS_OUT_RS_K_STR(i) , v##i##_, c##i##_
#define RS_OUT_RS_K_STR_STA(i) , v##i##_, c##i##_
#define RS_OUT_RS_K_STR_VLA(i) , v##i##_, c##i##_
#define RS_OUT_RS_K_STR_HEAP(i) , v##i##_, c##i##_

#endif /* RINGSOCKET_DECODE_H */
