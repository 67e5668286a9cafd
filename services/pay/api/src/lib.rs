//! What the other services may ask of pay, and what a selling service answers to it.
