//! Templates, styles and browser modules.
