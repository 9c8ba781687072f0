/* SPDX-License-Identifier: MIT */

/*
 * ringsocket/app.h: RS_APP, which makes an app of its callbacks. Included by
 * ringsocket.h.
 *
 *     #include <ringsocket.h>
 *
 *     static rs_cb_ret add(rs_t *rs, int32_t first, uint16_t *others, size_t other_c)
 *     {
 *         int64_t sum = first;
 *         for (size_t i = 0; i < other_c; i++) {
 *             sum += others[i];
 *         }
 *         rs_w_int64_hton(rs, sum);
 *         rs_to_cur(rs, RS_BIN);
 *         return RS_CB_OK;
 *     }
 *
 *     RS_APP(
 *         RS_INIT_NONE,
 *         RS_OPEN_NONE,
 *         RS_READ_BIN(add, RS_NTOH(int32_t), RS_NTOH(uint16_t, 1, 10)),
 *         RS_CLOSE_NONE,
 *         RS_TIMER_NONE
 *     );
 *
 * Once in an app, at file scope. The callbacks take the rs_t * and return rs_cb_ret,
 * that of the timer rs_timer_ret; both may also be declared as int. An app that may
 * run on any thread, speaks subprotocols, decides about upgrades, takes leave, or keeps
 * its state over restarts, adds RS_FLAGS(RS_APP_...), RS_SUBPROTOCOLS("name", ...),
 * RS_UPGRADE(cb) (see upgrade.h), RS_DRAIN(cb) (see drain.h), or RS_SAVE(cb) and
 * RS_RESTORE(cb) (see restart.h) after the five.
 *
 *     RS_INIT(cb[, size])          first of all; size of rs_get_app_data in bytes
 *     RS_OPEN(cb)                  a client has connected
 *     RS_READ_BIN(cb, ...)         a binary message, of these parameters
 *     RS_READ_UTF8(cb, ...)        text
 *     RS_READ_ANY(cb, ...)         either: rs_get_read_data_kind tells
 *     RS_READ_SWITCH(case, ...)    by the first byte, up to 255 of
 *         RS_CASE_BIN(byte, cb, ...), RS_CASE_UTF8 and RS_CASE_ANY
 *     RS_CLOSE(cb)                 a client has gone
 *     RS_TIMER_WAKE(cb, us)        after so many microseconds, and again as cb returns
 *     RS_TIMER_SLEEP(cb, us)       the same, but only after traffic: an idle app sleeps
 *     ..._WAKE, _SLEEP(cb, min, incr, max), RS_TIMER: see rs_timer_ret; a message,
 *                                  an opening or a close make it the minimum again
 *     RS_INIT_NONE, RS_OPEN_NONE, RS_CLOSE_NONE, RS_TIMER_NONE
 *
 * Up to 15 parameters, and what the callback takes for each:
 *
 *     RS_NET(type)                 type
 *     RS_NET(type, n)              type *, of n elements
 *     RS_NET(type, min, max)       type *, size_t; from here on only as the last one
 *     RS_NET_STA(type, min, max)   the same in a static array of the thread
 *     RS_NET_VLA(type, min, max)   in a variable length array
 *     RS_NET_HEAP(type, min, max)  from malloc(3), for the callback to free(3)
 *     RS_STR(min, max)             char *, size_t: bytes and a NUL, which is not counted
 *     RS_STR_STA, RS_STR_VLA, RS_STR_HEAP
 *
 * RS_NTOH for RS_NET turns numbers from network into host byte order. Arrays last until
 * the callback returns, except those of _HEAP. A message that does not fit is closed
 * with a code of enum rs_app_ws_close, and the callback is not called.
 */

#ifndef RINGSOCKET_APP_H
#define RINGSOCKET_APP_H

/* Apps written for the original find these here. */
#include <stdalign.h>
#include <stdatomic.h>
#include <threads.h>

