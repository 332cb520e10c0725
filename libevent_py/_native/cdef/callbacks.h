/* Every function that C calls in Python; _delivery.py defines them. */

extern "Python+C" uint32_t lepy_deliver(void *python, int64_t token);
