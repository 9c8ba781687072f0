/*
 * A server in miniature, in C: loads an app and takes it through its life. tests/export.rs builds
 * and runs it. What the app asks for is printed, one line each.
 *
 *   driver APP.so
 */

#include <ringsocket.h>

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* A context as the server has them: more than what the app sees. */
struct context {
    rs_t public;
    const char *callback;
};

static void print_bytes(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        putchar(data[i] >= ' ' && data[i] < 127 ? data[i] : '?');
    }
}

static void say(rs_t *rs, const char *what)
{
    printf("%s: %s", ((struct context *) rs)->callback, what);
}

static int host_send(rs_t *rs, enum rs_data_kind kind, const uint8_t *data, size_t size,
                     enum rs_recipients to, const rs_client_id *clients, size_t client_c)
{
    say(rs, "send");
    printf(" kind %d to %d (", (int) kind, (int) to);
    for (size_t i = 0; i < client_c; i++) {
        printf(i ? ", %llu" : "%llu", (unsigned long long) clients[i]);
    }
    printf("): ");
    print_bytes(data, size);
    putchar('\n');
    return RS_OK;
}

static int host_close(rs_t *rs, rs_client_id client, uint16_t code, const uint8_t *reason,
                      size_t reason_size)
{
    say(rs, "close");
    printf(" %llu %u: ", (unsigned long long) client, code);
    print_bytes(reason, reason_size);
    putchar('\n');
    return RS_OK;
}

static int host_client_info(rs_t *rs, rs_client_id client, struct rs_client_info *info)
{
    say(rs, "client_info");
    printf(" %llu\n", (unsigned long long) client);
    *info = (struct rs_client_info) {
        .endpoint_id = 5, .family = RS_FAMILY_IPV4, .port = 443, .ip = {192, 0, 2, 9}
    };
    return RS_OK;
}

static struct rs_bytes bytes(const char *text)
{
    return (struct rs_bytes) {(const uint8_t *) text, strlen(text)};
}

static struct rs_header headers[1];

static int host_request(rs_t *rs, struct rs_request *request)
{
    say(rs, "request\n");
    headers[0] = (struct rs_header) {bytes("User-Agent"), bytes("driver")};
    *request = (struct rs_request) {
        .path = bytes("/app"), .query = bytes("a=1"), .host = {NULL, 0},
        .subprotocol = {NULL, 0}, .headers = headers, .header_c = 1
    };
    return RS_OK;
}

static struct rs_bytes names[2];

static int host_tls(rs_t *rs, struct rs_tls *tls)
{
    say(rs, "tls\n");
    if (tls->struct_size != sizeof(*tls)) {
        return RS_E_ARG;
    }
    names[0] = bytes("DNS:a.example");
    names[1] = bytes("email:ann@a.example");
    *tls = (struct rs_tls) {
        .struct_size = sizeof(*tls), .has_certificate = 1, .version = bytes("TLSv1.3"),
        .server_name = bytes("b.example"), .subject = bytes("CN=Ann"),
        .alternative_names = names, .alternative_name_c = 2
    };
    return RS_OK;
}

static int host_set_timer(rs_t *rs, uint64_t microseconds)
{
    say(rs, "set_timer");
    printf(" %llu\n", (unsigned long long) microseconds);
    return RS_OK;
}

static int host_get_conf(rs_t *rs, struct rs_conf *conf)
{
    say(rs, "get_conf\n");
    if (conf->struct_size != sizeof(*conf)) {
        return RS_E_ARG;
    }
    conf->worker_c = 3;
    conf->max_ws_msg_size = 4096;
    conf->app_name = bytes("driven");
    conf->log_level = RS_LEVEL_DEBUG;
    return RS_OK;
}

static void host_log(rs_t *rs, int level, const char *file, uint32_t line, const char *func,
                     const uint8_t *text, size_t size)
{
    (void) file;
    (void) line;
    (void) func;
    say(rs, "log");
    printf(" level %d: ", level);
    print_bytes(text, size);
    putchar('\n');
}

static int host_is_resumed(rs_t *rs)
{
    (void) rs;
    return 0;
}

static struct rs_host host = {
    .abi_version = RS_ABI_VERSION,
    .struct_size = sizeof(struct rs_host),
    .send = host_send,
    .close = host_close,
    .client_info = host_client_info,
    .request = host_request,
    .set_timer = host_set_timer,
    .get_conf = host_get_conf,
    .log = host_log,
    .tls = host_tls,
    .is_resumed = host_is_resumed
};

static rs_t *context(const char *callback)
{
    static struct context context;
    context.public.host = &host;
    context.callback = callback;
    return &context.public;
}

static int returned(const char *callback, int result)
{
    printf("%s returned %d\n", callback, result);
    return result;
}

static int live(const struct rs_app *app)
{
    static const uint8_t text[] = "hi", binary[] = {1, 2, 'x'};
    void *state = NULL;

    if (app->init && returned("init", app->init(context("init"), &state)) != RS_CB_OK) {
        return 1;
    }
    if (app->open) {
        returned("open", app->open(context("open"), state, 7));
    }
    if (app->read) {
        returned("read", app->read(context("read"), state, 7, RS_UTF8, text, 2));
        returned("read", app->read(context("read"), state, 7, RS_BIN, binary, 3));
        returned("read", app->read(context("read"), state, 7, RS_BIN, binary, 0));
    }
    if (app->timer) {
        returned("timer", app->timer(context("timer"), state));
    }
    if (app->close) {
        returned("close", app->close(context("close"), state, 7, 1001, bytes("bye")));
    }
    if (app->quit) {
        app->quit(context("quit"), state);
    }
    return 0;
}

int main(int argc, char **argv)
{
    void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    const struct rs_app *app = library ? dlsym(library, "ringsocket_app") : NULL;

    if (!app) {
        printf("cannot load: %s\n", dlerror());
        return 2;
    }
    if (app->abi_version != RS_ABI_VERSION || app->struct_size != sizeof(*app)) {
        printf("versions differ\n");
        return 2;
    }
    printf("built with %s\n", app->built_with ? app->built_with : "nothing");
    for (size_t i = 0; i < app->subprotocol_c; i++) {
        printf("speaks ");
        print_bytes(app->subprotocols[i].data, app->subprotocols[i].size);
        putchar('\n');
    }
    if (live(app)) {
        return 1;
    }
    /* A server too old for the app: it must refuse without touching what is not there. */
    host.struct_size = 8;
    host.log = NULL;
    if (app->init) {
        void *state = NULL;
        returned("init on a short table", app->init(context("init"), &state));
    }
    return 0;
}
