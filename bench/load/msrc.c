/* msrc: sends mail as fast as the server takes it, or at a given rate, and says how it went.
 *
 * Every message can be accounted for by the receiver: its header field
 *     X-Load-Id: RUN-SEQUENCE-SENT_NS-CRC-LENGTH
 * holds the run, its number, when it was sent, and checksum and length of its body, whose last line
 * differs in every message; one line begins with a dot. Recipient i of message s is u<s>.<i>@domain.
 * With --rate latencies count from when a message was due, not from when a connection was free.
 * Prints one line of JSON; status 0 when everything was taken. */
#include "wire.h"

enum state { GREETING, EHLO, STARTTLS, AUTH, IDLE, MAIL, RCPT, DATA, BODY, RSET, QUIT, CLOSED };

typedef struct {
    wire_t wire;
    enum state state;
    int64_t number; /* of the message in hand, -1: none */
    int64_t since_ns, retry_ns;
    int recipient, messages;
} client_t;

static const char *host = "127.0.0.1", *domain_format = "d%04d.test", *credentials, *run = "0";
static const char *sender = "bounce@sender.test", *extra = "";
static int port = 25, connections = 20, domains = 10, recipients = 1, per_connection, use_tls, pipelining;
static int64_t messages = 1000, size = 2048;
static double rate;

static struct sockaddr_in target;
static SSL_CTX *tls_context;
static client_t *clients;
static int64_t next_number, accepted, deferred, refused, resent, reconnects, start_ns, last_ns;
static int64_t *again; /* numbers to send once more */
static int64_t again_count;
static latencies_t acceptance;
static char *body;
static size_t body_length, tail_at;
static uint32_t body_crc; /* up to tail_at */
static volatile sig_atomic_t stop;

#define TAIL "message %020lld ends here\r\n"
#define TAIL_LENGTH 40
#define LINE_LENGTH 78
#define HEADER_LENGTH 300 /* about; so that --size is near the truth */

static void on_signal(int number) {
    (void)number;
    stop = 1;
}

static int64_t due_ns(int64_t number) { return start_ns + (int64_t)((double)number / rate * 1e9); }

/* The next number to send; -1: all are taken, -2: not due yet. */
static int64_t take(void) {
    if (again_count) return again[--again_count];
    if (next_number >= messages) return -1;
    if (rate > 0 && due_ns(next_number) > now_ns()) return -2;
    return next_number++;
}

static int is_work_left(void) { return again_count > 0 || next_number < messages; }

static void address(char *out, size_t room, int64_t number, int recipient) {
    char domain[128];
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(domain, sizeof domain, domain_format, (int)((number + (recipients > 1 ? 0 : recipient)) % domains));
    snprintf(out, room, "u%lld.%d@%s", (long long)number, recipient, domain);
}

static void say_mail(client_t *c) {
    char line[256];
    wire_put(&c->wire, line, snprintf(line, sizeof line, "MAIL FROM:<%s>\r\n", sender));
}

static void say_rcpt(client_t *c, int recipient) {
    char to[200], line[256];
    address(to, sizeof to, c->number, recipient);
    wire_put(&c->wire, line, snprintf(line, sizeof line, "RCPT TO:<%s>\r\n", to));
}

static void begin_message(client_t *c) {
    if (per_connection && c->messages >= per_connection) c->number = -1;
    else c->number = take();
    if (c->number == -2) {
        c->state = IDLE;
        return;
    }
    if (c->number < 0) {
        wire_say(&c->wire, "QUIT\r\n");
        c->state = QUIT;
        return;
    }
    c->since_ns = rate > 0 ? due_ns(c->number) : now_ns();
    c->recipient = 0;
    c->state = MAIL;
    say_mail(c);
    if (!pipelining) return;
    for (int i = 0; i < recipients; i++) say_rcpt(c, i);
    wire_say(&c->wire, "DATA\r\n");
}

static void say_body(client_t *c) {
    char to[200], head[1200], tail[TAIL_LENGTH + 1];
    long long number = c->number;
    address(to, sizeof to, number, 0);
    snprintf(tail, sizeof tail, TAIL, number);
    uint32_t crc = crc32_of(body_crc, tail, TAIL_LENGTH);
    int64_t sent_ns = rate > 0 ? c->since_ns : now_ns();
    int n = snprintf(head, sizeof head,
                     "From: \"Sender\" <news@sender.test>\r\nTo: <%s>\r\nSubject: Load message %lld\r\n"
                     "Date: Sat, 22 Nov 2025 08:00:00 -0500\r\nMessage-ID: <%s.%lld@sender.test>\r\n"
                     "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n%s"
                     "X-Load-Id: %s-%lld-%lld-%x-%zu\r\n\r\n",
                     to, number, run, number, extra, run, number, (long long)sent_ns, crc, body_length);
    wire_put(&c->wire, head, n);
    wire_put(&c->wire, ".", 1); /* transparency for the first line, which begins with a dot */
    wire_put(&c->wire, body, tail_at);
    wire_put(&c->wire, tail, TAIL_LENGTH);
    wire_say(&c->wire, ".\r\n");
}

static void open_client(client_t *c);

