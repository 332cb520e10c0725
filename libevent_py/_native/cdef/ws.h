/* event2/ws.h */
