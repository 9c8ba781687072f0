/* A test app whose answers come from threads of its own, as tests/apps/oracle/src/lib.rs. Not an
 * example to follow. */

#include <ringsocket.h>

#include <pthread.h>

struct oracle {
    unsigned made;
};

/* What a thread is to do, and what it tells a callback. */
struct task {
    rs_handle_t *handle;
    uint64_t client;
    unsigned number;
};

/* Of those that outlive has posted. */
static atomic_uint made_c, discarded_c;

static void answer(rs_t *rs, uint64_t client, unsigned number)
{
    char text[20];

    snprintf(text, sizeof(text), "%u", number);
    rs_w_str(rs, text);
    rs_to_single(rs, RS_UTF8, client);
}

static rs_cb_ret note(rs_t *rs, void *argument)
{
    struct oracle *const oracle = rs_get_app_data(rs);

    (void) argument;
    oracle->made++;
    return RS_CB_OK;
}

static rs_cb_ret tell(rs_t *rs, void *argument)
{
    const struct task *const task = argument;

    answer(rs, task->client, task->number);
    note(rs, NULL);
    free(argument);
    return RS_CB_OK;
}

static struct task *task_of(const struct task *like, unsigned number)
{
    struct task *const task = malloc(sizeof(*task));

    if (task == NULL) {
        abort();
    }
    *task = (struct task) { like->handle, like->client, number };
    return task;
}

static void *count(void *argument)
{
    struct task *const whole = argument;

    for (unsigned i = 0; i < whole->number; i++) {
        struct task *const one = task_of(whole, i);
        if (rs_post(whole->handle, tell, one, free) != RS_OK) {
            free(one);
            break;
        }
    }
    rs_release(whole->handle);
    free(whole);
    return NULL;
}

static rs_cb_ret note_made(rs_t *rs, void *argument)
{
    (void) rs;
    (void) argument;
    made_c++;
    return RS_CB_OK;
}

static void note_discarded(void *argument)
{
    (void) argument;
    discarded_c++;
}

/* Posts until the app is over, and tells whether each call was made or discarded. */
static void *outlive(void *argument)
{
    struct task *const task = argument;
    const struct timespec pause = { .tv_nsec = 1000000 };
    unsigned posted = 0;
    int result;

    while ((result = rs_post(task->handle, note_made, NULL, note_discarded)) == RS_OK) {
        posted++;
        nanosleep(&pause, NULL);
    }
    while (made_c + discarded_c < posted) {
        nanosleep(&pause, NULL); /* the last are discarded a moment after posts are refused */
    }
    RS_LOG(LOG_NOTICE, "oracle: posted %u, %u made, %u dropped, then %d", posted, made_c,
           discarded_c, result);
    rs_release(task->handle);
    free(task);
    return NULL;
}

#define DOOMED_C 10

static rs_cb_ret never(rs_t *rs, void *argument)
{
    (void) argument;
    (void) rs;
    RS_LOG(LOG_ERR, "oracle: called after all");
    return RS_CB_OK;
}

static void bury(void *argument)
{
    static atomic_uint buried_c;
    const unsigned so_far = ++buried_c;

    free(argument);
    RS_LOG(LOG_NOTICE, "oracle: dropped %u of %d", so_far, DOOMED_C);
}

/* Posts what cannot be called any more, as the app fails in the same callback. */
static rs_cb_ret doom(rs_t *rs)
{
    const struct task like = { rs_acquire(rs), 0, 0 };

    for (unsigned i = 0; i < DOOMED_C; i++) {
        rs_post(like.handle, never, task_of(&like, i), bury);
    }
    rs_release(like.handle);
    return RS_CB_FATAL;
}

static rs_cb_ret fail(rs_t *rs, void *argument)
{
    (void) argument;
    RS_LOG(LOG_ERR, "failed by a posted call");
    (void) rs;
    return RS_CB_FATAL;
}

