//! The tables of this service; nobody else can name them.

diesel::table! {
    events (id) {
        id -> Text,
        did -> Text,
        owner_did -> Text,
        status -> Text,
        title -> Text,
        description -> Text,
        starts_at -> BigInt,
        ends_at -> BigInt,
        timezone -> Text,
        venue -> Nullable<Text>,
        address -> Nullable<Text>,
        virtual_url -> Nullable<Text>,
        tags -> Text,
        refund_policy -> Nullable<Text>,
        manifest_id -> Text,
        manifest -> Text,
        sealed_key -> Binary,
        proof -> Text,
        created_at -> BigInt,
        updated_at -> BigInt,
        published_at -> Nullable<BigInt>,
        deleted_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    tiers (id) {
        id -> Text,
        event_id -> Text,
        position -> BigInt,
        name -> Text,
        description -> Text,
        price_micros -> BigInt,
        asset -> Text,
        quantity -> Nullable<BigInt>,
        per_order_limit -> BigInt,
        sales_start -> Nullable<BigInt>,
        sales_end -> Nullable<BigInt>,
        perks -> Text,
        sold -> BigInt,
        held -> BigInt,
        gross_micros -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    acceptances (event_id, did) {
        event_id -> Text,
        did -> Text,
        manifest_id -> Text,
        document -> Text,
        created_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    orders (id) {
        id -> Text,
        event_id -> Text,
        tier_id -> Text,
        buyer_did -> Text,
        quantity -> BigInt,
        unit_micros -> BigInt,
        total_micros -> BigInt,
        asset -> Text,
        state -> Text,
        hold_expires_at -> BigInt,
        checkout_id -> Nullable<Text>,
        checkout_url -> Nullable<Text>,
        receipt_id -> Nullable<Text>,
        reason -> Nullable<Text>,
        proof -> Text,
        created_at -> BigInt,
        updated_at -> BigInt,
        deleted_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    tickets (id) {
        id -> Text,
        event_id -> Text,
        tier_id -> Text,
        order_id -> Text,
        ordinal -> BigInt,
        holder_did -> Text,
        status -> Text,
        receipt_id -> Text,
        document -> Text,
        qr -> Text,
        issued_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::joinable!(tiers -> events (event_id));
diesel::allow_tables_to_appear_in_same_query!(events, tiers);