#include "decode.h"
#include "drain.h"
#include "handle.h"
#include "restart.h"
#include "upgrade.h"

/* -------------------------------------------------------------------------- *
 * Messages                                                                   *
 * -------------------------------------------------------------------------- */

/* cb with its parameters. */
#define RS_CALL_(...) RS_CALL_CAT_(RS_CALL_, RS_ARITY_(__VA_ARGS__))(__VA_ARGS__)
#define RS_CALL_CAT_(a, b) RS_CALL_CAT_AS_(a, b)
#define RS_CALL_CAT_AS_(a, b) a##b

/* All of the payload must have been asked for. */
#define RS_FINISH_(result) \
    if (in_.size != 0) { \
        RS_WRONG_SIZE_; \
    } \
    return (int) result;

#define RS_CALL_1(cb) RS_FINISH_(cb(s_->rs))
#define RS_CALL_2(cb, p1) \
    RS_IN_(1, p1) \
    RS_FINISH_(cb(s_->rs RS_OUT_(1, p1)))
#define RS_CALL_3(cb, p2, p1) \
    RS_IN_(2, p2) RS_IN_(1, p1) \
    RS_FINISH_(cb(s_->rs RS_OUT_(2, p2) RS_OUT_(1, p1)))
#define RS_CALL_4(cb, p3, p2, p1) \
    RS_IN_(3, p3) RS_IN_(2, p2) RS_IN_(1, p1) \
    RS_FINISH_(cb(s_->rs RS_OUT_(3, p3) RS_OUT_(2, p2) RS_OUT_(1, p1)))
#define RS_CALL_5(cb, p4, p3, p2, p1) \
    RS_IN_(4, p4) RS_IN_(3, p3) RS_IN_(2, p2) RS_IN_(1, p1) \
    RS_FINISH_(cb(s_->rs RS_OUT_(4, p4) RS_OUT_(3, p3) RS_OUT_(2, p2) RS_OUT_(1, p1)))
#define RS_CALL_6(cb, p5, p4, p3, p2, p1) \
    RS_IN_(5, p5) RS_IN_(4, p4) RS_IN_(3, p3) RS_IN_(2, p2) RS_IN_(1, p1) \
    RS_FINISH_(cb(s_->rs RS_OUT_(5, p5) RS_OUT_(4, p4) RS_OUT_(3, p3) RS_OUT_(2, p2) \
        RS_OUT_(1, p1)))
#define RS_CALL_7(cb, p6, p5, p4, p3, p2, p1) \
    RS_IN_(6, p6) RS_IN_(5, p5) RS_IN_(4, p4) RS_IN_(3, p3) RS_IN_(2, p2) RS_IN_(1, p1) \
    RS_FINISH_(cb(s_->rs RS_OUT_(6, p6) RS_OUT_(5, p5) RS_OUT_(4, p4) RS_OUT_(3, p3) \
        RS_OUT_(2, p2) RS_OUT_(1, p1)))
#define RS_CALL_8(cb, p7, p6, p5, p4, p3, p2, p1) \
    RS_IN_(7, p7) RS_IN_(6, p6) RS_IN_(5, p5) RS_IN_(4, p4) RS_IN_(3, p3) RS_IN_(2, p2) \
        RS_IN_(1, p1) \
    RS_FINISH_(cb(s_->rs RS_OUT_(7, p7) RS_OUT_(6, p6) RS_OUT_(5, p5) RS_OUT_(4, p4) \
        RS_OUT_(3, p3) RS_OUT_(2, p2) RS_OUT_(1, p1)))
#define RS_CALL_9(cb, p8, p7, p6, p5, p4, p3, p2, p1) \
    RS_IN_(8, p8) RS_IN_(7, p7) RS_IN_(6, p6) RS_IN_(5, p5) RS_IN_(4, p4) RS_IN_(3, p3) \
        RS_IN_(2, p2) RS_IN_(1, p1) \
    RS_FINISH_(cb(s_->rs RS_OUT_(8, p8) RS_OUT_(7, p7) RS_OUT_(6, p6) RS_OUT_(5, p5) \
        RS_OUT_(4, p4) RS_OUT_(3, p3) RS_OUT_(2, p2) RS_OUT_(1, p1)))
