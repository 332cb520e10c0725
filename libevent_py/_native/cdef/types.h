/* C and system types that libevent's own declarations are written in.
 *
 * `typedef int... name` and `...;` leave sizes and layouts to the compiler, so
 * these stay true on any platform whose headers the extension is built with.
 */

/* libevent names its integers by macro; they are typedefs here, so that
 * ffi.new("ev_uint32_t *") and the like work.
 */
typedef int... ev_uint64_t;
typedef int... ev_int64_t;
typedef int... ev_uint32_t;
typedef int... ev_int32_t;
typedef int... ev_uint16_t;
typedef int... ev_int16_t;
typedef int... ev_uint8_t;
typedef int... ev_int8_t;
typedef int... ev_uintptr_t;
typedef int... ev_intptr_t;
typedef int... ev_ssize_t;
typedef int... ev_off_t;
typedef int... ev_socklen_t;
typedef int... evutil_socket_t;

typedef int... time_t;
typedef int... suseconds_t;

struct timeval {
    time_t tv_sec;
    suseconds_t tv_usec;
    ...;
};

struct timezone;

struct tm {
    int tm_sec;
    int tm_min;
    int tm_hour;
    int tm_mday;
    int tm_mon;
    int tm_year;
    int tm_wday;
    int tm_yday;
    int tm_isdst;
    ...;
};

/* Socket addresses. Ports and IPv4 addresses are in network byte order. */
typedef int... sa_family_t;
typedef int... in_port_t;
typedef int... in_addr_t;

struct in_addr {
    in_addr_t s_addr;
    ...;
};

struct in6_addr {
    uint8_t s6_addr[16];
    ...;
};

struct sockaddr {
    sa_family_t sa_family;
    ...;
};

struct sockaddr_in {
    sa_family_t sin_family;
    in_port_t sin_port;
    struct in_addr sin_addr;
    ...;
};

struct sockaddr_in6 {
    sa_family_t sin6_family;
    in_port_t sin6_port;
    uint32_t sin6_flowinfo;
    struct in6_addr sin6_addr;
    uint32_t sin6_scope_id;
    ...;
};

struct sockaddr_un {
    sa_family_t sun_family;
    char sun_path[...];
    ...;
};

/* Large enough and aligned for any address family. */
struct sockaddr_storage {
    sa_family_t ss_family;
    ...;
};

/* libevent's name for struct addrinfo. A list from evutil_getaddrinfo or
 * evdns_getaddrinfo is the caller's: evutil_freeaddrinfo.
 */
struct evutil_addrinfo {
    int ai_flags;
    int ai_family;
    int ai_socktype;
    int ai_protocol;
    ev_socklen_t ai_addrlen;
    char *ai_canonname;
    struct sockaddr *ai_addr;
    struct evutil_addrinfo *ai_next;
    ...;
};

/* Releases the strings that libevent hands over (evbuffer_readln,
 * evhttp_uriencode, evtag_unmarshal_string, ...): the C library's own free, from
 * the C library that this extension and its libevent share.
 */
void free(void *);
/* Memory that libevent frees: a struct evrpc and its uri. */
void *calloc(size_t, size_t);