/* The connection is lost. What was in hand is sent again: twice is counted, lost would be worse. */
static void lose(client_t *c) {
    if (c->number >= 0) {
        if (c->state == BODY) resent++;
        again[again_count++] = c->number;
    }
    c->number = -1;
    wire_close(&c->wire);
    c->state = CLOSED;
    reconnects++;
    c->retry_ns = now_ns() + 20 * NS_PER_MS;
}

static void not_taken(client_t *c, int code, const char *line) {
    int64_t *count = code / 100 == 5 ? &refused : &deferred;
    if ((*count)++ < 3) fprintf(stderr, "msrc: %s\n", line);
    if (count == &deferred) again[again_count++] = c->number;
    c->number = -1;
    if (pipelining) {
        lose(c);
        return;
    }
    wire_say(&c->wire, "RSET\r\n");
    c->state = RSET;
}

static void on_taken(client_t *c) {
    accepted++;
    c->messages++;
    last_ns = now_ns();
    latencies_add(&acceptance, last_ns - c->since_ns);
    c->number = -1;
    begin_message(c);
}

static void on_ehlo(client_t *c) {
    char line[512];
    if (use_tls && c->wire.tls == PLAIN) {
        wire_say(&c->wire, "STARTTLS\r\n");
        c->state = STARTTLS;
    } else if (credentials) {
        wire_put(&c->wire, line, snprintf(line, sizeof line, "AUTH PLAIN %s\r\n", credentials));
        c->state = AUTH;
    } else {
        begin_message(c);
    }
}

static void on_session_reply(client_t *c, int code, const char *line) { /* before the first message */
    if (code / 100 != 2) {
        if (c->state == STARTTLS || c->state == AUTH) die(line);
        deferred++;
        lose(c);
        return;
    }
    if (c->state == GREETING) {
        wire_say(&c->wire, "EHLO sender.test\r\n");
        c->state = EHLO;
    } else if (c->state == EHLO) {
        on_ehlo(c);
    } else if (c->state == STARTTLS) {
        wire_start_tls(&c->wire, tls_context, 0);
    } else {
        begin_message(c);
    }
}

static void on_reply(client_t *c, int code, const char *line) {
    int class = code / 100;
    if (code == 421) {
        deferred++;
        lose(c);
    } else if (c->state < IDLE) {
        on_session_reply(c, code, line);
    } else if (c->state == RSET) {
        begin_message(c);
    } else if (c->state == QUIT) {
        wire_close(&c->wire);
        c->state = CLOSED;
        c->retry_ns = 0;
        if (is_work_left()) open_client(c);
    } else if (class != (c->state == DATA ? 3 : 2)) {
        not_taken(c, code, line);
    } else if (c->state == MAIL) {
        c->state = RCPT;
        if (!pipelining) say_rcpt(c, 0);
    } else if (c->state == RCPT && ++c->recipient < recipients) {
        if (!pipelining) say_rcpt(c, c->recipient);
    } else if (c->state == RCPT) {
        c->state = DATA;
        if (!pipelining) wire_say(&c->wire, "DATA\r\n");
    } else if (c->state == DATA) {
        c->state = BODY;
        say_body(c);
    } else {
        on_taken(c);
    }
}

