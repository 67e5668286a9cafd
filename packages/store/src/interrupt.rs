use std::fmt;
use std::sync::Arc;

use imajin_kernel::Problem;

type Hook<Step> = Arc<dyn Fn(Step) -> Result<(), Problem> + Send + Sync>;

/// Stops the work of a service between two durable steps, as a power cut would. Never set outside tests.
#[derive(Clone)]
pub struct Interrupt<Step>(Option<Hook<Step>>);

impl<Step> Interrupt<Step> {
    /// Asks `hook` at each step; when it refuses, the work stops there.
    pub fn new(hook: impl Fn(Step) -> Result<(), Problem> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hook)))
    }

    /// Called by the service when a step is done.
    ///
    /// # Errors
    /// What the hook refuses with; without one, nothing is refused.
    pub fn at(&self, step: Step) -> Result<(), Problem> {
        self.0.as_ref().map_or(Ok(()), |hook| hook(step))
    }
}

impl<Step> Default for Interrupt<Step> {
    fn default() -> Self {
        Self(None)
    }
}

impl<Step> fmt::Debug for Interrupt<Step> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "Interrupt(set)"
        } else {
            "Interrupt(none)"
        })
    }
}