static rs_cb_ret misuse(rs_t *rs, void *argument)
{
    (void) argument;
    rs_to_cur(rs, RS_UTF8);
    return RS_CB_OK;
}

static rs_cb_ret close_nobody(rs_t *rs, void *argument)
{
    (void) rs;
    (void) argument;
    return (rs_cb_ret) 4000;
}

static void start(rs_t *rs, void *(*body)(void *), unsigned number)
{
    const struct task like = { rs_acquire(rs), rs_get_client_id(rs), 0 };
    pthread_t thread;

    pthread_create(&thread, NULL, body, task_of(&like, number));
    pthread_detach(thread);
}

/* Posts from within a callback. What is posted does not need the handle any more. */
static int post_here(rs_t *rs, rs_posted_cb cb)
{
    rs_handle_t *const handle = rs_acquire(rs);
    const int result = rs_post(handle, cb, NULL, NULL);

    rs_release(handle);
    return result;
}

static rs_cb_ret begin(rs_t *rs)
{
    return post_here(rs, note) == RS_OK ? RS_CB_OK : RS_CB_FATAL;
}

static bool is_told_of_mistakes(rs_t *rs)
{
    const bool is_told = rs_post(NULL, note, NULL, free) == RS_E_ARG
                         && post_here(rs, NULL) == RS_E_ARG;

    rs_release(NULL);
    return is_told;
}

static void fill(rs_t *rs)
{
    rs_handle_t *const handle = rs_acquire(rs);
    char text[64];
    unsigned posted = 0;
    int result;

    while ((result = rs_post(handle, note, NULL, NULL)) == RS_OK) {
        posted++;
    }
    rs_release(handle);
    snprintf(text, sizeof(text), "%u: %s", posted,
             result == RS_E_LIMIT ? "a limit has been reached" : "another reason");
    rs_w_str(rs, text);
    rs_to_cur(rs, RS_UTF8);
}

static rs_cb_ret ask(rs_t *rs, char *text, size_t size)
{
    struct oracle *const oracle = rs_get_app_data(rs);
    char *const space = strchr(text, ' ');
    const unsigned number = space == NULL ? 0 : (unsigned) atoi(space + 1);

    if (space != NULL) {
        *space = '\0';
    }
    if (strcmp(text, "count") == 0) {
        start(rs, count, number);
    } else if (strcmp(text, "fill") == 0) {
        fill(rs);
    } else if (strcmp(text, "made") == 0) {
        answer(rs, rs_get_client_id(rs), oracle->made);
    } else if (strcmp(text, "outlive") == 0) {
        start(rs, outlive, 0);
    } else if (strcmp(text, "panic") == 0) {
        post_here(rs, fail);
    } else if (strcmp(text, "misuse") == 0) {
        post_here(rs, misuse);
    } else if (strcmp(text, "code") == 0) {
        post_here(rs, close_nobody);
    } else if (strcmp(text, "doom") == 0) {
        return doom(rs);
    } else if (strcmp(text, "wait") == 0) {
        nanosleep(&(struct timespec) { .tv_nsec = (long) number * 1000000 }, NULL);
    } else if (strcmp(text, "bad") == 0) {
        rs_w_str(rs, is_told_of_mistakes(rs) ? "told" : "not told");
        rs_to_cur(rs, RS_UTF8);
    } else {
        rs_w_p(rs, text, size);
        rs_to_cur(rs, RS_UTF8);
    }
    return RS_CB_OK;
}

static rs_cb_ret left(rs_t *rs)
{
    return note(rs, NULL);
}

RS_APP(
    RS_INIT(begin, sizeof(struct oracle)),
    RS_OPEN_NONE,
    RS_READ_UTF8(ask, RS_STR(1, 1000)),
    RS_CLOSE(left),
    RS_TIMER_NONE,
    RS_FLAGS(RS_APP_ANY_THREAD)
);
