//! The HTTP shell: problem documents, extractors, signed requests, limits, API description, metrics and the outgoing clients.
