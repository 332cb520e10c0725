/* event2/types.h */
