/* event2/bufferevent_ssl.h */
