/* Every function that C calls in Python; _delivery.py and _callbacks.py define them. */

extern "Python+C" uint32_t lepy_deliver(void *python, int64_t token);
extern "Python" void lepy_buffer_changed(struct evbuffer *, const struct evbuffer_cb_info *, void *changes);
