//! Every command form with its value, what is refused, and what no input may do.

mod accepted;
mod refused;