#define RS_CALL_10(cb, p9, p8, p7, p6, p5, p4, p3, p2, p1) \
    RS_IN_(9, p9) RS_IN_(8, p8) RS_IN_(7, p7) RS_IN_(6, p6) RS_IN_(5, p5) RS_IN_(4, p4) \
        RS_IN_(3, p3) RS_IN_(2, p2) RS_IN_(1, p1) \
    RS_FINISH_(cb(s_->rs RS_OUT_(9, p9) RS_OUT_(8, p8) RS_OUT_(7, p7) RS_OUT_(6, p6) \
        RS_OUT_(5, p5) RS_OUT_(4, p4) RS_OUT_(3, p3) RS_OUT_(2, p2) RS_OUT_(1, p1)))
#define RS_CALL_11(cb, p10, p9, p8, p7, p6, p5, p4, p3, p2, p1) \
    RS_IN_(10, p10) RS_IN_(9, p9) RS_IN_(8, p8) RS_IN_(7, p7) RS_IN_(6, p6) RS_IN_(5, p5) \
        RS_IN_(4, p4) RS_IN_(3, p3) RS_IN_(2, p2) RS_IN_(1, p1) \
    RS_FINISH_(cb(s_->rs RS_OUT_(10, p10) RS_OUT_(9, p9) RS_OUT_(8, p8) RS_OUT_(7, p7) \
        RS_OUT_(6, p6) RS_OUT_(5, p5) RS_OUT_(4, p4) RS_OUT_(3, p3) RS_OUT_(2, p2) \
        RS_OUT_(1, p1)))
#define RS_CALL_12(cb, p11, p10, p9, p8, p7, p6, p5, p4, p3, p2, p1) \
    RS_IN_(11, p11) RS_IN_(10, p10) RS_IN_(9, p9) RS_IN_(8, p8) RS_IN_(7, p7) RS_IN_(6, p6) \
        RS_IN_(5, p5) RS_IN_(4, p4) RS_IN_(3, p3) RS_IN_(2, p2) RS_IN_(1, p1) \
    RS_FINISH_(cb(s_->rs RS_OUT_(11, p11) RS_OUT_(10, p10) RS_OUT_(9, p9) RS_OUT_(8, p8) \
        RS_OUT_(7, p7) RS_OUT_(6, p6) RS_OUT_(5, p5) RS_OUT_(4, p4) RS_OUT_(3, p3) \
        RS_OUT_(2, p2) RS_OUT_(1, p1)))
#define RS_CALL_13(cb, p12, p11, p10, p9, p8, p7, p6, p5, p4, p3, p2, p1) \
    RS_IN_(12, p12) RS_IN_(11, p11) RS_IN_(10, p10) RS_IN_(9, p9) RS_IN_(8, p8) RS_IN_(7, p7) \
        RS_IN_(6, p6) RS_IN_(5, p5) RS_IN_(4, p4) RS_IN_(3, p3) RS_IN_(2, p2) RS_IN_(1, p1) \
    RS_FINISH_(cb(s_->rs RS_OUT_(12, p12) RS_OUT_(11, p11) RS_OUT_(10, p10) RS_OUT_(9, p9) \
        RS_OUT_(8, p8) RS_OUT_(7, p7) RS_OUT_(6, p6) RS_OUT_(5, p5) RS_OUT_(4, p4) \
        RS_OUT_(3, p3) RS_OUT_(2, p2) RS_OUT_(1, p1)))
