//! The manifest and the planner, tested through their public API.

#[cfg(test)]
mod acceptance;
#[cfg(test)]
mod commits;
#[cfg(test)]
mod distribution;
#[cfg(test)]
mod distribution_laws;
#[cfg(test)]
mod explain;
#[cfg(test)]
mod foreign;
#[cfg(test)]
mod import;
#[cfg(test)]
mod lineage;
#[cfg(test)]
mod manifest;
#[cfg(test)]
mod plan;
#[cfg(test)]
mod plan_laws;
#[cfg(test)]
mod plan_oracle;
#[cfg(test)]
mod record;
#[cfg(test)]
mod signature;
#[cfg(test)]
mod support;
