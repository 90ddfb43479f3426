-- Migration 2.  When the host last said how ready it is; 0: never.
ALTER TABLE hosts ADD COLUMN readiness_at BIGINT NOT NULL DEFAULT 0;
