//! The tables of this service; nobody else can name them.

diesel::table! {
    nodes (node_did) {
        node_did -> Text,
        public_key -> Binary,
        hostname -> Text,
        services -> Text,
        capabilities -> Text,
        node_type -> Nullable<Text>,
        version -> Text,
        build_hash -> Text,
        source_commit -> Text,
        attested_ms -> BigInt,
        owner_did -> Text,
        proof -> Text,
        created_at -> BigInt,
        updated_at -> BigInt,
        expires_at -> BigInt,
        revoked_at -> Nullable<BigInt>,
        revoked_reason -> Nullable<Text>,
        deleted_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    node_names (name) {
        name -> Text,
        node_did -> Text,
        claimed_at -> BigInt,
        held_until -> BigInt,
        skeleton -> Text,
        row_seal -> Binary,
    }
}

diesel::table! {
    node_liveness (node_did) {
        node_did -> Text,
        last_heartbeat_at -> Nullable<BigInt>,
        heartbeat_ms -> Nullable<BigInt>,
        heartbeat -> Nullable<Text>,
        status -> Text,
        status_since -> BigInt,
        status_seq -> BigInt,
        status_due_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
}

diesel::table! {
    node_status_changes (node_did, seq) {
        node_did -> Text,
        seq -> BigInt,
        status -> Text,
        changed_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    dns_names (name) {
        name -> Text,
        node_did -> Text,
        addresses -> Text,
        challenges -> Text,
        withdrawn_at -> Nullable<BigInt>,
        revision -> BigInt,
        published -> Nullable<Text>,
        published_revision -> BigInt,
        published_at -> Nullable<BigInt>,
        last_error -> Nullable<Text>,
        username -> Text,
        password_digest -> Binary,
        issued_at -> BigInt,
        asked_ms -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    directory_entries (node_did) {
        node_did -> Text,
        bucket -> BigInt,
        entry -> Nullable<Text>,
        digest -> Binary,
        seq -> BigInt,
        is_changed -> Bool,
        row_seal -> Binary,
    }
}

diesel::table! {
    directory_buckets (bucket) {
        bucket -> BigInt,
        digest -> Binary,
        nodes -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    directory_heads (seq) {
        seq -> BigInt,
        head -> Text,
        signed_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    directory_shown (seq) {
        seq -> BigInt,
        head -> Text,
        source -> Text,
        seen_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    mirrors (registry_did) {
        registry_did -> Text,
        url -> Text,
        head -> Nullable<Text>,
        seq -> BigInt,
        checked_at -> BigInt,
        problem -> Nullable<Text>,
        row_seal -> Binary,
    }
}

diesel::table! {
    mirror_entries (registry_did, node_did) {
        registry_did -> Text,
        node_did -> Text,
        bucket -> BigInt,
        entry -> Nullable<Text>,
        digest -> Binary,
        seq -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    mirror_heads (registry_did, seq) {
        registry_did -> Text,
        seq -> BigInt,
        head -> Text,
        row_seal -> Binary,
    }
}

diesel::table! {
    mirror_lies (registry_did, seq) {
        registry_did -> Text,
        seq -> BigInt,
        proof -> Text,
        source -> Text,
        found_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    build_rules (build_hash) {
        build_hash -> Text,
        standing -> Text,
        target_version -> Nullable<Text>,
        reason -> Text,
        owner_did -> Text,
        created_at -> BigInt,
        updated_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    release_keys (public_key) {
        public_key -> Text,
        name -> Text,
        owner_did -> Text,
        created_at -> BigInt,
        retired_at -> Nullable<BigInt>,
        retired_reason -> Nullable<Text>,
        row_seal -> Binary,
    }
}

diesel::table! {
    releases (digest) {
        digest -> Text,
        release_key -> Text,
        version -> Text,
        document -> Text,
        created_at -> BigInt,
        row_seal -> Binary,
    }
}

diesel::table! {
    release_builds (build_hash, digest) {
        build_hash -> Text,
        digest -> Text,
        target -> Text,
        row_seal -> Binary,
    }
}

diesel::joinable!(release_builds -> releases (digest));
diesel::joinable!(releases -> release_keys (release_key));
diesel::allow_tables_to_appear_in_same_query!(release_builds, releases, release_keys);
diesel::joinable!(directory_entries -> nodes (node_did));
diesel::joinable!(dns_names -> nodes (node_did));
diesel::joinable!(node_liveness -> nodes (node_did));
diesel::joinable!(mirror_entries -> mirrors (registry_did));
diesel::allow_tables_to_appear_in_same_query!(mirrors, mirror_entries);
diesel::allow_tables_to_appear_in_same_query!(nodes, node_liveness, node_names, dns_names, directory_entries);
