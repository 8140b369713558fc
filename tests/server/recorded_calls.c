// SPDX-License-Identifier: Apache-2.0
// Preloaded where no tracer is installed: notes each sync, rename, removal and send of a process, as it is made.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LONGEST 65536

static void note(const char *call, const char *text, size_t length) {
    static __thread char line[LONGEST + 64];
    int at = snprintf(line, 64, "%s(", call);
    for (size_t i = 0; i < length && at < LONGEST; i++)
        line[at++] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '.';
    line[at++] = ')';
    line[at++] = '\n';
    int file = syscall(SYS_openat, AT_FDCWD, getenv("CALLS_FILE"), O_WRONLY | O_CREAT | O_APPEND, 0600);
    syscall(SYS_write, file, line, at);
    syscall(SYS_close, file);
}

static void note_descriptor(const char *call, int descriptor) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path);
    note(call, path, length < 0 ? 0 : (size_t)length);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int fsync(int descriptor) {
    int answer = REAL(fsync)(descriptor);
    note_descriptor("fsync", descriptor);
    return answer;
}

int fdatasync(int descriptor) {
    int answer = REAL(fdatasync)(descriptor);
    note_descriptor("fdatasync", descriptor);
    return answer;
}

int rename(const char *from, const char *to) {
    int answer = REAL(rename)(from, to);
    note("rename", to, strlen(to));
    return answer;
}

int unlink(const char *path) {
    int answer = REAL(unlink)(path);
    note("unlink", path, strlen(path));
    return answer;
}

ssize_t sendmsg(int descriptor, const struct msghdr *message, int flags) {
    for (size_t i = 0; i < message->msg_iovlen; i++)
        note("sendmsg", message->msg_iov[i].iov_base, message->msg_iov[i].iov_len);
    return REAL(sendmsg)(descriptor, message, flags);
}
