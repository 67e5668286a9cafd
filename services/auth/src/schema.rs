//! The tables of auth; what each is for is said in the migration.

mod notice;

pub(crate) use notice::{notice_settings, notices};

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
        key_state -> Nullable<Text>,
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
    handles (handle) {
        handle -> Text,
        look -> Text,
        did -> Text,
        proof -> Text,
        taken_at -> BigInt,
        left_at -> Nullable<BigInt>,
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
        opened_by -> Nullable<Text>,
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
    key_log_entries (hash) {
        hash -> Text,
        did -> Text,
        seq -> BigInt,
        prev -> Nullable<Text>,
        kind -> Text,
        document -> Text,
        proof -> Text,
        accepted_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    key_log_receipts (entry, witness) {
        entry -> Text,
        witness -> Text,
        did -> Text,
        document -> Text,
        row_seal -> Binary,
    }
}

diesel::table! {
    mirrored_logs (did) {
        did -> Text,
        state -> Text,
        pin -> Nullable<Text>,
        source -> Nullable<Text>,
        proof -> Text,
        created_at -> BigInt,
        updated_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    devices (did, multikey) {
        did -> Text,
        multikey -> Text,
        name -> Nullable<Text>,
        added_at -> BigInt,
        last_used_at -> Nullable<BigInt>,
        removed_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    device_requests (id) {
        id -> Text,
        did -> Text,
        multikey -> Text,
        name -> Text,
        code -> Text,
        created_at -> BigInt,
        expires_at -> BigInt,
        outcome -> Nullable<Text>,
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

diesel::table! {
    oidc_keys (kid) {
        kid -> Text,
        algorithm -> Text,
        generation -> BigInt,
        public_jwk -> Text,
        sealed_key -> Binary,
        created_at -> BigInt,
        active_at -> BigInt,
        retires_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    oidc_clients (client_id) {
        client_id -> Text,
        name -> Text,
        auth_method -> Text,
        secret_hash -> Nullable<Text>,
        redirect_uris -> Text,
        logout_uris -> Text,
        algorithm -> Text,
        owner_did -> Text,
        proof -> Text,
        created_at -> BigInt,
        deleted_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    oidc_grants (id) {
        id -> Text,
        did -> Text,
        client_id -> Text,
        asked -> Text,
        scope -> Text,
        owner_did -> Text,
        proof -> Text,
        created_at -> BigInt,
        deleted_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    oidc_codes (code_hash) {
        code_hash -> Text,
        grant_id -> Text,
        did -> Text,
        client_id -> Text,
        session_id -> Text,
        redirect_uri -> Text,
        code_challenge -> Text,
        nonce -> Nullable<Text>,
        scope -> Text,
        auth_time -> BigInt,
        created_at -> BigInt,
        expires_at -> BigInt,
        used_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    oidc_tokens (token_hash) {
        token_hash -> Text,
        kind -> Text,
        family -> Text,
        grant_id -> Text,
        did -> Text,
        client_id -> Text,
        session_id -> Text,
        nonce -> Nullable<Text>,
        scope -> Text,
        auth_time -> BigInt,
        created_at -> BigInt,
        expires_at -> BigInt,
        used_at -> Nullable<BigInt>,
        revoked_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    federation_links (did) {
        did -> Text,
        home_did -> Text,
        home_url -> Text,
        owner_did -> Text,
        proof -> Text,
        created_at -> BigInt,
        deleted_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    passkeys (id) {
        id -> Text,
        did -> Text,
        name -> Text,
        public_key -> Binary,
        sign_count -> BigInt,
        owner_did -> Text,
        proof -> Text,
        created_at -> BigInt,
        used_at -> Nullable<BigInt>,
        deleted_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    moves (did) {
        did -> Text,
        to_did -> Text,
        to_url -> Text,
        message -> Text,
        owner_did -> Text,
        proof -> Text,
        created_at -> BigInt,
        deleted_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    peer_rules (name) {
        name -> Text,
        verdict -> Text,
        reason -> Nullable<Text>,
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
diesel::allow_tables_to_appear_in_same_query!(key_log_entries, key_log_receipts);
