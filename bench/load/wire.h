/* Non-blocking connections, latency histogram and checksum shared by msrc (sender) and msink
 * (receiver). Linux, epoll, OpenSSL; one thread each, loopback only. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000LL
#define NS_PER_MS 1000000LL

static inline void die(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(2);
}

static inline int64_t now_ns(void) { /* the same clock in both programs: one machine */
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static inline double cpu_seconds(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static inline struct sockaddr_in loopback(const char *host, int port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    if (inet_pton(AF_INET, host, &a.sin_addr) != 1 || ntohl(a.sin_addr.s_addr) >> 24 != 127)
        die("expected an address of 127.0.0.0/8");
    return a;
}

/* ---- connections ---- */

enum tls { PLAIN, HANDSHAKE, ENCRYPTED };

typedef struct {
    int fd;
    SSL *ssl;
    enum tls tls;
    char *in, *out;
    size_t in_length, in_room, out_length, out_done, out_room;
    uint32_t events; /* registered now */
} wire_t;

static int epoll_fd;

static inline void wire_watch(wire_t *w, void *owner, uint32_t events) {
    if (w->events == events) return;
    struct epoll_event e = {.events = events, .data.ptr = owner};
    epoll_ctl(epoll_fd, w->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, w->fd, &e);
    w->events = events;
}

static inline char *grow(char *old, size_t *room, size_t needed) {
    if (*room >= needed) return old;
    while (*room < needed) *room = *room ? *room * 2 : 8192;
    char *new = realloc(old, *room);
    if (!new) die("out of memory");
    return new;
}

static inline void wire_put(wire_t *w, const char *data, size_t n) {
    if (w->out_done == w->out_length) w->out_done = w->out_length = 0;
    w->out = grow(w->out, &w->out_room, w->out_length + n);
    memcpy(w->out + w->out_length, data, n);
    w->out_length += n;
}

static inline void wire_say(wire_t *w, const char *text) { wire_put(w, text, strlen(text)); }

static inline void wire_start_tls(wire_t *w, SSL_CTX *context, int is_server) {
    w->ssl = SSL_new(context);
    SSL_set_fd(w->ssl, w->fd);
    if (is_server) SSL_set_accept_state(w->ssl);
    else SSL_set_connect_state(w->ssl);
    w->tls = HANDSHAKE;
    w->in_length = 0; /* RFC 3207 §4.2: what came before does not count */
}

/* Each gives -1 when the connection is over; *events grows by EPOLLOUT when there is more to write. */
static inline int wire_handshake(wire_t *w, uint32_t *events) {
    int result = SSL_do_handshake(w->ssl);
    if (result == 1) {
        w->tls = ENCRYPTED;
        return 0;
    }
    int why = SSL_get_error(w->ssl, result);
    if (why == SSL_ERROR_WANT_WRITE) *events |= EPOLLOUT;
    if (why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ) return 0;
    ERR_clear_error();
    return -1;
}

static inline int wire_flush(wire_t *w, uint32_t *events) {
    while (w->out_done < w->out_length) {
        const char *data = w->out + w->out_done;
        size_t n = w->out_length - w->out_done;
        ssize_t sent;
        if (w->tls == ENCRYPTED) {
            sent = SSL_write(w->ssl, data, (int)n);
            if (sent <= 0) {
                int why = SSL_get_error(w->ssl, (int)sent);
                if (why == SSL_ERROR_WANT_WRITE) *events |= EPOLLOUT;
                if (why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ) return 0;
                ERR_clear_error();
                return -1;
            }
        } else {
            sent = send(w->fd, data, n, MSG_NOSIGNAL);
            if (sent < 0) {
                if (errno != EAGAIN && errno != EINTR) return -1;
                *events |= EPOLLOUT;
                return 0;
            }
        }
        w->out_done += sent;
    }
    return 0;
}

/* Reads what is there: octets, 0 when nothing is there now, -1 when the connection is over. */
static inline ssize_t wire_fill(wire_t *w) {
    ssize_t total = 0;
    for (;;) {
        w->in = grow(w->in, &w->in_room, w->in_length + 4096);
        size_t room = w->in_room - w->in_length;
        ssize_t n;
        if (w->tls == ENCRYPTED) {
            n = SSL_read(w->ssl, w->in + w->in_length, (int)room);
            if (n <= 0) {
                int why = SSL_get_error(w->ssl, (int)n);
                if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return total;
                ERR_clear_error();
                return total ? total : -1;
            }
        } else {
            n = recv(w->fd, w->in + w->in_length, room, 0);
            if (n < 0 && (errno == EAGAIN || errno == EINTR)) return total;
            if (n <= 0) return total ? total : -1;
        }
        w->in_length += n;
        total += n;
        if (w->tls == PLAIN && (size_t)n < room) return total;
    }
}

static inline void wire_drop(wire_t *w, size_t n) { /* forget the first n octets of the input */
    if (n) memmove(w->in, w->in + n, w->in_length - n);
    w->in_length -= n;
}

static inline void wire_close(wire_t *w) {
    if (w->ssl) {
        SSL_set_quiet_shutdown(w->ssl, 1);
        SSL_shutdown(w->ssl);
        SSL_free(w->ssl);
    }
    if (w->fd >= 0) close(w->fd);
    w->ssl = NULL;
    w->fd = -1;
    w->tls = PLAIN;
    w->events = 0;
    w->in_length = w->out_length = w->out_done = 0;
}

/* ---- latencies: log-linear histogram from 1 us, 16 steps per octave (6 %) ---- */

#define STEPS 640

typedef struct {
    uint64_t count, bucket[STEPS];
} latencies_t;

static inline void latencies_add(latencies_t *l, int64_t ns) {
    uint64_t us = ns > 1000 ? (uint64_t)ns / 1000 : 1;
    int octave = 63 - __builtin_clzll(us);
    int step = octave >= 4 ? (us >> (octave - 4)) & 15 : (us << (4 - octave)) & 15;
    int i = octave * 16 + step;
    l->bucket[i < STEPS ? i : STEPS - 1]++;
    l->count++;
}

static inline double latencies_ms(const latencies_t *l, double quantile) {
    uint64_t rank = (uint64_t)(quantile * (double)l->count), sum = 0;
    for (int i = 0; i < STEPS; i++) {
        sum += l->bucket[i];
        if (sum && (sum > rank || sum == l->count))
            return (double)(1ULL << (i / 16)) * (1 + (i % 16 + 0.5) / 16) / 1000.0;
    }
    return 0;
}

static inline int latencies_json(const latencies_t *l, char *out, size_t room) {
    return snprintf(out, room, "{\"p50\":%.2f,\"p95\":%.2f,\"p99\":%.2f,\"max\":%.2f}",
                    latencies_ms(l, .5), latencies_ms(l, .95), latencies_ms(l, .99), latencies_ms(l, 1));
}

/* ---- CRC-32 (IEEE), eight octets a step: a checksum must not cost more than the transfer ---- */

static uint32_t crc_table[8][256];

static inline void crc_init(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++) c = c & 1 ? 0xEDB88320u ^ (c >> 1) : c >> 1;
        crc_table[0][i] = c;
    }
    for (int t = 1; t < 8; t++)
        for (int i = 0; i < 256; i++)
            crc_table[t][i] = (crc_table[t - 1][i] >> 8) ^ crc_table[0][crc_table[t - 1][i] & 255];
}

/* Continues `crc` (0 to begin with) over n more octets; little-endian machines. */
static inline uint32_t crc32_of(uint32_t crc, const char *data, size_t n) {
    const unsigned char *p = (const unsigned char *)data;
    uint32_t c = ~crc;
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        word ^= c;
        c = 0;
        for (int i = 0; i < 8; i++) c ^= crc_table[7 - i][(word >> (8 * i)) & 255];
    }
    while (n--) c = crc_table[0][(c ^ *p++) & 255] ^ (c >> 8);
    return ~c;
}
