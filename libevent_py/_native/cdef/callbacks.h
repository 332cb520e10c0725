/* Every function that C calls in Python; _delivery.py, _callbacks.py and
 * _filter_callbacks.py define them. */

extern "Python+C" void lepy_deliver(void *python, int token);
extern "Python" void lepy_buffer_changed(struct evbuffer *, const struct evbuffer_cb_info *, void *changes);
extern "Python+C" int lepy_filter_process(void *python, int outward, struct evbuffer *source,
    struct evbuffer *target, int mode);
