-- Migration 7.  Sweeps: what was asked of the fleet, what each host said.
CREATE TABLE sweeps (
  sweep_id TEXT PRIMARY KEY,
  kind INTEGER NOT NULL,         -- sweep_kind
  what TEXT NOT NULL,            -- as sweep_parse wrote it
  selector TEXT NOT NULL,        -- which hosts, in words
  reason TEXT NOT NULL,
  case_id TEXT NOT NULL DEFAULT '',
  asked_by TEXT NOT NULL,
  asked_at BIGINT NOT NULL,
  until BIGINT NOT NULL          -- later answers are dropped
);
CREATE INDEX sweeps_asked ON sweeps (asked_at);
CREATE TABLE sweep_hosts (
  sweep_id TEXT NOT NULL,
  host_id TEXT NOT NULL,
  state INTEGER NOT NULL,        -- sweep_state
  sent_at BIGINT NOT NULL DEFAULT 0,
  done_at BIGINT NOT NULL DEFAULT 0,
  total BIGINT NOT NULL DEFAULT 0,
  found TEXT NOT NULL DEFAULT '[]', -- JSON
  cover TEXT NOT NULL DEFAULT '{}', -- JSON
  why TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (sweep_id, host_id)
);
CREATE INDEX sweep_hosts_open ON sweep_hosts (host_id, done_at);
ALTER TABLE hosts ADD COLUMN answers TEXT NOT NULL DEFAULT '';
