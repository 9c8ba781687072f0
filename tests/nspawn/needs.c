/* SPDX-License-Identifier: MIT */

/*
 * An app that does what it is told by its clients, with the C library alone, and answers with "ok" or
 * the name of an errno: what the sandbox lets apps do, and what it does not; or it hangs. If the
 * environment names a number of seconds, NEEDS_INIT_S, it takes so long to begin. For sandbox.py,
 * watchdog.py and restart.py.
 */

#define _GNU_SOURCE
#include <ringsocket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* All functions return 0 or an errno. */
static int failed(int result) { return result == -1 ? errno : 0; }

static void *answer(void *number) { return number; }

/* A thread, a timer, a pipe, a temporary file, and names that need no network. */
static int ordinary(const char *unused)
{
    (void) unused;
    pthread_t thread;
    int error = pthread_create(&thread, NULL, answer, NULL);
    if (error || (error = pthread_join(thread, NULL))) { return error; }

    const struct itimerspec in_1_ms = { .it_value = { .tv_nsec = 1000000 } };
    uint64_t count = 0;
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (timer == -1 || timerfd_settime(timer, 0, &in_1_ms, NULL) == -1) { return errno; }
    if (read(timer, &count, sizeof count) != sizeof count) { return errno; }
    close(timer);

    int ends[2];
    if (pipe2(ends, O_CLOEXEC) == -1) { return errno; }
    if (write(ends[1], "x", 1) != 1 || read(ends[0], &count, 1) != 1) { return errno; }
    close(ends[0]);
    close(ends[1]);

    char folder[] = "/tmp/needs-XXXXXX", path[64];
    if (!mkdtemp(folder)) { return errno; }
    snprintf(path, sizeof path, "%s/file", folder);
    FILE *file = fopen(path, "w+");
    if (!file || fputs("text\n", file) == EOF || fclose(file) == EOF) { return errno; }
    if (unlink(path) == -1 || rmdir(folder) == -1) { return errno; }

    struct addrinfo *found = NULL;
    if (getaddrinfo("127.0.0.1", "80", NULL, &found)) { return EADDRNOTAVAIL; }
    freeaddrinfo(found);
    return sysconf(_SC_NPROCESSORS_ONLN) > 0 && sysconf(_SC_PHYS_PAGES) > 0 ? 0 : ENOTSUP;
}

static int connect_to_port(const char *port)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t) atoi(port)) };
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd == -1) { return errno; }
    int error = failed(connect(fd, (struct sockaddr *) &to, sizeof to));
    close(fd);
    return error;
}

static int connect_to_path(const char *path)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd == -1) { return errno; }
    int error = failed(connect(fd, (struct sockaddr *) &to, sizeof to));
    close(fd);
    return error;
}

/* A port of its own, which no drop-in allows. */
static int listen_somewhere(const char *unused)
{
    (void) unused;
    struct sockaddr_in at = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd == -1) { return errno; }
    int error = failed(bind(fd, (struct sockaddr *) &at, sizeof at));
    if (!error) { error = failed(listen(fd, 1)); }
    close(fd);
    return error;
}

/* Memory that can be written to and run, at once or one after the other. */
static int make_code(const char *unused)
{
    (void) unused;
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    void *both = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, flags, -1, 0);
    void *later = mmap(NULL, 4096, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (later == MAP_FAILED) { return errno; }
    int error = failed(mprotect(later, 4096, PROT_READ | PROT_EXEC));
    munmap(later, 4096);
    if (both == MAP_FAILED) { return error ? error : EINVAL; }
    munmap(both, 4096);
    return error;
}

/* As a database does: a draft, on the disk, under its name. */
static int keep_file(const char *folder)
{
    char draft[256], name[256];
    folder = *folder ? folder : getenv("STATE_DIRECTORY");
    if (!folder) { return ENOENT; }
    snprintf(draft, sizeof draft, "%s/draft", folder);
    snprintf(name, sizeof name, "%s/name", folder);
    int fd = open(draft, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (fd == -1) { return errno; }
    int error = write(fd, "kept", 4) == 4 ? failed(fsync(fd)) : errno;
    if (!error) { error = failed(link(draft, name)); }
    close(fd);
    unlink(draft);
    return error;
}

static int run_program(const char *path)
{
    char *const arguments[] = { (char *) path, NULL };
    pid_t pid = 0;
    int status = 0, error = posix_spawn(&pid, path, NULL, NULL, arguments, NULL);
    if (error) { return error; }
    if (waitpid(pid, &status, 0) == -1) { return errno; }
    return status ? ECHILD : 0;
}

/* A program that was brought along, in a folder that can be written to. */
static int run_from(const char *folder)
{
    char path[256], bytes[65536];
    snprintf(path, sizeof path, "%s/program", folder);
    int from = open("/usr/bin/true", O_RDONLY | O_CLOEXEC);
    int to = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0700);
    if (from == -1 || to == -1) { return errno; }
    for (ssize_t size; (size = read(from, bytes, sizeof bytes)) > 0;) {
        if (write(to, bytes, (size_t) size) != size) { return errno; }
    }
    close(from);
    close(to);
    int error = run_program(path);
    unlink(path);
    return error;
}

/* Work handed to the kernel, past every filter of system calls. */
static int set_up_uring(const char *unused)
{
    (void) unused;
    char parameters[120] = { 0 };
    return failed((int) syscall(SYS_io_uring_setup, 1, parameters));
}

/* Never comes back: pause(2) returns after a signal alone, and then -1. */
static int hang(const char *unused)
{
    (void) unused;
    while (pause() == -1) {}
    return 0;
}

static const struct need {
    const char *name;
    int (*meet)(const char *argument);
} needs[] = {
    { "ordinary", ordinary },        { "port", connect_to_port }, { "path", connect_to_path },
    { "listen", listen_somewhere },  { "code", make_code },       { "keep", keep_file },
    { "program", run_program },      { "from", run_from },        { "uring", set_up_uring },
    { "hang", hang },
};

static int begin(rs_t *rs, void **state)
{
    (void) rs;
    (void) state;
    const char *init_s = getenv("NEEDS_INIT_S");
    if (init_s) { sleep((unsigned) atoi(init_s)); }
    return RS_CB_OK;
}

static int meet(rs_t *rs, void *state, rs_client_id client, enum rs_data_kind kind,
                const uint8_t *data, size_t size)
{
    (void) state;
    char words[256] = { 0 };
    memcpy(words, data, size < sizeof words ? size : sizeof words - 1);
    char *argument = strchrnul(words, ' ');
    argument += *argument ? (*argument = '\0', 1) : 0;

    const char *result = "no such need";
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
        if (!strcmp(words, needs[i].name)) {
            int error = needs[i].meet(argument);
            result = error ? strerrorname_np(error) : "ok";
        }
    }
    int sent = rs->host->send(rs, kind, (const uint8_t *) result, strlen(result), RS_TO_LISTED,
                              &client, 1);
    return sent == RS_OK ? RS_CB_OK : RS_CB_FATAL;
}

const struct rs_app ringsocket_app = {
    .abi_version = RS_ABI_VERSION,
    .struct_size = sizeof(struct rs_app),
    .built_with = RS_BUILT_WITH,
    .init = begin,
    .read = meet
};
