//! The tables of auth; what each is for is said in the migration.

diesel::table! {
    identities (did) {
        did -> Text,
        public_key -> Binary,
        kind -> Text,
        handle -> Nullable<Text>,
        name -> Nullable<Text>,
        custody -> Text,
        recovery_key -> Nullable<Text>,
        owner_did -> Text,
        proof -> Text,
        created_at -> BigInt,
        deleted_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    identity_aliases (alias) {
        alias -> Text,
        did -> Text,
        created_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    mailbox_aliases (alias) {
        alias -> Text,
        did -> Text,
        mailbox -> Text,
        created_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    custodial_keys (did) {
        did -> Text,
        sealed_key -> Binary,
        created_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    session_keys (kid) {
        kid -> Text,
        purpose -> Text,
        public_key -> Binary,
        sealed_key -> Binary,
        created_at -> BigInt,
        retired_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    sessions (id) {
        id -> Text,
        did -> Text,
        method -> Text,
        client -> Nullable<Text>,
        created_at -> BigInt,
        expires_at -> BigInt,
        revoked_at -> Nullable<BigInt>,
        row_seal -> Binary,
        seen_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    challenge_uses (id) {
        id -> Text,
        did -> Text,
        used_at -> BigInt,
        expires_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    mailbox_proofs (id) {
        id -> Text,
        token_hash -> Text,
        mailbox -> Text,
        next_path -> Nullable<Text>,
        created_at -> BigInt,
        expires_at -> BigInt,
        used_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    development_mails (id) {
        id -> Text,
        recipient -> Text,
        sealed_message -> Binary,
        created_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    setup_tokens (token_hash) {
        token_hash -> Text,
        created_at -> BigInt,
        used_at -> Nullable<BigInt>,
        used_by -> Nullable<Text>,
        row_seal -> Binary,
    }
}

diesel::table! {
    node_roles (role) {
        role -> Text,
        did -> Text,
        owner_did -> Text,
        proof -> Text,
        created_at -> BigInt,
        deleted_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    attestations (id) {
        id -> Text,
        owner_did -> Text,
        subject_did -> Text,
        attestation_type -> Text,
        document -> Text,
        revocation -> Nullable<Text>,
        proof -> Text,
        created_at -> BigInt,
        deleted_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    identity_claims (soft_did) {
        soft_did -> Text,
        owner_did -> Text,
        proof -> Text,
        created_at -> BigInt,
        deleted_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::allow_tables_to_appear_in_same_query!(identities, identity_aliases);
diesel::allow_tables_to_appear_in_same_query!(identities, mailbox_aliases);
diesel::allow_tables_to_appear_in_same_query!(identities, sessions);
