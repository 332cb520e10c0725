/* Our own C helpers of the raw layer: shim/raw.h has the words. */

int lepy_evbuffer_add_vprintf(struct evbuffer *, const char *fmt, ...);
int lepy_evutil_vsnprintf(char *buf, size_t size, const char *fmt, ...);
int lepy_evutil_timercmp(const struct timeval *, const struct timeval *);

void lepy_evkeyvalq_init(struct evkeyvalq *);
struct evkeyval *lepy_evkeyvalq_first(const struct evkeyvalq *);
struct evkeyval *lepy_evkeyvalq_next(const struct evkeyval *);

enum evhttp_request_kind lepy_evhttp_request_get_kind(const struct evhttp_request *);
int lepy_evhttp_request_get_major(const struct evhttp_request *);
int lepy_evhttp_request_get_minor(const struct evhttp_request *);
int lepy_evhttp_request_get_chunked(const struct evhttp_request *);
const char *lepy_evhttp_request_get_remote_host(const struct evhttp_request *);
ev_uint16_t lepy_evhttp_request_get_remote_port(const struct evhttp_request *);
