/* event2/rpc.h and event2/rpc_struct.h
 *
 * The EVRPC_* and EVTAG_* macros generate C code and have no place here;
 * evrpc_register_generic and evrpc_send_request_generic do without them.
 */

struct evrpc_base;
struct evrpc_pool;
struct evrpc_req_generic;
struct evrpc_request_wrapper;

#define EVRPC_STATUS_ERR_NONE ...
#define EVRPC_STATUS_ERR_TIMEOUT ...
#define EVRPC_STATUS_ERR_BADPAYLOAD ...
#define EVRPC_STATUS_ERR_UNSTARTED ...
#define EVRPC_STATUS_ERR_HOOKABORTED ...

struct evrpc_status {
    int error;
    struct evhttp_request *http_req;
    ...;
};

/* For evrpc_register_rpc, which keeps it: evrpc_unregister_rpc frees it and its
 * uri, so both must be malloc's. evrpc_register_generic makes one by itself.
 */
struct evrpc {
    const char *uri;
    void *(*request_new)(void *);
    void *request_new_arg;
    void (*request_free)(void *);
    int (*request_unmarshal)(void *, struct evbuffer *);
    void *(*reply_new)(void *);
    void *reply_new_arg;
    void (*reply_free)(void *);
    int (*reply_complete)(void *);
    void (*reply_marshal)(struct evbuffer *, void *);
    ...;
};

/* Server */
struct evrpc_base *evrpc_init(struct evhttp *server);
void evrpc_free(struct evrpc_base *base);
int evrpc_register_rpc(struct evrpc_base *, struct evrpc *, void (*)(struct evrpc_req_generic *,
    void *), void *);
int evrpc_register_generic(struct evrpc_base *base, const char *name,
    void (*callback)(struct evrpc_req_generic *, void *), void *cbarg, void *(*req_new)(void *),
    void *req_new_arg, void (*req_free)(void *), int (*req_unmarshal)(void *, struct evbuffer *),
    void *(*rpl_new)(void *), void *rpl_new_arg, void (*rpl_free)(void *),
    int (*rpl_complete)(void *), void (*rpl_marshal)(struct evbuffer *, void *));
int evrpc_unregister_rpc(struct evrpc_base *base, const char *name);
void *evrpc_get_request(struct evrpc_req_generic *req);
void *evrpc_get_reply(struct evrpc_req_generic *req);
void evrpc_request_done(struct evrpc_req_generic *req);

/* Client; a pool owns the connections that it is given. */
struct evrpc_pool *evrpc_pool_new(struct event_base *base);
void evrpc_pool_free(struct evrpc_pool *pool);
void evrpc_pool_add_connection(struct evrpc_pool *pool, struct evhttp_connection *evcon);
void evrpc_pool_remove_connection(struct evrpc_pool *pool, struct evhttp_connection *evcon);
void evrpc_pool_set_timeout(struct evrpc_pool *pool, int timeout_in_secs);

int evrpc_make_request(struct evrpc_request_wrapper *ctx);
struct evrpc_request_wrapper *evrpc_make_request_ctx(struct evrpc_pool *pool, void *request,
    void *reply, const char *rpcname, void (*req_marshal)(struct evbuffer *, void *),
    void (*rpl_clear)(void *), int (*rpl_unmarshal)(void *, struct evbuffer *),
    void (*cb)(struct evrpc_status *, void *, void *, void *), void *cbarg);
int evrpc_send_request_generic(struct evrpc_pool *pool, void *request, void *reply,
    void (*cb)(struct evrpc_status *, void *, void *, void *), void *cb_arg, const char *rpcname,
    void (*req_marshal)(struct evbuffer *, void *), void (*rpl_clear)(void *),
    int (*rpl_unmarshal)(void *, struct evbuffer *));
struct evrpc_pool *evrpc_request_get_pool(struct evrpc_request_wrapper *ctx);
void evrpc_request_set_pool(struct evrpc_request_wrapper *ctx, struct evrpc_pool *pool);
void evrpc_request_set_cb(struct evrpc_request_wrapper *ctx, void (*cb)(struct evrpc_status *,
    void *request, void *reply, void *arg), void *cb_arg);

/* Hooks, on a base or a pool alike */
enum EVRPC_HOOK_TYPE {
    EVRPC_INPUT,
    EVRPC_OUTPUT,
    ...
};

enum EVRPC_HOOK_RESULT {
    EVRPC_TERMINATE,
    EVRPC_CONTINUE,
    EVRPC_PAUSE,
    ...
};

void *evrpc_add_hook(void *vbase, enum EVRPC_HOOK_TYPE hook_type, int (*cb)(void *,
    struct evhttp_request *, struct evbuffer *, void *), void *cb_arg);
int evrpc_remove_hook(void *vbase, enum EVRPC_HOOK_TYPE hook_type, void *handle);
int evrpc_resume_request(void *vbase, void *ctx, enum EVRPC_HOOK_RESULT res);
int evrpc_hook_find_meta(void *ctx, const char *key, void **data, size_t *data_size);
struct evhttp_connection *evrpc_hook_get_connection(void *ctx);
/* Later than 2.2.1-alpha it returns int, -1 for want of memory; void fits all. */
void evrpc_hook_add_meta(void *ctx, const char *key, const void *data, size_t data_size);
