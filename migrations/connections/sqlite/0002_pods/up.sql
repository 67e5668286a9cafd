-- Named groups of people, and who is in them.

-- A pod stands within another of the same owner, or in none. `successor_did` is whom its owner offers it to.
CREATE TABLE pods (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    visibility TEXT NOT NULL,
    parent TEXT,
    owner_did TEXT NOT NULL,
    successor_did TEXT,
    proof TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER,
    row_seal BLOB NOT NULL
) STRICT;
CREATE INDEX pods_owner ON pods (owner_did, created_at);
CREATE INDEX pods_parent ON pods (parent);

-- Whoever was ever invited: without `joined_at` they have not accepted, with `ended_at` they are out again.
CREATE TABLE pod_members (
    pod TEXT NOT NULL,
    member_did TEXT NOT NULL,
    role TEXT NOT NULL,
    invited_by TEXT NOT NULL,
    proof TEXT NOT NULL,
    invited_at INTEGER NOT NULL,
    joined_at INTEGER,
    ended_at INTEGER,
    row_seal BLOB NOT NULL,
    PRIMARY KEY (pod, member_did)
) STRICT;
CREATE INDEX pod_members_person ON pod_members (member_did, pod);
CREATE INDEX pod_members_inviter ON pod_members (invited_by, invited_at);
