/* A native library with an event loop of somebody else's: hiredis, attached by
 * its own libevent adapter to the event_base that Python made. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hiredis/adapters/libevent.h>

struct redis_client {
	redisAsyncContext *context; /* hiredis's own; NULL once it is disconnected */
	int connected;
	int replies;
	int errors;
	int wake_fd;     /* gets a byte for each reply; Python's */
	char last[64];   /* text of the last reply */
};

static void
on_connect(const redisAsyncContext *context, int status)
{
	struct redis_client *client = context->data;

	client->connected = status == REDIS_OK;
	client->errors += status != REDIS_OK;
}

/* hiredis frees its context after this. */
static void
on_disconnect(const redisAsyncContext *context, int status)
{
	struct redis_client *client = context->data;

	(void)status;
	client->connected = 0;
	client->context = NULL;
}

static void
on_reply(redisAsyncContext *context, void *answer, void *unused)
{
	struct redis_client *client = context->data;
	const redisReply *reply = answer;

	(void)unused;
	if (!reply || reply->type == REDIS_REPLY_ERROR) {
		client->errors++;
		return;
	}
	client->replies++;
	client->last[0] = '\0';
	if (reply->str)
		strncat(client->last, reply->str, sizeof client->last - 1);
	if (write(client->wake_fd, "r", 1) != 1)
		client->errors++;
}

/* Called by the test: connects in base's loop.  The client is the caller's,
 * the base and wake_fd are borrowed. */
struct redis_client *
redis_client_new(struct event_base *base, const char *path, int wake_fd)
{
	struct redis_client *client = calloc(1, sizeof *client);

	if (!client)
		return NULL;
	client->wake_fd = wake_fd;
	client->context = redisAsyncConnectUnix(path);
	if (!client->context || client->context->err || redisLibeventAttach(client->context, base) != REDIS_OK) {
		free(client);
		return NULL;
	}
	client->context->data = client;
	redisAsyncSetConnectCallback(client->context, on_connect);
	redisAsyncSetDisconnectCallback(client->context, on_disconnect);
	return client;
}

/* Called by the test, from Python callbacks too: sends command, answered in the loop. */
int
redis_client_command(struct redis_client *client, const char *command)
{
	return client->context ? redisAsyncCommand(client->context, on_reply, NULL, command) : REDIS_ERR;
}

/* Called by the test: hangs up once all is answered. */
void
redis_client_disconnect(struct redis_client *client)
{
	if (client->context)
		redisAsyncDisconnect(client->context);
}

/* Called by the test when the loop has ended; the base must still be there. */
void
redis_client_free(struct redis_client *client)
{
	if (client->context)
		redisAsyncFree(client->context);
	free(client);
}

/* Called by the test: a loop that C drives. */
int
redis_client_dispatch(struct event_base *base)
{
	return event_base_dispatch(base);
}

/* Called by the test: which libevent this library is linked with. */
const void *
redis_client_libevent(void)
{
	return (const void *)event_get_version();
}
