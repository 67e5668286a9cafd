//! Promises of brokers, and what follows from them.

diesel::table! {
    visas (issuer, jti) {
        issuer -> Text,
        jti -> Text,
        agent -> Text,
        holder -> Text,
        asset -> Text,
        units_max -> BigInt,
        uses_max -> BigInt,
        units -> BigInt,
        uses -> BigInt,
        expires_at -> BigInt,
        created_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    visa_captures (checkout_id) {
        checkout_id -> Text,
        issuer -> Text,
        jti -> Text,
        receipt_id -> Text,
        asset -> Text,
        amount -> BigInt,
        claim_digest -> Text,
        state -> Text,
        reference -> Nullable<Text>,
        problem -> Nullable<Text>,
        created_at -> BigInt,
        accepted_at -> Nullable<BigInt>,
        ended_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    pledges (checkout_id, did, purpose) {
        checkout_id -> Text,
        did -> Text,
        purpose -> Text,
        asset -> Text,
        units -> BigInt,
        state -> Text,
        row_seal -> Binary,
    }
}
