/* msink: takes every mail, as cheaply as possible, and accounts for each copy of each message.
 *
 * Listens on COUNT addresses from --address on one port. A copy is known by the X-Load-Id field of
 * msrc and by its recipient: missing, double, foreign and damaged ones are counted, and the time
 * since it was sent goes into a histogram. --stream RUN:MESSAGES:RECIPIENTS says what to expect, once
 * for each sender. With --personal MARK the mail is a campaign's, made by the relay itself: a copy is
 * known by its recipient, and MARK in its subject has to be followed by the recipient's number; of two in
 * five of them the picture that tells of an open is written to --opens, a line each. Every line on standard input is answered by one line of JSON on standard output;
 * the end of input ends the program. */
#include "wire.h"

#include <ctype.h>

typedef struct {
    uint32_t run;
    uint64_t messages, recipients, unique, duplicates;
    int64_t first_ns, last_ns;
    latencies_t delivery;
    unsigned char *seen;
} stream_t;

typedef struct copy {
    uint64_t message, recipient;
} copy_t;

typedef struct server {
    wire_t wire;
    int site, in_data, starts_tls, is_waiting, is_dead;
    copy_t *copies; /* recipients of the transaction */
    size_t copy_count, copy_room, scanned;
    int64_t due_ns;
    struct server *next; /* in the queue of late replies */
} server_t;

#define MAX_STREAMS 8
#define MAX_SITES 250
#define EVENTS 512

static const char *base = "127.0.1.1", *certificate, *private_key, *mark;
static FILE *opens;
static int port, site_count = 1, delay_ms, reply_delay_ms, hides_pipelining;
static stream_t streams[MAX_STREAMS];
static int stream_count, listeners[MAX_SITES];
static uint64_t received, octets, foreign, corrupt, strays, signed_count, encrypted_count;
static uint64_t connections_now, connections_peak, connections_all;
static SSL_CTX *tls_context;
static server_t *late_first, *late_last;
static volatile sig_atomic_t stop;

static void on_signal(int number) {
    (void)number;
    stop = 1;
}

/* ---- accounting ---- */

/* The value of a header field, up to the end of the message; name with its colon. */
static char *field(char *message, size_t length, const char *name) {
    size_t n = strlen(name);
    char *at = message, *end = message + length;
    while (at < end && *at != '\r') {
        if ((size_t)(end - at) > n && !strncasecmp(at, name, n)) return at + n;
        char *line_end = memchr(at, '\n', end - at);
        if (!line_end) break;
        at = line_end + 1;
    }
    return NULL;
}

static size_t remove_dots(char *message, size_t length) { /* RFC 5321 §4.5.2; gives the new length */
    char *end = message + length, *to = message, *from = message;
    if (length && *from == '.') from++;
    for (;;) {
        char *dot = memmem(from, end - from, "\r\n.", 3);
        size_t n = (dot ? dot + 2 : end) - from;
        if (to != from) memmove(to, from, n);
        to += n;
        if (!dot) return to - message;
        from += n + 1;
    }
}

static void count_copy(stream_t *s, const copy_t *copy, uint64_t number, int64_t sent_ns, int64_t now) {
    if (copy->message != number || copy->recipient >= s->recipients) {
        strays++; /* a message that went to somebody else's recipient */
        return;
    }
    uint64_t bit = number * s->recipients + copy->recipient;
    if (s->seen[bit >> 3] & (1 << (bit & 7))) {
        s->duplicates++;
        return;
    }
    s->seen[bit >> 3] |= 1 << (bit & 7);
    s->unique++;
    if (!s->first_ns) s->first_ns = now;
    s->last_ns = now;
    latencies_add(&s->delivery, now - sent_ns);
}

/* The path of the picture in a quoted-printable body, its soft line breaks taken out. */
static void note_open(const char *body, const char *end) {
    char path[300] = "/o/";
    size_t n = 3;
    const char *at = memmem(body, end - body, "/o/", 3);
    if (!at) return;
    for (at += 3; at < end && n < sizeof path - 1; at++) {
        if (*at == '=' && end - at > 2 && at[1] == '\r') at += 2;
        else if (isalnum((unsigned char)*at) || strchr("-_.", *at)) path[n++] = *at;
        else break;
    }
    path[n] = 0;
    fprintf(opens, "%s\n", path);
}