#define RS_CALL_14(cb, p13, p12, p11, p10, p9, p8, p7, p6, p5, p4, p3, p2, p1) \
    RS_IN_(13, p13) RS_IN_(12, p12) RS_IN_(11, p11) RS_IN_(10, p10) RS_IN_(9, p9) RS_IN_(8, p8) \
        RS_IN_(7, p7) RS_IN_(6, p6) RS_IN_(5, p5) RS_IN_(4, p4) RS_IN_(3, p3) RS_IN_(2, p2) \
        RS_IN_(1, p1) \
    RS_FINISH_(cb(s_->rs RS_OUT_(13, p13) RS_OUT_(12, p12) RS_OUT_(11, p11) RS_OUT_(10, p10) \
        RS_OUT_(9, p9) RS_OUT_(8, p8) RS_OUT_(7, p7) RS_OUT_(6, p6) RS_OUT_(5, p5) \
        RS_OUT_(4, p4) RS_OUT_(3, p3) RS_OUT_(2, p2) RS_OUT_(1, p1)))
#define RS_CALL_15(cb, p14, p13, p12, p11, p10, p9, p8, p7, p6, p5, p4, p3, p2, p1) \
    RS_IN_(14, p14) RS_IN_(13, p13) RS_IN_(12, p12) RS_IN_(11, p11) RS_IN_(10, p10) \
        RS_IN_(9, p9) RS_IN_(8, p8) RS_IN_(7, p7) RS_IN_(6, p6) RS_IN_(5, p5) RS_IN_(4, p4) \
        RS_IN_(3, p3) RS_IN_(2, p2) RS_IN_(1, p1) \
    RS_FINISH_(cb(s_->rs RS_OUT_(14, p14) RS_OUT_(13, p13) RS_OUT_(12, p12) RS_OUT_(11, p11) \
        RS_OUT_(10, p10) RS_OUT_(9, p9) RS_OUT_(8, p8) RS_OUT_(7, p7) RS_OUT_(6, p6) \
        RS_OUT_(5, p5) RS_OUT_(4, p4) RS_OUT_(3, p3) RS_OUT_(2, p2) RS_OUT_(1, p1)))
#define RS_CALL_16(cb, p15, p14, p13, p12, p11, p10, p9, p8, p7, p6, p5, p4, p3, p2, p1) \
    RS_IN_(15, p15) RS_IN_(14, p14) RS_IN_(13, p13) RS_IN_(12, p12) RS_IN_(11, p11) \
        RS_IN_(10, p10) RS_IN_(9, p9) RS_IN_(8, p8) RS_IN_(7, p7) RS_IN_(6, p6) RS_IN_(5, p5) \
        RS_IN_(4, p4) RS_IN_(3, p3) RS_IN_(2, p2) RS_IN_(1, p1) \
    RS_FINISH_(cb(s_->rs RS_OUT_(15, p15) RS_OUT_(14, p14) RS_OUT_(13, p13) RS_OUT_(12, p12) \
        RS_OUT_(11, p11) RS_OUT_(10, p10) RS_OUT_(9, p9) RS_OUT_(8, p8) RS_OUT_(7, p7) \
        RS_OUT_(6, p6) RS_OUT_(5, p5) RS_OUT_(4, p4) RS_OUT_(3, p3) RS_OUT_(2, p2) \
        RS_OUT_(1, p1)))

#define RS_BODY_RS_READ_ANY(...) RS_CALL_(__VA_ARGS__)
#define RS_BODY_RS_READ_BIN(...) RS_OF_KIND_(RS_BIN, __VA_ARGS__)
#define RS_BODY_RS_READ_UTF8(...) RS_OF_KIND_(RS_UTF8, __VA_ARGS__)
#define RS_OF_KIND_(wanted, ...) \
    if (s_->kind != wanted) { \
        return rs_refuse_(s_, RS_APP_WS_CLOSE_WRONG_DATA_TYPE); \
    } \
    RS_CALL_(__VA_ARGS__)

/* -------------------------------------------------------------------------- *
 * RS_READ_SWITCH: 16 rows of 16 cases, of which the rest are empty           *
 * -------------------------------------------------------------------------- */

