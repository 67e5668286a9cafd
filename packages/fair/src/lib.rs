//! The .fair manifest: who made a work, what each is due, and what may be done with it.
