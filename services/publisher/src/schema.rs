//! The tables of this service; nobody else can name them.

diesel::table! {
    manifests (id) {
        id -> Text,
        digest -> Text,
        author_did -> Text,
        title -> Nullable<Text>,
        kind -> Nullable<Text>,
        document -> Text,
        published_by -> Nullable<Text>,
        proof -> Nullable<Text>,
        source_url -> Nullable<Text>,
        created_at -> BigInt,
        checked_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    statements (manifest_id, kind, did) {
        manifest_id -> Text,
        kind -> Text,
        did -> Text,
        document -> Text,
        created_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    works (id) {
        id -> Text,
        owner_did -> Text,
        state -> Text,
        latest -> BigInt,
        current -> Nullable<BigInt>,
        proof -> Text,
        created_at -> BigInt,
        updated_at -> BigInt,
        published_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    work_versions (content_id, number) {
        content_id -> Text,
        number -> BigInt,
        owner_did -> Text,
        manifest_id -> Text,
        manifest_digest -> Text,
        title -> Text,
        summary -> Text,
        preview -> Text,
        format -> Text,
        media_type -> Text,
        file_name -> Text,
        sha256 -> Text,
        size -> BigInt,
        asset -> Nullable<Text>,
        price -> Nullable<BigInt>,
        proof -> Text,
        created_at -> BigInt,
        stored_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    work_accesses (content_id, checkout_id) {
        content_id -> Text,
        checkout_id -> Text,
        reader_did -> Text,
        receipt_id -> Text,
        asset -> Text,
        gross -> BigInt,
        paid_at -> BigInt,
        refusal -> Nullable<Text>,
        revoked_at -> Nullable<BigInt>,
        revoked_because -> Nullable<Text>,
        created_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::allow_tables_to_appear_in_same_query!(works, work_versions, work_accesses);
diesel::joinable!(work_versions -> works (content_id));
diesel::joinable!(work_accesses -> works (content_id));
