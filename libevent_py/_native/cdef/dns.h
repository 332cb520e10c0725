/* event2/dns.h */
