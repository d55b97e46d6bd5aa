//! One HTTP listener: what mail clients ask to configure themselves.
