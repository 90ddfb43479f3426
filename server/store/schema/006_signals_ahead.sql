-- Migration 6.  Severe signals that were stored before their turn, until it
-- comes; and an index for what a host did of late.
CREATE TABLE signals_ahead (
  host_id TEXT NOT NULL,
  number BIGINT NOT NULL,
  chain BLOB NOT NULL,
  PRIMARY KEY (host_id, number)
);
CREATE INDEX signals_late ON signals (host_id, stored_at, kind, severity);
