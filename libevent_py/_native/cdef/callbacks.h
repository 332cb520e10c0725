/* event2/callbacks.h */
