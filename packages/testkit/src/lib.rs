//! What the tests share: databases, clocks, whole nodes, a real browser.
