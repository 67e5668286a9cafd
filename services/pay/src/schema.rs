mod peers;

pub(crate) use peers::{payee_homes, pledges, remittance_legs, remittances_in, remittances_out, visa_captures, visas};

diesel::table! {
    checkouts (id) {
        id -> Text,
        rail -> Text,
        goods_kind -> Text,
        goods_id -> Text,
        owner_did -> Text,
        seller_did -> Text,
        title -> Text,
        asset -> Text,
        price -> BigInt,
        split_id -> Text,
        state -> Text,
        form_token -> Text,
        pay_url -> Text,
        success_url -> Text,
        cancel_url -> Text,
        expires_at -> BigInt,
        hold_id -> Nullable<Text>,
        message_id -> Nullable<Text>,
        rail_reference -> Nullable<Text>,
        receipt_id -> Nullable<Text>,
        paid_at -> Nullable<BigInt>,
        reason -> Nullable<Text>,
        failures -> Integer,
        created_at -> BigInt,
        updated_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    splits (id) {
        id -> Text,
        document -> Text,
        row_seal -> Binary,
    }
}

diesel::table! {
    rail_messages (id) {
        id -> Text,
        rail -> Text,
        event_id -> Text,
        body -> Binary,
        received_at -> BigInt,
        checkout_id -> Text,
        outcome -> Text,
        asset -> Text,
        amount -> BigInt,
        reference -> Text,
        occurred_at -> BigInt,
        result -> Text,
        processed_at -> Nullable<BigInt>,
        hold_id -> Nullable<Text>,
        refund_reference -> Nullable<Text>,
        row_seal -> Binary,
    }
}

diesel::table! {
    rail_payments (rail, reference) {
        rail -> Text,
        reference -> Text,
        message_id -> Text,
        checkout_id -> Text,
        asset -> Text,
        amount -> BigInt,
        fee -> Nullable<BigInt>,
        fee_known_at -> Nullable<BigInt>,
        passed_on -> Nullable<BigInt>,
        paid_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    disputes (rail, reference) {
        rail -> Text,
        reference -> Text,
        payment -> Text,
        checkout_id -> Text,
        asset -> Text,
        amount -> BigInt,
        taken -> BigInt,
        given_back -> Nullable<BigInt>,
        state -> Text,
        opened_at -> BigInt,
        closed_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    payees (rail, did) {
        rail -> Text,
        did -> Text,
        account -> Text,
        country -> Text,
        ready -> Bool,
        created_at -> BigInt,
        updated_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    payouts (id) {
        id -> Text,
        did -> Text,
        rail -> Text,
        account -> Text,
        asset -> Text,
        amount -> BigInt,
        created_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    payout_parts (payout_id, part) {
        payout_id -> Text,
        part -> BigInt,
        payment -> Text,
        amount -> BigInt,
        state -> Text,
        reference -> Nullable<Text>,
        reversed -> Nullable<BigInt>,
        problem -> Nullable<Text>,
        updated_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    receipts (id) {
        id -> Text,
        checkout_id -> Text,
        entry_id -> Text,
        payer_did -> Text,
        asset -> Text,
        gross -> BigInt,
        issued_at -> BigInt,
        document -> Text,
        row_seal -> Binary,
    }
}

diesel::table! {
    receipt_parties (did, receipt_id) {
        did -> Text,
        receipt_id -> Text,
    }
}

diesel::table! {
    sales_totals (asset) {
        asset -> Text,
        gross -> BigInt,
        receipts -> BigInt,
        refunds -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    contracts (owner_did, version) {
        owner_did -> Text,
        version -> BigInt,
        effective_at -> BigInt,
        received_at -> BigInt,
        document -> Text,
        row_seal -> Binary,
    }
}

diesel::table! {
    contract_flows (profile_did, label, recipient_did, asset) {
        profile_did -> Text,
        label -> Text,
        recipient_did -> Text,
        asset -> Text,
        total -> BigInt,
        waiting -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    held_shares (receipt_id, leg) {
        receipt_id -> Text,
        leg -> BigInt,
        manifest_id -> Text,
        payee_did -> Text,
        author_did -> Text,
        seller_did -> Text,
        asset -> Text,
        amount -> BigInt,
        held_since -> BigInt,
        held_until -> BigInt,
        state -> Text,
        to_did -> Nullable<Text>,
        outcome -> Nullable<Text>,
        ended_at -> Nullable<BigInt>,
        asked_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    fee_schedules (version) {
        version -> BigInt,
        effective_at -> BigInt,
        announced_at -> BigInt,
        owner_did -> Text,
        document -> Text,
        row_seal -> Binary,
    }
}

diesel::table! {
    solana_wallets (id) {
        id -> Text,
        address -> Text,
        sealed_key -> Binary,
        created_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    solana_records (kind, key) {
        kind -> Text,
        key -> Text,
        document -> Text,
        next_at -> Nullable<BigInt>,
        signed_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    payee_addresses (did) {
        did -> Text,
        address -> Text,
        document -> Text,
        bound_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    sales_days (day, asset) {
        day -> BigInt,
        asset -> Text,
        receipts -> BigInt,
        gross -> BigInt,
        payees -> BigInt,
        held -> BigInt,
        fees -> BigInt,
        rail_fees -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    rail_facts (rail, kind, reference) {
        rail -> Text,
        kind -> Text,
        reference -> Text,
        about -> Text,
        happened_at -> BigInt,
        asset -> Text,
        amount -> BigInt,
        extra -> Nullable<BigInt>,
        state -> Text,
        seen_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    rail_sums (rail, asset) {
        rail -> Text,
        asset -> Text,
        held -> BigInt,
        withdrawn -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    reconcile_rounds (scope) {
        scope -> Text,
        phase -> Text,
        cursor -> Nullable<Text>,
        since -> BigInt,
        started_at -> BigInt,
        finished_at -> Nullable<BigInt>,
        checked -> BigInt,
        problem -> Nullable<Text>,
        row_seal -> Binary,
    }
}

diesel::table! {
    differences (scope, subject, kind, first_seen_at) {
        scope -> Text,
        subject -> Text,
        kind -> Text,
        first_seen_at -> BigInt,
        last_seen_at -> BigInt,
        resolved_at -> Nullable<BigInt>,
        asset -> Nullable<Text>,
        expected -> Nullable<BigInt>,
        found -> Nullable<BigInt>,
        detail -> Text,
        row_seal -> Binary,
    }
}

diesel::table! {
    refunds (id) {
        id -> Text,
        checkout_id -> Text,
        receipt_id -> Text,
        seller_did -> Text,
        owner_did -> Text,
        rail -> Text,
        payment -> Text,
        asset -> Text,
        amount -> BigInt,
        reason -> Nullable<Text>,
        state -> Text,
        reference -> Nullable<Text>,
        problem -> Nullable<Text>,
        created_at -> BigInt,
        ended_at -> Nullable<BigInt>,
        document -> Nullable<Text>,
        row_seal -> Binary,
    }
}

diesel::table! {
    reversals (key) {
        key -> Text,
        checkout_id -> Text,
        asset -> Text,
        units -> BigInt,
        document -> Text,
        booked_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::allow_tables_to_appear_in_same_query!(receipts, receipt_parties);
diesel::allow_tables_to_appear_in_same_query!(held_shares, receipts, reversals);
diesel::allow_tables_to_appear_in_same_query!(refunds, receipt_parties);
diesel::allow_tables_to_appear_in_same_query!(payouts, payout_parts);
diesel::allow_tables_to_appear_in_same_query!(held_shares, visa_captures);
