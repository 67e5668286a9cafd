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
