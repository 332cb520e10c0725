/* event2/tag.h */
