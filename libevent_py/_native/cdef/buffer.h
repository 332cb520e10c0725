/* event2/buffer.h */

struct evbuffer;

struct evbuffer *evbuffer_new(void);
void evbuffer_free(struct evbuffer *buf);
size_t evbuffer_get_length(const struct evbuffer *buf);
size_t evbuffer_get_contiguous_space(const struct evbuffer *buf);

/* Locks and flags */
#define EVBUFFER_FLAG_DRAINS_TO_FD ...

int evbuffer_enable_locking(struct evbuffer *buf, void *lock);
void evbuffer_lock(struct evbuffer *buf);
void evbuffer_unlock(struct evbuffer *buf);
int evbuffer_set_flags(struct evbuffer *buf, ev_uint64_t flags);
int evbuffer_clear_flags(struct evbuffer *buf, ev_uint64_t flags);
int evbuffer_freeze(struct evbuffer *buf, int at_front);
int evbuffer_unfreeze(struct evbuffer *buf, int at_front);
int evbuffer_defer_callbacks(struct evbuffer *buffer, struct event_base *base);

/* Data in and out, by copy */
int evbuffer_add(struct evbuffer *buf, const void *data, size_t datlen);
int evbuffer_prepend(struct evbuffer *buf, const void *data, size_t size);
int evbuffer_expand(struct evbuffer *buf, size_t datlen);
int evbuffer_remove(struct evbuffer *buf, void *data, size_t datlen);
ev_ssize_t evbuffer_copyout(struct evbuffer *buf, void *data_out, size_t datlen);
int evbuffer_drain(struct evbuffer *buf, size_t len);
/* The variable arguments must be typed cdata: ffi.cast("int", 3). */
int evbuffer_add_printf(struct evbuffer *buf, const char *fmt, ...);
/* Moves, does not copy. */
int evbuffer_add_buffer(struct evbuffer *outbuf, struct evbuffer *inbuf);
int evbuffer_prepend_buffer(struct evbuffer *dst, struct evbuffer *src);
int evbuffer_remove_buffer(struct evbuffer *src, struct evbuffer *dst, size_t datlen);
/* The pointer is the buffer's, good until the buffer changes; size -1 means all. */
unsigned char *evbuffer_pullup(struct evbuffer *buf, ev_ssize_t size);

enum evbuffer_eol_style {
    EVBUFFER_EOL_ANY,
    EVBUFFER_EOL_CRLF,
    EVBUFFER_EOL_CRLF_STRICT,
    EVBUFFER_EOL_LF,
    EVBUFFER_EOL_NUL,
    ...
};

/* The line is the caller's: free. */
char *evbuffer_readln(struct evbuffer *buffer, size_t *n_read_out,
    enum evbuffer_eol_style eol_style);

/* Positions: meaningless after any change of the buffer. */
enum evbuffer_ptr_how {
    EVBUFFER_PTR_SET,
    EVBUFFER_PTR_ADD,
    ...
};

struct evbuffer_ptr {
    ev_ssize_t pos;
    ...;
};

int evbuffer_ptr_set(struct evbuffer *buffer, struct evbuffer_ptr *ptr, size_t position,
    enum evbuffer_ptr_how how);
struct evbuffer_ptr evbuffer_search(struct evbuffer *buffer, const char *what, size_t len,
    const struct evbuffer_ptr *start);
struct evbuffer_ptr evbuffer_search_range(struct evbuffer *buffer, const char *what, size_t len,
    const struct evbuffer_ptr *start, const struct evbuffer_ptr *end);
struct evbuffer_ptr evbuffer_search_eol(struct evbuffer *buffer, struct evbuffer_ptr *start,
    size_t *eol_len_out, enum evbuffer_eol_style eol_style);
ev_ssize_t evbuffer_copyout_from(struct evbuffer *buf, const struct evbuffer_ptr *pos,
    void *data_out, size_t datlen);

/* The buffer's memory itself, without copies */
struct evbuffer_iovec {
    void *iov_base;
    size_t iov_len;
    ...;
};

int evbuffer_peek(struct evbuffer *buffer, ev_ssize_t len, struct evbuffer_ptr *start_at,
    struct evbuffer_iovec *vec_out, int n_vec);
