-- Migration 5.  What happens at review; numbers as ReviewThen of order.proto.
ALTER TABLE plans ADD COLUMN review_then INTEGER NOT NULL DEFAULT 1;
ALTER TABLE orders ADD COLUMN review_then INTEGER NOT NULL DEFAULT 1;
