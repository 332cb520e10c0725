/* A C program that owns the event loop and lets Python take part in it.
 *
 *     host [plugin]
 *
 * The module plugin has start(address), which gets the event_base's address as
 * an int, and stop().  Both run in the loop's thread. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdio.h>

#include <event2/event.h>
#include <event2/thread.h>

#define TICKS_WITH_PYTHON 6
#define TICKS_ALONE 2

struct host {
	struct event_base *base;
	struct event *timer;
	int ticks;
	int last_tick; /* at which the loop ends */
};

/* libevent's callback of the host's own timer. */
static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct host *host = arg;

	(void)fd;
	(void)what;
	printf("C tick %d\n", ++host->ticks);
	fflush(stdout);
	if (host->ticks == host->last_tick)
		event_base_loopexit(host->base, NULL);
}

/* Called by main: the base and the timer, freed by host_close. */
static int
host_open(struct host *host)
{
	static const struct timeval interval = { 0, 10000 };

	/* Before the base is made: Python's other threads may wake the loop. */
	if (evthread_use_pthreads() < 0)
		return -1;
	host->base = event_base_new();
	if (!host->base)
		return -1;
	host->timer = event_new(host->base, -1, EV_PERSIST, on_tick, host);
	return host->timer ? event_add(host->timer, &interval) : -1;
}

/* Called by main, last of all. */
static void
host_close(struct host *host)
{
	if (host->timer)
		event_free(host->timer);
	if (host->base)
		event_base_free(host->base);
}

/* Called by main: a function of the plugin with an address, or without where
 * it is NULL.  Prints what it raises; the plugin stays the caller's. */
static int
call(PyObject *plugin, const char *name, void *address)
{
	PyObject *number = address ? PyLong_FromVoidPtr(address) : NULL;
	PyObject *function = PyObject_GetAttrString(plugin, name);
	PyObject *result = function ? PyObject_CallFunctionObjArgs(function, number, NULL) : NULL;

	if (!result)
		PyErr_Print();
	Py_XDECREF(number);
	Py_XDECREF(function);
	Py_XDECREF(result);
	return result ? 0 : -1;
}

/* Called by main: runs the loop with Python in it. */
static int
run_with_python(struct host *host, const char *name)
{
	PyThreadState *state;
	PyObject *plugin = PyImport_ImportModule(name);
	int result;

	if (!plugin) {
		PyErr_Print();
		return -1;
	}
	result = call(plugin, "start", host->base);
	if (result == 0) {
		/* Python's threads run while the loop waits; its callbacks
		 * take the interpreter lock by themselves. */
		state = PyEval_SaveThread();
		result = event_base_dispatch(host->base) < 0 ? -1 : 0;
		PyEval_RestoreThread(state);
	}
	if (call(plugin, "stop", NULL) < 0)
		result = -1;
	Py_DECREF(plugin);
	return result;
}

int
main(int argc, char **argv)
{
	struct host host = { NULL, NULL, 0, TICKS_WITH_PYTHON };
	int failed = host_open(&host) < 0;

	if (!failed) {
		Py_Initialize();
		failed = run_with_python(&host, argc > 1 ? argv[1] : "plugin") < 0;
		failed |= Py_FinalizeEx() < 0;
		printf("Python is gone\n");
		/* The base is the host's: it goes on without Python. */
		host.last_tick = host.ticks + TICKS_ALONE;
		failed |= event_base_dispatch(host.base) < 0;
	}
	host_close(&host);
	printf("%s\n", failed ? "failed" : "bye");
	return failed;
}
