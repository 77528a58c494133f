/* Code that connects to somebody on this machine, and writes what it got into the file that HOSTILE_REPORT names: error numbers, 0 for what
 * worked. HOSTILE_PORT is where somebody listens. */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#if defined(__x86_64__)
#define HOSTILE_SOCKET 41
#else
#define HOSTILE_SOCKET 198
#endif

/* Not in the headers of -std=gnu11 alone. */
extern long syscall(long number, ...);

static void *hostile_attempts(void *argument) {
    FILE *file = argument;
    const char *port = getenv("HOSTILE_PORT");
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((unsigned short)(port ? atoi(port) : 9))};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int stream = socket(AF_INET, SOCK_STREAM, 0);
    fprintf(file, "socket %d\n", stream < 0 ? errno : 0);
    int connected = connect(stream < 0 ? 0 : stream, (struct sockaddr *)&at, sizeof at);
    fprintf(file, "connect %d\n", connected < 0 ? errno : 0);
    /* Past the C library as well. */
    long raw = syscall(HOSTILE_SOCKET, AF_INET, SOCK_DGRAM, 0);
    fprintf(file, "raw %d\n", raw < 0 ? errno : 0);
    fflush(file);
    if (stream >= 0) close(stream);
    if (raw >= 0) close((int)raw);
    return NULL;
}

/* From the caller's thread, from a new one, and from a program. */
static void hostile_attack(const char *who) {
    const char *path = getenv("HOSTILE_REPORT");
    FILE *file = path ? fopen(path, "a") : NULL;
    if (!file) return;
    fprintf(file, "%s\n", who);
    hostile_attempts(file);
    pthread_t thread;
    if (pthread_create(&thread, NULL, hostile_attempts, file) == 0) pthread_join(thread, NULL);
    int status = system("bash -c 'exec 3<>/dev/tcp/127.0.0.1/'\"$HOSTILE_PORT\" 2> /dev/null");
    fprintf(file, "program %d\n", status == 0 ? 0 : 1);
    fclose(file);
}

#endif