#define RS_BODY_RS_READ_SWITCH(...) \
    uint8_t case_; \
    if (!rs_take_(&in_, &case_, sizeof(case_))) { \
        RS_WRONG_SIZE_; \
    } \
    switch (case_) { \
    RS_ROW_0_(__VA_ARGS__, RS_REST_ RS_REST_END_) \
    default: \
        return rs_refuse_(s_, RS_APP_WS_CLOSE_UNKNOWN_CASE); \
    }

#define RS_CASE_RS_CASE_ANY(byte, ...) \
    case (byte): { \
        RS_CALL_(__VA_ARGS__) \
    }
#define RS_CASE_RS_CASE_BIN(byte, ...) \
    case (byte): { \
        RS_OF_KIND_(RS_BIN, __VA_ARGS__) \
    }
#define RS_CASE_RS_CASE_UTF8(byte, ...) \
    case (byte): { \
        RS_OF_KIND_(RS_UTF8, __VA_ARGS__) \
    }
#define RS_CASE_RS_NO_CASE_

#define RS_REST_ RS_REST_64_, RS_REST_64_, RS_REST_64_, RS_REST_64_,
#define RS_REST_END_ RS_NO_CASE_, RS_NO_CASE_
#define RS_REST_64_ RS_REST_16_, RS_REST_16_, RS_REST_16_, RS_REST_16_
#define RS_REST_16_ RS_REST_4_, RS_REST_4_, RS_REST_4_, RS_REST_4_
#define RS_REST_4_ RS_NO_CASE_, RS_NO_CASE_, RS_NO_CASE_, RS_NO_CASE_
#define RS_ROW_OF_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p) \
    RS_CASE_##a RS_CASE_##b RS_CASE_##c RS_CASE_##d RS_CASE_##e RS_CASE_##f RS_CASE_##g \
    RS_CASE_##h RS_CASE_##i RS_CASE_##j RS_CASE_##k RS_CASE_##l RS_CASE_##m RS_CASE_##n \
    RS_CASE_##o RS_CASE_##p
#define RS_ROW_0_(...) RS_ROW_AS_0_(__VA_ARGS__)
#define RS_ROW_AS_0_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ...) \
    RS_ROW_OF_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p) RS_ROW_AS_1_(__VA_ARGS__)
#define RS_ROW_AS_1_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ...) \
    RS_ROW_OF_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p) RS_ROW_AS_2_(__VA_ARGS__)
#define RS_ROW_AS_2_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ...) \
    RS_ROW_OF_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p) RS_ROW_AS_3_(__VA_ARGS__)
#define RS_ROW_AS_3_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ...) \
    RS_ROW_OF_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p) RS_ROW_AS_4_(__VA_ARGS__)
#define RS_ROW_AS_4_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ...) \
    RS_ROW_OF_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p) RS_ROW_AS_5_(__VA_ARGS__)
#define RS_ROW_AS_5_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ...) \
    RS_ROW_OF_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p) RS_ROW_AS_6_(__VA_ARGS__)
#define RS_ROW_AS_6_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ...) \
    RS_ROW_OF_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p) RS_ROW_AS_7_(__VA_ARGS__)
#define RS_ROW_AS_7_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ...) \
    RS_ROW_OF_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p) RS_ROW_AS_8_(__VA_ARGS__)
#define RS_ROW_AS_8_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ...) \
    RS_ROW_OF_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p) RS_ROW_AS_9_(__VA_ARGS__)
#define RS_ROW_AS_9_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ...) \
    RS_ROW_OF_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p) RS_ROW_AS_10_(__VA_ARGS__)
#define RS_ROW_AS_10_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ...) \
    RS_ROW_OF_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p) RS_ROW_AS_11_(__VA_ARGS__)
#define RS_ROW_AS_11_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ...) \
    RS_ROW_OF_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p) RS_ROW_AS_12_(__VA_ARGS__)
