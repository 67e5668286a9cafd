//! Payment rails behind one trait; the sandbox is always there.
