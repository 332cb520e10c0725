#include "raw.h"

#include <stdarg.h>

#include <event2/keyvalq_struct.h>

int
lepy_evbuffer_add_vprintf(struct evbuffer *buf, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int added = evbuffer_add_vprintf(buf, fmt, args);
    va_end(args);
    return added;
}

int
lepy_evutil_vsnprintf(char *buf, size_t size, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int needed = evutil_vsnprintf(buf, size, fmt, args);
    va_end(args);
    return needed;
}

int
lepy_evutil_timercmp(const struct timeval *left, const struct timeval *right)
{
    return evutil_timercmp(left, right, >) - evutil_timercmp(left, right, <);
}

/* TAILQ by hand: with some builds of libevent, its headers declare the structs
 * but not the macros.
 */
void
lepy_evkeyvalq_init(struct evkeyvalq *queue)
{
    queue->tqh_first = NULL;
    queue->tqh_last = &queue->tqh_first;
}

struct evkeyval *
lepy_evkeyvalq_first(const struct evkeyvalq *queue)
{
    return queue->tqh_first;
}

struct evkeyval *
lepy_evkeyvalq_next(const struct evkeyval *entry)
{
    return entry->next.tqe_next;
}

enum evhttp_request_kind
lepy_evhttp_request_get_kind(const struct evhttp_request *req)
{
    return req->kind;
}

int
lepy_evhttp_request_get_major(const struct evhttp_request *req)
{
    return req->major;
}

int
lepy_evhttp_request_get_minor(const struct evhttp_request *req)
{
    return req->minor;
}

int
lepy_evhttp_request_get_chunked(const struct evhttp_request *req)
{
    return req->chunked;
}

const char *
lepy_evhttp_request_get_remote_host(const struct evhttp_request *req)
{
    return req->remote_host;
}

ev_uint16_t
lepy_evhttp_request_get_remote_port(const struct evhttp_request *req)
{
    return req->remote_port;
}
