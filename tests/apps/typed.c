/* A test app of every parameter macro: it answers each message with a text of what its callback
 * was given. Not an example to follow. */

#include <ringsocket.h>

#define BIG 1000000

static rs_cb_ret say(rs_t *rs, const char *text)
{
    rs_w_str(rs, text);
    rs_to_cur(rs, RS_UTF8);
    return RS_CB_OK;
}

/* Says numbers of any type, and how many there are. */
#define SAY_ARRAY(rs, array, count) \
    do { \
        char text[1000]; \
        size_t size = (size_t) sprintf(text, "%zu:", (size_t) (count)); \
        for (size_t i = 0; i < (count); i++) { \
            size += (size_t) sprintf(text + size, " %jd", (intmax_t) (array)[i]); \
        } \
        return say((rs), text); \
    } while (0)

static int nothing(rs_t *rs)
{
    return say(rs, "nothing");
}

static rs_cb_ret singles(rs_t *rs, uint8_t a, int8_t b, uint16_t c, int16_t d, uint32_t e,
                         int32_t f, uint64_t g, int64_t h)
{
    char text[200];

    sprintf(text, "%u %d %u %d %u %d %" PRIu64 " %" PRId64, a, b, c, d, e, f, g, h);
    return say(rs, text);
}

/* As they came, so back to network order for the answer. */
static rs_cb_ret as_sent(rs_t *rs, uint8_t a, uint16_t b, uint32_t c, uint64_t d)
{
    char text[200];

    sprintf(text, "%u %u %u %" PRIu64, a, RS_NTOH16(b), RS_NTOH32(c), RS_NTOH64(d));
    return say(rs, text);
}

static rs_cb_ret fixed(rs_t *rs, uint16_t *three, uint32_t after)
{
    char text[100];

    sprintf(text, "%u %u %u, %u", three[0], three[1], three[2], after);
    return say(rs, text);
}

static rs_cb_ret i32s(rs_t *rs, int32_t *array, size_t count) { SAY_ARRAY(rs, array, count); }
static rs_cb_ret i16s(rs_t *rs, int16_t *array, size_t count) { SAY_ARRAY(rs, array, count); }
static rs_cb_ret u64s(rs_t *rs, uint64_t *array, size_t count) { SAY_ARRAY(rs, array, count); }
static rs_cb_ret u8s(rs_t *rs, uint8_t *array, size_t count) { SAY_ARRAY(rs, array, count); }

static rs_cb_ret u32s_freed(rs_t *rs, uint32_t *array, size_t count)
{
    uint32_t copy[8];

    memcpy(copy, array, count * sizeof(*array));
    free(array);
    SAY_ARRAY(rs, copy, count);
}

static rs_cb_ret u8s_freed(rs_t *rs, uint8_t *array, size_t count)
{
    uint8_t copy[8];

    memcpy(copy, array, count);
    free(array);
    SAY_ARRAY(rs, copy, count);
}

static rs_cb_ret string(rs_t *rs, char *text, size_t size)
{
    char answer[100];

    sprintf(answer, "%zu %zu '%s'", size, strlen(text), text);
    return say(rs, answer);
}

static rs_cb_ret string_freed(rs_t *rs, char *text, size_t size)
{
    string(rs, text, size);
    free(text);
    return RS_CB_OK;
}

/* Too much for a stack: room for all, zeroed beyond what came, and aligned. */
static rs_cb_ret big(rs_t *rs, uint64_t first, uint64_t *array, size_t count)
{
    uint64_t sum = first, beyond = 0;
    char text[100];

    for (size_t i = 0; i < BIG; i++) {
        *(i < count ? &sum : &beyond) += array[i];
    }
    sprintf(text, "%zu %" PRIu64 " %" PRIu64 " %zu", count, sum, beyond,
            (size_t) ((uintptr_t) array % sizeof(*array)));
    return say(rs, text);
}

/* All that there is room for, whatever has come. */
static rs_cb_ret room_for_four(rs_t *rs, uint16_t *array, size_t count)
{
    (void) count;
    SAY_ARRAY(rs, array, (size_t) 4);
}

static rs_cb_ret last_of_many(rs_t *rs, uint8_t *array, size_t count)
{
    SAY_ARRAY(rs, array + count - 1, (size_t) 1);
}

static rs_cb_ret two_blocks(rs_t *rs, uint16_t *one, uint8_t *other, char *name, size_t name_size)
{
    char text[100];

    sprintf(text, "%u %u %s %zu", one[19999], other[29999], name, name_size);
    return say(rs, text);
}

