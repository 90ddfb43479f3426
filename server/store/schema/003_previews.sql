-- Migration 3.  Which live flows a plan would cut, as hosts told it.
CREATE TABLE previews (
  preview_id TEXT PRIMARY KEY,
  host_id TEXT NOT NULL,
  plan_id TEXT NOT NULL DEFAULT '',
  profile INTEGER NOT NULL,
  asked_by TEXT NOT NULL,
  asked_at BIGINT NOT NULL,
  done_at BIGINT NOT NULL DEFAULT 0,
  cut INTEGER NOT NULL DEFAULT 0,
  kept INTEGER NOT NULL DEFAULT 0,
  partial INTEGER NOT NULL DEFAULT 0,
  flows TEXT NOT NULL DEFAULT '[]', -- JSON
  why TEXT NOT NULL DEFAULT ''
);
CREATE INDEX previews_plan ON previews (plan_id, host_id);
