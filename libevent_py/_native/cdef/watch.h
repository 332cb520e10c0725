/* event2/watch.h */