#define RS_ROW_AS_12_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ...) \
    RS_ROW_OF_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p) RS_ROW_AS_13_(__VA_ARGS__)
#define RS_ROW_AS_13_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ...) \
    RS_ROW_OF_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p) RS_ROW_AS_14_(__VA_ARGS__)
#define RS_ROW_AS_14_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ...) \
    RS_ROW_OF_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p) RS_ROW_AS_15_(__VA_ARGS__)
#define RS_ROW_AS_15_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ...) \
    RS_ROW_OF_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p) RS_ROW_AS_16_(__VA_ARGS__)
#define RS_ROW_AS_16_(first, ...) RS_TOO_MANY_CASES_##first
#define RS_TOO_MANY_CASES_RS_NO_CASE_

/* -------------------------------------------------------------------------- *
 * Init, open, close, timer                                                   *
 * -------------------------------------------------------------------------- */

/* RS_DO_... defines functions, RS_PART_... names them for struct rs_parts_. */
#define RS_SIMPLE_(name, cb) \
    static int name(struct rs_session_ *s_) \
    { \
        return (int) cb(s_->rs); \
    }

#define RS_DO_RS_INIT(...) RS_CAT_(RS_INIT_, RS_ARITY_(__VA_ARGS__))(__VA_ARGS__)
#define RS_INIT_1(cb) RS_INIT_2(cb, 0)
#define RS_INIT_2(cb, size) \
    RS_SIMPLE_(rs_do_init_, cb) \
    static size_t rs_do_app_data_size_(void) \
    { \
        return (size_t) (size); \
    }
#define RS_DO_RS_INIT_NONE
#define RS_PART_RS_INIT(...) .init = rs_do_init_, .app_data_size = rs_do_app_data_size_
#define RS_PART_RS_INIT_NONE .init = NULL

#define RS_DO_RS_OPEN(cb) RS_SIMPLE_(rs_do_open_, cb)
#define RS_DO_RS_OPEN_NONE
#define RS_PART_RS_OPEN(cb) .open = rs_do_open_
#define RS_PART_RS_OPEN_NONE .open = NULL

#define RS_DO_RS_CLOSE(cb) RS_SIMPLE_(rs_do_close_, cb)
#define RS_DO_RS_CLOSE_NONE
#define RS_PART_RS_CLOSE(cb) .close = rs_do_close_
#define RS_PART_RS_CLOSE_NONE .close = NULL

#define RS_DO_RS_TIMER(...) RS_TIMER_AS_(false, __VA_ARGS__)
#define RS_DO_RS_TIMER_WAKE(...) RS_TIMER_AS_(false, __VA_ARGS__)
#define RS_DO_RS_TIMER_SLEEP(...) RS_TIMER_AS_(true, __VA_ARGS__)
#define RS_DO_RS_TIMER_NONE
#define RS_PART_RS_TIMER(...) .timer = rs_do_timer_, .set_timer = rs_do_set_timer_
#define RS_PART_RS_TIMER_WAKE(...) RS_PART_RS_TIMER(__VA_ARGS__)
#define RS_PART_RS_TIMER_SLEEP(...) RS_PART_RS_TIMER(__VA_ARGS__)
#define RS_PART_RS_TIMER_NONE .timer = NULL

#define RS_TIMER_AS_(is_sleep, ...) \
    RS_CAT_(RS_TIMER_, RS_ARITY_(__VA_ARGS__))(is_sleep, __VA_ARGS__)
#define RS_TIMER_2(is_sleep, cb, us) RS_TIMER_4(is_sleep, cb, us, 0, us)
#define RS_TIMER_4(is_sleep, cb, least, step, most) \
    RS_SIMPLE_(rs_do_timer_, cb) \
    static void rs_do_set_timer_(struct rs_timer_ *timer_) \
    { \
        timer_->is_lazy = is_sleep; \
        timer_->min = (uint64_t) (least); \
        timer_->incr = (uint64_t) (step); \
        timer_->max = RS_MAX((uint64_t) (most), timer_->min); \
    }

