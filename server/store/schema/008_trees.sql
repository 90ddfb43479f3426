-- Migration 8.  Manifests of single trees: tree '' is a whole host's.
-- state, of trees: asked, waiting, signed, older, retired, failed.
ALTER TABLE manifests ADD COLUMN tree TEXT NOT NULL DEFAULT '';
ALTER TABLE manifests ADD COLUMN grp TEXT NOT NULL DEFAULT ''; -- signed for it
ALTER TABLE manifests ADD COLUMN state TEXT NOT NULL DEFAULT '';
ALTER TABLE manifests ADD COLUMN version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE manifests ADD COLUMN size BIGINT NOT NULL DEFAULT 0;
ALTER TABLE manifests ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE manifests ADD COLUMN head BLOB; -- packed TreeHead
ALTER TABLE manifests ADD COLUMN signed_by TEXT NOT NULL DEFAULT '';
ALTER TABLE manifests ADD COLUMN signed_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE manifests ADD COLUMN retired_by TEXT NOT NULL DEFAULT '';
ALTER TABLE manifests ADD COLUMN retired_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX manifests_tree ON manifests (tree, version);
CREATE INDEX manifests_host ON manifests (host_id, state);
