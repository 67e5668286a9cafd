//! What people are told by mail, and whether they want that.

diesel::table! {
    notices (id) {
        id -> Text,
        source -> Text,
        did -> Text,
        mailbox -> Text,
        subject -> Text,
        body -> Text,
        link -> Text,
        state -> Text,
        attempts -> Integer,
        problem -> Nullable<Text>,
        created_at -> BigInt,
        due_at -> BigInt,
        ended_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    notice_settings (did) {
        did -> Text,
        mail -> Text,
        owner_did -> Text,
        proof -> Text,
        created_at -> BigInt,
        deleted_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}
