/* SPDX-License-Identifier: MIT */

/*
 * ringsocket/arity.h: macros that depend on how many arguments they have.
 * Not for: apps. Included by ringsocket.h.
 */

#ifndef RINGSOCKET_ARITY_H
#define RINGSOCKET_ARITY_H

/* The number of arguments, 1 to 20, as a digit or two for RS_CAT_. */
#define RS_ARITY_(...) \
    RS_21ST_(__VA_ARGS__, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define RS_21ST_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, it, ...) it

/* ONE or MORE of up to 60 arguments. */
#define RS_ONE_OR_MORE_(...) \
    RS_61ST_(__VA_ARGS__, RS_10_(MORE), RS_10_(MORE), RS_10_(MORE), RS_10_(MORE), RS_10_(MORE), \
             MORE, MORE, MORE, MORE, MORE, MORE, MORE, MORE, MORE, ONE, 0)
#define RS_10_(it) it, it, it, it, it, it, it, it, it, it
#define RS_61ST_(...) RS_61ST_OF_(__VA_ARGS__)
#define RS_61ST_OF_(a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, \
                    c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, d0, d1, d2, d3, d4, d5, d6, d7, d8, d9, \
                    e0, e1, e2, e3, e4, e5, e6, e7, e8, e9, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, \
                    it, ...) it

/* Joins two words after both have been expanded. Two of them, as a macro does
 * not expand within itself. */
#define RS_CAT_(a, b) RS_CAT_AS_(a, b)
#define RS_CAT_AS_(a, b) a##b
#define RS_KIND_CAT_(a, b) RS_KIND_CAT_AS_(a, b)
#define RS_KIND_CAT_AS_(a, b) a##b

#endif /* RINGSOCKET_ARITY_H */