static rs_cb_ret fifteen(rs_t *rs, uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint8_t e, uint8_t f,
                         uint8_t g, uint8_t h, uint8_t i, uint8_t j, uint8_t k, uint8_t l,
                         uint8_t m, uint8_t n, uint16_t *rest, size_t rest_c)
{
    char text[200];

    sprintf(text, "%u%u%u%u%u%u%u%u%u%u%u%u%u%u %zu %u", a, b, c, d, e, f, g, h, i, j, k, l, m, n,
            rest_c, rest_c == 0 ? 0 : rest[rest_c - 1]);
    return say(rs, text);
}

static rs_cb_ret either(rs_t *rs, uint8_t *rest, size_t count)
{
    (void) rest;
    return say(rs, rs_get_read_data_kind(rs) == RS_UTF8 ? count == 0 ? "no text" : "text"
                   : count == 0                         ? "no binary"
                                                        : "binary");
}

enum { ENUMERATOR = 30 };

RS_APP(
    RS_INIT_NONE,
    RS_OPEN_NONE,
    RS_READ_SWITCH(
        RS_CASE_BIN(0, nothing),
        RS_CASE_BIN(1, singles, RS_NTOH(uint8_t), RS_NTOH(int8_t), RS_NTOH(uint16_t),
                    RS_NTOH(int16_t), RS_NTOH(uint32_t), RS_NTOH(int32_t), RS_NTOH(uint64_t),
                    RS_NTOH(int64_t)),
        RS_CASE_BIN(2, as_sent, RS_NET(uint8_t), RS_NET(uint16_t), RS_NET(uint32_t),
                    RS_NET(uint64_t)),
        RS_CASE_BIN(3, fixed, RS_NTOH(uint16_t, 3), RS_NTOH(uint32_t)),
        RS_CASE_BIN(4, i32s, RS_NTOH(int32_t, 1, 4)),
        RS_CASE_BIN(5, u64s, RS_NTOH_STA(uint64_t, 0, 3)),
        RS_CASE_BIN(6, i16s, RS_NTOH_VLA(int16_t, 0, 3)),
        RS_CASE_BIN(7, u32s_freed, RS_NTOH_HEAP(uint32_t, 1, 3)),
        RS_CASE_BIN(8, u8s, RS_NET(uint8_t, 2, 5)),
        RS_CASE_BIN(9, u8s, RS_NET_STA(uint8_t, 0, 4)),
        RS_CASE_BIN(10, u8s, RS_NET_VLA(uint8_t, 0, 4)),
        RS_CASE_BIN(11, u8s_freed, RS_NET_HEAP(uint8_t, 0, 4)),
        RS_CASE_UTF8('a', string, RS_STR(0, 5)),
        RS_CASE_UTF8('b', string, RS_STR_STA(1, 5)),
        RS_CASE_UTF8('c', string, RS_STR_VLA(0, 5)),
        RS_CASE_UTF8('d', string_freed, RS_STR_HEAP(0, 5)),
        RS_CASE_BIN(16, big, RS_NTOH(uint64_t), RS_NTOH(uint64_t, 0, BIG)),
        RS_CASE_BIN(17, fifteen, RS_NTOH(uint8_t), RS_NTOH(uint8_t), RS_NTOH(uint8_t),
                    RS_NTOH(uint8_t), RS_NTOH(uint8_t), RS_NTOH(uint8_t), RS_NTOH(uint8_t),
                    RS_NTOH(uint8_t), RS_NTOH(uint8_t), RS_NTOH(uint8_t), RS_NTOH(uint8_t),
                    RS_NTOH(uint8_t), RS_NTOH(uint8_t), RS_NTOH(uint8_t),
                    RS_NTOH(uint16_t, 0, 2)),
        RS_CASE_BIN(18, two_blocks, RS_NTOH(uint16_t, 20000), RS_NET(uint8_t, 30000), RS_STR(0, 9)),
        RS_CASE_BIN(19, room_for_four, RS_NTOH(uint16_t, 0, 4)),
        RS_CASE_BIN(20, last_of_many, RS_NET_VLA(uint8_t, 1, 6000000)),
        RS_CASE_BIN(ENUMERATOR, nothing),
        RS_CASE_ANY('z', either, RS_NET(uint8_t, 0, 1))
    ),
    RS_CLOSE_NONE,
    RS_TIMER_NONE
);
