//! The tables of this service; nobody else can name them.

diesel::table! {
    statements (id) {
        id -> Text,
        digest -> Text,
        kind -> Text,
        owner_did -> Text,
        subject_did -> Text,
        number -> BigInt,
        expires_at -> Nullable<BigInt>,
        document -> Text,
        acceptance -> Nullable<Text>,
        revocation -> Nullable<Text>,
        replaced_by -> Nullable<Text>,
        invite -> Nullable<Text>,
        tie -> Nullable<Text>,
        seq -> BigInt,
        proof -> Text,
        created_at -> BigInt,
        accepted_at -> Nullable<BigInt>,
        deleted_at -> Nullable<BigInt>,
        row_seal -> Binary,
        brought_by -> Nullable<Text>,
    }
}

diesel::table! {
    ties (statement) {
        statement -> Text,
        kind -> Text,
        from_did -> Text,
        to_did -> Text,
        number -> BigInt,
        expires_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    sequences (name) {
        name -> Text,
        seq -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    blocks (owner_did, blocked_did) {
        owner_did -> Text,
        blocked_did -> Text,
        proof -> Text,
        created_at -> BigInt,
        deleted_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    audiences (did) {
        did -> Text,
        owner_did -> Text,
        audience -> Text,
        proof -> Text,
        created_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    invites (id) {
        id -> Text,
        key -> Text,
        owner_did -> Text,
        document -> Text,
        note -> Nullable<Text>,
        uses -> BigInt,
        uses_max -> BigInt,
        expires_at -> BigInt,
        proof -> Text,
        created_at -> BigInt,
        deleted_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    pods (id) {
        id -> Text,
        name -> Text,
        kind -> Text,
        visibility -> Text,
        parent -> Nullable<Text>,
        owner_did -> Text,
        successor_did -> Nullable<Text>,
        proof -> Text,
        created_at -> BigInt,
        deleted_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    pod_members (pod, member_did) {
        pod -> Text,
        member_did -> Text,
        role -> Text,
        invited_by -> Text,
        proof -> Text,
        invited_at -> BigInt,
        joined_at -> Nullable<BigInt>,
        ended_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::allow_tables_to_appear_in_same_query!(pods, pod_members);
