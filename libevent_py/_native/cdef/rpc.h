/* event2/rpc.h */
