-- Migration 1.  Subset shared by SQLite and PostgreSQL.  Times: wall ms.
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE hosts (
  host_id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  grp TEXT NOT NULL,
  tier INTEGER NOT NULL,
  service TEXT NOT NULL DEFAULT '',
  owner TEXT NOT NULL DEFAULT '',
  stage INTEGER NOT NULL DEFAULT 0,
  stage_since BIGINT NOT NULL DEFAULT 0,
  never_isolate INTEGER NOT NULL DEFAULT 0,
  drill_ok INTEGER NOT NULL DEFAULT 0,
  revoked INTEGER NOT NULL DEFAULT 0,
  enrolled_at BIGINT NOT NULL,
  last_seen BIGINT NOT NULL DEFAULT 0,
  online INTEGER NOT NULL DEFAULT 0,
  desired INTEGER NOT NULL DEFAULT 1,
  desired_order TEXT NOT NULL DEFAULT '',
  desired_epoch BIGINT NOT NULL DEFAULT 0,
  desired_at BIGINT NOT NULL DEFAULT 0,
  applied INTEGER NOT NULL DEFAULT 1,
  applied_order TEXT NOT NULL DEFAULT '',
  applied_at BIGINT NOT NULL DEFAULT 0,
  proven_order TEXT NOT NULL DEFAULT '',
  proven_at BIGINT NOT NULL DEFAULT 0,
  proven_ok INTEGER NOT NULL DEFAULT 0,
  proven_why TEXT NOT NULL DEFAULT '',
  witness_order TEXT NOT NULL DEFAULT '',
  witness_at BIGINT NOT NULL DEFAULT 0,
  witness_ok INTEGER NOT NULL DEFAULT 0,
  witness_by TEXT NOT NULL DEFAULT '',
  case_id TEXT NOT NULL DEFAULT '',
  manifest_id TEXT NOT NULL DEFAULT '',
  signals_committed BIGINT NOT NULL DEFAULT 0,
  signals_chain BLOB,
  agent_version TEXT NOT NULL DEFAULT '',
  kernel TEXT NOT NULL DEFAULT '',
  boot_id TEXT NOT NULL DEFAULT '',
  machine_id TEXT NOT NULL DEFAULT '',
  addresses TEXT NOT NULL DEFAULT '',
  readiness TEXT NOT NULL DEFAULT '[]',
  heartbeat TEXT NOT NULL DEFAULT '{}',
  cert_serial TEXT NOT NULL DEFAULT '',
  cert_not_after BIGINT NOT NULL DEFAULT 0,
  review_by BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE certs (
  serial TEXT PRIMARY KEY,
  owner TEXT NOT NULL,          -- host id or operator name
  kind TEXT NOT NULL,           -- agent, operator, server
  sha256 TEXT NOT NULL,
  issued_at BIGINT NOT NULL,
  not_after BIGINT NOT NULL,
  revoked_at BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE tokens (
  token_sha256 TEXT PRIMARY KEY, -- the token itself is never stored
  kind TEXT NOT NULL,            -- agent, operator
  grp TEXT NOT NULL,
  tier INTEGER NOT NULL DEFAULT 2,
  operator TEXT NOT NULL DEFAULT '',
  uses_left INTEGER NOT NULL,
  expires_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE TABLE operators (
  name TEXT PRIMARY KEY,
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  disabled INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE operator_roles (
  operator TEXT NOT NULL,
  role INTEGER NOT NULL,
  grp TEXT NOT NULL,             -- '*': all groups
  PRIMARY KEY (operator, role, grp)
);

-- seq is the order of arrival: batches of one host lie together.
CREATE TABLE signals (
  seq INTEGER PRIMARY KEY,
  host_id TEXT NOT NULL,
  number BIGINT NOT NULL,
  at BIGINT NOT NULL,            -- host's clock
  stored_at BIGINT NOT NULL,     -- ours
  kind TEXT NOT NULL,
  severity INTEGER NOT NULL,
  object TEXT NOT NULL,
  text TEXT NOT NULL,
  cause_id TEXT NOT NULL,
  cause TEXT NOT NULL,           -- JSON
  evidence TEXT NOT NULL,        -- JSON
  chain BLOB NOT NULL,
  score INTEGER NOT NULL DEFAULT 0,
  decision TEXT NOT NULL DEFAULT '', -- JSON: what policy did and why
  case_id TEXT NOT NULL DEFAULT ''
);
CREATE INDEX signals_host ON signals (host_id, seq);
CREATE INDEX signals_object ON signals (object, kind);

CREATE TABLE signal_gaps (
  host_id TEXT NOT NULL,
  first BIGINT NOT NULL,
  last BIGINT NOT NULL,
  found_at BIGINT NOT NULL,
  PRIMARY KEY (host_id, first)
);

CREATE TABLE cases (
  case_id TEXT PRIMARY KEY,
  title TEXT NOT NULL,
  state INTEGER NOT NULL,
  opened_at BIGINT NOT NULL,
  opened_by TEXT NOT NULL,
  closed_at BIGINT NOT NULL DEFAULT 0,
  outcome TEXT NOT NULL DEFAULT '',
  drill INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE case_hosts (
  case_id TEXT NOT NULL,
  host_id TEXT NOT NULL,
  added_at BIGINT NOT NULL,
  added_by TEXT NOT NULL,
  PRIMARY KEY (case_id, host_id)
);
CREATE TABLE case_facts (        -- recorded times, who recorded each
  case_id TEXT NOT NULL,
  fact TEXT NOT NULL,
  at BIGINT NOT NULL,
  recorded_by TEXT NOT NULL,
  recorded_at BIGINT NOT NULL,
  PRIMARY KEY (case_id, fact)
);

CREATE TABLE plans (
  plan_id TEXT PRIMARY KEY,
  action INTEGER NOT NULL,
  profile INTEGER NOT NULL,
  state INTEGER NOT NULL,
  origin INTEGER NOT NULL,
  case_id TEXT NOT NULL,
  reason TEXT NOT NULL,
  requester TEXT NOT NULL,
  digest TEXT NOT NULL,          -- hex SHA-256 of the canonical text
  approvals_needed INTEGER NOT NULL,
  owner_needed INTEGER NOT NULL DEFAULT 0,
  review_seconds BIGINT NOT NULL DEFAULT 0,
  drill INTEGER NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  applied_at BIGINT NOT NULL DEFAULT 0,
  applied_by TEXT NOT NULL DEFAULT '',
  why TEXT NOT NULL DEFAULT ''   -- score and reasons, or the rule
);
CREATE TABLE plan_hosts (
  plan_id TEXT NOT NULL,
  host_id TEXT NOT NULL,
  order_id TEXT NOT NULL DEFAULT '',
  refused TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (plan_id, host_id)
);
CREATE TABLE approvals (
  plan_id TEXT NOT NULL,
  digest TEXT NOT NULL,
  approver TEXT NOT NULL,
  verdict TEXT NOT NULL,         -- approve, deny
  reason TEXT NOT NULL DEFAULT '',
  at BIGINT NOT NULL,
  PRIMARY KEY (plan_id, approver)
);

CREATE TABLE orders (
  order_id TEXT PRIMARY KEY,
  host_id TEXT NOT NULL,
  epoch BIGINT NOT NULL,
  plan_id TEXT NOT NULL,
  case_id TEXT NOT NULL,
  profile INTEGER NOT NULL,
  state INTEGER NOT NULL,
  signed BLOB NOT NULL,          -- packed SignedOrder
  secret BLOB,                   -- of commit-confirm; cleared when used
  created_at BIGINT NOT NULL,
  sent_at BIGINT NOT NULL DEFAULT 0,
  answered_at BIGINT NOT NULL DEFAULT 0, -- newest word of the agent
  applied_at BIGINT NOT NULL DEFAULT 0,  -- first time in force
  proven_at BIGINT NOT NULL DEFAULT 0,
  deliver_before BIGINT NOT NULL DEFAULT 0,
  took_us BIGINT NOT NULL DEFAULT 0,
  tries INTEGER NOT NULL DEFAULT 0,
  why TEXT NOT NULL DEFAULT '',
  ruleset_digest TEXT NOT NULL DEFAULT ''
);
CREATE INDEX orders_host ON orders (host_id, epoch);

CREATE TABLE proofs (
  seq INTEGER PRIMARY KEY,
  host_id TEXT NOT NULL,
  order_id TEXT NOT NULL,
  at BIGINT NOT NULL,
  stored_at BIGINT NOT NULL,
  ok INTEGER NOT NULL,
  detail TEXT NOT NULL           -- JSON of Proof
);
CREATE INDEX proofs_host ON proofs (host_id, seq);

CREATE TABLE evidence (
  evidence_id TEXT PRIMARY KEY,
  case_id TEXT NOT NULL,
  host_id TEXT NOT NULL,
  kind TEXT NOT NULL,            -- snapshot, waiver
  sha256 TEXT NOT NULL,
  at BIGINT NOT NULL,
  added_by TEXT NOT NULL,
  text TEXT NOT NULL DEFAULT ''
);

CREATE TABLE manifests (
  manifest_id TEXT PRIMARY KEY,
  host_id TEXT NOT NULL,
  asked_by TEXT NOT NULL,
  asked_at BIGINT NOT NULL,
  done_at BIGINT NOT NULL DEFAULT 0,
  sha256 TEXT NOT NULL DEFAULT '',
  signature BLOB,
  why TEXT NOT NULL DEFAULT ''
);

-- Content of evidence and manifests, in the pieces it came in.
CREATE TABLE blob_parts (
  blob_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  data BLOB NOT NULL,
  PRIMARY KEY (blob_id, seq)
);

CREATE TABLE runs (              -- of the gate or of one re-check
  run_id TEXT PRIMARY KEY,
  host_id TEXT NOT NULL,
  case_id TEXT NOT NULL,
  kind TEXT NOT NULL,            -- gate, probation, check
  asked_by TEXT NOT NULL,
  asked_at BIGINT NOT NULL,
  done_at BIGINT NOT NULL DEFAULT 0,
  outcome INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE run_checks (
  run_id TEXT NOT NULL,
  check_id TEXT NOT NULL,
  must INTEGER NOT NULL,
  outcome INTEGER NOT NULL DEFAULT 0,
  text TEXT NOT NULL DEFAULT '',
  findings TEXT NOT NULL DEFAULT '[]',
  at BIGINT NOT NULL DEFAULT 0,
  waived_by TEXT NOT NULL DEFAULT '',
  waiver TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (run_id, check_id)
);

CREATE TABLE rechecks (          -- the schedule of a probation
  host_id TEXT NOT NULL,
  probation BIGINT NOT NULL,     -- its start, names the probation
  name TEXT NOT NULL,            -- h1, h4, ...
  due_at BIGINT NOT NULL,
  run_id TEXT NOT NULL DEFAULT '',
  state TEXT NOT NULL DEFAULT 'due', -- due, running, passed, failed, missed
  PRIMARY KEY (host_id, probation, name)
);

CREATE TABLE audit (
  number BIGINT PRIMARY KEY,
  line TEXT NOT NULL,            -- canonical JSON, as exported
  hash TEXT NOT NULL             -- hex SHA-256(previous hash || line)
);
CREATE TABLE audit_heads (
  number BIGINT PRIMARY KEY,
  hash TEXT NOT NULL,
  signature BLOB NOT NULL,
  at BIGINT NOT NULL
);
