//! The tables of this service; nobody else can name them.

diesel::table! {
    leaders (owner_did) {
        owner_did -> Text,
        document -> Text,
        proof -> Text,
        created_at -> BigInt,
        updated_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    documents (id) {
        id -> Text,
        owner_did -> Text,
        title -> Text,
        media_type -> Text,
        sha256 -> Text,
        size -> BigInt,
        content -> Binary,
        manifest_id -> Text,
        manifest -> Text,
        proof -> Text,
        created_at -> BigInt,
        deleted_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    grants (digest) {
        digest -> Text,
        owner_did -> Text,
        document -> Text,
        proof -> Text,
        created_at -> BigInt,
        revocation -> Nullable<Text>,
        revoked_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    profiles (owner_did) {
        owner_did -> Text,
        document -> Text,
        proof -> Text,
        created_at -> BigInt,
        updated_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    uses (id) {
        id -> Text,
        owner_did -> Text,
        asker_did -> Text,
        receipt -> Text,
        evidence -> Text,
        home -> Nullable<Text>,
        created_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    records (digest) {
        digest -> Text,
        owner_did -> Text,
        subject_did -> Text,
        node_did -> Text,
        read_from -> Nullable<Text>,
        document -> Text,
        proof -> Text,
        created_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    readings (owner_did, asker_did) {
        owner_did -> Text,
        asker_did -> Text,
        home -> Text,
        read_at -> Nullable<BigInt>,
        problem -> Nullable<Text>,
        updated_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    quotes (id) {
        id -> Text,
        owner_did -> Text,
        leader_did -> Text,
        query_sha256 -> Text,
        tokens_max -> BigInt,
        asset -> Text,
        ceiling -> BigInt,
        proof -> Text,
        created_at -> BigInt,
        expires_at -> BigInt,
        question_id -> Nullable<Text>,
        row_seal -> Binary,
    }
}

diesel::table! {
    questions (id) {
        id -> Text,
        owner_did -> Text,
        leader_did -> Text,
        idempotency_key -> Text,
        body_sha256 -> Text,
        query_sha256 -> Text,
        quote_id -> Nullable<Text>,
        tokens_max -> BigInt,
        asset -> Text,
        ceiling -> BigInt,
        evidence -> Text,
        state -> Text,
        checkout_id -> Nullable<Text>,
        receipt_id -> Nullable<Text>,
        answer -> Nullable<Text>,
        fee -> Nullable<BigInt>,
        failure -> Nullable<Text>,
        created_at -> BigInt,
        deadline_at -> BigInt,
        updated_at -> BigInt,
        row_seal -> Binary,
    }
}
