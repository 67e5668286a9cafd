//! The tables that every service's database holds.

diesel::table! {
    mutation_log (chain, seq) {
        chain -> Text,
        seq -> BigInt,
        logged_at -> BigInt,
        owner_did -> Text,
        action -> Text,
        object -> Text,
        body -> Nullable<Binary>,
        body_digest -> Binary,
        proof -> Text,
        prev_hash -> Binary,
        hash -> Binary,
        row_seal -> Binary,
    }
}

diesel::table! {
    mutation_heads (chain) {
        chain -> Text,
        seq -> BigInt,
        hash -> Binary,
        row_seal -> Binary,
    }
}

diesel::table! {
    mutation_checkpoints (chain, seq) {
        chain -> Text,
        seq -> BigInt,
        hash -> Binary,
        checked_at -> BigInt,
        node_did -> Text,
        signature -> Binary,
        row_seal -> Binary,
    }
}

diesel::table! {
    nonces (did, nonce) {
        did -> Text,
        nonce -> Text,
        created_at -> BigInt,
        expires_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    outbox (id) {
        id -> Text,
        topic -> Text,
        key -> Text,
        position -> BigInt,
        body -> Text,
        attempts -> Integer,
        created_at -> BigInt,
        due_at -> BigInt,
        done_at -> Nullable<BigInt>,
        last_error -> Nullable<Text>,
        row_seal -> Binary,
    }
}

diesel::table! {
    idempotency (owner_did, key) {
        owner_did -> Text,
        key -> Text,
        request_digest -> Binary,
        status -> Nullable<Integer>,
        body -> Nullable<Binary>,
        created_at -> BigInt,
        expires_at -> BigInt,
        row_seal -> Binary,
    }
}
