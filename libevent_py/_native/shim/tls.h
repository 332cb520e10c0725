/* TLS over bufferevent_openssl: what the shim's tls_*.c share. */
#ifndef LEPY_TLS_H
#define LEPY_TLS_H

#include "shim.h"

#ifdef LEPY_WITH_OPENSSL

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

/* Why a connection has failed; Python makes an exception of it. */
struct lepy_tls_failure {
	int kind;           /* SSL_ERROR_*; 0: it has not failed */
	unsigned long code; /* OpenSSL's first error, 0: none */
	int error;          /* errno, where the system is to blame */
	long verify_result; /* X509_V_* */
	int is_truncated;   /* the stream ended without close_notify */
};

/* Beside each TLS bufferevent, from before it is made until Python closes it;
 * libevent may use the bufferevent and the SSL a little longer. */
struct lepy_tls {
	struct bufferevent *bufferevent;
	struct lepy_bufferevent *self;       /* NULL until lepy_tls_attach */
	struct lepy_bufferevent *underlying; /* of filter mode; else NULL */
	SSL *ssl;                            /* a reference of its own */
	BIO *uncounted;           /* the socket, for what goes past libevent's counts; NULL: not yet */
	SSL_SESSION *session;     /* the newest that may be resumed; a reference */
	struct event *timer;      /* ends a handshake that takes too long; made active, tells of the end */
	struct event *retry;      /* close_notify waits for room in the socket */
	double handshake_seconds; /* < 0: no limit */
	struct lepy_tls_failure failure;
	short end;         /* BEV_EVENT_* to report behind the last data; 0: none */
	short end_below;   /* the same of what is below, while reading is off; with its errno */
	int error_below;
	int is_open;       /* the handshake is done */
	int is_reporting;  /* the end is on its way to Python */
	int has_ended;     /* the end was reported: no data comes any more */
	int is_discarding; /* close_notify is sent, and what still comes is nobody's */
};

#define LEPY_TLS_TICKET_KEY 80 /* what OpenSSL 3 wants: name, HMAC key, AES key */

/* tls_context.c */
SSL_CTX *lepy_tls_context_new(int is_server, int lowest, int highest);
int lepy_tls_context_use_certificate(SSL_CTX *context, const char *data, size_t length);
int lepy_tls_context_use_key(SSL_CTX *context, const char *data, size_t length, const char *password);
int lepy_tls_context_trust(SSL_CTX *context, const char *data, size_t length);
void lepy_tls_context_verify(SSL_CTX *context, int mode);
int lepy_tls_context_set_id(SSL_CTX *context, const char *id, size_t length);
void lepy_tls_context_set_tickets(SSL_CTX *context, int count);
int lepy_tls_context_set_ticket_key(SSL_CTX *context, const char *key);

/* tls_answers.c */
int lepy_tls_answers_init(SSL_CTX *context);
int lepy_tls_context_set_alpn(SSL_CTX *context, const char *protocols, size_t length);
int lepy_tls_context_add_name(SSL_CTX *context, const char *name, SSL_CTX *other);
void lepy_tls_context_set_key_log(SSL_CTX *context, evutil_socket_t fd);

/* tls.c */
struct lepy_tls *lepy_tls_new(SSL_CTX *context);
int lepy_tls_expect(struct lepy_tls *tls, const char *host, int is_address);
int lepy_tls_resume(struct lepy_tls *tls, SSL_SESSION *session);
int lepy_tls_open(struct lepy_tls *tls, struct lepy_delivery *delivery, int is_server, evutil_socket_t fd,
    struct lepy_bufferevent *underlying, int options);
void lepy_tls_attach(struct lepy_tls *tls, struct lepy_bufferevent *self, double handshake_seconds);
void lepy_tls_free(struct lepy_tls *tls);
int lepy_tls_set_priority(struct lepy_bufferevent *self, int priority);
int lepy_tls_new_session(SSL *ssl, SSL_SESSION *session);

/* tls_status.c */
int lepy_tls_status(struct lepy_bufferevent *self, short what, int *error);
void lepy_tls_resumed_below(struct lepy_tls *tls);
void lepy_tls_timer(evutil_socket_t fd, short what, void *tls);

/* tls_shutdown.c */
int lepy_tls_is_readable(struct lepy_bufferevent *self, struct evbuffer *input);
int lepy_tls_shut_down(struct lepy_tls *tls, int discard);
void lepy_tls_say_goodbye(struct lepy_tls *tls);

/* tls_data.c */
ssize_t lepy_tls_receive(struct lepy_bufferevent *self, char *room, size_t size);
size_t lepy_tls_send(struct lepy_bufferevent *self, const char *data, size_t length);

/* tls_error.c */
void lepy_tls_get_failure(const struct lepy_tls *tls, struct lepy_tls_failure *failure);
unsigned long lepy_tls_take_error(char *detail, size_t size);
void lepy_tls_note_failure(struct lepy_tls *tls, int kind, int error);
void lepy_tls_watch(const SSL *ssl, int where, int value);
void lepy_tls_note_libevents(struct lepy_tls *tls, short what, int error);

/* tls_inspection.c */
int lepy_tls_is_open(const struct lepy_tls *tls);
SSL_SESSION *lepy_tls_session(const struct lepy_tls *tls);
int lepy_tls_certificate(const struct lepy_tls *tls, int index, unsigned char **data);
int lepy_tls_session_data(SSL_SESSION *session, unsigned char **data);
SSL_SESSION *lepy_tls_session_from(const char *data, size_t length);
void lepy_tls_release(void *data);

#endif
#endif
