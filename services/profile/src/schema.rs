//! The tables of this service; nobody else can name them.

diesel::table! {
    profiles (did) {
        did -> Text,
        owner_did -> Text,
        handle -> Nullable<Text>,
        display_type -> Text,
        display_name -> Text,
        bio -> Nullable<Text>,
        links -> Text,
        contact -> Text,
        version -> BigInt,
        proof -> Text,
        created_at -> BigInt,
        updated_at -> BigInt,
        deleted_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    avatars (did) {
        did -> Text,
        owner_did -> Text,
        hash -> Text,
        large -> Binary,
        small -> Binary,
        proof -> Text,
        created_at -> BigInt,
        deleted_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    search_terms (term, did) {
        term -> Text,
        did -> Text,
        row_seal -> Binary,
    }
}