/* A mail that the relay made for one recipient. */
static void account_personal(server_t *c, char *message, size_t length, int64_t now) {
    unsigned long long number;
    char *subject = field(message, length, "Subject:"), *body = memmem(message, length, "\r\n\r\n", 4);
    char *line_end = subject ? memchr(subject, '\r', message + length - subject) : NULL;
    char *at = line_end ? memmem(subject, line_end - subject, mark, strlen(mark)) : NULL;
    if (!at || !body || c->copy_count != 1 || c->copies[0].message >= streams[0].messages) {
        foreign++;
        return;
    }
    if (sscanf(at + strlen(mark), "%llu", &number) != 1 || number != c->copies[0].message) corrupt++;
    uint64_t unique = streams[0].unique;
    count_copy(&streams[0], &c->copies[0], c->copies[0].message, now, now);
    if (opens && unique != streams[0].unique && c->copies[0].message % 5 < 2) note_open(body, message + length);
}

static void account(server_t *c, char *message, size_t length) {
    int64_t now = now_ns();
    unsigned run, crc, body_length;
    unsigned long long number;
    long long sent_ns;
    received++;
    octets += length;
    encrypted_count += c->wire.tls == ENCRYPTED;
    length = remove_dots(message, length);
    signed_count += field(message, length, "DKIM-Signature:") != NULL;
    if (mark) {
        account_personal(c, message, length, now);
        return;
    }
    char *body = memmem(message, length, "\r\n\r\n", 4);
    char *id = field(message, length, "X-Load-Id:");
    stream_t *stream = NULL;
    if (id && body && sscanf(id, " %x-%llu-%lld-%x-%u", &run, &number, &sent_ns, &crc, &body_length) == 5)
        for (int i = 0; i < stream_count; i++)
            if (streams[i].run == run && number < streams[i].messages) stream = &streams[i];
    if (!stream) {
        foreign++;
        return;
    }
    body += 4;
    size_t actual = message + length - body;
    if (actual != body_length || crc32_of(0, body, actual) != crc) corrupt++;
    for (size_t i = 0; i < c->copy_count; i++) count_copy(stream, &c->copies[i], number, sent_ns, now);
}

static void report(void) {
    char spread[200];
    printf("{\"received\":%llu,\"octets\":%llu,\"foreign\":%llu,\"corrupt\":%llu,\"strays\":%llu,"
           "\"signed\":%llu,\"encrypted\":%llu,\"connections\":%llu,\"connections_peak\":%llu,"
           "\"cpu_s\":%.3f,\"streams\":[",
           (unsigned long long)received, (unsigned long long)octets, (unsigned long long)foreign,
           (unsigned long long)corrupt, (unsigned long long)strays, (unsigned long long)signed_count,
           (unsigned long long)encrypted_count, (unsigned long long)connections_all,
           (unsigned long long)connections_peak, cpu_seconds());
    for (int i = 0; i < stream_count; i++) {
        stream_t *s = &streams[i];
        latencies_json(&s->delivery, spread, sizeof spread);
        printf("%s{\"unique\":%llu,\"duplicates\":%llu,\"first_ns\":%lld,\"last_ns\":%lld,\"delivery_ms\":%s}",
               i ? "," : "", (unsigned long long)s->unique, (unsigned long long)s->duplicates,
               (long long)s->first_ns, (long long)s->last_ns, spread);
    }
    printf("]}\n");
    if (opens) fflush(opens);
    fflush(stdout);
}

/* ---- sessions ---- */

static void release(server_t *c) {
    free(c->wire.in);
    free(c->wire.out);
    free(c->copies);
    free(c);
}

static void end(server_t *c) {
    if (c->is_dead) return;
    wire_close(&c->wire);
    connections_now--;
    c->is_dead = 1;
    if (!c->is_waiting) release(c); /* else the queue of late replies does */
}

static void push(server_t *c) {
    uint32_t events = EPOLLIN;
    if (c->is_dead) return;
    if (wire_flush(&c->wire, &events) < 0) {
        end(c);
        return;
    }
    if (c->starts_tls && c->wire.out_done == c->wire.out_length) {
        c->starts_tls = 0;
        wire_start_tls(&c->wire, tls_context, 1);
    }
    wire_watch(&c->wire, c, events);
}

static void push_later(server_t *c, int ms) { /* one delay for all: the queue is in order */
    wire_watch(&c->wire, c, EPOLLRDHUP);
    c->is_waiting = 1;
    c->due_ns = now_ns() + ms * NS_PER_MS;
    c->next = NULL;
    if (late_last) late_last->next = c;
    else late_first = c;
    late_last = c;
}

static void push_due(void) {
    int64_t now = now_ns();
    while (late_first && late_first->due_ns <= now) {
        server_t *c = late_first;
        late_first = c->next;
        if (!late_first) late_last = NULL;
        c->is_waiting = 0;
        if (c->is_dead) release(c);
        else push(c);
    }
}

static void on_ehlo(server_t *c) {
    char reply[300];
    int offers_tls = tls_context && c->wire.tls == PLAIN;
    int n = snprintf(reply, sizeof reply,
                     "250-mx%02d.test\r\n%s%s250-SIZE 104857600\r\n250-ENHANCEDSTATUSCODES\r\n250 8BITMIME\r\n",
                     c->site, hides_pipelining ? "" : "250-PIPELINING\r\n",
                     offers_tls ? "250-STARTTLS\r\n" : "");
    wire_put(&c->wire, reply, n);
}

