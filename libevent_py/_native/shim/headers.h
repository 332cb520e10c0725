/* Every libevent header that the extension declares, in one order for the
 * generated code, the shim and the build's symbol probes alike.
 */
#ifndef LEPY_HEADERS_H
#define LEPY_HEADERS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* EVUTIL_EAI_* take the values that libevent was built with */
#endif

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <netdb.h>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/thread.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_struct.h>
#include <event2/listener.h>
#include <event2/dns.h>
#include <event2/dns_struct.h>
#include <event2/keyvalq_struct.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/tag.h>
#ifdef LEPY_WITH_OPENSSL
#include <openssl/ssl.h>
#include <event2/bufferevent_ssl.h>
#endif
#if defined(__has_include)
#if __has_include(<event2/watch.h>)
#include <event2/watch.h>
#endif
#if __has_include(<event2/ws.h>)
#include <event2/ws.h>
#endif
#endif
#include <event2/rpc.h> /* last: it defines the macros INPUT and OUTPUT */
#include <event2/rpc_struct.h>

#endif
