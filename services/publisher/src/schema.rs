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

diesel::table! {
    gate_charges (id) {
        id -> Text,
        site -> Text,
        agent -> Text,
        agent_did -> Text,
        url -> Text,
        purpose -> Text,
        fair_id -> Nullable<Text>,
        seller_did -> Text,
        asset -> Text,
        price -> BigInt,
        claim_digest -> Text,
        visa_digest -> Text,
        retry_key -> Nullable<Text>,
        state -> Text,
        refusal -> Nullable<Text>,
        checkout_id -> Nullable<Text>,
        receipt_id -> Nullable<Text>,
        paid_at -> Nullable<BigInt>,
        created_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    gate_chains (site) {
        site -> Text,
        base_seq -> BigInt,
        base_hash -> Text,
        seq -> BigInt,
        hash -> Text,
        head -> Text,
        updated_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    gate_heads (site, seq) {
        site -> Text,
        seq -> BigInt,
        head -> Text,
        row_seal -> Binary,
    }
}

diesel::table! {
    gate_records (site, seq) {
        site -> Text,
        seq -> BigInt,
        at -> BigInt,
        agent -> Nullable<Text>,
        thumbprint -> Nullable<Text>,
        url -> Text,
        purpose -> Nullable<Text>,
        visitor -> Text,
        refusal -> Nullable<Text>,
        reason -> Text,
        claim_digest -> Nullable<Text>,
        asset -> Nullable<Text>,
        paid -> Nullable<BigInt>,
        receipt -> Nullable<Text>,
        status -> BigInt,
        is_dry -> Bool,
        version -> Nullable<BigInt>,
        binding -> Nullable<Text>,
        visa_broker -> Nullable<Text>,
        visa_id -> Nullable<Text>,
        visa_bearer -> Nullable<Bool>,
        hash -> Text,
        row_seal -> Binary,
    }
}

diesel::table! {
    gate_claims (access_id) {
        access_id -> Text,
        site -> Text,
        payload -> Text,
        signature -> Text,
        public_key -> Text,
        broker -> Nullable<Text>,
        created_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    gate_feedback (access_id) {
        access_id -> Text,
        site -> Text,
        agent -> Text,
        url -> Text,
        broker -> Text,
        digest -> Text,
        document -> Text,
        state -> Text,
        reason -> Nullable<Text>,
        tries -> BigInt,
        due_at -> BigInt,
        said_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    gate_disputes (broker, id) {
        broker -> Text,
        id -> Text,
        site -> Text,
        access_id -> Text,
        agent -> Text,
        url -> Text,
        asset -> Text,
        amount -> BigInt,
        score -> Text,
        reason -> Text,
        state -> Text,
        ruled_by -> Nullable<Text>,
        ruling -> Nullable<Text>,
        is_answered -> Bool,
        said_at -> BigInt,
        seen_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::allow_tables_to_appear_in_same_query!(works, work_versions, work_accesses);
diesel::joinable!(work_versions -> works (content_id));
diesel::joinable!(work_accesses -> works (content_id));
