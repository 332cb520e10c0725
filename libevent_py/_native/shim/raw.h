/* What the raw layer adds to libevent: substitutes for the parts of its API that
 * CFFI cannot call (va_list, macros that take an operator, queue links, struct
 * fields without an accessor), and one spelling for what differs between releases.
 * Every function here does in C what its libevent counterpart is documented to do.
 */
#ifndef LEPY_RAW_H
#define LEPY_RAW_H

#include "headers.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/un.h>
#include <time.h>

/* evbuffer_add_vprintf and evutil_vsnprintf, with the arguments written out. */
int lepy_evbuffer_add_vprintf(struct evbuffer *buf, const char *fmt, ...);
int lepy_evutil_vsnprintf(char *buf, size_t size, const char *fmt, ...);

/* -1, 0 or 1: the three answers from which each operator of evutil_timercmp follows. */
int lepy_evutil_timercmp(const struct timeval *left, const struct timeval *right);

/* A list on its own needs init before evhttp_add_header; NULL ends a walk. */
void lepy_evkeyvalq_init(struct evkeyvalq *queue);
struct evkeyval *lepy_evkeyvalq_first(const struct evkeyvalq *queue);
struct evkeyval *lepy_evkeyvalq_next(const struct evkeyval *entry);

/* Fields of a request; the host string is the request's own, or NULL. */
enum evhttp_request_kind lepy_evhttp_request_get_kind(const struct evhttp_request *req);
int lepy_evhttp_request_get_major(const struct evhttp_request *req);
int lepy_evhttp_request_get_minor(const struct evhttp_request *req);
int lepy_evhttp_request_get_chunked(const struct evhttp_request *req);
const char *lepy_evhttp_request_get_remote_host(const struct evhttp_request *req);
ev_uint16_t lepy_evhttp_request_get_remote_port(const struct evhttp_request *req);

/* char ** in 2.1 and const char ** in 2.2: void * converts to both. */
static inline void
lepy_evhttp_connection_get_peer(struct evhttp_connection *evcon, const char **address, ev_uint16_t *port)
{
    evhttp_connection_get_peer(evcon, (void *)address, port);
}
#define evhttp_connection_get_peer lepy_evhttp_connection_get_peer

/* The POSIX macro drops its argument, of which the compiler would complain. */
static inline int
lepy_evutil_socket_geterror(evutil_socket_t sock)
{
    (void)sock;
    return evutil_socket_geterror(sock);
}
#undef evutil_socket_geterror
#define evutil_socket_geterror lepy_evutil_socket_geterror

/* log.c notes what the program sets, so that the Pythonic layer does not set its own over it. */
void lepy_set_log_callback(event_log_cb callback);
void lepy_set_fatal_callback(event_fatal_cb callback);
#define event_set_log_callback lepy_set_log_callback
#define event_set_fatal_callback lepy_set_fatal_callback

#endif
