/* event2/bufferevent.h */
