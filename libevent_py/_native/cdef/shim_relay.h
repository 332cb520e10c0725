/* The C glue of relays (shim/relay*.c): what Relay calls. */

struct lepy_relay { uint64_t from_client; uint64_t from_server; ...; };

enum lepy_relay_reason {
	LEPY_RELAY_EOF, LEPY_RELAY_CLIENT_ERROR, LEPY_RELAY_SERVER_ERROR, LEPY_RELAY_IDLE, ...
};

struct lepy_relay *lepy_relay_new_sockets(struct lepy_delivery *, uint32_t slot, uint32_t generation,
	double idle_timeout);
int lepy_relay_start_sockets(struct lepy_relay *, evutil_socket_t client, evutil_socket_t server,
	struct lepy_bufferevent *client_bev, struct lepy_bufferevent *server_bev);
void lepy_relay_free_sockets(struct lepy_relay *);

struct lepy_relay *lepy_relay_new_bufferevents(struct lepy_delivery *, uint32_t slot, uint32_t generation,
	double idle_timeout, struct lepy_bufferevent *client, struct lepy_bufferevent *server);
int lepy_relay_start_bufferevents(struct lepy_relay *, int client_behind, int server_behind);
void lepy_relay_look(struct lepy_relay *, int side);
void lepy_relay_drop(struct lepy_relay *, int side);
void lepy_relay_free_bufferevents(struct lepy_relay *);
