/* event2/listener.h */
