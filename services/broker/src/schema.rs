//! The tables of this service; nobody else can name them.

diesel::table! {
    accounts (did) {
        did -> Text,
        owner_did -> Text,
        agent_id -> Text,
        contact -> Nullable<Text>,
        created_at -> BigInt,
        deleted_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    deposits (id) {
        id -> Text,
        owner_did -> Text,
        agent_did -> Text,
        asset -> Text,
        amount -> BigInt,
        state -> Text,
        checkout_id -> Nullable<Text>,
        receipt_id -> Nullable<Text>,
        created_at -> BigInt,
        ended_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    visas (jti) {
        jti -> Text,
        agent_did -> Text,
        publisher -> Text,
        holder -> Text,
        asset -> Text,
        max_micros -> BigInt,
        uses -> BigInt,
        purpose -> Nullable<Text>,
        hold_id -> Text,
        state -> Text,
        request_key -> Nullable<Text>,
        request_digest -> Text,
        redeemed_micros -> BigInt,
        redeemed_uses -> BigInt,
        credited_micros -> BigInt,
        returned_micros -> Nullable<BigInt>,
        created_at -> BigInt,
        expires_at -> BigInt,
        closes_at -> BigInt,
        closed_at -> Nullable<BigInt>,
        reversed_micros -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    redemptions (jti, receipt) {
        jti -> Text,
        receipt -> Text,
        id -> Text,
        node_did -> Text,
        asset -> Text,
        amount -> BigInt,
        claim_digest -> Text,
        state -> Text,
        created_at -> BigInt,
        due_at -> BigInt,
        ended_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    disputes (id) {
        id -> Text,
        jti -> Text,
        receipt -> Text,
        agent_did -> Text,
        node_did -> Text,
        asset -> Text,
        amount -> BigInt,
        url -> Text,
        score -> Text,
        reason -> Text,
        said_digest -> Text,
        state -> Text,
        answer -> Nullable<Text>,
        answer_digest -> Nullable<Text>,
        is_shown -> Bool,
        ruled_by -> Nullable<Text>,
        ruling -> Nullable<Text>,
        created_at -> BigInt,
        answered_at -> Nullable<BigInt>,
        due_at -> BigInt,
        ended_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    transfers (reference) {
        reference -> Text,
        from_did -> Text,
        to_did -> Text,
        asset -> Text,
        amount -> BigInt,
        created_at -> BigInt,
        booked_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    publishers (host) {
        host -> Text,
        did -> Text,
        checked_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    signing_keys (kid) {
        kid -> Text,
        public_jwk -> Text,
        sealed_key -> Binary,
        generation -> BigInt,
        created_at -> BigInt,
        active_at -> BigInt,
        retires_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::allow_tables_to_appear_in_same_query!(disputes, redemptions, visas);
