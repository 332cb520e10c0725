/* event2/thread.h */
