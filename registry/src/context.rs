use std::sync::Arc;

use imajin_kernel::Env;
use imajin_store::{Sealer, mutation};

/// What every domain function may use besides its connection; cheap to clone.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) env: Env,
    pub(crate) sealer: Sealer,
    pub(crate) writer: mutation::Writer,
    /// The DNS zone beneath which names are given out.
    pub(crate) zone: Arc<str>,
}