int evbuffer_reserve_space(struct evbuffer *buf, ev_ssize_t size, struct evbuffer_iovec *vec,
    int n_vec);
int evbuffer_commit_space(struct evbuffer *buf, struct evbuffer_iovec *vec, int n_vecs);
size_t evbuffer_add_iovec(struct evbuffer *buffer, struct evbuffer_iovec *vec, int n_vec);
int evbuffer_add_buffer_reference(struct evbuffer *outbuf, struct evbuffer *inbuf);

/* The data must stay valid until the cleanup is called, which may happen in
 * another thread or during evbuffer_free.
 */
typedef void (*evbuffer_ref_cleanup_cb)(const void *data, size_t datalen, void *extra);

int evbuffer_add_reference(struct evbuffer *outbuf, const void *data, size_t datlen,
    evbuffer_ref_cleanup_cb cleanupfn, void *cleanupfn_arg);
#ifdef LEPY_HAVE_evbuffer_add_reference_with_offset
int evbuffer_add_reference_with_offset(struct evbuffer *outbuf, const void *data, size_t offset,
    size_t datlen, evbuffer_ref_cleanup_cb cleanupfn, void *cleanupfn_arg);
#endif

/* Files: the descriptor belongs to the buffer or segment from here on, closed
 * with it if so flagged (evbuffer_add_file always closes).
 */
#define EVBUF_FS_CLOSE_ON_FREE ...
#define EVBUF_FS_DISABLE_MMAP ...
#define EVBUF_FS_DISABLE_SENDFILE ...
#define EVBUF_FS_DISABLE_LOCKING ...

struct evbuffer_file_segment;
typedef void (*evbuffer_file_segment_cleanup_cb)(
    const struct evbuffer_file_segment *, int flags, void *arg);

int evbuffer_add_file(struct evbuffer *outbuf, int fd, ev_off_t offset, ev_off_t length);
struct evbuffer_file_segment *evbuffer_file_segment_new(int fd, ev_off_t offset, ev_off_t length,
    unsigned flags);
void evbuffer_file_segment_free(struct evbuffer_file_segment *seg);
void evbuffer_file_segment_add_cleanup_cb(struct evbuffer_file_segment *seg,
    evbuffer_file_segment_cleanup_cb cb, void *arg);
int evbuffer_add_file_segment(struct evbuffer *buf, struct evbuffer_file_segment *seg,
    ev_off_t offset, ev_off_t length);

/* Descriptors: -1 on error, with errno. */
int evbuffer_read(struct evbuffer *buffer, evutil_socket_t fd, int howmuch);
int evbuffer_write(struct evbuffer *buffer, evutil_socket_t fd);
int evbuffer_write_atmost(struct evbuffer *buffer, evutil_socket_t fd, ev_ssize_t howmuch);
#ifdef LEPY_HAVE_evbuffer_set_max_read
int evbuffer_set_max_read(struct evbuffer *buf, size_t max);
#endif
#ifdef LEPY_HAVE_evbuffer_get_max_read
size_t evbuffer_get_max_read(struct evbuffer *buf);
#endif

/* Being told of changes */
#define EVBUFFER_CB_ENABLED ...

struct evbuffer_cb_info {
    size_t orig_size;
    size_t n_added;
    size_t n_deleted;
    ...;
};

struct evbuffer_cb_entry;
typedef void (*evbuffer_cb_func)(struct evbuffer *, const struct evbuffer_cb_info *, void *arg);

struct evbuffer_cb_entry *evbuffer_add_cb(struct evbuffer *buffer, evbuffer_cb_func cb,
    void *cbarg);
int evbuffer_remove_cb_entry(struct evbuffer *buffer, struct evbuffer_cb_entry *ent);
int evbuffer_remove_cb(struct evbuffer *buffer, evbuffer_cb_func cb, void *cbarg);
int evbuffer_cb_set_flags(struct evbuffer *buffer, struct evbuffer_cb_entry *cb, ev_uint32_t flags);
int evbuffer_cb_clear_flags(struct evbuffer *buffer, struct evbuffer_cb_entry *cb,
    ev_uint32_t flags);