static void on_rcpt(server_t *c, const char *line) {
    unsigned long long message = ~0ULL, recipient = 0;
    const char *at = strchr(line, '<');
    if (at) sscanf(at, "<u%llu.%llu@", &message, &recipient);
    if (c->copy_count == c->copy_room) {
        c->copy_room = c->copy_room ? 2 * c->copy_room : 4;
        c->copies = realloc(c->copies, c->copy_room * sizeof *c->copies);
        if (!c->copies) die("out of memory");
    }
    c->copies[c->copy_count++] = (copy_t){message, recipient};
    wire_say(&c->wire, "250 2.1.5 Ok\r\n");
}

enum next { GO_ON, DISCARD, HANG_UP };

static enum next on_command(server_t *c, const char *line) {
    wire_t *w = &c->wire;
    if (!strncasecmp(line, "RCPT", 4)) {
        on_rcpt(c, line);
    } else if (!strncasecmp(line, "MAIL", 4) || !strncasecmp(line, "RSET", 4)) {
        c->copy_count = 0;
        wire_say(w, "250 2.1.0 Ok\r\n");
    } else if (!strncasecmp(line, "DATA", 4)) {
        c->in_data = c->copy_count > 0;
        c->scanned = 0;
        wire_say(w, c->in_data ? "354 End data with <CR><LF>.<CR><LF>\r\n" : "554 5.5.1 No recipients\r\n");
    } else if (!strncasecmp(line, "EHLO", 4)) {
        on_ehlo(c);
    } else if (!strncasecmp(line, "HELO", 4) || !strncasecmp(line, "NOOP", 4)) {
        wire_say(w, "250 2.0.0 Ok\r\n");
    } else if (!strncasecmp(line, "QUIT", 4)) {
        wire_say(w, "221 2.0.0 Bye\r\n");
        return HANG_UP;
    } else if (!strncasecmp(line, "STARTTLS", 8) && tls_context && w->tls == PLAIN) {
        wire_say(w, "220 2.0.0 Go ahead\r\n");
        c->starts_tls = 1;
        return DISCARD;
    } else {
        wire_say(w, "502 5.5.2 Not implemented\r\n");
    }
    return GO_ON;
}

/* Takes the message that begins at `at` if all of it is there; gives the octets used, else 0. */
static size_t take_message(server_t *c, size_t at) {
    wire_t *w = &c->wire;
    char *start = w->in + at, *dot;
    size_t there = w->in_length - at;
    if (there >= 3 && !memcmp(start, ".\r\n", 3)) {
        dot = start - 2;
    } else {
        size_t from = c->scanned > 4 ? c->scanned - 4 : 0;
        dot = there > from ? memmem(start + from, there - from, "\r\n.\r\n", 5) : NULL;
    }
    if (!dot) {
        c->scanned = there;
        return 0;
    }
    size_t used = dot + 5 - start; /* before the dots are removed */
    account(c, start, dot + 2 - start);
    c->in_data = 0;
    c->copy_count = 0;
    wire_say(w, "250 2.0.0 Ok: queued\r\n");
    return used;
}

static void on_input(server_t *c) {
    wire_t *w = &c->wire;
    size_t at = 0;
    int ended = 0;
    enum next next = GO_ON;
    while (next == GO_ON) {
        if (c->in_data) {
            size_t used = take_message(c, at);
            if (!used) break;
            ended = 1;
            at += used;
            continue;
        }
        char *line = w->in + at, *line_end = w->in_length > at ? memchr(line, '\n', w->in_length - at) : NULL;
        if (!line_end) break;
        *line_end = 0;
        next = on_command(c, line);
        at = next == GO_ON ? (size_t)(line_end + 1 - w->in) : w->in_length;
    }
    wire_drop(w, at);
    if (next == HANG_UP) {
        uint32_t events = 0;
        wire_flush(w, &events);
        end(c);
        return;
    }
    int ms = delay_ms ? delay_ms : ended ? reply_delay_ms : 0;
    if (ms && w->out_done < w->out_length) push_later(c, ms);
    else push(c);
}

static void on_event(server_t *c, uint32_t events) {
    if (c->is_waiting) {
        if (events & (EPOLLHUP | EPOLLERR)) end(c);
        return;
    }
    if (c->wire.tls == HANDSHAKE) {
        uint32_t wanted = EPOLLIN;
        if (wire_handshake(&c->wire, &wanted) < 0) {
            end(c);
            return;
        }
        wire_watch(&c->wire, c, wanted);
        if (c->wire.tls == HANDSHAKE) return;
    }
    if (events & EPOLLOUT) {
        push(c);
        return;
    }
    ssize_t n = wire_fill(&c->wire);
    if (n < 0) end(c);
    else if (n > 0) on_input(c);
}