static void open_client(client_t *c) {
    int one = 1;
    c->wire.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(c->wire.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->state = GREETING;
    c->retry_ns = 0;
    c->number = -1;
    c->messages = 0;
    if (connect(c->wire.fd, (void *)&target, sizeof target) && errno != EINPROGRESS) lose(c);
    else wire_watch(&c->wire, c, EPOLLIN);
}

static void push(client_t *c) { /* write what is due */
    uint32_t events = EPOLLIN;
    if (c->state == CLOSED) return;
    if (c->wire.tls == HANDSHAKE) {
        if (wire_handshake(&c->wire, &events) < 0) die("msrc: the TLS handshake failed");
        if (c->wire.tls == ENCRYPTED) {
            wire_say(&c->wire, "EHLO sender.test\r\n");
            c->state = EHLO;
        }
    }
    if (c->wire.tls != HANDSHAKE && wire_flush(&c->wire, &events) < 0) lose(c);
    else wire_watch(&c->wire, c, events);
}

static void on_event(client_t *c, uint32_t events) {
    if (c->state == CLOSED) return;
    if (c->wire.tls == HANDSHAKE || events & EPOLLOUT) push(c);
    if (c->state == CLOSED || c->wire.tls == HANDSHAKE) return;
    if (wire_fill(&c->wire) < 0) {
        lose(c);
        return;
    }
    size_t at = 0;
    char *end;
    while (c->state != CLOSED && c->wire.in_length > at &&
           (end = memchr(c->wire.in + at, '\n', c->wire.in_length - at))) {
        char *line = c->wire.in + at;
        at = end + 1 - c->wire.in;
        *end = 0;
        if (end > line && end[-1] == '\r') end[-1] = 0;
        if (strlen(line) > 3 && line[3] == '-') continue;
        on_reply(c, atoi(line), line);
        if (c->wire.in_length < at) at = 0; /* the connection began anew */
    }
    wire_drop(&c->wire, at);
    push(c);
}

static void look_after(int64_t now) { /* reconnect, and hand due messages to idle connections */
    for (int i = 0; i < connections; i++) {
        client_t *c = &clients[i];
        if (c->state == IDLE) {
            begin_message(c);
            push(c);
        } else if (c->state == CLOSED && c->retry_ns <= now && is_work_left()) {
            open_client(c);
        }
    }
}

static void make_body(void) {
    static const char text[] = "abcdefghij klmnopqrs tuvwxyz0123 456789ABCDxx";
    tail_at = size > HEADER_LENGTH + TAIL_LENGTH ? size - HEADER_LENGTH - TAIL_LENGTH : 0;
    tail_at -= tail_at % LINE_LENGTH; /* whole lines */
    if (!tail_at) tail_at = LINE_LENGTH;
    body_length = tail_at + TAIL_LENGTH;
    body = malloc(tail_at);
    for (size_t i = 0; i < tail_at; i++) {
        size_t column = i % LINE_LENGTH, left = LINE_LENGTH - column;
        body[i] = left == 2 ? '\r' : left == 1 ? '\n' : text[(i / LINE_LENGTH * 7 + column) % 45];
    }
    body[0] = '.';
    body_crc = crc32_of(0, body, tail_at);
}

static void read_options(int argc, char **argv, int *deadline_s) {
    static const struct option names[] = {
        {"target", 1, 0, 't'},      {"connections", 1, 0, 'c'}, {"messages", 1, 0, 'n'},
        {"size", 1, 0, 's'},        {"domains", 1, 0, 'd'},     {"domain-format", 1, 0, 'f'},
        {"recipients", 1, 0, 'r'},  {"run", 1, 0, 'i'},         {"per-connection", 1, 0, 'p'},
        {"tls", 0, 0, 'S'},         {"auth", 1, 0, 'a'},        {"pipelining", 0, 0, 'P'},
        {"rate", 1, 0, 'R'},        {"deadline", 1, 0, 'D'},    {"header", 1, 0, 'H'},
        {"sender", 1, 0, 'F'},      {0, 0, 0, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) switch (option) {
        case 't': {
            char *colon = strrchr(optarg, ':');
            if (!colon) die("msrc: --target HOST:PORT");
            *colon = 0;
            host = optarg;
            port = atoi(colon + 1);
            break;
        }
        case 'c': connections = atoi(optarg); break;
        case 'n': messages = atoll(optarg); break;
        case 's': size = atoll(optarg); break;
        case 'd': domains = atoi(optarg); break;
        case 'f': domain_format = optarg; break;
        case 'r': recipients = atoi(optarg); break;
        case 'i': run = optarg; break;
        case 'p': per_connection = atoi(optarg); break;
        case 'S': use_tls = 1; break;
        case 'a': credentials = optarg; break;
        case 'P': pipelining = 1; break;
        case 'R': rate = atof(optarg); break;
        case 'D': *deadline_s = atoi(optarg); break;
        case 'F': sender = optarg; break;
        case 'H': {
            char *all = NULL;
            if (asprintf(&all, "%s%s\r\n", extra, optarg) < 0) die("out of memory");
            extra = all;
            break;
        }
        default: exit(2);
    }
}

static void report(void) {
    char spread[200];
    double seconds = (double)(last_ns - start_ns) / 1e9;
    latencies_json(&acceptance, spread, sizeof spread);
    printf("{\"accepted\":%lld,\"deferred\":%lld,\"refused\":%lld,\"resent\":%lld,\"reconnects\":%lld,"
           "\"start_ns\":%lld,\"last_ns\":%lld,\"accepted_s\":%.1f,\"acceptance_ms\":%s,\"cpu_s\":%.3f}\n",
           (long long)accepted, (long long)deferred, (long long)refused, (long long)resent,
           (long long)reconnects, (long long)start_ns, (long long)last_ns,
           seconds > 0 ? (double)accepted / seconds : 0, spread, cpu_seconds());
}

int main(int argc, char **argv) {
    int deadline_s = 600;
    read_options(argc, argv, &deadline_s);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    target = loopback(host, port);
    crc_init();
    make_body();
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    again = calloc(messages + connections + 1, sizeof *again);
    clients = calloc(connections, sizeof *clients);
    tls_context = SSL_CTX_new(TLS_client_method()); /* certificates are not checked: loopback */
    SSL_CTX_set_mode(tls_context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    start_ns = now_ns();
    int64_t end_ns = start_ns + deadline_s * NS_PER_S, looked_ns = start_ns;
    for (int i = 0; i < connections; i++) open_client(&clients[i]);
    struct epoll_event events[256];
    while (!stop && accepted + refused < messages && now_ns() < end_ns) {
        int n = epoll_wait(epoll_fd, events, 256, rate > 0 ? 1 : 10);
        for (int i = 0; i < n; i++) on_event(events[i].data.ptr, events[i].events);
        int64_t now = now_ns();
        if (rate > 0 || now - looked_ns > 10 * NS_PER_MS) look_after(looked_ns = now);
    }
    report();
    return accepted == messages ? 0 : 1;
}
