/* event2/shim.h */
