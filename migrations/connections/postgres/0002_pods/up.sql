-- Named groups of people, and who is in them.

-- A pod stands within another of the same owner, or in none. `successor_did` is whom its owner offers it to.
CREATE TABLE pods (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    visibility TEXT NOT NULL,
    parent TEXT,
    owner_did TEXT NOT NULL,
    successor_did TEXT,
    proof TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    deleted_at BIGINT,
    row_seal BYTEA NOT NULL
);
CREATE INDEX pods_owner ON pods (owner_did, created_at);
CREATE INDEX pods_parent ON pods (parent);

-- Whoever was ever invited: without `joined_at` they have not accepted, with `ended_at` they are out again.
CREATE TABLE pod_members (
    pod TEXT COLLATE "C" NOT NULL,
    member_did TEXT COLLATE "C" NOT NULL,
    role TEXT NOT NULL,
    invited_by TEXT NOT NULL,
    proof TEXT NOT NULL,
    invited_at BIGINT NOT NULL,
    joined_at BIGINT,
    ended_at BIGINT,
    row_seal BYTEA NOT NULL,
    PRIMARY KEY (pod, member_did)
);
CREATE INDEX pod_members_person ON pod_members (member_did, pod);
CREATE INDEX pod_members_inviter ON pod_members (invited_by, invited_at);
