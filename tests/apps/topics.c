/* A test app of topics, as tests/apps/topics/src/lib.rs. Not an example to follow. */

#include <ringsocket.h>

#define MANY 100

static void answer(rs_t *rs, const char *text)
{
    rs_w_str(rs, text);
    rs_to_cur(rs, RS_UTF8);
}

static void publish(rs_t *rs, const char *topic, const char *text)
{
    rs_w_str(rs, text);
    rs_to_topic(rs, RS_UTF8, topic);
}

static rs_cb_ret open_cb(rs_t *rs)
{
    const struct rs_bytes query = rs_get_request(rs).query;
    char topic[100] = "";

    if (query.size > 6 && query.size < sizeof(topic) && memcmp(query.data, "topic=", 6) == 0) {
        memcpy(topic, query.data + 6, query.size - 6);
        publish(rs, topic, "before");
        rs_subscribe_cur(rs, "unused");
        rs_subscribe_cur(rs, topic);
        rs_unsubscribe_cur(rs, "unused");
        publish(rs, "unused", "to nobody");
        publish(rs, topic, "after");
    }
    if (query.size > 8 && query.size < sizeof(topic) && memcmp(query.data, "quietly=", 8) == 0) {
        memcpy(topic, query.data + 8, query.size - 8);
        rs_subscribe_cur(rs, topic);
    }
    return RS_CB_OK;
}

static void publish_mixed(rs_t *rs, const char *topic, const char *line)
{
    answer(rs, "1");
    publish(rs, topic, line);
    answer(rs, "2");
    rs_unsubscribe(rs, rs_get_client_id(rs), topic);
    publish(rs, topic, "not to who has left");
    rs_subscribe(rs, rs_get_client_id(rs), topic);
    publish(rs, topic, "back");
}

static void publish_to_others(rs_t *rs, const char *topic, const char *line)
{
    uint64_t except[MANY];

    for (uint64_t i = 1; i < MANY; i++) {
        except[i] = UINT64_MAX - i;
    }
    except[0] = rs_get_client_id(rs);
    rs_w_str(rs, line);
    rs_to_topic_except_multi(rs, RS_UTF8, topic, except, MANY);
}

static rs_cb_ret read_cb(rs_t *rs, char *text, size_t size)
{
    char *const topic = strchr(text, ' ');
    char *const space = topic == NULL ? NULL : strchr(topic + 1, ' ');
    char *const line = space == NULL ? text + size : space + 1;

    if (topic != NULL) {
        *topic = 0;
    }
    if (space != NULL) {
        *space = 0;
    }
    if (topic == NULL) {
        answer(rs, "what?");
    } else if (strcmp(text, "sub") == 0) {
        answer(rs, rs_subscribe_cur(rs, topic + 1) == RS_OK
                       ? "ok" : "a limit has been reached");
    } else if (strcmp(text, "unsub") == 0) {
        rs_unsubscribe_cur(rs, topic + 1);
        answer(rs, "ok");
    } else if (strcmp(text, "pub") == 0) {
        publish(rs, topic + 1, line);
    } else if (strcmp(text, "others") == 0) {
        rs_w_str(rs, line);
        rs_to_topic_except_cur(rs, RS_UTF8, topic + 1);
    } else if (strcmp(text, "many") == 0) {
        publish_to_others(rs, topic + 1, line);
    } else if (strcmp(text, "mixed") == 0) {
        publish_mixed(rs, topic + 1, line);
    } else if (strcmp(text, "drop") == 0) {
        rs_close_cur(rs, 4000);
        publish(rs, topic + 1, line);
    } else {
        answer(rs, "what?");
    }
    return RS_CB_OK;
}

static rs_cb_ret close_cb(rs_t *rs)
{
    rs_subscribe(rs, rs_get_client_id(rs), "goodbyes");
    publish(rs, "goodbyes", "gone");
    return RS_CB_OK;
}

RS_APP(
    RS_INIT_NONE,
    RS_OPEN(open_cb),
    RS_READ_UTF8(read_cb, RS_STR(1, 100000)),
    RS_CLOSE(close_cb),
    RS_TIMER_NONE,
    RS_FLAGS(RS_APP_ANY_THREAD)
);
