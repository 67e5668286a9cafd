//! The imajin binary: composes the services, and the command line.
