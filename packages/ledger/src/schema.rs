diesel::table! {
    ledger_accounts (id) {
        id -> Text,
        owner -> Text,
        asset -> Text,
        purpose -> Text,
        balance -> BigInt,
        legs -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
        limited_at -> Nullable<BigInt>,
        balance_min -> Nullable<BigInt>,
        balance_max -> Nullable<BigInt>,
        entry_max -> Nullable<BigInt>,
        day_max -> Nullable<BigInt>,
        day -> Nullable<BigInt>,
        day_out -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    ledger_entries (chain, seq) {
        chain -> Text,
        seq -> BigInt,
        id -> Text,
        kind -> Text,
        key -> Text,
        reference -> Text,
        hold_id -> Nullable<Text>,
        legs -> Text,
        content_digest -> Binary,
        posted_at -> BigInt,
        prev_hash -> Binary,
        hash -> Binary,
    }
}

diesel::table! {
    ledger_lines (account_id, account_seq) {
        account_id -> Text,
        account_seq -> BigInt,
        chain -> Text,
        entry_seq -> BigInt,
        leg -> Integer,
    }
}

diesel::table! {
    ledger_holds (id) {
        id -> Text,
        account_id -> Text,
        source_id -> Text,
        owner -> Text,
        asset -> Text,
        amount -> BigInt,
        captured -> BigInt,
        released -> BigInt,
        state -> Text,
        reference -> Text,
        expires_at -> Nullable<BigInt>,
        created_at -> BigInt,
        updated_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    ledger_heads (chain) {
        chain -> Text,
        seq -> BigInt,
        hash -> Binary,
        row_seal -> Binary,
    }
}

diesel::table! {
    ledger_checkpoints (chain, seq) {
        chain -> Text,
        seq -> BigInt,
        hash -> Binary,
        checked_at -> BigInt,
        node_did -> Text,
        signature -> Binary,
        row_seal -> Binary,
    }
}

diesel::table! {
    ledger_trees (chain, last_seq) {
        chain -> Text,
        last_seq -> BigInt,
        first_seq -> BigInt,
        document -> Text,
        row_seal -> Binary,
    }
}

diesel::allow_tables_to_appear_in_same_query!(ledger_entries, ledger_lines);