static void on_arrival(int site) {
    int fd, one = 1;
    while ((fd = accept4(listeners[site], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        server_t *c = calloc(1, sizeof *c);
        if (!c) die("out of memory");
        c->wire.fd = fd;
        c->site = site;
        connections_all++;
        if (++connections_now > connections_peak) connections_peak = connections_now;
        wire_say(&c->wire, "220 mx.test ESMTP\r\n");
        if (delay_ms) push_later(c, delay_ms);
        else push(c);
    }
}

/* ---- start ---- */

static void listen_on(int site) {
    struct sockaddr_in address = loopback(base, port);
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(ntohl(address.sin_addr.s_addr) + site);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (void *)&address, sizeof address) || listen(fd, 4096)) {
        fprintf(stderr, "msink: %s+%d port %d: %s\n", base, site, port, strerror(errno));
        exit(2);
    }
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = &listeners[site]};
    listeners[site] = fd;
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e);
}

static void expect(char *text) {
    stream_t *s = &streams[stream_count++];
    unsigned long long n, r;
    if (stream_count > MAX_STREAMS || sscanf(text, "%x:%llu:%llu", &s->run, &n, &r) != 3 || !n || !r)
        die("msink: --stream RUN:MESSAGES:RECIPIENTS");
    s->messages = n;
    s->recipients = r;
    s->seen = calloc(n * r / 8 + 1, 1);
}

static void offer_tls(void) {
    tls_context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_mode(tls_context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_id_context(tls_context, (const unsigned char *)"msink", 5);
    if (SSL_CTX_use_certificate_chain_file(tls_context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls_context, private_key, SSL_FILETYPE_PEM) != 1) {
        ERR_print_errors_fp(stderr);
        exit(2);
    }
}

static void read_options(int argc, char **argv) {
    static const struct option names[] = {
        {"address", 1, 0, 'a'},     {"count", 1, 0, 'k'}, {"port", 1, 0, 'p'},
        {"stream", 1, 0, 's'},      {"delay", 1, 0, 'd'}, {"reply-delay", 1, 0, 'r'},
        {"personal", 1, 0, 'P'},    {"opens", 1, 0, 'o'}, {"no-pipelining", 0, 0, 'N'},
        {"certificate", 1, 0, 'c'}, {"key", 1, 0, 'K'},
        {0, 0, 0, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) switch (option) {
        case 'a': base = optarg; break;
        case 'k': site_count = atoi(optarg); break;
        case 'p': port = atoi(optarg); break;
        case 's': expect(optarg); break;
        case 'd': delay_ms = atoi(optarg); break;       /* before every reply: a far away peer */
        case 'r': reply_delay_ms = atoi(optarg); break; /* before the reply to the end of a message */
        case 'P': mark = optarg; break;
        case 'o':
            opens = fopen(optarg, "we");
            if (!opens) die("msink: cannot write --opens");
            break;
        case 'c': certificate = optarg; break;
        case 'K': private_key = optarg; break;
        case 'N': hides_pipelining = 1; break;
        default: exit(2);
    }
    if (site_count < 1 || site_count > MAX_SITES) die("msink: --count 1 to 250");
    if (delay_ms && reply_delay_ms) die("msink: --delay and --reply-delay exclude each other");
}

static int is_asked(void) { /* answers questions; 0 at the end of input */
    char text[256];
    ssize_t n = read(0, text, sizeof text);
    for (ssize_t i = 0; i < n; i++)
        if (text[i] == '\n') report();
    return n > 0;
}

static void serve(void) {
    struct epoll_event events[EVENTS];
    int timeout_ms = -1;
    if (late_first) {
        int64_t left = late_first->due_ns - now_ns();
        timeout_ms = left <= 0 ? 0 : (int)((left + NS_PER_MS - 1) / NS_PER_MS);
    }
    int n = epoll_wait(epoll_fd, events, EVENTS, timeout_ms);
    for (int i = 0; i < n; i++) {
        int *listener = events[i].data.ptr;
        if (!listener) stop |= !is_asked();
        else if (listener >= listeners && listener < listeners + site_count) on_arrival(listener - listeners);
        else on_event(events[i].data.ptr, events[i].events);
    }
    push_due();
}

int main(int argc, char **argv) {
    struct rlimit files;
    read_options(argc, argv);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    crc_init();
    if (certificate) offer_tls();
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < site_count; i++) listen_on(i);
    struct epoll_event questions = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, 0, &questions);
    printf("ready\n");
    fflush(stdout);
    while (!stop) serve();
    return 0;
}