/* -------------------------------------------------------------------------- *
 * The app                                                                    *
 * -------------------------------------------------------------------------- */

#define RS_APP(...) RS_CAT_(RS_APP_, RS_ARITY_(__VA_ARGS__))(__VA_ARGS__)
#define RS_APP_5(init_, open_, read_, close_, timer_) \
    RS_APP_OF_(init_, open_, read_, close_, timer_, , , .flags = 0)
#define RS_APP_6(init_, open_, read_, close_, timer_, a_) \
    RS_APP_OF_(init_, open_, read_, close_, timer_, RS_DO_##a_, RS_PART_##a_, RS_TABLE_##a_)
#define RS_APP_7(init_, open_, read_, close_, timer_, a_, b_) \
    RS_APP_OF_(init_, open_, read_, close_, timer_, RS_DO_##a_ RS_DO_##b_, \
               RS_PART_##a_ RS_PART_##b_, RS_TABLE_##a_, RS_TABLE_##b_)
#define RS_APP_8(init_, open_, read_, close_, timer_, a_, b_, c_) \
    RS_APP_OF_(init_, open_, read_, close_, timer_, RS_DO_##a_ RS_DO_##b_ RS_DO_##c_, \
               RS_PART_##a_ RS_PART_##b_ RS_PART_##c_, RS_TABLE_##a_, RS_TABLE_##b_, \
               RS_TABLE_##c_)
#define RS_APP_9(init_, open_, read_, close_, timer_, a_, b_, c_, d_) \
    RS_APP_OF_(init_, open_, read_, close_, timer_, \
               RS_DO_##a_ RS_DO_##b_ RS_DO_##c_ RS_DO_##d_, \
               RS_PART_##a_ RS_PART_##b_ RS_PART_##c_ RS_PART_##d_, RS_TABLE_##a_, \
               RS_TABLE_##b_, RS_TABLE_##c_, RS_TABLE_##d_)

#define RS_APP_10(init_, open_, read_, close_, timer_, a_, b_, c_, d_, e_) \
    RS_APP_OF_(init_, open_, read_, close_, timer_, \
               RS_DO_##a_ RS_DO_##b_ RS_DO_##c_ RS_DO_##d_ RS_DO_##e_, \
               RS_PART_##a_ RS_PART_##b_ RS_PART_##c_ RS_PART_##d_ RS_PART_##e_, RS_TABLE_##a_, \
               RS_TABLE_##b_, RS_TABLE_##c_, RS_TABLE_##d_, RS_TABLE_##e_)
#define RS_APP_11(init_, open_, read_, close_, timer_, a_, b_, c_, d_, e_, f_) \
    RS_APP_OF_(init_, open_, read_, close_, timer_, \
               RS_DO_##a_ RS_DO_##b_ RS_DO_##c_ RS_DO_##d_ RS_DO_##e_ RS_DO_##f_, \
               RS_PART_##a_ RS_PART_##b_ RS_PART_##c_ RS_PART_##d_ RS_PART_##e_ RS_PART_##f_, \
               RS_TABLE_##a_, RS_TABLE_##b_, RS_TABLE_##c_, RS_TABLE_##d_, RS_TABLE_##e_, \
               RS_TABLE_##f_)

#define RS_APP_OF_(init_, open_, read_, close_, timer_, do_, parts_, ...) \
    _Thread_local struct rs_session_ *rs_session_; \
    _Thread_local char rs_thread_id_[33]; \
    const struct rs_host *rs_host_; \
    RS_DO_##init_ RS_DO_##open_ RS_DO_##close_ RS_DO_##timer_ do_ \
    static int rs_do_read_(struct rs_session_ *s_, struct rs_input_ in_) \
    { \
        RS_BODY_##read_ \
    } \
    static const struct rs_parts_ rs_parts_of_app_ = { \
        RS_PART_##init_, RS_PART_##open_, RS_PART_##close_, RS_PART_##timer_, .read = rs_do_read_ \
        parts_ \
    }; \
    static int rs_on_init_(rs_t *rs, void **state) \
    { \
        return rs_begin_(rs, state, &rs_parts_of_app_); \
    } \
    const struct rs_app ringsocket_app = { \
        .abi_version = RS_ABI_VERSION, \
        .struct_size = sizeof(struct rs_app), \
        .built_with = RS_BUILT_WITH, \
        .init = rs_on_init_, \
        .open = rs_on_open_, \
        .read = rs_on_read_, \
        .close = rs_on_close_, \
        .timer = rs_on_timer_, \
        .quit = rs_on_quit_, \
        __VA_ARGS__ \
    }

/* What may follow the five, in any order. */
#define RS_DO_RS_FLAGS(sum)
#define RS_PART_RS_FLAGS(sum)
#define RS_DO_RS_SUBPROTOCOLS(...)
#define RS_PART_RS_SUBPROTOCOLS(...)
#define RS_TABLE_RS_FLAGS(sum) .flags = (sum)
#define RS_TABLE_RS_SUBPROTOCOLS(...) \
    .subprotocols = (const struct rs_bytes[]) { RS_NAMES_(__VA_ARGS__) }, \
    .subprotocol_c = sizeof((const struct rs_bytes[]) { RS_NAMES_(__VA_ARGS__) }) \
                     / sizeof(struct rs_bytes)
#define RS_NAME_(text) { (const uint8_t *) (text), sizeof(text) - 1 }
#define RS_NAMES_(...) RS_NAMES_CAT_(RS_NAMES_, RS_ARITY_(__VA_ARGS__))(__VA_ARGS__)
#define RS_NAMES_CAT_(a, b) RS_NAMES_CAT_AS_(a, b)
#define RS_NAMES_CAT_AS_(a, b) a##b
#define RS_NAMES_1(a) RS_NAME_(a)
#define RS_NAMES_2(a, ...) RS_NAME_(a), RS_NAMES_1(__VA_ARGS__)
#define RS_NAMES_3(a, ...) RS_NAME_(a), RS_NAMES_2(__VA_ARGS__)
#define RS_NAMES_4(a, ...) RS_NAME_(a), RS_NAMES_3(__VA_ARGS__)
#define RS_NAMES_5(a, ...) RS_NAME_(a), RS_NAMES_4(__VA_ARGS__)
#define RS_NAMES_6(a, ...) RS_NAME_(a), RS_NAMES_5(__VA_ARGS__)
#define RS_NAMES_7(a, ...) RS_NAME_(a), RS_NAMES_6(__VA_ARGS__)
#define RS_NAMES_8(a, ...) RS_NAME_(a), RS_NAMES_7(__VA_ARGS__)
#define RS_NAMES_9(a, ...) RS_NAME_(a), RS_NAMES_8(__VA_ARGS__)
#define RS_NAMES_10(a, ...) RS_NAME_(a), RS_NAMES_9(__VA_ARGS__)
#define RS_NAMES_11(a, ...) RS_NAME_(a), RS_NAMES_10(__VA_ARGS__)
#define RS_NAMES_12(a, ...) RS_NAME_(a), RS_NAMES_11(__VA_ARGS__)
#define RS_NAMES_13(a, ...) RS_NAME_(a), RS_NAMES_12(__VA_ARGS__)
#define RS_NAMES_14(a, ...) RS_NAME_(a), RS_NAMES_13(__VA_ARGS__)
#define RS_NAMES_15(a, ...) RS_NAME_(a), RS_NAMES_14(__VA_ARGS__)
#define RS_NAMES_16(a, ...) RS_NAME_(a), RS_NAMES_15(__VA_ARGS__)

#endif /* RINGSOCKET_APP_H */
