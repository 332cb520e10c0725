/* event2/dns.h and event2/dns_struct.h */

struct evdns_base;
struct evdns_request;

/* Results: these, or the EVUTIL_EAI_* of evdns_getaddrinfo. */
#define DNS_ERR_NONE ...
#define DNS_ERR_FORMAT ...
#define DNS_ERR_SERVERFAILED ...
#define DNS_ERR_NOTEXIST ...
#define DNS_ERR_NOTIMPL ...
#define DNS_ERR_REFUSED ...
#define DNS_ERR_TRUNCATED ...
#define DNS_ERR_UNKNOWN ...
#define DNS_ERR_TIMEOUT ...
#define DNS_ERR_SHUTDOWN ...
#define DNS_ERR_CANCEL ...
#define DNS_ERR_NODATA ...

const char *evdns_err_to_string(int err);

/* The resolver */
#define EVDNS_BASE_INITIALIZE_NAMESERVERS ...
#define EVDNS_BASE_DISABLE_WHEN_INACTIVE ...
#define EVDNS_BASE_NAMESERVERS_NO_DEFAULT ...
#ifdef LEPY_HAVE_EVDNS_BASE_NO_CACHE
#define EVDNS_BASE_NO_CACHE ...
#endif

struct evdns_base *evdns_base_new(struct event_base *event_base, int flags);
void evdns_base_free(struct evdns_base *base, int fail_requests);

/* Name servers and settings */
#define DNS_OPTION_SEARCH ...
#define DNS_OPTION_NAMESERVERS ...
#define DNS_OPTION_MISC ...
#define DNS_OPTION_HOSTSFILE ...
#define DNS_OPTIONS_ALL ...
#define DNS_OPTION_NAMESERVERS_NO_DEFAULT ...

#ifdef LEPY_HAVE_EVDNS_ERROR_NONE
#define EVDNS_ERROR_NONE ...
#define EVDNS_ERROR_FAILED_TO_OPEN_FILE ...
#define EVDNS_ERROR_FAILED_TO_STAT_FILE ...
#define EVDNS_ERROR_FILE_TOO_LARGE ...
#define EVDNS_ERROR_OUT_OF_MEMORY ...
#define EVDNS_ERROR_SHORT_READ_FROM_FILE ...
#define EVDNS_ERROR_NO_NAMESERVERS_CONFIGURED ...
#endif

int evdns_base_nameserver_add(struct evdns_base *base, unsigned long address);
int evdns_base_nameserver_ip_add(struct evdns_base *base, const char *ip_as_string);
int evdns_base_nameserver_sockaddr_add(struct evdns_base *base, const struct sockaddr *sa,
    ev_socklen_t len, unsigned flags);
int evdns_base_count_nameservers(struct evdns_base *base);
int evdns_base_get_nameserver_addr(struct evdns_base *base, int idx, struct sockaddr *sa,
    ev_socklen_t len);
#ifdef LEPY_HAVE_evdns_base_get_nameserver_fd
int evdns_base_get_nameserver_fd(struct evdns_base *base, int idx);
#endif
int evdns_base_clear_nameservers_and_suspend(struct evdns_base *base);
int evdns_base_resume(struct evdns_base *base);

int evdns_base_set_option(struct evdns_base *base, const char *option, const char *val);
int evdns_base_resolv_conf_parse(struct evdns_base *base, int flags, const char *const filename);
int evdns_base_load_hosts(struct evdns_base *base, const char *hosts_fname);
void evdns_base_clear_host_addresses(struct evdns_base *base);
void evdns_base_search_clear(struct evdns_base *base);
void evdns_base_search_add(struct evdns_base *base, const char *domain);
void evdns_base_search_ndots_set(struct evdns_base *base, const int ndots);

typedef void (*evdns_debug_log_fn_type)(int is_warning, const char *msg);
void evdns_set_log_fn(evdns_debug_log_fn_type fn);
/* Both do nothing in 2.1, and are gone in 2.2. */
#ifdef LEPY_HAVE_evdns_set_transaction_id_fn
void evdns_set_transaction_id_fn(ev_uint16_t (*fn)(void));
#endif
#ifdef LEPY_HAVE_evdns_set_random_bytes_fn
void evdns_set_random_bytes_fn(void (*fn)(char *, size_t));
#endif

/* Questions. The meaning of addresses depends on type: struct in_addr *,
 * struct in6_addr *, or char ** for names. In Python type arrives as bytes.
 */
#define DNS_QUERY_NO_SEARCH ...
#define DNS_NO_SEARCH ...
#ifdef LEPY_HAVE_DNS_QUERY_USEVC
#define DNS_QUERY_USEVC ...
#endif
#ifdef LEPY_HAVE_DNS_QUERY_IGNTC
#define DNS_QUERY_IGNTC ...
#endif
#ifdef LEPY_HAVE_DNS_CNAME_CALLBACK
#define DNS_CNAME_CALLBACK ...
#endif
#define DNS_IPv4_A ...
#define DNS_PTR ...
#define DNS_IPv6_AAAA ...
#ifdef LEPY_HAVE_DNS_CNAME
#define DNS_CNAME ...
#endif

