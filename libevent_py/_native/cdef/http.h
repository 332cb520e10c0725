/* event2/http.h */
