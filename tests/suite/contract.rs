//! All RPCs at once.

mod access_matrix;
mod health;
mod raw;
mod reflection;
mod tokens;