typedef void (*evdns_callback_type)(
    int result, char type, int count, int ttl, void *addresses, void *arg);

struct evdns_request *evdns_base_resolve_ipv4(struct evdns_base *base, const char *name, int flags,
    evdns_callback_type callback, void *ptr);
struct evdns_request *evdns_base_resolve_ipv6(struct evdns_base *base, const char *name, int flags,
    evdns_callback_type callback, void *ptr);
struct evdns_request *evdns_base_resolve_reverse(struct evdns_base *base, const struct in_addr *in,
    int flags, evdns_callback_type callback, void *ptr);
struct evdns_request *evdns_base_resolve_reverse_ipv6(struct evdns_base *base,
    const struct in6_addr *in, int flags, evdns_callback_type callback, void *ptr);
/* The callback still comes, with DNS_ERR_CANCEL. */
void evdns_cancel_request(struct evdns_base *base, struct evdns_request *req);

/* The callback owns res, and may run before evdns_getaddrinfo returns NULL. */
struct evdns_getaddrinfo_request;
typedef void (*evdns_getaddrinfo_cb)(int result, struct evutil_addrinfo *res, void *arg);

struct evdns_getaddrinfo_request *evdns_getaddrinfo(struct evdns_base *dns_base,
    const char *nodename, const char *servname, const struct evutil_addrinfo *hints_in,
    evdns_getaddrinfo_cb cb, void *arg);
void evdns_getaddrinfo_cancel(struct evdns_getaddrinfo_request *req);
#ifdef LEPY_HAVE_evdns_cache_write
void evdns_cache_write(struct evdns_base *dns_base, char *nodename, struct evutil_addrinfo *res,
    int ttl);
#endif
#ifdef LEPY_HAVE_evdns_cache_lookup
int evdns_cache_lookup(struct evdns_base *base, const char *nodename, struct evutil_addrinfo *hints,
    ev_uint16_t port, struct evutil_addrinfo **res);
#endif

/* Answering questions */
#define EVDNS_ANSWER_SECTION ...
#define EVDNS_AUTHORITY_SECTION ...
#define EVDNS_ADDITIONAL_SECTION ...
#define EVDNS_TYPE_A ...
#define EVDNS_TYPE_NS ...
#define EVDNS_TYPE_CNAME ...
#define EVDNS_TYPE_SOA ...
#define EVDNS_TYPE_PTR ...
#define EVDNS_TYPE_MX ...
#define EVDNS_TYPE_TXT ...
#define EVDNS_TYPE_AAAA ...
#define EVDNS_QTYPE_AXFR ...
#define EVDNS_QTYPE_ALL ...
#define EVDNS_CLASS_INET ...
#define EVDNS_FLAGS_AA ...
#define EVDNS_FLAGS_RD ...

struct evdns_server_port;

/* dns_question_class is the header's macro for the field "class". The name runs
 * past its one declared byte: ffi.string(ffi.cast("char *", question.name)).
 */
struct evdns_server_question {
    int type;
    int dns_question_class;
    char name[1];
    ...;
};

struct evdns_server_request {
    int flags;
    int nquestions;
    struct evdns_server_question **questions;
    ...;
};

typedef void (*evdns_request_callback_fn_type)(struct evdns_server_request *, void *);

struct evdns_server_port *evdns_add_server_port_with_base(struct event_base *base,
    evutil_socket_t socket, int flags, evdns_request_callback_fn_type callback, void *user_data);
#ifdef LEPY_HAVE_evdns_add_server_port_with_listener
struct evdns_server_port *evdns_add_server_port_with_listener(struct event_base *base,
    struct evconnlistener *listener, int flags, evdns_request_callback_fn_type callback,
    void *user_data);
#endif
#ifdef LEPY_HAVE_evdns_server_port_set_option
enum evdns_server_option {
    EVDNS_SOPT_TCP_MAX_CLIENTS,
    EVDNS_SOPT_TCP_IDLE_TIMEOUT,
    ...
};
int evdns_server_port_set_option(struct evdns_server_port *port, enum evdns_server_option option,
    size_t value);
#endif
void evdns_close_server_port(struct evdns_server_port *port);

/* Adding a reply copies it. respond and drop take the request: not both, once. */
void evdns_server_request_set_flags(struct evdns_server_request *req, int flags);
int evdns_server_request_get_requesting_addr(struct evdns_server_request *req, struct sockaddr *sa,
    int addr_len);
int evdns_server_request_add_reply(struct evdns_server_request *req, int section, const char *name,
    int type, int dns_class, int ttl, int datalen, int is_name, const char *data);
int evdns_server_request_add_a_reply(struct evdns_server_request *req, const char *name, int n,
    const void *addrs, int ttl);
int evdns_server_request_add_aaaa_reply(struct evdns_server_request *req, const char *name, int n,
    const void *addrs, int ttl);
int evdns_server_request_add_ptr_reply(struct evdns_server_request *req, struct in_addr *in,
    const char *inaddr_name, const char *hostname, int ttl);
int evdns_server_request_add_cname_reply(struct evdns_server_request *req, const char *name,
    const char *cname, int ttl);
int evdns_server_request_respond(struct evdns_server_request *req, int err);
int evdns_server_request_drop(struct evdns_server_request *req);
