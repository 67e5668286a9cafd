//! Which builds run, as the nodes report it.

use diesel::dsl::count_star;
use diesel::prelude::*;
use imajin_store::Conn;

use crate::RegistryError;
use crate::context::Context;
use crate::schema::nodes;

/// Builds in a list at most, the most used first.
const BUILDS_MAX: i64 = 100;

/// A build that at least one registered node has attested.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub(crate) struct ReportedBuild {
    pub(crate) build_hash: String,
    pub(crate) version: String,
    pub(crate) nodes: i64,
}

/// The builds of the nodes whose registration is current.
pub(crate) fn build_list(conn: &mut Conn, context: &Context) -> Result<Vec<ReportedBuild>, RegistryError> {
    Ok(nodes::table
        .filter(nodes::deleted_at.is_null())
        .filter(nodes::revoked_at.is_null())
        .filter(nodes::expires_at.gt(context.env.now()))
        .group_by((nodes::build_hash, nodes::version))
        .order_by((count_star().desc(), nodes::build_hash, nodes::version))
        .limit(BUILDS_MAX)
        .select((nodes::build_hash, nodes::version, count_star()))
        .load(conn)?)
}

/// How many nodes with a current registration report a build.
pub(crate) fn build_count(
    conn: &mut Conn,
    context: &Context,
    build_hash: &str,
    version: &str,
) -> Result<i64, RegistryError> {
    Ok(nodes::table
        .filter(nodes::deleted_at.is_null())
        .filter(nodes::revoked_at.is_null())
        .filter(nodes::expires_at.gt(context.env.now()))
        .filter(nodes::build_hash.eq(build_hash))
        .filter(nodes::version.eq(version))
        .count()
        .get_result(conn)?)
}
