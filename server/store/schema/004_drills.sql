-- Migration 4.  Drills: orders that are never what is desired of a host.
-- plans.drill, orders.drill: 0, or the mode of order.proto.
ALTER TABLE plans ADD COLUMN drill_minutes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN drill INTEGER NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN drill_until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN counted BIGINT NOT NULL DEFAULT 0;
ALTER TABLE hosts ADD COLUMN drill_order TEXT NOT NULL DEFAULT '';
