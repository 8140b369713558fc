// SPDX-License-Identifier: Apache-2.0
// Preloaded where no tracer is installed: notes each address that a process wants to reach, and each name that it looks
// up, as a line in $CONTACTS_FILE. What is not loopback is refused here, so that nothing leaves the machine.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void note(const char *call, const char *whom, int port) {
    char line[512];
    int length = snprintf(line, sizeof line, "%s %s %d\n", call, whom, port);
    int file = syscall(SYS_openat, AT_FDCWD, getenv("CONTACTS_FILE"), O_WRONLY | O_CREAT | O_APPEND, 0600);
    syscall(SYS_write, file, line, length);
    syscall(SYS_close, file);
}

// Whether an address is of the Internet and not of this machine; it is noted in any case.
static int foreign(const char *call, const struct sockaddr *address) {
    char text[INET6_ADDRSTRLEN];
    if (address && address->sa_family == AF_INET) {
        const struct sockaddr_in *four = (const void *)address;
        note(call, inet_ntop(AF_INET, &four->sin_addr, text, sizeof text), ntohs(four->sin_port));
        return (ntohl(four->sin_addr.s_addr) >> 24) != 127 && four->sin_addr.s_addr != INADDR_ANY;
    }
    if (address && address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const void *)address;
        const struct in6_addr *a = &six->sin6_addr;
        note(call, inet_ntop(AF_INET6, a, text, sizeof text), ntohs(six->sin6_port));
        int mapped = IN6_IS_ADDR_V4MAPPED(a) && a->s6_addr[12] == 127;
        return !(IN6_IS_ADDR_LOOPBACK(a) || IN6_IS_ADDR_UNSPECIFIED(a) || mapped);
    }
    return 0;
}

static int refuse(void) {
    errno = ENETUNREACH;
    return -1;
}

int connect(int handle, const struct sockaddr *address, socklen_t length) {
    return foreign("connect", address) ? refuse() : REAL(connect)(handle, address, length);
}

ssize_t sendto(int handle, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t length) {
    return foreign("sendto", to) ? refuse() : REAL(sendto)(handle, data, size, flags, to, length);
}

ssize_t sendmsg(int handle, const struct msghdr *message, int flags) {
    return foreign("sendmsg", message->msg_name) ? refuse() : REAL(sendmsg)(handle, message, flags);
}

int sendmmsg(int handle, struct mmsghdr *messages, unsigned int count, int flags) {
    for (unsigned int i = 0; i < count; i++)
        if (foreign("sendmmsg", messages[i].msg_hdr.msg_name))
            return refuse();
    return REAL(sendmmsg)(handle, messages, count, flags);
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    unsigned char parsed[sizeof(struct in6_addr)];
    int numeric = name && (inet_pton(AF_INET, name, parsed) == 1 || inet_pton(AF_INET6, name, parsed) == 1);
    if (name && !numeric && strcmp(name, "localhost") != 0) {
        note("lookup", name, 53);
        return EAI_AGAIN;
    }
    return REAL(getaddrinfo)(name, service, hints, found);
}
