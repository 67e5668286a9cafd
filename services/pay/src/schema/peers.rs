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

diesel::table! {
    payee_homes (did) {
        did -> Text,
        node_did -> Text,
        node_url -> Text,
        bound_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    remittances_out (id) {
        id -> Text,
        node_did -> Text,
        node_url -> Text,
        issuer -> Text,
        asset -> Text,
        amount -> BigInt,
        state -> Text,
        document -> Text,
        receipt -> Nullable<Text>,
        problem -> Nullable<Text>,
        created_at -> BigInt,
        transferred_at -> Nullable<BigInt>,
        ended_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    remittances_in (from_did, id) {
        from_did -> Text,
        id -> Text,
        issuer -> Text,
        asset -> Text,
        amount -> BigInt,
        state -> Text,
        document -> Text,
        receipt -> Nullable<Text>,
        problem -> Nullable<Text>,
        received_at -> BigInt,
        ended_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    remittance_legs (from_did, remittance_id, did) {
        from_did -> Text,
        remittance_id -> Text,
        did -> Text,
        asset -> Text,
        units -> BigInt,
        row_seal -> Binary,
    }
}

diesel::allow_tables_to_appear_in_same_query!(visa_captures, pledges);
